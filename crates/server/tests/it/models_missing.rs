//! Without the liveness pair every payment needs a strong factor; without the rest nothing starts.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use api::{Check, SessionView, Stage};
use scenario::Server;

use crate::fixture::{Fixture, Setup, answer_all, capture, models, start};

const DETECTOR: &str = "face_detection_yunet_2023mar.onnx";
const EMBEDDER: &str = "face_recognition_sface_2021dec.onnx";

fn only(folder: &Path, names: &[&str]) {
    for name in names {
        symlink(models().join(name), folder.join(name)).unwrap();
    }
}

#[test]
fn without_liveness_every_payment_asks_for_a_strong_factor() {
    let few = tempfile::tempdir().unwrap();
    only(few.path(), &[DETECTOR, EMBEDDER]);
    let fixture = Fixture::with(&Setup { models: few.path().to_owned(), ..Setup::default() });
    let path = format!("/v1/capture-sessions/{}/capture", fixture.open.session.session_id);
    let view: SessionView = fixture.terminal.post(&path, &capture(&fixture.open)).unwrap();
    assert_eq!(view.state, Stage::AwaitingCheck { ask: Check::Pin, repeated: false });
}

/// The same payer before the same terminal with the whole set: the first question, if any, is a weak one.
#[test]
fn with_liveness_the_face_goes_further() {
    let fixture = Fixture::new();
    let path = format!("/v1/capture-sessions/{}/capture", fixture.open.session.session_id);
    let view: SessionView = fixture.terminal.post(&path, &capture(&fixture.open)).unwrap();
    assert_ne!(view.state, Stage::AwaitingCheck { ask: Check::Pin, repeated: false });
    assert!(answer_all(&fixture.terminal, &fixture.open).is_err(), "a capture is taken once");
}

#[test]
fn without_the_embedder_nothing_starts() {
    let few = tempfile::tempdir().unwrap();
    only(few.path(), &[DETECTOR]);
    check_refuses_to_start(few.path(), EMBEDDER);
}

#[test]
fn an_altered_model_is_not_used() {
    let few = tempfile::tempdir().unwrap();
    only(few.path(), &[EMBEDDER]);
    let mut bytes = fs::read(models().join(DETECTOR)).unwrap();
    bytes[1_000] ^= 1;
    fs::write(few.path().join(DETECTOR), bytes).unwrap();
    check_refuses_to_start(few.path(), DETECTOR);
}

fn check_refuses_to_start(models: &Path, named: &str) {
    let folder = tempfile::tempdir().unwrap();
    let error = Server::start(&start(folder.path(), models)).err().map(|error| format!("{error:#}")).unwrap();
    assert!(error.contains(named) && error.contains("cargo xtask models"), "{error}");
}
