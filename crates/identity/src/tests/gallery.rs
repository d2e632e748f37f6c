//! A gallery of people who do not exist, whose truth is known.

use types::{Digest, Probability, Score, Template};

use super::{fusion, shipped};
use crate::fit::{Enrolled, FitError, GALLERY_PEOPLE_MIN, GalleryError, SplitMix, recalibrate};
use crate::{Calibration, Fusion, Provenance, ScoreModel};

/// Two of them score less than any threshold with the probability that two directions in 128 dimensions do.
const DIMENSION: i32 = 128;

fn gallery(people: usize, seed: u64, pictures: impl Fn(usize) -> u32) -> Vec<Enrolled> {
    let mut random = SplitMix::new(seed);
    let mut one = |n: usize| {
        #[expect(clippy::cast_possible_truncation, reason = "templates are of that kind")]
        let values = (0..DIMENSION).map(|_| random.normal() as f32).collect();
        Enrolled { template: Template::normalised(values).unwrap(), pictures: pictures(n) }
    };
    (0..people).map(&mut one).collect()
}

/// P(cosine > t) of two random directions: the density is (1 - t^2)^((n - 3) / 2), up to a factor.
fn truth(t: f64) -> f64 {
    let density = |t: f64| (1.0 - t * t).powf(f64::from(DIMENSION - 3) / 2.0);
    let sum = |from: f64| {
        let step = (1.0 - from) / 20_000.0;
        (0..20_000).map(|i| density(from + (f64::from(i) + 0.5) * step) * step).sum::<f64>()
    };
    sum(t) / sum(-1.0)
}

#[test]
fn a_galleries_own_strangers_are_known_again() {
    let made = recalibrate(shipped().models(), &gallery(700, 1, |_| 5), |_| ()).unwrap();
    assert!(made.carried.is_empty());
    assert_eq!(made.models.len(), shipped().models().len());
    assert_eq!(made.comparisons, 700 * 699 / 2 * made.models.len() as u64);
    for model in &made.models {
        for t in [0.2, 0.25, 0.3, 0.35, 0.4, 0.45] {
            let (estimate, upper) =
                (model.fmr_estimate(Score::new(t)).value(), model.fmr(Score::new(t)).value());
            assert!(upper >= truth(t), "{:?} at {t}: {upper:e} is below {:e}", model.fusion(), truth(t));
            let seen = truth(t) * 244_650.0 > 30.0;
            assert!(!seen || (0.7..1.4).contains(&(estimate / truth(t))), "{t}: {estimate:e} {:e}", truth(t));
        }
    }
}

/// The owners are those of the calibration that is built on: the same strangers give the same likelihood ratios.
#[test]
fn owners_are_carried_over() {
    let made = recalibrate(shipped().models(), &gallery(400, 2, |_| 5), |_| ()).unwrap();
    let again = recalibrate(&made.models, &gallery(400, 2, |_| 5), |_| ()).unwrap();
    for (base, (one, two)) in shipped().models().iter().zip(made.models.iter().zip(&again.models)) {
        let sorted = shipped();
        let own = sorted.score_model(one.fusion()).unwrap();
        assert_eq!((one.genuine(), base.fusion().probe_frames > 0), (own.genuine(), true));
        for hundredth in -20..=95 {
            let score = Score::new(f64::from(hundredth) / 100.0);
            assert!((one.fnmr(score).value() - own.fnmr(score).value()).abs() < 0.01, "{score}");
            let (a, b) = (one.ln_likelihood_ratio(score), two.ln_likelihood_ratio(score));
            assert!((a - b).abs() < 0.3, "{:?} {score} {a} {b}", one.fusion());
        }
    }
}

#[test]
fn few_people_with_many_pictures_keep_the_others_strangers_but_no_bolder() {
    let base = shipped();
    // Everybody has two pictures, a third of them has five.
    let made =
        recalibrate(base.models(), &gallery(600, 3, |n| if n % 3 == 0 { 5 } else { 2 }), |_| ()).unwrap();
    let large = |f: &Fusion| f.gallery_pictures > 2 || f.probe_frames > 2;
    let wanted: Vec<Fusion> = base.models().iter().map(ScoreModel::fusion).filter(large).collect();
    let mut carried = made.carried.clone();
    carried.sort_unstable();
    assert_eq!(carried, wanted);
    let of = |f: Fusion| made.models.iter().find(|model| model.fusion() == f).unwrap();
    for fusion_ in carried {
        for hundredth in -50..=99 {
            let score = Score::new(f64::from(hundredth) / 100.0);
            let rate = of(fusion_).fmr(score);
            assert!(rate >= base.score_model(fusion_).unwrap().fmr(score));
            assert!(rate >= of(fusion(2, 2)).fmr(score));
        }
    }
    let provenance = Provenance {
        id: "own-1".to_owned(),
        embedder: Digest([1; 32]),
        builds_on: Some("sface-lfw-dev-2".to_owned()),
        ..base.provenance().clone()
    };
    let calibration = Calibration::new(provenance, made.models).unwrap();
    assert_eq!(Calibration::parse(&calibration.to_text()).unwrap(), calibration);
    assert!(calibration.to_text().contains("\"builds_on\":\"sface-lfw-dev-2\""));
}

#[test]
fn few_people_are_refused() {
    let refused = |gallery: &[Enrolled]| recalibrate(shipped().models(), gallery, |_| ()).unwrap_err();
    let few = gallery(GALLERY_PEOPLE_MIN - 1, 4, |_| 5);
    assert_eq!(refused(&few), GalleryError::TooFewPeople { found: 399 });
    assert_eq!(refused(&[]), GalleryError::TooFewPeople { found: 0 });
    // Enough of them, but all the same person: nothing to learn from.
    let same = vec![few[0].clone(); 400];
    assert_eq!(refused(&same), GalleryError::Fit(FitError::TooFewImpostors));
    let rate = Probability::new(1e-6).unwrap();
    let model = recalibrate(shipped().models(), &gallery(GALLERY_PEOPLE_MIN, 4, |_| 5), |_| ());
    assert!(model.unwrap().models[0].threshold(rate).is_some());
}
