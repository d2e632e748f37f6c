//! Everything that had to leave has arrived: webhooks in order per payment, and every message of every payer.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use crate::compare::about_payment;
use crate::data::Books;
use crate::kills::Round;

/// Retries come after a second at most.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn all_arrive(round: &Round) {
    wait_until_sent(&round.city.books);
    let taken = round.city.receiver.taken();
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for one in &taken {
        if let Some((payment, _order, said)) = about_payment(&one.body).filter(|_| one.place != "push") {
            told.entry(payment).or_default().push(said);
        }
    }
    for worker in &round.workers {
        for (id, payment) in &worker.journal.payments {
            let arrived = told.remove(&id.to_string()).unwrap_or_default();
            assert_eq!(arrived, payment.told, "what the shop was told of {id}, in order");
        }
    }
    assert!(told.is_empty(), "webhooks about payments that nobody knows: {told:?}");
    let text = |one: &crate::receiver::Taken| one.body["data"]["message_id"].as_str().map(str::to_owned);
    let pushed: BTreeSet<String> = taken.iter().filter_map(text).collect();
    let rows = round.city.books.rows("SELECT id FROM messages");
    let messages: BTreeSet<String> = rows.into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(pushed, messages, "every message of every payer was pushed");
}

pub(crate) fn wait_until_sent(books: &Books) {
    let began = Instant::now();
    loop {
        let waiting =
            books.rows("SELECT state, count(*) FROM outbox WHERE state <> 'delivered' GROUP BY state");
        if waiting.is_empty() {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "still in the outbox: {waiting:?}");
        thread::sleep(Duration::from_millis(100));
    }
}
