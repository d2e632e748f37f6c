//! What is erased is gone, with its keys, and a tombstone tells of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use api::{
    CaptureMode, CapturePayment, Closing, DisputeStaffView, DisputeView, Erased, ErasedKind, ErasureReason,
    EvidenceView, Funding, MerchantPaymentView, MessageList, NewOrder, NewRefund, NotMe, PayerView,
    RefundView, SessionView, Stage, Tombstone, Withdrawn,
};
use scenario::CallError;
use serde_json::Value;
use types::Amount;

use crate::database::{Dump, on_postgres, tamper};
use crate::fixture::{Fixture, PHONE, PIN, attempt_at, enrol, holder, new_order, pay, transfer, yuan};
use crate::privacy::{files, holds};

fn rows(dump: &Dump, table: &str) -> Vec<Value> {
    dump.table(table).iter().map(|row| serde_json::from_str(row).unwrap()).collect()
}

/// The bytes of a column, as either database shows them.
fn bytes(row: &Value, column: &str) -> Vec<u8> {
    hex::decode(row[column].as_str().unwrap().trim_start_matches("\\x")).unwrap()
}

fn sha256(bytes: &[u8]) -> String {
    evidence::digest(bytes).to_string()
}

fn pictures(fixture: &Fixture, capture: &str) -> Vec<PathBuf> {
    let mut found = files(&fixture.server.data().join("captures"));
    found.retain(|path| path.file_name().unwrap().to_str().unwrap().starts_with(capture));
    found
}

/// The only entry of a kind.
fn only(tombstone: &Tombstone, kind: ErasedKind) -> &Erased {
    let mut of_kind = tombstone.erased.iter().filter(|erased| erased.kind == kind);
    let erased = of_kind.next().unwrap_or_else(|| panic!("no {kind:?}"));
    assert!(of_kind.next().is_none(), "{kind:?} twice");
    erased
}

#[test]
fn a_withdrawal_erases_the_face_and_what_terminals_saw_of_it() {
    let fixture = Fixture::new();
    pay(&fixture.terminal, &fixture.open);
    let before = Dump::of(&fixture.server);
    let template = bytes(&rows(&before, "templates")[0], "template_sealed");
    let face_key = bytes(&rows(&before, "face_keys")[0], "key_wrapped");
    let capture_of = |session: &str| {
        let mut captures = rows(&before, "captures").into_iter();
        captures.find(|row| row["session_id"] == session).unwrap()
    };
    let going = capture_of(&fixture.open.session.session_id.to_string());
    let disputed = capture_of(&fixture.paid.session.session_id.to_string());
    let (going_id, disputed_id) = (going["id"].as_str().unwrap(), disputed["id"].as_str().unwrap());
    assert_eq!((pictures(&fixture, going_id).len(), pictures(&fixture, disputed_id).len()), (2, 2));

    let Withdrawn { payer, tombstone } = fixture.payer.delete("/v1/me/consent").unwrap();
    assert_eq!((payer.face, payer.name.as_str()), (api::Face::None, "Wang Wei"));
    assert_eq!(tombstone.reason, ErasureReason::ConsentWithdrawn);
    assert_eq!(only(&tombstone, ErasedKind::Template).sealed_sha256, Some(sha256(&template)));
    assert_eq!(only(&tombstone, ErasedKind::FaceKey).key_sha256, Some(sha256(&face_key)));
    assert_eq!(only(&tombstone, ErasedKind::Enrolment).id, fixture.enrolment_id.to_string());
    let erased = only(&tombstone, ErasedKind::Capture);
    assert_eq!(erased.id, going_id);
    assert_eq!(erased.sealed_sha256, Some(sha256(&bytes(&going, "probe_sealed"))));
    assert_eq!(erased.key_sha256, Some(sha256(&bytes(&going, "key_wrapped"))));
    let kept: Vec<_> =
        tombstone.kept.iter().map(|kept| (kept.capture_id.to_string(), kept.dispute_id)).collect();
    assert_eq!(kept, [(disputed_id.to_owned(), fixture.dispute_id)]);

    let after = Dump::of(&fixture.server);
    assert!(after.table("templates").is_empty() && after.table("face_keys").is_empty());
    let with_key: Vec<Value> =
        rows(&after, "captures").into_iter().filter(|row| !row["key_wrapped"].is_null()).collect();
    assert_eq!(with_key.len(), 1);
    assert_eq!(with_key[0]["id"], disputed_id, "only what the dispute needs");
    assert_eq!((pictures(&fixture, going_id).len(), pictures(&fixture, disputed_id).len()), (0, 2));
    assert!(after.table("events").iter().any(|event| event.contains(&tombstone.tombstone_id.to_string())));
    for gone in [&template, &face_key, &bytes(&going, "probe_sealed"), &bytes(&going, "key_wrapped")] {
        assert!(!holds(after.text().as_bytes(), hex::encode(gone).as_bytes()));
        // On PostgreSQL the bytes go with the next vacuum.
        for path in files(fixture.server.data()).into_iter().filter(|_| !on_postgres()) {
            assert!(!holds(&fs::read(&path).unwrap(), gone), "in {}", path.display());
        }
    }
    assert!(fixture.payer.delete::<Withdrawn>("/v1/me/consent").is_err(), "there is no consent any more");
    fixture.verify();
}

/// The case goes on with the capture and without the face, and takes the capture with it when it ends.
#[test]
fn what_a_dispute_needs_goes_when_it_is_closed() {
    let fixture = Fixture::new();
    let Withdrawn { payer: _, tombstone } = fixture.payer.delete("/v1/me/consent").unwrap();
    let capture = tombstone.kept[0].capture_id.to_string();
    let case = format!("/v1/disputes/{}", fixture.dispute_id);
    let gathered: EvidenceView = fixture.staff.post_empty(&format!("{case}/gather")).unwrap();
    let codes: BTreeSet<&str> = gathered.assessment.items.iter().map(|item| item.code.as_str()).collect();
    assert!(codes.contains("face_erased"), "{codes:?}");
    for against in ["capture_missing", "capture_erased", "better_match", "not_recognised_today"] {
        assert!(!codes.contains(against), "{codes:?}");
    }
    let finding = serde_json::json!({ "finding": "other", "note": "because" });
    let _: DisputeStaffView = fixture.staff.post(&format!("{case}/finding"), &finding).unwrap();
    assert_eq!(pictures(&fixture, &capture).len(), 2);
    fixture.verify();
    let _: DisputeStaffView = fixture.staff.post_empty(&format!("{case}/close")).unwrap();
    assert_eq!(pictures(&fixture, &capture).len(), 0);
    let after = Dump::of(&fixture.server);
    assert!(rows(&after, "captures").iter().all(|row| row["key_wrapped"].is_null()));
    let last = rows(&after, "tombstones").pop().unwrap();
    assert_eq!(last["reason"], "dispute_closed");
    assert!(last["body"].as_str().unwrap().contains(&capture));
    let inbox: MessageList = fixture.payer.get("/v1/me/messages").unwrap();
    assert!(inbox.messages.iter().any(|message| message.kind == "case_pictures_deleted"));
    fixture.verify();
}

#[test]
fn a_dispute_after_an_erasure_says_what_was_erased() {
    let fixture = Fixture::new();
    let payment = pay(&fixture.terminal, &fixture.open);
    let _: Withdrawn = fixture.payer.delete("/v1/me/consent").unwrap();
    let not_me = NotMe { words: "not me".to_owned(), freeze: false };
    let case: DisputeView =
        fixture.payer.post(&format!("/v1/me/payments/{payment}/not-me"), &not_me).unwrap();
    let path = format!("/v1/disputes/{}/evidence?purpose=dispute", case.dispute_id);
    let gathered: Vec<EvidenceView> = fixture.staff.get(&path).unwrap();
    let items = &gathered[0].assessment.items;
    let erased = items.iter().find(|item| item.code == "capture_erased").unwrap();
    assert!(erased.detail.contains("erased at the payer's wish on 2"), "{}", erased.detail);
    assert_eq!(erased.side, api::Side::Neutral, "it does not count against the operator");
    assert!(items.iter().all(|item| item.code != "capture_missing"));
    assert!(!gathered[0].assessment.authorisation_proven);
    fixture.verify();
}

/// Another face, under another key: what the tombstone names stays gone.
#[test]
fn who_withdrew_may_enrol_again() {
    let fixture = Fixture::new();
    let _: Withdrawn = fixture.payer.delete("/v1/me/consent").unwrap();
    enrol(&fixture.payer, true);
    pay(&fixture.terminal, &fixture.open);
    fixture.verify();
}

fn close(fixture: &Fixture, pin: &str) -> Result<Tombstone, CallError> {
    fixture.payer.post("/v1/me/closing", &Closing { pin: pin.to_owned() })
}

fn refused(fixture: &Fixture, pin: &str) -> String {
    close(fixture, pin).unwrap_err().code().unwrap().to_owned()
}

#[test]
fn a_closed_account_has_no_name_number_face_or_key() {
    let fixture = Fixture::new();
    assert_eq!(refused(&fixture, "000000"), "pin_wrong");
    let me: PayerView = fixture.payer.get("/v1/me").unwrap();
    let order = NewOrder {
        capture: CaptureMode::Manual,
        amount: me.balances[0],
        ..new_order(fixture.terminal_id, "all of it")
    };
    let attempt = attempt_at(&fixture.merchant, &fixture.terminal, &order);
    let payment = pay(&fixture.terminal, &attempt);
    assert_eq!(refused(&fixture, PIN), "payment_authorised");
    let path = format!("/v1/payments/{payment}");
    let whole = CapturePayment { amount: order.amount };
    let _: MerchantPaymentView = fixture.merchant.post(&format!("{path}/capture"), &whole).unwrap();
    assert_eq!(refused(&fixture, PIN), "dispute_open");
    let case = format!("/v1/disputes/{}", fixture.dispute_id);
    let finding = serde_json::json!({ "finding": "other", "note": "because" });
    let _: DisputeStaffView = fixture.staff.post(&format!("{case}/finding"), &finding).unwrap();
    let _: DisputeStaffView = fixture.staff.post_empty(&format!("{case}/close")).unwrap();
    let top_up = Funding { transfer_id: transfer(7), amount: yuan(1) };
    let top_ups = format!("/v1/payers/{}/top-ups", fixture.payer_id);
    let _: Amount = fixture.staff.post(&top_ups, &top_up).unwrap();
    assert_eq!(refused(&fixture, PIN), "account_not_empty");
    let cent = NewOrder { amount: yuan(1), ..new_order(fixture.terminal_id, "a cent") };
    pay(&fixture.terminal, &attempt_at(&fixture.merchant, &fixture.terminal, &cent));

    let before = Dump::of(&fixture.server);
    let contact = bytes(&rows(&before, "payers")[0], "contact_sealed");
    let tombstone = close(&fixture, PIN).unwrap();
    assert_eq!(tombstone.reason, ErasureReason::AccountClosed);
    assert_eq!(only(&tombstone, ErasedKind::Contact).sealed_sha256, Some(sha256(&contact)));
    assert!(tombstone.kept.is_empty());

    let code = |error: CallError| error.code().unwrap().to_owned();
    assert_eq!(code(fixture.payer.get::<PayerView>("/v1/me").unwrap_err()), "key_unknown");
    assert_eq!(
        code(
            fixture
                .staff
                .post::<Amount>(&top_ups, &Funding { transfer_id: transfer(8), ..top_up })
                .unwrap_err()
        ),
        "payer_unknown"
    );
    let session = format!("/v1/capture-sessions/{}", attempt.session.session_id);
    let view: SessionView = fixture.terminal.get(&session).unwrap();
    assert_eq!(view.state, Stage::Approved { payment_id: payment, payer_name: String::new() });
    let after = Dump::of(&fixture.server);
    assert!(after.table("templates").is_empty() && after.table("traces").is_empty());
    assert!(!after.text().contains("**i"), "not even the end of the name");
    assert_ne!(rows(&before, "payers")[0]["phone_index"], rows(&after, "payers")[0]["phone_index"]);
    let refund = NewRefund { out_refund_no: "late".to_owned(), amount: yuan(100), reason: "cold".to_owned() };
    let _: RefundView = fixture.merchant.post(&format!("{path}/refunds"), &refund).unwrap();
    let _: DisputeStaffView = fixture.staff.get(&format!("{case}?purpose=dispute")).unwrap();
    fixture.verify();
    // A minute later another code may be sent to this number.
    crate::database::tamper(&fixture.server, "UPDATE phone_codes SET created_at = created_at - 60000000");
    let again = fixture.server.phones().register(&fixture.anybody, &holder(PHONE)).unwrap();
    assert_ne!(again.payer_id, fixture.payer_id, "the number may open another account");
    fixture.verify();
}

/// What somebody with the database or the folder might bring back, and the check that notices.
#[test]
fn what_comes_back_after_an_erasure_is_found() {
    let mut fixture = Fixture::new();
    pay(&fixture.terminal, &fixture.open);
    let Withdrawn { payer: _, tombstone } = fixture.payer.delete("/v1/me/consent").unwrap();
    fixture.verify();
    let wrong = |check: &str| {
        let surety = std::path::Path::new(env!("CARGO_BIN_EXE_surety"));
        let told = scenario::verify(surety, fixture.server.data(), fixture.server.database());
        let told = format!("{:#}", told.unwrap_err());
        assert!(
            told.lines().any(|line| line.starts_with("WRONG") && line.contains(check)),
            "{check}: {told}"
        );
    };
    let (erased, kept) = ("nothing that was erased exists", "no face is kept without consent");
    let generation = "(SELECT max(id) FROM master_generations)";
    for (there, gone, checks) in [
        (
            "UPDATE captures SET tombstone_id = NULL, kept_for = (SELECT max(id) FROM disputes)
             WHERE tombstone_id IS NOT NULL"
                .to_owned(),
            "UPDATE captures SET tombstone_id = (SELECT max(id) FROM tombstones), kept_for = NULL
             WHERE key_wrapped IS NULL"
                .to_owned(),
            vec![erased],
        ),
        (
            format!(
                "INSERT INTO face_keys (payer_id, key_wrapped, generation, created_at)
                 SELECT id, phone_index, {generation}, 1 FROM payers"
            ),
            "DELETE FROM face_keys".to_owned(),
            vec![erased, kept],
        ),
        (
            "UPDATE captures SET kept_for = NULL WHERE kept_for IS NOT NULL".to_owned(),
            "UPDATE captures SET kept_for = (SELECT max(id) FROM disputes) WHERE key_wrapped IS NOT NULL"
                .to_owned(),
            vec![kept],
        ),
    ] {
        assert_eq!(tamper(&fixture.server, &there), 1, "{there}");
        checks.into_iter().for_each(wrong);
        assert_eq!(tamper(&fixture.server, &gone), 1, "{gone}");
        fixture.verify();
    }
    // A picture that a crash left is found, and swept at the next start.
    let capture = &only(&tombstone, ErasedKind::Capture).id;
    let picture = fixture.server.data().join("captures").join(format!("{capture}-0.sealed"));
    fs::write(&picture, b"\x02sealed").unwrap();
    wrong(erased);
    fixture.restart(None).unwrap();
    let patience = Instant::now();
    while picture.exists() {
        assert!(patience.elapsed() < Duration::from_secs(20), "the picture is still there");
        thread::sleep(Duration::from_millis(50));
    }
    fixture.verify();
}
