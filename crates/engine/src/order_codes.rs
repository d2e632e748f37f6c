//! Paying without a face: an order's code, shown by its terminal or its merchant and paid on the payer's own device with
//! the PIN. Nobody needs a face, a consent or a capture for it. Decision 10 says why it has this shape.
//!
//! Invariants: only an [`OwnDevice`] pays; an attempt of this kind is made and decided in the transaction that debits,
//! so nobody else ever finds it waiting for anything; all rules behind the verdict are those of a face payment.

use anyhow::anyhow;
use ledger::Account;
use risk::{Case, Check, Face, Passed, Refusal, Verdict};
use serde_json::json;
use store::{FaceState, OrderRow, OrderState, PayerRow, SessionRow, TerminalRow, TerminalState, Tx};
use subtle::ConstantTimeEq;
use types::{Amount, Digest, OrderId, PaymentId, Place, SessionId, Timestamp};
use zeroize::Zeroizing;

use crate::callers::{Caller, OwnDevice};
use crate::debit::Debit;
use crate::decided::Decided;
use crate::engine::{Context, Engine, record};
use crate::orders::{payable, visible_order};
use crate::payers::PaymentView;
use crate::pins::verify_pin;
use crate::recognise::Recognition;
use crate::rejected::{Error, Rejected};
use crate::sessions::{Recognised, SessionState, state_json, state_of};

/// The name under which a debit says that no face was looked at.
pub const ORDER_CODE_RULE: &str = "order_code";
/// Hexadecimal digits of the order's 128 bits.
const ID_DIGITS: usize = 32;
/// Bytes of the fingerprint behind it: nobody guesses 128 bits in the minutes an order is open.
const PROOF_BYTES: usize = 16;

/// An order's code, for whoever shows it.
pub struct OrderCode {
    /// 64 hexadecimal digits. Whoever has them can pay the order, and nothing else.
    pub code: Zeroizing<String>,
    /// When the order ends, and the code with it.
    pub expires_at: Timestamp,
}

/// What stands behind a code, for a payer to read before paying.
#[derive(Clone, Debug, PartialEq)]
pub struct CodedOrder {
    /// The shop's name.
    pub shop: String,
    /// Where the terminal stands.
    pub place: Place,
    /// How much.
    pub amount: Amount,
    /// What for.
    pub description: String,
    /// Until when it can be paid.
    pub expires_at: Timestamp,
    /// Is the money only set aside, for the merchant to take later?
    pub capture_later: bool,
}

/// An order's code to be paid.
pub struct CodePayment {
    /// The code.
    pub code: Zeroizing<String>,
    /// The payment PIN.
    pub pin: Zeroizing<String>,
    /// Is a second purchase meant, where this one looks like the last one once more?
    pub again: bool,
}

/// Whether the PIN was right, and what else the payer said.
#[derive(Clone, Copy)]
struct Said {
    right: bool,
    again: bool,
}

impl Engine {
    /// The code of an open order, for its merchant or its terminal to show. Asked again it is the same.
    ///
    /// # Errors
    /// An unknown order, which includes other people's; one that cannot be paid any more;
    /// a terminal that does not work, [`Rejected::WrongRole`]; an operating fault.
    pub fn order_code(&self, ctx: &Context<'_>, caller: &Caller, id: OrderId) -> Result<OrderCode, Error> {
        self.store.read(|tx| {
            let order = visible_order(tx, caller, id)?;
            open_terminal(tx, &order, ctx.now)?;
            Ok(OrderCode { code: self.code_of(id), expires_at: order.expires_at })
        })
    }

    /// What a code asks its payer for.
    ///
    /// # Errors
    /// An unknown code; an order that cannot be paid any more; a terminal that does not work; an operating fault.
    pub fn coded_order(
        &self,
        ctx: &Context<'_>,
        _device: OwnDevice,
        code: &str,
    ) -> Result<CodedOrder, Error> {
        let id = self.order_of(code)?;
        self.store.read(|tx| {
            let order = tx.order(id)?.ok_or(Rejected::order_code())?;
            let terminal = open_terminal(tx, &order, ctx.now)?;
            let merchant = tx.merchant(order.merchant)?;
            let merchant = merchant.ok_or_else(|| anyhow!("{} has vanished", order.merchant))?;
            Ok(CodedOrder {
                shop: merchant.name,
                place: terminal.place,
                amount: order.amount,
                description: order.description,
                expires_at: order.expires_at,
                capture_later: order.capture_later,
            })
        })
    }

    /// Debits the payer for the order behind a code; `true` when it was done now. Sent again by the same payer it is the
    /// same payment.
    ///
    /// # Errors
    /// An unknown code; an order that cannot be paid any more; a terminal that does not work, [`Rejected::PinWrong`],
    /// [`Rejected::PinLocked`], [`Rejected::DeviceWaits`], [`Rejected::LooksRepeated`], [`Rejected::OverDayLimit`],
    /// [`Rejected::MinorLimit`]; [`Rejected::Ledger`] when the account does not hold enough; an operating fault.
    pub fn pay_by_code(
        &self,
        ctx: &mut Context<'_>,
        device: OwnDevice,
        wanted: &CodePayment,
    ) -> Result<(PaymentView, bool), Error> {
        self.refuse_when_broken()?;
        let id = self.order_of(&wanted.code)?;
        let owner =
            self.store.read(|tx| tx.payer(device.payer)?.ok_or(Rejected::payer()).map_err(Error::from))?;
        let said = Said { right: verify_pin(&owner, &wanted.pin)?, again: wanted.again };
        let paid = self.store.write(|tx| self.pay_in(tx, ctx, device, (id, said)))?;
        let (payment, now) = paid?;
        Ok((self.payment(device, payment)?, now))
    }

    /// The inner refusal is one that leaves a trace: a PIN that was counted, a decision that was recorded.
    fn pay_in(
        &self,
        tx: &Tx<'_>,
        ctx: &mut Context<'_>,
        device: OwnDevice,
        (id, said): (OrderId, Said),
    ) -> Result<Result<(PaymentId, bool), Rejected>, Error> {
        let order = tx.order(id)?.ok_or(Rejected::order_code())?;
        if order.state == OrderState::Paid
            && let Some(paid) = tx.payment_of_order(id)?.filter(|paid| paid.terms().payer == device.payer)
        {
            return Ok(Ok((paid.terms().id, false)));
        }
        let terminal = open_terminal(tx, &order, ctx.now)?;
        if let Err(refusal) = self.must_be_trusted(tx, ctx, device, Some(said.right))? {
            let event =
                json!({ "event": "order_code_refused", "why": refusal.code(), "device": device.device });
            record(tx, ctx, &device.payer.to_string(), &id, event)?;
            return Ok(Err(refusal));
        }
        let mut session = new_attempt(ctx, &order);
        tx.insert_session(&session)?;
        let event = json!({ "event": "order_code_entered", "order": id, "device": device.device });
        record(tx, ctx, &device.payer.to_string(), &session.id, event)?;
        self.decide_by_code(tx, ctx, (&mut session, &order, &terminal), (device, said))
    }

    fn decide_by_code(
        &self,
        tx: &Tx<'_>,
        ctx: &mut Context<'_>,
        (session, order, terminal): (&mut SessionRow, &OrderRow, &TerminalRow),
        (device, said): (OwnDevice, Said),
    ) -> Result<Result<(PaymentId, bool), Rejected>, Error> {
        let known = self.known(tx, ctx, (session, order), Some(device.payer))?;
        let payer = known.payer.ok_or_else(|| anyhow!("{} has vanished", device.payer))?;
        let recognition = Recognition::OrderCode { payer: device.payer, device: device.device };
        let case = Case {
            amount: order.amount,
            face: Face::NotUsed,
            enabled: payer.face == FaceState::Enabled,
            liveness: None,
            passed: [Check::OwnDevice, Check::Pin]
                .map(|check| Passed { check, as_filter: false, passkey: false })
                .to_vec(),
            spent_one_factor_minor: known.spent_one_factor_minor,
            spent_minor: known.spent_minor,
            repeated: known.repeated,
            repeat_meant: said.again,
            hints: Vec::new(),
            holder: known.holder,
            challenge: None,
        };
        let verdict = risk::decide(&self.policy, &case);
        let (seq, recognition) = (known.decisions, &recognition);
        let decided = Decided { session: session.id, seq, recognition, case: &case, verdict: &verdict };
        self.record_decision(tx, ctx, &decided)?;
        match verdict {
            Verdict::Approve { p_wrong, reasons: _ } => {
                let checks = case.passed.iter().map(|passed| passed.check).collect();
                let rule = ORDER_CODE_RULE.to_owned();
                let recognised = Recognised { rule, checks, passkey: false, p_wrong, searched: 0 };
                self.debit_by_code(tx, ctx, (session, order, terminal), (payer, recognised))
            }
            Verdict::Refuse { refusal, p_wrong: _ } => {
                Self::refuse(tx, ctx, session, (refusal, None))?;
                Ok(Err(told(refusal)?))
            }
            Verdict::StepUp { ask, p_wrong: _, reasons: _ } => {
                Err(anyhow!("PIN and own device were passed, and {} is asked", ask.code()).into())
            }
        }
    }

    fn debit_by_code(
        &self,
        tx: &Tx<'_>,
        ctx: &mut Context<'_>,
        (session, order, terminal): (&mut SessionRow, &OrderRow, &TerminalRow),
        (payer, recognised): (PayerRow, Recognised),
    ) -> Result<Result<(PaymentId, bool), Rejected>, Error> {
        let account = Account::Payer(payer.id);
        self.debit(tx, ctx, Debit { session, order, terminal, payer, recognised })?;
        match state_of(session)? {
            SessionState::Approved { payment, payer: _, payer_name: _ } => Ok(Ok((payment, true))),
            SessionState::InsufficientFunds => {
                Ok(Err(Rejected::Ledger(ledger::Rejected::InsufficientFunds { account })))
            }
            SessionState::AwaitingCapture
            | SessionState::AwaitingCheck { ask: _, passed: _, repeated: _ }
            | SessionState::Refused { why: _ } => {
                Err(anyhow!("a debit leaves {} undecided", session.id).into())
            }
        }
    }

    /// The order's id, and behind it a fingerprint that only the holder of the master key can make.
    fn code_of(&self, order: OrderId) -> Zeroizing<String> {
        let proof = Zeroizing::new(self.keys.blind_index("order code", &order.to_string()));
        let (proof, _) = proof.split_at(PROOF_BYTES);
        Zeroizing::new(format!("{:0ID_DIGITS$x}{}", order.to_bits(), hex::encode(proof)))
    }

    fn order_of(&self, code: &str) -> Result<OrderId, Rejected> {
        let id = code.get(..ID_DIGITS).and_then(|digits| u128::from_str_radix(digits, 16).ok());
        let id = OrderId::from_bits(id.ok_or(Rejected::order_code())?);
        let right: bool = self.code_of(id).as_bytes().ct_eq(code.as_bytes()).into();
        if right { Ok(id) } else { Err(Rejected::order_code()) }
    }
}

/// The terminal of an order that can be paid now.
fn open_terminal(tx: &Tx<'_>, order: &OrderRow, now: Timestamp) -> Result<TerminalRow, Error> {
    payable(order, now)?;
    let terminal = tx.terminal(order.terminal)?.ok_or(Rejected::terminal())?;
    match terminal.state {
        TerminalState::Active => Ok(terminal),
        TerminalState::Inactive => Err(Rejected::TerminalInactive.into()),
        TerminalState::Suspended => Err(Rejected::TerminalSuspended.into()),
        TerminalState::Revoked => Err(Rejected::TerminalRevoked.into()),
    }
}

/// An attempt that is decided before anybody else sees it. Nobody holds its nonce, so no terminal can act on it.
fn new_attempt(ctx: &mut Context<'_>, order: &OrderRow) -> SessionRow {
    let mut nobodys = [0; 32];
    ctx.random.fill_bytes(&mut nobodys);
    SessionRow {
        id: SessionId::generate(ctx.now, ctx.random),
        order: order.id,
        terminal: order.terminal,
        nonce_hash: Digest(nobodys),
        state: state_json(&SessionState::AwaitingCapture),
        digits_attempts: 0,
        opened_at: ctx.now,
        expires_at: order.expires_at,
        challenge: None,
    }
}

/// What the payer is told of a refusal. The others are about faces.
fn told(refusal: Refusal) -> Result<Rejected, Error> {
    match refusal {
        Refusal::OverDayLimit => Ok(Rejected::OverDayLimit),
        Refusal::MinorLimit => Ok(Rejected::MinorLimit),
        Refusal::LooksRepeated => Ok(Rejected::LooksRepeated),
        Refusal::NotRecognised
        | Refusal::NotEnabled
        | Refusal::NotLive
        | Refusal::ChallengeFailed
        | Refusal::GuardianNeeded
        | Refusal::StillUnsure
        | Refusal::CheckFailed => {
            Err(anyhow!("an order's code was refused for its face: {}", refusal.code()).into())
        }
    }
}
