//! Orders: what a merchant wants paid.

use anyhow::anyhow;
use payments::{Command, State};
use serde_json::json;
use store::{OrderRow, OrderState, PaymentRow, TerminalState, Tx};
use types::{Amount, OrderId, PaymentId, Right, SignedDuration, TerminalId, Timestamp};

use crate::callers::{Caller, MerchantCaller};
use crate::engine::{Context, Engine, record, text_field};
use crate::life::{Cause, Step, advance_payment};
use crate::rejected::{Error, Rejected};

/// An order to create.
#[derive(Clone, Debug)]
pub struct NewOrder {
    /// The merchant's own number: the idempotency key.
    pub out_trade_no: String,
    /// Where it may be paid.
    pub terminal: TerminalId,
    /// How much.
    pub amount: Amount,
    /// What the payer reads.
    pub description: String,
    /// Does the merchant take the money itself, later and perhaps less? Otherwise it is taken at once.
    pub capture_later: bool,
}

/// An order, as its merchant sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderView {
    /// Its id.
    pub id: OrderId,
    /// The merchant's own number.
    pub out_trade_no: String,
    /// Where it may be paid.
    pub terminal: TerminalId,
    /// How much.
    pub amount: Amount,
    /// What became of it; none when nobody paid in time.
    pub state: Option<OrderState>,
    /// The debit, once paid.
    pub payment: Option<PaymentId>,
    /// Until when it can be paid.
    pub expires_at: Timestamp,
    /// Does the merchant take the money itself?
    pub capture_later: bool,
}

impl Engine {
    /// Creates an order, or finds the same one created before; `true` when it is new.
    ///
    /// # Errors
    /// [`Rejected::Field`], an amount the policy or the ledger does not take, a terminal of somebody else,
    /// [`Rejected::OrderConflict`]; an operating fault.
    pub fn create_order(
        &self,
        ctx: &mut Context<'_>,
        merchant: MerchantCaller,
        new: NewOrder,
    ) -> Result<(OrderView, bool), Error> {
        merchant.may(Right::Orders)?;
        let out_trade_no = text_field("out_trade_no", &new.out_trade_no, 64, "1 to 64 characters")?;
        let description = text_field("description", &new.description, 100, "1 to 100 characters")?;
        if new.amount.currency != self.policy.currency {
            return Err(Rejected::CurrencyUnsupported.into());
        }
        if !new.amount.is_positive() {
            return Err(Rejected::Ledger(ledger::Rejected::NotPositive).into());
        }
        if new.amount.minor > self.policy.limits.order_max_minor {
            return Err(Rejected::AmountTooLarge.into());
        }
        let row = OrderRow {
            id: OrderId::generate(ctx.now, ctx.random),
            merchant: merchant.merchant,
            terminal: new.terminal,
            out_trade_no,
            amount: new.amount,
            description,
            state: OrderState::Open,
            created_at: ctx.now,
            expires_at: ctx.now + SignedDuration::from_mins(i64::from(self.policy.times.order_minutes)),
            capture_later: new.capture_later,
        };
        self.store.write(|tx| {
            tx.ahead(|tx| tx.terminal(new.terminal));
            tx.ahead(|tx| tx.is_number_reversed(row.merchant, &row.out_trade_no));
            let terminal = tx.terminal(new.terminal)?;
            let terminal = terminal.filter(|t| t.merchant == merchant.merchant).ok_or(Rejected::terminal())?;
            if terminal.state == TerminalState::Revoked {
                return Err(Rejected::TerminalRevoked.into());
            }
            if tx.is_number_reversed(row.merchant, &row.out_trade_no)? {
                return Err(Rejected::OrderReversed.into());
            }
            if tx.insert_order(&row)? {
                let actor = merchant.name();
                record(tx, ctx, &actor, &row.id, json!({ "event": "order_created" }))?;
                return Ok((shown(row.clone(), None, ctx.now), true));
            }
            let existing = tx.order_by_number(row.merchant, &row.out_trade_no)?;
            let existing = existing.ok_or_else(|| anyhow!("an order that conflicts must exist"))?;
            let same = existing.amount == row.amount
                && existing.terminal == row.terminal
                && existing.description == row.description
                && existing.capture_later == row.capture_later;
            if !same {
                return Err(Error::from(Rejected::OrderConflict));
            }
            Ok((order_view(tx, existing, ctx.now)?, false))
        })
    }

    /// An order, for its merchant or its terminal.
    ///
    /// # Errors
    /// An unknown order, which includes other people's; [`Rejected::WrongRole`]; an operating fault.
    pub fn order(&self, ctx: &Context<'_>, caller: &Caller, id: OrderId) -> Result<OrderView, Error> {
        self.store.read(|tx| {
            let row = visible_order(tx, caller, id)?;
            order_view(tx, row, ctx.now)
        })
    }

    /// Takes an order back: gives the money back if it was paid, and makes sure that it never is otherwise.
    /// Sent twice, it happens once.
    ///
    /// # Errors
    /// An unknown order, which includes other people's; [`Rejected::Payment`] when it is settled, disputed
    /// or partly given back; an operating fault.
    pub fn reverse(&self, ctx: &mut Context<'_>, caller: &Caller, id: OrderId) -> Result<OrderView, Error> {
        self.store.write(|tx| {
            let row = visible_order(tx, caller, id)?;
            Self::reverse_order(tx, ctx, &caller_name(caller), row)
        })
    }

    /// Takes back whatever stands under a merchant's own number, also when its order has not come yet: an order of
    /// that number is then refused. For a merchant that never got the order's id. Returns the order, if there is one.
    ///
    /// # Errors
    /// As [`Engine::reverse`].
    pub fn reverse_number(
        &self,
        ctx: &mut Context<'_>,
        merchant: MerchantCaller,
        out_trade_no: &str,
    ) -> Result<Option<OrderView>, Error> {
        merchant.may(Right::Orders)?;
        let out_trade_no = text_field("out_trade_no", out_trade_no, 64, "1 to 64 characters")?;
        let actor = merchant.name();
        self.store.write(|tx| {
            tx.reverse_number(merchant.merchant, &out_trade_no, ctx.now)?;
            let found = tx.order_by_number(merchant.merchant, &out_trade_no)?;
            found.map(|row| Self::reverse_order(tx, ctx, &actor, row)).transpose()
        })
    }

    fn reverse_order(
        tx: &Tx<'_>,
        ctx: &mut Context<'_>,
        actor: &str,
        mut row: OrderRow,
    ) -> Result<OrderView, Error> {
        if row.state == OrderState::Reversed {
            return order_view(tx, row, ctx.now);
        }
        if let Some(mut payment) = tx.payment_of_order(row.id)?
            && holds_money(&payment)
        {
            let step = Step { actor, command: Command::Reverse, cause: Cause::Itself };
            advance_payment(tx, ctx, &mut payment, &step)?;
        }
        tx.set_order_state(row.id, OrderState::Reversed)?;
        record(tx, ctx, actor, &row.id, json!({ "event": "order_reversed" }))?;
        row.state = OrderState::Reversed;
        order_view(tx, row, ctx.now)
    }

    /// The order under a merchant's own number: what a merchant asks that lost an answer.
    ///
    /// # Errors
    /// [`Rejected::Field`] for the number; an unknown order; an operating fault.
    pub fn order_by_number(
        &self,
        ctx: &Context<'_>,
        merchant: MerchantCaller,
        out_trade_no: &str,
    ) -> Result<OrderView, Error> {
        merchant.may(Right::Orders)?;
        let out_trade_no = text_field("out_trade_no", out_trade_no, 64, "1 to 64 characters")?;
        self.store.read(|tx| {
            let row = tx.order_by_number(merchant.merchant, &out_trade_no)?.ok_or(Rejected::order())?;
            order_view(tx, row, ctx.now)
        })
    }
}

pub(crate) fn caller_name(caller: &Caller) -> String {
    match caller {
        Caller::Staff(staff) => staff.name.clone(),
        Caller::Merchant(merchant) => merchant.name(),
        Caller::Terminal(terminal) => terminal.terminal.to_string(),
        Caller::Payer(device) => device.payer.to_string(),
    }
}

pub(crate) fn visible_order(tx: &Tx<'_>, caller: &Caller, id: OrderId) -> Result<OrderRow, Error> {
    let row = tx.order(id)?;
    let row = match caller {
        Caller::Merchant(merchant) => {
            merchant.may(Right::Orders)?;
            row.filter(|row| row.merchant == merchant.merchant)
        }
        Caller::Terminal(terminal) => row.filter(|row| row.terminal == terminal.terminal),
        Caller::Staff(_) | Caller::Payer(_) => {
            return Err(Rejected::WrongRole { needed: "merchant or terminal" }.into());
        }
    };
    Ok(row.ok_or(Rejected::order())?)
}

fn order_view(tx: &Tx<'_>, row: OrderRow, now: Timestamp) -> Result<OrderView, Error> {
    let payment = tx.payment_of_order(row.id)?.map(|row| row.terms().id);
    Ok(shown(row, payment, now))
}

fn shown(row: OrderRow, payment: Option<PaymentId>, now: Timestamp) -> OrderView {
    let expired = row.state == OrderState::Open && row.expires_at <= now;
    OrderView {
        id: row.id,
        out_trade_no: row.out_trade_no,
        terminal: row.terminal,
        amount: row.amount,
        state: (!expired).then_some(row.state),
        payment,
        expires_at: row.expires_at,
        capture_later: row.capture_later,
    }
}

/// Is money of the payer still with somebody else, or set aside?
const fn holds_money(row: &PaymentRow) -> bool {
    match &row.payment.state {
        State::Authorised { expires_at: _ }
        | State::Captured { captured: _ }
        | State::Settled { captured: _, settlement: _, settled_at: _ } => true,
        State::Voided { at: _ } | State::Expired { at: _ } | State::Reversed { at: _, captured: _ } => false,
    }
}

/// Can this order be paid now?
pub(crate) fn payable(row: &OrderRow, now: Timestamp) -> Result<(), Rejected> {
    match row.state {
        OrderState::Paid => Err(Rejected::OrderPaid),
        OrderState::Reversed => Err(Rejected::OrderReversed),
        OrderState::Open if row.expires_at <= now => Err(Rejected::OrderExpired),
        OrderState::Open => Ok(()),
    }
}
