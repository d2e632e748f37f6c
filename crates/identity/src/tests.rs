//! The shipped calibration, and helpers for the tests beside this file.

mod ageing;
mod cohorts;
mod drift;
mod evaluation;
mod fitting;
mod gallery;
mod place;
mod posterior;
mod presentation;

use types::{Digest, Score};

use crate::{Calibration, CalibrationError, Fusion, LN_LR_CAP, PosteriorInput, ScoreModel};

/// Of version 1: decisions were made with it.
const FIRST: &str = include_str!("../../../policy/calibration/sface-lfw-dev.json");
const SHIPPED: &str = include_str!("../../../policy/calibration/sface-lfw-dev-2.json");
const SFACE: &str = "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79";

fn shipped() -> Calibration {
    Calibration::parse(SHIPPED).unwrap()
}

fn fusion(gallery_pictures: u32, probe_frames: u32) -> Fusion {
    Fusion { gallery_pictures, probe_frames }
}

fn model(gallery_pictures: u32, probe_frames: u32) -> ScoreModel {
    shipped().score_model(fusion(gallery_pictures, probe_frames)).unwrap().clone()
}

/// A decision recorded by the program that knew only version 1 of the file: the same certainty, bit for bit.
#[test]
fn decisions_of_the_first_version_replay() {
    let input = r#"{"frames":2,"candidates":[{"payer":"payer_00000000000000000000000000000001","score":0.6123,"pictures":2,"prior":0.000033},{"payer":"payer_00000000000000000000000000000002","score":0.4567,"pictures":5,"prior":0.0199},{"payer":"payer_00000000000000000000000000000003","score":0.311,"pictures":3,"prior":1e-6}],"rest":[{"best_score":0.28,"pictures":2,"people":812,"prior":0.61},{"best_score":0.12,"pictures":4,"people":99000,"prior":0.3}],"prior_not_enrolled":0.05,"impostor_inflation":10.0}"#;
    let recorded = r#"{"best":{"payer":"payer_00000000000000000000000000000001","ln_odds":0.5904789792067566},"p_wrong":0.35652496178247106,"terms":[{"payer":"payer_00000000000000000000000000000001","score":0.6123,"pictures":2,"ln_prior":-10.370296290885344,"ln_lr":8.10209690700595,"ln_joint":-2.2681993838793932},{"payer":"payer_00000000000000000000000000000002","score":0.4567,"pictures":5,"ln_prior":-3.968328841639241,"ln_lr":-1.0484330929940469,"ln_joint":-5.016761934633288},{"payer":"payer_00000000000000000000000000000003","score":0.311,"pictures":3,"ln_prior":-13.866803852351824,"ln_lr":-6.258545092994046,"ln_joint":-20.12534894534587}],"rest":{"people":99812,"prior":0.9099999999999999,"ln_joint":-7.238275637373135},"ln_not_enrolled":-2.995732273553991,"searched":99815}"#;
    let first = Calibration::parse(FIRST).unwrap();
    let found = crate::posterior(&first, &serde_json::from_str::<PosteriorInput>(input).unwrap()).unwrap();
    assert_eq!(serde_json::to_string(&found).unwrap(), recorded);
    assert_eq!(
        serde_json::to_string(&serde_json::from_str::<PosteriorInput>(input).unwrap()).unwrap(),
        input
    );
}

#[test]
fn belongs_to_one_embedder() {
    let calibration = shipped();
    assert!(calibration.for_model(SFACE.parse().unwrap()).is_ok());
    let other = calibration.for_model(Digest([7; 32]));
    assert!(matches!(other, Err(CalibrationError::OtherModel { .. })), "{other:?}");
}

/// Parses the shipped file after one change; the error without its source.
fn refusal(change: impl Fn(&mut serde_json::Value)) -> String {
    let mut value: serde_json::Value = serde_json::from_str(SHIPPED).unwrap();
    change(&mut value);
    match Calibration::parse(&value.to_string()) {
        Ok(_) => "accepted".to_owned(),
        Err(CalibrationError::Invalid(source)) => source.to_string(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn refuses_broken_files() {
    let expect = |part: &str, change: &dyn Fn(&mut serde_json::Value)| {
        let said = refusal(change);
        assert!(said.contains(part), "{part}: {said}");
    };
    expect("version 3", &|v| v["version"] = 3.into());
    expect("provenance is incomplete", &|v| v["provenance"]["id"] = " ".into());
    expect("provenance is incomplete", &|v| v["provenance"]["people"] = 0.into());
    expect("64 hexadecimal digits", &|v| v["provenance"]["embedder"] = "0ba9".into());
    expect("month", &|v| v["provenance"]["made_on"] = "2026-13-01".into());
    expect("unknown field `surprise`", &|v| v["surprise"] = 1.into());
    expect("unknown field `surprise`", &|v| v["models"][3]["impostor"]["surprise"] = 1.into());
    expect("one score model per fusion", &|v| v["models"] = serde_json::json!([]));
    expect("one score model per fusion", &|v| v["models"][1] = v["models"][0].clone());
    expect("at least one picture", &|v| v["models"][0]["fusion"]["probe_frames"] = 0.into());
    expect("at least two rows", &|v| v["models"][0]["knots"] = serde_json::json!([]));
    expect("facts about the fit", &|v| v["models"][0]["impostor"]["scale"] = 0.into());
    expect("facts about the fit", &|v| v["models"][0]["genuine"]["people"] = 0.into());
    for (column, value, part) in [
        (0, 0.49, "row 100 breaks the order"),
        (0, 5.0, "row 100 holds a value"),
        (1, -20.0, "row 100 breaks the order"),
        (1, 20.8, "row 100 holds a value"),
        (2, -1.0, "row 100 holds a value"),
        (2, -27.0, "row 101 breaks the order"),
        (3, 0.1, "row 100 holds a value"),
        (4, 1.1, "row 100 holds a value"),
        (4, 0.9, "row 101 breaks the order"),
    ] {
        expect(part, &|v| v["models"][0]["knots"][100][column] = value.into());
    }
    let cut = Calibration::parse(&SHIPPED[..SHIPPED.len() / 2]);
    assert!(matches!(cut, Err(CalibrationError::Invalid(_))));
}

#[test]
fn survives_its_own_text() {
    let text = serde_json::to_string(&shipped()).unwrap();
    assert_eq!(Calibration::parse(&text).unwrap(), shipped());
    assert_eq!(shipped().to_text(), SHIPPED);
}

#[test]
fn picks_the_next_larger_fusion_and_never_a_smaller_one() {
    let whole = shipped();
    let models = whole.models().iter().filter(|m| m.fusion() != fusion(2, 2) && m.fusion() != fusion(2, 3));
    let holed = Calibration::new(whole.provenance().clone(), models.cloned().collect()).unwrap();
    let picked = |k, m| holed.score_model(fusion(k, m)).map(ScoreModel::fusion);
    assert_eq!(picked(2, 1).unwrap(), fusion(2, 1));
    assert_eq!(picked(2, 2).unwrap(), fusion(3, 2));
    for (k, m) in [(6, 1), (1, 4), (0, 1), (1, 0), (u32::MAX, u32::MAX)] {
        assert!(matches!(picked(k, m), Err(CalibrationError::FusionNotCovered(_))), "{k} {m}");
    }
}

/// Why the next larger fusion may stand in: where scores decide, it never says noticeably more, and mostly less.
#[test]
fn larger_fusions_say_less_of_the_same_score() {
    let models = shipped();
    for small in models.models() {
        for large in models.models() {
            let covers = large.fusion().gallery_pictures >= small.fusion().gallery_pictures
                && large.fusion().probe_frames >= small.fusion().probe_frames;
            for hundredth in 30..=99 {
                let score = Score::new(f64::from(hundredth) / 100.0);
                let gain = large.ln_likelihood_ratio(score) - small.ln_likelihood_ratio(score);
                // Sampling noise between fits: a factor of two.
                let noise = 2.0_f64.ln();
                assert!(!covers || gain < noise, "{:?} {:?} {score} {gain}", small.fusion(), large.fusion());
            }
        }
    }
}

/// What a person may rely on: the numbers of the shipped file for two pictures against two frames.
#[test]
fn two_pictures_against_two_frames() {
    let two = model(2, 2);
    let ln_lr = |score: f64| two.ln_likelihood_ratio(Score::new(score));
    // A stranger's typical score is strong evidence against, a genuine one strong evidence for.
    assert!(ln_lr(0.1) < -5.0 && ln_lr(0.73) > 15.0 && ln_lr(0.85) > 20.0);
    assert!(two.ln_lr_cap() <= LN_LR_CAP);
    // 0.515 is the upper-band threshold of FMR 1e-5; the estimate's is lower.
    let rate = types::Probability::new(1e-5).unwrap();
    let (upper, estimate) = (two.threshold(rate).unwrap(), two.threshold_estimate(rate).unwrap());
    assert!(upper > estimate && (0.50..0.53).contains(&upper.value()), "{upper} {estimate}");
    assert!((two.fmr(upper).value() / 1e-5 - 1.0).abs() < 1e-6);
    assert!(two.fmr_estimate(upper) < two.fmr(upper));
    assert!(two.fnmr(upper).value() < 0.01);
    assert_eq!(two.threshold(types::Probability::ZERO), None);
}
