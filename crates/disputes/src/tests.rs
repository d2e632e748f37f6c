use expect_test::{Expect, expect};
use types::{
    Amount, Currency, DisputeId, MerchantId, PayerId, PaymentId, Probability, Timestamp, TransferId, UserId,
};

use super::*;

fn dispute(minor: i64) -> Dispute {
    Dispute::file(Filing {
        id: DisputeId::from_bits(1),
        payment: PaymentId::from_bits(2),
        payer: PayerId::from_bits(3),
        merchant: MerchantId::from_bits(4),
        amount: Amount::new(minor, Currency::CNY),
        by: FiledBy::Payer,
        words: String::new(),
        at: Timestamp::UNIX_EPOCH,
    })
}

/// Runs commands, one per word, and shows what each did.
fn check(minor: i64, script: &str, expected: &Expect) {
    let mut case = dispute(minor);
    let mut transcript = String::new();
    for word in script.split_whitespace() {
        let transfer = TransferId::from_bits(9);
        let settle = |authorisation_proven| Command::SettleCompensation {
            authorisation_proven,
            automatic_limit: Amount::new(500_000, Currency::CNY),
            transfer,
            by: None,
        };
        let by = UserId::from_bits(7);
        let command = match word {
            "gather" => Command::RecordEvidence,
            "ask" => Command::AskMerchant { due: Timestamp::UNIX_EPOCH },
            "accept" => Command::ReceiveStatement { stance: Stance::Accept, text: String::new() },
            "contest" => Command::ReceiveStatement { stance: Stance::Contest, text: String::new() },
            "settle" => settle(false),
            "proven" => settle(true),
            "approve" => Command::ApproveCompensation { transfer },
            "wrong" => Command::Find { finding: Finding::WrongPerson, note: String::new(), by },
            "authorised" => Command::Find { finding: Finding::AuthorisedByPayer, note: String::new(), by },
            "recover" => Command::Recover { transfer },
            "close" => Command::Close,
            other => panic!("no such command: {other}"),
        };
        let outcome = match case.decide(command) {
            Ok(Some(event)) => {
                case.apply(&event, Timestamp::UNIX_EPOCH);
                serde_json::to_value(&event).unwrap()["event"].as_str().unwrap().to_owned()
            }
            Ok(None) => "nothing to do".to_owned(),
            Err(rejected) => format!("refused: {}", rejected.code()),
        };
        transcript.push_str(&format!("{word:<10} {outcome}\n"));
    }
    expected.assert_eq(&transcript);
}

#[test]
fn paid_at_once_found_and_closed() {
    check(
        10_664,
        "settle gather ask settle settle contest contest accept close wrong recover recover close close gather",
        &expect![[r#"
            settle     refused: evidence_missing
            gather     evidence_gathered
            ask        merchant_asked
            settle     compensated
            settle     nothing to do
            contest    statement_received
            contest    nothing to do
            accept     refused: statement_already_received
            close      refused: finding_missing
            wrong      found
            recover    recovered
            recover    nothing to do
            close      closed
            close      nothing to do
            gather     refused: dispute_closed
        "#]],
    );
}

#[test]
fn above_the_limit_waits_for_a_second_person() {
    check(
        500_001,
        "gather approve settle wrong close approve approve close",
        &expect![[r#"
            gather     evidence_gathered
            approve    refused: nothing_to_approve
            settle     compensation_awaits_approval
            wrong      found
            close      refused: payer_still_owed
            approve    compensated
            approve    nothing to do
            close      closed
        "#]],
    );
}

#[test]
fn proven_authorisation_pays_nothing_but_can_turn() {
    check(
        10_664,
        "contest gather proven proven recover authorised wrong close",
        &expect![[r#"
            contest    refused: statement_not_asked
            gather     evidence_gathered
            proven     compensation_not_due
            proven     nothing to do
            recover    refused: nothing_to_recover
            authorised found
            wrong      refused: finding_already_recorded
            close      closed
        "#]],
    );
    check(
        10_664,
        "gather proven gather settle wrong close",
        &expect![[r#"
            gather     evidence_gathered
            proven     compensation_not_due
            gather     evidence_gathered
            settle     compensated
            wrong      found
            close      closed
        "#]],
    );
}

fn plain_facts() -> Facts {
    Facts {
        own_device: None,
        capture_preserved: true,
        capture_erased_at: None,
        face_erased_at: None,
        strong_factor: true,
        digits_narrowed_search: false,
        digits_attempts: 1,
        searched: 100_000,
        p_wrong_then: Probability::new(1e-9),
        p_wrong_now: Probability::new(1e-9),
        liveness: Some(0.9),
        better_match: None,
        travel: Some(Travel { distance_km: 0.3, minutes_apart: 4.0 }),
        visits_to_city: 12,
        minutes_to_report: 30_000.0,
        terminal_disputes: 0,
        merchant_stance: None,
        phone: None,
        certainty_then: None,
        certainty_now: None,
    }
}

#[test]
fn authorisation_is_proven_only_when_nothing_contradicts() {
    let proven = assess(&plain_facts());
    assert!(proven.authorisation_proven);
    assert_eq!(proven.proposed, Finding::AuthorisedByPayer);

    let far = Travel { distance_km: 1_300.0, minutes_apart: 10.0 };
    let other = BetterMatch { payer: PayerId::from_bits(8), times_more_likely: 2_400.0 };
    let doubts = [
        Facts { capture_preserved: false, ..plain_facts() },
        Facts { strong_factor: false, ..plain_facts() },
        Facts { p_wrong_now: None, ..plain_facts() },
        Facts { p_wrong_now: Probability::new(1e-3), ..plain_facts() },
        Facts { better_match: Some(other), ..plain_facts() },
        Facts { travel: Some(far), ..plain_facts() },
        Facts { merchant_stance: Some(Stance::Accept), ..plain_facts() },
    ];
    for facts in doubts {
        assert!(!assess(&facts).authorisation_proven, "{facts:?}");
    }
}

#[test]
fn proposals_follow_the_facts() {
    let far = Some(Travel { distance_km: 1_300.0, minutes_apart: 10.0 });
    let weak = Facts { strong_factor: false, ..plain_facts() };
    assert_eq!(assess(&Facts { travel: far, ..weak.clone() }).proposed, Finding::WrongPerson);
    assert_eq!(assess(&Facts { travel: far, ..plain_facts() }).proposed, Finding::AccountTakeover);
    assert_eq!(
        assess(&Facts { merchant_stance: Some(Stance::Accept), ..weak.clone() }).proposed,
        Finding::MerchantFault
    );
    assert_eq!(assess(&weak).proposed, Finding::Other);
}

const KNOWN: OwnDeviceFacts = OwnDeviceFacts {
    registered_minutes: Some(60.0 * 24.0 * 30.0),
    young: false,
    revoked: false,
    pin_recovered: false,
};

/// The records of a debit by order code: no capture, no candidates.
fn code_facts() -> Facts {
    Facts {
        own_device: Some(KNOWN),
        capture_preserved: false,
        digits_attempts: 0,
        searched: 0,
        p_wrong_then: None,
        p_wrong_now: None,
        liveness: None,
        travel: None,
        ..plain_facts()
    }
}

#[test]
fn without_a_face_pin_and_own_device_speak() {
    let proven = assess(&code_facts());
    let codes: Vec<&str> = proven.items.iter().map(|item| item.code.as_str()).collect();
    assert_eq!(codes, ["pin_on_own_device", "device_known", "no_trace", "city_habitual"]);
    assert!(proven.authorisation_proven);
    assert_eq!(proven.proposed, Finding::AuthorisedByPayer);

    let device = |own_device| Facts { own_device: Some(own_device), ..code_facts() };
    let far = Travel { distance_km: 1_300.0, minutes_apart: 10.0 };
    let takeover = [
        device(OwnDeviceFacts { registered_minutes: Some(7.0), young: true, ..KNOWN }),
        device(OwnDeviceFacts { revoked: true, ..KNOWN }),
        device(OwnDeviceFacts { pin_recovered: true, ..KNOWN }),
        Facts { travel: Some(far), ..code_facts() },
    ];
    for facts in takeover {
        let doubted = assess(&facts);
        assert!(!doubted.authorisation_proven, "{facts:?}");
        assert_eq!(doubted.proposed, Finding::AccountTakeover, "{facts:?}");
    }
    let others = [
        (device(OwnDeviceFacts { registered_minutes: None, ..KNOWN }), Finding::Other),
        (Facts { merchant_stance: Some(Stance::Accept), ..code_facts() }, Finding::MerchantFault),
        (Facts { strong_factor: false, ..code_facts() }, Finding::Other),
    ];
    for (facts, proposed) in others {
        let doubted = assess(&facts);
        assert_eq!((doubted.authorisation_proven, doubted.proposed), (false, proposed), "{facts:?}");
    }
    // Facts gathered before there were codes are about faces.
    let mut old = serde_json::to_value(plain_facts()).unwrap();
    old.as_object_mut().unwrap().remove("own_device");
    assert_eq!(serde_json::from_value::<Facts>(old).unwrap(), plain_facts());
}
