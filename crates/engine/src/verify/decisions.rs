//! The decisions: every debit was approved, and every verdict comes out again.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use identity::{Calibration, posterior};
use risk::{Case, Policy, Verdict};
use store::{DecisionRow, PaymentRow, Scope, Tx};
use types::{Amount, KeyId, PayerId};

use super::{Books, CheckResult};
use crate::order_codes::ORDER_CODE_RULE;
use crate::recognise::Recognition;
use crate::sessions::{Recognised, SessionState};

/// What an approval allows: whom to debit, how much, by which kind of proof.
struct Approval {
    payer: Option<PayerId>,
    amount: Amount,
    strong: bool,
    /// The device that paid where no face was looked at.
    device: Option<KeyId>,
}

pub(super) fn every_debit_was_approved(tx: &Tx<'_>, books: &Books) -> Result<CheckResult> {
    let mut approvals = BTreeMap::new();
    for decision in &books.decisions {
        let verdict: Verdict =
            serde_json::from_value(decision.verdict.clone()).context("reading a verdict")?;
        if let Verdict::Approve { p_wrong: _, reasons: _ } = verdict {
            approvals.insert(decision.session, approval(decision)?);
        }
    }
    let mut faults = Vec::new();
    for row in &books.payments {
        let (id, session) = (row.terms().id, row.session);
        let Some(approval) = approvals.get(&session) else {
            faults.push(format!("{id} was debited without an approval"));
            continue;
        };
        if approval.payer != Some(row.terms().payer)
            || approval.amount != row.terms().authorised
            || approval.strong != row.strong
        {
            faults.push(format!("{id} is not what was approved in {session}"));
        }
        match approval.device {
            Some(device) => faults.extend(code_faults(tx, row, device)?),
            None if rule_of(row)? == ORDER_CODE_RULE => {
                faults.push(format!("{id} is called one without a face, and {session} looked at one"));
            }
            None => {}
        }
        if !attempt_agrees(tx, row)? {
            faults.push(format!("{id} and its attempt {session} disagree"));
        }
    }
    Ok(CheckResult { name: "every debit was approved", checked: books.payments.len(), faults })
}

fn approval(decision: &DecisionRow) -> Result<Approval> {
    let case: Case = serde_json::from_value(decision.case.clone()).context("reading a decision")?;
    let recognition: Recognition =
        serde_json::from_value(decision.recognition.clone()).context("reading a decision")?;
    Ok(Approval {
        payer: recognition.best(),
        amount: case.amount,
        strong: case.passed.iter().any(|passed| passed.check.is_strong()),
        device: match recognition {
            Recognition::OrderCode { payer: _, device } => Some(device),
            Recognition::Posterior(_)
            | Recognition::AwaitingDigits
            | Recognition::Narrowed { best: _, searched: _ } => None,
        },
    })
}

/// What is wrong with a debit without a face: it has no capture, says so, and its device is the payer's.
fn code_faults(tx: &Tx<'_>, row: &PaymentRow, device: KeyId) -> Result<Vec<String>> {
    let (id, session) = (row.terms().id, row.session);
    let mut faults = Vec::new();
    if tx.capture(session)?.is_some() {
        faults.push(format!("{id} was paid without a face, and {session} has a capture"));
    }
    if rule_of(row)? != ORDER_CODE_RULE {
        faults.push(format!("{id} was paid without a face, and does not say so"));
    }
    let payer = row.terms().payer.to_string();
    if !tx.credential(device)?.is_some_and(|key| key.scope == Scope::Payer && key.subject == payer) {
        faults.push(format!("{id} was paid on {device}, which is no device of its payer"));
    }
    Ok(faults)
}

fn rule_of(row: &PaymentRow) -> Result<String> {
    let recognised: Recognised =
        serde_json::from_value(row.recognised.clone()).context("reading how a payer was recognised")?;
    Ok(recognised.rule)
}

/// The attempt was about the payment's order, at its terminal, and ended with this debit.
fn attempt_agrees(tx: &Tx<'_>, row: &PaymentRow) -> Result<bool> {
    let Some(session) = tx.session(row.session)? else { return Ok(false) };
    let state: SessionState = serde_json::from_value(session.state).context("reading an attempt")?;
    let terms = row.terms();
    let debited = matches!(
        state,
        SessionState::Approved { payment, payer, payer_name: _ } if payment == terms.id && payer == terms.payer
    );
    Ok(debited && session.order == terms.order && session.terminal == row.terminal)
}

/// Every decision, made again from what was recorded, gives the same posterior and the same verdict.
pub(super) fn decisions_replay(
    tx: &Tx<'_>,
    books: &Books,
    calibrations: &[Calibration],
) -> Result<CheckResult> {
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
        if case.passed.iter().any(|passed| passed.as_filter) != recognition.digits_chose() {
            faults.push(format!(
                "{at}: digits that chose who is compared count as a proof, or the other way round"
            ));
        }
        let Some(calibration) = calibrations.iter().find(|c| c.provenance().id == decision.calibration)
        else {
            faults.push(format!(
                "{at}: made under calibration {}, which is not known here",
                decision.calibration
            ));
            continue;
        };
        if let Recognition::Posterior(by_face) = &recognition
            && posterior(calibration, &by_face.input).context("replaying a posterior")? != by_face.certainty
        {
            faults.push(format!("{at}: another certainty"));
        }
    }
    Ok(CheckResult { name: "decisions replay", checked: books.decisions.len(), faults })
}
