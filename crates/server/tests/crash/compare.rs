//! Compares the books with what the clients were told.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use types::TransferId;

use crate::city::BEGINNING;
use crate::data::Books;
use crate::journal::{BALANCE, Journal, Lines};

/// Everything of all clients, read at once: by merchant or payer.
pub(crate) struct Snapshot {
    by_owner: BTreeMap<String, Lines>,
    reserve_in: BTreeSet<(String, i64)>,
}

impl Snapshot {
    pub(crate) fn read(books: &Books) -> Self {
        let mut found = Self { by_owner: BTreeMap::new(), reserve_in: BTreeSet::new() };
        found.read_orders(books);
        found.read_payments(books);
        found.read_money(books);
        found.read_webhooks(books);
        found
    }

    fn line(&mut self, owner: &str, about: &str, text: String) {
        let fresh =
            self.by_owner.entry(owner.to_owned()).or_default().insert((about.to_owned(), text.clone()));
        assert!(fresh, "twice in the books: {text}");
    }

    fn read_orders(&mut self, books: &Books) {
        for row in books.rows("SELECT merchant_id, out_trade_no, id, minor, state, capture FROM orders") {
            self.line(&row[0], &row[1], format!("order {} {} {} {}", row[2], row[3], row[4], row[5]));
        }
        for row in books.rows("SELECT merchant_id, out_trade_no FROM reversed_numbers") {
            self.line(&row[0], &row[1], "number reversed".to_owned());
        }
    }

    fn read_payments(&mut self, books: &Books) {
        let sql = "SELECT o.merchant_id, o.out_trade_no, p.id, p.minor,
                 CASE p.state WHEN 'settled' THEN 'captured' ELSE p.state END, p.captured_minor, p.refunded_minor
             FROM payments p JOIN orders o ON o.id = p.order_id";
        for row in books.rows(sql) {
            let text = format!("payment {} {} {} {} {}", row[2], row[3], row[4], row[5], row[6]);
            self.line(&row[0], &row[1], text);
        }
        for row in books.rows("SELECT merchant_id, out_refund_no, id, payment_id, minor FROM refunds") {
            self.line(&row[0], &row[1], format!("refund {} of {} {}", row[2], row[3], row[4]));
        }
        let paid = "SELECT purpose, minor FROM entries WHERE from_account = 'reserve'";
        let paid: Vec<_> = books.rows(paid);
        let sql = "SELECT d.merchant_id, o.out_trade_no, d.id, d.payment_id
             FROM disputes d JOIN payments p ON p.id = d.payment_id JOIN orders o ON o.id = p.order_id";
        for row in books.rows(sql) {
            let of_it = paid.iter().filter(|entry| entry[0].contains(&row[2]));
            let compensated: i64 = of_it.map(|entry| entry[1].parse::<i64>().unwrap()).sum();
            let text = format!("dispute {} of {} compensated {compensated}", row[2], row[3]);
            self.line(&row[0], &row[1], text);
        }
    }

    fn read_money(&mut self, books: &Books) {
        for row in books.rows("SELECT to_account, id, minor FROM entries WHERE from_account = 'external'") {
            match row[0].strip_prefix("payer:") {
                Some(payer) => self.line(payer, &row[1], format!("in {}", row[2])),
                None => {
                    assert_eq!(row[0], "reserve", "money comes in for payers and the reserve only");
                    self.reserve_in.insert((row[1].clone(), row[2].parse().unwrap()));
                }
            }
        }
        for row in books.rows("SELECT account, posted, held FROM balances WHERE account LIKE 'payer:%'") {
            let payer = row[0].trim_start_matches("payer:").to_owned();
            self.line(&payer, BALANCE, format!("{} posted, {} held", row[1], row[2]));
        }
    }

    /// What the outbox holds about each payment, in order.
    fn read_webhooks(&mut self, books: &Books) {
        let mut told: BTreeMap<(String, String, String), Vec<String>> = BTreeMap::new();
        let sql = "SELECT recipient, body FROM outbox WHERE recipient LIKE 'merchant:%' ORDER BY seq";
        for row in books.rows(sql) {
            let merchant = row[0].trim_start_matches("merchant:").to_owned();
            let body: Value = serde_json::from_str(&row[1]).unwrap();
            if let Some((payment, order, said)) = about_payment(&body) {
                told.entry((merchant, order, payment)).or_default().push(said);
            }
        }
        for ((merchant, order, payment), said) in told {
            self.line(&merchant, &order, format!("webhooks of {payment}: {}", said.join(" ")));
        }
    }

    /// Every answer is in the books and nothing else, but for what the unanswered request is about. Returns whether
    /// that request has left something.
    pub(crate) fn check(&self, journal: &Journal) -> bool {
        let nothing = Lines::new();
        let of = |owner: String| self.by_owner.get(&owner).unwrap_or(&nothing).iter();
        let till = &journal.till;
        let books: Lines =
            of(till.merchant_id.to_string()).chain(of(till.payer_id.to_string())).cloned().collect();
        let answers = journal.lines();
        let differing: BTreeSet<_> = books.symmetric_difference(&answers).collect();
        let unexplained: Vec<_> = differing.iter().filter(|line| !journal.in_question(&line.0)).collect();
        let marked = |line: &&&(String, String)| if books.contains(**line) { "books" } else { "answers" };
        assert!(
            unexplained.is_empty(),
            "client {}, unanswered {:?}: books and answers differ:\n{}",
            till.number,
            journal.pending,
            unexplained
                .iter()
                .map(|line| format!("only in the {}: {line:?}\n", marked(line)))
                .collect::<String>()
        );
        !differing.is_empty()
    }

    /// The reserve got every funding that was answered, and no other.
    pub(crate) fn check_reserve<'a>(&self, journals: impl Iterator<Item = &'a Journal>) {
        let beginning = (TransferId::from_bits(1).to_string(), 100 * BEGINNING);
        let mut answered = BTreeSet::from([beginning]);
        for journal in journals {
            assert!(journal.pending.is_none(), "all is resolved");
            answered.extend(journal.fundings.iter().map(|(id, minor)| (id.to_string(), *minor)));
        }
        let lost: Vec<_> = answered.difference(&self.reserve_in).collect();
        let strange: Vec<_> = self.reserve_in.difference(&answered).collect();
        assert!(
            lost.is_empty() && strange.is_empty(),
            "fundings lost: {lost:?}; never answered: {strange:?}"
        );
    }
}

/// Which payment and order a webhook is about, and what it says.
pub(crate) fn about_payment(body: &Value) -> Option<(String, String, String)> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let data = &body["data"];
    let said = match text(&data["refund"]["refund_id"]) {
        Some(refund) => format!("{}({refund})", text(&body["type"])?),
        None => text(&body["type"])?,
    };
    Some((text(&data["payment_id"])?, text(&data["out_trade_no"])?, said))
}
