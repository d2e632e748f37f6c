//! What two people do to one payment at the same moment: one sensible outcome, and no money made or lost.

use std::collections::BTreeSet;

use api::{OrderState, OrderView, PaymentState};
use scenario::CallError;
use types::{PaymentId, RefundId};

use super::{PURSE, Shop, at_once, refused};
use crate::fixture::yuan;

const THREADS: i64 = 8;
const ROUNDS: i64 = 3;

#[track_caller]
fn is_one_of<T: std::fmt::Debug>(result: &Result<T, CallError>, codes: &[&str]) {
    let code = result.as_ref().err().and_then(CallError::code);
    assert!(code.is_some_and(|code| codes.contains(&code)), "{result:?} is none of {codes:?}");
}

#[test]
fn refunds_at_once_never_exceed_the_payment() {
    let shop = Shop::new();
    let id = shop.pay("meal", 10_000);
    let results = at_once(
        (0..THREADS)
            .map(|n| {
                let shop = &shop;
                move || shop.refund(id, &format!("r{n}"), 3_000)
            })
            .collect(),
    );
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 3);
    for result in results.iter().filter(|result| result.is_err()) {
        is_one_of(result, &["refund_above_paid"]);
    }
    assert_eq!((shop.purse(), shop.has()), (PURSE - 1_000, [1_000, 0, 0]));

    // A shop that sends one refund over eight lines.
    let id = shop.pay("tea", 2_000);
    let results = at_once((0..THREADS).map(|_| || shop.refund(id, "once", 1_500)).collect());
    let ids: BTreeSet<RefundId> = results.into_iter().map(|result| result.unwrap().refund_id).collect();
    assert_eq!(ids.len(), 1);
    assert_eq!((shop.purse(), shop.has()), (PURSE - 1_500, [1_500, 0, 0]));

    // One number for two payments: one of them has it.
    let (one, two) = (shop.pay("one", 700), shop.pay("two", 800));
    let results = at_once(
        (0..2)
            .map(|n| {
                let shop = &shop;
                move || shop.refund([one, two][n], "both", 100)
            })
            .collect(),
    );
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
    for result in results.iter().filter(|result| result.is_err()) {
        is_one_of(result, &["refund_conflict"]);
    }
    shop.verify();
}

#[test]
fn a_refund_and_not_me_at_once_pay_back_once() {
    let shop = Shop::new();
    for round in 0..ROUNDS {
        let id = shop.pay(&format!("meal {round}"), 1_000 + round);
        let (refunded, disowned) = std::thread::scope(|scope| {
            let refunding = scope.spawn(|| shop.refund(id, &format!("r{round}"), 1_000 + round));
            let disowned = shop.not_me(id);
            (refunding.join().unwrap(), disowned)
        });
        match (&refunded, &disowned) {
            (Ok(_), error @ Err(_)) => is_one_of(error, &["payment_refunded"]),
            (error @ Err(_), Ok(case)) => {
                is_one_of(error, &["payment_disputed", "payment_compensated"]);
                assert_eq!(case.amount, yuan(1_000 + round));
            }
            (refunded, disowned) => panic!("one of them, not {refunded:?} and {disowned:?}"),
        }
        assert_eq!(shop.purse(), PURSE, "the payer has it back once");
        shop.verify();
    }
}

/// Either side of the settlement: the same money ends in the same places.
#[test]
fn a_refund_during_settlement_finds_its_money() {
    let shop = Shop::new();
    shop.terms(1, 60);
    let mut settled = 0;
    for round in 0..ROUNDS {
        let number = format!("meal {round}");
        let id = shop.pay(&number, 10_000 + round);
        shop.days_pass(1);
        let (refunded, runs) = std::thread::scope(|scope| {
            let refunding = scope.spawn(|| shop.refund(id, &number, 2_500));
            let runs: Vec<_> = (0..3).map(|_| scope.spawn(|| shop.settle())).collect();
            let runs: Vec<_> = runs.into_iter().flat_map(|run| run.join().unwrap()).collect();
            (refunding.join().unwrap(), runs)
        });
        refunded.unwrap();
        let before_or_after = [yuan(10_000 + round), yuan(7_500 + round)];
        assert!(runs.iter().any(|run| before_or_after.contains(&run.net)), "{runs:?}");
        assert_eq!(shop.payment(id).state, PaymentState::Settled);
        // 0.6 % of what is left, rounded.
        settled += 7_500 + round - 45;
        assert_eq!(shop.has(), [0, settled, 0], "{runs:?}");
        shop.verify();
    }
}

#[test]
fn settlement_runs_at_once_settle_once() {
    let shop = Shop::new();
    let ids: Vec<PaymentId> = (0..4).map(|n| shop.pay(&format!("meal {n}"), 1_000 + n)).collect();
    shop.days_pass(1);
    let runs = at_once((0..THREADS).map(|_| || shop.settle()).collect());
    let found: BTreeSet<_> = runs.iter().flatten().map(|run| run.settlement_id).collect();
    assert_eq!(found.len(), 1, "{runs:?}");
    assert_eq!(shop.has(), [0, 4_006, 0]);
    for id in ids {
        assert_eq!(shop.payment(id).settlement_id.as_ref(), found.first());
    }
    let settlement = *found.first().unwrap();
    let paid = at_once(
        (0..THREADS)
            .map(|n| {
                let shop = &shop;
                move || shop.pay_out(settlement, 900 + u128::from(n.unsigned_abs()))
            })
            .collect(),
    );
    assert_eq!(paid.iter().filter(|result| result.is_ok()).count(), 1);
    for result in paid.iter().filter(|result| result.is_err()) {
        is_one_of(result, &["settlement_paid_out"]);
    }
    assert_eq!(shop.has(), [0; 3]);
    shop.verify();
}

#[test]
fn taking_and_letting_go_at_once_is_one_of_them() {
    let shop = Shop::new();
    let mut taken = 0;
    for round in 0..ROUNDS {
        let fen = 1_000 + round;
        let id = shop.authorise(&format!("room {round}"), fen);
        let (captured, voided) = std::thread::scope(|scope| {
            let capturing = scope.spawn(|| shop.capture(id, fen));
            let voided = shop.void(id);
            (capturing.join().unwrap(), voided)
        });
        match (&captured, &voided) {
            (Ok(_), error @ Err(_)) => {
                is_one_of(error, &["payment_already_captured"]);
                taken += fen;
            }
            (error @ Err(_), Ok(_)) => is_one_of(error, &["payment_voided"]),
            (captured, voided) => panic!("one of them, not {captured:?} and {voided:?}"),
        }
        assert_eq!((shop.purse(), shop.has()), (PURSE - taken, [taken, 0, 0]));
    }
    // Eight tills take eight different parts: one has it.
    let id = shop.authorise("fuel", 9_000);
    let results = at_once(
        (1..=THREADS)
            .map(|n| {
                let shop = &shop;
                move || shop.capture(id, 1_000 * n)
            })
            .collect(),
    );
    let won: Vec<_> = results.iter().flatten().map(|view| view.captured.unwrap().minor).collect();
    assert_eq!(won.len(), 1, "{results:?}");
    for result in results.iter().filter(|result| result.is_err()) {
        is_one_of(result, &["payment_already_captured"]);
    }
    assert_eq!(shop.has(), [taken + won[0], 0, 0]);
    shop.verify();
}

#[test]
fn taking_back_wins_whenever_the_money_is_taken() {
    let shop = Shop::new();
    for round in 0..ROUNDS {
        let number = format!("room {round}");
        let fen = 1_000 + round;
        let id = shop.authorise(&number, fen);
        let (captured, reversed) = std::thread::scope(|scope| {
            let capturing = scope.spawn(|| shop.capture(id, fen));
            let reversed = shop.reverse_number(&number);
            (capturing.join().unwrap(), reversed)
        });
        // Taken and then given back, or let go and then no longer to be taken.
        if captured.is_err() {
            is_one_of(&captured, &["payment_reversed"]);
        }
        assert_eq!(reversed.unwrap().order.unwrap().state, OrderState::Reversed);
        assert_eq!(shop.payment(id).state, PaymentState::Reversed);
        assert_eq!((shop.purse(), shop.has()), (PURSE, [0; 3]));
    }
    shop.verify();
}

/// An order and the reversal of its number cross on the way: it is never left open.
#[test]
fn an_order_and_its_reversal_at_once_leave_nothing_open() {
    let shop = Shop::new();
    for round in 0..4 * ROUNDS {
        let number = format!("crossing {round}");
        let order = shop.new_order(&number, 1_000, api::CaptureMode::Automatic);
        let (created, reversed) = std::thread::scope(|scope| {
            let creating = scope.spawn(|| shop.merchant.post::<OrderView>("/v1/orders", &order));
            let reversed = shop.reverse_number(&number);
            (creating.join().unwrap(), reversed)
        });
        match (created, reversed.unwrap().order) {
            (Ok(_), Some(order)) => assert_eq!(order.state, OrderState::Reversed),
            (created @ Err(_), None) => refused(created, "order_reversed"),
            (created, reversed) => panic!("{created:?} and {reversed:?}"),
        }
        refused(shop.merchant.post::<OrderView>("/v1/orders", &order), "order_reversed");
    }
    shop.verify();
}
