//! The committed OpenAPI document is the one the program serves.

use std::process::Command;

use crate::fixture::workspace;

#[test]
fn the_committed_document_is_current() {
    let printed = Command::new(env!("CARGO_BIN_EXE_surety")).arg("openapi").output().unwrap();
    assert!(printed.status.success());
    let current: serde_json::Value = serde_json::from_slice(&printed.stdout).unwrap();
    let path = workspace().join("docs/openapi.json");
    let committed: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert!(
        committed == current,
        "docs/openapi.json is old: run `cargo xtask codegen` and commit what it wrote"
    );
    let operations: usize =
        current["paths"].as_object().unwrap().values().map(|path| path.as_object().unwrap().len()).sum();
    assert!(operations > 35, "only {operations} operations are documented");
}
