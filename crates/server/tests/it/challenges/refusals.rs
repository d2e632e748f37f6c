//! Frames of a challenge that cannot be used, and what is noted of captures that are refused.

use std::thread;
use std::time::Instant;

use api::{Capture, ChallengeFrames, NewSessionReply, SessionView, Stage};
use scenario::{Actor, CallError, movement, perform};

use crate::database::Dump;
use crate::fixture::{Fixture, Setup, answer_all, attempt_at, capture, new_order, samples, workspace, yuan};

#[track_caller]
fn refused<T>(result: Result<T, CallError>, code: &str) {
    let error = result.err().unwrap_or_else(|| panic!("went through; should be refused with {code}"));
    assert_eq!(error.code(), Some(code), "{error}");
}

fn send(fixture: &Fixture, capture: &Capture) -> Result<SessionView, CallError> {
    let path = format!("/v1/capture-sessions/{}/capture", fixture.open.session.session_id);
    fixture.terminal.post(&path, capture)
}

fn moves(session: &NewSessionReply) -> Vec<ChallengeFrames> {
    let actor = Actor::of(&samples(), "P001").unwrap();
    perform(&actor, session.challenge.as_ref().unwrap(), &movement, &mut 0).0
}

/// Numbers and times are checked before anything is looked at, and what is refused still waits for better frames.
#[test]
fn numbers_and_times_of_frames_are_bounded() {
    let fixture = Fixture::new();
    let session = &fixture.open.session;
    let challenge = session.challenge.as_ref().unwrap();
    assert!(!challenge.needed, "25 yuan are paid without one");
    assert_eq!((challenge.steps.len(), challenge.finish_within_seconds), (3, 60));
    let begun = Instant::now();
    let actor = Actor::of(&samples(), "P001").unwrap();
    let (moves, takes) = perform(&actor, challenge, &movement, &mut 0);
    let with =
        |challenge: Vec<ChallengeFrames>| Capture { challenge: Some(challenge), ..capture(&fixture.open) };
    refused(send(&fixture, &with(Vec::new())), "field_invalid");
    refused(send(&fixture, &with(vec![ChallengeFrames { frames: Vec::new() }])), "field_invalid");
    let many = ChallengeFrames { frames: [&moves[0].frames[..], &moves[1].frames[..]].concat() };
    refused(send(&fixture, &with(vec![many])), "field_invalid");
    refused(send(&fixture, &with(vec![moves[0].clone(); 5])), "field_invalid");
    let none = Capture { frames: Vec::new(), ..with(moves.clone()) };
    refused(send(&fixture, &none), "field_invalid");
    let mut text = moves.clone();
    text[2].frames[1].picture = "not a picture".to_owned();
    refused(send(&fixture, &with(text)), "frame_not_base64");
    let mut late = moves.clone();
    late[2].frames[2].at_ms = u32::MAX;
    thread::sleep(takes.saturating_sub(begun.elapsed()));
    // Frames from after now cannot be: the attempt ends.
    let view = send(&fixture, &with(late)).unwrap();
    assert!(
        matches!(&view.state, Stage::Refused { code, detail: _ } if code == "challenge_failed"),
        "{view:?}"
    );
    refused(send(&fixture, &with(moves)), "capture_already_submitted");
    fixture.verify();
    let events = Dump::of(&fixture.server).table("events").join("\n").replace('\\', "");
    assert!(events.contains(r#""passed":false,"failed":{"why":"times","step":2}"#), "{events}");
}

/// The same picture twice is no camera's work, also within one capture.
#[test]
fn a_picture_comes_once() {
    let fixture = Fixture::new();
    let mut moves = moves(&fixture.open.session);
    moves[1].frames[2].picture = moves[1].frames[0].picture.clone();
    let twice = Capture { challenge: Some(moves), ..capture(&fixture.open) };
    refused(send(&fixture, &twice), "frames_seen_before");
    fixture.verify();
}

/// A policy from before asks for no challenge and decides as it did.
#[test]
fn without_rules_there_is_no_challenge() {
    let text = std::fs::read_to_string(workspace().join("policy/default.toml")).unwrap();
    let (start, end) = (text.find("[challenge]").unwrap(), text.find("same_face_min = 0.45\n").unwrap());
    let policy = text[..start].to_owned() + text[end..].split_once('\n').unwrap().1;
    let fixture = Fixture::with(&Setup { policy: Some(policy), ..Setup::default() });
    assert_eq!(fixture.open.session.challenge, None);
    let frames = vec![ChallengeFrames { frames: Vec::new() }];
    refused(send(&fixture, &Capture { challenge: Some(frames), ..capture(&fixture.open) }), "field_invalid");
    let dear = api::NewOrder { amount: yuan(25_000), ..new_order(fixture.terminal_id, "dear") };
    let attempt = attempt_at(&fixture.merchant, &fixture.terminal, &dear);
    let end = answer_all(&fixture.terminal, &attempt).unwrap();
    assert!(matches!(end, Stage::Approved { payment_id: _, payer_name: _ }), "{end:?}");
    fixture.verify();
}

/// Frames that cannot be used, and what looks like an attack, are noted in the attempt's record, with the digests of what came.
#[test]
fn refused_captures_leave_a_trace() {
    let fixture = Fixture::new();
    let noted = || {
        let events = Dump::of(&fixture.server).table("events").join("\n").replace('\\', "");
        events.matches(r#""event":"capture_refused""#).count()
    };
    let good = capture(&fixture.open);
    refused(
        send(&fixture, &Capture { frames: vec!["AAAA".to_owned()], ..capture(&fixture.open) }),
        "not_a_picture",
    );
    assert_eq!(noted(), 1);
    let wrong = Capture { nonce: fixture.paid.session.nonce.clone(), ..capture(&fixture.open) };
    refused(send(&fixture, &wrong), "nonce_wrong");
    let sheet = crate::fixture::picture("character_sheet");
    refused(send(&fixture, &Capture { frames: vec![sheet], ..capture(&fixture.open) }), "several_faces");
    let other = crate::fixture::picture_of("P003", "studio_posture");
    refused(
        send(&fixture, &Capture { frames: vec![good.frames[0].clone(), other], ..capture(&fixture.open) }),
        "frames_unlike",
    );
    assert_eq!(noted(), 4);
    let step = api::StepUp { nonce: wrong.nonce, check: api::Check::Pin, answer: None };
    let path = format!("/v1/capture-sessions/{}/step-up", fixture.open.session.session_id);
    refused(fixture.terminal.post::<SessionView>(&path, &step), "nonce_wrong");
    assert_eq!(noted(), 5);
    // And the attempt is still as good as it was.
    let view = send(&fixture, &capture(&fixture.open)).unwrap();
    assert!(matches!(view.state, Stage::Approved { payment_id: _, payer_name: _ }), "{view:?}");
    fixture.verify();
}
