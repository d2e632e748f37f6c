//! What holds whatever is tried, against the [`model`](super::model).

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use super::model::{Model, Verdict};
use super::*;

/// A command before it is known which holds there are.
#[derive(Clone, Copy, Debug)]
enum Wish {
    Move(usize, usize, Amount),
    Hold(usize, usize, Amount, i64),
    Post(usize, Amount),
    Void(usize),
    Expire(usize),
    /// A command of the past once more, with its own id.
    Again(usize),
    /// A new command under an id of the past.
    Reuse(usize, usize, usize, Amount),
}

fn wish() -> impl Strategy<Value = Wish> {
    let place = || prop_oneof![2 => Just(0_usize), 5 => 0..ACCOUNTS.len()];
    let money = || {
        let minor = prop_oneof![1 => -1..=1_i64, 30 => 1..100_i64, 1 => i64::MAX - 100..=i64::MAX];
        let currency = prop_oneof![8 => Just(Currency::CNY), 1 => Just(Currency::EUR)];
        (minor, currency).prop_map(|(minor, currency)| Amount::new(minor, currency))
    };
    let past = || 0..60_usize;
    prop_oneof![
        6 => (place(), place(), money()).prop_map(|(from, to, much)| Wish::Move(from, to, much)),
        5 => (place(), place(), money(), -1..6_i64).prop_map(|(f, t, much, time)| Wish::Hold(f, t, much, time)),
        4 => (past(), money()).prop_map(|(hold, much)| Wish::Post(hold, much)),
        1 => past().prop_map(Wish::Void),
        2 => past().prop_map(Wish::Expire),
        1 => past().prop_map(Wish::Again),
        1 => (past(), place(), place(), money()).prop_map(|(n, f, t, much)| Wish::Reuse(n, f, t, much)),
    ]
}

/// Batches, each with the seconds that pass before it.
fn history() -> impl Strategy<Value = Vec<(i64, Vec<Wish>)>> {
    let batch = prop_oneof![3 => proptest::collection::vec(wish(), 1..2), 1 => proptest::collection::vec(wish(), 2..5)];
    proptest::collection::vec((0..3_i64, batch), 0..40)
}

/// Turns a wish into a command. `past` is what was accepted, `number` a fresh id.
fn command(wish: Wish, number: u128, past: &[Command], now: Timestamp) -> Command {
    let holds: Vec<TransferId> =
        past.iter().filter(|c| matches!(c, Command::Hold { .. })).map(Command::id).collect();
    let hold = |n: usize| holds.get(n % holds.len().max(1)).copied().unwrap_or(id(number + 1));
    let old = |n: usize| past.get(n % past.len().max(1)).copied();
    let place = |n: usize| ACCOUNTS[n].1;
    match wish {
        Wish::Move(from, to, much) => Command::Move(transfer(number, place(from), place(to), much)),
        Wish::Hold(from, to, much, time) => Command::Hold {
            transfer: transfer(number, place(from), place(to), much),
            expires_at: second(now.as_second() + time),
        },
        Wish::Post(n, amount) => Command::PostHold { id: id(number), hold: hold(n), amount },
        Wish::Void(n) => Command::VoidHold { id: id(number), hold: hold(n) },
        Wish::Expire(n) => Command::ExpireHold { id: id(number), hold: hold(n) },
        Wish::Again(n) => old(n).unwrap_or(Command::VoidHold { id: id(number), hold: id(number) }),
        Wish::Reuse(n, from, to, much) => {
            let number = old(n).map_or(number, |command| command.id().to_bits());
            Command::Move(transfer(number, place(from), place(to), much))
        }
    }
}

type Accepted = Vec<(Vec<Command>, Timestamp)>;

/// Lives one history in the books and in the model, comparing them after each batch.
fn live(history: Vec<(i64, Vec<Wish>)>, seen: &mut BTreeMap<String, u32>) -> (Books, Model, Accepted) {
    let (mut books, mut model, mut accepted) = (Books::default(), Model::default(), Vec::new());
    let (mut now, mut number) = (second(0), 0);
    for (pause, wishes) in history {
        now = second(now.as_second() + pause);
        let mut past = model.log().to_vec();
        let mut batch = Vec::new();
        for wish in wishes {
            number += 1;
            let next = command(wish, number, &past, now);
            past.push(next);
            batch.push(next);
        }
        let before = books.clone();
        let outcome = books.apply(&batch, now);
        let verdict = match &outcome {
            Ok(Outcome::Applied(_)) => Verdict::Applied,
            Ok(Outcome::AlreadyApplied) => Verdict::AlreadyApplied,
            Err(_) => Verdict::Refused,
        };
        assert_eq!(verdict, model.apply(&batch, now), "{outcome:?} for {batch:?} at {now}");
        *seen.entry(name(&outcome)).or_default() += 1;
        match verdict {
            Verdict::Applied => accepted.push((batch, now)),
            Verdict::AlreadyApplied | Verdict::Refused => assert_eq!(before, books),
        }
        agree(&books, &model);
    }
    (books, model, accepted)
}

fn name(outcome: &Result<Outcome, Rejected>) -> String {
    match outcome {
        Ok(Outcome::AlreadyApplied) => "already applied".to_owned(),
        Ok(Outcome::Applied(changes)) if changes.entries.len() > 1 => "linked".to_owned(),
        Ok(Outcome::Applied(changes)) => match changes.entries[0] {
            Entry::Moved(_) => "moved",
            Entry::Held { .. } => "held",
            Entry::Posted { .. } => "posted",
            Entry::Voided { .. } => "voided",
            Entry::Expired { .. } => "expired",
        }
        .to_owned(),
        Err(rejected) => rejected.code().to_owned(),
    }
}

/// The books are what the model counts, and obey the laws on their own.
fn agree(books: &Books, model: &Model) {
    let mut sums: BTreeMap<&str, i128> = BTreeMap::new();
    for (key, balance) in &books.balances {
        let available = i128::from(balance.posted_minor) - i128::from(balance.held_minor);
        assert!(balance.held_minor >= 0);
        assert!(available >= i128::from(key.account.floor_minor()), "{key:?} {balance:?}");
        *sums.entry(key.currency.code()).or_default() += i128::from(balance.posted_minor);
    }
    assert!(sums.values().all(|sum| *sum == 0), "{sums:?}");
    for (_, account) in ACCOUNTS {
        for currency in [Currency::CNY, Currency::EUR] {
            let balance = books.balance(BalanceKey { account, currency });
            assert_eq!(i128::from(balance.posted_minor), model.posted(account, currency), "{account}");
            assert_eq!(i128::from(balance.held_minor), model.held(account, currency), "{account}");
        }
    }
    for (hold, row) in &books.holds {
        assert_eq!(model.times_closed(*hold), usize::from(row.state != HoldState::Open));
    }
    assert_eq!(books.entries.len(), model.log().len());
}

proptest! {
    /// Books and model agree on every batch, and what was accepted gives the same books when applied again:
    /// to the same books, where it changes nothing, and to empty ones.
    #[test]
    fn books_are_what_the_model_counts(history in history()) {
        let (books, _, accepted) = live(history, &mut BTreeMap::new());
        let (mut same, mut anew) = (books.clone(), Books::default());
        for (batch, at) in &accepted {
            let later = second(at.as_second() + 1_000);
            prop_assert_eq!(same.apply(batch, later), Ok(Outcome::AlreadyApplied));
            let outcome = anew.apply(batch, *at);
            prop_assert!(matches!(outcome, Ok(Outcome::Applied(_))), "{:?}", outcome);
        }
        prop_assert_eq!(&same, &books);
        prop_assert_eq!(&anew, &books);
    }

    /// Part of an accepted batch, with something new, is never applied.
    #[test]
    fn a_batch_is_not_completed_later(history in history(), cut in 0..4_usize) {
        let (mut books, _, accepted) = live(history, &mut BTreeMap::new());
        let before = books.clone();
        for (batch, at) in accepted {
            let fresh = transfer(1 << 64, Account::External, Account::Reserve, Amount::new(1, Currency::CNY));
            let mut mixed = batch;
            let cut = cut % mixed.len();
            mixed.rotate_left(cut);
            mixed.insert(cut, Command::Move(fresh));
            prop_assert_eq!(books.apply(&mixed, at), Err(Rejected::PartlyApplied));
            prop_assert_eq!(&books, &before);
        }
    }

    /// Two parties who share only the outside come to the same books, whoever goes first.
    #[test]
    fn order_of_independent_commands_does_not_matter(
        left in proptest::collection::vec(own_wish(), 0..12),
        right in proptest::collection::vec(own_wish(), 0..12),
        turns in proptest::collection::vec(any::<bool>(), 24),
    ) {
        let streams = [own_commands(&left, 3, 1), own_commands(&right, 4, 1_000)];
        let mut one_by_one = Books::default();
        let outcomes: Vec<_> = streams.iter().flatten().map(|c| one_by_one.apply(&[*c], second(0)).is_ok()).collect();
        let mut mixed = Books::default();
        let mut mixed_outcomes = [Vec::new(), Vec::new()];
        let mut waiting = streams.map(|stream| stream.into_iter().peekable());
        for turn in turns {
            let side = usize::from(turn != waiting[usize::from(turn)].peek().is_none());
            if let Some(next) = waiting[side].next() {
                mixed_outcomes[side].push(mixed.apply(&[next], second(0)).is_ok());
            }
        }
        prop_assert_eq!(mixed_outcomes.concat(), outcomes);
        prop_assert_eq!(mixed, one_by_one);
    }
}

fn own_wish() -> impl Strategy<Value = (u8, usize, i64)> {
    (0..5_u8, 0..6_usize, 1..100_i64)
}

/// Commands among one payer, its merchant and the outside; `first` is the payer's place in [`ACCOUNTS`].
fn own_commands(wishes: &[(u8, usize, i64)], first: usize, number: u128) -> Vec<Command> {
    let ring = [0, first, first + 2, first, 0, first, first + 2];
    let mut past = Vec::new();
    for (n, (kind, at, minor)) in (number..).zip(wishes) {
        let (from, to, much) = (ring[*at], ring[at + 1], Amount::new(*minor, Currency::CNY));
        let wish = match kind {
            0 | 1 => Wish::Move(from, to, much),
            2 => Wish::Hold(from, to, much, 5),
            3 => Wish::Post(*at, much),
            _ => Wish::Void(*at),
        };
        past.push(command(wish, n, &past, second(0)));
    }
    past
}

/// The histories above are worth living only if they reach everything.
#[test]
fn histories_reach_every_outcome() {
    let mut runner = TestRunner::deterministic();
    let mut seen = BTreeMap::new();
    for _ in 0..400 {
        let history = history().new_tree(&mut runner).unwrap().current();
        live(history, &mut seen);
    }
    let names: Vec<&str> = seen.keys().map(String::as_str).collect();
    let expected = [
        "above_ceiling",
        "already applied",
        "amount_above_hold",
        "amount_not_positive",
        "amount_out_of_range",
        "batch_partly_applied",
        "expired",
        "held",
        "hold_closed",
        "hold_expired",
        "hold_expiry_past",
        "hold_not_expired",
        "hold_unknown",
        "insufficient_funds",
        "linked",
        "moved",
        "posted",
        "same_account",
        "transfer_id_repeated",
        "transfer_id_reused",
        "voided",
    ];
    assert_eq!(names, expected, "{seen:?}");
}
