//! Counts and sums over windows that end now, in a fixed number of slots.

use serde::{Deserialize, Serialize};

use super::Seconds;

/// How far back a window reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// An hour, to five minutes.
    Hour,
    /// A day, to the hour.
    Day,
    /// Seven days, to the day.
    Week,
    /// Fourteen days, to the day.
    Fortnight,
    /// Thirty days, to the day.
    Month,
}

/// What happened in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Total {
    /// How often.
    pub count: u32,
    /// The sum of what was added.
    pub sum: f64,
    /// The sum of its squares.
    pub squares: f64,
}

impl Total {
    /// The mean; NaN of nothing.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.sum / f64::from(self.count)
    }

    /// The standard deviation of the sample; NaN of fewer than two.
    #[must_use]
    pub fn deviation(&self) -> f64 {
        if self.count < 2 {
            return f64::NAN;
        }
        let n = f64::from(self.count);
        ((self.squares - self.sum * self.sum / n).max(0.0) / (n - 1.0)).sqrt()
    }
}

/// Numbers that were added at times, by slots of three widths.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Windows {
    minutes: Ring<13, 300>,
    hours: Ring<25, 3_600>,
    days: Ring<31, 86_400>,
}

impl Windows {
    /// Adds a number. One from before the oldest slot changes nothing in that ring.
    pub fn add(&mut self, at: Seconds, value: f64) {
        self.minutes.add(at, value);
        self.hours.add(at, value);
        self.days.add(at, value);
    }

    /// What was added in the window that ends at `now`, which includes `now`'s own slot. Later slots do not count.
    #[must_use]
    pub fn total(&self, span: Span, now: Seconds) -> Total {
        match span {
            Span::Hour => self.minutes.total(12, now),
            Span::Day => self.hours.total(24, now),
            Span::Week => self.days.total(7, now),
            Span::Fortnight => self.days.total(14, now),
            Span::Month => self.days.total(30, now),
        }
    }
}

/// The last `KEPT` slots of `WIDTH` seconds, up to the newest in which anything was added. One slot more than a window
/// has, for the one that has just begun.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Ring<const KEPT: i64, const WIDTH: i64> {
    /// The number of the newest slot: seconds since 1970 through `WIDTH`.
    newest: i64,
    /// By number, modulo their count; empty while nothing was added.
    slots: Vec<Slot>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Slot(u32, f64, f64);

impl<const KEPT: i64, const WIDTH: i64> Default for Ring<KEPT, WIDTH> {
    fn default() -> Self {
        Self { newest: i64::MIN, slots: Vec::new() }
    }
}

impl<const KEPT: i64, const WIDTH: i64> Ring<KEPT, WIDTH> {
    fn add(&mut self, at: Seconds, value: f64) {
        let slot = at.div_euclid(WIDTH);
        if self.slots.is_empty() {
            self.slots = (0..KEPT).map(|_| Slot::default()).collect();
            self.newest = slot;
        }
        if slot > self.newest {
            for passed in (self.newest + 1).max(slot - KEPT + 1)..=slot {
                *self.slot(passed) = Slot::default();
            }
            self.newest = slot;
        }
        if slot > self.newest - KEPT {
            let Slot(count, sum, squares) = self.slot(slot);
            *count = count.saturating_add(1);
            *sum += value;
            *squares += value * value;
        }
    }

    fn slot(&mut self, number: i64) -> &mut Slot {
        let at = usize::try_from(number.rem_euclid(KEPT)).expect("a remainder is not negative");
        &mut self.slots[at]
    }

    fn total(&self, slots: i64, now: Seconds) -> Total {
        let last = now.div_euclid(WIDTH);
        let mut total = Total::default();
        if self.slots.is_empty() {
            return total;
        }
        for number in (last - slots).max(self.newest - KEPT + 1)..=last.min(self.newest) {
            let at = usize::try_from(number.rem_euclid(KEPT)).expect("a remainder is not negative");
            let Slot(count, sum, squares) = self.slots[at];
            total.count = total.count.saturating_add(count);
            total.sum += sum;
            total.squares += squares;
        }
        total
    }
}
