//! Are two pictures of one person? One comparison at a time.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Share, Subject};
use crate::fit::{Repeat, Scores};

/// False-match rates at which false non-matches are stated.
const RATES: [f64; 4] = [1e-3, 1e-4, 1e-5, 1e-6];
/// Fewest impostors above a threshold for it to be called measured.
const ABOVE_MIN: f64 = 10.0;

/// What a verification gave.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verification {
    /// Comparisons of one person.
    pub genuine: u64,
    /// People in them.
    pub people: u64,
    /// Comparisons of two people.
    pub impostor: u64,
    /// Where both errors are equal.
    pub equal_error_rate: f64,
    /// False non-matches at fixed false-match rates.
    pub points: Vec<PointAt>,
}

/// One threshold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PointAt {
    /// False-match rate that was asked for.
    pub fmr: f64,
    /// Whether enough impostors lie above the threshold for it to be measured; otherwise it is the best guess of a
    /// small set.
    pub measured: bool,
    /// The lowest threshold that no larger share of impostors reaches.
    pub threshold: f64,
    /// False-non-match rate there.
    pub fnmr: Share,
}

/// One score of a ten-fold protocol.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FoldPair {
    /// Which fold it is in.
    pub fold: usize,
    /// Their similarity; -1 where a picture could not be used, which counts as a decision for two people.
    pub score: f64,
    /// Whether they are one person.
    pub same: bool,
}

/// The accuracy of a protocol in folds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Folds {
    /// Folds.
    pub folds: usize,
    /// Mean share of right answers, each fold at the threshold that is best for the others.
    pub accuracy: f64,
    /// Standard error of the mean.
    pub standard_error: f64,
}

/// What a verification is made of, by rising score.
pub struct Verifying {
    impostor: Vec<f64>,
    genuine: Vec<Repeat>,
}

impl Verifying {
    /// Any order; `None` unless there are both kinds.
    #[must_use]
    pub fn new(scores: Scores) -> Option<Self> {
        let impostor = scores.impostor.iter().map(|c| c.score).collect();
        Self { impostor, genuine: scores.genuine }.sorted()
    }

    /// All pictures against all. `None` unless there are two people, one with two pictures.
    #[must_use]
    pub fn all_pairs(subjects: &[Subject]) -> Option<Self> {
        let mut scores = Self { impostor: Vec::new(), genuine: Vec::new() };
        for (person, one) in (0..).zip(subjects) {
            for (i, a) in one.templates.iter().enumerate() {
                let own = one.templates[..i].iter().map(|b| a.similarity(b).value());
                scores.genuine.extend(own.map(|score| Repeat { score, person }));
                let others = subjects[..person as usize].iter().flat_map(|other| &other.templates);
                scores.impostor.extend(others.map(|b| a.similarity(b).value()));
            }
        }
        scores.sorted()
    }

    fn sorted(mut self) -> Option<Self> {
        self.impostor.sort_unstable_by(f64::total_cmp);
        self.genuine.sort_unstable_by(|a, b| a.score.total_cmp(&b.score).then(a.person.cmp(&b.person)));
        (!self.impostor.is_empty() && !self.genuine.is_empty()).then_some(self)
    }

    /// The lowest threshold that at most this share of impostors reaches.
    #[must_use]
    pub fn threshold(&self, fmr: f64) -> f64 {
        let n = self.impostor.len();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length")]
        let allowed = ((n as f64 * fmr).floor() as usize).min(n - 1);
        self.impostor[n - 1 - allowed].next_up()
    }

    /// Shares of impostors at or above a threshold and of the genuine below it.
    #[must_use]
    pub fn errors(&self, threshold: f64) -> (f64, f64) {
        let above = self.impostor.len() - self.impostor.partition_point(|s| *s < threshold);
        let below = self.genuine.partition_point(|r| r.score < threshold);
        (above as f64 / self.impostor.len() as f64, below as f64 / self.genuine.len() as f64)
    }

    fn fnmr(&self, threshold: f64) -> Share {
        let mut people: BTreeMap<u32, (f64, f64)> = BTreeMap::new();
        for repeat in &self.genuine {
            let person = people.entry(repeat.person).or_default();
            person.0 += f64::from(u8::from(repeat.score < threshold));
            person.1 += 1.0;
        }
        Share::of_people(&people.into_values().collect::<Vec<_>>())
    }
}

/// The usual figures.
#[must_use]
pub fn verification(scores: &Verifying) -> Verification {
    let points = RATES.map(|fmr| {
        let threshold = scores.threshold(fmr);
        let measured = scores.impostor.len() as f64 * fmr >= ABOVE_MIN;
        PointAt { fmr, measured, threshold, fnmr: scores.fnmr(threshold) }
    });
    let mut people: Vec<u32> = scores.genuine.iter().map(|r| r.person).collect();
    people.sort_unstable();
    people.dedup();
    Verification {
        genuine: scores.genuine.len() as u64,
        people: people.len() as u64,
        impostor: scores.impostor.len() as u64,
        equal_error_rate: equal_error_rate(scores),
        points: points.to_vec(),
    }
}

/// (threshold, FMR, FNMR) at every hundredth of a score from -0.2 to 1, for a plot.
#[must_use]
pub fn error_curve(scores: &Verifying) -> Vec<(f64, f64, f64)> {
    (-20..=100)
        .map(|hundredth| {
            let threshold = f64::from(hundredth) / 100.0;
            let (fmr, fnmr) = scores.errors(threshold);
            (threshold, fmr, fnmr)
        })
        .collect()
}

/// Bisection: one error falls as the threshold rises, the other rises.
fn equal_error_rate(scores: &Verifying) -> f64 {
    let (mut low, mut high) = (-1.0, 1.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        let (fmr, fnmr) = scores.errors(middle);
        if fmr > fnmr { low = middle } else { high = middle }
    }
    let (fmr, fnmr) = scores.errors(high);
    f64::midpoint(fmr, fnmr)
}

/// Accuracy in folds, as Labeled Faces in the Wild has it: the threshold of each fold is the best of all others.
/// `None` for fewer than two folds.
#[must_use]
pub fn ten_fold(pairs: &[FoldPair]) -> Option<Folds> {
    let mut names: Vec<usize> = pairs.iter().map(|p| p.fold).collect();
    names.sort_unstable();
    names.dedup();
    if names.len() < 2 {
        return None;
    }
    let right = |of: &mut dyn Iterator<Item = &FoldPair>, threshold: f64| {
        let (hits, all) = of.fold((0.0, 0.0), |sum: (f64, f64), pair| {
            (sum.0 + f64::from(u8::from((pair.score >= threshold) == pair.same)), sum.1 + 1.0)
        });
        hits / f64::max(all, 1.0)
    };
    let accuracies: Vec<f64> = names
        .iter()
        .map(|fold| {
            let training: Vec<&FoldPair> = pairs.iter().filter(|p| p.fold != *fold).collect();
            let threshold = best_threshold(&training);
            right(&mut pairs.iter().filter(|p| p.fold == *fold), threshold)
        })
        .collect();
    let (accuracy, sd) = crate::fit::moments(&accuracies);
    let standard_error = sd / (accuracies.len() as f64).sqrt();
    Some(Folds { folds: names.len(), accuracy, standard_error })
}

/// Where most answers are right: one pass over the scores from the highest down.
fn best_threshold(pairs: &[&FoldPair]) -> f64 {
    let mut sorted: Vec<&&FoldPair> = pairs.iter().collect();
    sorted.sort_unstable_by(|a, b| b.score.total_cmp(&a.score));
    let (mut best, mut gain, mut most) = (1.0_f64.next_up(), 0_i64, 0_i64);
    for (i, pair) in sorted.iter().enumerate() {
        gain += if pair.same { 1 } else { -1 };
        let next = sorted.get(i + 1).map_or(-1.0, |next| next.score);
        if gain > most && next < pair.score {
            // Midway, because the next fold's scores are others.
            (best, most) = (f64::midpoint(pair.score, next), gain);
        }
    }
    best
}
