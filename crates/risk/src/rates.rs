//! How often the interface may be called: numbers of the policy, kept by whoever serves it.

use serde::{Deserialize, Serialize};

/// How often the interface may be called. A policy from before there were limits has the defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    /// From one address (an IPv6 network of 64 bits), without a key that is known to be right there.
    pub address: Rate,
    /// With one key.
    pub key: Rate,
    /// About one phone number that somebody types.
    pub phone: Rate,
    /// Answers to questions on one device: digits, PINs, codes.
    pub device: Rate,
}

/// A steady rate, and what may come at once after a silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Requests a minute in the long run.
    pub per_minute: u32,
    /// Requests at once.
    pub burst: u32,
}

impl Default for Rates {
    /// Those of the default policy.
    fn default() -> Self {
        Self {
            address: Rate { per_minute: 600, burst: 1_000 },
            key: Rate { per_minute: 30_000, burst: 2_000 },
            phone: Rate { per_minute: 2, burst: 10 },
            device: Rate { per_minute: 120, burst: 240 },
        }
    }
}

impl Rates {
    /// Whether every rate lets something through, and is a number that can be kept to.
    pub(crate) fn make_sense(&self) -> bool {
        let Self { address, key, phone, device } = self;
        [address, key, phone, device]
            .iter()
            .all(|rate| (1..=6_000_000).contains(&rate.per_minute) && (1..=1_000_000).contains(&rate.burst))
    }
}
