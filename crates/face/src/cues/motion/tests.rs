use types::{Digest, Probability, Template};

use super::*;
use crate::cues::{LivenessCues, PictureCues};
use crate::evidence::{Quality, StageTimings};
use crate::print::FacePrint;

const WIDTH: usize = 640;
const HEIGHT: usize = 480;

/// A face of stripes before a wall of blots, each moved by so many pixels.
fn evidence(face_at: (f32, f32), wall_at: usize, landmarks: [[f32; 2]; 5]) -> FaceEvidence {
    let face_box = FaceBox { x: 220.0 + face_at.0, y: 140.0 + face_at.1, width: 160.0, height: 200.0 };
    let part = inside(&Picture { width: WIDTH, height: HEIGHT, rgb: Vec::new() }, &face_box, 1.0);
    let value = |x: usize, y: usize| {
        if (part.left..part.left + part.width).contains(&x) && (part.top..part.top + part.height).contains(&y)
        {
            return 80 + ((x - part.left) / 20 % 2) * 90;
        }
        let (x, y) = (x + WIDTH - wall_at, y);
        ((x / 40) * 37 + (y / 40) * 91 + (x / 40) * (y / 40) * 13) % 200
    };
    let rgb = (0..HEIGHT)
        .flat_map(|y| (0..WIDTH).map(move |x| (x, y)))
        .flat_map(|(x, y)| [u8::try_from(value(x, y)).unwrap(); 3])
        .collect();
    let glance = Glance::of(&Picture { width: WIDTH, height: HEIGHT, rgb }, &face_box);
    let quality = Quality {
        face_px: 160.0,
        eye_distance_px: 64.0,
        yaw: landmarks[2][0] / 640.0,
        pitch: 0.5,
        roll_degrees: 0.0,
        brightness: 0.5,
        sharpness: 0.02,
    };
    let cues = LivenessCues { networks: Vec::new(), picture: PictureCues::default(), motion: None };
    let frame = FrameEvidence {
        model: Digest([0; 32]),
        picture_px: [WIDTH, HEIGHT],
        faces_seen: 1,
        face_box,
        landmarks,
        detection_score: 0.9,
        quality,
        liveness: Probability::new(0.9),
        cues: Some(cues),
    };
    let template = Template::normalised(vec![1.0; 128]).unwrap();
    FaceEvidence { frame, template, print: FacePrint::default(), timings: StageTimings::default(), glance }
}

const POINTS: [[f32; 2]; 5] =
    [[268.0, 220.0], [332.0, 220.0], [300.0, 260.0], [276.0, 300.0], [324.0, 300.0]];

fn motion(first: FaceEvidence, second: FaceEvidence) -> Motion {
    let mut frames = [first, second];
    link_frames(&mut frames);
    assert!(frames[0].frame.cues.as_ref().unwrap().motion.is_none(), "the first has none before it");
    frames[1].frame.cues.as_ref().unwrap().motion.unwrap()
}

fn still() -> FaceEvidence {
    evidence((0.0, 0.0), 0, POINTS)
}

#[test]
fn the_same_picture_twice_has_no_motion() {
    assert_eq!(motion(still(), still()), Motion::default());
}

#[test]
fn a_face_before_a_wall_moves_apart_from_it_and_a_sheet_does_not() {
    let face_alone = motion(still(), evidence((30.0, 0.0), 0, POINTS));
    assert!((face_alone.apart - 30.0 / 160.0).abs() < 0.07, "{face_alone:?}");
    let sheet = motion(still(), evidence((30.0, 0.0), 30, POINTS));
    assert!(sheet.apart < 0.07 && sheet.surround_change > 0.02, "{sheet:?}");
    let wall_alone = motion(still(), evidence((0.0, 0.0), 30, POINTS));
    assert!((wall_alone.apart - 30.0 / 160.0).abs() < 0.07, "{wall_alone:?}");
}

#[test]
fn a_flat_thing_stays_flat_however_it_is_turned() {
    let leaned = POINTS.map(|[x, y]| [0.9 * x + 0.2 * y + 11.0, -0.15 * x + 1.1 * y - 7.0]);
    let flat = motion(still(), evidence((0.0, 0.0), 0, leaned));
    assert!(flat.not_flat < 1e-4, "{flat:?}");
    let mut turned = POINTS;
    turned[2][0] += 12.0;
    let head = motion(still(), evidence((0.0, 0.0), 0, turned));
    assert!(head.not_flat > 0.05 && head.turn > 0.01, "{head:?}");
}

#[test]
fn pictures_of_different_shapes_are_compared_as_far_as_they_can_be() {
    let mut other = still();
    other.glance.scene.truncate(64 * 30);
    let motion = motion(still(), other);
    assert!(motion.surround_change.abs() < 1e-9 && motion.apart.abs() < 1e-9);
    let mut none = [still(), still()];
    none[1].frame.cues = None;
    link_frames(&mut none);
    assert!(none[1].frame.cues.is_none());
    assert_eq!(format!("{:?}", still().glance), "Glance { .. }");
}
