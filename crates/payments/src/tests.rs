#![expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]

use expect_test::{Expect, expect};
use types::{
    Amount, Currency, MerchantId, OrderId, PayerId, PaymentId, RefundId, SettlementId, Timestamp, TransferId,
};

use super::*;

mod bill;
mod import;
mod payment;
mod properties;
mod reconcile;

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn yuan(minor: i64) -> Amount {
    Amount::new(minor, Currency::CNY)
}

fn terms(authorised: Amount, fee_bps: u32) -> Terms {
    Terms {
        id: PaymentId::from_bits(1),
        order: OrderId::from_bits(2),
        merchant: MerchantId::from_bits(3),
        payer: PayerId::from_bits(4),
        authorised,
        at: second(0),
        fee_bps,
        hold: TransferId::from_bits(5),
    }
}
