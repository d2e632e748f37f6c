//! What the operator says about the calibration: which part of the country is a cohort of its own, and how the watch
//! over the calibration works.

use serde::{Deserialize, Serialize};

use crate::PolicyError;

/// Most cohorts of a policy, as of a calibration.
const COHORTS_MAX: usize = 64;
/// Longer than any watch makes sense for.
const DAYS_MAX: u32 = 3_650;

/// A part of the population that the calibration knows by this name: those whose home region lies in a box. Nothing
/// about a person decides it but that, and it is stored nowhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CohortArea {
    /// As the calibration names it; never `default`, which is everybody outside of all boxes.
    pub name: String,
    /// Southern end, degrees of latitude, included.
    pub south: f64,
    /// Northern end, included.
    pub north: f64,
    /// Western end, degrees of longitude, included.
    pub west: f64,
    /// Eastern end, included; below the western one where the box crosses the 180th meridian.
    pub east: f64,
}

/// How live strangers' scores are watched against the calibration.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drift {
    /// A false alarm comes at most once in so many payments, on average.
    pub payments_per_false_alarm: f64,
    /// A payment is looked at so many hours after it was made; disputed until then, it is left out.
    pub after_hours: u32,
    /// Of each payer one payment in so many days counts, since the same two faces score alike each time; 0: each
    /// payment counts.
    pub payer_days: u32,
}

impl Default for Drift {
    /// Once in a million payments, after a day, one payment of each payer in 30 days.
    fn default() -> Self {
        Self { payments_per_false_alarm: 1e6, after_hours: 24, payer_days: 30 }
    }
}

impl CohortArea {
    /// Does the box hold this point, in degrees?
    #[must_use]
    pub fn holds(&self, latitude: f64, longitude: f64) -> bool {
        let across = if self.west <= self.east {
            (self.west..=self.east).contains(&longitude)
        } else {
            longitude >= self.west || longitude <= self.east
        };
        across && (self.south..=self.north).contains(&latitude)
    }

    pub(crate) fn check_all(areas: &[Self]) -> Result<(), PolicyError> {
        let sound = |area: &Self| {
            let Self { name, south, north, west, east } = area;
            let named = !name.trim().is_empty() && name != "default";
            let latitudes = -90.0 <= *south && south < north && *north <= 90.0;
            let meridians = [west, east].iter().all(|degrees| (-180.0..=180.0).contains(*degrees));
            // The two names of the 180th meridian are no box.
            named && latitudes && meridians && west.total_cmp(east).is_ne()
        };
        if areas.len() > COHORTS_MAX || !areas.iter().all(sound) {
            return Err(PolicyError::Nonsense(
                "each of at most 64 cohorts has a name, which is not `default`, south below north between -90 and 90, \
                 and a west and an east between -180 and 180 that differ",
            ));
        }
        let later = |at: usize| areas.iter().skip(at + 1);
        let twice = areas.iter().enumerate().any(|(at, area)| later(at).any(|other| other.name == area.name));
        if twice { Err(PolicyError::Nonsense("each cohort is named once")) } else { Ok(()) }
    }
}

impl Drift {
    pub(crate) fn check(self) -> Result<(), PolicyError> {
        let rare = self.payments_per_false_alarm;
        let sound = rare.is_finite()
            && rare >= 1.0
            && self.after_hours <= 24 * DAYS_MAX
            && self.payer_days <= DAYS_MAX;
        let what = "drift.payments_per_false_alarm is a number of at least 1; drift.payer_days is at most 3650, and \
                    drift.after_hours as long";
        if sound { Ok(()) } else { Err(PolicyError::Nonsense(what)) }
    }
}
