//! Orders, attempts to pay them, captures, and the decisions about them.

use anyhow::{Context as _, Result, bail};
use evidence::WrappedKey;
use types::{
    Amount, CaptureId, Digest, MerchantId, OrderId, PayerId, SessionId, TerminalId, Timestamp, TombstoneId,
};

use crate::Tx;
use crate::value::{Row, Value, text};

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderState {
    /// Nobody paid yet.
    Open,
    /// Paid once.
    Paid,
    /// Taken back; it can never be paid any more.
    Reversed,
}

impl OrderState {
    const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Paid => "paid",
            Self::Reversed => "reversed",
        }
    }
}

/// What a merchant wants paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderRow {
    /// Its id.
    pub id: OrderId,
    /// Whose.
    pub merchant: MerchantId,
    /// Where it may be paid.
    pub terminal: TerminalId,
    /// The merchant's own number: the idempotency key.
    pub out_trade_no: String,
    /// How much.
    pub amount: Amount,
    /// What for.
    pub description: String,
    /// What became of it.
    pub state: OrderState,
    /// When.
    pub created_at: Timestamp,
    /// Until when it can be paid.
    pub expires_at: Timestamp,
    /// Does the merchant take the money itself, later and perhaps less? Otherwise it is taken at once.
    pub capture_later: bool,
}

/// One attempt to pay an order: with a face, or with the order's code.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionRow {
    /// Its id.
    pub id: SessionId,
    /// What is to be paid.
    pub order: OrderId,
    /// Where.
    pub terminal: TerminalId,
    /// SHA-256 of the nonce.
    pub nonce_hash: Digest,
    /// How far it is, as the engine writes it: an object with a `stage`.
    pub state: serde_json::Value,
    /// How many digits, numbers or PINs were typed.
    pub digits_attempts: u32,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// The movements that were asked, as the engine writes them; none where none were.
    pub challenge: Option<serde_json::Value>,
}

/// What a terminal took.
#[derive(Clone, Debug, PartialEq)]
pub struct CaptureRow {
    /// Its id.
    pub id: CaptureId,
    /// For which attempt.
    pub session: SessionId,
    /// When.
    pub at: Timestamp,
    /// Per frame: digest and what the machines measured; of a frame of a movement also which, as `step`.
    pub frames: serde_json::Value,
    /// Whom it was taken for: the best candidate; none where nobody was compared.
    pub payer: Option<PayerId>,
    /// The face.
    pub content: CaptureContent,
    /// SHA-256 of the embedding model.
    pub model: Digest,
}

/// What is left of a capture's face.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaptureContent {
    /// It is kept.
    Kept {
        /// The fused probe template, sealed.
        probe_sealed: Vec<u8>,
        /// What probe and pictures are sealed under; none for values of the first version.
        key: Option<WrappedKey>,
    },
    /// It was erased.
    Erased {
        /// What tells of it.
        by: TombstoneId,
    },
}

/// A verdict with everything it depended on.
#[derive(Clone, Debug, PartialEq)]
pub struct DecisionRow {
    /// About which attempt.
    pub session: SessionId,
    /// Which decision of the attempt, from 0.
    pub seq: u32,
    /// When.
    pub at: Timestamp,
    /// SHA-256 of the policy's text.
    pub policy: Digest,
    /// The calibration's id.
    pub calibration: String,
    /// What the search and the posterior gave.
    pub recognition: serde_json::Value,
    /// The input of the verdict.
    pub case: serde_json::Value,
    /// The verdict.
    pub verdict: serde_json::Value,
}

impl Tx<'_> {
    /// Adds an order; `false` when the merchant used the number before.
    ///
    /// # Errors
    /// The database fails.
    pub fn insert_order(&self, row: &OrderRow) -> Result<bool> {
        let inserted = self.execute(
            "INSERT INTO orders (id, merchant_id, terminal_id, out_trade_no, minor, currency, description, state,
                                 created_at, expires_at, capture)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT (merchant_id, out_trade_no) DO NOTHING",
            &[
                text(row.id),
                text(row.merchant),
                text(row.terminal),
                row.out_trade_no.as_str().into(),
                row.amount.minor.into(),
                text(row.amount.currency),
                row.description.as_str().into(),
                row.state.name().into(),
                row.created_at.into(),
                row.expires_at.into(),
                if row.capture_later { "manual" } else { "automatic" }.into(),
            ],
        )?;
        Ok(inserted == 1)
    }

    /// The order, if there is one.
    ///
    /// # Errors
    /// The database fails.
    pub fn order(&self, id: OrderId) -> Result<Option<OrderRow>> {
        self.first_locked("SELECT * FROM orders WHERE id = ?1", &[text(id)], read_order)
    }

    /// The order an attempt is to pay, if there is one.
    ///
    /// # Errors
    /// The database fails.
    pub fn order_of_session(&self, session: SessionId) -> Result<Option<OrderRow>> {
        self.first_locked(
            "SELECT * FROM orders WHERE id = (SELECT order_id FROM sessions WHERE id = ?1)",
            &[text(session)],
            read_order,
        )
    }

    /// The order under the merchant's own number, if there is one.
    ///
    /// # Errors
    /// The database fails.
    pub fn order_by_number(&self, merchant: MerchantId, out_trade_no: &str) -> Result<Option<OrderRow>> {
        self.first_locked(
            "SELECT * FROM orders WHERE merchant_id = ?1 AND out_trade_no = ?2",
            &[text(merchant), out_trade_no.into()],
            read_order,
        )
    }

    /// Marks a number as taken back before its order came; `false` when it was marked before.
    ///
    /// # Errors
    /// The database fails.
    pub fn reverse_number(&self, merchant: MerchantId, out_trade_no: &str, now: Timestamp) -> Result<bool> {
        self.lock_number(merchant, out_trade_no)?;
        let inserted = self.execute(
            "INSERT INTO reversed_numbers (merchant_id, out_trade_no, at) VALUES (?1, ?2, ?3)
             ON CONFLICT (merchant_id, out_trade_no) DO NOTHING",
            &[text(merchant), out_trade_no.into(), now.into()],
        )?;
        Ok(inserted == 1)
    }

    /// Was this number taken back before its order came?
    ///
    /// # Errors
    /// The database fails.
    pub fn is_number_reversed(&self, merchant: MerchantId, out_trade_no: &str) -> Result<bool> {
        self.lock_number(merchant, out_trade_no)?;
        let sql = "SELECT count(*) AS n FROM reversed_numbers WHERE merchant_id = ?1 AND out_trade_no = ?2";
        Ok(self.number(sql, &[text(merchant), out_trade_no.into()])? != 0)
    }

    /// Between the order of a number and its reversal there is no row that both would lock.
    fn lock_number(&self, merchant: MerchantId, out_trade_no: &str) -> Result<()> {
        self.lock_name(&format!("order {merchant} {out_trade_no}"))
    }

    /// Moves an order to a state.
    ///
    /// # Errors
    /// The database fails.
    pub fn set_order_state(&self, id: OrderId, state: OrderState) -> Result<()> {
        self.execute_one("UPDATE orders SET state = ?2 WHERE id = ?1", &[text(id), state.name().into()])
    }

    /// Adds an attempt.
    ///
    /// # Errors
    /// The database fails.
    pub fn insert_session(&self, row: &SessionRow) -> Result<()> {
        self.execute_one(
            "INSERT INTO sessions (id, order_id, terminal_id, nonce_hash, stage, state, digits_attempts, opened_at,
                                   expires_at, challenge)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            &[
                text(row.id),
                text(row.order),
                text(row.terminal),
                row.nonce_hash.0.as_slice().into(),
                stage(&row.state).into(),
                text(&row.state),
                row.digits_attempts.into(),
                row.opened_at.into(),
                row.expires_at.into(),
                row.challenge.as_ref().map_or(Value::Null, text),
            ],
        )
    }

    /// The attempt, if there is one.
    ///
    /// # Errors
    /// The database fails.
    pub fn session(&self, id: SessionId) -> Result<Option<SessionRow>> {
        self.first_locked("SELECT * FROM sessions WHERE id = ?1", &[text(id)], |row| {
            Ok(SessionRow {
                id: row.parse("id")?,
                order: row.parse("order_id")?,
                terminal: row.parse("terminal_id")?,
                nonce_hash: Digest(row.fingerprint("nonce_hash")?),
                state: row.json("state")?,
                digits_attempts: row.count("digits_attempts")?,
                opened_at: row.time("opened_at")?,
                expires_at: row.time("expires_at")?,
                challenge: optional_json(row, "challenge")?,
            })
        })
    }

    /// Writes state and attempts of a session.
    ///
    /// # Errors
    /// The database fails.
    pub fn update_session(&self, row: &SessionRow) -> Result<()> {
        self.execute_one(
            "UPDATE sessions SET stage = ?2, state = ?3, digits_attempts = ?4 WHERE id = ?1",
            &[text(row.id), stage(&row.state).into(), text(&row.state), row.digits_attempts.into()],
        )
    }

    /// Adds what a terminal took.
    ///
    /// # Errors
    /// The database fails.
    pub fn insert_capture(&self, row: &CaptureRow) -> Result<()> {
        let [probe, key, generation, tombstone] = match &row.content {
            CaptureContent::Kept { probe_sealed, key } => [
                probe_sealed.as_slice().into(),
                key.as_ref().map(|key| key.bytes.as_slice()).into(),
                key.as_ref().map_or(Value::Null, |key| text(key.generation)),
                Value::Null,
            ],
            CaptureContent::Erased { by } => [Value::Blob(Vec::new()), Value::Null, Value::Null, text(by)],
        };
        self.execute_one(
            "INSERT INTO captures (id, session_id, at, frames, model, payer_id, probe_sealed, key_wrapped, generation,
                                   tombstone_id)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            &[
                text(row.id),
                text(row.session),
                row.at.into(),
                text(&row.frames),
                text(row.model),
                row.payer.map_or(Value::Null, text),
                probe,
                key,
                generation,
                tombstone,
            ],
        )
    }

    /// Does a record name this capture?
    ///
    /// # Errors
    /// The database fails.
    pub fn has_capture(&self, id: CaptureId) -> Result<bool> {
        Ok(self.number("SELECT count(*) AS n FROM captures WHERE id = ?1", &[text(id)])? != 0)
    }

    /// What was taken for an attempt, if it was kept.
    ///
    /// # Errors
    /// The database fails.
    pub fn capture(&self, session: SessionId) -> Result<Option<CaptureRow>> {
        self.first("SELECT * FROM captures WHERE session_id = ?1", &[text(session)], read_capture)
    }

    /// Appends a decision.
    ///
    /// # Errors
    /// The database fails.
    pub fn insert_decision(&self, row: &DecisionRow) -> Result<()> {
        self.execute_one(
            "INSERT INTO decisions (session_id, seq, at, policy, calibration, recognition, kase, verdict)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            &[
                text(row.session),
                row.seq.into(),
                row.at.into(),
                text(row.policy),
                row.calibration.as_str().into(),
                text(&row.recognition),
                text(&row.case),
                text(&row.verdict),
            ],
        )
    }

    /// How many attempts by face at a terminal from `from` on and before `to` ended in a payment that nobody disputed,
    /// and how many with nobody recognised.
    ///
    /// # Errors
    /// The database fails.
    pub fn attempts_ended(
        &self,
        terminal: TerminalId,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<[u64; 2]> {
        let found = self.first(
            "SELECT CAST(coalesce(sum(CASE WHEN s.stage = 'approved' THEN 1 ELSE 0 END), 0) AS BIGINT) AS paid,
                    CAST(coalesce(sum(CASE WHEN s.state LIKE '%\"why\":\"not_recognised\"%' THEN 1 ELSE 0 END), 0)
                         AS BIGINT) AS unknown
             FROM sessions s
             WHERE s.terminal_id = ?1 AND s.opened_at >= ?2 AND s.opened_at < ?3 AND s.stage IN ('approved', 'refused')
               AND EXISTS (SELECT 1 FROM captures c WHERE c.session_id = s.id)
               AND NOT EXISTS (SELECT 1 FROM payments p JOIN disputes d ON d.payment_id = p.id
                               WHERE p.session_id = s.id)",
            &[text(terminal), from.into(), to.into()],
            |row| Ok([row.integer("paid")?, row.integer("unknown")?]),
        )?;
        let counts = found.unwrap_or_default().map(u64::try_from);
        let [paid, unknown] = counts;
        Ok([paid.context("a count is not negative")?, unknown.context("a count is not negative")?])
    }

    /// The decisions about an attempt, in order.
    ///
    /// # Errors
    /// The database fails.
    pub fn decisions(&self, session: SessionId) -> Result<Vec<DecisionRow>> {
        self.all(
            "SELECT * FROM decisions WHERE session_id = ?1 ORDER BY seq",
            &[text(session)],
            read_decision,
        )
    }

    /// How many decisions there are about an attempt.
    ///
    /// # Errors
    /// The database fails.
    pub fn decision_count(&self, session: SessionId) -> Result<u32> {
        let sql = "SELECT count(*) AS n FROM decisions WHERE session_id = ?1";
        Ok(u32::try_from(self.number(sql, &[text(session)])?)?)
    }

    /// Every decision, for a replay.
    ///
    /// # Errors
    /// The database fails.
    pub fn all_decisions(&self) -> Result<Vec<DecisionRow>> {
        self.all("SELECT * FROM decisions ORDER BY session_id, seq", &[], read_decision)
    }
}

fn optional_json(row: &Row<'_>, column: &str) -> Result<Option<serde_json::Value>> {
    let text = row.optional_string(column)?;
    text.map(|text| serde_json::from_str(&text))
        .transpose()
        .with_context(|| format!("column {column} is damaged"))
}

fn stage(state: &serde_json::Value) -> &str {
    state.get("stage").and_then(serde_json::Value::as_str).expect("a session's state names its stage")
}

fn read_order(row: &Row<'_>) -> Result<OrderRow> {
    let state = match row.string("state")?.as_str() {
        "open" => OrderState::Open,
        "paid" => OrderState::Paid,
        "reversed" => OrderState::Reversed,
        other => bail!("column state is damaged: {other:?}"),
    };
    Ok(OrderRow {
        id: row.parse("id")?,
        merchant: row.parse("merchant_id")?,
        terminal: row.parse("terminal_id")?,
        out_trade_no: row.string("out_trade_no")?,
        amount: row.amount()?,
        description: row.string("description")?,
        state,
        created_at: row.time("created_at")?,
        expires_at: row.time("expires_at")?,
        capture_later: row.string("capture")? == "manual",
    })
}

pub(crate) fn read_capture(row: &Row<'_>) -> Result<CaptureRow> {
    let content = match row.optional_parse("tombstone_id")? {
        Some(by) => CaptureContent::Erased { by },
        None => CaptureContent::Kept {
            probe_sealed: row.blob("probe_sealed")?,
            key: row.wrapped_key("key_wrapped", "generation")?,
        },
    };
    Ok(CaptureRow {
        id: row.parse("id")?,
        session: row.parse("session_id")?,
        at: row.time("at")?,
        frames: row.json("frames")?,
        payer: row.optional_parse("payer_id")?,
        content,
        model: row.parse("model")?,
    })
}

fn read_decision(row: &Row<'_>) -> Result<DecisionRow> {
    Ok(DecisionRow {
        session: row.parse("session_id")?,
        seq: row.count("seq")?,
        at: row.time("at")?,
        policy: row.parse("policy")?,
        calibration: row.string("calibration")?,
        recognition: row.json("recognition")?,
        case: row.json("kase")?,
        verdict: row.json("verdict")?,
    })
}
