//! One script per refusal and per rule, read as text.

use super::*;

/// `500` is in yuan's minor units, `500eur` in euros'.
fn amount(word: &str) -> Amount {
    match word.strip_suffix("eur") {
        Some(digits) => Amount::new(digits.parse().unwrap(), Currency::EUR),
        None => yuan(word.parse().unwrap()),
    }
}

fn command(words: &[&str]) -> Command {
    match *words {
        ["capture", much] => Command::Capture { amount: amount(much), transfer: TransferId::from_bits(6) },
        ["capture", much, "by", id] => {
            Command::Capture { amount: amount(much), transfer: TransferId::from_bits(id.parse().unwrap()) }
        }
        ["void"] => Command::Void,
        ["expire"] => Command::Expire,
        ["reverse"] => Command::Reverse,
        ["refund", much] => Command::Refund { refund: RefundId::from_bits(7), amount: amount(much) },
        ["recover", much] => Command::Recover { amount: amount(much) },
        ["settle", with] => Command::Settle { settlement: SettlementId::from_bits(with.parse().unwrap()) },
        _ => panic!("no such command: {words:?}"),
    }
}

fn show(event: &Event) -> String {
    let charged = |charge: &Charge| {
        let Charge { pending, settled_or_receivable, fees } = charge;
        format!("pending {} settled {} fees {}", pending.minor, settled_or_receivable.minor, fees.minor)
    };
    match event {
        Event::Captured { amount, transfer: _ } => format!("captured {}", amount.minor),
        Event::Voided => "voided".to_owned(),
        Event::Expired => "expired".to_owned(),
        Event::Reversed => "reversed".to_owned(),
        Event::Refunded { refund: _, amount, charge } => {
            format!("refunded {}: {}", amount.minor, charged(charge))
        }
        Event::Recovered { amount, charge } => format!("recovered {}: {}", amount.minor, charged(charge)),
        Event::Settled { settlement: _, net, fee } => format!("settled {} fee {}", net.minor, fee.minor),
    }
}

/// Runs commands on an authorisation of 100.00 yuan that expires after 60 seconds, fee 0.38 %; separated by
/// commas. `at 60` sets the clock, `clear`, `disputed`, `compensated` the standing. Every state, event and
/// payment survives being stored.
fn check(script: &str, expected: &Expect) {
    let mut payment = Payment::authorise(terms(yuan(10_000), 38), second(60)).unwrap();
    let (mut now, mut standing, mut transcript) = (second(1), Standing::Clear, String::new());
    for line in script.split(',').map(str::trim) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["at", time] => now = second(time.parse().unwrap()),
            ["clear"] => standing = Standing::Clear,
            ["disputed"] => standing = Standing::Disputed,
            ["compensated"] => standing = Standing::Compensated,
            _ => {
                let outcome = match payment.decide(command(&words), standing, now) {
                    Ok(Some(event)) => {
                        payment.apply(&stored(&event), now);
                        assert_eq!(stored(&payment), payment);
                        assert_eq!(
                            serde_json::to_value(&payment.state).unwrap()["state"],
                            payment.state.name()
                        );
                        show(&event)
                    }
                    Ok(None) => "nothing to do".to_owned(),
                    Err(rejected) => format!("refused: {}", rejected.code()),
                };
                transcript.push_str(&format!("{line:<14} {outcome}\n"));
                continue;
            }
        }
        transcript.push_str(&format!("{line}\n"));
    }
    let net = payment.net().minor;
    transcript.push_str(&format!("= {}, net {net}\n", payment.state.name()));
    expected.assert_eq(&transcript);
}

fn stored<T: serde::Serialize + serde::de::DeserializeOwned>(value: &T) -> T {
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}

#[test]
fn captured_in_part_refunded_settled_and_refunded_with_its_fee() {
    check(
        "refund 1, capture 9000, capture 9000 by 8, capture 8999, refund 1000, settle 1, settle 1, settle 2,
         capture 9000, refund 500, refund 7501, refund 7500, refund 1",
        &expect![[r#"
            refund 1       refused: payment_not_captured
            capture 9000   captured 9000
            capture 9000 by 8 nothing to do
            capture 8999   refused: payment_already_captured
            refund 1000    refunded 1000: pending 1000 settled 0 fees 0
            settle 1       settled 8000 fee 30
            settle 1       nothing to do
            settle 2       refused: payment_already_settled
            capture 9000   nothing to do
            refund 500     refunded 500: pending 0 settled 499 fees 1
            refund 7501    refused: refund_above_paid
            refund 7500    refunded 7500: pending 0 settled 7471 fees 29
            refund 1       refused: refund_above_paid
            = settled, net 0
        "#]],
    );
}

#[test]
fn amounts_out_of_range() {
    check(
        "capture 0, capture -1, capture 10001, capture 5000eur, capture 10000, refund 0, refund -5,
         refund 10001, refund 1eur, recover 0, recover -1, recover 10001, recover 1eur",
        &expect![[r#"
            capture 0      refused: amount_not_positive
            capture -1     refused: amount_not_positive
            capture 10001  refused: amount_above_authorised
            capture 5000eur refused: currency_mixed
            capture 10000  captured 10000
            refund 0       refused: amount_not_positive
            refund -5      refused: amount_not_positive
            refund 10001   refused: refund_above_paid
            refund 1eur    refused: currency_mixed
            recover 0      refused: amount_not_positive
            recover -1     refused: amount_not_positive
            recover 10001  refused: recovery_above_paid
            recover 1eur   refused: currency_mixed
            = captured, net 10000
        "#]],
    );
}

#[test]
fn an_authorisation_ends_once() {
    check(
        "recover 1, settle 1, expire, void, void, capture 1, expire, reverse, refund 1, recover 1, settle 1",
        &expect![[r#"
            recover 1      refused: payment_not_captured
            settle 1       refused: payment_not_captured
            expire         refused: authorisation_not_expired
            void           voided
            void           nothing to do
            capture 1      refused: payment_voided
            expire         refused: payment_voided
            reverse        refused: payment_voided
            refund 1       refused: payment_voided
            recover 1      refused: payment_voided
            settle 1       refused: payment_voided
            = voided, net 0
        "#]],
    );
    check(
        "at 59, capture 0, expire, at 60, capture 1, expire, expire, capture 1, void, reverse, refund 1,
         recover 1, settle 1",
        &expect![[r#"
            at 59
            capture 0      refused: amount_not_positive
            expire         refused: authorisation_not_expired
            at 60
            capture 1      refused: authorisation_expired
            expire         expired
            expire         nothing to do
            capture 1      refused: authorisation_expired
            void           refused: authorisation_expired
            reverse        refused: authorisation_expired
            refund 1       refused: authorisation_expired
            recover 1      refused: authorisation_expired
            settle 1       refused: authorisation_expired
            = expired, net 0
        "#]],
    );
    check(
        "reverse, reverse, capture 1, void, expire, refund 1, recover 1, settle 1",
        &expect![[r#"
        reverse        reversed
        reverse        nothing to do
        capture 1      refused: payment_reversed
        void           refused: payment_reversed
        expire         refused: payment_reversed
        refund 1       refused: payment_reversed
        recover 1      refused: payment_reversed
        settle 1       refused: payment_reversed
        = reversed, net 0
    "#]],
    );
}

#[test]
fn late_authorisations_can_still_be_let_go() {
    check(
        "at 1000, void",
        &expect![[r#"
        at 1000
        void           voided
        = voided, net 0
    "#]],
    );
    check(
        "at 1000, reverse",
        &expect![[r#"
        at 1000
        reverse        reversed
        = reversed, net 0
    "#]],
    );
}

#[test]
fn reversed_whole_or_not_at_all() {
    check(
        "capture 10000, void, at 60, expire, reverse, reverse, capture 10000, settle 1",
        &expect![[r#"
        capture 10000  captured 10000
        void           refused: payment_already_captured
        at 60
        expire         refused: payment_already_captured
        reverse        reversed
        reverse        nothing to do
        capture 10000  refused: payment_reversed
        settle 1       refused: payment_reversed
        = reversed, net 0
    "#]],
    );
    check(
        "capture 10000, refund 1, reverse",
        &expect![[r#"
        capture 10000  captured 10000
        refund 1       refunded 1: pending 1 settled 0 fees 0
        reverse        refused: payment_refunded
        = captured, net 9999
    "#]],
    );
    check(
        "capture 10000, recover 1, reverse",
        &expect![[r#"
        capture 10000  captured 10000
        recover 1      recovered 1: pending 1 settled 0 fees 0
        reverse        refused: payment_recovered
        = captured, net 9999
    "#]],
    );
    check(
        "capture 10000, settle 1, reverse, void, at 60, expire, capture 1",
        &expect![[r#"
        capture 10000  captured 10000
        settle 1       settled 10000 fee 38
        reverse        refused: payment_settled
        void           refused: payment_settled
        at 60
        expire         refused: payment_already_captured
        capture 1      refused: payment_already_captured
        = settled, net 10000
    "#]],
    );
}

#[test]
fn a_dispute_stops_everything_but_recovery_and_the_clock() {
    check(
        "disputed, capture 10000, void, reverse, at 60, expire, expire",
        &expect![[r#"
        disputed
        capture 10000  refused: payment_disputed
        void           refused: payment_disputed
        reverse        refused: payment_disputed
        at 60
        expire         expired
        expire         nothing to do
        = expired, net 0
    "#]],
    );
    check(
        "capture 10000, disputed, capture 10000, reverse, refund 1, settle 1, recover 4000, clear, settle 1,
         disputed, settle 1, refund 1, recover 1000",
        &expect![[r#"
            capture 10000  captured 10000
            disputed
            capture 10000  nothing to do
            reverse        refused: payment_disputed
            refund 1       refused: payment_disputed
            settle 1       refused: payment_disputed
            recover 4000   recovered 4000: pending 4000 settled 0 fees 0
            clear
            settle 1       settled 6000 fee 23
            disputed
            settle 1       nothing to do
            refund 1       refused: payment_disputed
            recover 1000   recovered 1000: pending 0 settled 996 fees 4
            = settled, net 5000
        "#]],
    );
}

#[test]
fn the_compensated_payer_gets_nothing_a_second_time() {
    check(
        "compensated, void, reverse, capture 10000, reverse, refund 1, recover 4000, settle 1, refund 1,
         recover 6000, recover 1",
        &expect![[r#"
            compensated
            void           refused: payment_compensated
            reverse        refused: payment_compensated
            capture 10000  captured 10000
            reverse        refused: payment_compensated
            refund 1       refused: payment_compensated
            recover 4000   recovered 4000: pending 4000 settled 0 fees 0
            settle 1       settled 6000 fee 23
            refund 1       refused: payment_compensated
            recover 6000   recovered 6000: pending 0 settled 5977 fees 23
            recover 1      refused: recovery_above_paid
            = settled, net 0
        "#]],
    );
}

#[test]
fn authorisations_that_cannot_be() {
    let authorise = |amount, bps, expires| Payment::authorise(terms(amount, bps), second(expires)).map(drop);
    assert_eq!(authorise(yuan(1), 10_000, 1), Ok(()));
    assert_eq!(authorise(yuan(0), 38, 1), Err(Rejected::AmountNotPositive));
    assert_eq!(authorise(yuan(1), 10_001, 1), Err(Rejected::FeeOutOfRange));
    assert_eq!(authorise(yuan(1), 38, 0), Err(Rejected::AuthorisationExpired));
}

#[test]
fn stored_forms_are_strict() {
    let payment = Payment::authorise(terms(yuan(1), 38), second(60)).unwrap();
    let text = serde_json::to_string(&payment).unwrap();
    assert_eq!(serde_json::from_str::<Payment>(&text).unwrap(), payment);
    for (from, to) in [("\"fee_bps\"", "\"x\":1,\"fee_bps\""), ("\"expires_at\"", "\"x\":1,\"expires_at\"")] {
        let odd = text.replacen(from, to, 1);
        assert_ne!(odd, text);
        assert!(serde_json::from_str::<Payment>(&odd).is_err(), "{odd}");
    }
}

#[test]
#[should_panic(expected = "only a whole payment is reversed")]
fn events_of_another_history_panic() {
    let mut payment = Payment::authorise(terms(yuan(10), 38), second(60)).unwrap();
    payment.apply(&Event::Captured { amount: yuan(10), transfer: TransferId::from_bits(6) }, second(1));
    let charge = Charge::pending(yuan(1));
    payment.apply(&Event::Refunded { refund: RefundId::from_bits(7), amount: yuan(1), charge }, second(1));
    payment.apply(&Event::Reversed, second(1));
}

#[test]
fn fees_round_half_up() {
    let cases = [
        (0, 38, 0),
        (-5, 38, 0),
        (1, 5_000, 1),
        (1, 4_999, 0),
        (3, 5_000, 2),
        (131, 38, 0),
        (132, 38, 1),
        (10_000, 38, 38),
        (10_000, 0, 0),
        (10_000, 10_000, 10_000),
        (1, 1, 0),
        (7, 20_000, 7),
        (i64::MAX, 10_000, i64::MAX),
        (i64::MAX, 1, 922_337_203_685_478),
    ];
    for (net, bps, wanted) in cases {
        assert_eq!(fee(yuan(net), bps), yuan(wanted), "{net} at {bps}");
    }
}

#[test]
fn settled_money_first_then_debt() {
    let split = |available, wanted| {
        let (settled, debt) = split_settled(yuan(available), yuan(wanted));
        (settled.minor, debt.minor)
    };
    assert_eq!(split(10, 4), (4, 0));
    assert_eq!(split(4, 10), (4, 6));
    assert_eq!(split(0, 10), (0, 10));
    assert_eq!(split(-3, 10), (0, 10));
    assert_eq!(split(10, 0), (0, 0));
}

#[test]
fn settlements_take_fees_then_debts() {
    let split = |net, fee, owed| {
        let SettlementSplit { fees, repaid_debt, to_settled } =
            settle_split(yuan(net), yuan(fee), yuan(owed));
        (fees.minor, repaid_debt.minor, to_settled.minor)
    };
    assert_eq!(split(100, 3, 0), (3, 0, 97));
    assert_eq!(split(100, 3, 40), (3, 40, 57));
    assert_eq!(split(100, 3, 97), (3, 97, 0));
    assert_eq!(split(100, 3, 500), (3, 97, 0));
    assert_eq!(split(0, 0, 500), (0, 0, 0));
}
