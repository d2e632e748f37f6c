//! The watch over the calibration that decides: do strangers still score as they did when it was made?
//!
//! Each payment by face is put down for the watch in the transaction that debits it, and looked at some time later by
//! whichever process comes first, in one transaction with the watch it changes: so it counts once, wherever a process
//! dies. One watch for each cohort of each calibration: a new calibration begins anew. Pictures and frames need none of
//! their own, since each stranger is held against the threshold of the own fusion (`identity::Drift`).
//!
//! Left out is what would be no stranger: accounts that are recorded as probably the payer's own second one, and
//! payments that were disputed until then (the best "stranger" may be who stood there). Of each payer one payment in
//! some days counts: the same two faces score alike each time, and only different payers are nearly independent.
//!
//! Recorded look-alikes stay in. Who looks alike is judged by the calibration itself: one that is too bold takes every
//! stranger for a look-alike, and would blind the watch over it.

use std::collections::BTreeMap;

use anyhow::{Context as _, anyhow};
use identity::{Calibration, Finding, PosteriorInput};
use serde::Serialize;
use serde_json::json;
use store::{DriftLook, DriftWatchRow, LookAlikeKind, Tx};
use types::{PayerId, PaymentId, SignedDuration, Timestamp};

use crate::engine::{Context, Engine, record};
use crate::installation::known_calibration;
use crate::recognise::{Recognition, cohort_of};
use crate::rejected::Error;

/// Payments of one transaction: few, so that others hardly wait.
const BATCH: u32 = 100;
const DAY_SECONDS: i64 = 24 * 60 * 60;

/// How the watch over one cohort of the calibration in force stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DriftState {
    /// The cohort; `default` for everybody who is in none.
    pub cohort: String,
    /// Payments that counted so far.
    pub payments: u64,
    /// Those of them in which a stranger reached a score that strangers reach once in twenty payments at most.
    pub reached: u64,
    /// How many times as often as the calibration says strangers match, once that is more than chance; none before.
    pub too_bold: Option<f64>,
    /// What is to be done; none while nothing is.
    pub advice: Option<String>,
}

/// The calibration in force, and what the watch says of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CalibrationHealth {
    /// Its id.
    pub id: String,
    /// One for each cohort of which payments counted.
    pub drift: Vec<DriftState>,
}

/// A payment that counts, and in which watch.
struct Counted {
    cohort: String,
    input: PosteriorInput,
    known: Vec<PayerId>,
}

impl Engine {
    /// Puts a payment down for the watch.
    pub(crate) fn await_drift(&self, tx: &Tx<'_>, payment: PaymentId, at: Timestamp) -> Result<(), Error> {
        let calibration = self.calibration.provenance().id.clone();
        Ok(tx.insert_drift_look(&DriftLook { payment, calibration, at })?)
    }

    /// Looks at every payment that is old enough, and raises the alarm where it is due: in the log of records once for
    /// each watch, and in the log. Returns at how many it looked.
    ///
    /// # Errors
    /// An operating fault; what was counted stays counted, and the rest is looked at next time.
    pub fn watch_drift(&self, ctx: &mut Context<'_>) -> Result<usize, Error> {
        let until = ctx.now - SignedDuration::from_hours(i64::from(self.policy.drift.after_hours));
        let mut looked = 0;
        loop {
            // Most rounds find nothing, and need not write for that.
            if self.store.read(|tx| tx.drift_looks(until, 1))?.is_empty() {
                return Ok(looked);
            }
            looked += self.store.write(|tx| self.look(tx, ctx, until))?;
        }
    }

    fn look(&self, tx: &Tx<'_>, ctx: &mut Context<'_>, until: Timestamp) -> Result<usize, Error> {
        let looks = tx.drift_looks(until, BATCH)?;
        let mut calibrations: BTreeMap<&str, Calibration> = BTreeMap::new();
        for look in &looks {
            let counted = self.counted(tx, look, &mut calibrations)?;
            tx.set_drift_counted(look.payment, counted.is_some())?;
            let Some(counted) = counted else { continue };
            let calibration = &calibrations[look.calibration.as_str()];
            self.advance_watch(tx, ctx, calibration, &counted)?;
        }
        Ok(looks.len())
    }

    /// What of a payment counts; `None` for one that is left out.
    fn counted<'a>(
        &self,
        tx: &Tx<'_>,
        look: &'a DriftLook,
        calibrations: &mut BTreeMap<&'a str, Calibration>,
    ) -> Result<Option<Counted>, Error> {
        let row = tx.payment(look.payment)?.ok_or_else(|| anyhow!("{} has vanished", look.payment))?;
        let payer = row.terms().payer;
        if tx.dispute_of_payment(look.payment)?.is_some() || self.counted_lately(tx, look, payer)? {
            return Ok(None);
        }
        let decision = tx.decisions(row.session)?.pop();
        let decision = decision.ok_or_else(|| anyhow!("{} has no decision", row.session))?;
        let recognition = serde_json::from_value(decision.recognition).context("reading a decision")?;
        let Recognition::Posterior(by_face) = recognition else { return Ok(None) };
        let calibration = match calibrations.get(look.calibration.as_str()) {
            Some(known) => known,
            None if *self.calibration.provenance().id == look.calibration => {
                calibrations.entry(&look.calibration).or_insert_with(|| self.calibration.clone())
            }
            None => {
                calibrations.entry(&look.calibration).or_insert(known_calibration(tx, &look.calibration)?)
            }
        };
        let cohort = calibration.cohort_name(cohort_of(payer, &by_face.input));
        let cohort = cohort.ok_or_else(|| anyhow!("{} is of no cohort", look.payment))?.to_owned();
        let mut known = vec![payer];
        for alike in tx.look_alikes_of(payer)? {
            match alike.kind {
                LookAlikeKind::SamePerson => known.push(alike.other),
                LookAlikeKind::LookAlike => {}
            }
        }
        Ok(Some(Counted { cohort, input: by_face.input, known }))
    }

    /// Did a payment of this payer count already in the same stretch of days?
    fn counted_lately(&self, tx: &Tx<'_>, look: &DriftLook, payer: PayerId) -> Result<bool, Error> {
        let length = i64::from(self.policy.drift.payer_days) * DAY_SECONDS;
        if length == 0 {
            return Ok(false);
        }
        let from = look.at.as_second() - look.at.as_second().rem_euclid(length);
        let stretch = |second| Timestamp::from_second(second).context("a time beyond the calendar");
        let stretch = (stretch(from)?, stretch(from + length)?);
        Ok(tx.drift_counted((payer, &look.calibration), stretch)?)
    }

    /// Advances a watch, whose row is locked, and raises its alarm once.
    fn advance_watch(
        &self,
        tx: &Tx<'_>,
        ctx: &mut Context<'_>,
        calibration: &Calibration,
        counted: &Counted,
    ) -> Result<(), Error> {
        let Counted { cohort, input, known } = counted;
        let mut row = self.drift_watch(tx, ctx, (&calibration.provenance().id, cohort))?;
        let mut watch = self.drift_of(&row)?;
        let finding = watch.observe_decision(calibration, input, known).map_err(anyhow::Error::new)?;
        row.state = serde_json::to_value(watch).context("writing a watch")?;
        if let (Finding::TooBold { times }, None) = (finding, row.alarmed_at) {
            row.alarmed_at = Some(ctx.now);
            let advice = self.advice(times);
            tracing::warn!(
                calibration = row.calibration,
                cohort,
                times,
                payments = watch.payments,
                "{advice}"
            );
            let event = json!({
                "event": "calibration_too_bold", "cohort": cohort, "times": times, "payments": watch.payments,
                "reached": watch.reached, "expected": watch.expected, "advice": advice,
            });
            record(tx, ctx, "surety", &format!("calibration {}", row.calibration), event)?;
        }
        Ok(tx.update_drift_watch(&row)?)
    }

    /// The watch of a cohort, begun if there is none.
    fn drift_watch(
        &self,
        tx: &Tx<'_>,
        ctx: &Context<'_>,
        (calibration, cohort): (&str, &str),
    ) -> Result<DriftWatchRow, Error> {
        if let Some(row) = tx.drift_watch(calibration, cohort)? {
            return Ok(row);
        }
        let rare = self.policy.drift.payments_per_false_alarm;
        let new = identity::Drift::new(rare).context("a checked policy has a rate of false alarms")?;
        tx.insert_drift_watch(&DriftWatchRow {
            calibration: calibration.to_owned(),
            cohort: cohort.to_owned(),
            state: serde_json::to_value(new).context("writing a watch")?,
            begun_at: ctx.now,
            alarmed_at: None,
        })?;
        Ok(tx.drift_watch(calibration, cohort)?.context("a watch has vanished")?)
    }

    /// A watch as it stands, under the policy's rate of false alarms.
    fn drift_of(&self, row: &DriftWatchRow) -> Result<identity::Drift, Error> {
        let watch: identity::Drift = serde_json::from_value(row.state.clone()).context("reading a watch")?;
        let rare = self.policy.drift.payments_per_false_alarm;
        Ok(watch.alarming_once_in(rare).context("a checked policy has a rate of false alarms")?)
    }

    /// The calibration in force, and what the watch says of it. An alarm stays until another calibration is in force.
    ///
    /// # Errors
    /// An operating fault.
    pub fn calibration_health(&self) -> Result<CalibrationHealth, Error> {
        let id = self.calibration.provenance().id.clone();
        let rows = self.store.read(|tx| tx.drift_watches(&id))?;
        let state = |row: DriftWatchRow| {
            let watch = self.drift_of(&row)?;
            let too_bold = row.alarmed_at.map(|_| watch.times());
            Ok(DriftState {
                cohort: row.cohort,
                payments: watch.payments,
                reached: watch.reached,
                too_bold,
                advice: too_bold.map(|times| self.advice(times)),
            })
        };
        let drift = rows.into_iter().map(state).collect::<Result<Vec<_>, Error>>()?;
        Ok(CalibrationHealth { id, drift })
    }

    /// What an alarm asks of the operator.
    fn advice(&self, times: f64) -> String {
        let inflation = self.rule.impostor_inflation;
        let covered = if inflation >= times { "which the policy's" } else { "more than the policy's" };
        let until = if inflation >= times {
            "raise it until then if the number grows"
        } else {
            "raise it to at least that until then"
        };
        format!(
            "strangers match about {times:.1} times as often as calibration {} says, {covered} impostor_inflation of \
             {inflation} {}: recalibrate with `surety calibrate --gallery`; {until}",
            self.calibration.provenance().id,
            if inflation >= times { "covers" } else { "allows for" },
        )
    }
}
