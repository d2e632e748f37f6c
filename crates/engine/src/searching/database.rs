//! The search in PostgreSQL: its scores choose, the sealed originals decide.
//!
//! With `slack` the most by which a score of the database can be wrong ([`Turn::slack`]): whoever scores there more than
//! twice that below the last of the wanted is not among them, because those wanted score at least that less one slack,
//! and he at most one slack more than the database says. Everybody else is opened and compared in 64 bits.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use gallery::{Hit, Search, Unlisted};
use store::{FaceGroup, FaceQuery, FaceRow, FaceScope, FoundFace, TemplateRow, Tx};
use types::{LastFour, PayerId, Score, Template};

use super::{Among, Ask, Chosen, Faces, Turn, coarse, is_live, ranking, status};
use crate::engine::{Engine, region};

/// Fetched beyond those who are wanted, so that one question is nearly always enough.
const SPARE: usize = 8;
/// Rows of a transaction that writes many: few, so that payments hardly wait.
const BATCH: u32 = 200;

/// Somebody whose exact score is known, and where the database counted him.
struct Compared {
    hit: Hit,
    band: u32,
}

impl Engine {
    pub(super) fn search_in(&self, tx: &Tx<'_>, turn: &Turn, ask: &Ask<'_>) -> anyhow::Result<Search> {
        let (scope, probe) = (self.scope(ask.among), turn.apply(ask.probe.values()));
        // Not asked ahead: answers of many rows that nobody reads yet keep the ones behind them waiting.
        let query = FaceQuery { model: self.faces.model_id(), scope: &scope, probe: &probe };
        let mut best = self.best(tx, (turn, &query), ask, ask.top + 1)?;
        let groups = tx.face_groups(&query)?;
        let rest_best = best.get(ask.top).map(|compared| compared.hit.score);
        best.truncate(ask.top);
        let mut named = Vec::new();
        if !ask.named.is_empty() {
            let found = tx.named_faces(&query, ask.named)?;
            let others = found.iter().filter(|face| best.iter().all(|other| other.hit.payer != face.payer));
            named = others.map(|face| self.compare(face, ask.probe)).collect::<anyhow::Result<Vec<_>>>()?;
            named.sort_by(|one, other| ranking(&one.hit, &other.hit));
        }
        let slack = turn.slack();
        let search = answer(best, named, groups, rest_best.map(|score| (score, slack)))?;
        Ok(match ask.among {
            Among::Everybody => search,
            Among::Chosen(_) => coarse(search),
        })
    }

    /// The most similar alone: nobody else is counted.
    pub(super) fn hits_in(&self, tx: &Tx<'_>, turn: &Turn, ask: &Ask<'_>) -> anyhow::Result<Vec<Hit>> {
        let (scope, probe) = (self.scope(ask.among), turn.apply(ask.probe.values()));
        let query = FaceQuery { model: self.faces.model_id(), scope: &scope, probe: &probe };
        let best = self.best(tx, (turn, &query), ask, ask.top)?;
        Ok(best.into_iter().take(ask.top).map(|compared| compared.hit).collect())
    }

    /// The `wanted` most similar, or a few more, best first.
    fn best(
        &self,
        tx: &Tx<'_>,
        (turn, query): (&Turn, &FaceQuery<'_>),
        ask: &Ask<'_>,
        wanted: usize,
    ) -> anyhow::Result<Vec<Compared>> {
        let mut limit = wanted + SPARE;
        loop {
            let found = tx.nearest_faces(query, u32::try_from(limit)?)?;
            let least =
                found.get(wanted - 1).map_or(f64::NEG_INFINITY, |last| last.about - 2.0 * turn.slack());
            let all = found.len() < limit || found.last().is_some_and(|last| last.about < least);
            if !all {
                limit = limit.saturating_mul(4);
                continue;
            }
            let near = found.iter().filter(|face| face.about >= least);
            let mut best: Vec<_> =
                near.map(|face| self.compare(face, ask.probe)).collect::<anyhow::Result<_>>()?;
            best.sort_by(|one, other| ranking(&one.hit, &other.hit));
            return Ok(best);
        }
    }

    /// Opens a template and compares it with the face.
    fn compare(&self, face: &FoundFace, probe: &Template) -> anyhow::Result<Compared> {
        let template = self.open_template(face.payer, face.key.as_ref(), &face.sealed)?;
        let hit = Hit {
            payer: face.payer,
            score: probe.similarity(&template),
            pictures: face.pictures,
            status: status(face.live),
            region: face.region.as_str().into(),
        };
        Ok(Compared { hit, band: face.band })
    }

    fn scope(&self, among: &Among) -> FaceScope {
        match among {
            Among::Everybody => FaceScope::Everybody,
            Among::Chosen(Chosen { digits, regions, live }) => FaceScope::Bucket {
                bucket: self.bucket(*digits),
                regions: regions.as_ref().map(|regions| regions.iter().cloned().collect()),
                live: *live,
            },
        }
    }

    fn bucket(&self, digits: LastFour) -> [u8; 32] {
        self.keys.blind_index("search bucket", &digits.reveal())
    }

    /// The secret turn of this installation.
    pub(crate) fn turn_of(keys: &crate::keys::Keys, dimension: usize) -> Turn {
        Turn::new(dimension, |block| keys.blind_index("search turn", &block.to_string()))
    }

    /// Writes a payer's search row where the database is searched, in the transaction that changed face or number. The
    /// caller has locked the payer.
    pub(crate) fn write_face_row(&self, tx: &Tx<'_>, payer: PayerId) -> anyhow::Result<()> {
        let turn = match &self.gallery {
            Faces::Memory(_) => return Ok(()),
            Faces::Database(turn) => turn,
        };
        let Some(row) = tx.template(payer, self.faces.model_id())? else { return Ok(()) };
        tx.put_face_row(&self.face_row(turn, &row)?)
    }

    /// Where the database is searched, writes the rows of faces that have none: of templates that were made anew, or by a
    /// process that searches in memory. `false` where this process's memory is searched.
    ///
    /// # Errors
    /// An operating fault.
    pub(crate) fn write_missing_rows(&self) -> anyhow::Result<bool> {
        match &self.gallery {
            Faces::Memory(_) => Ok(false),
            Faces::Database(turn) => self.write_waiting_rows(turn).map(|_| true),
        }
    }

    pub(super) fn write_waiting_rows(&self, turn: &Turn) -> anyhow::Result<u64> {
        let mut written = 0;
        loop {
            let waiting = self.store.write(|tx| {
                let waiting = tx.faces_waiting(self.faces.model_id(), BATCH)?;
                for row in &waiting {
                    tx.put_face_row(&self.face_row(turn, row)?)?;
                }
                Ok::<_, anyhow::Error>(waiting.len())
            })?;
            if waiting == 0 {
                return Ok(written);
            }
            written += u64::try_from(waiting)?;
        }
    }

    fn face_row(&self, turn: &Turn, row: &TemplateRow) -> anyhow::Result<FaceRow> {
        let template = self.open_template(row.payer, row.face_key.as_ref(), &row.template_sealed)?;
        let contact = self.open_contact(row.payer, row.contact_key.as_ref(), &row.contact_sealed)?;
        Ok(FaceRow {
            payer: row.payer,
            model: row.model,
            bucket: self.bucket(contact.phone.last_four()),
            region: region(row.home),
            pictures: row.pictures,
            live: is_live(row.face),
            turned: turn.apply(template.values()).to_vec(),
        })
    }
}

/// Everybody who was searched, each once.
fn answer(
    best: Vec<Compared>,
    named: Vec<Compared>,
    groups: Vec<FaceGroup>,
    rest_best: Option<(Score, f64)>,
) -> anyhow::Result<Search> {
    let mut regions: BTreeMap<Arc<str>, u64> = BTreeMap::new();
    let mut left: BTreeMap<(Arc<str>, u32, u32), u64> = BTreeMap::new();
    let mut searched = 0;
    for FaceGroup { region, pictures, band, people } in groups {
        let region: Arc<str> = region.into();
        searched += people;
        *regions.entry(Arc::clone(&region)).or_default() += people;
        left.insert((region, pictures, band), people);
    }
    for Compared { hit, band } in best.iter().chain(&named) {
        let group = left.get_mut(&(Arc::clone(&hit.region), hit.pictures, *band));
        let group = group.with_context(|| format!("{} was found and not counted", hit.payer))?;
        ensure!(*group > 0, "{} was found twice and counted once", hit.payer);
        *group -= 1;
    }
    left.retain(|_, people| *people > 0);
    let unlisted = left.into_iter().map(|((region, pictures, band), people)| {
        let (best, slack) = rest_best.unwrap_or((Score::new(1.0), 0.0));
        let upper = FaceGroup::upper_end(band) + slack;
        Unlisted { region, pictures, best_score: Score::new(upper.min(best.value())), people }
    });
    Ok(Search {
        unlisted: unlisted.collect(),
        hits: best.into_iter().map(|compared| compared.hit).collect(),
        named: named.into_iter().map(|compared| compared.hit).collect(),
        searched,
        rest_best_score: rest_best.map(|(score, _)| score),
        searched_by_region: regions.into_iter().collect(),
    })
}
