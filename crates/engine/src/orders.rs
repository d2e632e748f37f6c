//! Orders: what a merchant wants paid.

use anyhow::anyhow;
use ledger::{Account, Purpose, Transfer};
use serde_json::json;
use store::{OrderRow, OrderState, PaymentRow, PaymentState, Tx};
use types::{Amount, OrderId, PaymentId, SignedDuration, TerminalId, Timestamp, TransferId};

use crate::callers::{Caller, MerchantCaller};
use crate::engine::{Context, Engine, Message, record, tell, text_field};
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
        };
        self.store.write(|tx| {
            let terminal = tx.terminal(new.terminal)?;
            terminal.filter(|t| t.merchant == merchant.merchant).ok_or(Rejected::terminal())?;
            if tx.insert_order(&row)? {
                record(
                    tx,
                    ctx,
                    &merchant.merchant.to_string(),
                    &row.id,
                    json!({ "event": "order_created" }),
                )?;
                return Ok((order_view(tx, row, ctx.now)?, true));
            }
            let existing = tx.order_by_number(row.merchant, &row.out_trade_no)?;
            let existing = existing.ok_or_else(|| anyhow!("an order that conflicts must exist"))?;
            let same = existing.amount == row.amount
                && existing.terminal == row.terminal
                && existing.description == row.description;
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
    /// An unknown order, which includes other people's; [`Rejected::PaymentDisputed`]; an operating fault.
    pub fn reverse(&self, ctx: &mut Context<'_>, caller: &Caller, id: OrderId) -> Result<OrderView, Error> {
        self.store.write(|tx| {
            let mut row = visible_order(tx, caller, id)?;
            if row.state == OrderState::Reversed {
                return order_view(tx, row, ctx.now);
            }
            if let Some(payment) = tx.payment_of_order(id)? {
                Self::give_back(tx, ctx, &payment)?;
            }
            tx.set_order_state(id, OrderState::Reversed)?;
            record(tx, ctx, &caller_name(caller), &id, json!({ "event": "order_reversed" }))?;
            row.state = OrderState::Reversed;
            order_view(tx, row, ctx.now)
        })
    }

    fn give_back(tx: &Tx<'_>, ctx: &mut Context<'_>, payment: &PaymentRow) -> Result<(), Error> {
        if tx.dispute_of_payment(payment.id)?.is_some() {
            return Err(Rejected::PaymentDisputed.into());
        }
        let transfer = Transfer {
            id: TransferId::generate(ctx.now, ctx.random),
            from: Account::MerchantPending(payment.merchant),
            to: Account::Payer(payment.payer),
            amount: payment.amount,
            purpose: Purpose::Reversal { payment: payment.id },
        };
        assert!(tx.post(&transfer, ctx.now)?, "a fresh transfer is applied");
        tx.update_payment(payment.id, PaymentState::Reversed, payment.held)?;
        let args = json!({ "amount": payment.amount });
        let message = Message { kind: "payment_reversed", args, reference: payment.id.to_string() };
        tell(tx, ctx, payment.payer, message).map_err(Error::from)
    }
}

fn caller_name(caller: &Caller) -> String {
    match caller {
        Caller::Staff(staff) => staff.name.clone(),
        Caller::Merchant(merchant) => merchant.merchant.to_string(),
        Caller::Terminal(terminal) => terminal.terminal.to_string(),
        Caller::Payer(device) => device.payer.to_string(),
    }
}

fn visible_order(tx: &Tx<'_>, caller: &Caller, id: OrderId) -> Result<OrderRow, Error> {
    let row = tx.order(id)?;
    let row = match caller {
        Caller::Merchant(merchant) => row.filter(|row| row.merchant == merchant.merchant),
        Caller::Terminal(terminal) => row.filter(|row| row.terminal == terminal.terminal),
        Caller::Staff(_) | Caller::Payer(_) => {
            return Err(Rejected::WrongRole { needed: "merchant or terminal" }.into());
        }
    };
    Ok(row.ok_or(Rejected::order())?)
}

fn order_view(tx: &Tx<'_>, row: OrderRow, now: Timestamp) -> Result<OrderView, Error> {
    let payment = tx.payment_of_order(row.id)?.map(|payment| payment.id);
    let expired = row.state == OrderState::Open && row.expires_at <= now;
    Ok(OrderView {
        id: row.id,
        out_trade_no: row.out_trade_no,
        terminal: row.terminal,
        amount: row.amount,
        state: (!expired).then_some(row.state),
        payment,
        expires_at: row.expires_at,
    })
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
