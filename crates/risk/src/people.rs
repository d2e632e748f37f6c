//! What an operator decides about payers as people: codes to phones, devices, PINs, the young, how well one is known.

use serde::{Deserialize, Serialize};
use types::Tier;

use crate::verdict::{Case, Refusal};

/// Codes that are sent to phones. A policy from before there were any has the defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Codes {
    /// How long a code works.
    pub minutes: u32,
    /// How many wrong tries one code allows.
    pub tries: u32,
    /// Codes to one phone in a minute.
    pub per_minute: u32,
    /// Codes to one phone in an hour.
    pub per_hour: u32,
    /// Codes to one phone in a day.
    pub per_day: u32,
}

impl Default for Codes {
    fn default() -> Self {
        Self { minutes: 10, tries: 5, per_minute: 1, per_hour: 5, per_day: 10 }
    }
}

/// How text messages are sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Texts {
    /// How long to wait after each failed attempt; after the last one a text is given up. Codes are of no use later.
    pub retry_seconds: Vec<u32>,
}

impl Default for Texts {
    fn default() -> Self {
        Self { retry_seconds: vec![1, 2, 5, 10, 30, 60, 120] }
    }
}

/// A payer's own devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Devices {
    /// How long a device that joined an account is young: it switches nothing on without the PIN as well.
    pub young_hours: u32,
    /// A browser's login ends when it was not used for so long.
    pub cookie_idle_hours: u32,
    /// A browser's login ends after so long whatever happens.
    pub cookie_hours: u32,
}

impl Default for Devices {
    fn default() -> Self {
        Self { young_hours: 24, cookie_idle_hours: 30 * 24, cookie_hours: 180 * 24 }
    }
}

/// Payment PINs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pins {
    /// Wrong ones in a row after which the PIN is locked.
    pub tries: u32,
    /// For how long it is locked the first time, the second time in a row, and so on; the last entry stays.
    pub lock_minutes: Vec<u32>,
    /// How long a forgotten PIN waits before it may be replaced. Every device is told meanwhile, and may say no.
    pub recovery_hours: u32,
    /// How long after that it may be replaced.
    pub recovery_open_hours: u32,
}

impl Default for Pins {
    fn default() -> Self {
        Self { tries: 5, lock_minutes: vec![30, 120, 720, 1440], recovery_hours: 24, recovery_open_hours: 72 }
    }
}

/// What the young may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Minors {
    /// From this age on nothing here concerns anybody.
    pub adult_age: u32,
    /// Below this age face payment needs a guardian.
    pub guardian_below_age: u32,
    /// The most one payment of a minor may be, minor units.
    pub payment_max_minor: i64,
    /// The most a minor spends in a day, minor units.
    pub day_max_minor: i64,
}

impl Default for Minors {
    fn default() -> Self {
        Self { adult_age: 18, guardian_below_age: 14, payment_max_minor: 20_000, day_max_minor: 50_000 }
    }
}

/// What follows from how well a holder is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tiers {
    /// The most a holder of the basic tier spends in a day, minor units; the verified have the general limit.
    pub basic_day_max_minor: i64,
}

impl Default for Tiers {
    fn default() -> Self {
        Self { basic_day_max_minor: 100_000 }
    }
}

/// How old the holder of an account is, as far as it matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "age", rename_all = "snake_case")]
pub enum Age {
    /// Of age, or nobody asked when the account was opened.
    #[default]
    Adult,
    /// Not of age.
    Minor,
    /// So young that a guardian is needed.
    Child {
        /// Is there one, confirmed?
        guardian: bool,
    },
}

/// Who holds the candidate's account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// How old, at the moment of the debit.
    pub age: Age,
    /// How well known.
    pub tier: Tier,
}

impl Default for Holder {
    /// Decisions from before this was asked were made without it, and are replayed so.
    fn default() -> Self {
        Self { age: Age::Adult, tier: Tier::Verified }
    }
}

impl Minors {
    /// What a number of full years means here.
    #[must_use]
    pub const fn age(&self, years: u32, guardian: bool) -> Age {
        if years >= self.adult_age {
            Age::Adult
        } else if years >= self.guardian_below_age {
            Age::Minor
        } else {
            Age::Child { guardian }
        }
    }
}

/// Why this holder may not pay this, if so.
pub(crate) fn holder_refusal(policy: &crate::Policy, case: &Case) -> Option<Refusal> {
    let day = case.spent_minor.saturating_add(case.amount.minor);
    let minors = &policy.minors;
    let above = case.amount.minor > minors.payment_max_minor || day > minors.day_max_minor;
    match case.holder.age {
        // The guardian agrees to the use of a child's face; where none is used there is nothing to agree to.
        Age::Child { guardian: false } if case.face != crate::Face::NotUsed => {
            return Some(Refusal::GuardianNeeded);
        }
        Age::Child { guardian: _ } | Age::Minor if above => return Some(Refusal::MinorLimit),
        Age::Child { guardian: _ } | Age::Minor | Age::Adult => {}
    }
    match case.holder.tier {
        Tier::Basic if day > policy.tiers.basic_day_max_minor => Some(Refusal::OverDayLimit),
        Tier::Basic | Tier::Verified => None,
    }
}
