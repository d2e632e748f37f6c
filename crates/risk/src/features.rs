//! What is known of a payment from the payments before it, as numbers: for rules, for the model, and for whoever reads why.
//!
//! Histories are small, of fixed size, and brought forward by one event at a time; the same code runs when a payment is
//! decided and when years of them are replayed. A feature looks at the histories *before* the payment, and at the payment
//! itself. What is not known is NaN, never 0.
//!
//! Windows end now and are kept in slots: an hour in slots of five minutes, a day in hours, weeks and months in days. So a
//! window of a day covers 24 to 25 hours, one of thirty days 30 to 31. An event that comes late is put into the slot of its
//! own time, or left out if that is already gone; whether it is late changes no other slot.

mod catalogue;
mod page;
mod payer;
mod replay;
mod terminal;
mod windows;

pub use catalogue::{CATALOGUE, CATALOGUE_VERSION, Feature, Unit, index_of};
pub use page::features_page;
pub use payer::PayerHistory;
pub use replay::{Before, Event, Replay};
pub use terminal::TerminalHistory;
pub use windows::{Span, Windows};

use types::GeoPoint;

/// Seconds since 1970-01-01T00:00:00Z, as all histories count.
pub type Seconds = i64;

/// Names of things in histories: a keyed or plain hash of an id. Equal names mean the same thing.
pub type Name = u64;

/// A payment, as features see it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spending {
    /// When.
    pub at: Seconds,
    /// How far local time is ahead of UTC where it was paid, in seconds.
    pub utc_offset: i32,
    /// How much, in minor units.
    pub amount: f64,
    /// At which terminal.
    pub terminal: Name,
    /// Of which merchant.
    pub merchant: Name,
    /// In which city.
    pub city: Name,
    /// Where the terminal stands.
    pub point: GeoPoint,
    /// Who paid.
    pub payer: Name,
}

/// The features of a payment, in the order of [`CATALOGUE`].
///
/// `home` is where the payer lives, as far as that is known.
#[must_use]
pub fn features(
    payment: &Spending,
    home: Option<GeoPoint>,
    payer: &PayerHistory,
    terminal: &TerminalHistory,
) -> Vec<f32> {
    let mut row = Row(Vec::with_capacity(CATALOGUE.len()));
    let local = payment.at + i64::from(payment.utc_offset);
    let (day, second) = (local.div_euclid(86_400), local.rem_euclid(86_400));
    row.put(payment.amount);
    row.put(second as f64 / 3_600.0);
    row.yes(second < 6 * 3_600);
    // 1970-01-01 was a Thursday.
    row.yes((day + 3).rem_euclid(7) >= 5);
    row.put(home.map_or(f64::NAN, |home| home.distance_km(payment.point)));
    payer.put(payment, &mut row);
    terminal.put(payment, &mut row);
    debug_assert_eq!(row.0.len(), CATALOGUE.len(), "one number for each feature");
    row.0
}

/// Numbers in the order of the catalogue.
struct Row(Vec<f32>);

impl Row {
    #[expect(clippy::cast_possible_truncation, reason = "features are compared in 24 bits")]
    fn put(&mut self, value: f64) {
        // What cannot be computed is not known.
        let value = value as f32;
        self.0.push(if value.is_finite() { value } else { f32::NAN });
    }

    fn count(&mut self, count: u32) {
        self.put(f64::from(count));
    }

    fn yes(&mut self, yes: bool) {
        self.put(f64::from(u8::from(yes)));
    }
}

#[cfg(test)]
mod tests;
