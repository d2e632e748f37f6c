//! The golden numbers of `tests/golden`, made by an independent pipeline, and what needs the insides to test.

use super::*;
use crate::picture::Opened;
use serde::Deserialize;
use std::thread;

#[derive(Deserialize)]
struct Golden {
    pictures: Vec<Expected>,
}

#[derive(Deserialize)]
struct Expected {
    picture: String,
    faces: usize,
    score: f32,
    #[serde(rename = "box")]
    face_box: [f32; 4],
    landmarks: [[f32; 2]; 5],
    liveness: f64,
    liveness_restless: f64,
    embedding: Vec<f32>,
}

const LANDMARK_PX: f32 = 1.0;
const COSINE_MIN: f64 = 0.999;
const LIVENESS: f64 = 0.01;

fn installed(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../var").join(name);
    assert!(path.exists(), "{} is missing: run `cargo xtask models`", path.display());
    path
}

fn models(lanes: usize) -> FaceModels {
    let concurrency = Concurrency { lanes: NonZeroUsize::new(lanes).unwrap(), wait: Duration::from_secs(60) };
    FaceModels::load_with(&installed("models"), &Manifest::embedded().unwrap(), concurrency).unwrap()
}

fn golden() -> Vec<Expected> {
    serde_json::from_str::<Golden>(include_str!("../../tests/golden/golden.json")).unwrap().pictures
}

fn sample(name: &str) -> Vec<u8> {
    std::fs::read(installed(&format!("samples/{name}"))).unwrap()
}

#[test]
fn agrees_with_the_reference() {
    let models = models(1);
    for expected in golden() {
        let name = &expected.picture;
        let FaceEvidence { frame, template, print: _, timings: _, glance: _ } =
            models.analyse(&sample(name)).unwrap();
        assert_eq!(frame.faces_seen, expected.faces, "{name}");
        assert!((frame.detection_score - expected.score).abs() < 0.01, "{name}");
        let FaceBox { x, y, width, height } = frame.face_box;
        for (ours, theirs) in [x, y, width, height].iter().zip(expected.face_box) {
            assert!((ours - theirs).abs() < LANDMARK_PX, "{name}: box {ours} {theirs}");
        }
        for (ours, theirs) in frame.landmarks.iter().zip(&expected.landmarks) {
            let apart = (ours[0] - theirs[0]).hypot(ours[1] - theirs[1]);
            assert!(apart < LANDMARK_PX, "{name}: landmark {apart} px off");
        }
        let cosine = template.similarity(&Template::normalised(expected.embedding).unwrap()).value();
        assert!(cosine > COSINE_MIN, "{name}: cosine {cosine}");
        // The JPEG decoders differ by a grey level here and there, which moves the box by a fraction of a pixel,
        // and the window ends at whole pixels: where one pixel changes the reference's own answer, allow that.
        let live = frame.liveness.unwrap().value();
        let apart = (live - expected.liveness).abs();
        assert!(apart < LIVENESS + expected.liveness_restless, "{name}: liveness {live}");
    }
}

/// With the reference's own box there is no such allowance.
#[test]
fn liveness_agrees_with_the_reference_about_the_same_box() {
    let models = models(1);
    let lane = models.lanes.take(models.lanes.turn(), Duration::ZERO).unwrap();
    for expected in golden() {
        let bytes = sample(&expected.picture);
        let picture = Opened::read(&bytes).unwrap().decode().unwrap();
        let [x, y, width, height] = expected.face_box;
        let face_box = FaceBox { x, y, width, height };
        let (live, _) = liveness::liveness(&models.liveness, &lane, &picture, &face_box).unwrap();
        let live = live.value();
        let apart = (live - expected.liveness).abs();
        assert!(apart < LIVENESS, "{}: {live} and {}", expected.picture, expected.liveness);
    }
}

#[test]
fn parallel_requests_give_the_same_evidence() {
    let models = models(2);
    let picture = sample("P003/studio_posture.jpg");
    let alone = models.analyse(&picture).unwrap();
    thread::scope(|scope| {
        let calls: Vec<_> = (0..4).map(|_| scope.spawn(|| models.analyse(&picture).unwrap())).collect();
        for call in calls {
            let together = call.join().unwrap();
            assert!(together.frame == alone.frame && together.template == alone.template);
        }
    });
}

/// Whatever runs beside it, a capture gives the same; a frame that is refused spoils no other.
#[test]
fn a_capture_gives_the_same_on_any_number_of_lanes() {
    let names = ["P003/studio_posture.jpg", "P008/amateur_posture.jpg", "P010/amateur_selfie.jpg"];
    let pictures = names.map(sample);
    let [a, b, c] = pictures.each_ref().map(Vec::as_slice);
    let frames = [a, b"no picture".as_slice(), b, &a[..a.len() / 2], c];
    let single = models(1);
    let alone: Vec<_> = frames.iter().map(|frame| single.analyse(frame)).collect();
    for lanes in [1, 2, 3] {
        let together = models(lanes).analyse_all(&frames);
        for (alone, together) in alone.iter().zip(&together) {
            match (alone, together) {
                (Ok(alone), Ok(together)) => {
                    assert!(alone.frame == together.frame && alone.template == together.template);
                    assert!(alone.print == together.print);
                }
                (alone, together) => assert_eq!(alone.as_ref().err(), together.as_ref().err()),
            }
        }
        assert_eq!(together.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true, false, true]);
    }
}

#[test]
fn a_full_house_says_so() {
    let mut models = models(1);
    models.wait = Duration::from_millis(5);
    let _held = models.lanes.take(models.lanes.turn(), Duration::ZERO).unwrap();
    let error = models.analyse(&sample("P003/studio_posture.jpg")).unwrap_err();
    assert_eq!(error, AnalyseError::Busy { waited: Duration::from_millis(5) });
    assert_eq!(error.code(), "busy");
}

#[test]
fn a_panic_is_a_failure_and_not_a_match() {
    let error = guarded::<()>(|| panic!("on purpose")).unwrap_err();
    assert_eq!(error.code(), "face_analysis_failed");
}

#[test]
fn debug_shows_no_face() {
    let evidence = models(1).analyse(&sample("P003/studio_posture.jpg")).unwrap();
    let shown = format!("{evidence:?}");
    assert!(shown.contains("Template(…128)") && !shown.contains("landmarks") && !shown.contains("717."));
}

#[test]
fn what_does_not_fit_is_found_at_start() {
    let manifest = |from: &str, to: &str| {
        let text = include_str!("../../../../models/manifest.toml").replacen(from, to, 1);
        Manifest::parse(&text).unwrap()
    };
    let load = |manifest: Manifest| {
        FaceModels::load_with(&installed("models"), &manifest, Concurrency::default())
            .unwrap_err()
            .to_string()
    };
    assert!(load(manifest("dimension = 128", "dimension = 512")).contains("128 numbers"));
    assert!(load(manifest("output = \"fc1\"", "output = \"fc2\"")).contains("fc2"));
    assert!(load(manifest("declared_side = 640", "declared_side = 320")).contains("320"));
    assert!(load(manifest("live_class = 1", "live_class = 3")).contains("live class"));
}
