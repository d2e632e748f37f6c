//! What becomes of enrolled faces: their pictures, who looks like whom, how templates are renewed, how one model takes
//! the place of another, how processes hear of each other's.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use api::{ConfirmEnrolment, EnrolmentView, Withdrawn};
use scenario::{Client, NewHolder, Server};
use types::PayerId;

use crate::database::{Dump, tamper};
use crate::fixture::{Fixture, enrol, holder, picture_of};
use crate::privacy::files;

mod learning;
mod look_alikes;
mod models;
mod processes;

/// Waits for what a background job does.
#[track_caller]
fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let patience = Instant::now();
    while !done() {
        assert!(patience.elapsed() < Duration::from_secs(60), "not within a minute: {what}");
        thread::sleep(Duration::from_millis(200));
    }
}

/// Somebody else with an account.
fn another(fixture: &Fixture, phone: &str) -> (PayerId, Client) {
    named(fixture, phone, "Wang Wei")
}

fn named(fixture: &Fixture, phone: &str, name: &str) -> (PayerId, Client) {
    let person = NewHolder { name: name.to_owned(), ..holder(phone) };
    let person = fixture.server.phones().register(&fixture.anybody, &person).unwrap();
    (person.payer_id, fixture.anybody.with_key(&person.device_key))
}

/// Two pictures of a sample person.
fn portraits(face: &str) -> Vec<String> {
    ["studio_portrait", "amateur_posture"].map(|name| picture_of(face, name)).to_vec()
}

/// Other pictures of the same person.
fn snapshots(face: &str) -> Vec<String> {
    ["studio_posture", "amateur_selfie"].map(|name| picture_of(face, name)).to_vec()
}

fn pictures(server: &Server) -> Vec<PathBuf> {
    let mut found = files(&server.data().join("captures"));
    found.retain(|path| path.file_name().unwrap().to_str().unwrap().starts_with("enr_"));
    found
}

fn count(server: &Server, table: &str) -> usize {
    Dump::of(server).table(table).len()
}

#[test]
fn pictures_stay_with_the_face_they_made() {
    let fixture = Fixture::new();
    let server = &fixture.server;
    // One that is confirmed, one that waits.
    assert_eq!((pictures(server).len(), count(server, "template_parts")), (4, 4));
    enrol(&fixture.payer, true);
    assert_eq!(
        (pictures(server).len(), count(server, "template_parts")),
        (2, 2),
        "the new one took both places"
    );
    fixture.verify();

    let (enrolment, code) = enrol(&fixture.payer, false);
    assert_eq!(pictures(server).len(), 4);
    let wrong = if code == "000000" { "000001" } else { "000000" };
    let path = format!("/v1/me/enrolments/{enrolment}/confirm");
    for _ in 0..5 {
        let answer = ConfirmEnrolment { code: wrong.to_owned(), pin: None, passkey: None };
        assert!(fixture.payer.post::<EnrolmentView>(&path, &answer).is_err());
    }
    assert_eq!(
        (pictures(server).len(), count(server, "template_parts")),
        (2, 2),
        "a failed one leaves nothing"
    );

    let Withdrawn { payer: _, tombstone } = fixture.payer.delete("/v1/me/consent").unwrap();
    assert_eq!((pictures(server).len(), count(server, "template_parts")), (0, 0));
    let parts = tombstone.erased.iter().filter(|erased| erased.kind == api::ErasedKind::TemplatePart).count();
    assert_eq!(parts, 2, "the tombstone names each");
    fixture.verify();
}

/// Files that a crash left behind, and templates whose code came too late.
#[test]
fn what_no_template_rests_on_is_swept() {
    let mut fixture = Fixture::new();
    assert_eq!(pictures(&fixture.server).len(), 4);
    assert_eq!(tamper(&fixture.server, "UPDATE enrolments SET expires_at = 1 WHERE state = 'waiting'"), 1);
    fixture.restart(None).unwrap();
    wait_for("the expired enrolment is swept", || pictures(&fixture.server).len() == 2);
    assert_eq!(count(&fixture.server, "template_parts"), 2);
    fixture.verify();
}
