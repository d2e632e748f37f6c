//! The watch over the calibration that decides.

use anyhow::Result;
use types::{PayerId, PaymentId, Timestamp};

use crate::Tx;
use crate::value::{Row, text};

/// A payment by face that waits for the watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriftLook {
    /// Which.
    pub payment: PaymentId,
    /// The calibration that decided it.
    pub calibration: String,
    /// When it was made.
    pub at: Timestamp,
}

/// The watch over one cohort of one calibration.
#[derive(Clone, Debug, PartialEq)]
pub struct DriftWatchRow {
    /// The calibration's id.
    pub calibration: String,
    /// The cohort's name; `default` for everybody who is in none.
    pub cohort: String,
    /// What was won and counted so far.
    pub state: serde_json::Value,
    /// When it began.
    pub begun_at: Timestamp,
    /// Since when it says that the calibration is too bold.
    pub alarmed_at: Option<Timestamp>,
}

impl Tx<'_> {
    /// Puts a payment down for the watch.
    ///
    /// # Errors
    /// The database fails.
    pub fn insert_drift_look(&self, look: &DriftLook) -> Result<()> {
        self.execute_one(
            "INSERT INTO drift_looks (payment_id, calibration, at) VALUES (?1, ?2, ?3)",
            &[text(look.payment), look.calibration.as_str().into(), look.at.into()],
        )
    }

    /// Payments until `until` that wait for the watch, oldest first, at most `limit`. In a write they are this
    /// transaction's alone: another process that asks waits, and then does not get them.
    ///
    /// # Errors
    /// The database fails.
    pub fn drift_looks(&self, until: Timestamp, limit: u32) -> Result<Vec<DriftLook>> {
        self.all_locked(
            "SELECT * FROM drift_looks WHERE counted IS NULL AND at <= ?1 ORDER BY at, payment_id LIMIT ?2",
            &[until.into(), limit.into()],
            |row| {
                Ok(DriftLook {
                    payment: row.parse("payment_id")?,
                    calibration: row.string("calibration")?,
                    at: row.time("at")?,
                })
            },
        )
    }

    /// A payment was looked at: does it count?
    ///
    /// # Errors
    /// The database fails.
    pub fn set_drift_counted(&self, payment: PaymentId, counted: bool) -> Result<()> {
        let counted = i64::from(counted);
        self.execute_one(
            "UPDATE drift_looks SET counted = ?2 WHERE payment_id = ?1 AND counted IS NULL",
            &[text(payment), counted.into()],
        )
    }

    /// Did a payment of this payer from `from` on and before `to` count for this calibration?
    ///
    /// # Errors
    /// The database fails.
    pub fn drift_counted(
        &self,
        (payer, calibration): (PayerId, &str),
        (from, to): (Timestamp, Timestamp),
    ) -> Result<bool> {
        let sql = "SELECT count(*) AS n FROM payments p JOIN drift_looks l ON l.payment_id = p.id
                   WHERE p.payer_id = ?1 AND l.calibration = ?2 AND l.at >= ?3 AND l.at < ?4 AND l.counted = 1";
        Ok(self.number(sql, &[text(payer), calibration.into(), from.into(), to.into()])? > 0)
    }

    /// The watch over one cohort of one calibration.
    ///
    /// # Errors
    /// The database fails.
    pub fn drift_watch(&self, calibration: &str, cohort: &str) -> Result<Option<DriftWatchRow>> {
        self.first_locked(
            "SELECT * FROM drift_watches WHERE calibration = ?1 AND cohort = ?2",
            &[calibration.into(), cohort.into()],
            read_watch,
        )
    }

    /// All watches of a calibration, by cohort.
    ///
    /// # Errors
    /// The database fails.
    pub fn drift_watches(&self, calibration: &str) -> Result<Vec<DriftWatchRow>> {
        let sql = "SELECT * FROM drift_watches WHERE calibration = ?1 ORDER BY cohort";
        self.all(sql, &[calibration.into()], read_watch)
    }

    /// Begins a watch; `false` if there is one.
    ///
    /// # Errors
    /// The database fails.
    pub fn insert_drift_watch(&self, row: &DriftWatchRow) -> Result<bool> {
        let inserted = self.execute(
            "INSERT INTO drift_watches (calibration, cohort, state, begun_at, alarmed_at)
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (calibration, cohort) DO NOTHING",
            &[
                row.calibration.as_str().into(),
                row.cohort.as_str().into(),
                text(&row.state),
                row.begun_at.into(),
                row.alarmed_at.into(),
            ],
        )?;
        Ok(inserted == 1)
    }

    /// Writes how a watch stands.
    ///
    /// # Errors
    /// The database fails.
    pub fn update_drift_watch(&self, row: &DriftWatchRow) -> Result<()> {
        self.execute_one(
            "UPDATE drift_watches SET state = ?3, alarmed_at = ?4 WHERE calibration = ?1 AND cohort = ?2",
            &[
                row.calibration.as_str().into(),
                row.cohort.as_str().into(),
                text(&row.state),
                row.alarmed_at.into(),
            ],
        )
    }
}

fn read_watch(row: &Row<'_>) -> Result<DriftWatchRow> {
    Ok(DriftWatchRow {
        calibration: row.string("calibration")?,
        cohort: row.string("cohort")?,
        state: row.json("state")?,
        begun_at: row.time("begun_at")?,
        alarmed_at: row.optional_time("alarmed_at")?,
    })
}
