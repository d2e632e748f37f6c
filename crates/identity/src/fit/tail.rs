//! The upper tail of impostor scores: a generalized Pareto distribution above a high quantile
//! (Pickands 1975; Coles 2001, chapter 4), by maximum likelihood, with its profile-likelihood region.

/// Shapes that are considered. Excesses of a bounded score have a bounded tail, so the limiting shape is at most 0
/// (Coles 2001, theorem 3.1): 0 itself, an exponential that goes on beyond the largest possible score, is already
/// the pessimistic end. Below -1/2 maximum likelihood is not regular.
const SHAPE_MIN: f64 = -0.5;
const SHAPE_MAX: f64 = 0.0;
/// Grid points on each side of the estimate, for the confidence region.
const GRID: i32 = 40;
/// How many standard errors the grid reaches.
const REACH: f64 = 4.5;
/// The 95 % quantile of chi-square with one degree of freedom. A projection of the region it bounds is the
/// two-sided 95 % profile-likelihood interval of any one quantity, so its upper end has 97.5 % one-sided.
const CHI_SQUARE_95: f64 = 3.841_458_820_694_124;

/// What is known about the shape from elsewhere: normal, added to the log likelihood.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShapePrior {
    /// Expected shape.
    pub mean: f64,
    /// Its standard deviation.
    pub sd: f64,
}

/// One generalized Pareto distribution of excesses y >= 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pareto {
    /// Negative: bounded at `-scale / shape`; zero: exponential.
    pub shape: f64,
    /// Positive.
    pub scale: f64,
}

impl Pareto {
    /// P(Y > y).
    #[must_use]
    pub fn survival(self, y: f64) -> f64 {
        let z = y.max(0.0) / self.scale;
        if self.shape.abs() < 1e-9 {
            return (-z).exp();
        }
        let base = 1.0 + self.shape * z;
        if base <= 0.0 { 0.0 } else { (-base.ln() / self.shape).exp() }
    }

    /// Density at y.
    #[must_use]
    pub fn density(self, y: f64) -> f64 {
        let base = 1.0 + self.shape * y.max(0.0) / self.scale;
        if base <= 0.0 { 0.0 } else { self.survival(y) / (self.scale * base) }
    }

    /// Mean log likelihood of the excesses; minus infinity when one is impossible.
    fn mean_ln_density(self, excesses: &[f64]) -> f64 {
        let n = excesses.len() as f64;
        if self.shape.abs() < 1e-9 {
            return -self.scale.ln() - excesses.iter().sum::<f64>() / (n * self.scale);
        }
        let tau = self.shape / self.scale;
        // Sorted ascending, so the last excess decides whether all are possible.
        if excesses.last().is_some_and(|y| 1.0 + tau * y <= 0.0) {
            return f64::NEG_INFINITY;
        }
        let logs: f64 = excesses.iter().map(|y| (tau * y).ln_1p()).sum();
        -self.scale.ln() - (1.0 + 1.0 / self.shape) * logs / n
    }
}

/// A fitted tail and every distribution that the data do not contradict.
#[derive(Clone, Debug)]
pub struct TailFit {
    /// Maximum likelihood (penalised, where a [`ShapePrior`] was given).
    pub best: Pareto,
    region: Vec<Pareto>,
}

impl TailFit {
    /// Fits excesses above a threshold, sorted ascending and positive. `independent` is how many of them count
    /// as independent: the likelihood is tempered to that many.
    #[must_use]
    pub fn new(excesses: &[f64], independent: f64, prior: Option<ShapePrior>) -> Self {
        let objective = |p: Pareto| {
            let penalty = prior.map_or(0.0, |q| ((p.shape - q.mean) / q.sd).powi(2) / 2.0);
            independent * p.mean_ln_density(excesses) - penalty
        };
        let mean = excesses.iter().sum::<f64>() / excesses.len() as f64;
        let scale_for = |shape: f64| {
            let ln =
                maximise(mean.ln() - 1.5, mean.ln() + 1.5, |ln| objective(Pareto { shape, scale: ln.exp() }));
            ln.exp()
        };
        let shape =
            maximise(SHAPE_MIN, SHAPE_MAX, |shape| objective(Pareto { shape, scale: scale_for(shape) }));
        let best = Pareto { shape, scale: scale_for(shape) };
        let peak = objective(best);
        // Asymptotic standard errors (Coles 2001, 4.3) size the grid; the likelihood decides what is inside.
        let shape_step = REACH * (1.0 + shape).max(0.5) / independent.sqrt() / f64::from(GRID);
        let scale_step = REACH * (2.0 * (1.0 + shape)).max(1.0).sqrt() / independent.sqrt() / f64::from(GRID);
        let mut region = vec![best];
        for i in -GRID..=GRID {
            for j in -GRID..=GRID {
                let p = Pareto {
                    shape: shape + f64::from(i) * shape_step,
                    scale: best.scale * (f64::from(j) * scale_step).exp(),
                };
                if p.shape <= SHAPE_MAX && 2.0 * (peak - objective(p)) <= CHI_SQUARE_95 {
                    region.push(p);
                }
            }
        }
        Self { best, region }
    }

    /// The largest value `quantity` takes over the confidence region: its profile-likelihood upper bound.
    pub fn upper(&self, quantity: impl Fn(Pareto) -> f64) -> f64 {
        self.region.iter().map(|p| quantity(*p)).fold(f64::NEG_INFINITY, f64::max)
    }
}

/// Golden-section search for the maximum of a function with one peak.
fn maximise(mut low: f64, mut high: f64, f: impl Fn(f64) -> f64) -> f64 {
    const RATIO: f64 = 0.618_033_988_749_894_9;
    let (mut a, mut b) = (high - RATIO * (high - low), low + RATIO * (high - low));
    let (mut fa, mut fb) = (f(a), f(b));
    for _ in 0..40 {
        // Two impossible points: the peak lies towards the side where the function is finite, the upper one
        // for both of our uses (larger shape, larger scale).
        if fa < fb || fa == f64::NEG_INFINITY {
            (low, a, fa) = (a, b, fb);
            b = low + RATIO * (high - low);
            fb = f(b);
        } else {
            (high, b, fb) = (b, a, fa);
            a = high - RATIO * (high - low);
            fa = f(a);
        }
    }
    f64::midpoint(low, high)
}
