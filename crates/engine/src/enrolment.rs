//! Enrolment: pictures, and the holder's confirmation with a code from the own device channel.

use face::FaceEvidence;
use gallery::{Filter, Query};
use serde_json::json;
use store::{EnrolmentRow, EnrolmentState, FaceState, Tx};
use subtle::ConstantTimeEq;
use types::{EnrolmentId, PasskeyId, PayerId, SignedDuration, Template};
use zeroize::Zeroizing;

use crate::callers::OwnDevice;
use crate::consents::consent_in_force;
use crate::engine::{Context, Engine, FRAMES_ENROL, Message, entry, new_code, record, seal_template, tell};
use crate::passkeys::{PasskeyAnswer, accept_where_needed, by_passkey, enrolment_wanted};
use crate::pins::verify_pin;
use crate::rejected::{Error, Rejected};

const CODE_FAILURES_MAX: u32 = 5;
/// Pictures of one person score above this against each other, even across years and light (SFace: 0.364 is
/// the threshold of one false match in a thousand); below it they show two people.
const SAME_FACE_FROM: f64 = 0.364;
const LOOK_ALIKES_MAX: usize = 20;

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
        let template = self.enrolment_template(frames)?;
        let id = EnrolmentId::generate(ctx.now, ctx.random);
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
            model: self.faces.model_id(),
            created_at: ctx.now,
            expires_at: ctx.now
                + SignedDuration::from_mins(i64::from(self.policy.times.enrolment_code_minutes)),
        };
        self.store.write(|tx| {
            // Locked before the consent is read again: whoever withdraws it meanwhile erases this template as well.
            tx.payer(payer)?.ok_or(Rejected::payer())?;
            if tx.consent(payer)?.is_none_or(|given| given.id != row.consent) {
                return Err(Error::from(Rejected::ConsentMissing));
            }
            let key = self.face_key(tx, ctx, payer)?;
            row.template_sealed = Some(seal_template(&key, payer, &template, ctx.random));
            tx.discard_enrolments(payer)?;
            tx.insert_enrolment(&row)?;
            record(
                tx,
                ctx,
                &payer.to_string(),
                &id,
                json!({ "event": "enrolment_waiting", "pictures": row.pictures }),
            )?;
            let args = json!({ "code": code, "minutes": self.policy.times.enrolment_code_minutes });
            let message = Message { kind: "enrolment_code", args, reference: id.to_string() };
            tell(tx, ctx, payer, message).map_err(Error::from)
        })?;
        Ok(row)
    }

    fn enrolment_template(&self, frames: &[Zeroizing<Vec<u8>>]) -> Result<Template, Error> {
        let seen = self.analyse_frames(frames)?;
        let templates: Vec<Template> = seen.iter().map(|face| face.template.clone()).collect();
        if !same_face(&templates) {
            return Err(Rejected::FramesUnlike.into());
        }
        if mean_liveness(&seen).is_some_and(|score| score < self.policy.liveness.refuse_below) {
            return Err(Rejected::EnrolmentNotLive.into());
        }
        Ok(Template::fuse(&templates).map_err(anyhow::Error::new)?)
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
            let template = self.switch_on(tx, ctx, &mut row, passkey)?;
            Ok(Ok((row, template)))
        })?;
        let (row, template) = confirmed?;
        let owner = || self.store.read(|tx| tx.payer(payer)?.ok_or(Rejected::payer()).map_err(Error::from));
        let known = owner()?;
        let contact = self.contact(&known)?.ok_or(Rejected::payer())?;
        let entry = entry(payer, row.pictures, (&contact.phone, known.home), known.face);
        self.gallery.insert(entry, &template).map_err(anyhow::Error::new)?;
        // Erased between the commit and the insertion: whoever erased it found nothing in memory.
        if owner()?.face == FaceState::None {
            self.gallery.remove(payer).map_err(anyhow::Error::new)?;
        }
        Ok(row)
    }

    fn count_wrong_code(tx: &Tx<'_>, ctx: &mut Context<'_>, row: &mut EnrolmentRow) -> Result<(), Error> {
        row.failures += 1;
        if row.failures >= CODE_FAILURES_MAX {
            row.state = EnrolmentState::Failed;
            row.template_sealed = None;
            let message =
                Message { kind: "enrolment_failed", args: json!({}), reference: row.id.to_string() };
            tell(tx, ctx, row.payer, message)?;
        }
        tx.update_enrolment(row)?;
        record(tx, ctx, &row.payer.to_string(), &row.id, json!({ "event": "enrolment_code_wrong" }))
            .map_err(Error::from)
    }

    fn switch_on(
        &self,
        tx: &Tx<'_>,
        ctx: &mut Context<'_>,
        row: &mut EnrolmentRow,
        passkey: Option<PasskeyId>,
    ) -> Result<Template, Error> {
        let sealed = row.template_sealed.take().ok_or(Rejected::EnrolmentOver)?;
        let key = tx.face_key(row.payer)?;
        let template = self.open_template(row.payer, key.as_ref(), &sealed)?;
        tx.put_template(row.payer, &sealed, (row.pictures, row.model), ctx.now)?;
        row.state = EnrolmentState::Confirmed;
        tx.update_enrolment(row)?;
        tx.set_face(row.payer, FaceState::Enabled)?;
        self.record_look_alikes(tx, ctx, row.payer, &template)?;
        record(tx, ctx, &row.payer.to_string(), &row.id, by_passkey("face_enabled", passkey))?;
        self.note_faces(tx, ctx)?;
        let message = Message { kind: "face_enabled", args: json!({}), reference: row.id.to_string() };
        tell(tx, ctx, row.payer, message)?;
        Ok(template)
    }

    /// Searches the new face against everybody; close pairs need a strong factor from now on.
    fn record_look_alikes(
        &self,
        tx: &Tx<'_>,
        ctx: &mut Context<'_>,
        payer: PayerId,
        template: &Template,
    ) -> Result<(), Error> {
        let risk::Recognition::Posterior(certainty) = &self.policy.recognition else { return Ok(()) };
        let query = Query { probe: template, filter: Filter::default(), top: LOOK_ALIKES_MAX, named: &[] };
        let search = self.gallery.search(&query).map_err(anyhow::Error::new)?;
        for hit in search.hits {
            if hit.payer != payer && hit.score.value() >= certainty.look_alike_from {
                tx.put_look_alike(payer, hit.payer, hit.score.value(), ctx.now)?;
                record(
                    tx,
                    ctx,
                    "surety",
                    &payer,
                    json!({ "event": "look_alike_found", "other": hit.payer, "score": hit.score }),
                )?;
            }
        }
        Ok(())
    }

    /// Analyses all frames side by side, or refuses at the first that cannot be used.
    pub(crate) fn analyse_frames(&self, frames: &[Zeroizing<Vec<u8>>]) -> Result<Vec<FaceEvidence>, Error> {
        let analysed: Vec<_> = std::thread::scope(|scope| {
            let running: Vec<_> =
                frames.iter().map(|frame| scope.spawn(|| self.faces.analyse(frame))).collect();
            running.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
        });
        let mut seen = Vec::with_capacity(frames.len());
        for (index, result) in analysed.into_iter().enumerate() {
            let result =
                result.map_err(|_panic| anyhow::anyhow!("the analysis of frame {index} panicked"))?;
            seen.push(result.map_err(|error| Error::frame(index, error))?);
        }
        Ok(seen)
    }

    fn code_hash(&self, id: EnrolmentId, code: &str) -> [u8; 32] {
        self.keys.blind_index("enrolment code", &format!("{id} {code}"))
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
