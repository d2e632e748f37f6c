//! What a decision takes: features and score, from memory, one after the other on one core.

use std::time::Instant;

use anyhow::{Context as _, Result};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use risk::features::{Before, Event, Replay, Spending};
use risk::{Example, Growth, Origin, Plan, RiskModel, fit};
use types::GeoPoint;

use super::super::super::say;
use super::super::figures::{Bound, quantile, target};

const DAY: i64 = 86_400;
/// 2026-01-05T00:00:00Z.
const BEGIN: i64 = 1_767_571_200;
/// Days before anything is measured.
const DAYS: i64 = 60;
const PAYERS: u64 = 5_000;
const TERMINALS: u64 = 1_000;
/// Payments a day.
const EACH_DAY: i64 = 4_000;
/// A payment of every so many is learned from.
const LEARNED: u64 = 4;
/// Explanations that are measured.
const EXPLAINED: usize = 50;

/// What decides: histories in memory and the model. The rules are not part yet; they will read the same row here, so that
/// their time is measured with it.
struct Desk {
    replay: Replay,
    model: RiskModel,
}

impl Desk {
    fn decide(&self, payment: &Spending) -> (Vec<f32>, f64) {
        let row = self.replay.features(payment, Some(home(payment.payer)));
        let score = self.model.score(&row);
        (row, score)
    }
}

/// Microseconds.
pub(super) struct Times {
    decisions: Vec<f64>,
    explanations: Vec<f64>,
    per_second: f64,
    trees: Vec<usize>,
}

fn home(payer: u64) -> GeoPoint {
    place(payer * 7)
}

/// Somewhere within some three hundred kilometres.
fn place(number: u64) -> GeoPoint {
    let [north, east] = [number % 17, number % 23].map(|step| step as f64 / 8.0);
    GeoPoint::new(30.0 + north, 110.0 + east).expect("degrees near 30 and 110")
}

fn payment(random: &mut StdRng, at: i64) -> Spending {
    let terminal = random.random_range(0..TERMINALS);
    Spending {
        at,
        utc_offset: 8 * 3_600,
        amount: random.random_range(100.0..20_000.0),
        terminal,
        merchant: terminal / 3,
        city: terminal / 50,
        point: place(terminal),
        payer: random.random_range(0..PAYERS),
    }
}

/// Large amounts late in the day are wrong here: a slanted line, which trees come nearer to with every one, so that the
/// forests grow to their full size.
fn is_wrong(payment: &Spending) -> bool {
    let hour = (payment.at + i64::from(payment.utc_offset)).rem_euclid(DAY) as f64 / 3_600.0;
    payment.amount / 20_000.0 + hour / 24.0 > 1.7
}

/// A town with `DAYS` days behind it.
fn desk(growth: &Growth) -> Result<(Desk, StdRng)> {
    let mut random = StdRng::seed_from_u64(1);
    let mut replay = Replay::new(0);
    let mut examples: Vec<Example> = Vec::new();
    let mut take = |before: Before<'_>| {
        if before.number.is_multiple_of(LEARNED) {
            let wrong = is_wrong(before.payment);
            examples.push(Example { at: before.payment.at, row: before.features(), wrong });
        }
    };
    for number in 0..(DAYS * EACH_DAY).cast_unsigned() {
        let at = BEGIN + number.cast_signed() * DAY / EACH_DAY;
        let payment = payment(&mut random, at);
        replay.tell(Event::Paid { number, payment, home: Some(home(payment.payer)) }, &mut take);
        if is_wrong(&payment) {
            let judged = Event::Judged { number, terminal: payment.terminal, at: at + 1, wrong: true };
            replay.tell(judged, &mut take);
        }
    }
    replay.catch_up(&mut take);
    let plan = Plan { growth: *growth, ..Plan::default() };
    let [made_on, command, data] = ["never", "surety bench risk", "a made-up town"].map(str::to_owned);
    let model = fit(&examples, &plan, Origin { made_on, command, data }).context("growing the model")?;
    Ok((Desk { replay, model }, random))
}

pub(super) fn measure(growth: &Growth, count: usize) -> Result<Times> {
    let (desk, mut random) = desk(growth)?;
    let now = BEGIN + DAYS * DAY;
    let payments: Vec<Spending> = (0..count).map(|_| payment(&mut random, now)).collect();
    let (mut decisions, mut rows) = (Vec::with_capacity(count), Vec::new());
    // The first thousandth are met for the first time.
    for payment in payments.iter().take(count / 1_000).chain(&payments) {
        let started = Instant::now();
        let (row, score) = std::hint::black_box(desk.decide(payment));
        decisions.push(started.elapsed().as_secs_f64() * 1e6);
        anyhow::ensure!(score > 0.0 && score < 1.0, "a score is no probability");
        if rows.len() < EXPLAINED {
            rows.push(row);
        }
    }
    decisions.drain(..count / 1_000);
    let per_second = count as f64 / (decisions.iter().sum::<f64>() / 1e6);
    let explain = |row: &Vec<f32>| {
        let started = Instant::now();
        std::hint::black_box(desk.model.explain(row));
        started.elapsed().as_secs_f64() * 1e6
    };
    let explanations = rows.iter().map(explain).collect();
    Ok(Times { decisions, explanations, per_second, trees: desk.model.provenance().trees.clone() })
}

impl Times {
    pub(super) fn say(&self) -> Result<()> {
        let (mut decisions, mut explanations) = (self.decisions.clone(), self.explanations.clone());
        say(&format!(
            "\none core, features and a model of {:?} trees from memory; rules are not part yet: {:.0} decisions/s, p50 {:.1} \
             us, p99 {:.1} us",
            self.trees,
            self.per_second,
            quantile(&mut decisions, 0.5),
            quantile(&mut decisions, 0.99),
        ))?;
        say(&format!(
            "an explanation, where one is asked for: p50 {:.0} us",
            quantile(&mut explanations, 0.5)
        ))
    }

    pub(super) fn targets(&self) -> Result<()> {
        let mut decisions = self.decisions.clone();
        target("features and model, microseconds, p99", quantile(&mut decisions, 0.99), Bound::Below(200.0))?;
        target("features and model, decisions/s on one core", self.per_second, Bound::AtLeast(20_000.0))
    }
}
