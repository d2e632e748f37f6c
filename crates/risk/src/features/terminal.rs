//! What happened at one terminal.

use serde::{Deserialize, Serialize};

use super::payer::Visits;
use super::windows::{Span, Windows};
use super::{Row, Seconds, Spending};

/// A terminal's payments, and what became known of them, in so much memory and no more.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TerminalHistory {
    taken: Windows,
    /// Payments far above what their payers usually spend.
    unusual: Windows,
    /// Attempts that were declined.
    declined: Windows,
    /// Payments of which it became known whether they were right, at the time when it did; 1 for a wrong one.
    judged: Windows,
    /// Wrong ones among them whose amount was within the payer's habit: what the terminal alone has to do with.
    in_habit: Windows,
    payers: Visits,
    /// Wrong ones in a row, up to the latest that was judged.
    streak: u32,
    streak_from: Option<Seconds>,
    wrong_at: Option<Seconds>,
}

impl TerminalHistory {
    /// Takes a payment in; `unusual` as [`super::PayerHistory::is_unusual`] says before it took the payment in.
    pub fn observe(&mut self, payment: &Spending, unusual: bool) {
        self.taken.add(payment.at, payment.amount);
        self.payers.observe(payment.payer, payment.at);
        if unusual {
            self.unusual.add(payment.at, 1.0);
        }
    }

    /// An attempt that was declined.
    pub fn decline(&mut self, at: Seconds) {
        self.declined.add(at, 1.0);
    }

    /// It became known, at `at`, whether a payment here was right; `unusual` as when it was observed.
    pub fn judge(&mut self, at: Seconds, wrong: bool, unusual: bool) {
        self.judged.add(at, f64::from(u8::from(wrong)));
        if wrong && !unusual {
            self.in_habit.add(at, 1.0);
        }
        if wrong {
            self.streak_from.get_or_insert(at);
            (self.streak, self.wrong_at) = (self.streak.saturating_add(1), Some(at));
        } else {
            (self.streak, self.streak_from) = (0, None);
        }
    }

    pub(super) fn put(&self, payment: &Spending, row: &mut Row) {
        let now = payment.at;
        let total = |span| self.taken.total(span, now);
        for span in [Span::Hour, Span::Day, Span::Week, Span::Month] {
            row.count(total(span).count);
        }
        row.put(payment.amount / total(Span::Month).mean());
        row.count(self.unusual.total(Span::Week, now).count);
        row.count(self.declined.total(Span::Day, now).count);
        row.count(self.payers.since(now - 86_400));
        for span in [Span::Day, Span::Week, Span::Month] {
            row.put(self.judged.total(span, now).sum);
        }
        for span in [Span::Day, Span::Week, Span::Month] {
            row.put(self.judged.total(span, now).mean());
        }
        for span in [Span::Day, Span::Week, Span::Month] {
            row.count(self.in_habit.total(span, now).count);
        }
        row.count(self.streak);
        row.put(self.streak_from.map_or(f64::NAN, |at| (now - at) as f64 / 86_400.0));
        row.put(self.wrong_at.map_or(f64::NAN, |at| (now - at) as f64 / 86_400.0));
    }
}
