//! Densities on the fitting grid, and isotonic pooling.

/// Distance of two points of the fitting grid.
pub(super) const STEP: f64 = 0.0025;
/// The grid reaches from -`HALF` * `STEP` to +`HALF` * `STEP`: -0.9975 to 0.9975.
const HALF: i32 = 399;
/// Weight of the broad component of the genuine density.
const BROAD_WEIGHT: f64 = 0.03;
/// How much wider the broad component is.
const BROAD_FACTOR: f64 = 3.0;
/// What is assumed before anybody was measured weighs as much as so many people.
const WIDE_PEOPLE: f64 = 3.0;
/// Standard deviation of Fisher's z that is assumed: measured ones are 0.2 (press photographs, five pictures against
/// three) to 0.28 (one against one).
const WIDE_SD: f64 = 0.3;

/// The scores at which densities are evaluated, ascending.
pub(super) fn grid() -> Vec<f64> {
    (-HALF..=HALF).map(|i| f64::from(i) * STEP).collect()
}

/// Kernel density of many scores: a histogram on the grid, smoothed with a normal kernel of at least 0.01.
pub(super) fn smoothed_histogram(scores: &[f64], bandwidth: f64) -> Vec<f64> {
    let grid = grid();
    let mut counts = vec![0_u64; grid.len()];
    let mut slot = 0;
    // Sorted ascending: walk both at once.
    for s in scores {
        while slot + 1 < grid.len() && grid[slot] + STEP / 2.0 < *s {
            slot += 1;
        }
        counts[slot] += 1;
    }
    let bandwidth = bandwidth.max(0.01);
    let n = scores.len() as f64;
    grid.iter()
        .map(|t| {
            let near = |at: f64| normal((t - at) / bandwidth) / bandwidth;
            grid.iter().zip(&counts).map(|(at, count)| near(*at) * *count as f64 / n).sum()
        })
        .collect()
}

/// Density of few genuine scores: a normal kernel on Fisher's z = atanh(score), where cosine scores are roughly
/// symmetric, with a quarter more than Silverman's bandwidth; and a normal three times as wide, so that a badly lit
/// face or a new beard is unlikely rather than impossible. The wide one has 3 %, and as much more as though
/// [`WIDE_PEOPLE`] people were known to be like it. The spread that both are measured by leans on [`WIDE_SD`].
pub(super) fn genuine(scores: &[f64], people: usize) -> Vec<f64> {
    let z: Vec<f64> = scores.iter().map(|s| s.clamp(-0.999_9, 0.999_9).atanh()).collect();
    let (mean, sd) = moments(&z);
    let n = people as f64;
    let sd = ((n * sd * sd + WIDE_PEOPLE * WIDE_SD * WIDE_SD) / (n + WIDE_PEOPLE)).sqrt();
    let bandwidth = 1.25 * 1.06 * sd * n.powf(-0.2);
    let broad = BROAD_FACTOR * sd;
    let broad_weight = BROAD_WEIGHT + (1.0 - BROAD_WEIGHT) * WIDE_PEOPLE / (n + WIDE_PEOPLE);
    grid()
        .iter()
        .map(|t| {
            let at = t.atanh();
            let kernel =
                z.iter().map(|x| normal((at - x) / bandwidth)).sum::<f64>() / (bandwidth * z.len() as f64);
            let wide = normal((at - mean) / broad) / broad;
            ((1.0 - broad_weight) * kernel + broad_weight * wide) / (1.0 - t * t)
        })
        .collect()
}

/// Mean and standard deviation.
pub(crate) fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    (mean, variance.sqrt())
}

/// ln of the ratio of two densities, pooled to be non-decreasing: neighbouring cells merge, masses added, until
/// the ratio of the merged masses never falls (pool adjacent violators; Barlow et al. 1972).
pub(super) fn monotone_ln_ratio(above: &[f64], below: &[f64]) -> Vec<f64> {
    struct Block {
        above: f64,
        below: f64,
        cells: usize,
    }
    let mut blocks: Vec<Block> = Vec::new();
    for (a, b) in above.iter().zip(below) {
        // A floor far under any real density keeps the logarithm finite.
        let mut block = Block { above: a.max(1e-30), below: b.max(1e-30), cells: 1 };
        while let Some(last) = blocks.pop_if(|last| last.above * block.below >= block.above * last.below) {
            block.above += last.above;
            block.below += last.below;
            block.cells += last.cells;
        }
        blocks.push(block);
    }
    blocks.iter().flat_map(|b| std::iter::repeat_n((b.above / b.below).ln(), b.cells)).collect()
}

fn normal(z: f64) -> f64 {
    const INVERSE_SQRT_TAU: f64 = 0.398_942_280_401_432_7;
    INVERSE_SQRT_TAU * (-z * z / 2.0).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What nobody was seen to do is the likelier the fewer people were seen.
    #[test]
    fn few_people_leave_more_to_the_wide_part() {
        // As spread as is assumed anyway, so that only the weight depends on how many people they are.
        let z = |n: i32| 1.0 + WIDE_SD * f64::from(2 * (n % 2) - 1);
        let scores: Vec<f64> = (0..1_000).map(|n| z(n).tanh()).collect();
        let far_below = grid().partition_point(|t| t.atanh() < 1.0 - 8.0 * WIDE_SD);
        let [few, many] = [5, 5_000].map(|people| genuine(&scores, people)[far_below]);
        let weight = |people: f64| BROAD_WEIGHT + (1.0 - BROAD_WEIGHT) * WIDE_PEOPLE / (people + WIDE_PEOPLE);
        let expected = weight(5.0) / weight(5_000.0);
        assert!((few / many / expected - 1.0).abs() < 0.02, "{} instead of {expected}", few / many);
        assert!(expected > 10.0);
    }
}
