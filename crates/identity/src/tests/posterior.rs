use proptest::prelude::*;
use types::{PayerId, Probability, Score};

use super::{fusion, shipped};
use crate::{
    CANDIDATES_MAX, Calibration, Candidate, Certainty, Cohort, Numerals, PosteriorError, PosteriorInput,
    RestBand, Rival, posterior,
};

fn payer(number: u32) -> PayerId {
    PayerId::from_bits(u128::from(number))
}

fn probability(value: f64) -> Probability {
    Probability::new(value).unwrap()
}

fn candidate(number: u32, score: f64, prior: f64) -> Candidate {
    Candidate { payer: payer(number), score: Score::new(score), pictures: 2, prior, cohort: Cohort::DEFAULT }
}

fn input(candidates: Vec<Candidate>, rest: Vec<RestBand>) -> PosteriorInput {
    PosteriorInput {
        frames: 2,
        candidates,
        rest,
        prior_not_enrolled: probability(0.05),
        impostor_inflation: 10.0,
    }
}

fn band(best_score: f64, people: u64, prior: f64) -> RestBand {
    RestBand { best_score: Score::new(best_score), pictures: 2, people, prior, cohort: Cohort::DEFAULT }
}

fn solve(input: &PosteriorInput) -> Certainty {
    posterior(&shipped(), input).unwrap()
}

/// The posterior of one payer, whoever is best.
fn share(certainty: &Certainty, of: PayerId) -> f64 {
    let rest = certainty.rest.map_or(0.0, |rest| rest.ln_joint.exp());
    let total: f64 = certainty.terms.iter().map(|t| t.ln_joint.exp()).sum();
    let own = certainty.terms.iter().find(|t| t.payer == of).map_or(0.0, |t| t.ln_joint.exp());
    own / (total + rest + certainty.ln_not_enrolled.exp())
}

/// Bayes' rule by hand, with the likelihood ratios as they are in the file.
#[test]
fn is_bayes_rule() {
    let calibration = shipped();
    let ratio = |score: f64| {
        let model = calibration.score_model(fusion(2, 2)).unwrap();
        model.ln_likelihood_ratio(Score::new(score)).exp() / 10.0
    };
    let found = solve(&input(
        vec![candidate(1, 0.55, 1e-3), candidate(2, 0.62, 2e-4)],
        vec![band(0.3, 900, 0.7), band(0.45, 98, 0.2)],
    ));
    let (one, two) = (0.95 * 1e-3 * ratio(0.55), 0.95 * 2e-4 * ratio(0.62));
    let rest = 0.95 * (0.7 * ratio(0.3) + 0.2 * ratio(0.45));
    let others = one + rest + 0.05;
    let best = found.best.unwrap();
    assert_eq!(best.payer, payer(2));
    assert!((found.p_wrong.value() - others / (others + two)).abs() < 1e-12, "{:?}", found.p_wrong);
    assert!((best.ln_odds - (two / others).ln()).abs() < 1e-9);
    assert_eq!(found.searched, 1_000);
    let explained = found.explain();
    let (next, rival) = [(one, Rival::Payer(payer(1))), (rest, Rival::Unnamed), (0.05, Rival::NotEnrolled)]
        .into_iter()
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .unwrap();
    assert_eq!(explained.rival, rival);
    assert!((explained.times_less_likely - two / next).abs() / explained.times_less_likely < 1e-9);
    assert!((explained.one_in * found.p_wrong.value() - 1.0).abs() < 1e-12);
}

/// The case the platform exists for: the best of a thousand searched faces resembles, but not enough.
#[test]
fn the_best_of_many_need_not_be_right() {
    let far = candidate(1, 0.66, 1.5e-8);
    let found = solve(&input(vec![far], vec![band(0.2, 99_000, 0.99), band(0.44, 1_009, 0.009)]));
    assert!(found.p_wrong.value() > 0.9, "{:?}", found.p_wrong);
    let nobody = solve(&input(vec![], vec![band(0.2, 10, 1.0)]));
    assert_eq!((nobody.best, nobody.p_wrong), (None, Probability::ONE));
    assert_eq!(nobody.explain().rival, Rival::NotEnrolled);
}

/// Whoever the best candidate is, the probabilities of all explanations sum to 1.
#[test]
fn everybody_has_a_probability() {
    let found = solve(&input(vec![candidate(1, 0.8, 1e-5), candidate(2, 0.79, 1e-5)], vec![]));
    assert_eq!(found.p_other_than(payer(1)), found.p_wrong);
    assert_eq!(found.p_other_than(payer(3)), Probability::ONE);
    let right: f64 = [1, 2].map(|n| 1.0 - found.p_other_than(payer(n)).value()).iter().sum();
    assert!(right < 1.0 && right > 0.9, "{right}");
}

/// As a difference from 1 anything below 1e-16 would read as 0.
#[test]
fn tiny_probabilities_of_error_are_told_apart() {
    let mut case = input(vec![candidate(1, 0.9, 0.02)], vec![]);
    let mut before = solve(&case).p_wrong.value();
    for _ in 0..6 {
        case.prior_not_enrolled = probability(case.prior_not_enrolled.value() / 1_000.0);
        let after = solve(&case).p_wrong.value();
        assert!((before / after / 1_000.0 - 1.0).abs() < 0.06, "{before} {after}");
        before = after;
    }
    assert!(before < 1e-20);
}

#[test]
fn refuses_what_no_certainty_follows_from() {
    let refuse = |change: &dyn Fn(&mut PosteriorInput)| {
        let mut input = input(vec![candidate(1, 0.8, 0.1)], vec![band(0.3, 5, 0.5)]);
        change(&mut input);
        posterior(&shipped(), &input).unwrap_err()
    };
    for p in [0.0, 1.0] {
        let error = refuse(&|i| i.prior_not_enrolled = probability(p));
        assert!(matches!(error, PosteriorError::NotEnrolled));
    }
    for inflation in [0.5, 0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(refuse(&|i| i.impostor_inflation = inflation), PosteriorError::Inflation));
    }
    for prior in [0.0, -0.1, 0.51, 1e-320, f64::NAN, f64::INFINITY] {
        assert!(matches!(refuse(&|i| i.candidates[0].prior = prior), PosteriorError::Prior), "{prior}");
    }
    assert!(matches!(refuse(&|i| i.candidates.push(candidate(1, 0.1, 0.1))), PosteriorError::Duplicate(_)));
    assert!(matches!(refuse(&|i| i.rest[0].people = 0), PosteriorError::EmptyBand));
    assert!(matches!(refuse(&|i| i.frames = 9), PosteriorError::Calibration(_)));
    assert!(matches!(refuse(&|i| i.candidates[0].pictures = 0), PosteriorError::Calibration(_)));
    let crowd: Vec<Candidate> = (0..=64).map(|n| candidate(n, 0.1, 1e-3)).collect();
    assert_eq!(crowd.len(), CANDIDATES_MAX + 1);
    assert!(matches!(refuse(&|i| i.candidates.clone_from(&crowd)), PosteriorError::TooMany));
}

fn inputs() -> impl Strategy<Value = PosteriorInput> {
    let candidate = (-1.0..1.0_f64, 1..=5_u32, -300.0..-2.1_f64);
    let band = (-1.0..1.0_f64, 1..=5_u32, 1..1_000_000_u64, -300.0..-2.1_f64);
    (
        proptest::collection::vec(candidate, 1..8),
        proptest::collection::vec(band, 0..8),
        1..=3_u32,
        prop_oneof![1e-12..1e-6_f64, 0.01..0.99_f64, Just(f64::MIN_POSITIVE), Just(1.0 - f64::EPSILON)],
        prop_oneof![Just(1.0), 1.0..1e6_f64, Just(f64::MAX)],
    )
        .prop_map(|(candidates, rest, frames, not_enrolled, impostor_inflation)| PosteriorInput {
            frames,
            candidates: (0..)
                .zip(candidates)
                .map(|(n, (score, pictures, ln))| Candidate {
                    payer: payer(n),
                    score: Score::new(score),
                    pictures,
                    prior: 10.0_f64.powf(ln),
                    cohort: Cohort::DEFAULT,
                })
                .collect(),
            rest: rest
                .into_iter()
                .map(|(score, pictures, people, ln)| RestBand {
                    best_score: Score::new(score),
                    pictures,
                    people,
                    prior: 10.0_f64.powf(ln),
                    cohort: Cohort::DEFAULT,
                })
                .collect(),
            prior_not_enrolled: probability(not_enrolled),
            impostor_inflation,
        })
}

#[test]
fn says_how_sure_it_is() {
    let found =
        solve(&input(vec![candidate(1, 0.8, 1e-3), candidate(2, 0.62, 1e-3)], vec![band(0.3, 810, 0.9)]));
    let said = found.explain().to_string();
    for part in
        ["sure of payer_", " to 1 in ", " million times likelier", "1 payer in 1.1 thousand", "812 faces"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(
        solve(&input(vec![], vec![])).explain().to_string(),
        "nobody is a candidate; 0 faces searched"
    );
    let words = |n: f64| [Numerals::English.of(n), Numerals::Chinese.of(n)];
    assert_eq!(words(3_200_000.0), ["3.2 million", "320万"]);
    assert_eq!(words(1_000.0), ["1 thousand", "1000"]);
    assert_eq!(words(999_900.0), ["1 million", "100万"]);
    assert_eq!(words(123_456_789.0), ["120 million", "1.2亿"]);
    assert_eq!(words(4.71), ["4.7", "4.7"]);
    assert_eq!(words(2.5e13), ["25 trillion", "25万亿"]);
    assert_eq!(words(f64::INFINITY)[0], "inf");
}

fn calibrated(check: impl Fn(&Calibration) -> Result<(), TestCaseError>) -> Result<(), TestCaseError> {
    // Parsed once: it is the slowest part of a case.
    static CALIBRATION: std::sync::OnceLock<Calibration> = std::sync::OnceLock::new();
    check(CALIBRATION.get_or_init(shipped))
}

proptest! {
    #[test]
    fn is_a_probability_and_replays_bit_for_bit(input in inputs()) {
        calibrated(|calibration| {
            let found = posterior(calibration, &input).unwrap();
            let p = found.p_wrong.value();
            prop_assert!(p > 0.0 && p <= 1.0);
            prop_assert!(found.best.unwrap().ln_odds.is_finite());
            prop_assert!(found.explain().one_in >= 1.0);
            let text = serde_json::to_string(&input).unwrap();
            let again: PosteriorInput = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(&again, &input);
            let replayed = posterior(calibration, &again).unwrap();
            prop_assert_eq!(serde_json::to_string(&replayed).unwrap(), serde_json::to_string(&found).unwrap());
            let recorded: Certainty = serde_json::from_str(&serde_json::to_string(&found).unwrap()).unwrap();
            prop_assert_eq!(recorded, found);
            Ok(())
        })?;
    }

    #[test]
    fn order_does_not_matter(input in inputs(), turn in 0..8_usize) {
        calibrated(|calibration| {
            let mut turned = input.clone();
            turned.candidates.rotate_left(turn % input.candidates.len());
            turned.rest.reverse();
            prop_assert_eq!(posterior(calibration, &turned).unwrap(), posterior(calibration, &input).unwrap());
            Ok(())
        })?;
    }

    #[test]
    fn one_more_face_never_makes_anybody_else_likelier(input in inputs(), score in -1.0..1.0_f64, unnamed: bool) {
        calibrated(|calibration| {
            let mut more = input.clone();
            if unnamed {
                more.rest.push(RestBand { pictures: 1, ..band(score, 1, 0.01) });
            } else {
                more.candidates.push(candidate(99, score, 0.01));
            }
            let (before, after) =
                (posterior(calibration, &input).unwrap(), posterior(calibration, &more).unwrap());
            for c in &input.candidates {
                prop_assert!(share(&after, c.payer) <= share(&before, c.payer) * (1.0 + 1e-9));
            }
            let best = before.best.unwrap();
            if after.best.unwrap().payer == best.payer {
                prop_assert!(after.p_wrong.value() >= before.p_wrong.value() * (1.0 - 1e-9));
            }
            Ok(())
        })?;
    }

    /// Digits that select the gallery raise the certainty only as far as fewer faces and a larger share of the
    /// prior do; with the same prior and no rivals they change nothing.
    #[test]
    fn digits_as_a_filter_are_no_evidence(score in 0.3..0.99_f64, prior in 1e-6..0.5_f64, people in 1..100_000_u64) {
        let everybody = solve(&input(vec![candidate(1, score, prior)], vec![band(0.4, people, 0.4)]));
        let filtered = solve(&input(vec![candidate(1, score, prior)], vec![]));
        prop_assert!(filtered.p_wrong <= everybody.p_wrong);
        let (a, b) = (everybody.terms[0], filtered.terms[0]);
        prop_assert_eq!((a.ln_lr, a.ln_joint, everybody.ln_not_enrolled), (b.ln_lr, b.ln_joint, filtered.ln_not_enrolled));
        prop_assert_eq!(filtered.searched, 1);
    }

    #[test]
    fn a_higher_score_never_counts_less(k in 1..=5_u32, m in 1..=3_u32, a in -1.0..1.0_f64, b in -1.0..1.0_f64) {
        calibrated(|calibration| {
            let model = calibration.score_model(fusion(k, m)).unwrap();
            let (low, high) = (Score::new(a.min(b)), Score::new(a.max(b)));
            prop_assert!(model.ln_likelihood_ratio(low) <= model.ln_likelihood_ratio(high));
            prop_assert!(model.fmr(low) >= model.fmr(high));
            prop_assert!(model.fmr(low) >= model.fmr_estimate(low));
            prop_assert!(model.fnmr(low) <= model.fnmr(high));
            Ok(())
        })?;
    }
}
