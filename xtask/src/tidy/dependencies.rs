//! Dependencies are named once, each with its reason, and lints are the same for every crate.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use super::Complaint;
use super::repo::{Repo, WORKSPACES};

const ROOT: &str = "Cargo.toml";
const REASONS: &str = "docs/decisions/0002-dependencies.md";
/// Programs, as pip reads them.
const TOOLS: &str = "tools/checks.in";
const REASON_WORDS_MIN: usize = 4;

pub(crate) fn check(repo: &Repo) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut used = BTreeSet::new();
    for (path, text) in repo.ending_in(&["/Cargo.toml"]) {
        complaints.extend(check_manifest(path, text, &mut used));
    }
    let text = |path: &str| repo.files.get(path).map_or("", String::as_str);
    let mut foreign: BTreeSet<&str> = tools(text(TOOLS)).collect();
    let mut named = BTreeMap::new();
    for path in WORKSPACES {
        match text(path).parse::<Table>() {
            Ok(manifest) => named.extend(named_in(&manifest)),
            Err(error) => {
                complaints.push(Complaint::new(path, format!("it is not TOML: {}", error.message())))
            }
        }
    }
    complaints.extend(check_used(&named, &used));
    foreign.extend(named.iter().filter(|(_, is_ours)| !**is_ours).map(|(name, _)| name.as_str()));
    complaints.extend(check_reasons(text(REASONS), &foreign));
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

/// The dependencies that a workspace names, and whether each is our own.
pub(crate) fn named_in(manifest: &Table) -> BTreeMap<String, bool> {
    let workspace = manifest.get("workspace").and_then(Value::as_table);
    let named = workspace.and_then(|workspace| workspace.get("dependencies")).and_then(Value::as_table);
    let named = named.into_iter().flatten();
    named.map(|(name, value)| (name.clone(), value.get("path").is_some())).collect()
}

/// The programs that a list for pip asks for.
pub(crate) fn tools(list: &str) -> impl Iterator<Item = &str> {
    list.lines().filter_map(|line| line.split_once("==")).map(|(name, _version)| name)
}

pub(crate) fn check_used(named: &BTreeMap<String, bool>, used: &BTreeSet<String>) -> Vec<Complaint> {
    let unused = named.keys().filter(|name| !used.contains(*name));
    unused.map(|name| Complaint::new(ROOT, format!("no crate uses `{name}`; remove it"))).collect()
}

/// Checks the page of reasons against what there is.
pub(crate) fn check_reasons(reasons: &str, foreign: &BTreeSet<&str>) -> Vec<Complaint> {
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
