//! Pictures that are none, or not of one face: refused with a code that says why, and nobody is debited.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use scenario::RawCall;
use serde_json::json;

use crate::bad_input::refused;
use crate::database::Dump;
use crate::fixture::{Fixture, picture, samples};

/// A name and the picture as it would be sent.
fn bad_pictures() -> Vec<(&'static str, String)> {
    let jpeg = STANDARD.decode(picture("studio_portrait")).unwrap();
    vec![
        ("nothing", String::new()),
        ("not base64", "not base64!".to_owned()),
        ("base64 without its end", "/9j/4AA".to_owned()),
        ("a text", STANDARD.encode("I am a picture, believe me.")),
        ("zeroes", STANDARD.encode(vec![0; 100_000])),
        ("the first bytes of a JPEG", STANDARD.encode(&jpeg[..20])),
        ("half a JPEG", STANDARD.encode(&jpeg[..jpeg.len() / 2])),
        ("a JPEG's end", STANDARD.encode(&jpeg[jpeg.len() / 2..])),
        ("a torn JPEG header", STANDARD.encode(torn_header(&jpeg))),
        ("a PNG bomb", STANDARD.encode(png(60_000, 60_000))),
        ("a PNG of no size", STANDARD.encode(png(0, 0))),
        ("a PNG without pixels", STANDARD.encode(png(640, 480))),
        ("a GIF", STANDARD.encode(b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff")),
    ]
}

/// The start and end of a JPEG, with nonsense between.
fn torn_header(jpeg: &[u8]) -> Vec<u8> {
    let mut torn = jpeg.to_vec();
    torn[4..600].fill(0xff);
    torn
}

/// A PNG header that promises this size, and next to nothing after it.
fn png(width: u32, height: u32) -> Vec<u8> {
    let mut header = b"IHDR".to_vec();
    header.extend(width.to_be_bytes());
    header.extend(height.to_be_bytes());
    header.extend([8, 2, 0, 0, 0]);
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    for chunk in [header, b"IDAT\x78\x9c\x03\x00\x00\x00\x00\x01".to_vec(), b"IEND".to_vec()] {
        bytes.extend(u32::try_from(chunk.len() - 4).unwrap().to_be_bytes());
        bytes.extend(&chunk);
        bytes.extend(crc32(&chunk).to_be_bytes());
    }
    bytes
}

/// The checksum of a PNG chunk (ISO 3309), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

/// Everything but what is kept of a refused capture: that it came, and why it was refused.
fn but_evidence(fixture: &Fixture) -> Dump {
    Dump::of(&fixture.server).but("events").but("terminal_watches").but("capture_reports")
}

#[test]
fn the_checksum_is_the_one_of_png() {
    assert_eq!(crc32(b"IEND"), 0xae42_6082);
}

#[test]
fn pictures_that_are_none_debit_nobody() {
    let fixture = Fixture::new();
    let good = picture("studio_posture");
    let before = but_evidence(&fixture);
    let session = &fixture.open.session;
    let capture = format!("/v1/capture-sessions/{}/capture", session.session_id);
    let send = |client: &scenario::Client, path: &str, body: &serde_json::Value, what: &str| {
        let body = serde_json::to_vec(body).unwrap();
        let call = RawCall { method: "POST", path, content_type: Some("application/json"), body: &body };
        let problem = refused(&client.send(call).unwrap(), &format!("{what} to {path}"));
        assert_ne!(problem.code, "capture_already_submitted", "{what} used the attempt up");
        problem
    };
    for (what, bad) in bad_pictures() {
        // The bad one first, last, and alone.
        for frames in [vec![bad.clone(), good.clone()], vec![good.clone(), bad.clone()], vec![bad.clone()]] {
            let body =
                json!({ "nonce": session.nonce, "frames": frames, "report": scenario::plain_report() });
            let problem = send(&fixture.terminal, &capture, &body, what);
            println!("{what}: {} {}, {}", problem.status, problem.code, problem.detail);
        }
        let body = json!({ "frames": [good, bad] });
        send(&fixture.payer, "/v1/me/enrolments", &body, what);
        fixture.assert_alive(what);
    }
    before.assert_same(&but_evidence(&fixture), "a bad picture");
}

#[test]
fn pictures_of_several_people_or_of_nobody_debit_nobody() {
    let fixture = Fixture::new();
    let before = but_evidence(&fixture);
    let of = |face: &str, name: &str| {
        STANDARD.encode(std::fs::read(samples().join(face).join(format!("{name}.jpg"))).unwrap())
    };
    let session = &fixture.open.session;
    let path = format!("/v1/capture-sessions/{}/capture", session.session_id);
    let check = |frames: &[String], what: &str, code: &str| {
        let body = serde_json::to_vec(
            &json!({ "nonce": session.nonce, "frames": frames, "report": scenario::plain_report() }),
        )
        .unwrap();
        let call =
            RawCall { method: "POST", path: &path, content_type: Some("application/json"), body: &body };
        let problem = refused(&fixture.terminal.send(call).unwrap(), what);
        assert_eq!(problem.code, code, "{what}: {problem:?}");
    };
    check(
        &[of("P001", "studio_posture"), of("P002", "studio_posture")],
        "two people in turn",
        "frames_unlike",
    );
    check(&[of("P001", "emotions_sheet")], "one person many times", "several_faces");
    before.assert_same(&but_evidence(&fixture), "a picture of several people");
}

/// A frame of the payer and one of a stranger who resembles her: their mean may be like enough, but one of the
/// frames is not, so that the face alone never pays.
#[test]
fn frames_of_two_people_never_pay_by_face_alone() {
    let of = |face: &str, name: &str| {
        STANDARD.encode(std::fs::read(samples().join(face).join(format!("{name}.jpg"))).unwrap())
    };
    for other in ["P002", "P004", "P006", "P009"] {
        let fixture = Fixture::new();
        let session = &fixture.open.session;
        let path = format!("/v1/capture-sessions/{}/capture", session.session_id);
        let frames = vec![of("P001", "studio_posture"), of(other, "studio_posture")];
        let sent = api::Capture {
            nonce: session.nonce.clone(),
            frames,
            report: scenario::plain_report(),
            challenge: None,
        };
        let view: Result<api::SessionView, _> = fixture.terminal.post(&path, &sent);
        match view {
            Ok(view) => assert_eq!(
                view.state,
                api::Stage::AwaitingCheck { ask: api::Check::Pin, repeated: false },
                "{other}"
            ),
            Err(error) => assert_eq!(error.code(), Some("frames_unlike"), "{other}: {error}"),
        }
    }
}
