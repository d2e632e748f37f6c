//! Templates are renewed by captures of payments that the payer confirmed with a strong factor and did not dispute.
//!
//! Invariants: a capture is compared with what was enrolled, never with a template that was renewed before; nobody with a
//! recorded look-alike is learned from; a disputed payment's capture leaves the template before the evidence is gathered.

use identity::{Ageing, Fusion};
use risk::Case;
use serde_json::json;
use store::{CaptureContent, FaceState, GalleryJobRow, PartSource, Tx};
use types::{CaptureId, PayerId, PaymentId, Probability, SessionId, SignedDuration, Template};

use crate::consents::may_learn;
use crate::engine::{Context, Engine, record, seal_template};
use crate::gallery_jobs::{Advance, Step};
use crate::rejected::{Error, Rejected};
use crate::templates::{Part, fused};

/// Payments of one batch.
const BATCH: u32 = 20;
/// The name of the work in the database.
const JOB: &str = "learning";

/// A capture that may become part of its payer's template.
struct Lesson {
    payer: PayerId,
    capture: CaptureId,
    frames: u32,
    probe: Template,
}

impl Engine {
    /// Renews templates by the next payments that are old enough. Returns whether there is more to do.
    ///
    /// # Errors
    /// An operating fault; the batch is done again.
    pub fn advance_learning(&self, ctx: &mut Context<'_>) -> Result<Advance, Error> {
        let Some(learning) = self.policy.learning else { return Ok(Advance::Done) };
        let begin = |job: Option<&GalleryJobRow>, _faces| job.is_none();
        let Some(job) = self.begun(ctx.now, (JOB, ""), begin)? else { return Ok(Advance::Done) };
        let until = ctx.now - SignedDuration::from_hours(24 * i64::from(learning.after_days));
        let payments =
            self.store.read(|tx| tx.next_confirmed((&job.reached, until), BATCH).map_err(Error::from))?;
        let Some((last, ..)) = payments.last() else { return Ok(Advance::Done) };
        let ageing = Ageing {
            fmr_max: Probability::new(learning.fmr_max).ok_or(Rejected::payer())?,
            captures_max: learning.captures_max,
        };
        let mut lessons = Vec::new();
        for (_, payer, session) in &payments {
            lessons.extend(self.lesson(*payer, *session)?);
        }
        let mut renewed = Vec::new();
        let advance = self.advance_job(ctx, (&job, Some(last.to_string())), |tx, ctx| {
            renewed.clear();
            for lesson in &lessons {
                if self.learn(tx, ctx, lesson, ageing)? {
                    renewed.push(lesson.payer);
                }
            }
            let left_out = payments.len() - renewed.len();
            Ok(Step { done: payments.len(), left_out: u64::try_from(left_out).map_err(anyhow::Error::new)? })
        })?;
        for payer in renewed {
            if self.readmit(payer)? {
                self.look_again(ctx, payer)?;
            }
        }
        Ok(advance)
    }

    /// What a payment's capture may teach: nothing, unless it looked alive and nobody but the payer is nearest to it.
    fn lesson(&self, payer: PayerId, session: SessionId) -> Result<Option<Lesson>, Error> {
        let (capture, decision) =
            self.store.read(|tx| Ok::<_, Error>((tx.capture(session)?, tx.decisions(session)?.pop())))?;
        let Some((capture, decision)) = capture.zip(decision) else { return Ok(None) };
        let case: Case = serde_json::from_value(decision.case).map_err(anyhow::Error::new)?;
        let alive = case.liveness.is_some_and(|score| score >= self.policy.liveness.step_up_below);
        let kept = match capture.content {
            CaptureContent::Kept { probe_sealed: _, key: _ } => true,
            CaptureContent::Erased { by: _ } => false,
        };
        if !alive || !kept || capture.model != self.faces.model_id() {
            return Ok(None);
        }
        let Some(probe) = self.probe(session)?.map(|kept| kept.template) else { return Ok(None) };
        let frames = capture.probe_frames();
        let frames = u32::try_from(frames).map_err(anyhow::Error::new)?;
        let nearest = self.nearest(&probe)?;
        Ok((nearest == Some(payer) && frames > 0).then_some(Lesson {
            payer,
            capture: capture.id,
            frames,
            probe,
        }))
    }

    /// Makes a capture part of its payer's template, if the template may be renewed and the capture is near enough to
    /// what was enrolled.
    fn learn(
        &self,
        tx: &Tx<'_>,
        ctx: &mut Context<'_>,
        lesson: &Lesson,
        ageing: Ageing,
    ) -> Result<bool, Error> {
        let Lesson { payer, capture, frames, probe } = lesson;
        let owner = tx.payer(*payer)?.ok_or(Rejected::payer())?;
        let model = self.faces.model_id();
        if owner.face != FaceState::Enabled || !may_learn(tx, *payer)? || tx.has_look_alike(*payer)? {
            return Ok(false);
        }
        let (enrolled, mut learned) = self.live_parts(tx, *payer)?;
        let Some(anchor) = fused(&enrolled, model)? else { return Ok(false) };
        let pictures = u32::try_from(enrolled.len()).map_err(anyhow::Error::new)?;
        let fusion = Fusion { gallery_pictures: pictures, probe_frames: *frames };
        let Ok(scores) = self.calibration.score_model(fusion) else { return Ok(false) };
        let source = PartSource::Capture(*capture);
        if !ageing.admits(scores, anchor.similarity(probe))
            || learned.iter().any(|part| part.source == source)
        {
            return Ok(false);
        }
        let weight = ageing.weight(enrolled.iter().map(|part| part.weight));
        learned.push(Part { source, position: 0, model, weight, template: probe.clone() });
        let most = usize::try_from(ageing.captures_max).map_err(anyhow::Error::new)?;
        let room = self.pictures_covered().saturating_sub(pictures);
        let most = most.min(usize::try_from(room).map_err(anyhow::Error::new)?);
        if most == 0 {
            return Ok(false);
        }
        while learned.len() > most {
            tx.delete_parts_from(learned.remove(0).source)?;
        }
        let key = self.known_face_key(*payer, tx.face_key(*payer)?.as_ref())?;
        let new = learned.last().ok_or(Rejected::payer())?;
        tx.put_part(&new.sealed(ctx, *payer, &key))?;
        self.put_renewed(tx, ctx, *payer, (&enrolled, &learned))?;
        record(tx, ctx, "surety", payer, json!({ "event": "template_renewed", "capture": capture }))?;
        Ok(true)
    }

    /// The most pictures a template may be the mean of: the calibration goes no further.
    fn pictures_covered(&self) -> u32 {
        self.calibration.models().iter().map(|model| model.fusion().gallery_pictures).max().unwrap_or(0)
    }

    /// The parts of the template that is searched: enrolled ones, and learned ones from the oldest.
    fn live_parts(&self, tx: &Tx<'_>, payer: PayerId) -> Result<(Vec<Part>, Vec<Part>), Error> {
        let model = self.faces.model_id();
        let parts = self.parts(tx, payer)?.into_iter().filter(|part| part.model == model);
        let waiting: Vec<_> = tx.waiting_templates(payer)?.into_iter().map(|(id, _)| id).collect();
        let (mut enrolled, mut learned) = (Vec::new(), Vec::new());
        for part in parts {
            match part.source {
                PartSource::Enrolment(id) if waiting.contains(&id) => {}
                PartSource::Enrolment(_) => enrolled.push(part),
                PartSource::Capture(_) => learned.push(part),
            }
        }
        Ok((enrolled, learned))
    }

    fn put_renewed(
        &self,
        tx: &Tx<'_>,
        ctx: &mut Context<'_>,
        payer: PayerId,
        (enrolled, learned): (&[Part], &[Part]),
    ) -> Result<(), Error> {
        let model = self.faces.model_id();
        let parts = [enrolled, learned].concat();
        let template = fused(&parts, model)?.ok_or(Rejected::payer())?;
        let key = self.known_face_key(payer, tx.face_key(payer)?.as_ref())?;
        let sealed = seal_template(&key, payer, &template, ctx.random);
        let pictures = u32::try_from(parts.len()).map_err(anyhow::Error::new)?;
        Ok(tx.put_template(payer, &sealed, (pictures, model), ctx.now)?)
    }

    /// Takes the capture of a payment out of its payer's template again, if it had become part of it.
    pub(crate) fn unlearn(
        &self,
        ctx: &mut Context<'_>,
        payer: PayerId,
        payment: PaymentId,
    ) -> Result<(), Error> {
        let unlearned = self.store.write(|tx| {
            tx.payer(payer)?.ok_or(Rejected::payer())?;
            let row = tx.payment(payment)?.ok_or(Rejected::payment())?;
            let Some(capture) = tx.capture(row.session)? else { return Ok(false) };
            if tx.delete_parts_from(PartSource::Capture(capture.id))? == 0 {
                return Ok::<_, Error>(false);
            }
            let (enrolled, learned) = self.live_parts(tx, payer)?;
            if !enrolled.is_empty() {
                self.put_renewed(tx, ctx, payer, (&enrolled, &learned))?;
            }
            let event = json!({ "event": "template_unlearned", "capture": capture.id });
            record(tx, ctx, "surety", &payer, event)?;
            Ok(true)
        })?;
        if unlearned {
            self.readmit(payer)?;
        }
        Ok(())
    }
}
