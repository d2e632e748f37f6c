//! A face pays: capture, verdict, step-ups, debit.

use std::time::Instant;

use anyhow::{Context as _, anyhow};
use face::FaceEvidence;
use ledger::{Account, Purpose, Transfer};
use risk::{Case, Check, Passed, Refusal, Verdict};
use serde_json::json;
use store::{
    CaptureRow, ConfirmationRow, DecisionRow, FaceState, OrderRow, OrderState, PaymentRow, PaymentState,
    SessionRow, TerminalRow, Tx,
};
use types::{
    CaptureId, ConfirmationId, LastFour, PayerId, PaymentId, PhoneNumber, Probability, SessionId,
    SignedDuration, Template, TransferId,
};
use zeroize::Zeroizing;

use crate::callers::TerminalCaller;
use crate::engine::{Context, Engine, FRAMES_PAY, Message, Timings, record, tell};
use crate::enrolment::same_face;
use crate::orders::payable;
use crate::payers::{count_pin, verify_pin};
use crate::recognise::{Probe, Recognition, Scene};
use crate::rejected::{Error, Rejected};
use crate::sessions::{
    Recognised, SessionState, SessionView, check_nonce, own_session, rule_name, session_view, state_json,
    state_of,
};

const DAY: SignedDuration = SignedDuration::from_hours(24);

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

/// An attempt in the transaction that decides it.
struct Attempt<'a> {
    session: &'a mut SessionRow,
    order: &'a OrderRow,
    terminal: &'a TerminalRow,
    recognition: &'a Recognition,
    liveness: Option<f64>,
    passed: Vec<Passed>,
}

/// An answer, with what the decision before it knew.
struct Judged {
    recognition: Recognition,
    liveness: Option<f64>,
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
        frames: &[Vec<u8>],
    ) -> Result<(SessionView, Timings), Error> {
        self.refuse_when_broken()?;
        if !FRAMES_PAY.contains(&frames.len()) {
            return Err(Rejected::Field { field: "frames", what: "1 to 3 pictures" }.into());
        }
        let (terminal, _, session) =
            self.store.read(|tx| Self::waiting_for_capture(tx, ctx, caller, (id, nonce)))?;
        let seen = self.analyse_frames(frames)?;
        let mut timings =
            Timings { frames: seen.iter().map(|face| face.timings).collect(), ..Timings::default() };
        let templates: Vec<Template> = seen.iter().map(|face| face.template.clone()).collect();
        if !same_face(&templates) {
            return Err(Rejected::FramesUnlike.into());
        }
        let template = Template::fuse(&templates).map_err(anyhow::Error::new)?;
        let count = u32::try_from(frames.len()).expect("the number of frames was checked");
        let scene = Scene { terminal: &terminal, at: ctx.now };
        let recognition = self.recognise(
            &Probe { template: &template, frames: count, each: &templates },
            scene,
            &mut timings,
        )?;

        let start = Instant::now();
        let capture = CaptureId::generate(ctx.now, ctx.random);
        self.keep_frames(ctx, capture, frames)?;
        let measured: Vec<_> = frames
            .iter()
            .zip(&seen)
            .map(|(bytes, face)| json!({ "sha256": evidence::digest(bytes), "face": face.frame }))
            .collect();
        let row = CaptureRow {
            id: capture,
            session: session.id,
            at: ctx.now,
            frames: measured.into(),
            probe_sealed: self.keyring.seal(
                &format!("probe {id}"),
                &Zeroizing::new(template.to_bytes()),
                ctx.random,
            ),
            model: self.faces.model_id(),
        };
        timings.seal = start.elapsed();

        let start = Instant::now();
        let view = self.store.write(|tx| {
            let (terminal, order, mut session) = Self::waiting_for_capture(tx, ctx, caller, (id, nonce))?;
            tx.insert_capture(&row)?;
            let liveness = least_liveness(&seen);
            let recognition = &recognition;
            let attempt = Attempt {
                session: &mut session,
                order: &order,
                terminal: &terminal,
                recognition,
                liveness,
                passed: Vec::new(),
            };
            self.decide(tx, ctx, attempt)?;
            session_view(&session, ctx.now)
        });
        if view.is_err() {
            // No record names these pictures, so nobody would ever look at them or delete them.
            self.objects.discard(capture, frames.len())?;
        }
        timings.commit = start.elapsed();
        Ok((view?, timings))
    }

    /// Seals the frames of a capture into the object store, before the record that names them.
    fn keep_frames(
        &self,
        ctx: &mut Context<'_>,
        capture: CaptureId,
        frames: &[Vec<u8>],
    ) -> Result<(), Error> {
        for (index, frame) in frames.iter().enumerate() {
            let sealed = self.keyring.seal(&format!("frame {capture} {index}"), frame, ctx.random);
            if let Err(error) = self.objects.put_frame(capture, index, &sealed) {
                self.objects.discard(capture, index)?;
                return Err(error.into());
            }
        }
        Ok(())
    }

    fn waiting_for_capture(
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
        let order = tx.order(session.order)?.ok_or(Rejected::order())?;
        payable(&order, ctx.now)?;
        let terminal = tx.terminal(session.terminal)?.ok_or(Rejected::terminal())?;
        if terminal.suspended { Err(Rejected::TerminalSuspended.into()) } else { Ok((terminal, order)) }
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
        let Judged { recognition, liveness, mut right } = self.judge_answer(ctx, caller, &step)?;
        self.store.write(|tx| {
            let mut session = own_session(tx, caller, step.session)?;
            let (terminal, order, passed) = Self::asked(tx, ctx, &session, &step)?;
            if step.check == Check::OwnDevice {
                match tx.confirmation_of(session.id)?.and_then(|question| question.answer) {
                    None => return session_view(&session, ctx.now),
                    Some(yes) => right = yes,
                }
            }
            session.digits_attempts += u32::from(step.check != Check::OwnDevice);
            if step.check == Check::Pin {
                let payer = recognition.best().ok_or_else(|| anyhow!("a PIN was asked of nobody"))?;
                right = count_pin(tx, ctx, payer, right)?.is_ok();
            }
            let event = json!({ "event": "step_up_answered", "check": step.check, "right": right });
            record(tx, ctx, &caller.terminal.to_string(), &session.id, event)?;
            if right {
                let as_filter = matches!(recognition, Recognition::Narrowed { best: _, searched: _ });
                let passed = [passed, vec![Passed { check: step.check, as_filter }]].concat();
                let attempt = Attempt {
                    session: &mut session,
                    order: &order,
                    terminal: &terminal,
                    recognition: &recognition,
                    liveness,
                    passed,
                };
                self.decide(tx, ctx, attempt)?;
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
        let (session, recognition, liveness, owner) = self.store.read(|tx| {
            let session = own_session(tx, caller, step.session)?;
            Self::asked(tx, ctx, &session, step)?;
            let last =
                tx.decisions(session.id)?.pop().ok_or_else(|| anyhow!("{} has no decision", session.id))?;
            let recognition: Recognition =
                serde_json::from_value(last.recognition).context("reading a decision")?;
            let case: Case = serde_json::from_value(last.case).context("reading a decision")?;
            let owner = recognition.best().map(|payer| tx.payer(payer)).transpose()?.flatten();
            Ok::<_, Error>((session, recognition, case.liveness, owner))
        })?;
        let typed = step.answer.as_ref().map_or("", |answer| answer.trim());
        if let Recognition::AwaitingDigits = recognition {
            let digits: LastFour =
                typed.parse().or(Err(Rejected::Field { field: "answer", what: "exactly four digits" }))?;
            let probe = self.probe(session.id)?.ok_or_else(|| anyhow!("{} has no capture", session.id))?;
            let recognition = self.recognise_narrowed(&probe, digits)?;
            return Ok(Judged { recognition, liveness, right: true });
        }
        let Some(owner) = owner else { return Ok(Judged { recognition, liveness, right: false }) };
        let contact = self.open_contact(owner.id, &owner.contact_sealed)?;
        let right = match step.check {
            Check::LastFour => {
                let digits: LastFour = typed
                    .parse()
                    .or(Err(Rejected::Field { field: "answer", what: "exactly four digits" }))?;
                digits == contact.phone.last_four()
            }
            Check::FullPhone => {
                let phone: PhoneNumber = typed
                    .parse()
                    .or(Err(Rejected::Field { field: "answer", what: "a phone number in E.164 form" }))?;
                phone == contact.phone
            }
            Check::Pin => verify_pin(&owner, typed)?,
            Check::OwnDevice => false,
        };
        Ok(Judged { recognition, liveness, right })
    }

    /// The attempt asks for this check now; returns its terminal, its order and what was passed so far.
    fn asked(
        tx: &Tx<'_>,
        ctx: &Context<'_>,
        session: &SessionRow,
        step: &StepUp,
    ) -> Result<(TerminalRow, OrderRow, Vec<Passed>), Error> {
        check_nonce(session, &step.nonce)?;
        let SessionState::AwaitingCheck { ask, passed } = state_of(session)? else {
            return Err(Rejected::CheckNotAsked.into());
        };
        if ask != step.check {
            return Err(Rejected::CheckNotAsked.into());
        }
        let (terminal, order) = Self::still_open(tx, ctx, session)?;
        Ok((terminal, order, passed))
    }

    /// The fused template of an attempt's capture, if it was kept.
    pub(crate) fn probe(&self, session: SessionId) -> Result<Option<Template>, Error> {
        let Some(capture) = self.store.read(|tx| tx.capture(session).map_err(Error::from))? else {
            return Ok(None);
        };
        let bytes = self
            .keyring
            .open(&format!("probe {session}"), &capture.probe_sealed)
            .context("opening a probe")?;
        Ok(Some(Template::from_bytes(&bytes).context("reading a probe")?))
    }

    /// Decides, records the decision with all it depended on, and does what the verdict says.
    fn decide(&self, tx: &Tx<'_>, ctx: &mut Context<'_>, attempt: Attempt<'_>) -> Result<(), Error> {
        let Attempt { session, order, terminal, recognition, liveness, passed } = attempt;
        let best = recognition.best();
        // As the database has it now: face payment may have been switched since the search.
        let (enabled, (spent_minor, spent_one_factor_minor)) = match best {
            Some(payer) => {
                let spent = tx.spent_since(payer, order.amount.currency, ctx.now - DAY)?;
                (tx.payer(payer)?.is_some_and(|row| row.face == FaceState::Enabled), spent)
            }
            None => (false, (0, 0)),
        };
        let case = Case {
            amount: order.amount,
            face: recognition.face(),
            enabled,
            liveness,
            passed,
            spent_one_factor_minor,
            spent_minor,
        };
        let verdict = risk::decide(&self.policy, &case);
        let seq = tx.decision_count(session.id)?;
        tx.insert_decision(&DecisionRow {
            session: session.id,
            seq,
            at: ctx.now,
            policy: self.policy_digest,
            calibration: self.calibration.provenance().id.clone(),
            recognition: serde_json::to_value(recognition).context("writing a decision")?,
            case: serde_json::to_value(&case).context("writing a decision")?,
            verdict: serde_json::to_value(&verdict).context("writing a decision")?,
        })?;
        match verdict {
            Verdict::Approve { p_wrong, reasons: _ } => {
                let payer = best.ok_or_else(|| anyhow!("nobody was approved"))?;
                let recognised = Recognised {
                    rule: rule_name(&self.policy.recognition).to_owned(),
                    checks: case.passed.iter().map(|passed| passed.check).collect(),
                    p_wrong,
                    searched: recognition.searched(),
                };
                self.debit(tx, ctx, Debit { session, order, terminal, payer, recognised })
            }
            Verdict::StepUp { ask, p_wrong: _, reasons: _ } => {
                if let Some(payer) = best.filter(|_| ask == Check::OwnDevice) {
                    Self::ask_own_device(tx, ctx, (session, order, terminal), payer)?;
                }
                set_state(tx, session, &SessionState::AwaitingCheck { ask, passed: case.passed })
            }
            Verdict::Refuse { refusal, p_wrong } => {
                let suspect = best.filter(|_| tell_candidate(refusal, p_wrong));
                Self::refuse(tx, ctx, session, (refusal, suspect))
            }
        }
    }

    fn ask_own_device(
        tx: &Tx<'_>,
        ctx: &mut Context<'_>,
        (session, order, terminal): (&SessionRow, &OrderRow, &TerminalRow),
        payer: PayerId,
    ) -> Result<(), Error> {
        let id = ConfirmationId::generate(ctx.now, ctx.random);
        tx.insert_confirmation(&ConfirmationRow { id, payer, session: session.id, answer: None }, ctx.now)?;
        let args = json!({ "amount": order.amount, "shop": shop(tx, terminal)?, "city": terminal.place.city, "confirmation": id });
        let message = Message { kind: "confirm_payment", args, reference: session.id.to_string() };
        tell(tx, ctx, payer, message).map_err(Error::from)
    }

    /// Ends an attempt without a debit, and tells whoever was nearly taken for the payer.
    fn refuse(
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

    /// Debits a payer: transfer, payment, order, event and message together or not at all.
    fn debit(&self, tx: &Tx<'_>, ctx: &mut Context<'_>, debit: Debit<'_>) -> Result<(), Error> {
        let Debit { session, order, terminal, payer, recognised } = debit;
        payable(order, ctx.now)?;
        let owner = tx.payer(payer)?.ok_or_else(|| anyhow!("{payer} has vanished"))?;
        let id = PaymentId::generate(ctx.now, ctx.random);
        let transfer = Transfer {
            id: TransferId::generate(ctx.now, ctx.random),
            from: Account::Payer(payer),
            to: Account::MerchantPending(order.merchant),
            amount: order.amount,
            purpose: Purpose::Payment { payment: id },
        };
        match tx.post(&transfer, ctx.now) {
            Ok(applied) => assert!(applied, "a fresh transfer is applied"),
            Err(store::PostError::Rejected(ledger::Rejected::InsufficientFunds { account }))
                if account == transfer.from =>
            {
                record(tx, ctx, "surety", &session.id, json!({ "event": "insufficient_funds" }))?;
                return set_state(tx, session, &SessionState::InsufficientFunds);
            }
            Err(error) => return Err(error.into()),
        }
        let shop = shop(tx, terminal)?;
        let args = json!({
            "amount": order.amount, "shop": shop, "city": terminal.place.city,
            "checks": recognised.checks, "p_wrong": recognised.p_wrong, "searched": recognised.searched,
        });
        tx.insert_payment(&PaymentRow {
            id,
            order: order.id,
            session: session.id,
            payer,
            merchant: order.merchant,
            terminal: terminal.id,
            amount: order.amount,
            state: PaymentState::Pending,
            held: false,
            strong: recognised.checks.iter().any(|check| check.is_strong()),
            recognised: serde_json::to_value(&recognised).context("writing a payment")?,
            transfer: transfer.id,
            at: ctx.now,
        })?;
        tx.set_order_state(order.id, OrderState::Paid)?;
        let payer_name = mask(&self.open_contact(payer, &owner.contact_sealed)?.name);
        set_state(tx, session, &SessionState::Approved { payment: id, payer, payer_name })?;
        record(tx, ctx, "surety", &id, json!({ "event": "payment_debited", "order": order.id }))?;
        tell(tx, ctx, payer, Message { kind: "payment_debited", args, reference: id.to_string() })
            .map_err(Error::from)
    }
}

struct Debit<'a> {
    session: &'a mut SessionRow,
    order: &'a OrderRow,
    terminal: &'a TerminalRow,
    payer: PayerId,
    recognised: Recognised,
}

/// Whoever comes into question is told of a stopped attempt, unless the face was so unlike that it is noise.
fn tell_candidate(refusal: Refusal, p_wrong: Option<Probability>) -> bool {
    match refusal {
        Refusal::NotRecognised => p_wrong.is_some_and(|p| p.value() < 0.999),
        Refusal::NotEnabled
        | Refusal::NotLive
        | Refusal::StillUnsure
        | Refusal::CheckFailed
        | Refusal::OverDayLimit => true,
    }
}

fn set_state(tx: &Tx<'_>, session: &mut SessionRow, state: &SessionState) -> Result<(), Error> {
    session.state = state_json(state);
    tx.update_session(session).map_err(Error::from)
}

/// Of the frame that looks least alive: one frame of a photograph among live ones is enough to deceive. None where
/// no liveness model is installed.
fn least_liveness(seen: &[FaceEvidence]) -> Option<f64> {
    let scores: Option<Vec<f64>> = seen.iter().map(|face| face.frame.liveness.map(|p| p.value())).collect();
    scores?.into_iter().reduce(f64::min)
}

fn shop(tx: &Tx<'_>, terminal: &TerminalRow) -> Result<String, Error> {
    let merchant = tx.merchant(terminal.merchant)?;
    Ok(merchant.ok_or_else(|| anyhow!("{} has vanished", terminal.merchant))?.name)
}

/// All but the last character hidden: enough for a payer to know the own name, too little for a stranger.
fn mask(name: &str) -> String {
    name.chars().last().map_or_else(String::new, |last| format!("**{last}"))
}
