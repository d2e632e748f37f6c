//! Looks at a payer's face, at what was measured of it, and at case files: who, why and when. The payer sees the list.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use serde_json::{Value, json};
use store::{AccessRow, DecisionRow, EvidenceRow, SessionRow, Tx};
use types::{DisputeId, EventId, PayerId, SessionId, StaffRole};

use crate::callers::{OwnDevice, StaffCaller, duty};
use crate::engine::{Context, Engine, record};
use crate::explained::{ExplainedDecision, explanation};
use crate::rejected::{Error, Rejected};

/// Why somebody may look.
pub const PURPOSES: [&str; 4] = ["dispute", "audit", "security", "authority_request"];
/// Looks listed at a time.
const LIST_MAX: u32 = 200;

/// What an auditor asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessFilter {
    /// Looks at this payer's data only.
    pub payer: Option<PayerId>,
    /// Looks of this person only, by login.
    pub actor: Option<String>,
}

impl Engine {
    /// Who looked at the payer's data, and why; oldest first.
    ///
    /// # Errors
    /// An operating fault.
    pub fn accesses(&self, device: OwnDevice) -> Result<Vec<AccessRow>, Error> {
        self.store.read(|tx| tx.accesses(device.payer).map_err(Error::from))
    }

    /// Who looked at whose data, and why; newest first, at most 200. For auditors.
    ///
    /// # Errors
    /// [`Rejected::RoleMissing`]; an operating fault.
    pub fn audit_accesses(
        &self,
        staff: &StaffCaller,
        filter: &AccessFilter,
    ) -> Result<Vec<AccessRow>, Error> {
        staff.must_be(StaffRole::Auditor)?;
        let AccessFilter { payer, actor } = filter;
        self.store.read(|tx| tx.newest_accesses(*payer, actor.as_deref(), LIST_MAX).map_err(Error::from))
    }

    /// What was gathered about a dispute. Needs a purpose; the look is logged for the payer, and for whoever was found
    /// to fit better.
    ///
    /// # Errors
    /// [`Rejected::RoleMissing`], an unknown dispute, [`Rejected::Field`] for the purpose; an operating fault.
    pub fn evidence(
        &self,
        ctx: &mut Context<'_>,
        staff: &StaffCaller,
        id: DisputeId,
        purpose: &str,
    ) -> Result<Vec<EvidenceRow>, Error> {
        staff.must_be(duty::reading_disputes())?;
        self.store.write(|tx| {
            let row = tx.dispute(id)?.ok_or(Rejected::dispute())?;
            let found = tx.evidence(id)?;
            let mut payers = BTreeSet::from([row.dispute.filing.payer]);
            payers.extend(found.iter().filter_map(|row| row.facts.better_match.map(|better| better.payer)));
            look_at_all(tx, ctx, staff, (&id.to_string(), &payers), purpose)?;
            Ok(found)
        })
    }

    /// Every decision about an attempt with all it depended on. Needs a purpose; the look is logged for whoever was
    /// debited, and for whom each decision took the payer. Everybody else who was compared is a number.
    ///
    /// # Errors
    /// [`Rejected::RoleMissing`], an unknown attempt, [`Rejected::Field`] for the purpose; an operating fault.
    pub fn decisions(
        &self,
        ctx: &mut Context<'_>,
        staff: &StaffCaller,
        id: SessionId,
        purpose: &str,
    ) -> Result<Vec<ExplainedDecision>, Error> {
        staff.must_be(duty::reading_disputes())?;
        check_purpose(purpose)?;
        self.store.write(|tx| {
            let row = tx.session(id)?.ok_or(Rejected::session())?;
            let decisions = tx.decisions(id)?;
            let payers = concerned(tx, &row, &decisions)?;
            let mut explained = Vec::new();
            for mut row in decisions {
                let explanation = explanation(&row).context("reading a decision")?;
                hide_others(&mut row.recognition, &payers);
                explained.push(ExplainedDecision { row, explanation });
            }
            look_at_all(tx, ctx, staff, (&id.to_string(), &payers), purpose)?;
            record(tx, ctx, &staff.name, &id, json!({ "event": "decisions_read", "purpose": purpose }))?;
            Ok(explained)
        })
    }
}

/// Whom an attempt is about: whoever was debited, and for whom each decision took the payer.
pub(crate) fn concerned(
    tx: &Tx<'_>,
    session: &SessionRow,
    decisions: &[DecisionRow],
) -> anyhow::Result<BTreeSet<PayerId>> {
    let paid = tx.payment_of_order(session.order)?.filter(|payment| payment.session == session.id);
    let debited = paid.map(|payment| payment.terms().payer);
    Ok(debited.into_iter().chain(decisions.iter().filter_map(decided_for)).collect())
}

/// Whom a decision took the payer for.
fn decided_for(decision: &DecisionRow) -> Option<PayerId> {
    let recognition = &decision.recognition;
    let id = recognition.pointer("/certainty/best/payer").or_else(|| recognition.pointer("/best/0"))?;
    id.as_str()?.parse().ok()
}

/// Is this a purpose somebody may look for?
pub(crate) fn check_purpose(purpose: &str) -> Result<(), Rejected> {
    let what = "dispute, audit, security or authority_request";
    if PURPOSES.contains(&purpose) { Ok(()) } else { Err(Rejected::Field { field: "purpose", what }) }
}

/// Logs a look, in the transaction that gives what is seen.
pub(crate) fn look(
    tx: &Tx<'_>,
    ctx: &mut Context<'_>,
    staff: &StaffCaller,
    (subject, payer): (&str, PayerId),
    purpose: &str,
) -> Result<(), Error> {
    check_purpose(purpose)?;
    let id = EventId::generate(ctx.now, ctx.random);
    let (actor, subject, purpose) = (staff.name.clone(), subject.to_owned(), purpose.to_owned());
    tx.insert_access(&AccessRow { id, at: ctx.now, actor, subject, payer, purpose }).map_err(Error::from)
}

/// Logs a look that is about several payers. Checks the purpose even when it is about nobody.
pub(crate) fn look_at_all(
    tx: &Tx<'_>,
    ctx: &mut Context<'_>,
    staff: &StaffCaller,
    (subject, payers): (&str, &BTreeSet<PayerId>),
    purpose: &str,
) -> Result<(), Error> {
    check_purpose(purpose)?;
    payers.iter().try_for_each(|payer| look(tx, ctx, staff, (subject, *payer), purpose))
}

/// Puts "candidate 1", "candidate 2" in place of every payer's id but these.
fn hide_others(value: &mut Value, shown: &BTreeSet<PayerId>) {
    let mut numbers = BTreeMap::new();
    hide(value, shown, &mut numbers);
}

fn hide(value: &mut Value, shown: &BTreeSet<PayerId>, numbers: &mut BTreeMap<PayerId, usize>) {
    match value {
        Value::String(text) => {
            let Ok(payer) = text.parse::<PayerId>() else { return };
            if !shown.contains(&payer) {
                let next = numbers.len() + 1;
                *text = format!("candidate {}", numbers.entry(payer).or_insert(next));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| hide(item, shown, numbers)),
        Value::Object(fields) => fields.values_mut().for_each(|field| hide(field, shown, numbers)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_numbers() {
        let payer = |n| PayerId::from_bits(n).to_string();
        let mut value = json!({ "best": [payer(1), 0.5], "all": [payer(2), payer(3), payer(2), "payer"] });
        hide_others(&mut value, &BTreeSet::from([PayerId::from_bits(1)]));
        let told = json!({
            "best": [payer(1), 0.5],
            "all": ["candidate 1", "candidate 2", "candidate 1", "payer"],
        });
        assert_eq!(value, told);
    }
}
