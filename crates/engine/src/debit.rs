//! The debit that follows an approval.

use anyhow::{Context as _, anyhow};
use ledger::{Account, Purpose, Transfer};
use payments::{Event, Payment, Terms};
use serde_json::json;
use store::{MerchantRow, OrderRow, OrderState, PayerRow, PaymentRow, SessionRow, TerminalRow, Tx};
use types::{PayerId, PaymentId, SignedDuration, TransferId};

use crate::engine::{Context, Engine, Message, record, tell};
use crate::life::{Cause, Change, publish, publish_authorisation};
use crate::order_codes::ORDER_CODE_RULE;
use crate::orders::payable;
use crate::pay::set_state;
use crate::rejected::Error;
use crate::sessions::{POSTERIOR_RULE, Recognised, SessionState};

/// Whom to debit, for what, and how he was recognised.
pub(crate) struct Debit<'a> {
    pub(crate) session: &'a mut SessionRow,
    pub(crate) order: &'a OrderRow,
    pub(crate) terminal: &'a TerminalRow,
    pub(crate) payer: PayerRow,
    pub(crate) recognised: Recognised,
}

impl Engine {
    /// Debits a payer: money, payment, order, record, message, bill line and webhook together or not at all. The money
    /// is set aside and, unless the merchant takes it later, taken at once.
    pub(crate) fn debit(&self, tx: &Tx<'_>, ctx: &mut Context<'_>, debit: Debit<'_>) -> Result<(), Error> {
        let Debit { session, order, terminal, payer: owner, recognised } = debit;
        payable(order, ctx.now)?;
        let payer = owner.id;
        let merchant =
            tx.merchant(order.merchant)?.ok_or_else(|| anyhow!("{} has vanished", order.merchant))?;
        let (authorised, taken) = self.authorise(ctx, order, &merchant, payer)?;
        let from = Account::Payer(payer);
        match tx.apply(&money(&authorised, taken.as_ref(), ctx), ctx.now) {
            Ok(applied) => assert!(applied, "fresh movements are applied"),
            Err(store::PostError::Rejected(ledger::Rejected::InsufficientFunds { account }))
                if account == from =>
            {
                record(tx, ctx, "surety", &session.id, json!({ "event": "insufficient_funds" }))?;
                return set_state(tx, session, &SessionState::InsufficientFunds);
            }
            Err(error) => return Err(error.into()),
        }
        let mut row = PaymentRow {
            payment: authorised.clone(),
            session: session.id,
            terminal: terminal.id,
            held: false,
            strong: recognised.checks.iter().any(|check| check.is_strong()),
            recognised: serde_json::to_value(&recognised).context("writing a payment")?,
        };
        if let Some(event) = &taken {
            row.payment.apply(event, ctx.now);
        }
        let id = row.terms().id;
        tx.insert_payment(&row)?;
        if recognised.rule == POSTERIOR_RULE {
            self.await_drift(tx, id, ctx.now)?;
        }
        tx.set_order_state(order.id, OrderState::Paid)?;
        let contact = self.contact(&owner)?.ok_or_else(|| anyhow!("{payer} is closed, and was approved"))?;
        let payer_name = mask(&contact.name);
        set_state(tx, session, &SessionState::Approved { payment: id, payer, payer_name })?;
        match &taken {
            Some(event) => {
                let change = Change { row: &row, before: &authorised, event, merchant: &merchant, order };
                publish(tx, ctx, &change, "surety", &Cause::Itself)?;
            }
            None => publish_authorisation(tx, ctx, &row, (&merchant, order))?,
        }
        let kind = told(&recognised, taken.is_some());
        let args = json!({
            "amount": order.amount, "shop": merchant.name, "city": terminal.place.city,
            "checks": recognised.checks, "p_wrong": recognised.p_wrong, "searched": recognised.searched,
        });
        let told = json!({ "amount": order.amount, "shop": merchant.name, "city": terminal.place.city });
        tell(tx, ctx, payer, Message { kind, args, reference: id.to_string() })?;
        self.tell_guardian(tx, ctx, &owner, (told, id.to_string()))
    }

    /// The payment at the moment it is authorised, and its capture unless the merchant takes the money later.
    fn authorise(
        &self,
        ctx: &mut Context<'_>,
        order: &OrderRow,
        merchant: &MerchantRow,
        payer: PayerId,
    ) -> Result<(Payment, Option<Event>), Error> {
        let hours = i64::from(self.policy.settlement.authorisation_hours);
        let terms = Terms {
            id: PaymentId::generate(ctx.now, ctx.random),
            order: order.id,
            merchant: merchant.id,
            payer,
            authorised: order.amount,
            at: ctx.now,
            fee_bps: merchant.fee_bps,
            hold: TransferId::generate(ctx.now, ctx.random),
        };
        let payment = Payment::authorise(terms, ctx.now + SignedDuration::from_hours(hours))?;
        if order.capture_later {
            return Ok((payment, None));
        }
        let transfer = TransferId::generate(ctx.now, ctx.random);
        let command = payments::Command::Capture { amount: order.amount, transfer };
        let taken = payment.decide(command, payments::Standing::Clear, ctx.now)?;
        Ok((payment, taken))
    }
}

/// What the payer is told of: a debit or an authorisation, by face or without.
fn told(recognised: &Recognised, taken: bool) -> &'static str {
    match (recognised.rule == ORDER_CODE_RULE, taken) {
        (false, true) => "payment_debited",
        (false, false) => "payment_authorised",
        (true, true) => "code_payment_debited",
        (true, false) => "code_payment_authorised",
    }
}

/// What is asked of the books: set aside, and take.
fn money(authorised: &Payment, taken: Option<&Event>, ctx: &Context<'_>) -> Vec<ledger::Command> {
    let terms = &authorised.terms;
    let transfer = Transfer {
        id: terms.hold,
        from: Account::Payer(terms.payer),
        to: Account::MerchantPending(terms.merchant),
        amount: terms.authorised,
        purpose: Purpose::Payment { payment: terms.id },
    };
    let payments::State::Authorised { expires_at } = authorised.state else {
        unreachable!("a payment begins authorised")
    };
    assert!(expires_at > ctx.now, "an authorisation lasts");
    let mut commands = vec![ledger::Command::Hold { transfer, expires_at }];
    if let Some(Event::Captured { amount, transfer }) = taken {
        commands.push(ledger::Command::PostHold { id: *transfer, hold: terms.hold, amount: *amount });
    }
    commands
}

/// All but the last character hidden: enough for a payer to know the own name, too little for a stranger.
pub(crate) fn mask(name: &str) -> String {
    name.chars().last().map_or_else(String::new, |last| format!("**{last}"))
}
