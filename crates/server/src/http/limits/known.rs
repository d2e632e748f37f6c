//! Which keys were right from which address, a little while ago.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A till that is silent for longer is charged to its address once more.
const REMEMBERED: Duration = Duration::from_secs(60 * 60);
/// Right keys are few; but one can be shown from many addresses. Beyond this they are charged to their address.
const PAIRS_MAX: usize = 200_000;

/// Pairs of address and key, as numbers of a hash.
#[derive(Default)]
pub(super) struct Known {
    last_seen: Mutex<HashMap<u64, Instant>>,
}

impl Known {
    pub(super) fn contains(&self, pair: u64) -> bool {
        self.lock().get(&pair).is_some_and(|seen| seen.elapsed() < REMEMBERED)
    }

    pub(super) fn learn(&self, pair: u64) {
        let mut last_seen = self.lock();
        if last_seen.len() < PAIRS_MAX || last_seen.contains_key(&pair) {
            last_seen.insert(pair, Instant::now());
        }
    }

    pub(super) fn forget(&self, pair: u64) {
        self.lock().remove(&pair);
    }

    pub(super) fn forget_idle(&self) {
        self.lock().retain(|_, seen| seen.elapsed() < REMEMBERED);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Instant>> {
        self.last_seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
