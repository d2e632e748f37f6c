//! Modules are `foo.rs` beside `foo/`, named after what they hold, and none is forgotten by the compiler.

use std::collections::BTreeSet;

use super::Complaint;
use super::repo::Repo;

const LINES_MAX: usize = 600;
/// Names that say nothing, and so collect everything.
const EMPTY_NAMES: &[&str] = &["util", "utils", "helper", "helpers", "common", "misc"];
/// Fewer words are a title; a crate begins with what it promises.
const OPENING_WORDS_MIN: usize = 6;

pub(crate) fn check(repo: &Repo) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (path, text) in repo.ending_in(&[".rs", ".ts", ".tsx"]) {
        complaints.extend(check_length(path, text));
    }
    let sources: Vec<(&str, &str)> = repo.ending_in(&[".rs"]).collect();
    let roots: BTreeSet<&str> =
        repo.crates.iter().flat_map(|member| &member.roots).map(String::as_str).collect();
    for (path, text) in &sources {
        complaints.extend(check_names(path, text));
        let is_root = roots.contains(path);
        if !is_root && !is_reached(path, &sources) {
            complaints.push(Complaint::new(
                *path,
                "no module names this file, so it is never compiled; use or delete it",
            ));
        }
        let is_crate =
            path.ends_with("src/lib.rs") || path.ends_with("src/main.rs") || path.contains("src/bin/");
        if is_root && is_crate {
            complaints.extend(check_opening(path, text));
        }
    }
    complaints
}

pub(crate) fn check_length(path: &str, text: &str) -> Option<Complaint> {
    let lines = text.lines().count();
    let generated =
        text.lines().take(5).any(|line| line.contains("@generated") || line.contains("auto-generated"));
    (lines > LINES_MAX && !generated).then(|| {
        Complaint::new(path, format!("{lines} lines, more than {LINES_MAX}; split it along what it holds"))
    })
}

pub(crate) fn check_names(path: &str, text: &str) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for part in path.split('/').map(|part| part.strip_suffix(".rs").unwrap_or(part)) {
        if part == "mod" && path.ends_with("/mod.rs") {
            complaints.push(Complaint::new(
                path,
                "call it after its folder: `foo.rs` beside `foo/`, never `mod.rs`",
            ));
        } else if EMPTY_NAMES.contains(&part) {
            complaints
                .push(Complaint::new(path, format!("`{part}` says nothing; name it after what it holds")));
        }
    }
    for (index, line) in text.lines().enumerate() {
        let inline = line.trim_start().trim_start_matches("pub ").trim_start_matches("pub(crate) ");
        let name = inline.strip_prefix("mod ").and_then(|rest| rest.split([' ', ';', '{']).next());
        if let Some(name) = name.filter(|name| EMPTY_NAMES.contains(name)) {
            let place = format!("{path}:{}", index + 1);
            complaints
                .push(Complaint::new(place, format!("`{name}` says nothing; name it after what it holds")));
        }
    }
    complaints
}

pub(crate) fn check_opening(path: &str, text: &str) -> Option<Complaint> {
    let opening: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("//!")).collect();
    let opening = opening.join(" ");
    let is_sentence = opening.split_whitespace().count() >= OPENING_WORDS_MIN && opening.contains('.');
    (!is_sentence).then(|| {
        Complaint::new(
            path,
            "begin the crate with `//!` and a sentence or two: what it is for, and what always holds",
        )
    })
}

/// Whether the file that stands above `path` in the tree of modules names it.
pub(crate) fn is_reached(path: &str, sources: &[(&str, &str)]) -> bool {
    let Some((folder, file)) = path.rsplit_once('/') else { return false };
    let Some(name) = file.strip_suffix(".rs") else { return false };
    let parents = [
        format!("{folder}.rs"),
        format!("{folder}/mod.rs"),
        format!("{folder}/lib.rs"),
        format!("{folder}/main.rs"),
    ];
    sources
        .iter()
        .filter(|(other, _)| parents.iter().any(|parent| parent == other))
        .any(|(_, text)| text.lines().any(|line| declares(line, name)))
}

fn declares(line: &str, name: &str) -> bool {
    let line = line.trim_start();
    let before = line.find("mod ").map_or("", |at| &line[..at]);
    let ends_a_word = before.is_empty() || before.ends_with(' ');
    !line.starts_with("//") && ends_a_word && line[before.len()..].starts_with(&format!("mod {name};"))
}
