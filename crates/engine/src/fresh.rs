//! What is counted about a terminal, taken for true for a minute: counting for every capture would cost more than all
//! the rest of it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use types::{SignedDuration, TerminalId, Timestamp};

/// How long a count is taken for true.
const FRESH: SignedDuration = SignedDuration::from_secs(60);

/// By terminal: when it was counted, and what.
pub(crate) struct Fresh<T>(Mutex<BTreeMap<TerminalId, (Timestamp, T)>>);

impl<T> Default for Fresh<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Fresh<T> {
    /// What was counted at most a minute ago, or is counted now.
    pub(crate) fn of(
        &self,
        (terminal, at): (TerminalId, Timestamp),
        count: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = |counted: Timestamp| counted <= at && at < counted + FRESH;
        if let Some((_, found)) = known().get(&terminal).filter(|(counted, _)| fresh(*counted)) {
            return Ok(found.clone());
        }
        let found = count()?;
        let mut known = known();
        // An investigation asks about the past, and is no reason to forget the present.
        if known.values().all(|(counted, _)| *counted <= at) {
            known.retain(|_, (counted, _)| fresh(*counted));
            known.insert(terminal, (at, found.clone()));
        }
        Ok(found)
    }
}
