//! What one payer did.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use types::GeoPoint;

use super::windows::{Span, Windows};
use super::{Name, Row, Seconds, Spending};

/// Amounts that a habit is told from.
const AMOUNTS: usize = 32;
/// Fewer tell nothing.
const AMOUNTS_MIN: usize = 5;
/// Places whose visits are remembered.
const PLACES: usize = 64;
/// An amount so many times the usual one is out of habit.
const OUT_OF_HABIT: f64 = 3.0;
/// Payments out of habit that are at most so far apart, in seconds, belong together.
const TOGETHER: Seconds = 14 * 86_400;
/// Two places so near are one: positions are not exact.
const SAME_PLACE_KM: f64 = 1.0;
/// Two payments less apart than this are as if they were so far apart: clocks differ.
const SECONDS_MIN: f64 = 60.0;

/// A payer's payments, in so much memory and no more.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PayerHistory {
    spent: Windows,
    /// Payments out of habit.
    unusual: Windows,
    /// The first of the latest of them, each within [`TOGETHER`] of the one before, and the last.
    unusual_from: Option<(Seconds, Seconds)>,
    /// The latest amounts, oldest first.
    amounts: VecDeque<f32>,
    terminals: Visits,
    merchants: Visits,
    cities: Visits,
    first_at: Option<Seconds>,
    /// The latest payment by its own time.
    last: Option<(Seconds, GeoPoint)>,
    /// By hour of the local day.
    hours: [u16; 24],
}

impl PayerHistory {
    /// Takes a payment in.
    pub fn observe(&mut self, payment: &Spending) {
        if self.is_unusual(payment.amount) {
            self.unusual.add(payment.at, 1.0);
            let together = self.unusual_from.filter(|(_, last)| payment.at - last <= TOGETHER);
            let (first, last) = together.unwrap_or((payment.at, payment.at));
            self.unusual_from = Some((first.min(payment.at), last.max(payment.at)));
        }
        self.spent.add(payment.at, payment.amount);
        if self.amounts.len() == AMOUNTS {
            self.amounts.pop_front();
        }
        #[expect(clippy::cast_possible_truncation, reason = "a habit needs no more digits")]
        self.amounts.push_back(payment.amount as f32);
        self.terminals.observe(payment.terminal, payment.at);
        self.merchants.observe(payment.merchant, payment.at);
        self.cities.observe(payment.city, payment.at);
        self.first_at = Some(self.first_at.map_or(payment.at, |first| first.min(payment.at)));
        if self.last.is_none_or(|(at, _)| at <= payment.at) {
            self.last = Some((payment.at, payment.point));
        }
        let hour = &mut self.hours[hour(payment)];
        *hour = hour.saturating_add(1);
    }

    /// Is this far more than the payer usually spends?
    #[must_use]
    pub fn is_unusual(&self, amount: f64) -> bool {
        self.habit().is_some_and(|(median, _)| amount > OUT_OF_HABIT * median)
    }

    /// The median of the latest amounts, and their median deviation from it; `None` of too few.
    fn habit(&self) -> Option<(f64, f64)> {
        if self.amounts.len() < AMOUNTS_MIN {
            return None;
        }
        let median = |mut values: Vec<f32>| {
            let middle = values.len() / 2;
            f64::from(*values.select_nth_unstable_by(middle, f32::total_cmp).1)
        };
        let usual = median(self.amounts.iter().copied().collect());
        #[expect(clippy::cast_possible_truncation, reason = "a habit needs no more digits")]
        let deviation = median(self.amounts.iter().map(|amount| (amount - usual as f32).abs()).collect());
        Some((usual, deviation))
    }

    pub(super) fn put(&self, payment: &Spending, row: &mut Row) {
        let now = payment.at;
        let total = |span| self.spent.total(span, now);
        let [hour, day, week, month] = [Span::Hour, Span::Day, Span::Week, Span::Month].map(total);
        for total in [hour, day, week, month] {
            row.count(total.count);
        }
        for total in [day, week, month] {
            row.put(total.mean());
        }
        row.put(day.sum);
        row.put(payment.amount / month.mean());
        row.put((payment.amount - month.mean()) / month.deviation());
        let (median, deviation) = self.habit().unwrap_or((f64::NAN, f64::NAN));
        row.put(payment.amount / median);
        // 1.4826 median deviations are one standard deviation of a normal distribution.
        row.put((payment.amount - median) / (1.4826 * deviation).max(0.01 * median));
        let most = self.amounts.iter().copied().fold(f32::NAN, f32::max);
        row.put(payment.amount / f64::from(most));
        for span in [Span::Week, Span::Fortnight] {
            row.count(self.unusual.total(span, now).count);
        }
        row.put(
            f64::from(self.unusual.total(Span::Fortnight, now).count)
                / f64::from(total(Span::Fortnight).count),
        );
        let days_since = |at: Seconds| (now - at) as f64 / 86_400.0;
        let unusual = self.unusual_from.filter(|(_, last)| now - last <= TOGETHER);
        row.put(unusual.map_or(f64::NAN, |(first, _)| days_since(first)));
        row.put(unusual.map_or(f64::NAN, |(_, last)| days_since(last)));
        row.put(self.last.map_or(f64::NAN, |(at, _)| (now - at) as f64));
        row.put(self.first_at.map_or(f64::NAN, days_since));
        row.count(self.terminals.count(payment.terminal));
        row.count(self.merchants.count(payment.merchant));
        row.count(self.cities.count(payment.city));
        row.count(self.merchants.since(now - 86_400));
        row.put(f64::from(self.hours[super::payer::hour(payment)]) / self.visits());
        let (km, speed) = self.journey(payment);
        row.put(km);
        row.put(speed);
    }

    fn visits(&self) -> f64 {
        self.hours.iter().map(|count| f64::from(*count)).sum()
    }

    /// How far it is from the payment before, and how fast one would have had to be, in km and km/h.
    fn journey(&self, payment: &Spending) -> (f64, f64) {
        let Some((at, point)) = self.last else { return (f64::NAN, f64::NAN) };
        let km = point.distance_km(payment.point);
        let hours = ((payment.at - at) as f64).abs().max(SECONDS_MIN) / 3_600.0;
        (km, if km < SAME_PLACE_KM { 0.0 } else { km / hours })
    }
}

/// Which hour of the local day it is.
fn hour(payment: &Spending) -> usize {
    let local = payment.at + i64::from(payment.utc_offset);
    usize::try_from(local.rem_euclid(86_400) / 3_600).expect("a remainder is not negative")
}

/// How often which things were met: the latest of them, the longest unseen forgotten first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Visits(Vec<(Name, u32, Seconds)>);

impl Visits {
    pub(super) fn observe(&mut self, name: Name, at: Seconds) {
        if let Some((_, count, last)) = self.0.iter_mut().find(|(known, _, _)| *known == name) {
            *count = count.saturating_add(1);
            *last = at.max(*last);
            return;
        }
        if self.0.len() == PLACES {
            let oldest = self.0.iter().enumerate().min_by_key(|(_, (name, _, last))| (*last, *name));
            if let Some((at, _)) = oldest {
                self.0.swap_remove(at);
            }
        }
        self.0.push((name, 1, at));
    }

    pub(super) fn count(&self, name: Name) -> u32 {
        self.0.iter().find(|(known, _, _)| *known == name).map_or(0, |(_, count, _)| *count)
    }

    /// How many different ones were met after this.
    pub(super) fn since(&self, at: Seconds) -> u32 {
        u32::try_from(self.0.iter().filter(|(_, _, last)| *last > at).count()).unwrap_or(u32::MAX)
    }
}
