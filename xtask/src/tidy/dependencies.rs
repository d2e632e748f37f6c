//! Dependencies are named once, each with its reason, and lints are the same for every crate.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use super::Complaint;
use super::repo::Repo;

const ROOT: &str = "Cargo.toml";
const REASONS: &str = "docs/decisions/0002-dependencies.md";
const REASON_WORDS_MIN: usize = 4;

pub(crate) fn check(repo: &Repo) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut used = BTreeSet::new();
    for (path, text) in repo.ending_in(&["/Cargo.toml"]) {
        complaints.extend(check_manifest(path, text, &mut used));
    }
    let root = repo.files.get(ROOT).map_or("", String::as_str);
    let reasons = repo.files.get(REASONS).map_or("", String::as_str);
    complaints.extend(check_root(root, reasons, &used));
    if !repo.lock_is_committed {
        complaints.push(Complaint::new(
            "Cargo.lock",
            "it is not committed; git add it, so that all build the same",
        ));
    }
    complaints
}

/// Checks the manifest of one crate, and adds the dependencies it uses to `used`.
pub(crate) fn check_manifest(path: &str, text: &str, used: &mut BTreeSet<String>) -> Vec<Complaint> {
    let manifest = match text.parse::<Table>() {
        Ok(manifest) => manifest,
        Err(error) => return vec![Complaint::new(path, format!("it is not TOML: {}", error.message()))],
    };
    let mut complaints = Vec::new();
    if !is_from_workspace(manifest.get("lints")) {
        let what = "the workspace's lints do not apply; add\n    [lints]\n    workspace = true";
        complaints.push(Complaint::new(path, what));
    }
    for (name, value) in dependencies(&manifest) {
        used.insert(name.to_owned());
        if !is_from_workspace(Some(value)) {
            complaints.push(Complaint::new(
                path,
                format!("say `{name}.workspace = true`, and name source and version in the root {ROOT}"),
            ));
        }
    }
    complaints
}

/// Checks the root manifest against the page of reasons, and against what the crates use.
pub(crate) fn check_root(root: &str, reasons: &str, used: &BTreeSet<String>) -> Vec<Complaint> {
    let manifest = match root.parse::<Table>() {
        Ok(manifest) => manifest,
        Err(error) => return vec![Complaint::new(ROOT, format!("it is not TOML: {}", error.message()))],
    };
    let workspace = manifest.get("workspace").and_then(Value::as_table);
    let all: BTreeMap<&str, &Value> = workspace
        .and_then(|workspace| workspace.get("dependencies"))
        .and_then(Value::as_table)
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str(), value))
        .collect();

    let mut complaints = Vec::new();
    for name in all.keys().filter(|name| !used.contains(**name)) {
        complaints.push(Complaint::new(ROOT, format!("no crate uses `{name}`; remove it")));
    }
    let foreign = all.iter().filter(|(_, value)| value.get("path").is_none()).map(|(name, _)| *name);
    complaints.extend(check_reasons(reasons, &foreign.collect()));
    complaints
}

fn check_reasons(reasons: &str, foreign: &BTreeSet<&str>) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut given = BTreeSet::new();
    for (index, line) in reasons.lines().enumerate() {
        let Some((name, reason)) = line.strip_prefix("- `").and_then(|rest| rest.split_once("`: ")) else {
            continue;
        };
        let place = format!("{REASONS}:{}", index + 1);
        if !given.insert(name) {
            complaints.push(Complaint::new(&place, format!("a second line for `{name}`; keep one")));
        }
        if !foreign.contains(name) {
            complaints
                .push(Complaint::new(&place, format!("`{name}` is no dependency any more; remove its line")));
        }
        if reason.split_whitespace().count() < REASON_WORDS_MIN {
            complaints.push(Complaint::new(&place, format!("say in a sentence why we depend on `{name}`")));
        }
    }
    for name in foreign.difference(&given) {
        complaints.push(Complaint::new(REASONS, format!("add a line \"- `{name}`: why we depend on it\"")));
    }
    complaints
}

fn is_from_workspace(value: Option<&Value>) -> bool {
    value.and_then(|value| value.get("workspace")).and_then(Value::as_bool) == Some(true)
}

/// All dependencies of a manifest: of the crate, its tests and its build script, on any platform.
fn dependencies(manifest: &Table) -> Vec<(&str, &Value)> {
    let platforms = manifest.get("target").and_then(Value::as_table).into_iter().flatten();
    let platforms = platforms.filter_map(|(_, platform)| platform.as_table());
    std::iter::once(manifest)
        .chain(platforms)
        .flat_map(|table| {
            ["dependencies", "dev-dependencies", "build-dependencies"].map(|kind| table.get(kind))
        })
        .filter_map(|dependencies| dependencies?.as_table())
        .flatten()
        .map(|(name, value)| (name.as_str(), value))
        .collect()
}
