use types::{PayerId, Probability, Score, Template};

use super::{fusion, shipped};
use crate::fit::{Repeat, SplitMix, compare, fit_all, from_gallery};
use crate::{
    Calibration, CalibrationError, Candidate, Cohort, CohortModels, Fusion, Knot, LN_FMR_FLOOR, LN_LR_CAP,
    PosteriorError, PosteriorInput, RestBand, ScoreModel, posterior,
};

/// The shipped models as those of people whose strangers match `times` as often.
fn cohort(name: &str, times: f64) -> CohortModels {
    let harder = |model: &ScoreModel| {
        let shift = |knot: &Knot| Knot {
            ln_lr: (knot.ln_lr - times.ln()).min(LN_LR_CAP),
            ln_fmr: (knot.ln_fmr + times.ln()).clamp(LN_FMR_FLOOR, 0.0),
            ln_fmr_upper: (knot.ln_fmr_upper + times.ln()).clamp(LN_FMR_FLOOR, 0.0),
            ..*knot
        };
        let knots = model.knots().iter().map(shift);
        ScoreModel::new(model.fusion(), *model.impostor(), *model.genuine(), knots.collect()).unwrap()
    };
    CohortModels { name: name.to_owned(), models: shipped().models().iter().map(harder).collect() }
}

fn two() -> Calibration {
    shipped().with_cohorts(vec![cohort("south", 9.0), cohort("north", 2.0)]).unwrap()
}

fn input(cohort: Cohort) -> PosteriorInput {
    let candidate =
        Candidate { payer: PayerId::from_bits(1), score: Score::new(0.62), pictures: 2, prior: 1e-3, cohort };
    let rest = RestBand { best_score: Score::new(0.3), pictures: 2, people: 99, prior: 0.9, cohort };
    PosteriorInput {
        frames: 2,
        candidates: vec![candidate],
        rest: vec![rest],
        prior_not_enrolled: Probability::new(0.05).unwrap(),
        impostor_inflation: 1.0,
    }
}

#[test]
fn each_payer_is_measured_by_the_own_cohort() {
    let calibration = two();
    let p_wrong = |c: Cohort| posterior(&calibration, &input(c)).unwrap().p_wrong.value();
    let [south, north] = ["south", "north"].map(|name| calibration.cohort(name).unwrap());
    assert!(p_wrong(Cohort::DEFAULT) < p_wrong(north) && p_wrong(north) < p_wrong(south));
    let certainty = posterior(&calibration, &input(south)).unwrap();
    let plain = posterior(&shipped(), &input(Cohort::DEFAULT)).unwrap();
    assert!((plain.terms[0].ln_lr - certainty.terms[0].ln_lr - 9.0_f64.ln()).abs() < 1e-9);
    assert_eq!(calibration.cohort("default"), None);
    assert_eq!(calibration.cohort("west"), None);
    // A calibration without that cohort refuses rather than measure by another.
    let refused = posterior(&shipped(), &input(south)).unwrap_err();
    assert!(matches!(refused, PosteriorError::Calibration(CalibrationError::NoSuchCohort)));
}

#[test]
fn a_cohort_is_never_bolder_than_everybody() {
    let bold = shipped().with_cohorts(vec![cohort("bold", 0.1)]).unwrap();
    let one = bold.cohort("bold").unwrap();
    for model in bold.models() {
        let own = bold.score_model_of(one, model.fusion()).unwrap();
        for hundredth in -50..=100 {
            let score = Score::new(f64::from(hundredth) / 100.0);
            assert!(own.ln_likelihood_ratio(score) <= model.ln_likelihood_ratio(score));
            assert!(own.fmr(score) >= model.fmr(score));
        }
    }
}

#[test]
fn the_file_keeps_cohorts_and_refuses_odd_ones() {
    let calibration = two();
    let again = Calibration::parse(&calibration.to_text()).unwrap();
    assert_eq!(again, calibration);
    assert_eq!(again.cohorts().iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["north", "south"]);
    let refuse = |cohorts: Vec<CohortModels>| shipped().with_cohorts(cohorts).unwrap_err();
    assert!(matches!(refuse(vec![cohort("a", 2.0), cohort("a", 3.0)]), CalibrationError::Cohorts));
    for name in ["", " ", "default"] {
        assert!(matches!(refuse(vec![cohort(name, 2.0)]), CalibrationError::Cohorts), "{name}");
    }
    let mut short = cohort("a", 2.0);
    short.models.pop();
    assert!(matches!(refuse(vec![short]), CalibrationError::Cohorts));
    let empty = CohortModels { name: "a".to_owned(), models: Vec::new() };
    assert!(matches!(refuse(vec![empty]), CalibrationError::Models));
    let many = (0..65).map(|n| CohortModels { name: n.to_string(), models: Vec::new() }).collect();
    assert!(matches!(refuse(many), CalibrationError::Cohorts));
    // Version 1 had none.
    let text = calibration.to_text().replacen("\"version\":2", "\"version\":1", 1);
    assert!(Calibration::parse(&text).is_err());
}

/// A decision of the default cohort is written as it was before there were others.
#[test]
fn the_default_cohort_leaves_no_trace_in_records() {
    assert!(!serde_json::to_string(&input(Cohort::DEFAULT)).unwrap().contains("cohort"));
    let south = two().cohort("south").unwrap();
    let text = serde_json::to_string(&input(south)).unwrap();
    assert_eq!(serde_json::from_str::<PosteriorInput>(&text).unwrap(), input(south));
}

/// People in 32 dimensions who have something in common with everybody, each with several pictures.
pub(super) fn crowd(people: usize, pictures: usize, seed: u64) -> Vec<Vec<Template>> {
    let mut random = SplitMix::new(seed);
    let person = |random: &mut SplitMix| (0..32).map(|_| random.normal()).collect::<Vec<f64>>();
    (0..people)
        .map(|_| {
            let own = person(&mut random);
            let picture = |random: &mut SplitMix| {
                let noise = person(random);
                #[expect(clippy::cast_possible_truncation, reason = "templates are of that kind")]
                let values = own.iter().zip(noise).map(|(o, n)| (o + 0.5 * n) as f32);
                Template::normalised(values.collect()).unwrap()
            };
            (0..pictures).map(|_| picture(&mut random)).collect()
        })
        .collect()
}

#[test]
fn templates_alone_make_a_calibration() {
    let people = crowd(420, 3, 1);
    let mut heard = Vec::new();
    let fitted =
        fit_all(&people, Fusion { gallery_pictures: 2, probe_frames: 2 }, |f| heard.push(f)).unwrap();
    assert_eq!(heard.len(), 4);
    // Two against two has no person with four pictures, so no genuine score.
    assert_eq!(fitted.models.iter().map(ScoreModel::fusion).collect::<Vec<_>>(), heard[..3]);
    assert_eq!(fitted.refused.len(), 1);
    let genuine = compare(&people, fusion(1, 1)).unwrap().genuine;
    assert!(genuine.iter().all(|r| r.score > 0.2) && genuine.len() == 420 * 8);
}

/// From a gallery's own templates the impostor side comes out as from a set made for it.
#[test]
fn a_gallery_calibrates_itself() {
    let gallery: Vec<Template> = crowd(420, 1, 2).into_iter().flatten().collect();
    let people = crowd(420, 2, 3);
    let genuine: Vec<Repeat> = compare(&people, fusion(1, 1)).unwrap().genuine;
    let own = from_gallery(&gallery, 1, genuine.clone(), None).unwrap();
    let reference = &fit_all(&people, fusion(1, 1), |_| ()).unwrap().models[0];
    assert_eq!(own.fusion(), fusion(1, 1));
    for rate in [1e-2, 1e-3, 1e-4] {
        let rate = Probability::new(rate).unwrap();
        let [a, b] = [&own, reference].map(|m| m.threshold_estimate(rate).unwrap().value());
        assert!((a - b).abs() < 0.03, "{rate:?} {a} {b}");
    }
    // Twelve payers who were recognised a few times are enough for the genuine side, and make it wider.
    let few: Vec<Repeat> = genuine.into_iter().filter(|r| r.person < 12).collect();
    let wide = from_gallery(&gallery, 1, few, None).unwrap();
    assert_eq!(wide.genuine().people, 12);
    let high = Score::new(0.85);
    assert!(wide.ln_likelihood_ratio(high) <= own.ln_likelihood_ratio(high) + 0.1);
    assert!(from_gallery(&gallery[..100], 1, Vec::new(), None).is_err());
}
