use super::*;

const FACE: FaceBox = FaceBox { x: 160.0, y: 120.0, width: 160.0, height: 200.0 };

/// Something like skin before a wall: gentle waves, and the noise of a camera.
fn scene(change: impl Fn(usize, usize, f64) -> f64) -> Picture {
    let (width, height) = (480, 440);
    let mut noise = 1_u64;
    let mut rgb = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let grain = (noise >> 33) as f64 / f64::from(1_u32 << 31) * 6.0 - 3.0;
            let wave = 20.0 * (x as f64 / 37.0).sin() + 15.0 * (y as f64 / 23.0).cos();
            let value = change(x, y, 120.0 + wave + grain);
            let byte = |v: f64| u8::try_from(to_index(v.clamp(0.0, 255.0))).unwrap();
            rgb.extend([byte(value * 1.2), byte(value), byte(value * 0.8)]);
        }
    }
    Picture { width, height, rgb }
}

fn cues(change: impl Fn(usize, usize, f64) -> f64) -> PictureCues {
    PictureCues::of(&scene(change), &FACE)
}

#[test]
fn a_raster_is_a_peak() {
    let plain = cues(|_, _, v| v);
    let raster = cues(|x, y, v| v + 4.0 * ((x as f64 * 0.9 + y as f64 * 0.35).sin()));
    assert!(plain.moire_fine < 3.5 && plain.periodic_share < 0.01, "{plain:?}");
    assert!(raster.moire_fine > 6.0 && raster.periodic_share > 0.2, "{raster:?}");
}

#[test]
fn edges_that_frame_the_face_are_seen_and_only_together() {
    let plain = cues(|_, _, v| v);
    assert!(plain.border_mean < 0.2, "{plain:?}");
    let inside = |x: usize, y: usize| (100..380).contains(&x) && (60..380).contains(&y);
    let sheet = cues(|x, y, v| if inside(x, y) { v } else { v / 3.0 });
    assert!(sheet.border_least > 0.5 && sheet.border_parallel > 0.6, "{sheet:?}");
    let wall = cues(|x, _, v| if x > 100 { v } else { v / 3.0 });
    assert!(wall.border_least < 0.3 && wall.border_parallel < 0.3, "{wall:?}");
}

#[test]
fn highlights_gamut_and_blocks() {
    let plain = cues(|_, _, v| v);
    assert!(plain.specular_share < 0.001);
    let shine = cues(|x, _, v| if (200..232).contains(&x) { 400.0 } else { v });
    assert!((shine.specular_share - 0.2).abs() < 0.02, "{shine:?}");
    let flat = cues(|_, _, v| 90.0 + v * 0.2);
    assert!(flat.black_level > plain.black_level && flat.value_deviation < plain.value_deviation / 3.0);
    assert!(flat.colours < plain.colours && flat.common_colours >= plain.common_colours);
    let blocks = cues(|x, y, v| v + 6.0 * (((x / 8) * 7 + (y / 8) * 3) % 5) as f64);
    assert!(blocks.grid_aligned > 1.3 && blocks.grid_shifted < 1.1, "{blocks:?}");
    let moved = cues(|x, y, v| v + 6.0 * ((((x + 3) / 8) * 7 + ((y + 5) / 8) * 3) % 5) as f64);
    assert!(moved.grid_shifted > 1.3 && moved.grid_aligned < 1.1, "{moved:?}");
}

#[test]
fn blur_is_a_loss_of_fine_detail() {
    let sharp = scene(|_, _, v| v);
    let mean = |x: usize, y: usize, channel: usize| {
        let values = (0..25).map(|at| {
            let (x, y) = ((x + at % 5).min(sharp.width - 1), (y + at / 5).min(sharp.height - 1));
            u32::from(sharp.rgb[(y * sharp.width + x) * 3 + channel])
        });
        u8::try_from(values.sum::<u32>() / 25).unwrap()
    };
    let rgb = (0..sharp.height)
        .flat_map(|y| (0..sharp.width).flat_map(move |x| (0..3).map(move |c| (x, y, c))))
        .map(|(x, y, c)| mean(x, y, c))
        .collect();
    let soft = PictureCues::of(&Picture { width: sharp.width, height: sharp.height, rgb }, &FACE);
    let sharp = PictureCues::of(&sharp, &FACE);
    assert!(soft.blur_face > sharp.blur_face + 0.2, "{} {}", soft.blur_face, sharp.blur_face);
    assert!(soft.fine_detail < sharp.fine_detail - 2.0);
}

#[test]
fn whatever_the_picture_every_cue_is_a_number() {
    for (width, height) in [(1, 1), (3, 90), (64, 64), (90, 40), (300, 200)] {
        for value in [0_u8, 128, 255] {
            let picture = Picture { width, height, rgb: vec![value; width * height * 3] };
            for face in [FACE, FaceBox { x: -50.0, y: 10.0, width: 1.0, height: 900.0 }] {
                let cues = PictureCues::of(&picture, &face);
                assert!(
                    cues.named().iter().all(|(_, value)| value.is_finite()),
                    "{width}x{height}: {cues:?}"
                );
            }
        }
    }
}
