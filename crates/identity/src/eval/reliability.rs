//! Is "one wrong in a thousand" wrong once in a thousand?

use serde::Serialize;

use crate::interval::clopper_pearson;

/// One answer and what was true.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// Probability that the best candidate is not the payer; above 0.
    pub p_wrong: f64,
    /// Whether it was not.
    pub wrong: bool,
    /// How much it counts, above 0: where more strangers came than the prior says, each of them counts less.
    pub weight: f64,
}

/// All answers of one decade of stated error.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bin {
    /// At least so improbable an error ...
    pub from: f64,
    /// ... and less than this; 1 belongs to the last.
    pub to: f64,
    /// How many.
    pub answers: u64,
    /// Mean of the probabilities that were stated.
    pub stated: f64,
    /// Share that was wrong.
    pub observed: f64,
    /// Lower end of its 95 % interval (Clopper and Pearson over as many answers as the weights are worth, answers
    /// taken as independent).
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// How far probabilities can be believed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reliability {
    /// The diagram, the surest first; empty bins are left out.
    pub bins: Vec<Bin>,
    /// Mean distance of stated and observed, weighted by answers.
    pub expected_calibration_error: f64,
    /// Mean square distance of the stated probability and what was true (0 or 1).
    pub brier: f64,
    /// Mean of -ln of the probability given to what was true.
    pub log_loss: f64,
}

/// Judges answers; `None` without any. Bins are decades from 1e-9 up, and 0.1 to 0.5 to 1: what matters here are
/// errors of one in millions, and equal steps of probability would show none of them.
#[must_use]
pub fn reliability(answers: &[Prediction]) -> Option<Reliability> {
    const EDGES: [f64; 12] = [0.0, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 0.5, 1.0];
    if answers.is_empty() {
        return None;
    }
    let n: f64 = answers.iter().map(|a| a.weight).sum();
    let (mut bins, mut distance) = (Vec::new(), 0.0);
    for pair in EDGES.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let last = to >= 1.0;
        let within: Vec<&Prediction> =
            answers.iter().filter(|a| a.p_wrong >= from && (a.p_wrong < to || last)).collect();
        if within.is_empty() {
            continue;
        }
        let count: f64 = within.iter().map(|a| a.weight).sum();
        let squares: f64 = within.iter().map(|a| a.weight.powi(2)).sum();
        let stated = within.iter().map(|a| a.weight * a.p_wrong).sum::<f64>() / count;
        let observed =
            within.iter().filter(|a| a.wrong).map(|a| a.weight).fold(0.0, |sum, w| sum + w) / count;
        // So many answers of equal weight are worth as much (Kish 1965).
        let worth = count * count / squares;
        let (low, high) = clopper_pearson(observed * worth, worth);
        distance += count * (stated - observed).abs();
        bins.push(Bin { from, to, answers: within.len() as u64, stated, observed, low, high });
    }
    let mean = |of: &dyn Fn(&Prediction) -> f64| answers.iter().map(|a| a.weight * of(a)).sum::<f64>() / n;
    let square = |a: &Prediction| (a.p_wrong - f64::from(u8::from(a.wrong))).powi(2);
    let surprise = |a: &Prediction| if a.wrong { -a.p_wrong.ln() } else { -(-a.p_wrong).ln_1p() };
    Some(Reliability {
        expected_calibration_error: distance / n,
        brier: mean(&square),
        // Certain error that is none costs as much as the smallest number that is told from it.
        log_loss: mean(&|a| surprise(a).min(-f64::MIN_POSITIVE.ln())),
        bins,
    })
}
