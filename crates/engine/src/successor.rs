//! One embedding model is replaced by another, while payments go on.
//!
//! The model in use decides until every face whose pictures were kept has a template of its successor as well: new
//! enrolments make both, and the others are made in the background from the sealed pictures. Then the operator starts
//! with the successor as the model in use. A score is never read by another model's calibration, and no decision ever
//! mixes two models.

use std::sync::Arc;

use anyhow::ensure;
use face::{AnalyseError, FaceEvidence, FaceModels};
use serde_json::json;
use store::{GalleryJobRow, PartSource, Tx};
use types::{Digest, EnrolmentId, PayerId};
use zeroize::Zeroizing;

use crate::engine::{Context, Engine, Message, record, seal_template, tell};
use crate::enrolment::enrolment_of;
use crate::gallery_jobs::{Advance, Step};
use crate::keys::KeyOf;
use crate::rejected::{Error, Rejected};
use crate::templates::{Part, fused, picture_label};

/// Faces of one batch: each takes some tenths of a second, and is done again when the process dies.
const BATCH: u32 = 4;

/// The model that is to replace the one in use.
pub(crate) struct Successor {
    pub(crate) faces: Arc<FaceModels>,
}

/// The name of the work in the database.
fn job(model: Digest) -> String {
    format!("templates of {model}")
}

impl Engine {
    /// Makes templates of the successor for the next faces that have none, from the pictures they enrolled with. Whoever
    /// has no pictures kept is asked to enrol again. Returns whether there is more to do.
    ///
    /// # Errors
    /// An operating fault; the batch is done again.
    pub fn advance_successor(&self, ctx: &mut Context<'_>) -> Result<Advance, Error> {
        let Some(successor) = &self.successor else { return Ok(Advance::Done) };
        let model = successor.faces.model_id();
        let lacking = self.store.read(|tx| tx.faces_without(model).map_err(Error::from))?;
        let begin = |job: Option<&GalleryJobRow>, _faces| match job {
            // Another process, which knows no successor, enrolled somebody after the end.
            Some(job) => job.finished_at.is_some() && lacking > job.left_out,
            None => true,
        };
        let Some(job) = self.begun(ctx.now, (&job(model), &model.to_string()), begin)? else {
            return Ok(Advance::Done);
        };
        let payers =
            self.store.read(|tx| tx.next_faces_without(model, (&job.reached, BATCH)).map_err(Error::from))?;
        let made = payers.iter().map(|payer| Ok((*payer, self.embed_again(*payer, &successor.faces)?)));
        let made = made.collect::<Result<Vec<_>, Error>>()?;
        self.advance_job(ctx, (&job, payers.last().map(PayerId::to_string)), |tx, ctx| {
            let mut left_out = 0;
            for (payer, parts) in &made {
                left_out += u64::from(!self.put_again(tx, ctx, *payer, parts)?);
            }
            Ok(Step { done: made.len(), left_out })
        })
    }

    /// What the pictures of a payer give with another model; nothing where none were kept or none can be used.
    fn embed_again(&self, payer: PayerId, faces: &FaceModels) -> Result<Vec<Part>, Error> {
        let model = self.faces.model_id();
        let (rows, key) = self.store.read(|tx| Ok::<_, Error>((tx.parts(payer)?, tx.face_key(payer)?)))?;
        let mut parts = Vec::new();
        for row in rows.iter().filter(|row| row.model == model) {
            let Some(enrolment) = enrolment_of(row.source) else { continue };
            let position = usize::try_from(row.position).map_err(anyhow::Error::new)?;
            let Some(sealed) = self.objects.frame(enrolment, position)? else { continue };
            let label = picture_label(enrolment, position);
            let picture = self.keys.open_value((KeyOf::Face(payer), key.as_ref()), &label, &sealed)?;
            match seen_by(faces, &picture)? {
                Some(seen) => parts.push(Part::of(row.source, position, &seen)?),
                None => tracing::info!(%enrolment, position, "the next model cannot use a picture"),
            }
        }
        Ok(parts)
    }

    /// Stores what was made, if it still belongs to the live enrolment. `false` if this payer has to enrol again.
    fn put_again(
        &self,
        tx: &Tx<'_>,
        ctx: &mut Context<'_>,
        payer: PayerId,
        parts: &[Part],
    ) -> Result<bool, Error> {
        tx.payer(payer)?.ok_or(Rejected::payer())?;
        if tx.template(payer, self.faces.model_id())?.is_none() {
            return Ok(true);
        }
        let Some(first) = parts.first() else {
            let message = Message { kind: "face_enrol_again", args: json!({}), reference: payer.to_string() };
            tell(tx, ctx, payer, message)?;
            return Ok(false);
        };
        let wrapped = tx.face_key(payer)?;
        if !tx.has_parts_from(first.source)? {
            // Enrolled anew meanwhile: both templates were made then, or are made by the next run.
            return Ok(true);
        }
        let key = self.known_face_key(payer, wrapped.as_ref())?;
        for part in parts {
            tx.put_part(&part.sealed(ctx, payer, &key))?;
        }
        let template = fused(parts, first.model)?.ok_or(Rejected::payer())?;
        let pictures = u32::try_from(parts.len()).map_err(anyhow::Error::new)?;
        let sealed = seal_template(&key, payer, &template, ctx.random);
        tx.put_template(payer, &sealed, (pictures, first.model), ctx.now)?;
        let event = json!({ "event": "template_of_next_model", "model": first.model });
        record(tx, ctx, "surety", &payer, event)?;
        Ok(true)
    }

    /// Refuses a model of which enrolled faces have no template although they could have.
    pub(crate) fn model_must_be_ready(&self) -> anyhow::Result<()> {
        let model = self.faces.model_id();
        let (lacking, job) = self
            .store
            .read(|tx| Ok::<_, anyhow::Error>((tx.faces_without(model)?, tx.gallery_job(&job(model))?)))?;
        let over = job.is_some_and(|job| job.finished_at.is_some());
        ensure!(
            lacking == 0 || over,
            "{lacking} enrolled faces have no template of the model {model}: bring the earlier model back and name \
             this one with --next-manifest and --next-calibration until its templates are made"
        );
        if lacking > 0 {
            tracing::warn!(
                lacking,
                "faces without a template of this model are not found until they enrol again"
            );
        }
        Ok(())
    }

    /// Deletes the templates of every model but the one in use: there is no way back to those. Returns how many there
    /// were.
    ///
    /// # Errors
    /// An operating fault.
    pub fn retire_other_models(&self, ctx: &mut Context<'_>) -> Result<usize, Error> {
        let model = self.faces.model_id();
        self.store.write(|tx| {
            let retired = tx.delete_other_models(model)?;
            record(tx, ctx, "surety", &"models", json!({ "event": "models_retired", "kept": model }))?;
            Ok::<_, Error>(retired)
        })
    }
}

/// The enrolments that parts come from, each once.
pub(crate) fn enrolments_of(sources: impl IntoIterator<Item = PartSource>) -> Vec<EnrolmentId> {
    let mut enrolments: Vec<EnrolmentId> = sources.into_iter().filter_map(enrolment_of).collect();
    enrolments.sort_unstable();
    enrolments.dedup();
    enrolments
}

/// What the next model makes of a picture; none, if it cannot use it.
fn seen_by(faces: &FaceModels, picture: &Zeroizing<Vec<u8>>) -> Result<Option<FaceEvidence>, Error> {
    match faces.analyse(picture) {
        Ok(seen) => Ok(Some(seen)),
        Err(AnalyseError::Refused(_)) => Ok(None),
        Err(error @ (AnalyseError::Busy { waited: _ } | AnalyseError::Failed { stage: _, reason: _ })) => {
            Err(anyhow::Error::new(error).context("making a template of the next model").into())
        }
    }
}
