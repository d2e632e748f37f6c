//! The stories of `scenarios/`, word for word.

use std::path::Path;

use scenario::{Event, Settings, play};

use crate::database::{new_database, on_postgres};
use crate::fixture::{models, samples, workspace};

fn check(story: &str, accounts_override: Option<u32>) {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings {
        surety: Path::new(env!("CARGO_BIN_EXE_surety")).to_owned(),
        models: models(),
        samples: samples(),
        policies: workspace().join("policy"),
        folder: folder.path().to_owned(),
        new_database: on_postgres().then_some(new_database),
        listen: "127.0.0.1:0".to_owned(),
        accounts_override,
    };
    let text = std::fs::read_to_string(workspace().join("scenarios").join(story)).unwrap();
    let mut told = String::new();
    let mut narrate = |event: Event<'_>| match event {
        Event::Feature { name, description: _ } => told.push_str(&format!("{name}\n")),
        Event::Scenario { name } => told.push_str(&format!("\n  {name}\n")),
        Event::Step { keyword, text } => told.push_str(&format!("    {keyword} {text}\n")),
        Event::Outcome { text } => told.push_str(&format!("        {text}\n")),
    };
    let played = play(&text, &settings, &mut narrate);
    // Shown when the test fails, or with --nocapture.
    println!("{told}");
    if let Err(error) = played {
        panic!("{story}: {error:#}");
    }
}

#[test]
fn the_2025_case() {
    check("the-2025-case.feature", Some(20_000));
}

#[test]
fn never_enabled() {
    check("never-enabled.feature", None);
}

#[test]
fn lost_answer() {
    check("lost-answer.feature", None);
}

#[test]
fn charged_twice() {
    check("charged-twice.feature", None);
}

#[test]
fn frames_that_deceive() {
    check("frames-that-deceive.feature", None);
}

#[test]
fn reproductions() {
    check("reproductions.feature", None);
}

#[test]
fn without_a_face() {
    check("without-a-face.feature", None);
}

#[test]
fn challenge() {
    check("challenge.feature", None);
}

#[test]
fn on_the_way() {
    check("on-the-way.feature", None);
}

/// A story that no test plays is a promise that nobody keeps.
#[test]
fn every_story_is_played() {
    let this = include_str!("stories.rs");
    for entry in std::fs::read_dir(workspace().join("scenarios")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(this.contains(&format!("check(\"{name}\"")), "{name} is not played");
    }
}
