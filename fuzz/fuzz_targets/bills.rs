//! A bill that a merchant or a bank sent: what is taken, agrees with itself, and survives our own bill's CSV.
#![no_main]

use libfuzzer_sys::fuzz_target;
use payments::{
    Bill, CELL_BYTES_MAX, Columns, Entry, EntryKind, Line, LineKind, Source, parse_csv, reconcile,
};
use types::{Amount, MerchantId, OrderId, PaymentId, TerminalId, Timestamp};

fuzz_target!(|file: &[u8]| {
    let own = Columns::default();
    let foreign = Columns {
        number: "no".to_owned(),
        refund_number: None,
        kind: Source::Always(EntryKind::Payment),
        amount: "sum".to_owned(),
        currency: Source::Column("cur".to_owned()),
        state: Some("state".to_owned()),
        totals: None,
    };
    for columns in [own, foreign] {
        if let Ok(entries) = parse_csv(file, &columns) {
            check(&entries);
        }
    }
});

fn check(entries: &[Entry]) {
    for entry in entries {
        assert!(!entry.number.trim().is_empty() && entry.number.len() <= CELL_BYTES_MAX, "{entry:?}");
        assert!(entry.amount.minor >= 0 && entry.state.len() <= CELL_BYTES_MAX, "{entry:?}");
    }
    let report = reconcile(entries, entries);
    let again = reconcile(entries, entries);
    assert!(report == again, "the same files give the same report");
    // One at a time, or their sum may not fit: a day's sum is bounded by what was really paid.
    for entry in entries {
        let read =
            parse_csv(bill(entry).csv().as_bytes(), &Columns::default()).expect("our own bill is read");
        let state = String::new();
        let wanted = Entry { kind: EntryKind::Payment, state, ..entry.clone() };
        assert!(read == [wanted], "{entry:?} comes back as {read:?}");
    }
}

fn bill(entry: &Entry) -> Bill {
    let (at, nobody) = (Timestamp::UNIX_EPOCH, 7);
    let line = Line {
        at,
        kind: LineKind::Payment,
        terminal: TerminalId::from_bits(nobody),
        order: OrderId::from_bits(nobody),
        out_trade_no: entry.number.clone(),
        payment: PaymentId::from_bits(nobody),
        refund: None,
        out_refund_no: None,
        amount: entry.amount,
        fee: Amount::zero(entry.amount.currency),
        description: entry.state.clone(),
        settlement: None,
    };
    let time_zone = jiff::tz::TimeZone::UTC;
    let date = at.to_zoned(time_zone.clone()).date();
    Bill { merchant: MerchantId::from_bits(nobody), date, time_zone, lines: vec![line] }
}
