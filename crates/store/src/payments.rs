//! Payments, and what they say about habits.

use anyhow::{Context, Result, bail};
use payments::{Captured, Payment, State, Terms};
use types::{
    Amount, Currency, GeoPoint, MerchantId, OrderId, PayerId, PaymentId, SessionId, SettlementId, TerminalId,
    Timestamp,
};

use crate::value::{Row, Value, text};
use crate::{TerminalRow, Tx};

/// A payment as stored: its life, and how it came about.
#[derive(Clone, Debug, PartialEq)]
pub struct PaymentRow {
    /// The state machine.
    pub payment: Payment,
    /// By which attempt.
    pub session: SessionId,
    /// Where.
    pub terminal: TerminalId,
    /// Kept from settlement.
    pub held: bool,
    /// Was a strong factor used besides the face?
    pub strong: bool,
    /// How the payer was recognised, for the payer to read.
    pub recognised: serde_json::Value,
}

impl PaymentRow {
    /// What was agreed: ids, payer, merchant, amount, time.
    #[must_use]
    pub const fn terms(&self) -> &Terms {
        &self.payment.terms
    }
}

/// The columns that change during a payment's life.
struct Life {
    expires_at: Option<Timestamp>,
    captured: Option<Captured>,
    settlement: Option<SettlementId>,
    ended_at: Option<Timestamp>,
}

impl Life {
    fn of(state: &State) -> Self {
        let nothing = Self { expires_at: None, captured: None, settlement: None, ended_at: None };
        match state {
            State::Authorised { expires_at } => Self { expires_at: Some(*expires_at), ..nothing },
            State::Captured { captured } => Self { captured: Some(captured.clone()), ..nothing },
            State::Settled { captured, settlement, settled_at } => Self {
                captured: Some(captured.clone()),
                settlement: Some(*settlement),
                ended_at: Some(*settled_at),
                ..nothing
            },
            State::Voided { at } | State::Expired { at } | State::Reversed { at, captured: _ } => {
                Self { ended_at: Some(*at), ..nothing }
            }
        }
    }

    fn values(&self) -> [Value; 8] {
        let captured = self.captured.as_ref();
        [
            self.expires_at.into(),
            captured.map(|c| c.amount.minor).into(),
            captured.map_or(Value::Null, |c| text(c.transfer)),
            captured.map(|c| c.at).into(),
            captured.map_or(0, |c| c.refunded.minor).into(),
            captured.map_or(0, |c| c.recovered.minor).into(),
            self.settlement.map_or(Value::Null, text),
            self.ended_at.into(),
        ]
    }
}

impl Tx<'_> {
    /// Adds a payment. Its order must not have been paid before: the caller checked that in this transaction.
    ///
    /// # Errors
    /// The database fails.
    pub fn insert_payment(&self, row: &PaymentRow) -> Result<()> {
        let Payment { terms, state } = &row.payment;
        let fixed = [
            text(terms.id),
            text(terms.order),
            text(row.session),
            text(terms.payer),
            text(terms.merchant),
            text(row.terminal),
            terms.authorised.minor.into(),
            text(terms.authorised.currency),
            state.name().into(),
            terms.fee_bps.into(),
            text(terms.hold),
            row.held.into(),
            row.strong.into(),
            text(&row.recognised),
            terms.at.into(),
        ];
        let values: Vec<Value> = fixed.into_iter().chain(Life::of(state).values()).collect();
        self.execute_one(
            "INSERT INTO payments (id, order_id, session_id, payer_id, merchant_id, terminal_id, minor, currency, state,
                                   fee_bps, hold_id, held, strong, recognised, at, expires_at, captured_minor,
                                   capture_id, captured_at, refunded_minor, recovered_minor, settlement_id, ended_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21,
                     ?22, ?23)",
            &values,
        )
    }

    /// Writes where a payment stands now, and whether it is kept from settlement.
    ///
    /// # Errors
    /// The database fails.
    pub fn update_payment(&self, row: &PaymentRow) -> Result<()> {
        let Payment { terms, state } = &row.payment;
        let head = [text(terms.id), state.name().into(), row.held.into()];
        let values: Vec<Value> = head.into_iter().chain(Life::of(state).values()).collect();
        // What was captured stays on record when all of it went back.
        self.execute_one(
            "UPDATE payments SET state = ?2, held = ?3, expires_at = ?4, captured_minor = coalesce(?5, captured_minor),
                    capture_id = coalesce(?6, capture_id), captured_at = coalesce(?7, captured_at),
                    refunded_minor = ?8, recovered_minor = ?9, settlement_id = ?10, ended_at = ?11
             WHERE id = ?1",
            &values,
        )
    }

    /// The payment, if there is one.
    ///
    /// # Errors
    /// The database fails.
    pub fn payment(&self, id: PaymentId) -> Result<Option<PaymentRow>> {
        self.first_locked("SELECT * FROM payments WHERE id = ?1", &[text(id)], read_payment)
    }

    /// The payment of an order, if there is one.
    ///
    /// # Errors
    /// The database fails.
    pub fn payment_of_order(&self, order: OrderId) -> Result<Option<PaymentRow>> {
        self.first_locked("SELECT * FROM payments WHERE order_id = ?1", &[text(order)], read_payment)
    }

    /// The payments of a payer, newest first, at most `limit`.
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

    /// Every payment.
    ///
    /// # Errors
    /// The database fails.
    pub fn payments(&self) -> Result<Vec<PaymentRow>> {
        self.all("SELECT * FROM payments ORDER BY at, id", &[], read_payment)
    }

    /// Payments of which their payer has no message.
    ///
    /// # Errors
    /// The database fails.
    pub fn payments_untold(&self) -> Result<Vec<PaymentId>> {
        self.all(
            "SELECT id FROM payments p WHERE NOT EXISTS (SELECT 1 FROM messages m WHERE m.reference = p.id)
             ORDER BY id",
            &[],
            |row| row.parse("id"),
        )
    }

    /// Authorisations whose time has come, the oldest first, at most `limit`.
    ///
    /// # Errors
    /// The database fails.
    pub fn overdue_payments(&self, now: Timestamp, limit: u32) -> Result<Vec<PaymentId>> {
        self.all(
            "SELECT id FROM payments WHERE state = 'authorised' AND expires_at <= ?1 ORDER BY expires_at, id LIMIT ?2",
            &[now.into(), limit.into()],
            |row| row.parse("id"),
        )
    }

    /// When a payer last paid this merchant exactly this amount since `since`, if so; a payment that was given
    /// back does not count.
    ///
    /// # Errors
    /// The database fails.
    pub fn last_same_payment(
        &self,
        payer: PayerId,
        merchant: MerchantId,
        amount: Amount,
        since: Timestamp,
    ) -> Result<Option<Timestamp>> {
        self.first(
            "SELECT at FROM payments WHERE payer_id = ?1 AND merchant_id = ?2 AND minor = ?3 AND currency = ?4
               AND at >= ?5 AND state IN ('authorised', 'captured', 'settled') AND refunded_minor = 0
             ORDER BY at DESC LIMIT 1",
            &[text(payer), text(merchant), amount.minor.into(), text(amount.currency), since.into()],
            |row| row.time("at"),
        )
    }

    /// What a payer spent since `since` and did not get back, in minor units: in all, and with fewer than two
    /// factors.
    ///
    /// # Errors
    /// The database fails.
    pub fn spent_since(&self, payer: PayerId, currency: Currency, since: Timestamp) -> Result<(i64, i64)> {
        let found = self.first(
            "SELECT CAST(coalesce(sum(spent), 0) AS BIGINT) AS minor,
                    CAST(coalesce(sum(CASE WHEN strong = 0 THEN spent ELSE 0 END), 0) AS BIGINT) AS weak
             FROM (SELECT strong, coalesce(captured_minor, minor) - refunded_minor AS spent FROM payments
                   WHERE payer_id = ?1 AND currency = ?2 AND at >= ?3 AND state IN ('authorised', 'captured', 'settled'))
                  AS paid",
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
        let sql = "SELECT count(*) AS n FROM payments p JOIN terminal_places t ON t.terminal_id = p.terminal_id
               AND t.from_at <= p.at AND (t.until_at IS NULL OR p.at < t.until_at)
             WHERE p.payer_id = ?1 AND t.city = ?2 AND p.at >= ?3 AND p.at < ?4 AND p.state IN ('authorised', 'captured', 'settled')
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
            "SELECT payer_id, here, shop, town FROM
            (SELECT p.payer_id,
                    sum(CASE WHEN p.terminal_id = ?1 THEN 1 ELSE 0 END) AS here,
                    sum(CASE WHEN p.terminal_id <> ?1 AND p.merchant_id = ?2 THEN 1 ELSE 0 END) AS shop,
                    sum(CASE WHEN p.merchant_id <> ?2 THEN 1 ELSE 0 END) AS town
             FROM payments p JOIN terminal_places t ON t.terminal_id = p.terminal_id
               AND t.from_at <= p.at AND (t.until_at IS NULL OR p.at < t.until_at)
             WHERE t.city = ?3 AND p.at >= ?4 AND p.at < ?5 AND p.state IN ('authorised', 'captured', 'settled')
               AND NOT EXISTS (SELECT 1 FROM disputes d WHERE d.payment_id = p.id)
             GROUP BY p.payer_id) AS seen
             WHERE here + shop > 0 ORDER BY here DESC, shop DESC, town DESC, payer_id LIMIT ?6",
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

    /// The next payments after this one, oldest first, that were made by a face until then, confirmed with a strong
    /// factor, not taken back, and not disputed; each with its attempt and its capture, if that is kept.
    ///
    /// # Errors
    /// The database fails.
    pub fn next_confirmed(
        &self,
        (after, until): (&str, Timestamp),
        limit: u32,
    ) -> Result<Vec<(PaymentId, PayerId, SessionId)>> {
        self.all(
            "SELECT p.id, p.payer_id, p.session_id FROM payments p JOIN captures c ON c.session_id = p.session_id
             WHERE p.id > ?1 AND p.at <= ?2 AND p.strong = 1 AND p.state IN ('captured', 'settled')
               AND c.tombstone_id IS NULL AND NOT EXISTS (SELECT 1 FROM disputes d WHERE d.payment_id = p.id)
             ORDER BY p.id LIMIT ?3",
            &[after.into(), until.into(), limit.into()],
            |row| Ok((row.parse("id")?, row.parse("payer_id")?, row.parse("session_id")?)),
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
            "SELECT p.at, t.latitude, t.longitude FROM payments p JOIN terminal_places t ON t.terminal_id = p.terminal_id
               AND t.from_at <= p.at AND (t.until_at IS NULL OR p.at < t.until_at)
             WHERE p.payer_id = ?1 AND p.id <> ?2 AND NOT EXISTS (SELECT 1 FROM disputes d WHERE d.payment_id = p.id)
             ORDER BY abs(p.at - ?3) LIMIT 1",
            &[text(payer), text(except), at.into()],
            |row| Ok((row.time("at")?, row.point("latitude", "longitude")?)),
        )
    }
}

fn read_payment(row: &Row<'_>) -> Result<PaymentRow> {
    let authorised = row.amount()?;
    let amount = |minor| Amount::new(minor, authorised.currency);
    let captured = || -> Result<Captured> {
        Ok(Captured {
            amount: amount(row.integer("captured_minor")?),
            transfer: row.parse("capture_id")?,
            at: row.time("captured_at")?,
            refunded: amount(row.integer("refunded_minor")?),
            recovered: amount(row.integer("recovered_minor")?),
        })
    };
    let state = match row.string("state")?.as_str() {
        "authorised" => State::Authorised { expires_at: row.time("expires_at")? },
        "captured" => State::Captured { captured: captured()? },
        "settled" => State::Settled {
            captured: captured()?,
            settlement: row.parse("settlement_id")?,
            settled_at: row.time("ended_at")?,
        },
        "voided" => State::Voided { at: row.time("ended_at")? },
        "expired" => State::Expired { at: row.time("ended_at")? },
        "reversed" => State::Reversed {
            at: row.time("ended_at")?,
            captured: row.optional_integer("captured_minor")?.map(amount),
        },
        other => bail!("column state is damaged: {other:?}"),
    };
    let terms = Terms {
        id: row.parse("id")?,
        order: row.parse("order_id")?,
        merchant: row.parse("merchant_id")?,
        payer: row.parse("payer_id")?,
        authorised,
        at: row.time("at")?,
        fee_bps: row.count("fee_bps")?,
        hold: row.parse("hold_id")?,
    };
    Ok(PaymentRow {
        payment: Payment { terms, state },
        session: row.parse("session_id")?,
        terminal: row.parse("terminal_id")?,
        held: row.boolean("held")?,
        strong: row.boolean("strong")?,
        recognised: row.json("recognised")?,
    })
}
