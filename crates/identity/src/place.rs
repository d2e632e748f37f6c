//! Who could plausibly be in this place: the prior of each searched payer, before any face was seen.
//!
//! The prior is a mixture. The next payer at a terminal is, with fixed shares, somebody whose own device is near,
//! a customer of this terminal, of this merchant, of this city, or just anybody, in which case homes nearer by are
//! likelier. Each part is divided by its own total over everybody searched, so the priors of all sum to 1 (to less
//! where a device was seen far away or the ceiling was reached). A part with few observations gives most of its
//! share to the last one.
//!
//! A prior is a statement about chance, and a thief does not stand where he stands by chance: he may know where his
//! double buys his coffee. So habit and devices never raise a prior above a low ceiling, and a face that is only
//! similar stays insufficient even there.

use serde::{Deserialize, Serialize};

/// The shares and scales of the mixture; policy may override the defaults.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, try_from = "RawPlaceModel", into = "RawPlaceModel")]
pub struct PlaceModel {
    raw: RawPlaceModel,
}

/// What is known about one payer and this terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trace {
    /// From the payer's home region to the terminal, in kilometres; `None` counts as the farthest.
    pub home_km: Option<f64>,
    /// Where the payer's own device was last seen, if it says.
    pub device: Option<DeviceSighting>,
    /// Earlier undisputed visits in the last 90 days.
    pub visits: Visits,
}

/// The payer's own device, seen some time ago.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceSighting {
    /// From there to the terminal, in kilometres.
    pub distance_km: f64,
    /// How long ago, in minutes.
    pub minutes_ago: f64,
}

/// Counts of earlier payments. Those at the terminal are not counted again under merchant or city.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Visits {
    /// At this terminal.
    pub terminal: u32,
    /// At other terminals of this merchant.
    pub merchant: u32,
    /// At other merchants in this city.
    pub city: u32,
}

/// Totals over everybody who was searched: what a [`Trace`] is divided by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crowd {
    home: f64,
    near: f64,
    terminal: f64,
    merchant: f64,
    city: f64,
}

/// Settings of a [`PlaceModel`] that make no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// Shares below 0, or 1 and more together, which would leave nothing for unknown customers.
    #[error("shares are at least 0 and stay below 1 together")]
    Shares,
    /// A scale, floor, count or ceiling that is not finite and positive, or a floor or ceiling above 1.
    #[error("scales are finite and above 0, floors and the ceiling at most 1")]
    Scales,
}

impl Default for PlaceModel {
    fn default() -> Self {
        Self {
            raw: RawPlaceModel {
                share_device: 0.25,
                share_terminal: 0.25,
                share_merchant: 0.10,
                share_city: 0.05,
                home_scale_km: 20.0,
                home_floor: 5e-4,
                device_near_km: 0.5,
                device_speed_kmh: 200.0,
                device_floor: 1e-2,
                pseudo_devices: 3.0,
                pseudo_visits: 50.0,
                prior_max: 0.02,
            },
        }
    }
}

impl PlaceModel {
    /// How much likelier a payer with a home this far away is than at the farthest, relative to one who lives next
    /// door (1): 1 / (1 + (d / scale)^2), never below the floor. No distance counts as the farthest.
    ///
    /// Displacements of people follow power laws with a cut-off (Brockmann, Hufnagel and Geisel 2006:
    /// P(r) ~ r^-1.59; González, Hidalgo and Barabási 2008: (r + 1.5 km)^-1.75); spread over the ring of all payers
    /// at that distance this is r^-2.6 to r^-2.75 per payer. The exponent 2 is deliberately heavier.
    /// The floor, 1 in 2,000, is the order of visitors per resident from the rest of a country on one day.
    #[must_use]
    pub fn travel_weight(&self, distance_km: Option<f64>) -> f64 {
        let floor = self.raw.home_floor;
        match distance_km {
            Some(km) if km.is_finite() => (1.0 / (1.0 + (km / self.raw.home_scale_km).powi(2))).max(floor),
            Some(_) | None => floor,
        }
    }

    /// The probability that the next payer is this one, given that it is one of those searched. Above 0, at
    /// most the ceiling. Sums to at most 1 over everybody if `crowd` counted everybody.
    #[must_use]
    pub fn prior(&self, crowd: &Crowd, trace: &Trace) -> f64 {
        let m = &self.raw;
        let parts = [
            (m.share_device, self.near_weight(trace), crowd.near, m.pseudo_devices),
            (m.share_terminal, f64::from(trace.visits.terminal), crowd.terminal, m.pseudo_visits),
            (m.share_merchant, f64::from(trace.visits.merchant), crowd.merchant, m.pseudo_visits),
            (m.share_city, f64::from(trace.visits.city), crowd.city, m.pseudo_visits),
        ];
        let mut left = 1.0;
        let mut familiar = 0.0;
        for (share, own, total, pseudo) in parts {
            // A total that misses this payer would make more than the share of it.
            let whole = total.max(own) + pseudo;
            familiar += share * own / whole;
            left -= share * total.max(own) / whole;
        }
        let weight = self.travel_weight(trace.home_km);
        let anybody = left * weight / crowd.home.max(weight);
        ((familiar + anybody) * self.device_factor(trace)).clamp(f64::MIN_POSITIVE, m.prior_max)
    }

    /// How near the payer's own device is, from 1 (here, now) to 0 (no sighting, far, or long ago):
    /// 1 / (1 + (d / reach)^4), where the reach grows by a kilometre per quarter of an hour, ended after an hour.
    #[must_use]
    pub fn near_weight(&self, trace: &Trace) -> f64 {
        match trace.device {
            Some(DeviceSighting { distance_km, minutes_ago })
                if distance_km.is_finite() && (0.0..=60.0).contains(&minutes_ago) =>
            {
                let reach = self.raw.device_near_km + minutes_ago / 15.0;
                1.0 / (1.0 + (distance_km / reach).powi(4))
            }
            Some(_) | None => 0.0,
        }
    }

    /// From 1 (the device could be here by now) down to the floor (it could not: 1,300 km in ten minutes):
    /// 1 / (1 + (v / v0)^4) of the speed it would take beyond one kilometre. Never 0: people leave phones behind.
    fn device_factor(&self, trace: &Trace) -> f64 {
        let Some(DeviceSighting { distance_km, minutes_ago }) = trace.device else { return 1.0 };
        if !distance_km.is_finite() || !minutes_ago.is_finite() {
            return 1.0;
        }
        let hours = minutes_ago.max(1.0) / 60.0;
        let speed = (distance_km - 1.0).max(0.0) / hours;
        (1.0 / (1.0 + (speed / self.raw.device_speed_kmh).powi(4))).max(self.raw.device_floor)
    }
}

impl Crowd {
    /// Adds `people` who all have this trace: a home region without further traces as one group, payers with a
    /// device or visits one by one.
    pub fn add(&mut self, model: &PlaceModel, people: u64, trace: &Trace) {
        let n = people as f64;
        self.home += n * model.travel_weight(trace.home_km);
        self.near += n * model.near_weight(trace);
        self.terminal += n * f64::from(trace.visits.terminal);
        self.merchant += n * f64::from(trace.visits.merchant);
        self.city += n * f64::from(trace.visits.city);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPlaceModel {
    share_device: f64,
    share_terminal: f64,
    share_merchant: f64,
    share_city: f64,
    home_scale_km: f64,
    home_floor: f64,
    device_near_km: f64,
    device_speed_kmh: f64,
    device_floor: f64,
    pseudo_devices: f64,
    pseudo_visits: f64,
    prior_max: f64,
}

impl TryFrom<RawPlaceModel> for PlaceModel {
    type Error = PlaceError;

    fn try_from(raw: RawPlaceModel) -> Result<Self, PlaceError> {
        let shares = [raw.share_device, raw.share_terminal, raw.share_merchant, raw.share_city];
        if shares.iter().any(|s| s.is_nan() || *s < 0.0) || shares.iter().sum::<f64>() >= 1.0 {
            return Err(PlaceError::Shares);
        }
        let scales = [
            raw.home_scale_km,
            raw.home_floor,
            raw.device_near_km,
            raw.device_speed_kmh,
            raw.device_floor,
            raw.pseudo_devices,
            raw.pseudo_visits,
            raw.prior_max,
        ];
        let sound = scales.iter().all(|s| s.is_finite() && *s > 0.0);
        if !sound || raw.home_floor > 1.0 || raw.device_floor > 1.0 || raw.prior_max > 1.0 {
            return Err(PlaceError::Scales);
        }
        Ok(Self { raw })
    }
}

impl From<PlaceModel> for RawPlaceModel {
    fn from(model: PlaceModel) -> Self {
        model.raw
    }
}
