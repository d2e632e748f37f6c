//! What is done every few seconds: authorisations end, business days are settled, lost pictures are
//! swept, faces that were erased elsewhere are forgotten, waits for another PIN are over, old codes and challenges to
//! passkeys are forgotten, enrolments whose code came too late are wiped, the outbox is measured, faces are counted,
//! the calibration is watched.

use std::time::Duration;

use anyhow::Result;
use engine::Engine;

use super::Stop;
use crate::clock;

/// How often authorisations are looked at, and whether a business day began.
const ROUND: Duration = Duration::from_secs(10);

pub(super) fn run(engine: &Engine, stop: &Stop) {
    let mut settled = None;
    while !stop.is_asked() {
        let today = clock::with_context(|ctx| engine.business_date(ctx.now));
        if settled != Some(today) && done("settling", settle(engine)) && done("sweeping", sweep(engine)) {
            settled = Some(today);
        }
        done("ending authorisations", expire(engine));
        done("forgetting erased faces", forget(engine));
        done("forgetting nonces", forget_nonces(engine));
        done("ending recoveries", recover(engine));
        done("forgetting codes", forget_codes(engine));
        done("forgetting ceremonies", forget_ceremonies(engine));
        done("measuring the outbox", measure(engine));
        done("counting faces", count_faces(engine));
        done("watching the calibration", watch_calibration(engine));
        stop.wait(ROUND);
    }
}

/// A fault is tried again in the next round.
fn done(what: &str, result: Result<()>) -> bool {
    if let Err(error) = &result {
        tracing::error!(?error, what, "a job failed");
    }
    result.is_ok()
}

fn settle(engine: &Engine) -> Result<()> {
    if !engine.health()?.healthy {
        return Ok(());
    }
    let settled = clock::with_context(|ctx| engine.settle_due(ctx, "surety"))?;
    if !settled.is_empty() {
        tracing::info!(settlements = settled.len(), "settled");
    }
    Ok(())
}

fn sweep(engine: &Engine) -> Result<()> {
    let swept = engine.sweep_captures(clock::now())?;
    if swept > 0 {
        tracing::warn!(swept, "pictures that no record names, or of erased captures, were deleted");
    }
    let enrolments = engine.sweep_enrolments(clock::now())?;
    if enrolments > 0 {
        tracing::warn!(enrolments, "pictures of enrolments that no template rests on were deleted");
    }
    let payers = clock::with_context(|ctx| engine.erase_leftovers(ctx))?;
    if payers > 0 {
        tracing::warn!(payers, "what was left of faces without consent was erased");
    }
    Ok(())
}

fn forget(engine: &Engine) -> Result<()> {
    let gone = clock::with_context(|ctx| engine.forget_erased(ctx))?;
    if gone > 0 {
        tracing::info!(gone, "faces that were erased elsewhere left the gallery");
    }
    engine.forget_old_logins(clock::now())?;
    Ok(())
}

fn forget_nonces(engine: &Engine) -> Result<()> {
    engine.forget_nonces(clock::now())?;
    engine.forget_prints(clock::now())?;
    Ok(())
}

fn expire(engine: &Engine) -> Result<()> {
    if !engine.health()?.healthy {
        return Ok(());
    }
    let expired = clock::with_context(|ctx| engine.expire_authorisations(ctx))?;
    if expired > 0 {
        tracing::info!(expired, "authorisations ended");
    }
    Ok(())
}

fn recover(engine: &Engine) -> Result<()> {
    let ended = clock::with_context(|ctx| engine.end_recoveries(ctx))?;
    if ended > 0 {
        tracing::info!(ended, "PIN recoveries ended");
    }
    Ok(())
}

fn forget_codes(engine: &Engine) -> Result<()> {
    engine.forget_codes(clock::now())?;
    engine.expire_enrolments(clock::now())?;
    Ok(())
}

/// Enrolments record the thresholds they reach; other processes' policies and seeded accounts are caught up with here.
#[expect(clippy::cast_precision_loss, reason = "a gauge is a floating-point number")]
fn count_faces(engine: &Engine) -> Result<()> {
    clock::with_context(|ctx| engine.watch_faces(ctx))?;
    let held = engine.faces_held()?;
    metrics::gauge!("surety_faces_enrolled").set(held.enrolled as f64);
    metrics::gauge!("surety_faces_to_file").set(held.to_file as f64);
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a floating-point number")]
fn watch_calibration(engine: &Engine) -> Result<()> {
    clock::with_context(|ctx| engine.watch_drift(ctx))?;
    for state in engine.calibration_health()?.drift {
        let gauge = |name: &'static str, value: f64| {
            metrics::gauge!(name, "cohort" => state.cohort.clone()).set(value);
        };
        gauge("surety_calibration_watched_payments", state.payments as f64);
        // 0 while strangers match as often as the calibration says, else about how many times as often.
        gauge("surety_calibration_too_bold", state.too_bold.unwrap_or(0.0));
    }
    Ok(())
}

fn forget_ceremonies(engine: &Engine) -> Result<()> {
    engine.forget_ceremonies(clock::now())?;
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a floating-point number")]
fn measure(engine: &Engine) -> Result<()> {
    let (waiting, oldest) = engine.backlog()?;
    let age = oldest.map_or(0.0, |oldest| clock::now().duration_since(oldest).as_secs_f64().max(0.0));
    metrics::gauge!("surety_deliveries_waiting").set(waiting as f64);
    metrics::gauge!("surety_deliveries_oldest_waiting_seconds").set(age);
    for (kind, open) in engine.open_alerts()? {
        metrics::gauge!("surety_alerts_open", "kind" => kind.code()).set(f64::from(open));
    }
    Ok(())
}
