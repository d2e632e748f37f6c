//! What is done with all faces in the background, while payments go on: templates of other processes are brought in, who
//! looks like whom is looked for again, templates are renewed and made for the next model.

use std::time::{Duration, Instant};

use anyhow::Result;
use engine::{Advance, Context, Engine};

use super::Stop;
use crate::clock;

/// How often other processes' templates are looked for.
const ROUND: Duration = Duration::from_secs(5);
/// Between two batches payments have the cores to themselves: as long as the batch took, and at least so long.
const PAUSE: Duration = Duration::from_millis(20);

type Work = fn(&Engine, &mut Context<'_>) -> Result<Advance, engine::Error>;

const WORKS: [(&str, Work); 3] = [
    ("looking for look-alikes", Engine::advance_look_alikes),
    ("renewing templates", Engine::advance_learning),
    ("making templates of the next model", Engine::advance_successor),
];

pub(super) fn run(engine: &Engine, stop: &Stop) {
    loop {
        follow(engine);
        for (what, work) in WORKS {
            loop {
                let began = Instant::now();
                if !advanced(engine, (what, work)) || stop.wait(PAUSE.max(began.elapsed())) {
                    break;
                }
            }
        }
        measure(engine);
        if stop.wait(ROUND) {
            return;
        }
    }
}

fn follow(engine: &Engine) {
    match clock::with_context(|ctx| engine.follow_templates(ctx)) {
        Ok(0) => {}
        Ok(brought) => tracing::debug!(brought, "templates were brought in"),
        Err(error) => tracing::error!(?error, "bringing in templates failed"),
    }
}

/// Whether there is more to do at once. A fault is tried again in the next round.
fn advanced(engine: &Engine, (what, work): (&str, Work)) -> bool {
    match clock::with_context(|ctx| work(engine, ctx)) {
        Ok(Advance::More) => true,
        Ok(Advance::Done) => false,
        Err(error) => {
            tracing::error!(?error, what, "a job failed");
            false
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a floating-point number")]
fn measure(engine: &Engine) {
    let Ok(jobs) = engine.gallery_jobs() else { return };
    for job in jobs {
        let labels = [("job", job.name)];
        metrics::gauge!("surety_gallery_job_done", &labels).set(job.done as f64);
        metrics::gauge!("surety_gallery_job_left_out", &labels).set(job.left_out as f64);
        metrics::gauge!("surety_gallery_job_wanted", &labels).set(job.wanted as f64);
        let running = if job.finished_at.is_some() { 0.0 } else { 1.0 };
        metrics::gauge!("surety_gallery_job_running", &labels).set(running);
    }
}
