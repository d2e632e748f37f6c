//! Bounded inference: as many at a time as there are lanes, the rest wait in the order they came, and not for ever.

use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A fixed set of lanes that are lent out one at a time, to whoever came first.
pub(crate) struct Lanes<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    free: Vec<T>,
    /// Who waits: the turn, then who asked first within it.
    waiting: BTreeSet<(u64, u64)>,
    /// Turns given out, and questions asked.
    turns: u64,
    asked: u64,
}

/// A place in the order. Whoever holds an earlier one gets the next free lane, however often it asks: work that has
/// begun is finished before younger work begins.
#[derive(Clone, Copy)]
pub(crate) struct Turn(u64);

/// A lane on loan. It goes back when dropped, also when its holder panics.
pub(crate) struct LaneGuard<'a, T> {
    lanes: &'a Lanes<T>,
    lane: Option<T>,
}

impl<T> Lanes<T> {
    pub(crate) fn new(lanes: Vec<T>) -> Self {
        let state = State { free: lanes, waiting: BTreeSet::new(), turns: 0, asked: 0 };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// The next place in the order.
    pub(crate) fn turn(&self) -> Turn {
        let mut state = self.lock();
        state.turns += 1;
        Turn(state.turns)
    }

    /// A lane, or `None` when none came free within `wait`.
    pub(crate) fn take(&self, turn: Turn, wait: Duration) -> Option<LaneGuard<'_, T>> {
        let start = Instant::now();
        let mut state = self.lock();
        state.asked += 1;
        let place = (turn.0, state.asked);
        state.waiting.insert(place);
        let may_not = |state: &mut State<T>| state.free.is_empty() || state.waiting.first() != Some(&place);
        let left = wait.saturating_sub(start.elapsed());
        let (mut state, _timed_out) =
            self.changed.wait_timeout_while(state, left, may_not).unwrap_or_else(PoisonError::into_inner);
        let lane = if may_not(&mut state) { None } else { state.free.pop() };
        state.waiting.remove(&place);
        // Whoever was behind may be first now, and another lane may be free.
        if !state.free.is_empty() && !state.waiting.is_empty() {
            self.changed.notify_all();
        }
        lane.map(|lane| LaneGuard { lanes: self, lane: Some(lane) })
    }

    /// The state is whole between any two operations on it, so a poisoned lock is no reason to stop.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Deref for LaneGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.lane.as_ref().expect("a loan holds its lane until it is dropped")
    }
}

impl<T> Drop for LaneGuard<'_, T> {
    fn drop(&mut self) {
        if let Some(lane) = self.lane.take() {
            self.lanes.lock().free.push(lane);
            self.lanes.changed.notify_all();
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
                        let held = lanes.take(lanes.turn(), Duration::from_secs(60)).unwrap();
                        assert!(['a', 'b'].contains(&held));
                        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::thread::yield_now();
                        now.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert!(most.load(Ordering::SeqCst) <= 2);
        assert_eq!(lanes.lock().free.len(), 2);
    }

    #[test]
    fn waiting_ends_and_a_panic_gives_the_lane_back() {
        let lanes = Lanes::new(vec![()]);
        let held = lanes.take(lanes.turn(), Duration::ZERO).unwrap();
        assert!(lanes.take(lanes.turn(), Duration::from_millis(5)).is_none());
        drop(held);
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _held = lanes.take(lanes.turn(), Duration::ZERO).unwrap();
            panic!("on purpose");
        }));
        assert!(panicked.is_err());
        assert!(lanes.take(lanes.turn(), Duration::ZERO).is_some());
    }

    #[test]
    fn nobody_is_overtaken() {
        let lanes = Lanes::new(vec![()]);
        let held = lanes.take(lanes.turn(), Duration::ZERO).unwrap();
        let turns: Vec<Turn> = (0..6).map(|_| lanes.turn()).collect();
        let served = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            // The youngest ask first, and each asks twice.
            for (at, turn) in turns.iter().enumerate().rev() {
                for _ in 0..2 {
                    let waiting = lanes.lock().waiting.len();
                    let (lanes, served) = (&lanes, &served);
                    scope.spawn(move || {
                        let _held = lanes.take(*turn, Duration::from_secs(60)).unwrap();
                        served.lock().unwrap().push(at);
                    });
                    while lanes.lock().waiting.len() == waiting {
                        std::thread::yield_now();
                    }
                }
            }
            drop(held);
        });
        assert_eq!(served.into_inner().unwrap(), [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]);
    }

    #[test]
    fn whoever_gives_up_lets_the_next_one_by() {
        let lanes = Lanes::new(vec!['a', 'b']);
        let (first, second) = (lanes.turn(), lanes.turn());
        let both = [first, first].map(|turn| lanes.take(turn, Duration::ZERO).unwrap());
        assert!(lanes.take(first, Duration::from_millis(2)).is_none());
        drop(both);
        assert!(lanes.take(second, Duration::ZERO).is_some());
        assert!(lanes.lock().waiting.is_empty());
    }
}
