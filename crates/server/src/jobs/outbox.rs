//! Sends what is in the outbox: one recipient at a time per sender, its deliveries in order.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use engine::{DeliveryRow, Engine, Error, Hold, Lease, Queue, Recorded, Route};
use serde_json::json;

use super::post::{Failure, Poster};
use super::{Stop, spool};
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
        if let Err(error) = send_all(engine, stop, queue, (lease, poster)) {
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
        match queue {
            Queue::Webhooks | Queue::Pushes => {
                stop.wait(pause);
            }
            // Somebody is looking at a phone: what this process commits is sent at once.
            Queue::Texts => engine.await_texts(pause),
        }
    }
    None
}

fn send_all(
    engine: &Engine,
    stop: &Stop,
    queue: Queue,
    (lease, poster): (Lease, &Poster),
) -> Result<(), Error> {
    let Lease { mut hold, route, deliveries } = lease;
    let began = Instant::now();
    for delivery in &deliveries {
        if stop.is_asked() || began.elapsed() >= TURN {
            break;
        }
        let sent = Instant::now();
        // A panic here is about what the other side answered, and nothing of ours is at stake.
        let send = || match (&route, queue) {
            (None, _) => Err(Failure::from("no address")),
            (Some(route), Queue::Texts) => send_text(engine, route, delivery, poster),
            (Some(Route::Post(endpoint)), Queue::Webhooks | Queue::Pushes) => {
                poster.post(endpoint, delivery, clock::now())
            }
            (Some(Route::Spool(_)), Queue::Webhooks | Queue::Pushes) => Err(Failure::from("no address")),
        };
        let outcome =
            catch_unwind(AssertUnwindSafe(send)).unwrap_or_else(|_| Err(Failure::from("the sender failed")));
        metrics::histogram!("surety_delivery_seconds").record(sent.elapsed().as_secs_f64());
        match record(engine, &mut hold, delivery, &outcome)? {
            Recorded::Taken | Recorded::Dead => {}
            Recorded::Later | Recorded::Lost => return Ok(()),
        }
    }
    clock::with_context(|ctx| engine.release(ctx, &hold))
}

/// Opens a text, and lets it go. Neither number nor words are in what is said of a failure.
fn send_text(engine: &Engine, route: &Route, delivery: &DeliveryRow, poster: &Poster) -> Result<(), Failure> {
    let now = clock::now();
    let opened = engine.open_text(now, delivery).map_err(|error| {
        tracing::error!(delivery = %delivery.id, ?error, "a text cannot be opened");
        "it cannot be opened"
    })?;
    let text = opened.ok_or("too late")?;
    match route {
        Route::Spool(folder) => spool::write(folder, delivery.id, &text)
            .with_context(|| format!("writing into {}", folder.display()))
            .map_err(|error| {
                tracing::error!(delivery = %delivery.id, ?error, "a text is not spooled");
                Failure::from("the spool folder cannot be written")
            }),
        Route::Post(endpoint) => {
            let data = json!({ "to": text.to, "text": text.text });
            let body = json!({ "type": "text.message", "timestamp": delivery.created_at, "data": data });
            poster.post(endpoint, &DeliveryRow { body, ..delivery.clone() }, now)
        }
    }
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
