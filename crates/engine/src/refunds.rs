//! What a merchant does with a payment: take what was set aside, let it go, give money back.

use anyhow::anyhow;
use payments::Command;
use store::{OrderRow, PaymentRow, RefundRow, Tx};
use types::{Amount, PaymentId, RefundId, Right, TransferId};

use crate::callers::MerchantCaller;
use crate::engine::{Context, Engine, text_field};
use crate::life::{Cause, Step, advance_payment};
use crate::rejected::{Error, Rejected};

/// How many authorisations end in one transaction.
const EXPIRIES: u32 = 100;

/// Money to give back.
#[derive(Clone, Debug)]
pub struct NewRefund {
    /// The merchant's own number: the idempotency key.
    pub out_refund_no: String,
    /// How much.
    pub amount: Amount,
    /// Why, for the payer to read.
    pub reason: String,
}

/// A payment, as its merchant sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct MerchantPayment {
    /// The payment. Not for the merchant to read whole: who paid is not in what is shown.
    pub row: PaymentRow,
    /// What was paid.
    pub order: OrderRow,
    /// What was given back, oldest first.
    pub refunds: Vec<RefundRow>,
    /// Is a dispute about it open?
    pub disputed: bool,
}

impl Engine {
    /// A payment, for its merchant.
    ///
    /// # Errors
    /// An unknown payment, which includes other merchants'; an operating fault.
    pub fn merchant_payment(
        &self,
        merchant: MerchantCaller,
        id: PaymentId,
    ) -> Result<MerchantPayment, Error> {
        merchant.may(Right::Payments)?;
        self.store.read(|tx| {
            let row = own_payment(tx, merchant, id)?;
            merchant_view(tx, row)
        })
    }

    /// Takes what was set aside, or less; the rest is the payer's again. Sent twice, it happens once.
    ///
    /// # Errors
    /// An unknown payment, which includes other merchants'; [`Rejected::Payment`]; an operating fault.
    pub fn capture_payment(
        &self,
        ctx: &mut Context<'_>,
        merchant: MerchantCaller,
        id: PaymentId,
        amount: Amount,
    ) -> Result<MerchantPayment, Error> {
        self.merchant_step(ctx, merchant, id, |ctx| Command::Capture {
            amount,
            transfer: TransferId::generate(ctx.now, ctx.random),
        })
    }

    /// Lets go of what was set aside. Sent twice, it happens once.
    ///
    /// # Errors
    /// As [`Engine::capture_payment`].
    pub fn void_payment(
        &self,
        ctx: &mut Context<'_>,
        merchant: MerchantCaller,
        id: PaymentId,
    ) -> Result<MerchantPayment, Error> {
        self.merchant_step(ctx, merchant, id, |_| Command::Void)
    }

    fn merchant_step(
        &self,
        ctx: &mut Context<'_>,
        merchant: MerchantCaller,
        id: PaymentId,
        command: impl Fn(&mut Context<'_>) -> Command,
    ) -> Result<MerchantPayment, Error> {
        merchant.may(Right::Payments)?;
        let actor = merchant.name();
        self.store.write(|tx| {
            let mut row = own_payment(tx, merchant, id)?;
            let step = Step { actor: &actor, command: command(ctx), cause: Cause::Itself };
            advance_payment(tx, ctx, &mut row, &step)?;
            merchant_view(tx, row)
        })
    }

    /// Gives money of a payment back, in whole or in part, before or after settlement. The merchant's own number is
    /// the key: sent twice, it happens once.
    ///
    /// # Errors
    /// An unknown payment, which includes other merchants'; [`Rejected::Field`]; [`Rejected::RefundConflict`];
    /// [`Rejected::Payment`], for one when a dispute is open or more would go back than was paid; an operating fault.
    pub fn refund(
        &self,
        ctx: &mut Context<'_>,
        merchant: MerchantCaller,
        id: PaymentId,
        new: &NewRefund,
    ) -> Result<(RefundRow, bool), Error> {
        merchant.may(Right::Refunds)?;
        let out_refund_no = text_field("out_refund_no", &new.out_refund_no, 64, "1 to 64 characters")?;
        let reason = text_field("reason", &new.reason, 200, "1 to 200 characters")?;
        self.store.write(|tx| {
            // The payment's row is locked first: two refunds under one number meet here.
            let mut row = own_payment(tx, merchant, id)?;
            if let Some(found) = tx.refund_by_number(merchant.merchant, &out_refund_no)? {
                let same = found.payment == id && found.amount == new.amount;
                return if same { Ok((found, false)) } else { Err(Rejected::RefundConflict.into()) };
            }
            let refund = RefundRow {
                id: RefundId::generate(ctx.now, ctx.random),
                payment: id,
                merchant: merchant.merchant,
                out_refund_no: out_refund_no.clone(),
                amount: new.amount,
                reason: reason.clone(),
                at: ctx.now,
            };
            let command = Command::Refund { refund: refund.id, amount: refund.amount };
            let actor = merchant.name();
            let step = Step { actor: &actor, command, cause: Cause::Refund(&refund) };
            advance_payment(tx, ctx, &mut row, &step)?;
            Ok((refund, true))
        })
    }

    /// Ends authorisations whose time has come, at most a hundred; returns how many. A fault about one holds up no
    /// other.
    ///
    /// # Errors
    /// The first operating fault, after all had their turn.
    pub fn expire_authorisations(&self, ctx: &mut Context<'_>) -> Result<usize, Error> {
        let due = self.store.read(|tx| tx.overdue_payments(ctx.now, EXPIRIES).map_err(Error::from))?;
        let mut fault = None;
        for id in &due {
            let ended = self.store.write(|tx| {
                let mut row = tx.payment(*id)?.ok_or_else(|| anyhow!("{id} has vanished"))?;
                let step = Step { actor: "surety", command: Command::Expire, cause: Cause::Itself };
                match advance_payment(tx, ctx, &mut row, &step) {
                    // Captured or let go since it was listed.
                    Err(Error::Rejected(Rejected::Payment(_))) => Ok(()),
                    other => other.map(drop),
                }
            });
            if let Err(error) = ended {
                tracing::error!(?error, payment = %id, "an authorisation does not end");
                fault = fault.or(Some(error));
            }
        }
        fault.map_or(Ok(due.len()), Err)
    }
}

fn own_payment(tx: &Tx<'_>, merchant: MerchantCaller, id: PaymentId) -> Result<PaymentRow, Error> {
    let row = tx.payment(id)?.filter(|row| row.payment.terms.merchant == merchant.merchant);
    Ok(row.ok_or(Rejected::payment())?)
}

fn merchant_view(tx: &Tx<'_>, row: PaymentRow) -> Result<MerchantPayment, Error> {
    let terms = &row.payment.terms;
    let order = tx.order(terms.order)?.ok_or_else(|| anyhow!("{} has vanished", terms.order))?;
    let refunds = tx.refunds_of(terms.id)?;
    let disputed = tx.dispute_of_payment(terms.id)?.is_some();
    Ok(MerchantPayment { order, refunds, disputed, row })
}
