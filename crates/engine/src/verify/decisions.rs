//! The decisions: every debit was approved, and every verdict comes out again.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use identity::{Calibration, posterior};
use risk::{Case, Policy, Verdict};
use store::Tx;

use super::{Books, CheckResult};
use crate::recognise::Recognition;

pub(super) fn every_debit_was_approved(books: &Books) -> Result<CheckResult> {
    let mut approved = BTreeSet::new();
    for decision in &books.decisions {
        let verdict: Verdict =
            serde_json::from_value(decision.verdict.clone()).context("reading a verdict")?;
        if let Verdict::Approve { p_wrong: _, reasons: _ } = verdict {
            approved.insert(decision.session);
        }
    }
    let unapproved = books.payments.iter().filter(|payment| !approved.contains(&payment.session));
    let faults =
        unapproved.map(|payment| format!("{} was debited without an approval", payment.terms().id)).collect();
    Ok(CheckResult { name: "every debit was approved", checked: books.payments.len(), faults })
}

/// Every decision, made again from what was recorded, gives the same posterior and the same verdict.
pub(super) fn decisions_replay(tx: &Tx<'_>, books: &Books, calibration: &Calibration) -> Result<CheckResult> {
    let mut faults = Vec::new();
    for decision in &books.decisions {
        let at = format!("decision {} of {}", decision.seq, decision.session);
        let text = tx.policy(decision.policy)?.with_context(|| format!("the policy of {at} has vanished"))?;
        let policy = Policy::parse(&text).with_context(|| format!("the policy of {at}"))?;
        let case: Case =
            serde_json::from_value(decision.case.clone()).with_context(|| format!("reading {at}"))?;
        let verdict: Verdict =
            serde_json::from_value(decision.verdict.clone()).with_context(|| format!("reading {at}"))?;
        if risk::decide(&policy, &case) != verdict {
            faults.push(format!("{at}: another verdict"));
        }
        let recognition: Recognition =
            serde_json::from_value(decision.recognition.clone()).with_context(|| format!("reading {at}"))?;
        if recognition.face() != case.face {
            faults.push(format!("{at}: the verdict saw another face"));
        }
        if decision.calibration != calibration.provenance().id {
            faults.push(format!(
                "{at}: made under calibration {}, which is not this one",
                decision.calibration
            ));
        } else if let Recognition::Posterior(by_face) = &recognition
            && posterior(calibration, &by_face.input).context("replaying a posterior")? != by_face.certainty
        {
            faults.push(format!("{at}: another certainty"));
        }
    }
    Ok(CheckResult { name: "decisions replay", checked: books.decisions.len(), faults })
}
