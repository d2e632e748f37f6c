//! What the database has of whoever is taken for the payer.

use store::{OrderRow, PayerRow, SessionRow, Tx};
use types::{PayerId, SignedDuration};

use crate::engine::{Context, Engine};
use crate::rejected::Error;

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// What the database has of a candidate.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) payer: Option<PayerRow>,
    /// How often this attempt was decided before.
    pub(crate) decisions: u32,
    pub(crate) spent_minor: i64,
    pub(crate) spent_one_factor_minor: i64,
    pub(crate) repeated: bool,
    pub(crate) holder: risk::Holder,
}

impl Engine {
    /// What the database has of the candidate now. The payer's row is locked first, so that two terminals cannot
    /// both spend what is left of a limit.
    pub(crate) fn known(
        &self,
        tx: &Tx<'_>,
        ctx: &Context<'_>,
        (session, order): (&SessionRow, &OrderRow),
        candidate: Option<PayerId>,
    ) -> Result<Known, Error> {
        let Some(id) = candidate else {
            let decisions = tx.decision_count(session.id)?;
            return Ok(Known { decisions, ..Known::default() });
        };
        let payer = tx.payer(id)?;
        self.ask_about(tx, ctx, (session, order), id);
        let decisions = tx.decision_count(session.id)?;
        let holder = payer.as_ref().map(|row| self.holder(tx, ctx.now, row)).transpose()?.unwrap_or_default();
        let (spent_minor, spent_one_factor_minor) =
            tx.spent_since(id, order.amount.currency, ctx.now - DAY)?;
        let window = self.repeat_window();
        let repeated = window.is_positive()
            && tx.last_same_payment(id, order.merchant, order.amount, ctx.now - window)?.is_some();
        Ok(Known { payer, decisions, spent_minor, spent_one_factor_minor, repeated, holder })
    }

    /// What is read next, the merchant by the debit included.
    fn ask_about(
        &self,
        tx: &Tx<'_>,
        ctx: &Context<'_>,
        (session, order): (&SessionRow, &OrderRow),
        payer: PayerId,
    ) {
        tx.ahead(|tx| tx.decision_count(session.id));
        tx.ahead(|tx| tx.spent_since(payer, order.amount.currency, ctx.now - DAY));
        let window = self.repeat_window();
        if window.is_positive() {
            tx.ahead(|tx| tx.last_same_payment(payer, order.merchant, order.amount, ctx.now - window));
        }
        tx.ahead(|tx| tx.merchant(order.merchant));
    }

    fn repeat_window(&self) -> SignedDuration {
        SignedDuration::from_secs(i64::from(self.policy.limits.repeat_seconds))
    }
}
