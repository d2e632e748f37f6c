//! Payments of the past with what became known of them: what a risk model is learned from and measured on.
//!
//! They come from a CSV file of the operator's, or from a folder with the Fraud Detection Handbook's stream. Whatever else
//! they may come from gives the same rows.

use std::cmp::Reverse;
use std::path::Path;

use anyhow::{Result, ensure};
use risk::Example;
use risk::features::{Event, Replay, Seconds, Spending};
use types::GeoPoint;

mod handbook;
mod table;

pub(crate) use handbook::BEGIN as HANDBOOK_BEGIN;

/// A payment that was made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Past {
    pub(crate) payment: Spending,
    /// Where its payer lives, as far as that is known.
    pub(crate) home: Option<GeoPoint>,
    pub(crate) outcome: Option<Outcome>,
}

/// What became known of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Outcome {
    /// When.
    pub(crate) at: Seconds,
    pub(crate) wrong: bool,
}

impl Past {
    pub(crate) fn is_wrong(&self) -> bool {
        self.outcome.is_some_and(|outcome| outcome.wrong)
    }
}

/// Reads a CSV file, or a folder with the handbook's stream; in the order of payment.
pub(crate) fn read(path: &Path) -> Result<Vec<Past>> {
    let mut past = if path.is_dir() { handbook::read(path)? } else { table::read(path)? };
    ensure!(!past.is_empty(), "{} holds no payments", path.display());
    // Stable: payments of the same second stay in the order of the file.
    past.sort_by_key(|past| past.payment.at);
    Ok(past)
}

/// The features of the payments that are `wanted` by their place, each shown to `take` with it. A payment sees of others
/// only what was known before it.
pub(crate) fn features(past: &[Past], wanted: impl Fn(usize) -> bool, mut take: impl FnMut(usize, Vec<f32>)) {
    let mut judged: Vec<(Seconds, usize)> =
        past.iter().enumerate().filter_map(|(place, past)| Some((past.outcome?.at, place))).collect();
    judged.sort_unstable_by_key(|judged| Reverse(*judged));
    let mut replay = Replay::new(0);
    let mut take = |before: risk::features::Before<'_>| {
        let place = usize::try_from(before.number).expect("it was a place before it was a name");
        if wanted(place) {
            take(place, before.features());
        }
    };
    for (number, paid) in (0..).zip(past) {
        while let Some((at, place)) = judged.pop_if(|(at, _)| *at <= paid.payment.at) {
            let (terminal, wrong) = (past[place].payment.terminal, past[place].is_wrong());
            replay.tell(Event::Judged { number: place as u64, terminal, at, wrong }, &mut take);
        }
        replay.tell(Event::Paid { number, payment: paid.payment, home: paid.home }, &mut take);
    }
    replay.catch_up(&mut take);
}

/// All payments from `since` on whose outcome is known, with their features.
pub(crate) fn examples(past: &[Past], since: Seconds) -> Vec<Example> {
    let mut examples = Vec::new();
    let wanted = |place: usize| past[place].outcome.is_some() && past[place].payment.at >= since;
    features(past, wanted, |place, row| {
        examples.push(Example { at: past[place].payment.at, row, wrong: past[place].is_wrong() });
    });
    examples
}
