//! Enrolment: pictures, and the holder's confirmation with a code from the own device channel.

use std::collections::BTreeSet;

use anyhow::anyhow;
use evidence::DataKey;
use face::{FaceEvidence, FaceModels};
use serde_json::json;
use store::{EnrolmentRow, EnrolmentState, FaceState, PartSource, Tx, Waiting};
use subtle::ConstantTimeEq;
use types::{Digest, EnrolmentId, PasskeyId, SignedDuration, Template};
use zeroize::Zeroizing;

use crate::callers::OwnDevice;
use crate::consents::consent_in_force;
use crate::engine::{Context, Engine, FRAMES_ENROL, Message, new_code, record, seal_template, tell};
use crate::passkeys::{PasskeyAnswer, accept_where_needed, by_passkey, enrolment_wanted};
use crate::pins::verify_pin;
use crate::rejected::{Error, Rejected};
use crate::successor::enrolments_of;
use crate::templates::{Part, fused, picture_label};

const CODE_FAILURES_MAX: u32 = 5;
/// Pictures of one person score above this against each other, even across years and light (SFace: 0.364 is
/// the threshold of one false match in a thousand); below it they show two people.
const SAME_FACE_FROM: f64 = 0.364;

/// What confirms an enrolment.
pub struct EnrolmentProof {
    /// The code from the own device's message.
    pub code: String,
    /// The PIN, where the device joined the account only lately.
    pub pin: Option<Zeroizing<String>>,
    /// The answer to [`Engine::begin_enrolment_confirmation`], from a payer who has a passkey.
    pub passkey: Option<PasskeyAnswer>,
}

impl Engine {
    /// Takes pictures of the holder's face and sends a code to the own device channel. Nothing is switched on yet.
    ///
    /// # Errors
    /// A consent that is missing, [`Rejected::GuardianNeeded`], [`Rejected::GuardianHolds`], pictures that cannot be used, show several people or do not look alive; busy;
    /// an operating fault.
    pub fn enrol(
        &self,
        ctx: &mut Context<'_>,
        device: OwnDevice,
        frames: &[Zeroizing<Vec<u8>>],
    ) -> Result<EnrolmentRow, Error> {
        let payer = device.payer;
        if !FRAMES_ENROL.contains(&frames.len()) {
            return Err(Rejected::Field { field: "frames", what: "2 to 5 pictures" }.into());
        }
        let consent = self.store.read(|tx| {
            self.must_be_allowed(tx, ctx.now, payer)?;
            consent_in_force(tx, payer)
        })?;
        let id = EnrolmentId::generate(ctx.now, ctx.random);
        let parts = self.enrolment_parts(id, frames)?;
        let model = self.faces.model_id();
        let template = fused(&parts, model)?.ok_or_else(|| anyhow!("an enrolment without pictures"))?;
        let code = new_code(ctx.random);
        let mut row = EnrolmentRow {
            id,
            payer,
            consent: consent.id,
            state: EnrolmentState::Waiting,
            code_hash: self.code_hash(id, &code),
            failures: 0,
            template_sealed: None,
            pictures: u32::try_from(frames.len()).expect("the number of frames was checked"),
            model,
            created_at: ctx.now,
            expires_at: ctx.now
                + SignedDuration::from_mins(i64::from(self.policy.times.enrolment_code_minutes)),
        };
        self.keep_pictures(ctx, &row, frames)?;
        let waiting = self.store.write(|tx| {
            let key = self.key_under_consent(tx, ctx, &row)?;
            row.template_sealed = Some(seal_template(&key, payer, &template, ctx.random));
            let former = tx.discard_enrolments(Waiting::Of(payer))?;
            tx.insert_enrolment(&row)?;
            for part in &parts {
                tx.put_part(&part.sealed(ctx, payer, &key))?;
            }
            let event = json!({ "event": "enrolment_waiting", "pictures": row.pictures });
            record(tx, ctx, &payer.to_string(), &id, event)?;
            let args = json!({ "code": code, "minutes": self.policy.times.enrolment_code_minutes });
            let message = Message { kind: "enrolment_code", args, reference: id.to_string() };
            tell(tx, ctx, payer, message)?;
            Ok::<_, Error>(former)
        });
        // No record names the pictures of a refused one, so nobody would ever look at them or delete them.
        self.discard_pictures(waiting.as_deref().unwrap_or(&[id]));
        waiting?;
        Ok(row)
    }

    /// Seals the pictures into the object store, before the record that names them.
    fn keep_pictures(
        &self,
        ctx: &mut Context<'_>,
        row: &EnrolmentRow,
        frames: &[Zeroizing<Vec<u8>>],
    ) -> Result<(), Error> {
        let key = self.store.write(|tx| self.key_under_consent(tx, ctx, row))?;
        for (index, frame) in frames.iter().enumerate() {
            let sealed = key.seal(&picture_label(row.id, index), frame, ctx.random);
            if let Err(error) = self.objects.put_frame(row.id, index, &sealed) {
                self.discard_pictures(&[row.id]);
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// The key of the face. The payer is locked before the consent is read again: whoever withdraws it meanwhile erases
    /// what is sealed with this key as well.
    fn key_under_consent(
        &self,
        tx: &Tx<'_>,
        ctx: &mut Context<'_>,
        row: &EnrolmentRow,
    ) -> Result<DataKey, Error> {
        tx.payer(row.payer)?.ok_or(Rejected::payer())?;
        if tx.consent(row.payer)?.is_none_or(|given| given.id != row.consent) {
            return Err(Rejected::ConsentMissing.into());
        }
        Ok(self.face_key(tx, ctx, row.payer)?)
    }

    /// What each picture gives for the model in use, and for the one that is to replace it.
    fn enrolment_parts(&self, id: EnrolmentId, frames: &[Zeroizing<Vec<u8>>]) -> Result<Vec<Part>, Error> {
        let mut seen = self.analyse_frames(frames)?;
        let templates: Vec<Template> = seen.iter().map(|face| face.template.clone()).collect();
        if !same_face(&templates) {
            return Err(Rejected::FramesUnlike.into());
        }
        if mean_liveness(&seen).is_some_and(|score| score < self.policy.liveness.refuse_below) {
            return Err(Rejected::EnrolmentNotLive.into());
        }
        if let Some(successor) = &self.successor {
            seen.extend(analyse_frames(&successor.faces, frames)?);
        }
        let pictures = (0..frames.len()).cycle().zip(&seen);
        let parts = pictures.map(|(position, face)| Part::of(PartSource::Enrolment(id), position, face));
        Ok(parts.collect::<anyhow::Result<_>>()?)
    }

    /// Switches face payment on, with the code from the own device's message, and with the PIN where the device joined
    /// the account only lately, and a passkey where the payer has one.
    ///
    /// # Errors
    /// [`Rejected::DeviceYoung`], [`Rejected::DeviceWaits`], [`Rejected::PinWrong`], [`Rejected::PinLocked`],
    /// [`Rejected::RecoveryWaiting`], [`Rejected::GuardianNeeded`], a refused passkey, [`Rejected::CodeWrong`], [`Rejected::EnrolmentExpired`], [`Rejected::EnrolmentOver`], an unknown
    /// enrolment, which includes other people's; an operating fault.
    pub fn confirm_enrolment(
        &self,
        ctx: &mut Context<'_>,
        device: OwnDevice,
        id: EnrolmentId,
        proof: &EnrolmentProof,
    ) -> Result<EnrolmentRow, Error> {
        let payer = device.payer;
        let owner = self.own_row(device)?;
        let pin = proof.pin.as_ref().map(|pin| verify_pin(&owner, pin)).transpose()?;
        let checked = proof.passkey.as_ref().map(|answer| self.check_answer(answer)).transpose()?;
        let alike = self.alike_to_waiting(&owner, id)?;
        let confirmed: Result<_, Rejected> = self.store.write(|tx| {
            tx.payer(payer)?.ok_or(Rejected::payer())?;
            if let Err(refusal) = self.must_be_trusted(tx, ctx, device, pin)? {
                return Ok(Err(refusal));
            }
            self.must_be_quiet(tx, ctx.now, payer)?;
            let found = tx.enrolment(id)?.filter(|row| row.payer == payer);
            let mut row = found.ok_or(Rejected::enrolment())?;
            if row.state != EnrolmentState::Waiting {
                return Err(Error::from(Rejected::EnrolmentOver));
            }
            if row.expires_at <= ctx.now {
                return Err(Rejected::EnrolmentExpired.into());
            }
            let wanted = enrolment_wanted(payer, id);
            let shown = accept_where_needed(tx, ctx, (payer, checked.as_ref()), &wanted)?;
            let passkey = match shown {
                Ok(passkey) => passkey,
                Err(refusal) => return Ok(Err(refusal)),
            };
            if !bool::from(self.code_hash(id, &proof.code).ct_eq(&row.code_hash)) {
                Self::count_wrong_code(tx, ctx, &mut row)?;
                return Ok(Err(Rejected::CodeWrong));
            }
            let former = self.switch_on(tx, ctx, &mut row, passkey)?;
            self.put_likenesses(tx, ctx, payer, &alike)?;
            Ok(Ok((row, former)))
        })?;
        if confirmed.is_err() && !self.store.read(|tx| tx.has_parts_from(PartSource::Enrolment(id)))? {
            // Too many wrong codes: nothing names the pictures any more.
            self.discard_pictures(&[id]);
        }
        let (row, former) = confirmed?;
        self.discard_pictures(&former);
        if self.readmit(payer)? {
            // Two who look alike may have enrolled at the same time, and neither was in the gallery of the other.
            self.look_again(ctx, payer)?;
        }
        Ok(row)
    }

    fn count_wrong_code(tx: &Tx<'_>, ctx: &mut Context<'_>, row: &mut EnrolmentRow) -> Result<(), Error> {
        row.failures += 1;
        if row.failures >= CODE_FAILURES_MAX {
            row.state = EnrolmentState::Failed;
            row.template_sealed = None;
            tx.delete_parts_from(PartSource::Enrolment(row.id))?;
            let message =
                Message { kind: "enrolment_failed", args: json!({}), reference: row.id.to_string() };
            tell(tx, ctx, row.payer, message)?;
        }
        tx.update_enrolment(row)?;
        record(tx, ctx, &row.payer.to_string(), &row.id, json!({ "event": "enrolment_code_wrong" }))
            .map_err(Error::from)
    }

    /// Puts the waiting face in place of what was there. Returns the former enrolments, whose pictures are to go.
    fn switch_on(
        &self,
        tx: &Tx<'_>,
        ctx: &mut Context<'_>,
        row: &mut EnrolmentRow,
        passkey: Option<PasskeyId>,
    ) -> Result<Vec<EnrolmentId>, Error> {
        let payer = row.payer;
        let sealed = row.template_sealed.take().ok_or(Rejected::EnrolmentOver)?;
        if row.model != self.faces.model_id() {
            // The model was replaced while the code was on its way.
            return Err(Rejected::EnrolmentOver.into());
        }
        let key = tx.face_key(payer)?;
        let source = PartSource::Enrolment(row.id);
        let (own, former): (Vec<_>, Vec<_>) =
            self.parts(tx, payer)?.into_iter().partition(|part| part.source == source);
        tx.delete_templates(payer)?;
        tx.put_template(payer, &sealed, (row.pictures, row.model), ctx.now)?;
        if !own.is_empty() {
            let key = self.known_face_key(payer, key.as_ref())?;
            for part in &own {
                tx.put_part(&part.sealed(ctx, payer, &key))?;
            }
            Self::put_other_models(tx, ctx, (row, &key), &own)?;
        }
        row.state = EnrolmentState::Confirmed;
        tx.update_enrolment(row)?;
        tx.set_face(payer, FaceState::Enabled)?;
        self.write_face_row(tx, payer)?;
        record(tx, ctx, &payer.to_string(), &row.id, by_passkey("face_enabled", passkey))?;
        self.note_faces(tx, ctx)?;
        let message = Message { kind: "face_enabled", args: json!({}), reference: row.id.to_string() };
        tell(tx, ctx, payer, message)?;
        Ok(enrolments_of(former.iter().map(|part| part.source)))
    }

    /// The templates of models that are not in use yet.
    fn put_other_models(
        tx: &Tx<'_>,
        ctx: &mut Context<'_>,
        (row, key): (&EnrolmentRow, &DataKey),
        parts: &[Part],
    ) -> Result<(), Error> {
        let others: BTreeSet<Digest> =
            parts.iter().map(|part| part.model).filter(|model| *model != row.model).collect();
        for model in others {
            if let Some(template) = fused(parts, model)? {
                let sealed = seal_template(key, row.payer, &template, ctx.random);
                tx.put_template(row.payer, &sealed, (row.pictures, model), ctx.now)?;
            }
        }
        Ok(())
    }

    /// Analyses all frames side by side, or refuses at the first that cannot be used.
    pub(crate) fn analyse_frames(&self, frames: &[Zeroizing<Vec<u8>>]) -> Result<Vec<FaceEvidence>, Error> {
        analyse_frames(&self.faces, frames)
    }

    fn code_hash(&self, id: EnrolmentId, code: &str) -> [u8; 32] {
        self.keys.blind_index("enrolment code", &format!("{id} {code}"))
    }
}

fn analyse_frames(models: &FaceModels, frames: &[Zeroizing<Vec<u8>>]) -> Result<Vec<FaceEvidence>, Error> {
    let pictures: Vec<&[u8]> = frames.iter().map(|frame| frame.as_slice()).collect();
    let mut seen = Vec::with_capacity(frames.len());
    for (index, result) in models.analyse_all(&pictures).into_iter().enumerate() {
        seen.push(result.map_err(|error| Error::frame(index, error))?);
    }
    face::link_frames(&mut seen);
    Ok(seen)
}

pub(crate) fn enrolment_of(source: PartSource) -> Option<EnrolmentId> {
    match source {
        PartSource::Enrolment(id) => Some(id),
        PartSource::Capture(_) => None,
    }
}

/// Do all pictures show one and the same face?
pub(crate) fn same_face(templates: &[Template]) -> bool {
    let pairs = templates
        .iter()
        .enumerate()
        .flat_map(|(at, one)| templates.iter().skip(at + 1).map(move |other| (one, other)));
    pairs.into_iter().all(|(one, other)| one.similarity(other).value() >= SAME_FACE_FROM)
}

/// Mean over the frames; none where no liveness model is installed.
pub(crate) fn mean_liveness(seen: &[FaceEvidence]) -> Option<f64> {
    let scores: Option<Vec<f64>> = seen.iter().map(|face| face.frame.liveness.map(|p| p.value())).collect();
    let scores = scores.filter(|scores| !scores.is_empty())?;
    Some(scores.iter().sum::<f64>() / f64::from(u32::try_from(scores.len()).ok()?))
}
