//! What asks for more than a face: the same purchase twice, large amounts, a long day.

use api::{Check, SessionView, Stage, StepUp};

use super::{PURSE, Shop, refusal};
use crate::database::tamper;
use crate::fixture::{Attempt, PIN, answer_all, capture, pay};

/// The first thing the terminal is told.
fn look(shop: &Shop, attempt: &Attempt) -> Stage {
    let path = format!("/v1/capture-sessions/{}/capture", attempt.session.session_id);
    let view: SessionView = shop.terminal.post(&path, &capture(attempt)).unwrap();
    view.state
}

fn answer(shop: &Shop, attempt: &Attempt, check: Check, answer: &str) -> Stage {
    let path = format!("/v1/capture-sessions/{}/step-up", attempt.session.session_id);
    let step = StepUp { nonce: attempt.session.nonce.clone(), check, answer: Some(answer.to_owned()) };
    let view: SessionView = shop.terminal.post(&path, &step).unwrap();
    view.state
}

const AGAIN: Stage = Stage::AwaitingCheck { ask: Check::Pin, repeated: true };
const STRONG: Stage = Stage::AwaitingCheck { ask: Check::Pin, repeated: false };

/// Paid, or asked for no more than something weak: the face and some digits are enough.
fn is_weak(stage: &Stage) -> bool {
    match stage {
        Stage::Approved { payment_id: _, payer_name: _ } => true,
        Stage::AwaitingCheck { ask, repeated } => {
            !repeated && matches!(ask, Check::LastFour | Check::FullPhone)
        }
        Stage::AwaitingCapture | Stage::Refused { code: _, detail: _ } | Stage::Expired => false,
    }
}

#[test]
fn the_same_purchase_within_a_minute_is_asked_about() {
    let shop = Shop::new();
    shop.pay("one", 2_000);
    let second = shop.attempt("two", 2_000);
    assert_eq!(look(&shop, &second), AGAIN);
    let path = format!("/v1/capture-sessions/{}", second.session.session_id);
    let view: SessionView = shop.terminal.get(&path).unwrap();
    assert_eq!(view.state, AGAIN, "a terminal that lost the answer sees it too");
    assert_eq!(shop.purse(), PURSE - 2_000, "nobody is debited while it is asked");
    assert!(matches!(
        answer(&shop, &second, Check::Pin, PIN),
        Stage::Approved { payment_id: _, payer_name: _ }
    ));
    assert_eq!(shop.purse(), PURSE - 4_000, "meant, after all");

    let third = shop.attempt("three", 2_000);
    assert_eq!(look(&shop, &third), AGAIN);
    assert_eq!(refusal(answer(&shop, &third, Check::Pin, "000000")), "check_failed");
    // Another amount, and money that was set aside, count for themselves.
    assert!(is_weak(&look(&shop, &shop.attempt("other", 2_001))));
    let aside = shop.authorise("aside", 3_000);
    assert_eq!(look(&shop, &shop.attempt("four", 3_000)), AGAIN);
    shop.void(aside).unwrap();
    assert!(is_weak(&look(&shop, &shop.attempt("five", 3_000))), "let go: no longer paid");
    // What was given back was a mistake, and is paid anew.
    for number in ["one", "two"] {
        shop.reverse_number(number).unwrap();
    }
    assert!(is_weak(&look(&shop, &shop.attempt("six", 2_000))));
    shop.verify();
}

#[test]
fn after_a_minute_it_is_another_purchase() {
    let shop = Shop::new();
    shop.pay("one", 2_000);
    tamper(shop.server(), "UPDATE payments SET at = at - 55000000");
    assert_eq!(look(&shop, &shop.attempt("two", 2_000)), AGAIN);
    tamper(shop.server(), "UPDATE payments SET at = at - 6000000");
    assert!(is_weak(&look(&shop, &shop.attempt("three", 2_000))));
    shop.verify();
}

#[test]
fn a_large_payment_needs_a_strong_factor() {
    let shop = Shop::with_policy(&[("payment_one_factor_minor = 100000", "payment_one_factor_minor = 5000")]);
    let large = shop.attempt("large", 5_001);
    assert_eq!(look(&shop, &large), STRONG);
    assert!(matches!(
        answer(&shop, &large, Check::Pin, PIN),
        Stage::Approved { payment_id: _, payer_name: _ }
    ));
    assert!(is_weak(&look(&shop, &shop.attempt("at the bound", 5_000))));
    shop.verify();
}

#[test]
fn a_long_day_needs_a_strong_factor_and_then_ends() {
    let shop = Shop::with_policy(&[
        ("day_one_factor_minor = 100000", "day_one_factor_minor = 6000"),
        ("day_max_minor = 500000", "day_max_minor = 10000"),
    ]);
    shop.pay("one", 4_000);
    assert!(is_weak(&look(&shop, &shop.attempt("at the bound", 2_000))));
    // Set aside counts as much as taken; if the face alone sufficed it stands in the day's sum now.
    let spent = PURSE - shop.purse();
    let two = shop.attempt("two", 6_001 - spent);
    assert_eq!(look(&shop, &two), STRONG);
    answer(&shop, &two, Check::Pin, PIN);
    let spent = PURSE - shop.purse();
    assert_eq!(spent, 6_001);
    let over = |number: &str| {
        let stage = answer_all(&shop.terminal, &shop.attempt(number, 4_000)).unwrap();
        assert_eq!(refusal(stage), "over_day_limit");
    };
    over("three");
    shop.authorise("aside", 3_999);
    over("four");
    // Taken back, it was never spent.
    shop.reverse_number("one").unwrap();
    pay(&shop.terminal, &shop.attempt("five", 3_998));
    // And another day is another day.
    over("six");
    tamper(shop.server(), "UPDATE payments SET at = at - 86400000000");
    pay(&shop.terminal, &shop.attempt("seven", 4_000));
    shop.verify();
}
