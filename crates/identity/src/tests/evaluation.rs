use types::{Digest, Probability};

use super::cohorts::crowd;
use super::fusion;
use crate::eval::{
    Action, FoldPair, FusionRule, Part, Plan, Prediction, Rule, Share, Subject, Trial, Verifying, evaluate,
    open_set, outcomes_by_rule, outcomes_by_threshold, reliability, ten_fold, verification,
};
use crate::fit::{Comparison, Repeat, Scores, SplitMix, fit_all};
use crate::{Calibration, Fusion, Provenance, clopper_pearson};

#[test]
fn intervals_are_those_of_the_tables() {
    // Clopper and Pearson for 0, 1 and 10 of 10 and 5 of 100: 30.85 %; 0.25 to 44.50 %; 69.15 %; 1.64 to 11.28 %.
    let close =
        |(low, high): (f64, f64), (a, b): (f64, f64)| (low - a).abs() < 1e-4 && (high - b).abs() < 1e-4;
    assert!(close(clopper_pearson(0.0, 10.0), (0.0, 0.3085)));
    assert!(close(clopper_pearson(1.0, 10.0), (0.0025, 0.4450)));
    assert!(close(clopper_pearson(10.0, 10.0), (0.6915, 1.0)));
    assert!(close(clopper_pearson(5.0, 100.0), (0.0164, 0.1128)));
    assert!(close(clopper_pearson(0.0, 0.0), (0.0, 1.0)));
    // Nobody hit: the rule of three, a little more.
    let none = Share::of_people(&vec![(0.0, 4.0); 300]);
    assert!(none.low.abs() < 1e-12 && (0.01..0.013).contains(&none.high), "{none:?}");
    assert!((Share::of_people(&[]).high - 1.0).abs() < 1e-12);
}

/// Intervals by people hold the truth about as often as they say, where pictures of a person fail together.
#[test]
fn intervals_count_people() {
    let mut random = SplitMix::new(1);
    let covered = (0..200)
        .filter(|_| {
            let people: Vec<(f64, f64)> =
                (0..200).map(|_| if random.uniform() < 0.1 { (5.0, 5.0) } else { (0.0, 5.0) }).collect();
            let share = Share::of_people(&people);
            share.low <= 0.1 && 0.1 <= share.high
        })
        .count();
    assert!((180..=199).contains(&covered), "{covered}");
}

#[test]
fn nobody_is_in_both_parts() {
    let names: Vec<String> = (0..2_000).map(|n| format!("Person_{n}")).collect();
    let test = names.iter().filter(|name| Part::of(name) == Part::Test).count();
    assert!((900..1_100).contains(&test), "{test}");
    // Fixed for good: a calibration made today is tested on the same people tomorrow.
    assert_eq!(
        ["Aaron", "Berta", "Cem", "Dai"].map(Part::of),
        ["Aaron", "Berta", "Cem", "Dai"].map(Part::of)
    );
}

/// Two normal populations: 0.3 and 0.1 apart from the middle, where both errors are those of a normal distribution.
#[test]
fn verification_finds_the_known_errors() {
    let mut random = SplitMix::new(2);
    let scores = Scores {
        impostor: (0..400_000)
            .map(|n| Comparison { score: 0.1 + 0.1 * random.normal(), people: [n, n + 1] })
            .collect(),
        genuine: (0..50_000).map(|n| Repeat { score: 0.6 + 0.1 * random.normal(), person: n / 5 }).collect(),
    };
    let found = verification(&Verifying::new(scores).unwrap());
    // Thresholds at 2.5 and 3.0902 standard deviations; 2.5 is where both are equal: 0.6210 %.
    assert!((found.equal_error_rate - 0.006_21).abs() < 5e-4, "{found:?}");
    let point = found.points[0];
    assert!((point.threshold - 0.409_02).abs() < 3e-3 && point.measured, "{point:?}");
    // P(Z < -1.9098) = 2.808 %.
    assert!(point.fnmr.low < 0.028_1 && point.fnmr.high > 0.028_1 && point.fnmr.high < 0.031, "{point:?}");
    assert!(!found.points[3].measured);
    assert!(Verifying::new(Scores::default()).is_none());
}

#[test]
fn folds_take_their_threshold_from_the_others() {
    let pair = |fold, score, same| FoldPair { fold, score, same };
    // Any threshold between 0.3 and 0.5 is right everywhere but for one pair of the second fold.
    let mut pairs = Vec::new();
    for fold in 0..10 {
        pairs.extend([
            pair(fold, 0.5, true),
            pair(fold, 0.3, false),
            pair(fold, 0.6, true),
            pair(fold, 0.2, false),
        ]);
    }
    pairs[5].score = 0.9;
    let found = ten_fold(&pairs).unwrap();
    assert_eq!(found.folds, 10);
    assert!((found.accuracy - 0.975).abs() < 1e-9, "{found:?}");
    assert!((found.standard_error - 0.025).abs() < 1e-9, "{found:?}");
    assert_eq!(ten_fold(&pairs[..4]), None);
}

#[test]
fn open_set_counts_what_is_missed_or_mistaken() {
    let trial = |person, enrolled, right, sureness| Trial { person, enrolled, right, sureness };
    let mut trials: Vec<Trial> = (0..1_000).map(|n| trial(n, false, false, f64::from(n))).collect();
    // Ten of a thousand strangers may be found: the threshold lies just above 989.
    trials.extend((0..100).map(|n| trial(2_000 + n, true, true, 980.0 + f64::from(n))));
    trials.push(trial(3_000, true, false, 2_000.0));
    let found = open_set(&trials).unwrap();
    let first = &found.points[0];
    assert!(first.threshold > 989.0 && first.threshold < 990.0 && first.measured, "{first:?}");
    assert!((first.fnir.value - 11.0 / 101.0).abs() < 1e-9, "{first:?}");
    assert!((found.rank_one.value - 100.0 / 101.0).abs() < 1e-9);
    assert!(!found.points[1].measured);
    assert!(open_set(&trials[..1_000]).is_none());
}

/// Answers that are wrong exactly as often as they say, and answers that are ten times as often.
#[test]
fn reliability_tells_honest_answers_from_bold_ones() {
    let judge = |boldness: f64| {
        let mut random = SplitMix::new(4);
        let answers: Vec<Prediction> = (0..200_000)
            .map(|_| {
                let p = 10.0_f64.powf(-4.0 * random.uniform());
                Prediction { p_wrong: p, wrong: random.uniform() < (p * boldness).min(1.0), weight: 1.0 }
            })
            .collect();
        reliability(&answers).unwrap()
    };
    let (honest, bold) = (judge(1.0), judge(10.0));
    // One interval of twenty may miss.
    let missed = honest.bins.iter().filter(|b| b.low > b.stated || b.stated > b.high).count();
    assert!(missed <= 1 && honest.bins.len() == 5, "{honest:?}");
    assert!(bold.bins.iter().filter(|b| b.low > b.stated).count() >= 3, "{bold:?}");
    assert!(honest.expected_calibration_error < 0.002 && bold.expected_calibration_error > 0.1);
    assert!(bold.brier > honest.brier && bold.log_loss > honest.log_loss);
    // Mean of p (1 - p) for p = 10^-4u: 1 / (4 ln 10) (1 - 1/2) = 0.0543.
    assert!((honest.brier - 0.0543).abs() < 0.002, "{}", honest.brier);
    assert!(reliability(&[]).is_none());
    // Two wrong answers that count half each are one in eleven, not two in twelve.
    let answer = |wrong, weight| Prediction { p_wrong: 0.1, wrong, weight };
    let mut weighted = vec![answer(false, 1.0); 10];
    weighted.extend([answer(true, 0.5); 2]);
    let weighted = reliability(&weighted).unwrap();
    assert!((weighted.bins[0].observed - 1.0 / 11.0).abs() < 1e-12, "{weighted:?}");
    let certain =
        reliability(&[Prediction { p_wrong: f64::MIN_POSITIVE, wrong: true, weight: 1.0 }]).unwrap();
    assert!(certain.log_loss.is_finite());
}

#[test]
fn outcomes_follow_the_rule() {
    let action = |person, right, p_wrong: f64, score| Action {
        person,
        enrolled: person < 4,
        right,
        score,
        p_wrong,
        fmr: 1e-9,
    };
    let actions = [
        action(0, true, 1e-8, 0.9),
        action(1, true, 1e-3, 0.6),
        action(2, false, 0.95, 0.3),
        action(3, true, 1e-7, 0.8),
        action(4, false, 1e-7, 0.55),
    ];
    let rule = Rule { p_wrong_max: 1e-6, fmr_max: 1e-8, refuse_above: 0.9 };
    let found = outcomes_by_rule(&actions, rule, &[1e-6, 1e-9]);
    let shares = |i: usize| {
        let o: crate::eval::Outcomes = found[i];
        [o.wrong_debit, o.debited, o.asked, o.refused].map(|s| (s.value * 100.0).round())
    };
    assert_eq!(shares(0).map(f64::to_bits), [20.0, 50.0, 25.0, 25.0].map(f64::to_bits));
    assert_eq!(shares(1).map(f64::to_bits), [0.0, 0.0, 75.0, 25.0].map(f64::to_bits));
    let strict = outcomes_by_rule(&actions, Rule { fmr_max: 1e-10, ..rule }, &[1e-6]);
    assert!(strict[0].debited.value < 1e-9);
    let fixed = outcomes_by_threshold(&actions, &[0.5]);
    assert!((fixed[0].wrong_debit.value - 0.2).abs() < 1e-9 && (fixed[0].debited.value - 0.75).abs() < 1e-9);
}

/// The whole way over people made of numbers: several templates beat one, and the posterior can be believed.
#[test]
fn a_set_of_people_is_evaluated() {
    let plan = Plan {
        gallery_sizes: vec![60],
        fusions: vec![fusion(1, 1), fusion(2, 1)],
        rules: vec![FusionRule::Mean, FusionRule::Weighted],
        policy: Rule { p_wrong_max: 1e-6, fmr_max: 1e-8, refuse_above: 0.9 },
        impostor_inflation: 1.0,
        prior_not_enrolled: Probability::new(0.05).unwrap(),
    };
    let training = crowd(420, 3, 5);
    let fitted = fit_all(&training, Fusion { gallery_pictures: 2, probe_frames: 1 }, |_| ()).unwrap();
    let provenance = Provenance {
        id: "numbers".to_owned(),
        embedder: Digest([1; 32]),
        set: "generated".to_owned(),
        people: 420,
        templates: 1_260,
        comparisons: fitted.comparisons,
        made_on: jiff::civil::date(2026, 11, 23),
        command: "a test".to_owned(),
        builds_on: None,
    };
    let calibration = Calibration::new(provenance, fitted.models).unwrap();
    let subjects: Vec<Subject> = (0..)
        .zip(crowd(180, 4, 6))
        .map(|(n, templates)| Subject {
            name: format!("{n}"),
            weights: vec![1.0; templates.len()],
            templates,
        })
        .collect();
    let mut steps = 0;
    let report = evaluate(&calibration, &subjects, &plan, || steps += 1).unwrap();
    assert_eq!((steps, report.people, report.pictures, report.galleries.len()), (5, 180, 720, 4));
    let [one, weighted, two, _] = report.galleries.as_slice() else { panic!("{}", report.galleries.len()) };
    assert_eq!(one.search.by_score, weighted.search.by_score);
    assert_eq!((one.search.enrolled, one.search.by_posterior.strangers), (60, 120));
    let missed = |g: &crate::eval::GalleryReport| g.search.by_posterior.points[0].fnir.value;
    assert!(missed(two) <= missed(one), "{} {}", missed(two), missed(one));
    // Nobody is debited wrongly at the policy's own bound.
    assert!(two.search.policy[0].wrong_debit.value < 1e-12);
    let text = serde_json::to_string(&report).unwrap();
    assert!(text.contains("\"fpir\":0.01") && !text.contains("null"), "{text}");
    assert!(evaluate(&calibration, &subjects[..1], &plan, || ()).is_err());
}
