//! Who looks like whom: found when a face is enrolled, and looked for again in the background as the gallery grows.
//!
//! Two people whose likeness strangers reach more rarely than the policy's bound always need a strong factor, both of
//! them. Where the likeness is what one person's pictures usually have, or the accounts bear one name and birth date,
//! it is probably one person with two accounts: staff are told, and until they know, the strong factor is needed all the
//! same.

use std::collections::BTreeMap;

use gallery::Hit;
use identity::{Fusion, ScoreModel};
use serde_json::json;
use store::{EnrolmentState, GalleryJobRow, LookAlikeKind, LookAlikeRow, PayerRow, TemplateRow, Tx};
use types::{EnrolmentId, PayerId, Score, SignedDuration, Template};

use crate::access::look_at_all;
use crate::callers::{StaffCaller, duty};
use crate::engine::{Contact, Context, Engine, FRAMES_PAY, record};
use crate::gallery_jobs::{Advance, Step};
use crate::rejected::Error;
#[cfg(doc)]
use crate::rejected::Rejected;

/// Faces of one batch: they share one pass over the gallery.
const BATCH: u32 = 64;
/// Pairs listed at a time.
const LIST_MAX: u32 = 100;
/// The name of the work in the database.
const JOB: &str = "look_alikes";
/// A finished search is repeated after so long: two processes may each have enrolled one of a pair in the same moment.
const REPEATED: SignedDuration = SignedDuration::from_hours(24 * 7);
/// And when the gallery grew by a tenth.
const GROWN: (u64, u64) = (11, 10);

/// Somebody who is close to a face.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Likeness {
    other: PayerId,
    score: f64,
    kind: LookAlikeKind,
}

/// A face that is compared with everybody's.
struct Face<'a> {
    payer: PayerId,
    pictures: u32,
    template: &'a Template,
    contact: &'a Contact,
}

impl Engine {
    /// Who is close to the face that waits for this enrolment's code; nobody, if none waits.
    pub(crate) fn alike_to_waiting(&self, owner: &PayerRow, id: EnrolmentId) -> Result<Vec<Likeness>, Error> {
        let waiting = self.store.read(|tx| {
            let row =
                tx.enrolment(id)?.filter(|row| row.payer == owner.id && row.state == EnrolmentState::Waiting);
            Ok::<_, Error>(row.zip(tx.face_key(owner.id).map(Some)?))
        })?;
        let Some((row, key)) = waiting else { return Ok(Vec::new()) };
        let (Some(sealed), Some(contact)) = (row.template_sealed, self.contact(owner)?) else {
            return Ok(Vec::new());
        };
        let template = self.open_template(owner.id, key.as_ref(), &sealed)?;
        let face = Face { payer: owner.id, pictures: row.pictures, template: &template, contact: &contact };
        self.likenesses(&face)
    }

    /// Compares an enrolled face once more with everybody, and writes what is not known yet.
    pub(crate) fn look_again(&self, ctx: &mut Context<'_>, payer: PayerId) -> Result<(), Error> {
        let row = self.store.read(|tx| tx.template(payer, self.faces.model_id()).map_err(Error::from))?;
        let Some(row) = row else { return Ok(()) };
        let found = self.likenesses_of(std::slice::from_ref(&row))?.remove(&payer).unwrap_or_default();
        let known = self.store.read(|tx| tx.look_alikes_of(payer).map_err(Error::from))?;
        if found.iter().any(|new| is_news(new, &known)) {
            self.store.write(|tx| self.put_likenesses(tx, ctx, payer, &found))?;
        }
        Ok(())
    }

    /// Records who is close, both ways, and what is new about it.
    pub(crate) fn put_likenesses(
        &self,
        tx: &Tx<'_>,
        ctx: &mut Context<'_>,
        payer: PayerId,
        found: &[Likeness],
    ) -> Result<(), Error> {
        let known = tx.look_alikes_of(payer)?;
        for likeness in found {
            let Likeness { other, score, kind } = *likeness;
            // Erased between the search and this transaction.
            if tx.template(other, self.faces.model_id())?.is_none() {
                continue;
            }
            tx.put_look_alike(&LookAlikeRow { payer, other, score, kind, found_at: ctx.now })?;
            if !is_news(likeness, &known) {
                continue;
            }
            let event = match kind {
                LookAlikeKind::LookAlike => "look_alike_found",
                LookAlikeKind::SamePerson => "duplicate_account_suspected",
            };
            record(tx, ctx, "surety", &payer, json!({ "event": event, "other": other, "score": score }))?;
        }
        Ok(())
    }

    fn likenesses(&self, face: &Face<'_>) -> Result<Vec<Likeness>, Error> {
        let hits = self.most_similar(std::slice::from_ref(face.template))?;
        self.judged(face, hits.first().map_or(&[], Vec::as_slice))
    }

    /// Those of the hits that are close, and what each is taken for.
    fn judged(&self, face: &Face<'_>, hits: &[Hit]) -> Result<Vec<Likeness>, Error> {
        let mut found = Vec::new();
        for hit in hits.iter().filter(|hit| hit.payer != face.payer) {
            let model = self.model_between(face.pictures, hit.pictures)?;
            if self.bound(model).is_none_or(|bound| hit.score < bound) {
                continue;
            }
            let usual = hit.score.value() >= model.genuine().median;
            let same = usual || self.is_namesake(face.contact, hit.payer)?;
            let kind = if same { LookAlikeKind::SamePerson } else { LookAlikeKind::LookAlike };
            found.push(Likeness { other: hit.payer, score: hit.score.value(), kind });
        }
        Ok(found)
    }

    /// How scores of two enrolled faces are read: the more pictures stand on the gallery's side. Calibrations go no
    /// further than a capture's frames on the other; where more were averaged, the bound is a little lower than it need
    /// be.
    fn model_between(&self, one: u32, other: u32) -> Result<&ScoreModel, Error> {
        let frames = u32::try_from(*FRAMES_PAY.end()).map_err(anyhow::Error::new)?;
        let fusion = Fusion { gallery_pictures: one.max(other), probe_frames: one.min(other).min(frames) };
        Ok(self.calibration.score_model(fusion).map_err(anyhow::Error::new)?)
    }

    /// From which score on two people look alike.
    fn bound(&self, model: &ScoreModel) -> Option<Score> {
        match self.rule.look_alike() {
            risk::LookAlikeBound::Fmr(fmr) => model.threshold(fmr),
            risk::LookAlikeBound::Score(score) => Some(score),
        }
    }

    /// Do both accounts bear one name and one birth date?
    fn is_namesake(&self, contact: &Contact, other: PayerId) -> Result<bool, Error> {
        let row = self.store.read(|tx| tx.payer(other).map_err(Error::from))?;
        let Some(row) = row else { return Ok(false) };
        let Some(theirs) = self.contact(&row)? else { return Ok(false) };
        Ok(contact.birth_date.is_some()
            && contact.birth_date == theirs.birth_date
            && contact.name == theirs.name)
    }

    /// Pairs of accounts that probably belong to one person, the latest found first, at most 100. Needs a purpose; the
    /// look is logged for each of the payers.
    ///
    /// # Errors
    /// [`Rejected::RoleMissing`], [`Rejected::Field`] for the purpose; an operating fault.
    pub fn suspected_duplicates(
        &self,
        ctx: &mut Context<'_>,
        staff: &StaffCaller,
        purpose: &str,
    ) -> Result<Vec<LookAlikeRow>, Error> {
        staff.must_be(duty::reading_disputes())?;
        self.store.write(|tx| {
            let found = tx.look_alikes(LookAlikeKind::SamePerson, LIST_MAX)?;
            let payers = found.iter().flat_map(|row| [row.payer, row.other]).collect();
            look_at_all(tx, ctx, staff, ("duplicate accounts", &payers), purpose)?;
            Ok(found)
        })
    }

    /// Compares the next faces with everybody, if the last search is too old, rests on another calibration or bound, or
    /// the gallery grew since. Returns whether there is more to do.
    ///
    /// # Errors
    /// An operating fault; the batch is done again.
    pub fn advance_look_alikes(&self, ctx: &mut Context<'_>) -> Result<Advance, Error> {
        let model = self.faces.model_id();
        let purpose = format!("{model} {} {:?}", self.calibration.provenance().id, self.rule.look_alike());
        let begin = |job: Option<&GalleryJobRow>, wanted: u64| match job {
            Some(job) if job.purpose == purpose => job
                .finished_at
                .is_some_and(|at| at + REPEATED <= ctx.now || wanted * GROWN.1 > job.wanted.max(1) * GROWN.0),
            Some(_) | None => true,
        };
        let job = self.begun(ctx.now, (JOB, &purpose), begin)?;
        let Some(job) = job else { return Ok(Advance::Done) };
        let rows =
            self.store.read(|tx| tx.templates_after(model, (&job.reached, BATCH)).map_err(Error::from))?;
        let found = self.likenesses_of(&rows)?;
        self.advance_job(ctx, (&job, rows.last().map(|row| row.payer.to_string())), |tx, ctx| {
            for row in &rows {
                self.replace_likenesses(tx, ctx, row.payer, &found[&row.payer])?;
            }
            Ok(Step { done: rows.len(), left_out: 0 })
        })
    }

    fn likenesses_of(&self, rows: &[TemplateRow]) -> Result<BTreeMap<PayerId, Vec<Likeness>>, Error> {
        let open =
            |row: &TemplateRow| self.open_template(row.payer, row.face_key.as_ref(), &row.template_sealed);
        let templates = rows.iter().map(open).collect::<anyhow::Result<Vec<_>>>()?;
        let hits = self.most_similar(&templates)?;
        let mut found = BTreeMap::new();
        for ((row, template), hits) in rows.iter().zip(&templates).zip(&hits) {
            let contact = self.open_contact(row.payer, row.contact_key.as_ref(), &row.contact_sealed)?;
            let face = Face { payer: row.payer, pictures: row.pictures, template, contact: &contact };
            found.insert(row.payer, self.judged(&face, hits)?);
        }
        Ok(found)
    }

    /// Writes who is close, and forgets who no longer is.
    fn replace_likenesses(
        &self,
        tx: &Tx<'_>,
        ctx: &mut Context<'_>,
        payer: PayerId,
        found: &[Likeness],
    ) -> Result<(), Error> {
        if tx.template(payer, self.faces.model_id())?.is_none() {
            return Ok(());
        }
        for known in tx.look_alikes_of(payer)? {
            if !found.iter().any(|likeness| likeness.other == known.other) {
                tx.delete_look_alike(payer, known.other)?;
                let event = json!({ "event": "look_alike_over", "other": known.other });
                record(tx, ctx, "surety", &payer, event)?;
            }
        }
        self.put_likenesses(tx, ctx, payer, found)
    }
}

fn is_news(likeness: &Likeness, known: &[LookAlikeRow]) -> bool {
    !known.iter().any(|row| row.other == likeness.other && row.kind == likeness.kind)
}
