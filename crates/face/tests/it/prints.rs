//! How frames look, on the sample photographs: the same picture is known again, different ones are told apart.

use face::{FaceModels, FacePrint};

use crate::{MODELS, Pixels, sample};

const PICTURES: [&str; 4] = ["studio_portrait", "studio_posture", "amateur_selfie", "amateur_posture"];

fn prints(models: &FaceModels) -> Vec<(String, FacePrint)> {
    let mut prints = Vec::new();
    for person in 1..=10 {
        for picture in PICTURES {
            let name = format!("P{person:03}/{picture}.jpg");
            if let Ok(seen) = models.analyse(&sample(&name)) {
                prints.push((name, seen.print));
            }
        }
    }
    prints
}

#[test]
fn different_pictures_are_told_apart() {
    let prints = prints(&MODELS);
    assert!(prints.len() >= 30, "{}", prints.len());
    let (mut same, mut other, mut noise) = (u32::MAX, u32::MAX, Vec::new());
    for (at, (name, print)) in prints.iter().enumerate() {
        noise.push(print.noise.unwrap());
        for (before, earlier) in &prints[..at] {
            let distance = print.distance(earlier);
            let least = if name[..4] == before[..4] { &mut same } else { &mut other };
            *least = distance.min(*least);
        }
    }
    noise.sort_by(f64::total_cmp);
    let (least, middle, most) = (noise[0], noise[noise.len() / 2], noise[noise.len() - 1]);
    println!(
        "bits: one person at least {same}, two people at least {other}; noise {least:.2} {middle:.2} {most:.2}"
    );
    assert!(same > 20 && other > 20, "{same} {other}");
    assert!(least > 0.05, "{least}");
    let again = MODELS.analyse(&sample("P001/studio_portrait.jpg")).unwrap().print;
    assert_eq!(again.distance(&prints[0].1), 0);
}

/// A stored picture that was written anew, a little darker or with a little noise, still looks the same: that is what a
/// print finds and a digest does not.
#[test]
fn a_stored_picture_is_known_though_it_was_written_anew() {
    let pixels = Pixels::of_jpeg(&sample("P001/studio_posture.jpg")).mean(2, 2);
    let print = MODELS.analyse(&pixels.to_png()).unwrap().print;
    let mut state = 7_u32;
    let mut jitter = |most: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        u8::try_from((state >> 16) % (most + 1)).unwrap()
    };
    let noisy = |most: u32, jitter: &mut dyn FnMut(u32) -> u8| {
        let rgb = pixels.rgb.iter().map(|value| value.saturating_add(jitter(most))).collect();
        Pixels { rgb, ..Pixels { width: pixels.width, height: pixels.height, rgb: Vec::new() } }
    };
    let variants = [
        ("written anew", pixels.shade(|value| value)),
        ("darker", pixels.shade(|value| value.saturating_sub(3))),
        ("noise of 2", noisy(2, &mut jitter)),
        ("noise of 8", noisy(8, &mut jitter)),
    ];
    for (what, variant) in variants {
        let seen = MODELS.analyse(&variant.to_png()).unwrap().print;
        println!("{what}: {} bits, noise {:.2}", seen.distance(&print), seen.noise.unwrap());
        assert!(seen.distance(&print) <= 12, "{what}: {}", seen.distance(&print));
    }
}
