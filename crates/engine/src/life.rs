//! The life of a payment: every transition in one transaction with its money, its record, the payer's message, the
//! line of the merchant's bill and the merchant's webhook.

use anyhow::anyhow;
use disputes::{Compensation, Outcome};
use ledger::{Account, Purpose, Transfer};
use payments::{Charge, Command, Event, Payment, Standing, State, fee, split_settled};
use serde_json::{Value, json};
use store::{BillLineKind, BillLineRow, MerchantRow, OrderRow, PaymentRow, RefundRow, Tx};
use types::{Amount, DisputeId, PaymentId, TransferId};

use crate::engine::{Context, Message, record, tell};
use crate::outbox::announce;
use crate::rejected::{Error, Rejected};

/// What stands behind a step, where there is more to it than the step itself.
pub(crate) enum Cause<'a> {
    /// Nothing.
    Itself,
    /// A refund that the merchant asked for.
    Refund(&'a RefundRow),
    /// The recovery of what the reserve paid for a case.
    Recovery {
        /// Which case.
        dispute: DisputeId,
        /// The first movement's id.
        transfer: TransferId,
    },
}

/// A step of a payment: who takes it, what, and why.
pub(crate) struct Step<'a> {
    pub(crate) actor: &'a str,
    pub(crate) command: Command,
    pub(crate) cause: Cause<'a>,
}

/// Decides a step and does all that follows from it; `None` when it was done before.
pub(crate) fn advance_payment(
    tx: &Tx<'_>,
    ctx: &mut Context<'_>,
    row: &mut PaymentRow,
    step: &Step<'_>,
) -> Result<Option<Event>, Error> {
    let standing = standing(tx, row.payment.terms.id)?;
    let Some(event) = row.payment.decide(step.command, standing, ctx.now)? else { return Ok(None) };
    let movements = movements(tx, ctx, (&row.payment, &event), &step.cause)?;
    if !movements.is_empty() {
        assert!(tx.apply(&movements, ctx.now)?, "fresh movements are applied");
    }
    let before = row.payment.clone();
    row.payment.apply(&event, ctx.now);
    tx.update_payment(row)?;
    if let Cause::Refund(refund) = step.cause {
        tx.insert_refund(refund)?;
    }
    let terms = &row.payment.terms;
    let merchant = tx.merchant(terms.merchant)?.ok_or_else(|| anyhow!("{} has vanished", terms.merchant))?;
    let order = tx.order(terms.order)?.ok_or_else(|| anyhow!("{} has vanished", terms.order))?;
    let change = Change { row, before: &before, event: &event, merchant: &merchant, order: &order };
    publish(tx, ctx, &change, step.actor, &step.cause)?;
    if let Some((kind, args)) = told(&change, &step.cause) {
        let (payer, reference) = (change.row.terms().payer, change.row.terms().id.to_string());
        tell(tx, ctx, payer, Message { kind, args, reference })?;
    }
    Ok(Some(event))
}

/// What the disputes say about a payment.
pub(crate) fn standing(tx: &Tx<'_>, payment: PaymentId) -> Result<Standing, Error> {
    let Some(row) = tx.dispute_of_payment(payment)? else { return Ok(Standing::Clear) };
    Ok(match (&row.dispute.compensation, &row.dispute.outcome) {
        (Compensation::Paid { amount: _, transfer: _, at: _ }, _) => Standing::Compensated,
        (_, Outcome::Closed { finding: _, note: _, at: _ }) => Standing::Clear,
        (_, Outcome::Open | Outcome::Found { finding: _, note: _, at: _, by: _ }) => Standing::Disputed,
    })
}

/// The money an event moves.
fn movements(
    tx: &Tx<'_>,
    ctx: &mut Context<'_>,
    (payment, event): (&Payment, &Event),
    cause: &Cause<'_>,
) -> Result<Vec<ledger::Command>, Error> {
    let terms = &payment.terms;
    let hold = terms.hold;
    let id = TransferId::generate(ctx.now, ctx.random);
    let payer = Account::Payer(terms.payer);
    Ok(match (event, cause) {
        (Event::Captured { amount, transfer }, _) => {
            vec![ledger::Command::PostHold { id: *transfer, hold, amount: *amount }]
        }
        (Event::Voided, _) => vec![ledger::Command::VoidHold { id, hold }],
        (Event::Expired, _) => vec![ledger::Command::ExpireHold { id, hold }],
        (Event::Reversed, _) => match payment.captured() {
            None => vec![ledger::Command::VoidHold { id, hold }],
            Some(captured) => vec![ledger::Command::Move(Transfer {
                id,
                from: Account::MerchantPending(terms.merchant),
                to: payer,
                amount: captured.amount,
                purpose: Purpose::Reversal { payment: terms.id },
            })],
        },
        (Event::Refunded { refund, amount: _, charge }, Cause::Refund(_)) => {
            // Named after the refund, so that the books themselves refuse to pay it twice.
            let first = TransferId::from_bits(refund.to_bits());
            returned(tx, ctx, (payment, charge), (first, payer, Purpose::Refund { refund: *refund }))?
        }
        (Event::Recovered { amount: _, charge }, Cause::Recovery { dispute, transfer }) => {
            let purpose = Purpose::Recovery { dispute: *dispute };
            returned(tx, ctx, (payment, charge), (*transfer, Account::Reserve, purpose))?
        }
        (
            Event::Refunded { refund: _, amount: _, charge: _ } | Event::Recovered { amount: _, charge: _ },
            _,
        ) => {
            unreachable!("money goes back for a refund or a recovery")
        }
        // A settlement moves the money of many payments at once.
        (Event::Settled { settlement: _, net: _, fee: _ }, _) => Vec::new(),
    })
}

/// Money that goes back, from whoever bears it.
fn returned(
    tx: &Tx<'_>,
    ctx: &mut Context<'_>,
    (payment, charge): (&Payment, &Charge),
    (first, to, purpose): (TransferId, Account, Purpose),
) -> Result<Vec<ledger::Command>, Error> {
    let merchant = payment.terms.merchant;
    let settled = tx.available(Account::MerchantSettled(merchant), charge.pending.currency)?;
    let (from_settled, owed) = split_settled(settled, charge.settled_or_receivable);
    let parts = [
        (Account::MerchantPending(merchant), charge.pending),
        (Account::MerchantSettled(merchant), from_settled),
        (Account::Receivable(merchant), owed),
        (Account::Fees, charge.fees),
    ];
    let mut id = Some(first);
    let moved = parts.into_iter().filter(|(_, amount)| amount.is_positive()).map(|(from, amount)| {
        let id = id.take().unwrap_or_else(|| TransferId::generate(ctx.now, ctx.random));
        ledger::Command::Move(Transfer { id, from, to, amount, purpose })
    });
    Ok(moved.collect())
}

/// A transition, with what everybody is told about it.
pub(crate) struct Change<'a> {
    /// The payment after it.
    pub(crate) row: &'a PaymentRow,
    /// The payment before it.
    pub(crate) before: &'a Payment,
    pub(crate) event: &'a Event,
    pub(crate) merchant: &'a MerchantRow,
    pub(crate) order: &'a OrderRow,
}

/// Writes bill line, webhook and record of a transition.
pub(crate) fn publish(
    tx: &Tx<'_>,
    ctx: &mut Context<'_>,
    change: &Change<'_>,
    actor: &str,
    cause: &Cause<'_>,
) -> Result<(), Error> {
    if let Some(line) = bill_line(change, ctx) {
        tx.insert_bill_line(&line)?;
    }
    let mut data = payment_data(change.row, change.order);
    if let Cause::Refund(refund) = cause {
        data["refund"] = refund_data(refund);
    }
    let delivery = announce(tx, ctx, change.merchant, (webhook_kind(change.event), data))?;
    let mut body = serde_json::to_value(change.event).map_err(anyhow::Error::new)?;
    body["delivery"] = json!(delivery);
    record(tx, ctx, actor, &change.row.terms().id, body).map_err(Error::from)
}

/// Writes webhook and record of money that was set aside.
pub(crate) fn publish_authorisation(
    tx: &Tx<'_>,
    ctx: &mut Context<'_>,
    row: &PaymentRow,
    (merchant, order): (&MerchantRow, &OrderRow),
) -> Result<(), Error> {
    let delivery = announce(tx, ctx, merchant, ("payment.authorised", payment_data(row, order)))?;
    let body = json!({ "event": "authorised", "delivery": delivery });
    record(tx, ctx, "surety", &row.terms().id, body).map_err(Error::from)
}

const fn webhook_kind(event: &Event) -> &'static str {
    match event {
        Event::Captured { amount: _, transfer: _ } => "payment.captured",
        Event::Voided => "payment.voided",
        Event::Expired => "payment.expired",
        Event::Reversed => "payment.reversed",
        Event::Refunded { refund: _, amount: _, charge: _ } => "refund.succeeded",
        Event::Recovered { amount: _, charge: _ } => "payment.recovered",
        Event::Settled { settlement: _, net: _, fee: _ } => "payment.settled",
    }
}

/// A payment as a merchant's machine reads it. It names no payer.
pub(crate) fn payment_data(row: &PaymentRow, order: &OrderRow) -> Value {
    let payment = &row.payment;
    let captured = payment.captured();
    json!({
        "payment_id": payment.terms.id,
        "order_id": order.id,
        "out_trade_no": order.out_trade_no,
        "terminal_id": row.terminal,
        "state": payment.state.name(),
        "authorised": payment.terms.authorised,
        "captured": captured.map(|captured| captured.amount),
        "refunded": captured.map(|captured| captured.refunded),
        "recovered": captured.map(|captured| captured.recovered),
    })
}

pub(crate) fn refund_data(refund: &RefundRow) -> Value {
    json!({
        "refund_id": refund.id,
        "out_refund_no": refund.out_refund_no,
        "amount": refund.amount,
        "reason": refund.reason,
    })
}

/// The fee follows the money: what a line adds to it is the difference it makes.
fn bill_line(change: &Change<'_>, ctx: &Context<'_>) -> Option<BillLineRow> {
    let bps = change.row.payment.terms.fee_bps;
    let fees = |payment: &Payment| fee(payment.net(), bps).minor;
    let (kind, amount, refund) = match change.event {
        Event::Captured { amount, transfer: _ } => (BillLineKind::Payment, *amount, None),
        Event::Reversed => (BillLineKind::Reversal, change.before.captured()?.amount, None),
        Event::Refunded { refund, amount, charge: _ } => (BillLineKind::Refund, *amount, Some(*refund)),
        Event::Recovered { amount, charge: _ } => (BillLineKind::Recovery, *amount, None),
        Event::Voided | Event::Expired | Event::Settled { settlement: _, net: _, fee: _ } => return None,
    };
    Some(BillLineRow {
        merchant: change.merchant.id,
        at: ctx.now,
        kind,
        payment: change.row.payment.terms.id,
        refund,
        amount,
        fee_minor: fees(&change.row.payment) - fees(change.before),
    })
}

/// What the payer is told. A capture that came with the authorisation was told with it; what a dispute does, the
/// dispute tells.
fn told(change: &Change<'_>, cause: &Cause<'_>) -> Option<(&'static str, Value)> {
    let shop = &change.merchant.name;
    let terms = &change.row.payment.terms;
    match change.event {
        Event::Captured { amount, transfer: _ } if change.order.capture_later => {
            let rest = Amount::new(terms.authorised.minor - amount.minor, amount.currency);
            Some(("payment_captured", json!({ "amount": amount, "shop": shop, "released": rest })))
        }
        Event::Voided | Event::Expired => {
            Some(("payment_released", json!({ "amount": terms.authorised, "shop": shop })))
        }
        Event::Reversed => Some(("payment_reversed", json!({ "amount": paid_back(change.before) }))),
        Event::Refunded { refund: _, amount, charge: _ } => {
            let reason = if let Cause::Refund(refund) = cause { refund.reason.as_str() } else { "" };
            Some(("payment_refunded", json!({ "amount": amount, "shop": shop, "reason": reason })))
        }
        Event::Captured { amount: _, transfer: _ }
        | Event::Recovered { amount: _, charge: _ }
        | Event::Settled { settlement: _, net: _, fee: _ } => None,
    }
}

fn paid_back(before: &Payment) -> Amount {
    before.captured().map_or(before.terms.authorised, |captured| captured.amount)
}

/// What a payer is out of pocket by a payment: the loss a dispute is about.
///
/// # Errors
/// Nothing was taken, or everything came back.
pub(crate) fn loss(payment: &Payment) -> Result<Amount, Rejected> {
    use payments::Rejected as R;
    match &payment.state {
        State::Captured { captured } | State::Settled { captured, settlement: _, settled_at: _ } => {
            let minor = captured.amount.minor - captured.refunded.minor;
            let loss = Amount::new(minor, captured.amount.currency);
            if loss.is_positive() { Ok(loss) } else { Err(Rejected::PaymentRefunded) }
        }
        State::Authorised { expires_at: _ } => Err(R::NotCaptured.into()),
        State::Voided { at: _ } => Err(R::Voided.into()),
        State::Expired { at: _ } => Err(R::AuthorisationExpired.into()),
        State::Reversed { at: _, captured: _ } => Err(R::Reversed.into()),
    }
}
