//! Whether it is this terminal, at its address, with frames from its camera: over HTTP, against a real server.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use api::{
    AlertList, AlertView, Capture, Check, DecisionList, Onboarding, OrderState, OrderView, PaymentList,
    Reason, RelocationView, SessionView, Stage, TerminalReport, TerminalState, TerminalView,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use scenario::{CallError, plain_report, retaken};
use serde_json::Value;
use types::{GeoPoint, SignedDuration};

use crate::database::{Dump, tamper};
use crate::fixture::{
    Attempt, Fixture, PIN, Setup, attempt_at, capture, new_order, pay, picture, samples, yuan,
};
use crate::money::refused;

const POLICY: &str = include_str!("../../../../policy/default.toml");

fn send(fixture: &Fixture, attempt: &Attempt, capture: &Capture) -> Result<SessionView, CallError> {
    let path = format!("/v1/capture-sessions/{}/capture", attempt.session.session_id);
    fixture.terminal.post(&path, capture)
}

fn reporting(attempt: &Attempt, change: impl FnOnce(&mut TerminalReport)) -> Capture {
    let mut capture = capture(attempt);
    change(&mut capture.report);
    capture
}

/// An attempt to pay another order.
fn next(fixture: &Fixture, number: &str, fen: i64) -> Attempt {
    let order = api::NewOrder { amount: yuan(fen), ..new_order(fixture.terminal_id, number) };
    attempt_at(&fixture.merchant, &fixture.terminal, &order)
}

fn alerts(fixture: &Fixture) -> Vec<AlertView> {
    fixture.staff.get::<AlertList>("/v1/alerts").unwrap().alerts
}

fn kinds(fixture: &Fixture) -> BTreeSet<String> {
    alerts(fixture).into_iter().map(|alert| alert.kind).collect()
}

fn terminal(fixture: &Fixture) -> TerminalView {
    fixture.staff.get(&format!("/v1/terminals/{}", fixture.terminal_id)).unwrap()
}

fn payments(fixture: &Fixture) -> usize {
    fixture.payer.get::<PaymentList>("/v1/me/payments").unwrap().payments.len()
}

fn reason() -> Reason {
    Reason { reason: "looked at the device".to_owned() }
}

/// What is kept with the last decision about an attempt.
fn hints(fixture: &Fixture, attempt: &Attempt) -> Vec<String> {
    let path = format!("/v1/capture-sessions/{}/decisions?purpose=security", attempt.session.session_id);
    let list: DecisionList = fixture.staff.get(&path).unwrap();
    let case = &list.decisions.last().unwrap().case;
    serde_json::from_value(case.get("hints").cloned().unwrap_or(Value::Array(Vec::new()))).unwrap()
}

/// A copy of the key is found by its counter: suspended at once, for both devices, until a new device is brought in.
#[test]
fn a_copied_key_suspends_the_terminal() {
    let fixture = Fixture::new();
    let before = payments(&fixture);
    // The very same capture again is no copy, whether it was decided or not.
    let first = capture(&fixture.open);
    send(&fixture, &fixture.open, &first).unwrap();
    refused(send(&fixture, &fixture.open, &first), "capture_already_submitted");
    assert_eq!((terminal(&fixture).state, kinds(&fixture).len()), (TerminalState::Active, 0));

    let order = next(&fixture, "copy", 2_600);
    let copy = reporting(&order, |report| report.counter = 3);
    refused(send(&fixture, &order, &copy), "terminal_cloned");
    let view = terminal(&fixture);
    assert_eq!(view.state, TerminalState::Suspended);
    assert!(view.reason.contains("two devices"), "{}", view.reason);
    refused(send(&fixture, &order, &capture(&order)), "terminal_suspended");
    let raised = alerts(&fixture);
    assert_eq!(raised.len(), 1);
    assert_eq!((raised[0].kind.as_str(), raised[0].times), ("terminal_cloned", 1));
    assert_eq!(
        (raised[0].terminal_id, raised[0].session_id),
        (Some(fixture.terminal_id), Some(order.session.session_id))
    );
    assert!(raised[0].en.contains("onboarding") || raised[0].en.contains("new code"), "{}", raised[0].en);

    // Let work again without a new key, the copy suspends it again, and the alert counts.
    let path = format!("/v1/terminals/{}/resume", fixture.terminal_id);
    let _: TerminalView = fixture.staff.post(&path, &reason()).unwrap();
    refused(send(&fixture, &order, &reporting(&order, |report| report.counter = 4)), "terminal_cloned");
    assert_eq!(alerts(&fixture)[0].times, 2);
    assert_eq!(payments(&fixture), before + 1, "only the honest capture");

    // A new device has a key of its own, and begins at 1.
    let path = format!("/v1/terminals/{}/onboarding-codes", fixture.terminal_id);
    let onboarding: Onboarding = fixture.staff.post_empty(&path).unwrap();
    let device = scenario::activate(&fixture.anybody, &onboarding.onboarding_code).unwrap();
    let path = format!("/v1/terminals/{}/resume", fixture.terminal_id);
    let _: TerminalView = fixture.staff.post(&path, &reason()).unwrap();
    let replacement = fixture.anybody.with_signature(device.key);
    let path = format!("/v1/capture-sessions/{}/capture", order.session.session_id);
    let _: SessionView = replacement.post(&path, &reporting(&order, |report| report.counter = 1)).unwrap();
    fixture.verify();
}

/// Overtaken on its way, a capture is no copy's.
#[test]
fn a_capture_that_was_overtaken_counts() {
    let fixture = Fixture::new();
    let late = capture(&fixture.open);
    let other = next(&fixture, "faster", 2_600);
    send(&fixture, &other, &capture(&other)).unwrap();
    send(&fixture, &fixture.open, &late).unwrap();
    assert_eq!(terminal(&fixture).state, TerminalState::Active);
}

#[test]
fn a_report_that_cannot_be_is_refused_and_the_attempt_waits() {
    let fixture = Fixture::new();
    for minutes in [-10, 10] {
        let skewed = reporting(&fixture.open, |report| report.taken_at += SignedDuration::from_mins(minutes));
        let error = send(&fixture, &fixture.open, &skewed).unwrap_err();
        assert_eq!(error.code(), Some("clock_skew"));
        assert!(error.to_string().contains("set it"), "{error}");
    }
    for wrong in [0, 1 << 53] {
        refused(
            send(&fixture, &fixture.open, &reporting(&fixture.open, |report| report.counter = wrong)),
            "field_invalid",
        );
    }
    let named = |name: &str| reporting(&fixture.open, |report| report.camera = Some(name.to_owned()));
    refused(send(&fixture, &fixture.open, &named(" ")), "field_invalid");
    refused(send(&fixture, &fixture.open, &named(&"x".repeat(101))), "field_invalid");
    let far = reporting(&fixture.open, |report| report.accuracy_m = Some(-1.0));
    refused(send(&fixture, &fixture.open, &far), "field_invalid");
    // The attempt still waits.
    pay(&fixture.terminal, &fixture.open);
    assert_eq!((terminal(&fixture).state, kinds(&fixture).len()), (TerminalState::Active, 0));
}

/// Carried away: refused, then an alarm, then the end; a move that was approved makes it right.
#[test]
fn a_terminal_that_was_carried_away() {
    let fixture = Fixture::new();
    let away = GeoPoint::new(30.2460 + 0.05, 120.1551).unwrap();
    let from = |point| {
        reporting(&fixture.open, |report| {
            (report.point, report.accuracy_m) = (Some(point), Some(20.0));
        })
    };
    let before = payments(&fixture);
    refused(send(&fixture, &fixture.open, &from(away)), "outside_geofence");
    assert_eq!(kinds(&fixture), BTreeSet::from(["terminal_outside_geofence".to_owned()]));
    refused(send(&fixture, &fixture.open, &from(away)), "outside_geofence");
    assert!(kinds(&fixture).contains("terminal_relocated"));
    for _ in 0..3 {
        assert_eq!(terminal(&fixture).state, TerminalState::Active);
        refused(send(&fixture, &fixture.open, &from(away)), "outside_geofence");
    }
    assert_eq!(terminal(&fixture).state, TerminalState::Suspended);
    assert_eq!(payments(&fixture), before);

    let place = types::Place { point: away, ..crate::fixture::home() };
    let proposal = api::NewRelocation { place, reason: "a larger shop".to_owned() };
    let path = format!("/v1/terminals/{}/relocations", fixture.terminal_id);
    let proposed: RelocationView = fixture.merchant.post(&path, &proposal).unwrap();
    let approve = format!("/v1/relocations/{}/approve", proposed.relocation_id);
    let _: RelocationView = fixture.staff.post_empty(&approve).unwrap();
    let path = format!("/v1/terminals/{}/resume", fixture.terminal_id);
    let _: TerminalView = fixture.staff.post(&path, &reason()).unwrap();
    send(&fixture, &fixture.open, &from(away)).unwrap();
    assert_eq!(terminal(&fixture).state, TerminalState::Active);
    fixture.verify();
}

#[test]
fn frames_that_came_before_are_refused() {
    let fixture = Fixture::new();
    let before = payments(&fixture);
    let first = capture(&fixture.open);
    send(&fixture, &fixture.open, &first).unwrap();
    let other = next(&fixture, "again", 2_600);
    let again = Capture { nonce: other.session.nonce.clone(), report: plain_report(), ..first.clone() };
    refused(send(&fixture, &other, &again), "frames_seen_before");
    // One of them among new ones is enough; so are two that are the same.
    let mut mixed = capture(&other);
    mixed.frames[1].clone_from(&first.frames[0]);
    refused(send(&fixture, &other, &mixed), "frames_seen_before");
    let mut twins = capture(&other);
    twins.frames[1] = twins.frames[0].clone();
    refused(send(&fixture, &other, &twins), "frames_seen_before");
    assert_eq!((alerts(&fixture)[0].kind.as_str(), alerts(&fixture)[0].times), ("frames_repeated", 3));
    // The attempt still waits for what a camera takes.
    send(&fixture, &other, &capture(&other)).unwrap();
    assert_eq!(payments(&fixture), before + 2);
    // The same pixels in another file look the same: kept with the decision.
    assert!(
        hints(&fixture, &other).contains(&"frames_alike_before".to_owned()),
        "{:?}",
        hints(&fixture, &other)
    );
    fixture.verify();
}

#[test]
fn hints_are_kept_and_ask_for_more_where_the_policy_says_so() {
    let policy = POLICY.replace("on_injection_hint = \"record\"", "on_injection_hint = \"step_up\"");
    assert_ne!(policy, POLICY);
    let fixture = Fixture::with(&Setup { policy: Some(policy), ..Setup::default() });
    let named = reporting(&fixture.open, |report| report.camera = Some("OBS Virtual Camera".to_owned()));
    let view = send(&fixture, &fixture.open, &named).unwrap();
    assert_eq!(view.state, Stage::AwaitingCheck { ask: Check::Pin, repeated: false });
    assert!(hints(&fixture, &fixture.open).contains(&"virtual_camera".to_owned()));
    assert!(kinds(&fixture).contains("camera_injection"));
    // The answer decides with the same hints.
    let step = api::StepUp {
        nonce: fixture.open.session.nonce.clone(),
        check: Check::Pin,
        answer: Some(PIN.to_owned()),
    };
    let path = format!("/v1/capture-sessions/{}/step-up", fixture.open.session.session_id);
    let view: SessionView = fixture.terminal.post(&path, &step).unwrap();
    assert!(matches!(view.state, Stage::Approved { .. }), "{:?}", view.state);
    assert!(hints(&fixture, &fixture.open).contains(&"virtual_camera".to_owned()));
    fixture.verify();
}

/// How frames looked goes with the face.
#[test]
fn prints_end_with_the_consent() {
    let fixture = Fixture::new();
    send(&fixture, &fixture.open, &capture(&fixture.open)).unwrap();
    let of = |dump: &Dump| dump.table("frame_prints").len();
    let before = of(&Dump::of(&fixture.server));
    assert!(before >= 2, "{before}");
    assert_eq!(tamper(&fixture.server, "UPDATE frame_prints SET at = at"), before);
    let _: Value = fixture.payer.delete("/v1/me/consent").unwrap();
    // The capture of the disputed payment is kept for the case.
    assert_eq!(of(&Dump::of(&fixture.server)), 2);
}

/// Passes everything on, but loses the answers to the first so many captures.
fn losing(server: SocketAddr, captures: u32) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let left = Arc::new(AtomicU32::new(captures));
    thread::spawn(move || {
        for near in listener.incoming() {
            let (near, left) = (near.unwrap(), Arc::clone(&left));
            thread::spawn(move || pass_on(near, TcpStream::connect(server).unwrap(), &left));
        }
    });
    address
}

fn pass_on(mut near: TcpStream, mut far: TcpStream, left: &AtomicU32) {
    let (mut near_reader, mut far_writer) = (near.try_clone().unwrap(), far.try_clone().unwrap());
    let lose = Arc::new(AtomicU32::new(0));
    let noted = Arc::clone(&lose);
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut buffer = [0; 64 * 1024];
            while let Ok(read @ 1..) = near_reader.read(&mut buffer) {
                let head = String::from_utf8_lossy(&buffer[..read.min(200)]).into_owned();
                if head.starts_with("POST") && head.contains("/capture HTTP") {
                    noted.store(1, Ordering::SeqCst);
                }
                if far_writer.write_all(&buffer[..read]).is_err() {
                    break;
                }
            }
            let _gone = far_writer.shutdown(Shutdown::Write);
        });
        let mut buffer = [0; 64 * 1024];
        while let Ok(read @ 1..) = far.read(&mut buffer) {
            let answers = buffer.starts_with(b"HTTP/1.1 2") || buffer.starts_with(b"HTTP/1.1 4");
            if answers
                && lose.swap(0, Ordering::SeqCst) == 1
                && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
            {
                break;
            }
            if near.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        let _gone = near.shutdown(Shutdown::Both);
        let _gone = far.shutdown(Shutdown::Both);
    });
}

fn surety(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_surety")).arg("terminal").args(arguments).output().unwrap()
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// From the onboarding code to a payment whose answer was lost, with the command that anybody can start.
#[test]
fn the_reference_terminal_joins_and_pays_once() {
    let fixture = Fixture::new();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (key, state) = (file("till.pem"), file("till.json"));
    let server: SocketAddr = fixture.anybody.base_url().split_once("://").unwrap().1.parse().unwrap();
    let url = format!("http://{}", losing(server, 1));
    let path = format!("/v1/terminals/{}/onboarding-codes", fixture.terminal_id);
    let onboarding: Onboarding = fixture.staff.post_empty(&path).unwrap();
    let device = ["--server", &url, "--key", &key, "--state", &state];
    let joined = surety(&[&["join"], &device[..], &["--code", &onboarding.onboarding_code]].concat());
    assert!(joined.status.success(), "{}", told(&joined));
    let again = surety(&[&["join"], &device[..], &["--code", &onboarding.onboarding_code]].concat());
    assert!(!again.status.success() && told(&again).contains("joined before"), "{}", told(&again));

    // Three pictures in one file, as a camera's MJPEG stream.
    let video = file("video.mjpeg");
    let frames =
        ["studio_posture", "amateur_selfie"].map(|name| STANDARD.decode(retaken(&picture(name))).unwrap());
    std::fs::write(&video, frames.concat()).unwrap();
    let before = payments(&fixture);
    let order = fixture.open.order_id.to_string();
    let pay = [&["pay"], &device[..], &["--order", &order, "--video", &video, "--answer", PIN]].concat();
    let paid = surety(&pay);
    assert!(paid.status.success(), "{}", told(&paid));
    assert!(told(&paid).contains("paid by"), "{}", told(&paid));
    assert_eq!(payments(&fixture), before + 1);
    let order: OrderView = fixture.merchant.get(&format!("/v1/orders/{order}")).unwrap();
    assert_eq!(order.state, OrderState::Paid);
    // The same order again: refused by name, status 1.
    let twice = surety(&pay);
    assert_eq!(twice.status.code(), Some(1), "{}", told(&twice));
    assert!(told(&twice).contains("order_already_paid"), "{}", told(&twice));

    // A state file from a backup is a second counter.
    let text = std::fs::read_to_string(&state).unwrap();
    assert!(text.contains("\"counter\": 1"), "{text}");
    let other: OrderView =
        fixture.merchant.post("/v1/orders", &new_order(fixture.terminal_id, "backup")).unwrap();
    std::fs::write(&state, text.replace("\"counter\": 1", "\"counter\": 0")).unwrap();
    let pictures = ["studio_posture", "amateur_selfie"]
        .map(|name| samples().join("P001").join(format!("{name}.jpg")).to_str().unwrap().to_owned());
    let number = other.order_id.to_string();
    let mut back = [&["pay"], &device[..], &["--order", &number, "--pictures"]].concat();
    back.extend(pictures.iter().map(String::as_str));
    let back = surety(&back);
    assert_eq!(back.status.code(), Some(1), "{}", told(&back));
    assert!(told(&back).contains("terminal_cloned"), "{}", told(&back));
    fixture.verify();
}
