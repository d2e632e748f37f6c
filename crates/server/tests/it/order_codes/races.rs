//! One order, paid from several sides at the same moment: one debit.

use api::{OrderState, PaymentView};
use scenario::CallError;

use super::{PURSE, Place, pay, purse, somebody};
use crate::fixture::{Attempt, answer_all};
use crate::money::at_once;

#[track_caller]
fn won(results: &[Result<PaymentView, CallError>]) -> &PaymentView {
    let mut won = results.iter().flatten();
    let first = won.next().unwrap_or_else(|| panic!("nobody paid: {results:?}"));
    assert!(won.all(|other| other.payment_id == first.payment_id), "{results:?}");
    for error in results.iter().filter_map(|result| result.as_ref().err()) {
        assert_eq!(error.code(), Some("order_already_paid"), "{error}");
    }
    first
}

#[test]
fn one_code_is_paid_once() {
    let place = Place::new();
    // One device that sends it eight times.
    let (order, code) = place.coded("twice", 2_300);
    let results = at_once((0..8).map(|_| || pay(&place.payer, &code)).collect());
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(place.state(order), (OrderState::Paid, Some(won(&results).payment_id)));
    assert_eq!((place.purse(), place.shop.has()), (PURSE - 2_300, [2_300, 0, 0]));

    // Two people before one till.
    let (other, _) = somebody(&place.shop, 2);
    for round in 0..4 {
        let (order, code) = place.coded(&format!("both {round}"), 100 + round);
        let payers = [&place.payer, &other];
        let results = at_once(
            (0..4)
                .map(|n| {
                    let code = &code;
                    move || pay(payers[n % 2], code)
                })
                .collect(),
        );
        assert_eq!(place.state(order), (OrderState::Paid, Some(won(&results).payment_id)));
    }
    let spent = 2 * PURSE - place.purse() - purse(&other);
    assert_eq!((spent, place.shop.has()), (2_300 + 406, [2_706, 0, 0]));
    place.shop.verify();
}

/// A face at the till and the code on another's phone: whoever comes first pays, the other reads that it is paid.
#[test]
fn a_face_and_a_code_at_once_debit_one() {
    let place = Place::new();
    let mut spent = 0;
    for round in 0..6 {
        let fen = 1_000 + round;
        let attempt: Attempt = place.shop.attempt(&format!("meal {round}"), fen);
        let code = place.code(attempt.order_id).unwrap().code;
        let (face, coded) = std::thread::scope(|scope| {
            let looking = scope.spawn(|| answer_all(&place.shop.terminal, &attempt));
            if round % 2 == 0 {
                // A capture takes a while to be analysed: the code comes in the middle of it.
                std::thread::sleep(std::time::Duration::from_millis(40 * u64::try_from(round).unwrap()));
            }
            let coded = pay(&place.payer, &code);
            (looking.join().unwrap(), coded)
        });
        spent += fen;
        let (state, payment) = place.state(attempt.order_id);
        assert_eq!(state, OrderState::Paid);
        match (&face, &coded) {
            (Err(error), Ok(view)) => {
                assert_eq!(error.code(), Some("order_already_paid"), "{error}");
                assert_eq!(payment, Some(view.payment_id));
            }
            (Ok(api::Stage::Approved { payment_id, payer_name: _ }), Err(error)) => {
                assert_eq!(error.code(), Some("order_already_paid"), "{error}");
                assert_eq!(payment, Some(*payment_id));
            }
            (face, coded) => panic!("one of them, not {face:?} and {coded:?}"),
        }
        let left = place.purse() + place.shop.purse();
        assert_eq!((PURSE + crate::money::PURSE - left, place.shop.has()), (spent, [spent, 0, 0]));
    }
    place.shop.verify();
}
