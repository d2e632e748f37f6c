//! Confidence intervals of counted shares.

use statrs::distribution::{Beta, ContinuousCDF};

/// Clopper and Pearson's two-sided 95 % interval of a share, from the number of `hits` among `tries`; both may be
/// fractions where tries are not independent and count less. Exact for whole numbers: never shorter than it says.
/// Without a hit the upper end is near 3.7 / tries. Without tries nothing is known: 0 to 1.
#[must_use]
pub fn clopper_pearson(hits: f64, tries: f64) -> (f64, f64) {
    const SIDE: f64 = 0.025;
    if tries.is_nan() || tries <= 0.0 {
        return (0.0, 1.0);
    }
    let hits = hits.clamp(0.0, tries);
    let quantile = |a: f64, b: f64, p: f64| Beta::new(a, b).map_or(f64::NAN, |beta| beta.inverse_cdf(p));
    let low = if hits > 0.0 { quantile(hits, tries - hits + 1.0, SIDE) } else { 0.0 };
    let high = if hits < tries { quantile(hits + 1.0, tries - hits, 1.0 - SIDE) } else { 1.0 };
    (low, high)
}
