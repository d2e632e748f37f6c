//! The erasures: nothing that a tombstone names exists any more, and no face is kept without its owner's consent.

use std::collections::BTreeSet;

use anyhow::Result;
use disputes::Outcome;
use store::{Erased, ErasedKind, Objects, TombstoneRow, Tx};
use types::{CaptureId, DisputeId};

use super::{Books, CheckResult};
use crate::erasure::enrolments_in;

pub(super) fn nothing_erased_exists(tx: &Tx<'_>, objects: Option<&Objects>) -> Result<CheckResult> {
    let gone = tx.erased_captures()?;
    let mut faults = Vec::new();
    let mut checked = 0;
    let mut erased_enrolments = BTreeSet::new();
    for tombstone in tx.tombstones()? {
        checked += tombstone.erased.len();
        erased_enrolments.extend(enrolments_in(&tombstone)?);
        for erased in &tombstone.erased {
            if exists(tx, &tombstone, erased, &gone)? {
                faults.push(format!(
                    "{} tells of {:?} {}, which is there",
                    tombstone.id, erased.kind, erased.id
                ));
            }
        }
    }
    for (capture, index) in objects.map(Objects::frames).transpose()?.unwrap_or_default() {
        if gone.contains(&capture) {
            faults.push(format!("picture {index} of {capture}, which was erased, is still in its folder"));
        }
    }
    for enrolment in objects.map(Objects::enrolments).transpose()?.unwrap_or_default() {
        if erased_enrolments.contains(&enrolment) {
            faults.push(format!("a picture of {enrolment}, which was erased, is still in its folder"));
        }
    }
    Ok(CheckResult { name: "nothing that was erased exists", checked, faults })
}

/// A payer may have enrolled again: then it is another face, under another key, and younger than the tombstone.
fn exists(
    tx: &Tx<'_>,
    tombstone: &TombstoneRow,
    erased: &Erased,
    gone: &BTreeSet<CaptureId>,
) -> Result<bool> {
    let payer = tombstone.payer;
    Ok(match erased.kind {
        ErasedKind::Template => tx.templates_sealed(payer)?.iter().any(|(_, sealed, made_at)| {
            *made_at < tombstone.at || Some(evidence::digest(sealed)) == erased.sealed
        }),
        ErasedKind::TemplatePart => tx.has_parts_from(erased.id.parse()?)?,
        ErasedKind::Enrolment => {
            tx.waiting_templates(payer)?.iter().any(|(id, _)| id.to_string() == erased.id)
        }
        ErasedKind::FaceKey => {
            let same = tx.face_key(payer)?.is_some_and(|key| Some(key.digest()) == erased.key);
            same || tx.face_key_made_at(payer)?.is_some_and(|made_at| made_at < tombstone.at)
        }
        ErasedKind::Capture => {
            let id: CaptureId = erased.id.parse()?;
            !gone.contains(&id) && tx.capture_by_id(id)?.is_some()
        }
        ErasedKind::Contact => tx.payer(payer)?.is_some_and(|row| row.closed_at.is_none()),
    })
}

pub(super) fn no_face_without_consent(tx: &Tx<'_>, books: &Books) -> Result<CheckResult> {
    let faces = tx.faces_without_consent()?;
    let mut faults: Vec<String> = faces
        .into_iter()
        .map(|(payer, thing)| format!("{payer} has no consent in force, and {thing} is kept"))
        .collect();
    let over: BTreeSet<DisputeId> = books
        .disputes
        .iter()
        .filter(|row| match row.dispute.outcome {
            Outcome::Closed { finding: _, note: _, at: _ } => true,
            Outcome::Open | Outcome::Found { finding: _, note: _, at: _, by: _ } => false,
        })
        .map(|row| row.dispute.filing.id)
        .collect();
    let kept = tx.kept_captures()?;
    let late = kept.iter().filter(|kept| over.contains(&kept.dispute));
    faults.extend(late.map(|kept| format!("{} outlives {}, which is closed", kept.capture, kept.dispute)));
    let checked = usize::try_from(tx.payer_count()?)?;
    Ok(CheckResult { name: "no face is kept without consent", checked, faults })
}
