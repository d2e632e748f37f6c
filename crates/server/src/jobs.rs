//! What the server does by itself: it sends what is in the outbox, ends authorisations, settles.
//!
//! A fault is logged and the work tried again. A panic is an assertion of ours that failed: the jobs end and payments
//! stop until an operator has looked.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use engine::{Engine, Queue};

use self::post::Poster;

mod faces;
mod outbox;
mod post;
mod rounds;
mod spool;

/// How many recipients of each queue are sent to at the same time.
const WEBHOOK_SENDERS: usize = 8;
const PUSH_SENDERS: usize = 4;
const TEXT_SENDERS: usize = 2;
/// How long a stop waits for what is being sent.
const PATIENCE: Duration = Duration::from_secs(4);

/// The running jobs.
pub(crate) struct Jobs {
    stop: Arc<Stop>,
    /// Every job holds the other end and sends nothing: disconnected, all have ended.
    alive: Receiver<Infallible>,
}

/// Tells the jobs to end.
#[derive(Default)]
pub(crate) struct Stop {
    asked: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    pub(crate) fn ask(&self) {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    fn is_asked(&self) -> bool {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits, but no longer than until asked to stop; returns whether that is so.
    fn wait(&self, time: Duration) -> bool {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(asked, time, |asked| !*asked);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Jobs {
    /// Starts them all.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub(crate) fn start(engine: &Arc<Engine>) -> Result<Self> {
        let stop = Arc::new(Stop::default());
        let (token, alive) = channel();
        let job = Starter { engine, stop: &stop, token };
        job.start("rounds", rounds::run)?;
        job.start("faces", faces::run)?;
        let queues =
            [(Queue::Webhooks, WEBHOOK_SENDERS), (Queue::Pushes, PUSH_SENDERS), (Queue::Texts, TEXT_SENDERS)];
        for (queue, senders) in queues {
            let turn = Arc::new(Mutex::new(()));
            let poster = Arc::new(Poster::new(engine.webhook_timeout()));
            for _ in 0..senders {
                let (turn, poster) = (Arc::clone(&turn), Arc::clone(&poster));
                job.start("outbox", move |engine, stop| outbox::run(engine, stop, queue, (&turn, &poster)))?;
            }
        }
        Ok(Self { stop, alive })
    }

    pub(crate) fn stop(&self) -> Arc<Stop> {
        Arc::clone(&self.stop)
    }

    /// Ends the jobs; what is being sent has a few seconds.
    pub(crate) fn finish(self) {
        self.stop.ask();
        match self.alive.recv_timeout(PATIENCE) {
            Ok(never) => match never {},
            Err(RecvTimeoutError::Disconnected) => {}
            Err(RecvTimeoutError::Timeout) => {
                tracing::warn!("a delivery was still being sent; it will be sent again");
            }
        }
    }
}

struct Starter<'a> {
    engine: &'a Arc<Engine>,
    stop: &'a Arc<Stop>,
    token: Sender<Infallible>,
}

impl Starter<'_> {
    fn start(&self, name: &str, run: impl FnOnce(&Engine, &Stop) + Send + 'static) -> Result<()> {
        let (engine, stop, token) = (Arc::clone(self.engine), Arc::clone(self.stop), self.token.clone());
        let guarded = move || {
            if catch_unwind(AssertUnwindSafe(|| run(&engine, &stop))).is_err() {
                tracing::error!(
                    "an assertion failed in a job: payments are stopped until `surety verify` and a restart"
                );
                engine.mark_broken();
                stop.ask();
            }
            drop(token);
        };
        thread::Builder::new().name(name.to_owned()).spawn(guarded).context("starting a job")?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
