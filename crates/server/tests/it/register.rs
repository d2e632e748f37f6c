//! The register of processing against what really is in the database and the data folder.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use api::ProcessingRegister;

use crate::database::columns;
use crate::fixture::{Fixture, Setup, workspace};

/// A new table or column is either personal, and has a line in the register, or is not, and says why. It cannot be
/// forgotten.
#[test]
fn every_column_and_file_stands_in_the_register() {
    let push_gateway = Some("http://127.0.0.1:9/nobody".to_owned());
    let fixture = Fixture::with(&Setup { push_gateway, ..Setup::default() });
    let register: ProcessingRegister = fixture.anybody.get("/v1/processing-register").unwrap();
    assert_eq!(register.operator, None);
    let personal = register.entries.iter().flat_map(|entry| &entry.columns);
    let personal = personal.map(|held| (&held.table, &held.columns));
    let others = register.not_personal.iter().map(|held| (&held.table, &held.columns));
    let mut named = BTreeSet::new();
    for (table, columns) in personal.chain(others) {
        for column in columns {
            assert!(named.insert((table.clone(), column.clone())), "{table}.{column} stands twice");
        }
    }
    let there = columns(&fixture.server);
    assert!(there.len() > 200);
    let unnamed: Vec<_> =
        there.difference(&named).map(|(table, column)| format!("{table}.{column}")).collect();
    assert!(
        unnamed.is_empty(),
        "these columns stand neither in the register of processing nor among what is not personal: {unnamed:?}. Add \
         them in crates/engine/src/processing/, and think about who sees them, how long they stay and how they end"
    );
    // Made when a gallery in the database is first switched on; a test of that compares them.
    let on_demand = ["face_search", "face_search_waiting"];
    let gone: Vec<_> =
        named.difference(&there).filter(|(table, _)| !on_demand.contains(&table.as_str())).collect();
    assert!(gone.is_empty(), "the register names columns that do not exist: {gone:?}");

    let files: Vec<&String> = register.entries.iter().flat_map(|entry| &entry.files).collect();
    let mut seen = BTreeSet::new();
    for file in fs::read_dir(fixture.server.data()).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        let line = files.iter().find(|beginning| name.starts_with(beginning.as_str()));
        seen.insert(line.unwrap_or_else(|| panic!("the register says nothing of the file {name}")).as_str());
    }
    assert!(seen.contains("captures") && seen.contains("master.key"), "{seen:?}");
}

#[test]
fn the_committed_register_is_current() {
    let printed = Command::new(env!("CARGO_BIN_EXE_surety")).arg("register").output().unwrap();
    assert!(printed.status.success());
    let committed = fs::read(workspace().join("docs/processing-register.md")).unwrap();
    assert!(
        printed.stdout == committed,
        "docs/processing-register.md is old: run `cargo xtask codegen` and commit what it wrote"
    );
}
