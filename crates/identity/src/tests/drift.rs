use types::Score;

use super::model;
use crate::drift::{BestStranger, Drift, Finding};
use crate::fit::SplitMix;

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
