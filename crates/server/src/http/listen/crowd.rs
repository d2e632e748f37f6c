//! Who is connected, and who makes room.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// The connections of one process.
pub(super) struct Crowd {
    max: usize,
    per_address_max: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    next: u64,
    seats: BTreeMap<u64, (IpAddr, Arc<State>)>,
    by_address: BTreeMap<IpAddr, usize>,
}

/// One connection's place, until dropped.
pub(super) struct Seat<'a> {
    crowd: &'a Crowd,
    number: u64,
    state: Arc<State>,
}

/// What a connection does.
pub(super) struct State {
    now: Mutex<Doing>,
    made_room: Notify,
}

struct Doing {
    requests: usize,
    /// Whether a request ever came.
    used: bool,
    idle_since: Instant,
    has_made_room: bool,
}

/// A request at work on a connection, until dropped.
pub(super) struct AtWork(Arc<State>);

/// Why a connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// No request was at work for too long.
    Idle,
    /// Another one needed its place.
    MadeRoom,
}

impl Crowd {
    pub(super) fn new(max: usize, per_address_max: usize) -> Self {
        Self { max, per_address_max, taken: Mutex::default() }
    }

    /// A place for a connection; none when all connections that could make room are at work.
    pub(super) fn enter(&self, address: IpAddr, bounded: bool) -> Option<Seat<'_>> {
        let mut taken = self.lock();
        let here = taken.by_address.get(&address).copied().unwrap_or(0);
        if bounded && here >= self.per_address_max {
            taken.make_room(Some(address))?;
        }
        if taken.seats.len() >= self.max {
            taken.make_room(None)?;
        }
        let number = taken.next;
        taken.next += 1;
        let state = Arc::new(State {
            now: Mutex::new(Doing {
                requests: 0,
                used: false,
                idle_since: Instant::now(),
                has_made_room: false,
            }),
            made_room: Notify::new(),
        });
        taken.seats.insert(number, (address, Arc::clone(&state)));
        *taken.by_address.entry(address).or_default() += 1;
        Some(Seat { crowd: self, number, state })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// Ends the connection, of one address or of all, that never had a request, or else was idle longest.
    fn make_room(&mut self, of: Option<IpAddr>) -> Option<()> {
        let candidates = self.seats.iter().filter(|(_, (address, _))| of.is_none_or(|of| of == *address));
        let idle = candidates.filter_map(|(number, (_, state))| {
            let doing = state.lock();
            (doing.requests == 0).then_some((doing.used, doing.idle_since, *number))
        });
        let (_, _, number) = idle.min()?;
        let (_, state) = &self.seats[&number];
        {
            let mut doing = state.lock();
            if doing.requests > 0 {
                return None;
            }
            doing.has_made_room = true;
        }
        state.made_room.notify_one();
        self.leave(number);
        Some(())
    }

    fn leave(&mut self, number: u64) {
        let Some((address, _)) = self.seats.remove(&number) else { return };
        match self.by_address.get_mut(&address) {
            Some(here) if *here > 1 => *here -= 1,
            Some(_) | None => drop(self.by_address.remove(&address)),
        }
    }
}

impl Seat<'_> {
    pub(super) fn state(&self) -> Arc<State> {
        Arc::clone(&self.state)
    }

    /// Until no request was at work for so long, not counting the time before `from`, or the place is needed.
    pub(super) async fn over(&self, idle: Duration, from: Instant) -> Over {
        loop {
            let end = match self.state.idle_since() {
                Some(since) => since.max(from) + idle,
                // Whatever ends later is idle from then on.
                None => Instant::now() + idle,
            };
            tokio::select! {
                () = self.state.made_room.notified() => return Over::MadeRoom,
                () = sleep_until(end) => {}
            }
            if self.state.idle_since().is_some_and(|since| since.max(from) + idle <= Instant::now()) {
                return Over::Idle;
            }
        }
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.crowd.lock().leave(self.number);
    }
}

impl State {
    /// A request begins; none when this connection has just made room for another one.
    pub(super) fn begin(self: &Arc<Self>) -> Option<AtWork> {
        let mut doing = self.lock();
        if doing.has_made_room {
            return None;
        }
        doing.requests += 1;
        doing.used = true;
        Some(AtWork(Arc::clone(self)))
    }

    fn idle_since(&self) -> Option<Instant> {
        let doing = self.lock();
        (doing.requests == 0).then_some(doing.idle_since)
    }

    fn lock(&self) -> MutexGuard<'_, Doing> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        let mut doing = self.0.lock();
        doing.requests -= 1;
        doing.idle_since = Instant::now();
    }
}

#[cfg(test)]
mod tests;
