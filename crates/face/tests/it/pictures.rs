//! Good pictures pass, worsened ones are refused by name.

use crate::{MODELS, Pixels, sample, verdict};
use types::Template;

const KINDS: [&str; 4] = ["studio_portrait", "studio_posture", "amateur_selfie", "amateur_posture"];

#[test]
fn all_forty_pictures_pass_and_people_are_told_apart() {
    let mut people: Vec<Vec<Template>> = Vec::new();
    for person in 1..=10 {
        let of = |kind: &&str| {
            let name = format!("P{person:03}/{kind}.jpg");
            let evidence = MODELS.analyse(&sample(&name)).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(evidence.frame.liveness.is_some());
            let stored = serde_json::to_string(&evidence.frame).unwrap();
            assert!(serde_json::from_str::<face::FrameEvidence>(&stored).unwrap() == evidence.frame);
            evidence.template
        };
        people.push(KINDS.iter().map(of).collect());
    }
    // Each picture's most similar enrolment picture is its own person's.
    for (person, templates) in people.iter().enumerate() {
        for probe in &templates[1..] {
            let score = |other: &Vec<Template>| probe.similarity(&other[0]).value();
            let best = (0..10).max_by(|a, b| score(&people[*a]).total_cmp(&score(&people[*b])));
            assert_eq!(best, Some(person));
        }
    }
}

#[test]
fn several_faces_are_refused_and_a_face_in_the_background_is_not() {
    for person in [1, 4, 10] {
        for sheet in ["character_sheet", "emotions_sheet"] {
            assert_eq!(verdict(&sample(&format!("P{person:03}/{sheet}.jpg"))), Err("several_faces"));
        }
    }
    let selfie = MODELS.analyse(&sample("P010/amateur_selfie.jpg")).unwrap();
    assert_eq!(selfie.frame.faces_seen, 2);
}

/// A head and shoulders at about 100 pixels between the eyes.
fn head(name: &str) -> Pixels {
    let jpeg = sample(name);
    let face = MODELS.analyse(&jpeg).unwrap().frame.face_box;
    let whole = |value: f32| format!("{:.0}", value.max(0.0)).parse::<usize>().unwrap();
    let margin = whole(face.height / 2.0);
    let left = whole(face.x).saturating_sub(margin);
    let top = whole(face.y).saturating_sub(margin);
    Pixels::of_jpeg(&jpeg).crop(left, top, whole(face.width) + 2 * margin, whole(face.height) + 2 * margin)
}

#[test]
fn worsened_pictures_are_refused_by_name() {
    for name in ["P003/studio_posture.jpg", "P008/amateur_posture.jpg", "P009/studio_posture.jpg"] {
        let good = head(name);
        let spoilt = |pixels: Pixels| verdict(&pixels.to_png());
        assert_eq!(spoilt(good.shade(|v| v)), Ok(()), "{name}");
        assert_eq!(spoilt(good.mean(2, 2)), Ok(()), "{name} at half size");
        assert_eq!(spoilt(good.mean(6, 6)), Err("face_too_small"), "{name}");
        assert_eq!(spoilt(good.mean(16, 1)), Err("blurred"), "{name}");
        assert_eq!(spoilt(good.shade(|v| v / 10)), Err("too_dark"), "{name}");
        assert_eq!(spoilt(good.shade(|v| v.saturating_mul(3))), Err("too_bright"), "{name}");
        let half = good.crop(0, 0, good.width / 2, good.height);
        assert!(spoilt(half).is_err(), "{name} cut through the middle");
        let empty = Pixels::map(640, 480, |x, y| [u8::try_from((x * 7 + y * 13) % 256).unwrap(); 3]);
        assert_eq!(spoilt(empty), Err("no_face"));
    }
}

/// The detector may take a face that stands on its head for an upright one; the template then is nobody's.
#[test]
fn an_upside_down_face_matches_nobody() {
    for name in ["P003/studio_posture.jpg", "P008/amateur_posture.jpg", "P009/studio_posture.jpg"] {
        let good = head(name);
        let straight = MODELS.analyse(&good.to_png()).unwrap().template;
        let (right, bottom) = (good.width - 1, good.height - 1);
        let turned = Pixels::map(good.width, good.height, |x, y| good.at(right - x, bottom - y));
        if let Ok(evidence) = MODELS.analyse(&turned.to_png()) {
            let score = evidence.template.similarity(&straight).value();
            assert!(score < 0.3, "{name}: {score}");
        }
    }
}

/// The second of the four views on a character sheet is a head in profile.
#[test]
fn profiles_are_refused() {
    for person in [1, 4, 5, 8] {
        let sheet = Pixels::of_jpeg(&sample(&format!("P{person:03}/character_sheet.jpg")));
        let profile = sheet.crop(700, 0, 500, 800);
        assert_eq!(verdict(&profile.to_png()), Err("extreme_pose"), "P{person:03}");
    }
}

#[test]
fn a_jpeg_says_how_it_is_to_be_turned() {
    let jpeg = sample("P003/studio_posture.jpg");
    let upright = MODELS.analyse(&jpeg).unwrap();
    // EXIF with orientation 3: what is stored stands on its head.
    let exif = b"\xff\xe1\x00\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x03\0\0\0\0\0\0\0";
    let marked = [&jpeg[..2], exif, &jpeg[2..]].concat();
    assert!(verdict(&marked).is_err());
    // Orientation 1 changes nothing.
    let mut plain = exif.to_vec();
    plain[28] = 1;
    let marked = MODELS.analyse(&[&jpeg[..2], &plain, &jpeg[2..]].concat()).unwrap();
    assert!(marked.frame == upright.frame);
}
