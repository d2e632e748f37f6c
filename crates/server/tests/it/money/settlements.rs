//! From pending to payable to the bank, and money that goes back afterwards.

use api::{PaymentState, Recovery, SettlementList, SettlementState, SettlementView};

use super::{PURSE, RESERVE, Shop, refused};
use crate::database::tamper;
use crate::fixture::{transfer, yuan};

fn only(settled: &[SettlementView]) -> &SettlementView {
    match settled {
        [one] => one,
        other => panic!("one settlement, not {other:?}"),
    }
}

#[test]
fn what_is_due_is_settled_once() {
    let shop = Shop::new();
    let free = shop.pay("before", 2_000);
    shop.terms(1, 60);
    let (first, second) = (shop.pay("one", 10_000), shop.pay("two", 5_050));
    assert!(shop.settle().is_empty(), "today's money is not due today");
    shop.days_pass(1);
    let today = shop.pay("today", 700);

    let done = shop.settle();
    let settlement = only(&done);
    // 0 of 20.00 under the old terms, 0.60 of 100.00, 0.303 of 50.50.
    assert_eq!((settlement.payments, settlement.net, settlement.fee), (3, yuan(17_050), yuan(90)));
    assert_eq!((settlement.repaid, settlement.settled), (yuan(0), yuan(16_960)));
    assert_eq!((settlement.state, settlement.left_out.len()), (SettlementState::Complete, 0));
    assert_eq!(settlement.merchant_id, shop.merchant_id);
    assert_eq!(shop.has(), [700, 16_960, 0]);
    for (id, bps) in [(free, 0), (first, 60), (second, 60)] {
        let view = shop.payment(id);
        assert_eq!((view.state, view.fee_bps), (PaymentState::Settled, bps));
        assert_eq!(view.settlement_id, Some(settlement.settlement_id));
    }
    assert_eq!(shop.payment(today).state, PaymentState::Captured);

    shop.unchanged("a second run", || assert!(shop.settle().is_empty()));
    let listed: SettlementList = shop.merchant.get("/v1/merchant/settlements").unwrap();
    assert_eq!(listed.settlements, done);
    let (stranger, _) = shop.another("Panda Toys");
    let none: SettlementList = stranger.get("/v1/merchant/settlements").unwrap();
    assert!(none.settlements.is_empty());
    shop.unchanged("what is settled", || {
        refused(shop.reverse(shop.payment(first).order_id), "payment_settled");
        refused(shop.reverse_number("one"), "payment_settled");
        refused(shop.void(first), "payment_settled");
        refused(shop.capture(first, 1), "payment_already_captured");
    });
    shop.verify();
}

#[test]
fn t_plus_three_is_three_days_later() {
    let shop = Shop::new();
    shop.terms(3, 0);
    shop.pay("meal", 3_000);
    for _ in 0..2 {
        shop.days_pass(1);
        assert!(shop.settle().is_empty(), "not due yet");
    }
    shop.days_pass(1);
    assert_eq!(only(&shop.settle()).settled, yuan(3_000));
    shop.verify();
}

/// From settled money while there is some, then from what the shop will owe; the next settlement repays it.
#[test]
fn a_refund_after_settlement_finds_its_money() {
    let shop = Shop::new();
    shop.terms(1, 60);
    let id = shop.pay("meal", 10_000);
    shop.days_pass(1);
    let settlement = only(&shop.settle()).settlement_id;
    assert_eq!(shop.has(), [0, 9_940, 0]);
    // 0.30 of the fee come back with the first half.
    shop.refund(id, "half", 5_000).unwrap();
    assert_eq!((shop.has(), shop.purse()), ([0, 4_970, 0], PURSE - 5_000));

    let paid_out = shop.pay_out(settlement, 900).unwrap();
    assert_eq!((paid_out.state, shop.has()), (SettlementState::PaidOut, [0, 0, 0]));
    shop.unchanged("a payout again", || {
        assert_eq!(shop.pay_out(settlement, 900).unwrap(), paid_out);
        refused(shop.pay_out(settlement, 901), "settlement_paid_out");
        let nobody = "stl_0192f0c1aaaa7aaaaaaaaaaaaaaaaaaa".parse().unwrap();
        refused(shop.pay_out(nobody, 902), "settlement_unknown");
    });
    shop.refund(id, "rest", 5_000).unwrap();
    assert_eq!((shop.has(), shop.purse()), ([0, 0, -4_970], PURSE), "paid out before: the shop owes it");
    shop.verify();

    shop.days_pass(1);
    shop.pay("small", 3_000);
    shop.days_pass(1);
    let small = shop.settle();
    let small = only(&small);
    assert_eq!((small.fee, small.repaid, small.settled), (yuan(18), yuan(2_982), yuan(0)));
    assert_eq!(shop.has(), [0, 0, -1_988]);
    refused(shop.pay_out(small.settlement_id, 903), "nothing_to_pay_out");
    shop.pay("large", 5_000);
    shop.days_pass(1);
    let large = shop.settle();
    assert_eq!((only(&large).repaid, only(&large).settled), (yuan(1_988), yuan(2_982)));
    assert_eq!(shop.has(), [0, 2_982, 0]);
    // An id of a movement is good for one movement.
    refused(shop.pay_out(only(&large).settlement_id, 900), "transfer_id_reused");
    shop.pay_out(only(&large).settlement_id, 904).unwrap();
    shop.verify();
}

#[test]
fn what_is_disputed_or_held_waits() {
    let shop = Shop::new();
    let (disputed, held) = (shop.pay("disputed", 3_000), shop.pay("held", 4_000));
    shop.pay("free", 5_000);
    let case = shop.not_me(disputed).unwrap();
    tamper(shop.server(), &format!("UPDATE payments SET held = 1 WHERE id = '{held}'"));
    shop.days_pass(1);
    let done = shop.settle();
    let settlement = only(&done);
    assert_eq!((settlement.payments, settlement.settled), (1, yuan(5_000)));
    let reasons: Vec<_> =
        settlement.left_out.iter().map(|out| (out.payment_id, out.amount, out.reason.as_str())).collect();
    assert_eq!(reasons, [(disputed, yuan(3_000), "dispute"), (held, yuan(4_000), "hold")]);
    assert_eq!(shop.has(), [7_000, 5_000, 0]);
    shop.verify();

    // The payer did pay, a person finds: the reserve has borne it, and the shop gets its money.
    let path = format!("/v1/disputes/{}", case.dispute_id);
    let finding =
        api::FindingRequest { finding: "authorised_by_payer".to_owned(), note: "see the records".to_owned() };
    let _: api::DisputeStaffView = shop.staff.post(&format!("{path}/finding"), &finding).unwrap();
    let _: api::DisputeStaffView = shop.staff.post_empty(&format!("{path}/close")).unwrap();
    tamper(shop.server(), "UPDATE payments SET held = 0");
    assert!(shop.settle().is_empty(), "today's settlement is complete");
    shop.days_pass(1);
    assert_eq!((only(&shop.settle()).settled, shop.has()), (yuan(7_000), [0, 12_000, 0]));
    assert_eq!(shop.purse(), PURSE - 9_000);
    shop.verify();
}

/// What the reserve paid is the shop's to bear, also when its money has left for the bank.
#[test]
fn a_recovery_after_settlement_becomes_a_debt() {
    let shop = Shop::new();
    shop.terms(1, 60);
    let id = shop.pay("meal", 10_000);
    shop.days_pass(1);
    let settlement = only(&shop.settle()).settlement_id;
    shop.pay_out(settlement, 900).unwrap();
    let case = shop.not_me(id).unwrap();
    assert_eq!((shop.purse(), shop.reserve()), (PURSE, RESERVE - 10_000), "compensated at once");
    refused(shop.refund(id, "r", 1), "payment_compensated");
    let path = format!("/v1/disputes/{}", case.dispute_id);
    let finding =
        api::FindingRequest { finding: "merchant_fault".to_owned(), note: "see the records".to_owned() };
    let _: api::DisputeStaffView = shop.staff.post(&format!("{path}/finding"), &finding).unwrap();
    let recovery = Recovery { transfer_id: transfer(800) };
    for _ in 0..2 {
        let _: api::DisputeStaffView = shop.staff.post(&format!("{path}/recovery"), &recovery).unwrap();
        assert_eq!((shop.reserve(), shop.has()), (RESERVE, [0, 0, -9_940]), "the fee came back too");
    }
    let view = shop.payment(id);
    assert_eq!((view.state, view.recovered), (PaymentState::Settled, Some(yuan(10_000))));
    shop.verify();
}
