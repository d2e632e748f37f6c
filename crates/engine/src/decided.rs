//! A verdict on record, with everything it depended on, so that it can be made again.

use anyhow::Context as _;
use risk::{Case, Verdict};
use store::{DecisionRow, Tx};
use types::SessionId;

use crate::engine::{Context, Engine};
use crate::recognise::Recognition;
use crate::rejected::Error;

/// A verdict with everything it depended on.
pub(crate) struct Decided<'a> {
    pub(crate) session: SessionId,
    /// Which decision of the attempt, from 0.
    pub(crate) seq: u32,
    pub(crate) recognition: &'a Recognition,
    pub(crate) case: &'a Case,
    pub(crate) verdict: &'a Verdict,
}

impl Engine {
    /// Records a verdict with everything it depended on.
    pub(crate) fn record_decision(
        &self,
        tx: &Tx<'_>,
        ctx: &Context<'_>,
        decided: &Decided<'_>,
    ) -> Result<(), Error> {
        let Decided { session, seq, recognition, case, verdict } = decided;
        let row = DecisionRow {
            session: *session,
            seq: *seq,
            at: ctx.now,
            policy: self.policy_digest,
            calibration: self.calibration.provenance().id.clone(),
            recognition: serde_json::to_value(recognition).context("writing a decision")?,
            case: serde_json::to_value(case).context("writing a decision")?,
            verdict: serde_json::to_value(verdict).context("writing a decision")?,
        };
        tx.insert_decision(&row).map_err(Error::from)
    }
}
