//! What terminals said of themselves, how their frames looked, and what staff has to look at.

use anyhow::{Context, Result};
use risk::AlertKind;
use types::{AlertId, Digest, KeyId, MerchantId, PayerId, SessionId, TerminalId, Timestamp};

use crate::Tx;
use crate::value::{Row, json, text};

/// What is known of a device from its own reports.
#[derive(Clone, Debug, PartialEq)]
pub struct TerminalWatchRow {
    /// The key it signs with.
    pub key: KeyId,
    /// Which terminal it is.
    pub terminal: TerminalId,
    /// The last counters, where it was last, and how often outside.
    pub known: risk::Known,
    /// When it reported last.
    pub at: Timestamp,
}

/// What a terminal said with an attempt's frames.
#[derive(Clone, Debug, PartialEq)]
pub struct CaptureReportRow {
    /// The attempt.
    pub session: SessionId,
    /// The key that signed it.
    pub key: KeyId,
    /// When it came.
    pub at: Timestamp,
    /// What it said.
    pub report: serde_json::Value,
    /// What stood out.
    pub findings: serde_json::Value,
}

/// How a frame looked that was decided on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FramePrintRow {
    /// Of which attempt.
    pub session: SessionId,
    /// Which frame, from 0.
    pub position: u32,
    /// Who took it.
    pub terminal: TerminalId,
    /// When it came.
    pub at: Timestamp,
    /// Of its bytes.
    pub sha256: Digest,
    /// A perceptual hash of its face, as hexadecimal digits.
    pub looks: String,
    /// What its compression tells of the program that made it.
    pub encoder: String,
}

/// Something that staff has to look at.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertRow {
    /// Its id.
    pub id: AlertId,
    /// What it is.
    pub kind: AlertKind,
    /// Does it wait for somebody?
    pub open: bool,
    /// When it was raised.
    pub at: Timestamp,
    /// When the same came last.
    pub last_at: Timestamp,
    /// How often it came.
    pub times: u32,
    /// At which terminal.
    pub terminal: Option<TerminalId>,
    /// Whose terminal.
    pub merchant: Option<MerchantId>,
    /// In which attempt it came last.
    pub session: Option<SessionId>,
    /// About whose account.
    pub payer: Option<PayerId>,
    /// What was found, the last time.
    pub facts: serde_json::Value,
}

impl Tx<'_> {
    /// What is known of a device, if it reported before. The caller has locked the terminal.
    ///
    /// # Errors
    /// The database fails.
    pub fn terminal_watch(&self, key: KeyId) -> Result<Option<TerminalWatchRow>> {
        self.first_locked("SELECT * FROM terminal_watches WHERE key_id = ?1", &[text(key)], |row| {
            Ok(TerminalWatchRow {
                key: row.parse("key_id")?,
                terminal: row.parse("terminal_id")?,
                known: row.json("state")?,
                at: row.time("at")?,
            })
        })
    }

    /// Writes what is known of a device.
    ///
    /// # Errors
    /// The database fails.
    pub fn put_terminal_watch(&self, row: &TerminalWatchRow) -> Result<()> {
        let counter = i64::try_from(row.known.counter).context("a terminal's counter")?;
        self.execute_one(
            "INSERT INTO terminal_watches (key_id, terminal_id, counter, state, at) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (key_id) DO UPDATE SET counter = excluded.counter, state = excluded.state, at = excluded.at",
            &[text(row.key), text(row.terminal), counter.into(), json(&row.known)?, row.at.into()],
        )
    }

    /// Keeps what a terminal said with an attempt's frames; what came with it last counts.
    ///
    /// # Errors
    /// The database fails.
    pub fn put_capture_report(&self, row: &CaptureReportRow) -> Result<()> {
        self.execute_one(
            "INSERT INTO capture_reports (session_id, key_id, at, report, findings) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (session_id) DO UPDATE SET key_id = excluded.key_id, at = excluded.at,
                                                    report = excluded.report, findings = excluded.findings",
            &[text(row.session), text(row.key), row.at.into(), text(&row.report), text(&row.findings)],
        )
    }

    /// What the terminal said with an attempt's frames, if it said anything.
    ///
    /// # Errors
    /// The database fails.
    pub fn capture_report(&self, session: SessionId) -> Result<Option<CaptureReportRow>> {
        self.first("SELECT * FROM capture_reports WHERE session_id = ?1", &[text(session)], |row| {
            Ok(CaptureReportRow {
                session: row.parse("session_id")?,
                key: row.parse("key_id")?,
                at: row.time("at")?,
                report: row.json("report")?,
                findings: row.json("findings")?,
            })
        })
    }

    /// Keeps how a frame looked.
    ///
    /// # Errors
    /// The database fails.
    pub fn insert_frame_print(&self, row: &FramePrintRow) -> Result<()> {
        self.execute_one(
            "INSERT INTO frame_prints (session_id, position, terminal_id, at, sha256, looks, encoder)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            &[
                text(row.session),
                row.position.into(),
                text(row.terminal),
                row.at.into(),
                text(row.sha256),
                row.looks.as_str().into(),
                row.encoder.as_str().into(),
            ],
        )
    }

    /// The attempt in which these very bytes came before, at any terminal.
    ///
    /// # Errors
    /// The database fails.
    pub fn frame_seen(&self, sha256: Digest) -> Result<Option<SessionId>> {
        let sql = "SELECT session_id FROM frame_prints WHERE sha256 = ?1 ORDER BY at LIMIT 1";
        self.first(sql, &[text(sha256)], |row| row.parse("session_id"))
    }

    /// How the last frames of a terminal looked, newest first, at most `limit`.
    ///
    /// # Errors
    /// The database fails.
    pub fn prints_of_terminal(&self, terminal: TerminalId, limit: u32) -> Result<Vec<FramePrintRow>> {
        let sql = "SELECT * FROM frame_prints WHERE terminal_id = ?1 ORDER BY at DESC, session_id, position LIMIT ?2";
        self.all(sql, &[text(terminal), limit.into()], read_print)
    }

    /// How the last frames of a payer looked, newest first, at most `limit`.
    ///
    /// # Errors
    /// The database fails.
    pub fn prints_of_payer(&self, payer: PayerId, limit: u32) -> Result<Vec<FramePrintRow>> {
        let sql = "SELECT f.* FROM frame_prints f JOIN captures c ON c.session_id = f.session_id
                   WHERE c.payer_id = ?1 ORDER BY f.at DESC, f.session_id, f.position LIMIT ?2";
        self.all(sql, &[text(payer), limit.into()], read_print)
    }

    /// Forgets how the frames of an attempt looked.
    ///
    /// # Errors
    /// The database fails.
    pub fn forget_prints_of(&self, session: SessionId) -> Result<usize> {
        self.execute("DELETE FROM frame_prints WHERE session_id = ?1", &[text(session)])
    }

    /// Forgets how frames looked that came before a time; returns how many there were.
    ///
    /// # Errors
    /// The database fails.
    pub fn forget_prints(&self, before: Timestamp) -> Result<usize> {
        self.execute("DELETE FROM frame_prints WHERE at < ?1", &[before.into()])
    }

    /// Raises an alert. One of this kind that is open at the terminal counts up instead; returns whether it is new. The
    /// caller has locked the terminal.
    ///
    /// # Errors
    /// The database fails.
    pub fn raise_alert(&self, row: &AlertRow) -> Result<bool> {
        let terminal = row.terminal.map(|id| id.to_string());
        let session = row.session.map(|id| id.to_string());
        let counted = self.execute(
            "UPDATE alerts SET times = times + 1, last_at = ?3, session_id = ?4, facts = ?5
             WHERE kind = ?1 AND terminal_id = ?2 AND state = 'open'",
            &[
                row.kind.code().into(),
                terminal.as_deref().into(),
                row.last_at.into(),
                session.as_deref().into(),
                text(&row.facts),
            ],
        )?;
        if counted != 0 {
            return Ok(false);
        }
        let merchant = row.merchant.map(|id| id.to_string());
        let payer = row.payer.map(|id| id.to_string());
        self.execute_one(
            "INSERT INTO alerts (id, kind, state, at, last_at, times, terminal_id, merchant_id, session_id, payer_id,
                                 facts)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            &[
                text(row.id),
                row.kind.code().into(),
                if row.open { "open" } else { "closed" }.into(),
                row.at.into(),
                row.last_at.into(),
                row.times.into(),
                terminal.as_deref().into(),
                merchant.as_deref().into(),
                session.as_deref().into(),
                payer.as_deref().into(),
                text(&row.facts),
            ],
        )?;
        Ok(true)
    }

    /// Alerts, the last to come first, at most `limit`.
    ///
    /// # Errors
    /// The database fails.
    pub fn alerts(&self, limit: u32) -> Result<Vec<AlertRow>> {
        let sql = "SELECT * FROM alerts ORDER BY last_at DESC, id DESC LIMIT ?1";
        self.all(sql, &[limit.into()], read_alert)
    }

    /// How many alerts of a kind are open.
    ///
    /// # Errors
    /// The database fails.
    pub fn open_alerts(&self, kind: AlertKind) -> Result<u32> {
        let sql = "SELECT count(*) AS n FROM alerts WHERE kind = ?1 AND state = 'open'";
        Ok(u32::try_from(self.number(sql, &[kind.code().into()])?)?)
    }
}

fn read_print(row: &Row<'_>) -> Result<FramePrintRow> {
    Ok(FramePrintRow {
        session: row.parse("session_id")?,
        position: row.count("position")?,
        terminal: row.parse("terminal_id")?,
        at: row.time("at")?,
        sha256: row.parse("sha256")?,
        looks: row.string("looks")?,
        encoder: row.string("encoder")?,
    })
}

fn read_alert(row: &Row<'_>) -> Result<AlertRow> {
    let kind = row.string("kind")?;
    Ok(AlertRow {
        id: row.parse("id")?,
        kind: AlertKind::of_code(&kind).with_context(|| format!("column kind is damaged: {kind:?}"))?,
        open: row.string("state")? == "open",
        at: row.time("at")?,
        last_at: row.time("last_at")?,
        times: row.count("times")?,
        terminal: row.optional_parse("terminal_id")?,
        merchant: row.optional_parse("merchant_id")?,
        session: row.optional_parse("session_id")?,
        payer: row.optional_parse("payer_id")?,
        facts: row.json("facts")?,
    })
}
