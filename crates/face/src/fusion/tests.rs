use super::*;

/// Numbers that look random.
fn draw(seed: &mut u64) -> f64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 11) as f64 / (1_u64 << 53) as f64
}

fn normal(seed: &mut u64) -> f64 {
    (0..12).map(|_| draw(seed)).sum::<f64>() - 6.0
}

/// Twelve features of noise, of which the first two tell the species, by so many deviations.
fn examples(apart: f64, seed: u64) -> Vec<Example> {
    let mut seed = seed;
    let mut all = Vec::new();
    for person in 0..20 {
        for species in [None, Some("print"), Some("replay")] {
            for _ in 0..6 {
                let mut values: Vec<f64> = (0..12).map(|_| normal(&mut seed)).collect();
                match species {
                    None => {}
                    Some("print") => values[0] += apart,
                    Some(_) => values[1] -= apart,
                }
                let features = values.into_iter().enumerate();
                all.push(Example {
                    subject: format!("S{person:02}"),
                    species: species.map(str::to_owned),
                    features: features.map(|(at, v)| (format!("network0.class{at}"), Some(v))).collect(),
                });
            }
        }
    }
    all
}

fn right(heads: &(Vec<Feature>, Vec<Head>), test: &[Example]) -> f64 {
    let hits = test.iter().filter(|example| {
        let scaled: Vec<f64> = heads
            .0
            .iter()
            .zip(&example.features)
            .map(|(f, (_, v))| (v.unwrap() - f.mean) / f.deviation)
            .collect();
        let judged = judgement(&heads.1, &scaled);
        (judged.live > 0.5) == example.species.is_none()
    });
    hits.count() as f64 / test.len() as f64
}

#[test]
fn a_difference_is_found_and_noise_is_not() {
    let (training, test) = (examples(4.0, 1), examples(4.0, 2));
    let refs: Vec<&Example> = training.iter().collect();
    let (penalty, loss) = choose_penalty(&refs).unwrap();
    assert!(loss < 0.3, "{loss}");
    assert!(right(&fit_heads(&refs, penalty).unwrap(), &test) > 0.9);
    let (training, test) = (examples(0.0, 3), examples(0.0, 4));
    let refs: Vec<&Example> = training.iter().collect();
    let (penalty, loss) = choose_penalty(&refs).unwrap();
    assert!(penalty >= 30.0 && loss > 0.8, "noise is best ignored: penalty {penalty}, loss {loss}");
    let hits = right(&fit_heads(&refs, penalty).unwrap(), &test);
    assert!((0.25..0.8).contains(&hits), "{hits}");
}

/// Against the closed form: with one binary feature and hardly any penalty the log odds are those counted.
#[test]
fn the_fit_is_that_of_counting() {
    let example = |at: usize, attack: bool, value: f64| Example {
        subject: format!("S{at}"),
        species: attack.then(|| "print".to_owned()),
        features: vec![("colours".to_owned(), Some(value))],
    };
    // Of 100 attacks 80 have the feature, of 100 living faces 10.
    let all: Vec<Example> = (0..200)
        .map(|at| {
            let attack = at < 100;
            let has = if attack { at < 80 } else { at < 110 };
            example(at, attack, f64::from(u8::from(has)))
        })
        .collect();
    let refs: Vec<&Example> = all.iter().collect();
    let (features, heads) = fit_heads(&refs, 1e-9).unwrap();
    let at = |value: f64| judgement(&heads, &[(value - features[0].mean) / features[0].deviation]).live;
    assert!((at(1.0) - 10.0 / 90.0).abs() < 1e-4, "{}", at(1.0));
    assert!((at(0.0) - 90.0 / 110.0).abs() < 1e-4, "{}", at(0.0));
}

fn frame(least: f64, moire: f32, motion: Option<Motion>) -> FrameEvidence {
    let picture = PictureCues { moire_fine: moire, ..PictureCues::default() };
    let networks = vec![vec![-0.1, -2.0]];
    FrameEvidence {
        model: Digest([1; 32]),
        picture_px: [100, 100],
        faces_seen: 1,
        face_box: crate::FaceBox { x: 0.0, y: 0.0, width: 50.0, height: 50.0 },
        landmarks: [[0.0; 2]; 5],
        detection_score: 0.9,
        quality: crate::Quality {
            face_px: 50.0,
            eye_distance_px: 25.0,
            yaw: 0.0,
            pitch: 0.5,
            roll_degrees: 0.0,
            brightness: 0.5,
            sharpness: 0.02,
        },
        liveness: types::Probability::new(least),
        cues: Some(LivenessCues { networks, picture, motion }),
    }
}

fn model() -> LivenessModel {
    let provenance = TrainedOn {
        set: "made up".to_owned(),
        subjects: 9,
        captures: BTreeMap::from([("live".to_owned(), 50), ("replay".to_owned(), 50)]),
        devices: Vec::new(),
        penalty: 3.0,
        made_on: "2026-11-23".to_owned(),
        command: "surety train-liveness".to_owned(),
    };
    let feature = |name: &str, mean, deviation| Feature { name: name.to_owned(), mean, deviation };
    let features = vec![feature("moire_fine", 3.0, 1.0), feature("not_flat", 0.1, 0.05)];
    let heads = vec![Head { species: "replay".to_owned(), intercept: 0.0, weights: vec![1.0, -1.0] }];
    LivenessModel::new("own-1".to_owned(), provenance, vec![Digest([2; 32])], (features, heads)).unwrap()
}

#[test]
fn judges_all_frames_and_takes_what_is_no_number_for_no_face() {
    let model = model();
    let live = |frames: &[&FrameEvidence]| model.judge(frames).unwrap().live;
    let (plain, raster) = (frame(0.9, 3.0, None), frame(0.9, 7.0, None));
    assert!((live(&[&plain]) - 0.5).abs() < 1e-9, "one frame alone says nothing of motion");
    assert!(live(&[&raster]) < 0.02);
    let judged = model.judge(&[&plain, &raster]).unwrap();
    assert!((judged.live - 1.0 / (1.0 + 2.0_f64.exp())).abs() < 1e-9);
    assert!((judged.species["replay"] + judged.live - 1.0).abs() < 1e-9);
    let moved = frame(0.9, 3.0, Some(Motion { not_flat: 0.2, ..Motion::default() }));
    assert!(live(&[&plain, &moved]) > 0.85);
    assert!(live(&[&frame(0.9, f32::NAN, None)]).abs() < 1e-12);
    // A cue that ran away counts as six deviations and not as a thousand.
    assert!(live(&[&frame(0.9, 1_000.0, None)]) > 1e-3);
    let without = FrameEvidence { cues: None, ..plain.clone() };
    assert_eq!(model.judge(&[&plain, &without]), None);
    assert_eq!(model.judge(&[]), None);
    let least = |frames: &[&FrameEvidence]| {
        let found = capture_features(frames).unwrap();
        found.iter().find(|(name, _)| name == "least_liveness").unwrap().1.unwrap()
    };
    assert!((least(&[&plain, &frame(0.1, 3.0, None)]) - (0.1_f64 / 0.9).ln()).abs() < 1e-6);
}

#[test]
fn a_file_is_checked() {
    let model = model();
    let text = model.to_text();
    assert_eq!(LivenessModel::parse(&text).unwrap(), model);
    assert!(model.fits(&[Digest([2; 32])]).is_ok());
    for other in [&[][..], &[Digest([1; 32])], &[Digest([2; 32]), Digest([2; 32])]] {
        assert_eq!(model.fits(other), Err(LivenessModelError::OtherNetworks));
    }
    for (from, to, part) in [
        ("\"format\": 1", "\"format\": 2", "format"),
        ("\"cues\": 1", "\"cues\": 7", "version 7"),
        ("\"moire_fine\"", "\"moire_nice\"", "features"),
        ("\"moire_fine\"", "\"not_flat\"", "features"),
        ("\"deviation\": 1.0", "\"deviation\": 0.0", "features"),
        ("\"species\": \"replay\"", "\"species\": \"live\"", "heads"),
        ("\"penalty\": 3.0", "\"penalty\": -3.0", "penalty"),
        ("\"intercept\": 0.0", "\"intercept\": 0.0, \"x\": 1", "unknown field"),
        ("-1.0\n", "-1.0, 2.0\n", "weights"),
        ("{", "", "cannot be read"),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        let error = LivenessModel::parse(&changed).unwrap_err().to_string();
        assert!(error.contains(part), "{from}: {error}");
    }
}
