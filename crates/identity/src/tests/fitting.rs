use types::{Probability, Score};

use super::fusion;
use crate::fit::{FitError, Pareto, Sample, TailFit, fit};
use crate::{LN_LR_CAP, ScoreModel};

/// The excesses at the middles of n equal slices of probability: a sample without chance.
fn quantiles(truth: Pareto, n: u32) -> Vec<f64> {
    (0..n)
        .map(|i| {
            let above = 1.0 - (f64::from(i) + 0.5) / f64::from(n);
            truth.scale / truth.shape * (above.powf(-truth.shape) - 1.0)
        })
        .collect()
}

#[test]
fn recovers_a_known_tail() {
    for shape in [-0.3, -0.15, -0.03] {
        let truth = Pareto { shape, scale: 0.03 };
        let excesses = quantiles(truth, 4_000);
        let tail = TailFit::new(&excesses, 400.0, None);
        assert!((tail.best.shape - shape).abs() < 0.01, "{shape}: {:?}", tail.best);
        assert!((tail.best.scale / 0.03 - 1.0).abs() < 0.01, "{shape}: {:?}", tail.best);
        // The band lies above the truth everywhere, widens outwards, and narrows with more evidence.
        let sure = TailFit::new(&excesses, 40_000.0, None);
        let mut widest = 1.0;
        for y in [0.01, 0.05, 0.08] {
            let over = tail.upper(|p| p.survival(y)) / truth.survival(y);
            assert!(over > widest, "{shape} {y}: {over}");
            assert!(sure.upper(|p| p.survival(y)) < tail.upper(|p| p.survival(y)));
            widest = over;
        }
        // Survival is the integral of the density.
        let cells = (0..100_000).map(|i| (f64::from(i) + 0.5) * 1e-5);
        let mass: f64 = cells.map(|y| truth.density(y) * 1e-5).sum();
        assert!((mass - 1.0 + truth.survival(1.0)).abs() < 1e-3, "{shape}: {mass}");
    }
}

/// Normal numbers by Box and Muller from a linear congruential generator (Knuth's MMIX constants).
fn normals(seed: u64, n: usize, mean: f64, sd: f64) -> Vec<f64> {
    let mut state = seed;
    let mut uniform = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    };
    (0..n)
        .map(|_| mean + sd * (-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos())
        .collect()
}

const STRANGERS: (f64, f64) = (0.05, 0.08);
const OWNERS: (f64, f64) = (0.70, 0.07);

fn normal_model(n: usize) -> ScoreModel {
    let impostor = normals(1, n, STRANGERS.0, STRANGERS.1);
    let genuine: Vec<f64> = normals(2, 4_000, OWNERS.0, OWNERS.1).into_iter().map(|s| s.min(0.999)).collect();
    let impostor = Sample { scores: &impostor, independent: n };
    fit(fusion(1, 1), impostor, Sample { scores: &genuine, independent: 4_000 }, None).unwrap()
}

fn ln_density((mean, sd): (f64, f64), s: f64) -> f64 {
    -((s - mean) / sd).powi(2) / 2.0 - (sd * std::f64::consts::TAU.sqrt()).ln()
}

/// P(S > s), by summing the density.
fn survival(of: (f64, f64), s: f64) -> f64 {
    (0..20_000).map(|i| ln_density(of, s + (f64::from(i) + 0.5) * 1e-4).exp() * 1e-4).sum()
}

/// Two normal populations, where the right answers are known.
#[test]
fn agrees_with_two_normal_populations() {
    let model = normal_model(400_000);
    for hundredth in 15..60 {
        let s = f64::from(hundredth) / 100.0;
        let score = Score::new(s);
        let truth = survival(STRANGERS, s);
        // The upper band is never optimistic, and near the data not wild.
        let upper = model.fmr(score).value();
        assert!(upper >= truth * 0.99, "{s}: {upper:e} {truth:e}");
        assert!(truth < 1e-5 || upper < 3.0 * truth, "{s}: {upper:e} {truth:e}");
        let estimate = model.fmr_estimate(score).value() / truth;
        assert!(truth < 1e-5 || (0.5..2.0).contains(&estimate), "{s}: {estimate}");
    }
    for hundredth in 55..=85 {
        let s = f64::from(hundredth) / 100.0;
        let analytic = ln_density(OWNERS, s) - ln_density(STRANGERS, s);
        let fitted = model.ln_likelihood_ratio(Score::new(s));
        assert!(fitted <= analytic.min(LN_LR_CAP) + 0.1, "{s}: {fitted} {analytic}");
        assert!(fitted > 8.0, "{s}: {fitted}");
    }
    // Where both densities are seen, the ratio is not only safe but right.
    for hundredth in 4..=20 {
        let s = f64::from(hundredth) / 100.0;
        assert!(model.ln_likelihood_ratio(Score::new(s)) < -3.0, "{s}");
    }
}

/// An exponential tail is the heaviest the fit admits, so here extrapolation is put to the test: at rates down to a
/// ten-thousandth of the sample's rarest it is still never optimistic and not far off.
#[test]
fn extrapolates_an_exponential_tail() {
    const SCALE: f64 = 0.03;
    let n = 400_000;
    let impostor: Vec<f64> = (0..n).map(|i| -SCALE * ((f64::from(i) + 0.5) / f64::from(n)).ln()).collect();
    let genuine: Vec<f64> = normals(2, 4_000, OWNERS.0, OWNERS.1).into_iter().map(|s| s.min(0.999)).collect();
    let impostor = Sample { scores: &impostor, independent: impostor.len() };
    let model = fit(fusion(1, 1), impostor, Sample { scores: &genuine, independent: 4_000 }, None).unwrap();
    for hundredth in 56..=66 {
        let s = f64::from(hundredth) / 100.0;
        let analytic = ln_density(OWNERS, s) + s / SCALE + SCALE.ln();
        let short = analytic - model.ln_likelihood_ratio(Score::new(s));
        assert!((0.0..2.5).contains(&short), "{s}: {short}");
        let upper = model.fmr(Score::new(s)).value().ln() + s / SCALE;
        assert!((0.0..2.5).contains(&upper), "{s}: {upper}");
    }
}

/// A likelihood ratio has mean 1 under the impostor density it divides by, so at most 1 under the true one when
/// that is smaller; an overstated ratio would show here.
#[test]
fn ratio_averages_to_at_most_one_over_strangers() {
    let model = normal_model(200_000);
    let mean: f64 = (-3_000..9_000)
        .map(|i| {
            let s = (f64::from(i) + 0.5) * 1e-4;
            (model.ln_likelihood_ratio(Score::new(s)) + ln_density(STRANGERS, s)).exp() * 1e-4
        })
        .sum();
    assert!(mean < 1.05, "{mean}");
}

#[test]
fn refuses_samples_that_say_too_little() {
    let many = normals(3, 60_000, 0.0, 0.05);
    let owners = normals(4, 100, 0.7, 0.05);
    let check =
        |impostor: Sample<'_>, genuine: Sample<'_>| fit(fusion(1, 1), impostor, genuine, None).unwrap_err();
    let sound = Sample { scores: &many, independent: many.len() };
    let people = Sample { scores: &owners, independent: 100 };
    let few = Sample { scores: &many, independent: 40_000 };
    assert_eq!(check(few, people), FitError::TooFewImpostors);
    assert_eq!(check(sound, Sample { scores: &owners, independent: 29 }), FitError::TooFewGenuine);
    assert_eq!(check(sound, Sample { scores: &[0.7; 50], independent: 50 }), FitError::TooFewGenuine);
    assert_eq!(check(sound, Sample { scores: &owners, independent: 101 }), FitError::Sample);
    for wrong in [f64::NAN, f64::INFINITY, 1.5] {
        assert_eq!(check(sound, Sample { scores: &[wrong; 50], independent: 50 }), FitError::Sample);
    }
    let same = Sample { scores: &vec![0.1; 60_000], independent: 60_000 };
    assert_eq!(check(same, people), FitError::TooFewImpostors);
    assert!(fit(fusion(0, 1), sound, people, None).is_err());
}

#[test]
fn knots_are_rounded_but_the_cap_holds() {
    let model = normal_model(100_000);
    assert!(model.knots().iter().all(|knot| knot.ln_lr <= LN_LR_CAP));
    assert_eq!(model.fmr(Score::new(-1.0)), Probability::ONE);
    assert!(model.fmr(Score::new(1.0)).value() < 1e-9);
}
