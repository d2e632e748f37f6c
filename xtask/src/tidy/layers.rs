//! Who may use whom.
//!
//! Siblings meet only in `engine`: what turns pixels into evidence, what turns evidence into decisions and what
//! keeps the money never see each other, so that each can be replayed, tested and replaced alone.

use std::collections::BTreeSet;

use super::Complaint;
use super::repo::Crate;

/// The table. A new crate needs a line here before it may exist.
pub(crate) const TABLE: &[(&str, &[&str])] = &[
    ("types", &[]),
    ("face", &["types"]),
    ("gallery", &["types"]),
    ("identity", &["types"]),
    // Trees learned from labelled rows, whatever they are about.
    ("boosting", &[]),
    ("risk", &["types", "boosting"]),
    ("ledger", &["types"]),
    ("payments", &["types"]),
    ("disputes", &["types"]),
    ("evidence", &["types"]),
    ("api", &["types"]),
    // Signed requests, for whoever sends and whoever checks them.
    ("signing", &["types"]),
    // The data of the pure crates, to keep it.
    ("store", &["types", "identity", "risk", "ledger", "payments", "disputes", "evidence"]),
    (
        "engine",
        &[
            "types", "face", "gallery", "identity", "risk", "ledger", "payments", "disputes", "evidence",
            "store",
        ],
    ),
    // A private PostgreSQL server, for tests and benchmarks.
    ("pgserver", &[]),
    // Plays stories over HTTP, like any other client.
    ("scenario", &["types", "api", "signing"]),
    // `store`, `face` and `identity` only to open them and hand them to the engine; `gallery` and `boosting` only to
    // measure them; `risk` to train its model and to print its features.
    (
        "server",
        &[
            "types", "api", "signing", "engine", "scenario", "store", "face", "gallery", "identity",
            "pgserver", "risk", "boosting",
        ],
    ),
    // All that reads what comes from outside.
    ("fuzz", &["types", "face", "risk", "payments", "api", "signing"]),
    ("xtask", &[]),
];

const TABLE_PLACE: &str = "xtask/src/tidy/layers.rs";

pub(crate) fn check(crates: &[Crate]) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for member in crates {
        match TABLE.iter().find(|(name, _)| *name == member.name) {
            Some((_, allowed)) => complaints.extend(check_uses(member, allowed)),
            None => complaints.push(Complaint::new(
                &member.name,
                format!("the crate is not in the table of who may use whom; add a line to {TABLE_PLACE}"),
            )),
        }
        complaints.extend(check_test_cycles(member, crates));
    }
    for (name, _) in TABLE {
        if !crates.iter().any(|member| member.name == *name) {
            complaints
                .push(Complaint::new(TABLE_PLACE, format!("there is no crate `{name}`; remove its line")));
        }
    }
    complaints
}

fn check_uses(member: &Crate, allowed: &[&str]) -> Vec<Complaint> {
    member
        .uses
        .iter()
        .filter(|used| !used.dev && !allowed.contains(&used.name.as_str()))
        .map(|used| {
            let may = if allowed.is_empty() { "none of our crates".to_owned() } else { allowed.join(", ") };
            Complaint::new(
                &member.name,
                format!(
                    "it must not use `{}`; it may use {may}. Pass plain data through `engine`, or change the table \
                     in {TABLE_PLACE} and say why",
                    used.name
                ),
            )
        })
        .collect()
}

/// Tests may use more than the table allows, but not what is built on the crate itself: cargo would build the
/// crate twice, and its types would not be the same as those the test sees.
fn check_test_cycles(member: &Crate, crates: &[Crate]) -> Vec<Complaint> {
    member
        .uses
        .iter()
        .filter(|used| used.dev && reaches(&used.name, &member.name, crates))
        .map(|used| {
            Complaint::new(
                &member.name,
                format!("its tests use `{0}`, which is built on it; move those tests to `{0}`", used.name),
            )
        })
        .collect()
}

/// Whether `from` uses `to`, directly or not, outside its tests.
fn reaches(from: &str, to: &str, crates: &[Crate]) -> bool {
    let mut seen = BTreeSet::new();
    let mut ahead = vec![from];
    while let Some(name) = ahead.pop() {
        if name == to {
            return true;
        }
        if !seen.insert(name) {
            continue;
        }
        let uses = crates.iter().filter(|member| member.name == name).flat_map(|member| &member.uses);
        ahead.extend(uses.filter(|used| !used.dev).map(|used| used.name.as_str()));
    }
    false
}
