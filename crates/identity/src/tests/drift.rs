use types::{PayerId, Probability, Score};

use super::{model, shipped};
use crate::drift::{BestStranger, Drift, Finding};
use crate::fit::SplitMix;
use crate::{Candidate, Cohort, PosteriorInput, RestBand};

const GALLERY: u64 = 2_000;

/// Payments until the alarm, at most `most`, where strangers match `times` as often as the upper band says.
fn payments_until_alarm(seed: u64, per_false_alarm: f64, times: f64, most: u32) -> Option<u32> {
    let model = model(2, 2);
    let mut random = SplitMix::new(seed);
    let mut watch = Drift::new(per_false_alarm).unwrap();
    (1..=most).find(|_| {
        // The best of N: all N stay below a score with the probability (1 - times * FMR)^N.
        let below = random.uniform();
        let fmr = -(below.ln() / GALLERY as f64).exp_m1() / times;
        let score = types::Probability::new(fmr.min(1.0)).and_then(|p| model.threshold(p));
        let best = BestStranger { strangers: GALLERY, score: score.unwrap_or(Score::new(-1.0)) };
        watch.observe(&model, best) != Finding::Quiet
    })
}

/// Within n payments at most n / `payments_per_false_alarm` of all watches raise a false alarm, whatever the mix.
#[test]
fn false_alarms_are_as_rare_as_stated() {
    const WATCHES: u64 = 300;
    let alarms = (0..WATCHES).filter(|seed| payments_until_alarm(*seed, 5_000.0, 1.0, 500).is_some()).count();
    // A tenth is the bound: 30, and 95 % of all such tests stay below 39.
    assert!(alarms <= 38, "{alarms}");
    // And the bound is not idle: a watch that can never speak would be no watch.
    let early = (0..WATCHES).filter(|seed| payments_until_alarm(*seed, 50.0, 1.0, 500).is_some()).count();
    assert!(early > 100, "{early}");
}

#[test]
fn another_population_is_noticed_soon() {
    let mut until: Vec<u32> =
        (0..60).map(|seed| payments_until_alarm(seed, 1e6, 9.0, 400).unwrap()).collect();
    until.sort_unstable();
    assert!(until[30] < 60 && until[59] < 200, "{until:?}");
    let twice = (0..20).filter(|seed| payments_until_alarm(*seed, 1e6, 2.0, 3_000).is_some()).count();
    assert!(twice >= 18, "{twice}");
}

#[test]
fn a_change_after_long_quiet_is_noticed_as_soon() {
    let model = model(2, 2);
    let mut watch = Drift::new(1e6).unwrap();
    let quiet = BestStranger { strangers: GALLERY, score: Score::new(0.1) };
    for _ in 0..5_000 {
        assert_eq!(watch.observe(&model, quiet), Finding::Quiet);
    }
    let loud = BestStranger { score: Score::new(0.9), ..quiet };
    let found = (1..20).find_map(|n| match watch.observe(&model, loud) {
        Finding::Quiet => None,
        Finding::TooBold { times } => Some((n, times)),
    });
    assert!(found.is_some_and(|(n, times)| n < 12 && times >= 1.0), "{found:?}");
    let text = serde_json::to_string(&watch).unwrap();
    assert_eq!(serde_json::from_str::<Drift>(&text).unwrap(), watch);
}

#[test]
fn nonsense_is_no_watch() {
    for wrong in [0.0, 0.5, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(Drift::new(wrong), None);
    }
    let mut watch = Drift::new(100.0).unwrap();
    for strangers in [0, 1, u64::MAX] {
        watch.observe(&model(2, 2), BestStranger { strangers, score: Score::new(f64::NAN) });
    }
    assert_eq!(watch.finding(), Finding::Quiet);
}

/// A payer, and strangers of other fusions than each other's.
fn decision(strangers: &[(u128, u32, f64)], unnamed: u64) -> PosteriorInput {
    let candidate = |(payer, pictures, score)| Candidate {
        payer: PayerId::from_bits(payer),
        score: Score::new(score),
        pictures,
        prior: 1e-4,
        cohort: Cohort::DEFAULT,
    };
    let named = std::iter::once((1, 2, 0.9)).chain(strangers.iter().copied()).map(candidate);
    let band = |best_score: f64| RestBand {
        best_score: Score::new(best_score),
        pictures: 1,
        people: unnamed,
        prior: 0.5,
        cohort: Cohort::DEFAULT,
    };
    PosteriorInput {
        frames: 2,
        candidates: named.collect(),
        rest: (unnamed > 0).then(|| band(0.1)).into_iter().collect(),
        prior_not_enrolled: Probability::new(0.05).unwrap(),
        impostor_inflation: 1.0,
    }
}

/// Each stranger against the threshold of the own pictures, and everybody among the number of strangers.
#[test]
fn a_recorded_decision_is_held_against_the_strangers_own_fusions() {
    let threshold = |pictures, strangers: u64| {
        let rate = Probability::new(0.05 / strangers as f64).unwrap();
        model(pictures, 2).threshold(rate).unwrap().value()
    };
    let reached = |input: &PosteriorInput, known: &[u128]| {
        let mut watch = Drift::new(1e6).unwrap();
        let known: Vec<PayerId> = known.iter().copied().map(PayerId::from_bits).collect();
        watch.observe_decision(&shipped(), input, &known).unwrap();
        (watch.payments, watch.reached)
    };
    let (one, five) = (threshold(1, 1_000), threshold(5, 1_000));
    assert!(five > one + 0.01, "more pictures raise the scores of strangers: {one} {five}");
    let between = (one + five) / 2.0;
    // 999 unnamed and the stranger: 1,000. The payer's own score says nothing.
    assert_eq!(reached(&decision(&[(2, 1, between)], 999), &[1]), (1, 1));
    assert_eq!(reached(&decision(&[(2, 5, between)], 999), &[1]), (1, 0));
    assert_eq!(reached(&decision(&[(2, 5, between), (3, 1, between)], 998), &[1]), (1, 1));
    assert_eq!(reached(&decision(&[(2, 1, one - 0.001)], 999), &[1]), (1, 0));
    assert_eq!(
        reached(&decision(&[(2, 1, one - 0.001)], 99), &[1]),
        (1, 1),
        "fewer strangers, lower threshold"
    );
    // Whoever is recorded to look like the payer is no stranger; without any there is nothing to learn.
    assert_eq!(reached(&decision(&[(2, 1, 0.95), (3, 1, 0.1)], 0), &[1, 2]), (1, 0));
    assert_eq!(reached(&decision(&[(2, 1, 0.95)], 0), &[1, 2]), (0, 0));
    assert_eq!(reached(&decision(&[], 999), &[1]), (0, 0));
}

#[test]
fn another_rate_of_false_alarms_keeps_what_was_won() {
    let mut watch = Drift::new(1e6).unwrap();
    for _ in 0..5 {
        watch.observe_decision(&shipped(), &decision(&[(2, 2, 0.9)], 0), &[PayerId::from_bits(1)]).unwrap();
    }
    assert_eq!(watch.finding(), Finding::Quiet);
    let soon = watch.alarming_once_in(100.0).unwrap();
    assert!(matches!(soon.finding(), Finding::TooBold { times } if times > 10.0), "{:?}", soon.finding());
    assert_eq!((soon.payments, soon.alarming_once_in(1e6)), (5, Some(watch)));
    assert_eq!(watch.alarming_once_in(0.0), None);
}
