//! One rate for each of many keys.

use std::hash::{BuildHasher, Hash, RandomState};
use std::num::NonZeroU32;

use axum::http::StatusCode;
use engine::Rate;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::refused;
use crate::http::problem::Problem;

/// How many keys have a rate of their own: some 10 MB. Whoever attacks from more addresses makes them share.
const KEYS_MAX: usize = 100_000;
/// How many rates those beyond share.
const SHARED_RATES: u64 = 1_024;

/// A bucket that leaks, for each key.
pub(super) struct Table<K: Hash + Eq + Clone> {
    what: &'static str,
    own: DefaultKeyedRateLimiter<K>,
    shared: DefaultKeyedRateLimiter<u64>,
    hasher: RandomState,
    clock: DefaultClock,
}

impl<K: Hash + Eq + Clone> Table<K> {
    pub(super) fn new(what: &'static str, rate: Rate) -> Self {
        let positive = |number| NonZeroU32::new(number).expect("the policy was checked: rates are positive");
        let quota = Quota::per_minute(positive(rate.per_minute)).allow_burst(positive(rate.burst));
        Self {
            what,
            own: RateLimiter::keyed(quota),
            shared: RateLimiter::keyed(quota),
            hasher: RandomState::new(),
            clock: DefaultClock::default(),
        }
    }

    /// Counts one more request of a key.
    ///
    /// # Errors
    /// 429 with the time after which one more will do.
    pub(super) fn charge(&self, key: &K) -> Result<(), Problem> {
        let outcome = if self.own.len() < KEYS_MAX {
            self.own.check_key(key)
        } else {
            self.shared.check_key(&(self.hasher.hash_one(key) % SHARED_RATES))
        };
        outcome.map_err(|not_yet| {
            refused(self.what);
            let wait = not_yet.wait_time_from(self.clock.now());
            let seconds = (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1);
            let detail = format!(
                "too many requests of this {}; nothing was done, try again in {seconds} seconds",
                self.what
            );
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail).after(seconds)
        })
    }

    /// Forgets the keys whose rate is whole again.
    pub(super) fn forget_idle(&self) {
        self.own.retain_recent();
        self.shared.retain_recent();
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.own.len() + self.shared.len()
    }
}
