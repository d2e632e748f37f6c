//! The upper tail of impostor scores: a generalized Pareto distribution above a high quantile
//! (Pickands 1975; Coles 2001, chapter 4), by weighted maximum likelihood.

/// Shapes that are considered. Excesses of a bounded score have a bounded tail, so the limiting shape is at most 0
/// (Coles 2001, theorem 3.1): 0 itself, an exponential that goes on beyond the largest possible score, is already
/// the pessimistic end. Below -1/2 maximum likelihood is not regular.
const SHAPE_MIN: f64 = -0.5;
const SHAPE_MAX: f64 = 0.0;
/// Steps of the search for the shape: the interval shrinks to 5e-6.
const SHAPE_STEPS: usize = 24;
/// Newton steps for the scale; most need four.
const SCALE_STEPS: usize = 30;

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

/// Positive excesses, ascending, each with a weight; at least one weight above 0.
#[derive(Clone, Copy)]
pub(super) struct Weighted<'a> {
    pub(super) excesses: &'a [f64],
    pub(super) weights: &'a [f64],
}

impl Pareto {
    /// P(Y > y).
    #[must_use]
    pub fn survival(self, y: f64) -> f64 {
        self.ln_survival(y).exp()
    }

    /// ln P(Y > y); minus infinity beyond the end of a bounded tail.
    #[must_use]
    pub fn ln_survival(self, y: f64) -> f64 {
        let z = y.max(0.0) / self.scale;
        if self.shape.abs() < 1e-9 {
            return -z;
        }
        let base = 1.0 + self.shape * z;
        if base <= 0.0 { f64::NEG_INFINITY } else { -base.ln() / self.shape }
    }

    /// Density at y.
    #[must_use]
    pub fn density(self, y: f64) -> f64 {
        let base = 1.0 + self.shape * y.max(0.0) / self.scale;
        if base <= 0.0 { 0.0 } else { self.survival(y) / (self.scale * base) }
    }

    /// Maximum likelihood for excesses, sorted ascending and positive, of which `independent` count as such;
    /// penalised where something is known about the shape.
    #[must_use]
    pub fn fit(excesses: &[f64], independent: f64, prior: Option<ShapePrior>) -> Self {
        let weights = vec![1.0; excesses.len()];
        Self::fit_weighted(Weighted { excesses, weights: &weights }, independent, prior)
    }

    pub(super) fn fit_weighted(data: Weighted<'_>, independent: f64, prior: Option<ShapePrior>) -> Self {
        let data = data.condensed();
        let data = Weighted { excesses: &data.0, weights: &data.1 };
        let objective = |shape: f64| {
            let penalty = prior.map_or(0.0, |q| ((shape - q.mean) / q.sd).powi(2) / 2.0);
            let best = Self { shape, scale: data.scale_for(shape) };
            independent * data.mean_ln_density(best) - penalty
        };
        let shape = maximise(objective);
        Self { shape, scale: data.scale_for(shape) }
    }
}

impl Weighted<'_> {
    /// Only what weighs anything; weights sum to 1.
    fn condensed(self) -> (Vec<f64>, Vec<f64>) {
        let total: f64 = self.weights.iter().sum();
        self.excesses
            .iter()
            .zip(self.weights)
            .filter(|(_, weight)| **weight > 0.0)
            .map(|(y, weight)| (*y, weight / total))
            .unzip()
    }

    /// The most likely scale for a shape: the root of -1 + (1 + shape) E[z / (1 + shape z)], z = y / scale, which
    /// falls as the scale grows. Newton's steps on ln scale, kept inside a shrinking bracket.
    fn scale_for(self, shape: f64) -> f64 {
        let largest = self.excesses.last().copied().unwrap_or(1.0);
        let mean: f64 = self.excesses.iter().zip(self.weights).map(|(y, w)| y * w).sum();
        let mut low = (-shape * largest * (1.0 + 1e-12)).max(mean * 1e-3).ln();
        let mut high = (mean * 10.0).ln().max(low + 1.0);
        let mut at = (mean * (1.0 - shape)).ln().clamp(low, high);
        for _ in 0..SCALE_STEPS {
            let inverse = (-at).exp();
            let (mut first, mut second) = (0.0, 0.0);
            for (y, weight) in self.excesses.iter().zip(self.weights) {
                let z = y * inverse;
                let base = 1.0 / (1.0 + shape * z);
                first += weight * z * base;
                second += weight * z * base * base;
            }
            let value = (1.0 + shape) * first - 1.0;
            if value > 0.0 {
                low = at;
            } else {
                high = at;
            }
            let step = at + value / ((1.0 + shape) * second);
            let next = if step > low && step < high { step } else { f64::midpoint(low, high) };
            if (next - at).abs() < 1e-9 {
                return next.exp();
            }
            at = next;
        }
        at.exp()
    }

    /// Mean log likelihood; minus infinity when an excess is impossible.
    fn mean_ln_density(self, p: Pareto) -> f64 {
        if p.shape.abs() < 1e-9 {
            let mean: f64 = self.excesses.iter().zip(self.weights).map(|(y, w)| y * w).sum();
            return -p.scale.ln() - mean / p.scale;
        }
        let tau = p.shape / p.scale;
        if self.excesses.last().is_some_and(|y| 1.0 + tau * y <= 0.0) {
            return f64::NEG_INFINITY;
        }
        let logs: f64 = self.excesses.iter().zip(self.weights).map(|(y, w)| w * (tau * y).ln_1p()).sum();
        -p.scale.ln() - (1.0 + 1.0 / p.shape) * logs
    }
}

/// Golden-section search for the shape with the highest value of a function with one peak.
fn maximise(f: impl Fn(f64) -> f64) -> f64 {
    const RATIO: f64 = 0.618_033_988_749_894_9;
    let (mut low, mut high) = (SHAPE_MIN, SHAPE_MAX);
    let (mut a, mut b) = (high - RATIO * (high - low), low + RATIO * (high - low));
    let (mut fa, mut fb) = (f(a), f(b));
    for _ in 0..SHAPE_STEPS {
        // Two impossible points: the peak lies towards larger shapes.
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
    // The end itself is a legitimate answer, and often the right one.
    if f(SHAPE_MAX) >= fa.max(fb) { SHAPE_MAX } else { f64::midpoint(low, high) }
}
