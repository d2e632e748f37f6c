//! Nothing that comes from outside is forgotten.

use std::fs;

use serde_json::Value;

use super::targets;

/// A new request type has to be thrown bad JSON at as well.
#[test]
fn every_request_type_of_the_interface_is_fuzzed() {
    let root = crate::workspace_root().expect("xtask lies in the workspace");
    let document = fs::read_to_string(root.join("docs/openapi.json")).expect("the document is committed");
    let document: Value = serde_json::from_str(&document).expect("the document is JSON");
    let target =
        fs::read_to_string(root.join("fuzz/fuzz_targets/json_bodies.rs")).expect("the target is committed");
    let words: Vec<&str> = target.split(|c: char| !c.is_alphanumeric()).collect();
    let mut seen = 0;
    for (path, item) in document["paths"].as_object().expect("there are paths") {
        for (method, operation) in item.as_object().expect("a path has operations") {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
            let Some(name) = schema.as_str().and_then(|place| place.rsplit('/').next()) else { continue };
            assert!(
                words.contains(&name),
                "{method} {path} takes `{name}`, which fuzz_targets/json_bodies.rs lacks"
            );
            seen += 1;
        }
    }
    assert!(seen > 20, "only {seen} operations take a body");
}

/// A fuzzer without a seed hardly finds its way in.
#[test]
fn every_target_has_seeds_and_all_are_small() {
    let root = crate::workspace_root().expect("xtask lies in the workspace");
    let manifest = fs::read_to_string(root.join("fuzz/Cargo.toml")).expect("the manifest is committed");
    let mut bytes = 0;
    for name in targets(&root).expect("there are targets") {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "fuzz/Cargo.toml does not name {name}");
        let seeds = fs::read_dir(root.join("fuzz/corpus").join(&name))
            .unwrap_or_else(|_| panic!("{name} has no seeds"));
        let sizes: Vec<u64> = seeds
            .map(|seed| seed.expect("seeds can be listed").metadata().expect("a seed is a file").len())
            .collect();
        assert!(!sizes.is_empty(), "{name} has no seeds");
        bytes += sizes.iter().sum::<u64>();
    }
    assert!(bytes < 200_000, "{bytes} bytes of seeds; a repository is no place for that");
}
