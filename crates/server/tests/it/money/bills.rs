//! The bill of a day that is over: complete, the same whenever it is asked for, and provable by its digest.

use std::collections::BTreeMap;

use api::{BillSum, BillView};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use scenario::RawCall;
use sha2::{Digest, Sha256};
use types::{SignedDuration, Timestamp};

use super::{PURSE, Shop, refused};
use crate::database::tamper;
use crate::fixture::yuan;

/// The business day of a moment and the days around it, as the bill names them. China knows no summer time.
pub(crate) fn day_of(at: Timestamp, days_later: i64) -> String {
    let local = at + SignedDuration::from_hours(8 + 24 * days_later);
    local.to_string()[..10].to_owned()
}

/// The file and the digest its header promises.
pub(crate) fn download(shop: &Shop, date: &str) -> (String, String) {
    let config = ureq::Agent::config_builder().proxy(None).build();
    let url = format!("{}/v1/merchant/bill.csv?date={date}", shop.merchant.base_url());
    let key = format!("Bearer {}", shop.merchant.key().unwrap());
    let mut response = config.new_agent().get(url).header("authorization", key).call().unwrap();
    let header = |name: &str| response.headers().get(name).unwrap().to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(header("content-disposition"), format!("attachment; filename=\"surety-bill-{date}.csv\""));
    let digest = header("repr-digest");
    (response.body_mut().read_to_string().unwrap(), digest)
}

/// The lines of one kind in the file, as number and amount.
fn lines(csv: &str) -> BTreeMap<String, Vec<(String, String)>> {
    let mut by_kind: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    let mut rows = csv.lines();
    let names: Vec<&str> = rows.next().unwrap().split(',').collect();
    let place = |name: &str| names.iter().position(|found| *found == name).unwrap();
    for row in rows.take_while(|row| !row.starts_with("totals_currency")) {
        let cells: Vec<&str> = row.split(',').collect();
        assert_eq!(cells.len(), names.len(), "{row}");
        let line = (cells[place("out_trade_no")].to_owned(), cells[place("amount")].to_owned());
        by_kind.entry(cells[place("transaction_type")].to_owned()).or_default().push(line);
    }
    by_kind
}

#[test]
fn yesterday_is_billed_whole_and_never_changes() {
    let shop = Shop::new();
    shop.terms(1, 60);
    let meal = shop.pay("meal", 10_000);
    shop.refund(meal, "r1", 2_500).unwrap();
    shop.pay("wrong", 3_300);
    shop.reverse_number("wrong").unwrap();
    let disputed = shop.pay("disputed", 4_400);
    recover(&shop, disputed);
    let room = shop.authorise("room", 7_000);
    shop.capture(room, 6_000).unwrap();
    let gone = shop.authorise("gone", 500);
    shop.void(gone).unwrap();

    let now = shop.payment(meal).at;
    let (today, yesterday) = (day_of(now, 0), day_of(now, -1));
    for early in [&today, &day_of(now, 1), "9999-12-31"] {
        for path in ["/v1/merchant/bill", "/v1/merchant/bill.csv"] {
            refused(shop.merchant.get::<BillView>(&format!("{path}?date={early}")), "bill_not_ready");
        }
    }
    let empty = bill(&shop, &yesterday);
    assert_eq!((empty.lines, empty.totals.len()), (0, 0));

    shop.days_pass(1);
    let view = bill(&shop, &yesterday);
    let [totals] = view.totals.as_slice() else { panic!("one currency") };
    let sum = |count, fen| BillSum { count, amount: yuan(fen) };
    assert_eq!((view.date.as_str(), view.lines), (yesterday.as_str(), 7));
    assert_eq!(totals.payments, sum(4, 23_700));
    assert_eq!((totals.refunds, totals.reversals), (sum(1, 2_500), sum(1, 3_300)));
    assert_eq!(totals.recoveries, sum(1, 4_400));
    // 0.6 % of the 75.00 and 60.00 that are left.
    assert_eq!((totals.fees, totals.net), (yuan(45 + 36), yuan(13_500 - 81)));
    assert_eq!(shop.has(), [13_500, 0, 0], "what the bill says is what is there");
    assert_eq!(shop.purse(), PURSE - 13_500);

    let (csv, digest) = download(&shop, &yesterday);
    let hash = Sha256::digest(csv.as_bytes());
    assert_eq!(digest, format!("sha-256=:{}:", STANDARD.encode(hash)));
    assert_eq!(view.sha256, hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    let found = lines(&csv);
    let line = |number: &str, amount: &str| (number.to_owned(), amount.to_owned());
    assert_eq!(found["refund"], [line("meal", "25.00")]);
    assert_eq!(found["reversal"], [line("wrong", "33.00")]);
    assert_eq!(found["recovery"], [line("disputed", "44.00")]);
    assert!(found["payment"].contains(&line("room", "60.00")) && found["payment"].len() == 4, "{found:?}");

    // What happens today is not in it.
    shop.settle();
    shop.refund(meal, "r2", 1_000).unwrap();
    shop.pay("today", 800);
    assert_eq!(bill(&shop, &yesterday), view);
    assert_eq!(download(&shop, &yesterday), (csv, digest));
    shop.verify();
}

fn bill(shop: &Shop, date: &str) -> BillView {
    shop.merchant.get(&format!("/v1/merchant/bill?date={date}")).unwrap()
}

/// A dispute of which the shop bears the loss.
pub(crate) fn recover(shop: &Shop, id: types::PaymentId) {
    let case = shop.not_me(id).unwrap();
    let path = format!("/v1/disputes/{}", case.dispute_id);
    let finding = api::FindingRequest { finding: "merchant_fault".to_owned(), note: "see there".to_owned() };
    let _: api::DisputeStaffView = shop.staff.post(&format!("{path}/finding"), &finding).unwrap();
    let recovery = api::Recovery { transfer_id: crate::fixture::transfer(800) };
    let _: api::DisputeStaffView = shop.staff.post(&format!("{path}/recovery"), &recovery).unwrap();
}

/// A shop sees its own bill only, and its words do not become a formula in somebody's spreadsheet.
#[test]
fn a_bill_is_its_shops_own_and_harmless() {
    let shop = Shop::new();
    let order = api::NewOrder {
        description: "=HYPERLINK(\"http://x\")".to_owned(),
        ..shop.new_order("+1", 1_200, api::CaptureMode::Automatic)
    };
    let attempt = crate::fixture::attempt_at(&shop.merchant, &shop.terminal, &order);
    let id = crate::fixture::pay(&shop.terminal, &attempt);
    let date = day_of(shop.payment(id).at, -1);
    shop.days_pass(1);
    let (csv, _) = download(&shop, &date);
    assert!(csv.contains("'=HYPERLINK") && csv.contains(",'+1,"), "{csv}");
    let (stranger, _) = shop.another("Panda Toys");
    let view: BillView = stranger.get(&format!("/v1/merchant/bill?date={date}")).unwrap();
    assert_eq!(view.lines, 0);
    for date in ["20250117", "2025-01-17T00:00:00", "2025-02-30", "-009999-01-01", "1969-12-31", "today"] {
        let path = format!("/v1/merchant/bill?date={date}");
        refused(shop.merchant.get::<BillView>(&path), "field_invalid");
        let call = RawCall { method: "GET", path: &path, content_type: None, body: &[] };
        assert_eq!(shop.terminal.send(call).unwrap().status, 403);
    }
    shop.verify();
}

/// Midnight is the shop's, not Greenwich's, and belongs to the day it begins.
#[test]
fn the_day_begins_at_midnight_in_china() {
    let shop = Shop::new();
    let (last, first) = (shop.pay("last", 1_100), shop.pay("first", 1_200));
    let (day, hours) = (86_400_000_000, 3_600_000_000);
    let at = shop.payment(first).at;
    let midnight = (at.as_microsecond() + 8 * hours) / day * day - 8 * hours;
    let moves = |id: types::PaymentId, micros: i64| {
        tamper(shop.server(), &format!("UPDATE payments SET captured_at = {micros} WHERE id = '{id}'"));
        tamper(shop.server(), &format!("UPDATE bill_lines SET at = {micros} WHERE payment_id = '{id}'"));
    };
    moves(last, midnight - 1);
    moves(first, midnight);
    let settled = shop.settle();
    assert_eq!(settled[0].settled, yuan(1_100), "due is what came before midnight: {settled:?}");
    assert_eq!((settled.len(), settled[0].date.as_str()), (1, day_of(at, 0).as_str()));

    moves(last, midnight - day - 1);
    moves(first, midnight - day);
    for (days, fen) in [(-1, 1_200), (-2, 1_100)] {
        let view = bill(&shop, &day_of(at, days));
        assert_eq!((view.lines, view.totals[0].payments.amount), (1, yuan(fen)), "{view:?}");
    }
    shop.verify();
}
