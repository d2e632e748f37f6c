//! Payments, and what they say about habits.

use anyhow::{Context, Result, bail};
use types::{
    Amount, Currency, GeoPoint, MerchantId, OrderId, PayerId, PaymentId, SessionId, TerminalId, Timestamp,
    TransferId,
};

use crate::value::{Row, text};
use crate::{TerminalRow, Tx};

/// What became of a debit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentState {
    /// The merchant has it, unsettled.
    Pending,
    /// Taken back.
    Reversed,
}

/// A debit that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct PaymentRow {
    /// Its id.
    pub id: PaymentId,
    /// What was paid.
    pub order: OrderId,
    /// By which attempt.
    pub session: SessionId,
    /// Who was debited.
    pub payer: PayerId,
    /// Who was paid.
    pub merchant: MerchantId,
    /// Where.
    pub terminal: TerminalId,
    /// How much.
    pub amount: Amount,
    /// What became of it.
    pub state: PaymentState,
    /// Kept from settlement.
    pub held: bool,
    /// Was a strong factor used besides the face?
    pub strong: bool,
    /// How the payer was recognised, for the payer to read.
    pub recognised: serde_json::Value,
    /// The movement of money.
    pub transfer: TransferId,
    /// When.
    pub at: Timestamp,
}

impl Tx<'_> {
    /// Adds a debit. Its order must not have been paid before: the caller checked that in this transaction.
    ///
    /// # Errors
    /// The database fails.
    pub fn insert_payment(&self, row: &PaymentRow) -> Result<()> {
        self.execute_one(
            "INSERT INTO payments (id, order_id, session_id, payer_id, merchant_id, terminal_id, minor, currency, state,
                                   held, strong, recognised, transfer_id, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
            &[
                text(row.id),
                text(row.order),
                text(row.session),
                text(row.payer),
                text(row.merchant),
                text(row.terminal),
                row.amount.minor.into(),
                text(row.amount.currency),
                payment_state_name(row.state).into(),
                row.held.into(),
                row.strong.into(),
                text(&row.recognised),
                text(row.transfer),
                row.at.into(),
            ],
        )
    }

    /// The debit, if there is one.
    ///
    /// # Errors
    /// The database fails.
    pub fn payment(&self, id: PaymentId) -> Result<Option<PaymentRow>> {
        self.first("SELECT * FROM payments WHERE id = ?1", &[text(id)], read_payment)
    }

    /// The debit of an order, if it was paid.
    ///
    /// # Errors
    /// The database fails.
    pub fn payment_of_order(&self, order: OrderId) -> Result<Option<PaymentRow>> {
        self.first("SELECT * FROM payments WHERE order_id = ?1", &[text(order)], read_payment)
    }

    /// The debits of a payer, newest first, at most `limit`.
    ///
    /// # Errors
    /// The database fails.
    pub fn payments_of_payer(&self, payer: PayerId, limit: u32) -> Result<Vec<PaymentRow>> {
        self.all(
            "SELECT * FROM payments WHERE payer_id = ?1 ORDER BY at DESC, id DESC LIMIT ?2",
            &[text(payer), limit.into()],
            read_payment,
        )
    }

    /// Every debit.
    ///
    /// # Errors
    /// The database fails.
    pub fn payments(&self) -> Result<Vec<PaymentRow>> {
        self.all("SELECT * FROM payments ORDER BY at, id", &[], read_payment)
    }

    /// Writes state and hold of a debit.
    ///
    /// # Errors
    /// The database fails.
    pub fn update_payment(&self, id: PaymentId, state: PaymentState, held: bool) -> Result<()> {
        self.execute_one(
            "UPDATE payments SET state = ?2, held = ?3 WHERE id = ?1",
            &[text(id), payment_state_name(state).into(), held.into()],
        )
    }

    /// What a payer spent by face since `since`, in minor units: in all, and with fewer than two factors.
    ///
    /// # Errors
    /// The database fails.
    pub fn spent_since(&self, payer: PayerId, currency: Currency, since: Timestamp) -> Result<(i64, i64)> {
        let found = self.first(
            "SELECT coalesce(sum(minor), 0) AS minor, coalesce(sum(CASE WHEN strong = 0 THEN minor ELSE 0 END), 0) AS weak
             FROM payments WHERE payer_id = ?1 AND currency = ?2 AND at >= ?3 AND state = 'pending'",
            &[text(payer), text(currency), since.into()],
            |row| Ok((row.integer("minor")?, row.integer("weak")?)),
        )?;
        found.context("a sum returns a row")
    }

    /// How often a payer paid in the city of a terminal in `[since, until)`, without disputing it.
    ///
    /// # Errors
    /// The database fails.
    pub fn visits_to_city(
        &self,
        payer: PayerId,
        terminal: &TerminalRow,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<u32> {
        let sql = "SELECT count(*) FROM payments p JOIN terminals t ON t.id = p.terminal_id
             WHERE p.payer_id = ?1 AND t.city = ?2 AND p.at >= ?3 AND p.at < ?4 AND p.state = 'pending'
               AND NOT EXISTS (SELECT 1 FROM disputes d WHERE d.payment_id = p.id)";
        let city = terminal.place.city.as_str();
        let count = self.number(sql, &[text(payer), city.into(), since.into(), until.into()])?;
        Ok(u32::try_from(count)?)
    }

    /// The customers of a terminal's merchant in its city in `[since, until)`, disputed payments left out, with
    /// their counts at this terminal, at other terminals of the merchant, and at other merchants of the city;
    /// the most frequent first, at most `limit`.
    ///
    /// # Errors
    /// The database fails.
    pub fn regulars(
        &self,
        terminal: &TerminalRow,
        since: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<(PayerId, [u32; 3])>> {
        self.all(
            "SELECT p.payer_id,
                    sum(CASE WHEN p.terminal_id = ?1 THEN 1 ELSE 0 END) AS here,
                    sum(CASE WHEN p.terminal_id <> ?1 AND p.merchant_id = ?2 THEN 1 ELSE 0 END) AS shop,
                    sum(CASE WHEN p.merchant_id <> ?2 THEN 1 ELSE 0 END) AS town
             FROM payments p JOIN terminals t ON t.id = p.terminal_id
             WHERE t.city = ?3 AND p.at >= ?4 AND p.at < ?5 AND p.state = 'pending'
               AND NOT EXISTS (SELECT 1 FROM disputes d WHERE d.payment_id = p.id)
             GROUP BY p.payer_id HAVING here + shop > 0 ORDER BY here DESC, shop DESC, town DESC, p.payer_id LIMIT ?6",
            &[
                text(terminal.id),
                text(terminal.merchant),
                terminal.place.city.as_str().into(),
                since.into(),
                until.into(),
                limit.into(),
            ],
            |row| Ok((row.parse("payer_id")?, [row.count("here")?, row.count("shop")?, row.count("town")?])),
        )
    }

    /// Where and when the payer last paid before `at` other than by `except`, without disputing it.
    ///
    /// # Errors
    /// The database fails.
    pub fn last_payment_place(
        &self,
        payer: PayerId,
        except: PaymentId,
        at: Timestamp,
    ) -> Result<Option<(Timestamp, GeoPoint)>> {
        self.first(
            "SELECT p.at, t.latitude, t.longitude FROM payments p JOIN terminals t ON t.id = p.terminal_id
             WHERE p.payer_id = ?1 AND p.id <> ?2 AND NOT EXISTS (SELECT 1 FROM disputes d WHERE d.payment_id = p.id)
             ORDER BY abs(p.at - ?3) LIMIT 1",
            &[text(payer), text(except), at.into()],
            |row| Ok((row.time("at")?, row.point("latitude", "longitude")?)),
        )
    }
}

const fn payment_state_name(state: PaymentState) -> &'static str {
    match state {
        PaymentState::Pending => "pending",
        PaymentState::Reversed => "reversed",
    }
}

fn read_payment(row: &Row<'_>) -> Result<PaymentRow> {
    let state = match row.string("state")?.as_str() {
        "pending" => PaymentState::Pending,
        "reversed" => PaymentState::Reversed,
        other => bail!("column state is damaged: {other:?}"),
    };
    Ok(PaymentRow {
        id: row.parse("id")?,
        order: row.parse("order_id")?,
        session: row.parse("session_id")?,
        payer: row.parse("payer_id")?,
        merchant: row.parse("merchant_id")?,
        terminal: row.parse("terminal_id")?,
        amount: row.amount()?,
        state,
        held: row.boolean("held")?,
        strong: row.boolean("strong")?,
        recognised: row.json("recognised")?,
        transfer: row.parse("transfer_id")?,
        at: row.time("at")?,
    })
}
