//! Attempts to pay an order with a face: opening one, and how far it is.

use risk::{Challenge, Check, Passed, Recognition as Rule, Refusal};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{SessionRow, Tx};
use subtle::ConstantTimeEq;
use types::{Digest, OrderId, PayerId, PaymentId, Probability, SessionId, SignedDuration, Timestamp};
use zeroize::Zeroizing;

use crate::callers::TerminalCaller;
use crate::engine::{Context, Engine, record};
use crate::orders::payable;
use crate::rejected::{Error, Rejected};
use crate::terminals::working;

/// How far an attempt is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum SessionState {
    /// For the terminal's frames.
    AwaitingCapture,
    /// For a further proof.
    AwaitingCheck {
        /// Which.
        ask: Check,
        /// What was passed so far.
        passed: Vec<Passed>,
        /// Does it look like one purchase charged twice?
        #[serde(default)]
        repeated: bool,
    },
    /// Debited.
    Approved {
        /// The debit.
        payment: PaymentId,
        /// Who was debited.
        payer: PayerId,
        /// The payer's name with all but the last character hidden.
        payer_name: String,
    },
    /// Nobody was debited.
    Refused {
        /// Why.
        why: Refusal,
    },
    /// Recognised, but the account does not hold enough.
    InsufficientFunds,
}

/// How a payer was recognised, kept with the debit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recognised {
    /// The rule of the policy then in force, or [`crate::ORDER_CODE_RULE`].
    pub rule: String,
    /// What was asked besides the face, or instead of it.
    pub checks: Vec<Check>,
    /// Did a passkey confirm it on the own device?
    #[serde(default)]
    pub passkey: bool,
    /// The chance that it was somebody else; none under the old rules and without a face.
    pub p_wrong: Option<Probability>,
    /// How many faces were compared.
    pub searched: u64,
}

/// An attempt that was opened. The nonce is shown once.
pub struct OpenedSession {
    /// Its id.
    pub id: SessionId,
    /// What every later call of the attempt carries.
    pub nonce: Zeroizing<String>,
    /// When it ends.
    pub expires_at: Timestamp,
    /// The movements its terminal may ask of the payer; none under a policy without them.
    pub challenge: Option<Challenge>,
    /// Without them the payer is asked for a strong factor.
    pub challenge_needed: bool,
}

/// An attempt, as its terminal sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionView {
    /// Its id.
    pub id: SessionId,
    /// What is to be paid.
    pub order: OrderId,
    /// How far it is; none when it ended without a verdict.
    pub state: Option<SessionState>,
}

impl Engine {
    /// Opens an attempt to pay an order, bound to the order, its amount, its terminal and its place.
    ///
    /// # Errors
    /// An order that is unknown to this terminal, paid, reversed or expired; [`Rejected::TerminalSuspended`]; an
    /// operating fault.
    pub fn open_session(
        &self,
        ctx: &mut Context<'_>,
        caller: TerminalCaller,
        order: OrderId,
    ) -> Result<OpenedSession, Error> {
        self.refuse_when_broken()?;
        let mut bytes = [0; 32];
        ctx.random.fill_bytes(&mut bytes);
        let nonce = Zeroizing::new(hex::encode(bytes));
        let expires_at = ctx.now + SignedDuration::from_secs(i64::from(self.policy.times.session_seconds));
        let id = SessionId::generate(ctx.now, ctx.random);
        let challenge = self.draw_challenge(ctx.random);
        let row = SessionRow {
            id,
            order,
            terminal: caller.terminal,
            nonce_hash: evidence::digest(nonce.as_bytes()),
            state: state_json(&SessionState::AwaitingCapture),
            digits_attempts: 0,
            opened_at: ctx.now,
            expires_at,
            challenge: challenge.as_ref().map(|asked| json!(asked)),
        };
        let amount = self.store.write(|tx| {
            tx.ahead(|tx| tx.terminal(caller.terminal));
            tx.ahead(|tx| tx.order(order));
            let terminal = tx.terminal(caller.terminal)?.ok_or(Rejected::terminal())?;
            working(&terminal)?;
            let found =
                tx.order(order)?.filter(|row| row.terminal == caller.terminal).ok_or(Rejected::order())?;
            payable(&found, ctx.now)?;
            tx.insert_session(&row)?;
            record(
                tx,
                ctx,
                &caller.terminal.to_string(),
                &id,
                json!({ "event": "session_opened", "order": order }),
            )?;
            Ok::<_, Error>(found.amount)
        })?;
        let challenge_needed = challenge.is_some() && self.challenge_needed(amount.minor);
        Ok(OpenedSession { id, nonce, expires_at, challenge, challenge_needed })
    }

    /// How far an attempt is: what a terminal asks that lost an answer.
    ///
    /// # Errors
    /// An unknown attempt, which includes other terminals'; an operating fault.
    pub fn session(
        &self,
        ctx: &Context<'_>,
        caller: TerminalCaller,
        id: SessionId,
    ) -> Result<SessionView, Error> {
        self.store.read(|tx| {
            let row = own_session(tx, caller, id)?;
            session_view(&row, ctx.now)
        })
    }
}

pub(crate) fn own_session(tx: &Tx<'_>, caller: TerminalCaller, id: SessionId) -> Result<SessionRow, Error> {
    let row = tx.session(id)?.filter(|row| row.terminal == caller.terminal);
    Ok(row.ok_or(Rejected::session())?)
}

pub(crate) fn check_nonce(row: &SessionRow, nonce: &str) -> Result<(), Rejected> {
    let Digest(given) = evidence::digest(nonce.as_bytes());
    if bool::from(given.ct_eq(&row.nonce_hash.0)) { Ok(()) } else { Err(Rejected::NonceWrong) }
}

pub(crate) fn state_of(row: &SessionRow) -> Result<SessionState, Error> {
    Ok(serde_json::from_value(row.state.clone()).map_err(anyhow::Error::new)?)
}

pub(crate) fn state_json(state: &SessionState) -> serde_json::Value {
    serde_json::to_value(state).expect("a session's state is plain data")
}

pub(crate) fn session_view(row: &SessionRow, now: Timestamp) -> Result<SessionView, Error> {
    let state = state_of(row)?;
    let waiting = matches!(
        state,
        SessionState::AwaitingCapture | SessionState::AwaitingCheck { ask: _, passed: _, repeated: _ }
    );
    let over = waiting && row.expires_at <= now;
    Ok(SessionView { id: row.id, order: row.order, state: (!over).then_some(state) })
}

/// The rule that compares with everybody, as stored with debits.
pub(crate) const POSTERIOR_RULE: &str = "posterior";

/// The name of a rule, as stored with debits.
pub(crate) const fn rule_name(rule: &Rule) -> &'static str {
    match rule {
        Rule::Posterior(_) => POSTERIOR_RULE,
        Rule::NarrowedByLastFour { threshold: _ } => "narrowed_by_last_four",
    }
}
