//! Every look at a case, at evidence, at what the machines measured is in the payer's list, with who and why.

use api::{AccessView, AuditedAccess, DisputeList};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::fixture::Fixture;

fn refused(fixture: &Fixture, path: &str) -> String {
    let reply = fixture.staff.send(scenario::RawCall { method: "GET", path, content_type: None, body: &[] });
    reply.unwrap().problem().unwrap().code
}

fn seen_by_payer(fixture: &Fixture) -> Vec<(String, String)> {
    let list: Vec<AccessView> = fixture.payer.get("/v1/me/accesses").unwrap();
    assert!(list.iter().all(|look| !look.actor.is_empty()), "{list:?}");
    list.into_iter().map(|look| (look.subject, look.purpose)).collect()
}

#[test]
fn every_look_is_in_the_payers_list() {
    let fixture = Fixture::new();
    let before = seen_by_payer(&fixture);
    let case = format!("/v1/disputes/{}", fixture.dispute_id);
    let attempt = format!("/v1/capture-sessions/{}", fixture.paid.session.session_id);
    for path in [case.clone(), format!("{case}/evidence"), format!("{attempt}/decisions")] {
        assert_eq!(refused(&fixture, &path), "query_malformed", "{path}");
        assert_eq!(refused(&fixture, &format!("{path}?purpose=curiosity")), "field_invalid", "{path}");
    }
    assert_eq!(seen_by_payer(&fixture), before, "what was refused was not seen");

    let looks = [
        (format!("{case}?purpose=audit"), fixture.dispute_id.to_string(), "audit"),
        (format!("{case}/evidence?purpose=dispute"), fixture.dispute_id.to_string(), "dispute"),
        (
            format!("{attempt}/decisions?purpose=security"),
            fixture.paid.session.session_id.to_string(),
            "security",
        ),
    ];
    for (path, _, _) in &looks {
        let _: Value = fixture.staff.get(path).unwrap();
    }
    let mut expected = before;
    expected.extend(looks.map(|(_, subject, purpose)| (subject, purpose.to_owned())));
    assert_eq!(seen_by_payer(&fixture), expected);

    let path = format!("/v1/accesses?payer_id={}", fixture.payer_id);
    let audited: Vec<AuditedAccess> = fixture.staff.get(&path).unwrap();
    let audited: Vec<_> = audited.into_iter().rev().map(|look| (look.subject, look.purpose)).collect();
    assert_eq!(audited, expected, "an auditor sees the same");
    let nobody: Vec<AuditedAccess> = fixture.staff.get("/v1/accesses?actor=nobody").unwrap();
    assert!(nobody.is_empty());
}

/// Whoever works on a case sees its file; that is a look as well.
#[test]
fn working_on_a_case_is_looking_at_it() {
    let fixture = Fixture::new();
    let before = seen_by_payer(&fixture).len();
    let case = format!("/v1/disputes/{}", fixture.dispute_id);
    let finding = serde_json::json!({ "finding": "wrong_person", "note": "not her" });
    let _: Value = fixture.staff.post(&format!("{case}/finding"), &finding).unwrap();
    let _: Value = fixture.staff.post_empty(&format!("{case}/close")).unwrap();
    let all = seen_by_payer(&fixture);
    assert_eq!(all[before..], vec![(fixture.dispute_id.to_string(), "dispute".to_owned()); 2]);
}

/// A list says how cases stand; the words of payers are read one file at a time.
#[test]
fn a_list_of_cases_is_no_look_at_their_files() {
    let fixture = Fixture::new();
    let before = seen_by_payer(&fixture);
    let list: DisputeList = fixture.staff.get("/v1/disputes").unwrap();
    assert_eq!(list.disputes.len(), 1);
    let raw: Value = fixture.staff.get("/v1/disputes").unwrap();
    let text = raw.to_string();
    assert!(!text.contains("not me") && !text.contains(&fixture.payer_id.to_string()), "{text}");
    assert_eq!(seen_by_payer(&fixture), before);
}

/// A picture is opened only by who works on cases, for a purpose; it is the one that was taken, and the payer sees who
/// looked.
#[test]
fn a_picture_is_seen_for_a_purpose_and_the_payer_learns_of_it() {
    let fixture = Fixture::new();
    let before = seen_by_payer(&fixture);
    let session = fixture.paid.session.session_id;
    let path = format!("/v1/capture-sessions/{session}/picture");
    let ask = |query: &str| {
        let path = format!("{path}?{query}");
        fixture.staff.send(scenario::RawCall { method: "GET", path: &path, content_type: None, body: &[] })
    };
    let refused = |query: &str| ask(query).unwrap().problem().unwrap().code;
    assert_eq!(refused("frame=0"), "query_malformed");
    assert_eq!(refused("frame=0&purpose=curiosity"), "field_invalid");
    assert_eq!(refused("frame=2&purpose=dispute"), "picture_unknown");
    assert_eq!(refused("frame=4294967295&purpose=dispute"), "picture_unknown");
    assert_eq!(seen_by_payer(&fixture), before, "what was refused was not seen");

    let sent = ["studio_posture", "amateur_selfie"].map(crate::fixture::picture);
    for (frame, picture) in sent.iter().enumerate() {
        let reply = ask(&format!("frame={frame}&purpose=dispute")).unwrap();
        assert_eq!((reply.status, reply.media_type.as_str()), (200, "image/jpeg"));
        // Behind the comment that each taking has of its own.
        let length = usize::from(u16::from_be_bytes([reply.bytes[4], reply.bytes[5]]));
        let rest = [&reply.bytes[..2], &reply.bytes[4 + length..]].concat();
        assert_eq!(evidence::digest(&rest), evidence::digest(&STANDARD.decode(picture).unwrap()));
    }
    let mut expected = before;
    expected.extend((0..2).map(|frame| (format!("{session}/picture/{frame}"), "dispute".to_owned())));
    assert_eq!(seen_by_payer(&fixture), expected);
    fixture.verify();
}

/// What is erased shows to nobody.
#[test]
fn an_erased_picture_stays_gone() {
    let fixture = Fixture::new();
    crate::fixture::pay(&fixture.terminal, &fixture.open);
    let _: Value = fixture.payer.delete("/v1/me/consent").unwrap();
    let picture = |session| format!("/v1/capture-sessions/{session}/picture?frame=0&purpose=dispute");
    assert_eq!(refused(&fixture, &picture(fixture.open.session.session_id)), "picture_erased");
}

/// Others whose faces were compared stay numbers.
#[test]
fn decisions_name_only_whom_they_are_about() {
    let fixture = Fixture::new();
    let other = crate::fixture::holder("+8613700077777");
    let other = fixture.server.phones().register(&fixture.anybody, &other).unwrap();
    crate::fixture::enrol(&fixture.anybody.with_key(&other.device_key), true);
    let attempt = crate::fixture::attempt(&fixture.merchant, &fixture.terminal, fixture.terminal_id, "twins");
    let path = format!("/v1/capture-sessions/{}", attempt.session.session_id);
    let _: Value =
        fixture.terminal.post(&format!("{path}/capture"), &crate::fixture::capture(&attempt)).unwrap();
    let told: Value = fixture.staff.get(&format!("{path}/decisions?purpose=dispute")).unwrap();
    let text = told.to_string();
    let named = [fixture.payer_id, other.payer_id].map(|payer| text.contains(&payer.to_string()));
    assert_eq!(named.iter().filter(|named| **named).count(), 1, "both were compared: {text}");
    assert!(text.contains("candidate 1"), "{text}");
}
