//! What the members of a group commit learn about its end.

use std::sync::{Condvar, Mutex, PoisonError};

use super::fault::Unavailable;

/// The end of one commit, for all whose work is in it.
#[derive(Default)]
pub(super) struct Ending {
    told: Mutex<Option<Result<(), String>>>,
    changed: Condvar,
}

impl Ending {
    /// Tells everybody.
    pub(super) fn tell(&self, result: Result<(), String>) {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        self.changed.notify_all();
    }

    /// Waits until the commit is on disk, or failed as a whole.
    pub(super) fn wait(&self) -> Result<(), Unavailable> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match told.as_ref() {
                Some(Ok(())) => return Ok(()),
                Some(Err(reason)) => return Err(Unavailable(reason.clone())),
                None => told = self.changed.wait(told).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}
