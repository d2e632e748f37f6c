use types::{Probability, Score};

use super::fusion;
use crate::fit::{
    Comparison, FitError, Pareto, Repeat, Scores, ShapePrior, SplitMix, anderson_darling, choose, fit,
    p_value, tail,
};
use crate::{LN_LR_CAP, ScoreModel};

const STRANGERS: (f64, f64) = (0.05, 0.08);
const OWNERS: (f64, f64) = (0.70, 0.07);

/// The excess that is exceeded with this probability.
fn quantile(p: Pareto, above: f64) -> f64 {
    p.scale / p.shape * (above.powf(-p.shape) - 1.0)
}

/// The excesses at the middles of n equal slices of probability: a sample without chance.
fn quantiles(truth: Pareto, n: u32) -> Vec<f64> {
    (0..n).map(|i| quantile(truth, 1.0 - (f64::from(i) + 0.5) / f64::from(n))).collect()
}

fn drawn(seed: u64, n: usize, (mean, sd): (f64, f64)) -> Vec<f64> {
    let mut random = SplitMix::new(seed);
    (0..n).map(|_| (mean + sd * random.normal()).clamp(-0.999, 0.999)).collect()
}

/// Scores as those of everybody against everybody else, in no relation to who they are.
fn strangers(scores: &[f64]) -> Vec<Comparison> {
    let pairs = (0..).flat_map(|a: u32| (0..a).map(move |b| [a, b]));
    scores.iter().zip(pairs).map(|(score, people)| Comparison { score: *score, people }).collect()
}

/// Scores of as many people.
fn owners(scores: &[f64]) -> Vec<Repeat> {
    (0..).zip(scores).map(|(person, score)| Repeat { score: *score, person }).collect()
}

fn model_of(impostor: &[f64], genuine: &[f64]) -> ScoreModel {
    let scores = Scores { impostor: strangers(impostor), genuine: owners(genuine) };
    fit(fusion(1, 1), scores, None).unwrap()
}

fn normal_model(n: usize) -> ScoreModel {
    model_of(&drawn(1, n, STRANGERS), &drawn(2, 4_000, OWNERS))
}

fn ln_density((mean, sd): (f64, f64), s: f64) -> f64 {
    -((s - mean) / sd).powi(2) / 2.0 - (sd * std::f64::consts::TAU.sqrt()).ln()
}

/// P(S > s), by summing the density.
fn survival(of: (f64, f64), s: f64) -> f64 {
    (0..20_000).map(|i| ln_density(of, s + (f64::from(i) + 0.5) * 1e-4).exp() * 1e-4).sum()
}

#[test]
fn recovers_a_known_tail() {
    for shape in [-0.3, -0.15, -0.03] {
        let truth = Pareto { shape, scale: 0.03 };
        let best = Pareto::fit(&quantiles(truth, 4_000), 4_000.0, None);
        assert!((best.shape - shape).abs() < 0.01, "{shape}: {best:?}");
        assert!((best.scale / 0.03 - 1.0).abs() < 0.01, "{shape}: {best:?}");
        // What is known beforehand pulls, the less the more there is to see.
        let prior = Some(ShapePrior { mean: 0.0, sd: 0.02 });
        let few = Pareto::fit(&quantiles(truth, 4_000), 100.0, prior);
        let many = Pareto::fit(&quantiles(truth, 4_000), 1e5, prior);
        assert!(few.shape > many.shape && many.shape > best.shape - 1e-4, "{few:?} {many:?} {best:?}");
        // Survival is the integral of the density.
        let cells = (0..100_000).map(|i| (f64::from(i) + 0.5) * 1e-5);
        let mass: f64 = cells.map(|y| truth.density(y) * 1e-5).sum();
        assert!((mass - 1.0 + truth.survival(1.0)).abs() < 1e-3, "{shape}: {mass}");
    }
    // The exponential is the end of what is considered, and is found there.
    let exponential: Vec<f64> =
        (0..4_000).map(|i| -0.03 * ((f64::from(i) + 0.5) / 4_000.0).ln()).rev().collect();
    let best = Pareto::fit(&exponential, 4_000.0, None);
    assert!(best.shape > -0.01 && (best.scale / 0.03 - 1.0).abs() < 0.01, "{best:?}");
}

/// Right distributions are rejected as often as is said, wrong ones nearly always.
#[test]
fn goodness_of_fit_has_the_level_it_says() {
    let rejected = |power: f64, shape: f64| {
        let mut random = SplitMix::new(11);
        let truth = Pareto { shape, scale: 0.03 };
        let sets = 1_000;
        let hits = (0..sets).filter(|_| {
            let mut excesses: Vec<f64> =
                (0..300).map(|_| quantile(truth, random.uniform()).powf(power)).collect();
            excesses.sort_unstable_by(f64::total_cmp);
            let best = Pareto::fit(&excesses, 300.0, None);
            p_value(anderson_darling(&excesses, best), best.shape) < 0.05
        });
        hits.count() as f64 / f64::from(sets)
    };
    for shape in [-0.35, -0.15, -0.001] {
        let level = rejected(1.0, shape);
        assert!((0.03..0.08).contains(&level), "{shape}: {level}");
    }
    assert!(rejected(0.5, -0.15) > 0.9);
    assert!(rejected(2.0, -0.15) > 0.9);
    // Finer than the table, and beyond it.
    let levels = [0.0, 0.2, 0.5, 1.0, 1.05, 2.0, 5.0, 50.0, f64::INFINITY].map(|a| p_value(a, -0.13));
    assert!(levels.windows(2).all(|pair| pair[0] > pair[1]) && levels[0] <= 1.0, "{levels:?}");
    assert_eq!(levels[8].to_bits(), 0);
}

#[test]
fn takes_the_lowest_threshold_that_is_not_rejected() {
    assert_eq!(choose(&[0.4, 0.001, 0.6], 0.05), 0);
    assert_eq!(choose(&[0.001, 0.5, 0.6], 0.05), 1);
    assert_eq!(choose(&[0.0001, 0.02, 0.6, 0.9], 0.05), 2);
    assert_eq!(choose(&[0.0, 0.0, 0.0], 0.05), 2);
    assert_eq!(choose(&[1.0], 0.05), 0);
    // A body that is no tail: a bump at the 99.85 % quantile, below the lowest threshold but one.
    let mut scores = drawn(5, 300_000, STRANGERS);
    let bump = drawn(6, 900, (0.33, 0.004));
    scores[..900].copy_from_slice(&bump);
    SplitMix::new(9).shuffle(&mut scores);
    let found = tail(strangers(&scores), None).unwrap();
    assert!(found.facts().tail_rate < 1.5e-3, "{:?}", found.facts());
    let plain = tail(strangers(&drawn(5, 300_000, STRANGERS)), None).unwrap();
    assert!(plain.facts().tail_rate > 1.5e-3, "{:?}", plain.facts());
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
        assert!(truth < 1e-5 || upper < 4.0 * truth, "{s}: {upper:e} {truth:e}");
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

/// How often, of sets with a known truth, the upper band lies below it. `examples/tail.rs` does it at length.
#[test]
fn the_upper_band_is_seldom_below_the_truth() {
    const SETS: u64 = 20;
    let exponential = |z: f64, ln_above: f64| z.min(0.0) * 0.01 - 0.025 * ln_above.min(0.0);
    let ln_above = |z: f64| (statrs::function::erf::erfc(z / std::f64::consts::SQRT_2) / 2.0).ln();
    let draw = |seed: u64, common: f64, scale: &dyn Fn(f64) -> f64| -> Vec<Comparison> {
        let mut random = SplitMix::new(seed);
        let each: Vec<f64> = (0..700).map(|_| random.normal() * (common / 2.0_f64).sqrt()).collect();
        let own = (1.0_f64 - common).sqrt();
        let pairs = (0..700_u32).flat_map(|a| (0..a).map(move |b| [a, b]));
        pairs
            .map(|[a, b]| {
                let z = each[a as usize] + each[b as usize] + own * random.normal();
                Comparison { score: scale(z), people: [a, b] }
            })
            .collect()
    };
    let normal = |z: f64| 0.05 + 0.08 * z;
    let heavy = |z: f64| exponential(z, ln_above(z));
    // Standard normal quantiles of 1e-6, 1e-7 and 1e-8.
    let rates = [(4.753_424, 1e-6), (5.199_338, 1e-7), (5.612_001, 1e-8)];
    for (name, common, scale) in
        [("normal", 0.1, &normal as &dyn Fn(f64) -> f64), ("exponential", 0.0, &heavy)]
    {
        let mut missed = [0_u32; 3];
        let mut shapes = 0.0;
        for seed in 0..SETS {
            let fitted = tail(draw(seed, common, scale), None).unwrap();
            shapes += fitted.facts().shape / SETS as f64;
            for (miss, (z, rate)) in missed.iter_mut().zip(rates) {
                *miss += u32::from(fitted.rate_upper(scale(z)) < rate);
            }
        }
        assert!(missed.iter().all(|m| *m <= 1), "{name}: {missed:?}");
        // Small samples make a tail look shorter than it is; this much is why the band must reach up.
        assert!((-0.12..-0.005).contains(&shapes), "{name}: {shapes}");
    }
}

/// The same scores say less when they come from fewer people, or when some people resemble everybody.
#[test]
fn people_and_not_pairs_are_counted() {
    let scores = drawn(8, 244_650, STRANGERS);
    let unrelated = strangers(&scores);
    let alone = tail(unrelated.clone(), None).unwrap();
    // The highest scores given to the few who resemble everybody.
    let mut sorted = scores;
    sorted.sort_unstable_by(f64::total_cmp);
    let mut related = unrelated;
    related.sort_unstable_by_key(|c| u32::from(c.people[1] % 10 != 0 || c.people[0] % 3 != 0));
    for (comparison, score) in related.iter_mut().zip(sorted.iter().rev()) {
        comparison.score = *score;
    }
    let alike = tail(related, None);
    let wide = alike.map(|t| (t.rate_upper(0.45), t.facts().resampling.unwrap().scores_per_counted));
    let narrow = alone.rate_upper(0.45);
    assert!(alone.facts().resampling.unwrap().scores_per_counted < 1.5, "{:?}", alone.facts());
    match wide {
        Ok((upper, counted)) => assert!(upper > narrow && counted > 3.0, "{upper} {narrow} {counted}"),
        Err(error) => assert_eq!(error, FitError::TooFewImpostors),
    }
}

#[test]
fn the_same_scores_give_the_same_model() {
    let scores = || {
        let impostor = strangers(&drawn(1, 100_000, STRANGERS));
        Scores { impostor, genuine: owners(&drawn(2, 40, OWNERS)) }
    };
    let mut turned = scores();
    turned.impostor.reverse();
    turned.genuine.rotate_left(7);
    let one = fit(fusion(1, 1), scores(), None).unwrap();
    let other = fit(fusion(1, 1), turned, None).unwrap();
    assert_eq!(serde_json::to_string(&one).unwrap(), serde_json::to_string(&other).unwrap());
}

/// An exponential tail is the heaviest the fit admits, so here extrapolation is put to the test: at rates down to a
/// ten-thousandth of the sample's rarest it is still never optimistic and not far off.
#[test]
fn extrapolates_an_exponential_tail() {
    const SCALE: f64 = 0.03;
    let n = 400_000;
    let mut impostor: Vec<f64> =
        (0..n).map(|i| -SCALE * ((f64::from(i) + 0.5) / f64::from(n)).ln()).collect();
    SplitMix::new(3).shuffle(&mut impostor);
    let model = model_of(&impostor, &drawn(2, 4_000, OWNERS));
    for hundredth in 56..=66 {
        let s = f64::from(hundredth) / 100.0;
        let analytic = ln_density(OWNERS, s) + s / SCALE + SCALE.ln();
        let short = analytic - model.ln_likelihood_ratio(Score::new(s));
        assert!((0.0..3.0).contains(&short), "{s}: {short}");
        let upper = model.fmr(Score::new(s)).value().ln() + s / SCALE;
        assert!((0.0..3.0).contains(&upper), "{s}: {upper}");
    }
}

/// A likelihood ratio has mean 1 under the impostor density it divides by, so at most 1 under the true one when
/// that is smaller; an overstated ratio would show here. However few the owners are.
#[test]
fn ratio_averages_to_at_most_one_over_strangers() {
    let impostor = drawn(1, 200_000, STRANGERS);
    for people in [5, 12, 30, 4_000] {
        let model = model_of(&impostor, &drawn(2, people, OWNERS));
        let mean: f64 = (-3_000..9_000)
            .map(|i| {
                let s = (f64::from(i) + 0.5) * 1e-4;
                (model.ln_likelihood_ratio(Score::new(s)) + ln_density(STRANGERS, s)).exp() * 1e-4
            })
            .sum();
        assert!(mean < 1.05, "{people}: {mean}");
    }
}

/// Few owners: the ratio is still below the true one where payments are decided, a bad picture of an owner still
/// counts for something, and nothing promises that nobody is ever refused.
#[test]
fn few_owners_make_a_wide_density() {
    let impostor = drawn(1, 200_000, STRANGERS);
    for seed in 0..8 {
        for people in [5, 12, 30] {
            let model = model_of(&impostor, &drawn(100 + seed, people, OWNERS));
            for hundredth in 55..=80 {
                let s = f64::from(hundredth) / 100.0;
                let analytic = ln_density(OWNERS, s) - ln_density(STRANGERS, s);
                let fitted = model.ln_likelihood_ratio(Score::new(s));
                assert!(fitted <= analytic.min(LN_LR_CAP) + 0.5, "{people}, {s}: {fitted} {analytic}");
            }
            let poor = model.ln_likelihood_ratio(Score::new(0.45));
            assert!(poor > 0.0, "{people}: {poor}");
            let upper = model.fnmr_upper(Score::new(0.3)).value();
            let rule_of_three = 3.0 / people as f64;
            assert!(upper > 0.8 * rule_of_three && upper < 2.0 * rule_of_three, "{people}: {upper}");
        }
    }
}

#[test]
fn refuses_samples_that_say_too_little() {
    let many = drawn(3, 100_000, (0.0, 0.05));
    let people = drawn(4, 100, (0.7, 0.05));
    let check = |impostor: Vec<Comparison>, genuine: Vec<Repeat>| {
        fit(fusion(1, 1), Scores { impostor, genuine }, None).unwrap_err()
    };
    let sound = || strangers(&many);
    assert_eq!(check(strangers(&many[..40_000]), owners(&people)), FitError::TooFewImpostors);
    assert_eq!(check(sound(), owners(&people[..4])), FitError::TooFewGenuine);
    assert_eq!(check(sound(), owners(&[0.7; 50])), FitError::TooFewGenuine);
    // A hundred scores of one person are one person.
    let one = owners(&people).into_iter().map(|r| Repeat { person: 1, ..r }).collect();
    assert_eq!(check(sound(), one), FitError::TooFewGenuine);
    for wrong in [f64::NAN, f64::INFINITY, 1.5] {
        assert_eq!(check(sound(), owners(&[wrong; 50])), FitError::Scores);
        assert_eq!(check(strangers(&[wrong; 50]), owners(&people)), FitError::Scores);
    }
    let own = sound().into_iter().map(|c| Comparison { people: [7, 7], ..c }).collect();
    assert_eq!(check(own, owners(&people)), FitError::Scores);
    // Many comparisons of few people, and many equal scores.
    let few = sound().into_iter().map(|c| Comparison { people: [c.people[0] % 5, 5 + c.people[1] % 5], ..c });
    assert_eq!(check(few.collect(), owners(&people)), FitError::TooFewImpostors);
    assert_eq!(check(strangers(&vec![0.1; 60_000]), owners(&people)), FitError::TooFewImpostors);
    assert_eq!(check(Vec::new(), owners(&people)), FitError::TooFewImpostors);
    let nothing = Scores { impostor: sound(), genuine: owners(&people) };
    assert!(fit(fusion(0, 1), nothing, None).is_err());
}

#[test]
fn knots_are_rounded_but_the_cap_holds() {
    let model = normal_model(100_000);
    assert!(model.knots().iter().all(|knot| knot.ln_lr <= LN_LR_CAP));
    assert_eq!(model.fmr(Score::new(-1.0)), Probability::ONE);
    assert!(model.fmr(Score::new(1.0)).value() < 1e-8);
}
