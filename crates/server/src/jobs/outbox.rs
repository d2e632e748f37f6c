//! Sends what is in the outbox: one recipient at a time per sender, its deliveries in order.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use engine::{DeliveryRow, Engine, Error, Hold, Lease, Queue, Recorded};

use super::Stop;
use super::post::{Failure, Poster};
use crate::clock;

/// How often the outbox is looked into when nothing was found.
const POLL: Duration = Duration::from_millis(250);
/// How long a look into the outbox is put off after a fault.
const FAULT_PAUSE: Duration = Duration::from_secs(2);
/// After this time a sender turns to the next recipient, so that a slow one with much to take holds up nobody.
const TURN: Duration = Duration::from_secs(20);

/// One sender, until asked to stop. The one whose turn it is looks into the outbox; the others are sending, or wait
/// for the turn.
pub(super) fn run(engine: &Engine, stop: &Stop, queue: Queue, (turn, poster): (&Mutex<()>, &Poster)) {
    loop {
        let lease = {
            let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
            next(engine, stop, queue)
        };
        let Some(lease) = lease else { return };
        if let Err(error) = send_all(engine, stop, lease, poster) {
            // The lease ends by itself, and the delivery is sent again.
            tracing::error!(?error, "what became of a delivery is not recorded");
        }
    }
}

/// Waits for work; none when asked to stop.
fn next(engine: &Engine, stop: &Stop, queue: Queue) -> Option<Lease> {
    while !stop.is_asked() {
        let pause = match clock::with_context(|ctx| engine.lease_due(ctx, queue)) {
            Ok(Some(lease)) => return Some(lease),
            Ok(None) => POLL,
            Err(error) => {
                tracing::error!(?error, "looking into the outbox");
                FAULT_PAUSE
            }
        };
        stop.wait(pause);
    }
    None
}

fn send_all(engine: &Engine, stop: &Stop, lease: Lease, poster: &Poster) -> Result<(), Error> {
    let Lease { mut hold, endpoint, deliveries } = lease;
    let began = Instant::now();
    for delivery in &deliveries {
        if stop.is_asked() || began.elapsed() >= TURN {
            break;
        }
        let sent = Instant::now();
        let outcome = match &endpoint {
            // A panic here is about what the other side answered, and nothing of ours is at stake.
            Some(endpoint) => {
                catch_unwind(AssertUnwindSafe(|| poster.post(endpoint, delivery, clock::now())))
                    .unwrap_or_else(|_| Err(Failure::from("the sender failed")))
            }
            None => Err(Failure::from("no address")),
        };
        metrics::histogram!("surety_delivery_seconds").record(sent.elapsed().as_secs_f64());
        match record(engine, &mut hold, delivery, &outcome)? {
            Recorded::Taken | Recorded::Dead => {}
            Recorded::Later | Recorded::Lost => return Ok(()),
        }
    }
    clock::with_context(|ctx| engine.release(ctx, &hold))
}

fn record(
    engine: &Engine,
    hold: &mut Hold,
    delivery: &DeliveryRow,
    outcome: &Result<(), Failure>,
) -> Result<Recorded, Error> {
    let told = match outcome {
        Ok(()) => Ok(()),
        Err(failure) => Err(&**failure),
    };
    let recorded = clock::with_context(|ctx| engine.record_attempt(ctx, hold, delivery.id, told))?;
    let outcome = match (recorded, outcome) {
        (Recorded::Dead, _) => "dead",
        (Recorded::Taken | Recorded::Later | Recorded::Lost, Ok(())) => "sent",
        (Recorded::Taken | Recorded::Later | Recorded::Lost, Err(why)) => {
            tracing::warn!(delivery = %delivery.id, recipient = delivery.recipient, %why, "a delivery failed");
            "failed"
        }
    };
    metrics::counter!("surety_deliveries_total", "outcome" => outcome).increment(1);
    Ok(recorded)
}
