//! Words that must not be committed. They are put together from pieces here, or this file would complain of itself.

use std::collections::BTreeMap;

use super::Complaint;
use super::repo::Repo;

const CODE: &[&str] = &[
    ".rs", ".ts", ".tsx", ".js", ".mjs", ".css", ".html", ".sql", ".toml", ".sh", ".py", ".yml", ".yaml",
    ".feature",
];

/// Promises to do something later, found as whole words.
const LATER: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
/// Code that is not there, or tests that are not run.
const NOT_DONE: &[&str] = &[
    concat!("to", "do!("),
    concat!("unimple", "mented!("),
    concat!("#[ig", "nore]"),
    concat!("#[ig", "nore "),
];
/// Folders of one person's machine.
const MACHINE: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/tm", "p/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
];
/// Registries are configured on the machine; an address in the repository would bypass that.
const HOSTS: &[&str] = &[
    concat!("py", "pi.org"),
    concat!("python", "hosted.org"),
    concat!("://cra", "tes.io"),
    concat!("index.cra", "tes.io"),
    concat!("static.cra", "tes.io"),
    concat!("registry.np", "mjs.org"),
    concat!("deb.deb", "ian.org"),
];
/// Written by cargo, which names its registry in it.
const LOCK: &str = "Cargo.lock";

pub(crate) fn check(repo: &Repo) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (path, text) in repo.ending_in(CODE) {
        complaints.extend(check_promises(path, text));
    }
    for (path, text) in repo.files.iter().filter(|(path, _)| *path != LOCK) {
        complaints.extend(check_places(path, text));
    }
    complaints.extend(check_decisions(repo.files.keys().map(String::as_str)));
    complaints
}

pub(crate) fn check_promises(path: &str, text: &str) -> Vec<Complaint> {
    complain_of_lines(path, text, |line| {
        let later = LATER.iter().find(|word| has_word(line, word));
        let not_done = NOT_DONE.iter().find(|word| line.contains(**word));
        later.or(not_done).map(|word| {
            let word = word.trim_end_matches('(').trim_end();
            format!("`{word}`: do it now, or open an issue and leave no mark here")
        })
    })
}

pub(crate) fn check_places(path: &str, text: &str) -> Vec<Complaint> {
    complain_of_lines(path, text, |line| {
        let machine = MACHINE.iter().find(|folder| begins_a_path(line, folder));
        let host = HOSTS.iter().find(|host| line.contains(**host));
        machine.map(|folder| format!("a path of one machine (`{folder}`); say it from the root of the repository")).or_else(
            || host.map(|host| format!("the address of a registry (`{host}`); name the package and leave the rest to its client")),
        )
    })
}

/// Decisions are cited by number, so two must not share one.
pub(crate) fn check_decisions<'a>(paths: impl Iterator<Item = &'a str>) -> Vec<Complaint> {
    let mut taken: BTreeMap<&str, &str> = BTreeMap::new();
    let mut complaints = Vec::new();
    for path in paths {
        let Some(file) = path.strip_prefix("docs/decisions/").filter(|file| *file != "README.md") else {
            continue;
        };
        let number = file.split_once('-').map_or("", |(number, _)| number);
        if number.len() != 4 || !number.bytes().all(|byte| byte.is_ascii_digit()) || !file.ends_with(".md") {
            complaints
                .push(Complaint::new(path, "call it `NNNN-what-was-decided.md`, with the next free number"));
        } else if let Some(other) = taken.insert(number, path) {
            complaints.push(Complaint::new(
                path,
                format!("{number} is taken by {other}; take the next free number"),
            ));
        }
    }
    complaints
}

fn complain_of_lines(path: &str, text: &str, judge: impl Fn(&str) -> Option<String>) -> Vec<Complaint> {
    let lines = text.lines().enumerate();
    lines
        .filter_map(|(index, line)| Some(Complaint::new(format!("{path}:{}", index + 1), judge(line)?)))
        .collect()
}

fn has_word(line: &str, word: &str) -> bool {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(part_of_word) && !after.is_some_and(part_of_word)
    })
}

/// Whether `folder` stands at the beginning of a path, not inside a longer one or an address.
fn begins_a_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '}' | '>'))
    })
}
