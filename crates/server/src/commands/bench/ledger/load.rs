//! A closed loop of several clients, and what came of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use super::super::figures::quantile;

/// What several clients got done.
#[derive(Clone, Copy)]
pub(super) struct Load {
    pub(super) done: usize,
    pub(super) per_second: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
}

/// Lets `clients` threads do `work` again and again for `time`. The first failure ends it.
pub(super) fn closed_loop(
    clients: usize,
    time: Duration,
    work: impl Fn() -> Result<()> + Sync,
) -> Result<Load> {
    let failed = AtomicBool::new(false);
    let start = Instant::now();
    let client = || -> Result<Vec<f64>> {
        let mut took = Vec::new();
        while start.elapsed() < time && !failed.load(Ordering::Relaxed) {
            let began = Instant::now();
            work().inspect_err(|_| failed.store(true, Ordering::Relaxed))?;
            took.push(began.elapsed().as_secs_f64() * 1_000.0);
        }
        Ok(took)
    };
    let mut took = Vec::new();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..clients).map(|_| scope.spawn(client)).collect();
        for thread in threads {
            took.extend(thread.join().map_err(|_panic| anyhow!("a client panicked"))??);
        }
        Ok::<_, anyhow::Error>(())
    })?;
    let elapsed = start.elapsed();
    Ok(Load {
        done: took.len(),
        per_second: rate(took.len(), elapsed),
        p50_ms: quantile(&mut took, 0.5),
        p99_ms: quantile(&mut took, 0.99),
    })
}

/// So many in so long, a second.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(super) fn rate(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(super) fn per(count: usize, of: usize) -> f64 {
    count as f64 / of as f64
}

/// The middle one; of an even number, the mean of the two in the middle. Not a number for none.
pub(super) fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    let upper = of.get(of.len() / 2).copied().unwrap_or(f64::NAN);
    if of.len().is_multiple_of(2) && !of.is_empty() {
        f64::midpoint(of[of.len() / 2 - 1], upper)
    } else {
        upper
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_in_the_middle() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < 1e-12);
        assert!((median(vec![4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-12);
        assert!(median(Vec::new()).is_nan());
    }
}
