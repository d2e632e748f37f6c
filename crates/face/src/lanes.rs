//! Bounded inference: as many at a time as there are lanes, the rest wait, and not for ever.

use std::ops::Deref;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A fixed set of lanes that are lent out one at a time.
pub(crate) struct Lanes<T> {
    free: Mutex<Vec<T>>,
    returned: Condvar,
}

/// A lane on loan. It goes back when dropped, also when its holder panics.
pub(crate) struct Held<'a, T> {
    lanes: &'a Lanes<T>,
    lane: Option<T>,
}

impl<T> Lanes<T> {
    pub(crate) fn new(lanes: Vec<T>) -> Self {
        Self { free: Mutex::new(lanes), returned: Condvar::new() }
    }

    /// A lane, or `None` when none came free within `wait`.
    pub(crate) fn take(&self, wait: Duration) -> Option<Held<'_, T>> {
        let (mut free, _timed_out) = self
            .returned
            .wait_timeout_while(self.lock(), wait, |free| free.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        let lane = free.pop()?;
        Some(Held { lanes: self, lane: Some(lane) })
    }

    /// A list of lanes is whole between any two operations on it, so a poisoned lock is no reason to stop.
    fn lock(&self) -> MutexGuard<'_, Vec<T>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Deref for Held<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.lane.as_ref().expect("a loan holds its lane until it is dropped")
    }
}

impl<T> Drop for Held<'_, T> {
    fn drop(&mut self) {
        if let Some(lane) = self.lane.take() {
            self.lanes.lock().push(lane);
            self.lanes.returned.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn never_more_than_there_are_and_none_is_lost() {
        let lanes = Lanes::new(vec!['a', 'b']);
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let held = lanes.take(Duration::from_secs(60)).unwrap();
                        assert!(['a', 'b'].contains(&held));
                        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::thread::yield_now();
                        now.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert!(most.load(Ordering::SeqCst) <= 2);
        assert_eq!(lanes.lock().len(), 2);
    }

    #[test]
    fn waiting_ends_and_a_panic_gives_the_lane_back() {
        let lanes = Lanes::new(vec![()]);
        let held = lanes.take(Duration::ZERO).unwrap();
        assert!(lanes.take(Duration::from_millis(5)).is_none());
        drop(held);
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _held = lanes.take(Duration::ZERO).unwrap();
            panic!("on purpose");
        }));
        assert!(panicked.is_err());
        assert!(lanes.take(Duration::ZERO).is_some());
    }
}
