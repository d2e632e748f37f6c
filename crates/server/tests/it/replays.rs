//! What was sent once and comes again: the same answer or a refusal, never a second effect.

use std::thread;

use api::{
    ConfirmEnrolment, DisputeStaffView, DisputeView, EnrolmentView, FindingRequest, Funding, NewOrder,
    NewPayerReply, NewSession, NewSessionReply, NotMe, OrderView, PayerView, PaymentList, Recovery,
    SessionView, Stage, StatementRequest, StatementView, StepUp,
};
use scenario::{CallError, Code, new_payer};
use types::Amount;

use crate::database::Dump;
use crate::fixture::{Attempt, Fixture, PHONE, PIN, answer_all, capture, holder, open_order, transfer, yuan};

#[track_caller]
fn refused<T>(result: Result<T, CallError>, code: &str) {
    let error = result.err().unwrap_or_else(|| panic!("went through; should be refused with {code}"));
    assert_eq!(error.code(), Some(code), "{error}");
}

#[test]
fn what_comes_again_has_no_second_effect() {
    let fixture = Fixture::new();
    let before = unchanging(&fixture);
    money_again(&fixture);
    order_again(&fixture);
    attempt_again(&fixture);
    dispute_again(&fixture);
    registration_again(&fixture);
    before.assert_same(&unchanging(&fixture), "a replay");
    fixture.assert_alive("replays");
}

fn registration_again(fixture: &Fixture) {
    // What opened the account: its code did its work.
    let codes = unchanging(fixture);
    let row: serde_json::Value = serde_json::from_str(&codes.table("phone_codes")[0]).unwrap();
    let challenge_id = row["id"].as_str().unwrap().parse().unwrap();
    let used = Code { challenge_id, code: "000000".to_owned() };
    refused(
        fixture.anybody.post::<NewPayerReply>("/v1/payers", &new_payer(&holder(PHONE), &used)),
        "code_over",
    );
}

fn money_again(fixture: &Fixture) {
    let top_ups = format!("/v1/payers/{}/top-ups", fixture.payer_id);
    let top_up = Funding { transfer_id: transfer(2), amount: yuan(50_000) };
    // 500.00 came in; 20.00 were debited and came back from the reserve.
    let balance: Amount = fixture.staff.post(&top_ups, &top_up).unwrap();
    assert_eq!(balance, yuan(50_000));
    let other = Funding { transfer_id: transfer(2), amount: yuan(50_001) };
    refused(fixture.staff.post::<Amount>(&top_ups, &other), "transfer_id_reused");
    refused(fixture.staff.post::<Amount>("/v1/reserve/fundings", &top_up), "transfer_id_reused");
}

fn order_again(fixture: &Fixture) {
    let order = open_order(fixture.terminal_id);
    let same: OrderView = fixture.merchant.post("/v1/orders", &order).unwrap();
    assert_eq!(same.order_id, fixture.open.order_id);
    let dearer = NewOrder { amount: yuan(2_501), ..order.clone() };
    refused(fixture.merchant.post::<OrderView>("/v1/orders", &dearer), "order_conflict");
    let other = NewOrder { description: "rice".to_owned(), ..order };
    refused(fixture.merchant.post::<OrderView>("/v1/orders", &other), "order_conflict");
}

fn attempt_again(fixture: &Fixture) {
    let session = NewSession { order_id: fixture.paid.order_id };
    refused(fixture.terminal.post::<NewSessionReply>("/v1/capture-sessions", &session), "order_already_paid");
    let path = format!("/v1/capture-sessions/{}", fixture.paid.session.session_id);
    let again = fixture.terminal.post::<SessionView>(&format!("{path}/capture"), &capture(&fixture.paid));
    refused(again, "capture_already_submitted");
    let nonce = fixture.paid.session.nonce.clone();
    let pin = StepUp { nonce: nonce.clone(), check: api::Check::Pin, answer: Some(PIN.to_owned()) };
    refused(fixture.terminal.post::<SessionView>(&format!("{path}/step-up"), &pin), "check_not_asked");

    // One attempt's nonce opens no other attempt.
    let path = format!("/v1/capture-sessions/{}", fixture.open.session.session_id);
    let crossed = api::Capture { nonce, ..capture(&fixture.open) };
    refused(fixture.terminal.post::<SessionView>(&format!("{path}/capture"), &crossed), "nonce_wrong");
    let early = StepUp { nonce: fixture.open.session.nonce.clone(), ..pin };
    refused(fixture.terminal.post::<SessionView>(&format!("{path}/step-up"), &early), "check_not_asked");
    // The reserve paid already: a reversal would give the money twice.
    let path = format!("/v1/orders/{}/reverse", fixture.paid.order_id);
    refused(fixture.terminal.post_empty::<OrderView>(&path), "payment_compensated");
}

fn dispute_again(fixture: &Fixture) {
    let path = format!("/v1/me/payments/{}/not-me", fixture.payment_id);
    let again = NotMe { words: "really not me".to_owned(), freeze: false };
    let same: DisputeView = fixture.payer.post(&path, &again).unwrap();
    assert_eq!(same.dispute_id, fixture.dispute_id);
    let path = format!("/v1/disputes/{}", fixture.dispute_id);
    refused(fixture.staff.post_empty::<DisputeStaffView>(&format!("{path}/close")), "finding_missing");
    // Paid already: approving it changes nothing.
    let _: DisputeStaffView = fixture.staff.post_empty(&format!("{path}/compensation")).unwrap();
}

/// What a repetition must not change. The answer shows the case again, and that look is logged.
fn unchanging(fixture: &Fixture) -> Dump {
    Dump::of(&fixture.server).but("access_log").but_notes()
}

/// From the statement to the closed case, everything twice: the second time changes nothing.
#[test]
fn a_case_goes_its_way_once() {
    let fixture = Fixture::new();
    let path = format!("/v1/disputes/{}", fixture.dispute_id);
    let twice = |what: &str, step: &dyn Fn() -> Result<(), CallError>| {
        step().unwrap_or_else(|e| panic!("{what}: {e}"));
        let before = unchanging(&fixture);
        step().unwrap_or_else(|e| panic!("{what} again: {e}"));
        before.assert_same(&unchanging(&fixture), &format!("{what} again"));
    };
    let contest = StatementRequest { stance: "contest".to_owned(), text: "it was her".to_owned() };
    twice("the statement", &|| {
        fixture.merchant.post::<StatementView>(&format!("{path}/statement"), &contest).map(drop)
    });
    let accept = StatementRequest { stance: "accept".to_owned(), ..contest };
    let answer = fixture.merchant.post::<StatementView>(&format!("{path}/statement"), &accept);
    refused(answer, "statement_already_received");

    let finding = FindingRequest { finding: "merchant_fault".to_owned(), note: "see the records".to_owned() };
    twice("the finding", &|| {
        fixture.staff.post::<DisputeStaffView>(&format!("{path}/finding"), &finding).map(drop)
    });
    let other = FindingRequest { finding: "wrong_person".to_owned(), ..finding };
    let found = fixture.staff.post::<DisputeStaffView>(&format!("{path}/finding"), &other);
    refused(found, "finding_already_recorded");

    let recovery = Recovery { transfer_id: transfer(500) };
    twice("the recovery", &|| {
        fixture.staff.post::<DisputeStaffView>(&format!("{path}/recovery"), &recovery).map(drop)
    });
    let more = Recovery { transfer_id: transfer(501) };
    refused(fixture.staff.post::<DisputeStaffView>(&format!("{path}/recovery"), &more), "nothing_to_recover");
    let reserve: Vec<Amount> = fixture.staff.get("/v1/reserve").unwrap();
    assert_eq!(reserve, [yuan(1_000_000)], "the merchant's money made the reserve whole");

    twice("closing", &|| fixture.staff.post_empty::<DisputeStaffView>(&format!("{path}/close")).map(drop));
    fixture.verify();
}

/// An enrolment's code works once, and only for its own enrolment.
#[test]
fn a_code_works_once() {
    let fixture = Fixture::new();
    let path = format!("/v1/me/enrolments/{}/confirm", fixture.enrolment_id);
    let code = ConfirmEnrolment { code: fixture.enrolment_code.clone(), pin: None, passkey: None };
    let view: EnrolmentView = fixture.payer.post(&path, &code).unwrap();
    assert!(view.confirmed);
    let before = unchanging(&fixture);
    refused(fixture.payer.post::<EnrolmentView>(&path, &code), "enrolment_over");
    before.assert_same(&unchanging(&fixture), "a used code");
}

/// A till that sends everything twice, over two lines at once: one debit.
#[test]
fn at_once_is_once() {
    let fixture = Fixture::new();
    let second: NewSessionReply = fixture
        .terminal
        .post("/v1/capture-sessions", &NewSession { order_id: fixture.open.order_id })
        .unwrap();
    let second = Attempt { order_id: fixture.open.order_id, session: second };
    let before = fixture.payer.get::<PaymentList>("/v1/me/payments").unwrap().payments.len();
    let results: Vec<Result<Stage, CallError>> = thread::scope(|scope| {
        let attempts = [&fixture.open, &second, &fixture.open, &second];
        let tries = attempts.map(|attempt| scope.spawn(|| answer_all(&fixture.terminal, attempt)));
        tries.into_iter().map(|running| running.join().unwrap()).collect()
    });
    let mut approved = 0;
    for result in &results {
        match result {
            Ok(Stage::Approved { payment_id: _, payer_name: _ }) => approved += 1,
            Ok(other) => panic!("neither approved nor refused: {other:?}"),
            Err(error) => {
                let late = ["order_already_paid", "capture_already_submitted", "check_not_asked"];
                assert!(error.code().is_some_and(|code| late.contains(&code)), "{error}");
            }
        }
    }
    assert_eq!(approved, 1, "{results:?}");
    let after = fixture.payer.get::<PaymentList>("/v1/me/payments").unwrap().payments.len();
    assert_eq!(after, before + 1);
    // Two frames a capture, and no picture that no record names.
    let captures = unchanging(&fixture).table("captures").len();
    let files = std::fs::read_dir(fixture.server.data().join("captures")).unwrap();
    let pictures =
        files.filter(|file| file.as_ref().unwrap().file_name().to_str().unwrap().starts_with("cap_"));
    assert_eq!(pictures.count(), 2 * captures);
    fixture.verify();
}

/// The shop takes the order back while the payer disowns it: the money comes back once, from one of them.
#[test]
fn a_reversal_and_not_me_at_once_pay_once() {
    let fixture = Fixture::new();
    let Stage::Approved { payment_id, payer_name: _ } = answer_all(&fixture.terminal, &fixture.open).unwrap()
    else {
        panic!("the payer pays");
    };
    let not_me = format!("/v1/me/payments/{payment_id}/not-me");
    let reverse = format!("/v1/orders/{}/reverse", fixture.open.order_id);
    let (disowned, reversed) = thread::scope(|scope| {
        let disowning = scope.spawn(|| fixture.payer.post::<DisputeView>(&not_me, &NotMe::default()));
        let reversing = scope.spawn(|| fixture.merchant.post_empty::<OrderView>(&reverse));
        (disowning.join().unwrap(), reversing.join().unwrap())
    });
    match (disowned, reversed) {
        (Ok(_), Err(error)) => {
            // Filed, or compensated already.
            let late = ["payment_disputed", "payment_compensated"];
            assert!(error.code().is_some_and(|code| late.contains(&code)), "{error}");
        }
        (Err(error), Ok(_)) => assert_eq!(error.code(), Some("payment_reversed"), "{error}"),
        (disowned, reversed) => panic!("one of them, not {disowned:?} and {reversed:?}"),
    }
    let me: PayerView = fixture.payer.get("/v1/me").unwrap();
    assert_eq!(me.balances, [yuan(50_000)], "everything is back, and no more");
    fixture.verify();
}
