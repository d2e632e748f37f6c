//! A face pays: capture, verdict, step-ups, debit.

use std::time::Instant;

use anyhow::{Context as _, anyhow};
use evidence::DataKey;
use face::FaceEvidence;
use risk::{Case, Check, Passed, Refusal, Shown, Verdict};
use serde_json::json;
use store::{CaptureContent, CaptureRow, ConfirmationRow, FaceState, OrderRow, SessionRow, TerminalRow, Tx};
use types::{CaptureId, ConfirmationId, LastFour, PayerId, PhoneNumber, Probability, SessionId, Template};
use zeroize::Zeroizing;

use crate::callers::TerminalCaller;
use crate::challenge::{Moved, Taken, challenge_open};
use crate::debit::Debit;
use crate::decided::Decided;
use crate::engine::{Context, Engine, Message, Timings, record, tell};
use crate::enrolment::same_face;
use crate::keys::KeyOf;
use crate::orders::payable;
use crate::pins::verify_pin;
use crate::probes::KeptProbe;
use crate::recognise::{Probe, Recognition, Scene};
use crate::rejected::{Error, Rejected};
use crate::sessions::{
    Recognised, SessionState, SessionView, check_nonce, own_session, rule_name, session_view, state_json,
    state_of,
};
use crate::terminals::working;

/// An answer to what was asked.
pub struct StepUp {
    /// The attempt.
    pub session: SessionId,
    /// Its nonce.
    pub nonce: Zeroizing<String>,
    /// What was asked.
    pub check: Check,
    /// What the payer typed; none for the own device.
    pub answer: Option<Zeroizing<String>>,
}

/// What the machines measured about the frames of a capture, in order.
#[derive(Clone, Copy)]
pub struct Measured<'a> {
    /// The pictures to keep, those of movements last; none where there are none.
    pub pictures: &'a [Zeroizing<Vec<u8>>],
    /// What was measured about each frame of the payer looking at the camera.
    pub faces: &'a [FaceEvidence],
    /// And about the frames of each movement; empty where the challenge was not run.
    pub moves: &'a [Vec<Moved>],
}

/// An attempt in the transaction that decides it.
struct Attempt<'a> {
    session: &'a mut SessionRow,
    order: &'a OrderRow,
    terminal: &'a TerminalRow,
    recognition: &'a Recognition,
    liveness: Option<f64>,
    challenge: Option<Shown>,
    passed: Vec<Passed>,
}

/// An answer, with what the decision before it knew.
struct Judged {
    recognition: Recognition,
    liveness: Option<f64>,
    challenge: Option<Shown>,
    right: bool,
}

impl Engine {
    /// Takes the frames of an attempt, and decides.
    ///
    /// # Errors
    /// An attempt that is unknown to this terminal, too old, or has its frames; a wrong nonce; an order that
    /// cannot be paid any more; frames that cannot be used (the attempt then still waits for better ones); busy;
    /// an operating fault.
    pub fn capture(
        &self,
        ctx: &mut Context<'_>,
        caller: TerminalCaller,
        (id, nonce): (SessionId, &str),
        taken: Taken<'_>,
    ) -> Result<(SessionView, Timings), Error> {
        self.refuse_when_broken()?;
        let [straight, moving] = taken.split()?;
        let (_, _, session) =
            self.store.read(|tx| Self::waiting_for_capture(tx, ctx, caller, (id, nonce)))?;
        if taken.moves.is_some() {
            challenge_open(&session, ctx.now)?;
        }
        let faces = self.analyse_frames(straight)?;
        let moves = self.analyse_moves(&taken, (straight.len(), moving))?;
        let measured = Measured { pictures: taken.pictures, faces: &faces, moves: &moves };
        self.capture_measured(ctx, caller, (id, nonce), measured)
    }

    /// The deterministic half of [`Engine::capture`]: takes what the machines measured and decides. For whoever has
    /// evidence without pictures, a benchmark or a simulation; no terminal reaches it.
    ///
    /// # Errors
    /// As [`Engine::capture`].
    pub fn capture_measured(
        &self,
        ctx: &mut Context<'_>,
        caller: TerminalCaller,
        (id, nonce): (SessionId, &str),
        measured: Measured<'_>,
    ) -> Result<(SessionView, Timings), Error> {
        let Measured { pictures, faces, moves } = measured;
        let all = faces.iter().chain(moves.iter().flatten().map(|moved| &moved.face));
        let mut timings = Timings { frames: all.map(|face| face.timings).collect(), ..Timings::default() };
        let templates: Vec<Template> = faces.iter().map(|face| face.template.clone()).collect();
        if !same_face(&templates) {
            return Err(Rejected::FramesUnlike.into());
        }
        let template = Template::fuse(&templates).map_err(anyhow::Error::new)?;
        let count = u32::try_from(faces.len()).context("counting frames")?;
        let terminal =
            self.store.read(|tx| tx.terminal(caller.terminal)?.ok_or(Error::from(Rejected::terminal())))?;
        let probe = Probe { template: &template, frames: count, each: &templates };
        let recognition = self.recognise(&probe, Scene { terminal: &terminal, at: ctx.now }, &mut timings)?;

        let start = Instant::now();
        let capture = CaptureId::generate(ctx.now, ctx.random);
        let key = DataKey::draw(ctx.random);
        self.keep_frames(ctx, (capture, &key), pictures)?;
        let probe_sealed = self.seal_probe(&key, id, &probe, ctx.random);
        let row = self.capture_row(ctx, (capture, id), &measured);
        let judged = self.judge_liveness(faces);
        timings.seal = start.elapsed();

        let start = Instant::now();
        let view = self.store.write(|tx| {
            tx.ahead(|tx| tx.session(id));
            tx.ahead(|tx| tx.order_of_session(id));
            tx.ahead(|tx| tx.terminal(caller.terminal));
            // Read before it is written: asked for in the place where it is read first.
            tx.ahead(|tx| tx.capture_report(id));
            tx.ahead(Tx::generations);
            if let Some(payer) = recognition.best() {
                tx.ahead(|tx| tx.payer(payer));
            }
            let (terminal, order, mut session) = Self::waiting_for_capture(tx, ctx, caller, (id, nonce))?;
            Self::note_prints(tx, ctx, (&session, recognition.best()), &measured)?;
            let wrapped = self.keys.wrap(tx, KeyOf::Capture(capture), &key, ctx.random)?;
            self.record_liveness(tx, ctx, id, &judged)?;
            let challenge = self.challenge_shown(tx, ctx, &session, (&measured, &template))?;
            let attempt = Attempt {
                session: &mut session,
                order: &order,
                terminal: &terminal,
                recognition: &recognition,
                liveness: judged.score,
                challenge,
                passed: Vec::new(),
            };
            let payer = self.decide(tx, ctx, attempt)?;
            let content = CaptureContent::Kept { probe_sealed: probe_sealed.clone(), key: Some(wrapped) };
            tx.insert_capture(&CaptureRow { payer, content, ..row.clone() })?;
            session_view(&session, ctx.now)
        });
        if view.is_err() {
            // No record names these pictures, so nobody would ever look at them or delete them.
            self.objects.discard(capture, pictures.len())?;
        }
        timings.commit = start.elapsed();
        Ok((view?, timings))
    }

    /// The record of a capture, but for its face and whose it is.
    fn capture_row(
        &self,
        ctx: &Context<'_>,
        (capture, session): (CaptureId, SessionId),
        measured: &Measured<'_>,
    ) -> CaptureRow {
        let digests = measured.pictures.iter().map(|bytes| Some(evidence::digest(bytes)));
        let digests = digests.chain(std::iter::repeat(None));
        let mut digests = digests;
        let mut digest = || digests.next().flatten();
        let straight = measured.faces.iter().map(|face| json!({ "sha256": digest(), "face": face.frame }));
        let mut frames: Vec<_> = straight.collect();
        for (step, moved) in measured.moves.iter().enumerate() {
            frames.extend(moved.iter().map(|moved| {
                json!({ "sha256": digest(), "face": moved.face.frame, "step": step, "at_ms": moved.at_ms })
            }));
        }
        CaptureRow {
            id: capture,
            session,
            at: ctx.now,
            frames: frames.into(),
            payer: None,
            content: CaptureContent::Kept { probe_sealed: Vec::new(), key: None },
            model: self.faces.model_id(),
        }
    }

    /// Seals the frames of a capture into the object store, before the record that names them.
    fn keep_frames(
        &self,
        ctx: &mut Context<'_>,
        (capture, key): (CaptureId, &DataKey),
        frames: &[Zeroizing<Vec<u8>>],
    ) -> Result<(), Error> {
        for (index, frame) in frames.iter().enumerate() {
            let sealed = key.seal(&frame_label(capture, index), frame, ctx.random);
            if let Err(error) = self.objects.put_frame(capture, index, &sealed) {
                self.objects.discard(capture, index)?;
                return Err(error.into());
            }
        }
        Ok(())
    }

    pub(crate) fn waiting_for_capture(
        tx: &Tx<'_>,
        ctx: &Context<'_>,
        caller: TerminalCaller,
        (id, nonce): (SessionId, &str),
    ) -> Result<(TerminalRow, OrderRow, SessionRow), Error> {
        let session = own_session(tx, caller, id)?;
        check_nonce(&session, nonce)?;
        if state_of(&session)? != SessionState::AwaitingCapture {
            return Err(Rejected::CaptureAlreadySubmitted.into());
        }
        let (terminal, order) = Self::still_open(tx, ctx, &session)?;
        Ok((terminal, order, session))
    }

    /// The attempt's time is not over, its order can be paid, its terminal may take payments.
    fn still_open(
        tx: &Tx<'_>,
        ctx: &Context<'_>,
        session: &SessionRow,
    ) -> Result<(TerminalRow, OrderRow), Error> {
        if session.expires_at <= ctx.now {
            return Err(Rejected::SessionExpired.into());
        }
        let order = tx.order_of_session(session.id)?.ok_or(Rejected::order())?;
        payable(&order, ctx.now)?;
        let terminal = tx.terminal(session.terminal)?.ok_or(Rejected::terminal())?;
        working(&terminal)?;
        Ok((terminal, order))
    }

    /// Takes an answer to what was asked, and decides again.
    ///
    /// # Errors
    /// As [`Engine::capture`], and [`Rejected::CheckNotAsked`]. A wrong answer is no error: the attempt is refused.
    pub fn step_up(
        &self,
        ctx: &mut Context<'_>,
        caller: TerminalCaller,
        step: StepUp,
    ) -> Result<SessionView, Error> {
        self.refuse_when_broken()?;
        let answered = self.take_answer(ctx, caller, &step);
        self.noted(ctx, (caller, step.session), &[], answered)
    }

    fn take_answer(
        &self,
        ctx: &mut Context<'_>,
        caller: TerminalCaller,
        step: &StepUp,
    ) -> Result<SessionView, Error> {
        let Judged { recognition, liveness, challenge, mut right } = self.judge_answer(ctx, caller, step)?;
        self.store.write(|tx| {
            let mut session = own_session(tx, caller, step.session)?;
            let (terminal, order, passed) = Self::asked(tx, ctx, &session, step)?;
            let mut passkey = false;
            if step.check == Check::OwnDevice {
                let question = tx.confirmation_of(session.id)?;
                passkey = question.as_ref().is_some_and(|question| question.passkey.is_some());
                match question.and_then(|question| question.answer) {
                    None => return session_view(&session, ctx.now),
                    Some(yes) => right = yes,
                }
            }
            session.digits_attempts += u32::from(step.check != Check::OwnDevice);
            if step.check == Check::Pin {
                let payer = recognition.best().ok_or_else(|| anyhow!("a PIN was asked of nobody"))?;
                right = self.count_pin(tx, ctx, payer, right)?.is_ok();
            }
            let event = json!({
                "event": "step_up_answered", "check": step.check, "right": right,
                "digits": self.digits_index(session.id, step),
            });
            record(tx, ctx, &caller.terminal.to_string(), &session.id, event)?;
            if right {
                let as_filter = step.check == Check::LastFour && recognition.digits_chose();
                let passed = [passed, vec![Passed { check: step.check, as_filter, passkey }]].concat();
                let attempt = Attempt {
                    session: &mut session,
                    order: &order,
                    terminal: &terminal,
                    recognition: &recognition,
                    liveness,
                    challenge: challenge.clone(),
                    passed,
                };
                let candidate = self.decide(tx, ctx, attempt)?;
                if let Some(payer) = candidate.filter(|_| as_filter) {
                    // Nobody was the candidate yet when the capture was kept.
                    tx.set_capture_payer(step.session, payer)?;
                }
            } else {
                Self::refuse(tx, ctx, &mut session, (Refusal::CheckFailed, recognition.best()))?;
            }
            session_view(&session, ctx.now)
        })
    }

    /// Is the answer right? Slow parts (hashing a PIN, searching) happen here, outside of the write transaction.
    fn judge_answer(
        &self,
        ctx: &Context<'_>,
        caller: TerminalCaller,
        step: &StepUp,
    ) -> Result<Judged, Error> {
        let (session, recognition, case, owner) = self.store.read(|tx| {
            let session = own_session(tx, caller, step.session)?;
            Self::asked(tx, ctx, &session, step)?;
            let last =
                tx.decisions(session.id)?.pop().ok_or_else(|| anyhow!("{} has no decision", session.id))?;
            let recognition: Recognition =
                serde_json::from_value(last.recognition).context("reading a decision")?;
            let case: Case = serde_json::from_value(last.case).context("reading a decision")?;
            let owner = recognition.best().map(|payer| tx.payer(payer)).transpose()?.flatten();
            // A number that was changed meanwhile is not the one the payer was asked about.
            let phone =
                owner.as_ref().map(|owner| self.phone_at(tx, owner, session.opened_at)).transpose()?;
            Ok::<_, Error>((session, recognition, case, phone.flatten().zip(owner)))
        })?;
        let (liveness, challenge) = (case.liveness, case.challenge);
        let typed = step.answer.as_ref().map_or("", |answer| answer.trim());
        if let Recognition::AwaitingDigits = recognition {
            let digits: LastFour =
                typed.parse().or(Err(Rejected::Field { field: "answer", what: "exactly four digits" }))?;
            let recognition = self.recognise_by_digits(ctx, &session, digits)?;
            return Ok(Judged { recognition, liveness, challenge, right: true });
        }
        // Nobody, or the account was closed since: nothing that is typed is right any more.
        let Some((own_phone, owner)) = owner else {
            return Ok(Judged { recognition, liveness, challenge, right: false });
        };
        let right = match step.check {
            Check::LastFour => {
                let digits: LastFour = typed
                    .parse()
                    .or(Err(Rejected::Field { field: "answer", what: "exactly four digits" }))?;
                digits == own_phone.last_four()
            }
            Check::FullPhone => {
                let phone: PhoneNumber = typed
                    .parse()
                    .or(Err(Rejected::Field { field: "answer", what: "a phone number in E.164 form" }))?;
                phone == own_phone
            }
            Check::Pin => verify_pin(&owner, typed)?,
            Check::OwnDevice => false,
        };
        Ok(Judged { recognition, liveness, challenge, right })
    }

    /// A keyed fingerprint of the last four digits that were typed, to compare with a number's of then or now; none where
    /// no number was asked for.
    fn digits_index(&self, session: SessionId, step: &StepUp) -> Option<String> {
        let typed = step.answer.as_ref()?.trim();
        let digits: LastFour = match step.check {
            Check::LastFour => typed.parse().ok()?,
            Check::FullPhone => typed.parse::<PhoneNumber>().ok()?.last_four(),
            Check::Pin | Check::OwnDevice => return None,
        };
        Some(self.digits_of(session, digits))
    }

    pub(crate) fn digits_of(&self, session: SessionId, digits: LastFour) -> String {
        hex::encode(self.keys.blind_index("typed digits", &format!("{session} {}", digits.reveal())))
    }

    /// The attempt asks for this check now; returns its terminal, its order and what was passed so far.
    fn asked(
        tx: &Tx<'_>,
        ctx: &Context<'_>,
        session: &SessionRow,
        step: &StepUp,
    ) -> Result<(TerminalRow, OrderRow, Vec<Passed>), Error> {
        check_nonce(session, &step.nonce)?;
        let SessionState::AwaitingCheck { ask, passed, repeated: _ } = state_of(session)? else {
            return Err(Rejected::CheckNotAsked.into());
        };
        if ask != step.check {
            return Err(Rejected::CheckNotAsked.into());
        }
        let (terminal, order) = Self::still_open(tx, ctx, session)?;
        Ok((terminal, order, passed))
    }

    /// Compares the attempt's face with those whom the digits choose.
    fn recognise_by_digits(
        &self,
        ctx: &Context<'_>,
        session: &SessionRow,
        digits: LastFour,
    ) -> Result<Recognition, Error> {
        let probe = self.probe(session.id)?.ok_or_else(|| anyhow!("{} has no capture", session.id))?;
        let terminal = self.store.read(|tx| tx.terminal(session.terminal).map_err(Error::from))?;
        let terminal = terminal.ok_or(Rejected::terminal())?;
        let KeptProbe { template, each, frames } = &probe;
        let probe = Probe { template, frames: *frames, each };
        self.recognise_chosen(&probe, Scene { terminal: &terminal, at: ctx.now }, digits)
    }

    /// Decides, records the decision with all it depended on, and does what the verdict says. Returns the candidate, if
    /// there is one with a face on record.
    fn decide(
        &self,
        tx: &Tx<'_>,
        ctx: &mut Context<'_>,
        attempt: Attempt<'_>,
    ) -> Result<Option<PayerId>, Error> {
        let Attempt { session, order, terminal, recognition, liveness, challenge, passed } = attempt;
        let best = recognition.best();
        // As the database has it now: face payment may have been switched since the search.
        let known = self.known(tx, ctx, (session, order), best)?;
        let case = Case {
            amount: order.amount,
            face: recognition.face(),
            enabled: known.payer.as_ref().is_some_and(|row| row.face == FaceState::Enabled),
            liveness,
            passed,
            spent_one_factor_minor: known.spent_one_factor_minor,
            spent_minor: known.spent_minor,
            repeated: known.repeated,
            holder: known.holder,
            repeat_meant: false,
            challenge,
            hints: Self::hints(tx, session.id)?,
        };
        let verdict = risk::decide(&self.policy, &case);
        let enrolled = known.payer.as_ref().filter(|row| row.face != FaceState::None).map(|row| row.id);
        let decided = Decided {
            session: session.id,
            seq: known.decisions,
            recognition,
            case: &case,
            verdict: &verdict,
        };
        self.record_decision(tx, ctx, &decided)?;
        match verdict {
            Verdict::Approve { p_wrong, reasons: _ } => {
                let payer = known.payer.ok_or_else(|| anyhow!("nobody was approved"))?;
                let recognised = Recognised {
                    rule: rule_name(&self.policy.recognition).to_owned(),
                    checks: case.passed.iter().map(|passed| passed.check).collect(),
                    passkey: case.passed.iter().any(|passed| passed.passkey),
                    p_wrong,
                    searched: recognition.searched(),
                };
                self.debit(tx, ctx, Debit { session, order, terminal, payer, recognised })?;
            }
            Verdict::StepUp { ask, p_wrong: _, reasons: _ } => {
                if let Some(payer) = best.filter(|_| ask == Check::OwnDevice) {
                    Self::ask_own_device(tx, ctx, (session, order, terminal), payer)?;
                }
                let repeated = case.repeated;
                set_state(tx, session, &SessionState::AwaitingCheck { ask, passed: case.passed, repeated })?;
            }
            Verdict::Refuse { refusal, p_wrong } => {
                let suspect = best.filter(|_| tell_candidate(refusal, p_wrong));
                Self::refuse(tx, ctx, session, (refusal, suspect))?;
            }
        }
        Ok(enrolled)
    }

    fn ask_own_device(
        tx: &Tx<'_>,
        ctx: &mut Context<'_>,
        (session, order, terminal): (&SessionRow, &OrderRow, &TerminalRow),
        payer: PayerId,
    ) -> Result<(), Error> {
        let id = ConfirmationId::generate(ctx.now, ctx.random);
        let row = ConfirmationRow { id, payer, session: session.id, answer: None, passkey: None };
        tx.insert_confirmation(&row, ctx.now)?;
        let args = json!({ "amount": order.amount, "shop": shop(tx, terminal)?, "city": terminal.place.city, "confirmation": id });
        let message = Message { kind: "confirm_payment", args, reference: session.id.to_string() };
        tell(tx, ctx, payer, message).map_err(Error::from)
    }

    /// Ends an attempt without a debit, and tells whoever was nearly taken for the payer.
    pub(crate) fn refuse(
        tx: &Tx<'_>,
        ctx: &mut Context<'_>,
        session: &mut SessionRow,
        (why, suspect): (Refusal, Option<PayerId>),
    ) -> Result<(), Error> {
        set_state(tx, session, &SessionState::Refused { why })?;
        record(tx, ctx, "surety", &session.id, json!({ "event": "session_refused", "why": why }))?;
        if let Some(payer) = suspect {
            let order = tx.order(session.order)?.ok_or(Rejected::order())?;
            let terminal = tx.terminal(session.terminal)?.ok_or(Rejected::terminal())?;
            let args = json!({ "amount": order.amount, "shop": shop(tx, &terminal)?, "city": terminal.place.city, "why": why });
            let message = Message { kind: "payment_stopped", args, reference: session.id.to_string() };
            tell(tx, ctx, payer, message)?;
        }
        Ok(())
    }
}

/// Whoever comes into question is told of a stopped attempt, unless the face was so unlike that it is noise.
fn tell_candidate(refusal: Refusal, p_wrong: Option<Probability>) -> bool {
    match refusal {
        Refusal::NotRecognised => p_wrong.is_some_and(|p| p.value() < 0.999),
        Refusal::NotEnabled
        | Refusal::NotLive
        | Refusal::ChallengeFailed
        | Refusal::StillUnsure
        | Refusal::CheckFailed
        | Refusal::OverDayLimit
        | Refusal::GuardianNeeded
        | Refusal::MinorLimit
        | Refusal::LooksRepeated => true,
    }
}

/// What a capture's probe is sealed for.
pub(crate) fn probe_label(session: SessionId) -> String {
    format!("probe {session}")
}

/// What a capture's picture is sealed for.
pub(crate) fn frame_label(capture: CaptureId, index: usize) -> String {
    format!("frame {capture} {index}")
}

pub(crate) fn set_state(tx: &Tx<'_>, session: &mut SessionRow, state: &SessionState) -> Result<(), Error> {
    session.state = state_json(state);
    tx.update_session(session).map_err(Error::from)
}

fn shop(tx: &Tx<'_>, terminal: &TerminalRow) -> Result<String, Error> {
    let merchant = tx.merchant(terminal.merchant)?;
    Ok(merchant.ok_or_else(|| anyhow!("{} has vanished", terminal.merchant))?.name)
}
