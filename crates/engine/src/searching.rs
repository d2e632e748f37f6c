//! Where faces are searched, and among whom: in this process's memory, or in PostgreSQL through pgvector.
//!
//! Invariants: both give the same answer, hits, order, scores and counts, because the database only says who could be
//! among the best and the sealed originals decide, in 64 bits; in a bucket everybody who is not named counts as if he
//! scored as the best of them. A face that was revoked, frozen or given another number is so in the database at the commit
//! that says it. [Decision 13](../../../docs/decisions/0013-growth.md).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use gallery::{Entry, Filter, Gallery, Hit, Query, Search, Status, Unlisted};
use risk::Policy;
use store::FaceState;
use types::{GeoPoint, LastFour, PayerId, Template};

use crate::engine::{Engine, REGION_DEGREES, region, region_point};
use crate::rejected::Error;

mod database;
mod turn;

pub(crate) use self::turn::Turn;

/// Where enrolled faces are searched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GalleryPlace {
    /// In the memory of this process, which reads them all at the start.
    #[default]
    Memory,
    /// In the PostgreSQL database, with pgvector; under a policy whose digits choose whom to search.
    Postgresql,
}

impl GalleryPlace {
    /// Refuses a database that cannot be searched, and a policy that would compare everybody there for each payment.
    ///
    /// # Errors
    /// Says what to do.
    pub(crate) fn check(self, policy: &Policy, database: Option<&str>) -> anyhow::Result<()> {
        match self {
            Self::Memory => return Ok(()),
            Self::Postgresql => {}
        }
        ensure!(
            database.is_some(),
            "a gallery in postgresql needs a PostgreSQL database: name it with --database, or keep the gallery in memory"
        );
        ensure!(
            policy.recognition.digits_come_first(),
            "a gallery in postgresql is searched by last four digits, and the policy compares everybody: write \
             search = \"last_four\" or \"last_four_and_region\" under [recognition], or keep the gallery in memory"
        );
        Ok(())
    }
}

/// Enrolled faces, as this process searches them.
pub(crate) enum Faces {
    Memory(Box<Gallery>),
    /// The rows lie in the database, turned by this; it keeps them up to date itself.
    Database(Turn),
}

/// Who is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Among {
    Everybody,
    Chosen(Chosen),
}

/// Those whom typed digits choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) digits: LastFour,
    /// Only of these regions.
    pub(crate) regions: Option<BTreeSet<String>>,
    /// Only those whose face payment is on.
    pub(crate) live: bool,
}

/// A question about a face.
#[derive(Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) probe: &'a Template,
    pub(crate) among: &'a Among,
    /// How many of the most similar are named.
    pub(crate) top: usize,
    /// Who is named wherever he ranks.
    pub(crate) named: &'a [PayerId],
}

impl Faces {
    /// Takes a face into memory; what the database searches was written with the face.
    pub(crate) fn insert(&self, entry: Entry, template: &Template) -> anyhow::Result<()> {
        match self {
            Self::Memory(gallery) => gallery.insert(entry, template).map(drop).context("filling the gallery"),
            Self::Database(_) => Ok(()),
        }
    }

    /// Takes a face out of memory; `false` if it was not there.
    pub(crate) fn remove(&self, payer: PayerId) -> anyhow::Result<bool> {
        match self {
            Self::Memory(gallery) => Ok(gallery.remove(payer)?),
            Self::Database(_) => Ok(false),
        }
    }

    /// Says in memory whether a payer may pay with his face.
    pub(crate) fn set_status(&self, payer: PayerId, status: Status) -> anyhow::Result<()> {
        match self {
            Self::Memory(gallery) => Ok(gallery.set_status(payer, status).map(drop)?),
            Self::Database(_) => Ok(()),
        }
    }
}

impl Engine {
    /// How many faces are searched.
    pub(crate) fn faces_searched(&self) -> anyhow::Result<usize> {
        match &self.gallery {
            Faces::Memory(gallery) => gallery.len().context("counting the gallery"),
            Faces::Database(_) => {
                Ok(usize::try_from(self.store.read(|tx| tx.face_row_count(self.faces.model_id()))?)?)
            }
        }
    }

    /// Fills what this process searches: memory from the store, or the database's rows of faces that have none.
    ///
    /// # Errors
    /// The model's templates are not ready; an operating fault.
    pub(crate) fn fill(&self) -> anyhow::Result<()> {
        match &self.gallery {
            Faces::Memory(_) => self.load_gallery(),
            Faces::Database(turn) => {
                self.model_must_be_ready()?;
                self.store.make_face_search()?;
                let rows = self.write_waiting_rows(turn)?;
                tracing::info!(rows, "faces got their rows in the database");
                Ok(())
            }
        }
    }

    /// Those whom digits choose at a place, by the policy's choice.
    pub(crate) fn chosen(&self, digits: LastFour, here: GeoPoint) -> Among {
        let regions = match self.rule.search {
            risk::SearchAmong::Everybody | risk::SearchAmong::LastFour => None,
            risk::SearchAmong::LastFourAndRegion => Some(regions_around(here)),
        };
        Among::Chosen(Chosen { digits, regions, live: false })
    }

    /// How many numbers a template has.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.faces.dimension()
    }

    /// How similar to a face those are whose number ends so, at a place: what a payment searches. For whoever measures;
    /// no terminal reaches it.
    ///
    /// # Errors
    /// An operating fault.
    pub fn search_bucket(&self, probe: &Template, digits: LastFour, here: GeoPoint) -> Result<Search, Error> {
        let among = self.chosen(digits, here);
        self.search_faces(&Ask { probe, among: &among, top: gallery::CANDIDATES_MAX, named: &[] })
    }

    /// The same among everybody: what an investigation searches.
    ///
    /// # Errors
    /// An operating fault.
    pub fn search_all_faces(&self, probe: &Template) -> Result<Search, Error> {
        let ask = Ask { probe, among: &Among::Everybody, top: gallery::CANDIDATES_MAX, named: &[] };
        self.search_faces(&ask)
    }

    /// Everybody whom the question is about, compared with its face.
    ///
    /// # Errors
    /// An operating fault.
    pub(crate) fn search_faces(&self, ask: &Ask<'_>) -> Result<Search, Error> {
        match &self.gallery {
            Faces::Memory(gallery) => Ok(in_memory(gallery, ask)?),
            Faces::Database(turn) => self.store.read(|tx| Ok(self.search_in(tx, turn, ask)?)),
        }
    }

    /// The most similar of everybody, for each face.
    pub(crate) fn most_similar(&self, faces: &[Template]) -> Result<Vec<Vec<Hit>>, Error> {
        let top = gallery::CANDIDATES_MAX;
        match &self.gallery {
            Faces::Memory(gallery) => {
                let query = |probe| Query { probe, filter: Filter::default(), top, named: &[] };
                let queries: Vec<Query<'_>> = faces.iter().map(query).collect();
                let searches = gallery.search_all(&queries).map_err(anyhow::Error::new)?;
                Ok(searches.into_iter().map(|search| search.hits).collect())
            }
            Faces::Database(turn) => {
                let ask = |probe| Ask { probe, among: &Among::Everybody, top, named: &[] };
                let hits = faces.iter().map(|face| self.store.read(|tx| self.hits_in(tx, turn, &ask(face))));
                Ok(hits.collect::<anyhow::Result<_>>()?)
            }
        }
    }

    /// The most similar alone.
    pub(crate) fn best_face(&self, probe: &Template, among: &Among) -> Result<Option<Hit>, Error> {
        let ask = Ask { probe, among, top: 1, named: &[] };
        match &self.gallery {
            Faces::Memory(gallery) => Ok(in_memory(gallery, &ask)?.hits.into_iter().next()),
            Faces::Database(turn) => {
                self.store.read(|tx| Ok(self.hits_in(tx, turn, &ask)?.into_iter().next()))
            }
        }
    }
}

/// The exact search in memory. A gallery takes one region a search, so that several are searched one after the other.
fn in_memory(gallery: &Gallery, ask: &Ask<'_>) -> anyhow::Result<Search> {
    let Ask { probe, among, top, named } = *ask;
    let search = |filter: Filter<'_>| gallery.search(&Query { probe, filter, top, named });
    let Among::Chosen(Chosen { digits, regions, live }) = among else {
        return Ok(search(Filter::default())?);
    };
    let filter =
        Filter { last_four: Some(*digits), status: live.then_some(Status::Live), ..Filter::default() };
    let Some(regions) = regions else { return Ok(coarse(search(filter)?)) };
    let found = regions.iter().map(|region| search(Filter { region: Some(region), ..filter }));
    Ok(coarse(joined(found.collect::<Result<Vec<_>, _>>()?, ask)))
}

/// Searches of different regions as one search of all of them.
fn joined(searches: Vec<Search>, ask: &Ask<'_>) -> Search {
    let mut all = Search {
        hits: Vec::new(),
        named: Vec::new(),
        unlisted: Vec::new(),
        searched: 0,
        rest_best_score: None,
        searched_by_region: Vec::new(),
    };
    for found in searches {
        let Search { hits, named, unlisted, searched, rest_best_score, searched_by_region } = found;
        all.hits.extend(hits);
        all.named.extend(named);
        all.unlisted.extend(unlisted);
        all.searched += searched;
        all.searched_by_region.extend(searched_by_region);
        all.rest_best_score = [all.rest_best_score, rest_best_score]
            .into_iter()
            .flatten()
            .max_by(|one, other| one.value().total_cmp(&other.value()));
    }
    all.hits.sort_by(ranking);
    let rest = all.hits.split_off(all.hits.len().min(ask.top));
    if let Some(best) = rest.first() {
        let known = all
            .rest_best_score
            .map_or(best.score, |score| if score > best.score { score } else { best.score });
        all.rest_best_score = Some(known);
    }
    for hit in rest {
        if ask.named.contains(&hit.payer) {
            all.named.push(hit);
        } else {
            let Hit { payer: _, score: best_score, pictures, status: _, region } = hit;
            all.unlisted.push(Unlisted { region, pictures, best_score, people: 1 });
        }
    }
    all.named.sort_by(ranking);
    all
}

/// Everybody of a bucket who is not named counts as if he scored as the best of them: that overstates them, hardly among
/// a few thousand, and says the same wherever they were searched.
fn coarse(search: Search) -> Search {
    let mut groups: BTreeMap<(Arc<str>, u32), u64> = BTreeMap::new();
    for Unlisted { region, pictures, best_score: _, people } in search.unlisted {
        *groups.entry((region, pictures)).or_default() += people;
    }
    let unlisted = search.rest_best_score.map_or_else(Vec::new, |best_score| {
        let group = |((region, pictures), people)| Unlisted { region, pictures, best_score, people };
        groups.into_iter().map(group).collect()
    });
    let mut searched_by_region = search.searched_by_region;
    searched_by_region.sort();
    Search { unlisted, searched_by_region, ..search }
}

/// Higher scores first, then smaller ids, as in the gallery.
fn ranking(one: &Hit, other: &Hit) -> std::cmp::Ordering {
    other.score.value().total_cmp(&one.score.value()).then_with(|| one.payer.cmp(&other.payer))
}

fn status(live: bool) -> Status {
    if live { Status::Live } else { Status::Paused }
}

/// May be debited by face.
pub(crate) const fn is_live(face: FaceState) -> bool {
    match face {
        FaceState::Enabled => true,
        FaceState::None | FaceState::Frozen => false,
    }
}

/// The region of a place and the eight around it.
fn regions_around(here: GeoPoint) -> BTreeSet<String> {
    let middle = region_point(&region(here)).unwrap_or(here);
    let steps = [-REGION_DEGREES, 0.0, REGION_DEGREES];
    let around = steps.iter().flat_map(|north| steps.iter().map(move |east| (north, east)));
    let regions = around.filter_map(|(north, east)| {
        let east = middle.longitude() + east;
        let east = if east > 180.0 {
            east - 360.0
        } else if east < -180.0 {
            east + 360.0
        } else {
            east
        };
        GeoPoint::new(middle.latitude() + north, east).ok().map(region)
    });
    regions.collect()
}

#[cfg(test)]
mod tests;
