//! Blur of the face and of what is beside it, and the fine detail of colours.

use super::{Grey, PictureCues, grey, pixel, ratio, square};
use crate::picture::Picture;
use crate::resample::Crop;

const FACE_SIDE: usize = 192;
const BESIDE_SIDE: usize = 96;
/// Pixels of the window with which a sharp picture is blurred once more (Crete's is 9).
const BLUR: usize = 9;

pub(super) fn measure(picture: &Picture, face: Crop, cues: &mut PictureCues) {
    let side = FACE_SIDE.min(face.width).min(face.height);
    let Some(window) = square(picture, face, side) else { return };
    cues.blur_face = blur(&grey(picture, window));
    let beside: Vec<f32> =
        beside(picture, face).into_iter().map(|window| blur(&grey(picture, window))).collect();
    if !beside.is_empty() {
        cues.blur_difference = cues.blur_face - beside.iter().sum::<f32>() / beside.len() as f32;
    }
    cues.chroma_detail = chroma_detail(picture, window);
}

/// Squares left and right of the face at its height, as far as there is room.
fn beside(picture: &Picture, face: Crop) -> Vec<Crop> {
    let top = (face.top + face.height / 2).saturating_sub(BESIDE_SIDE / 2);
    let gap = face.width / 4;
    let left = face.left.checked_sub(gap + BESIDE_SIDE);
    let right = face.left + face.width + gap;
    let right = (right + BESIDE_SIDE <= picture.width).then_some(right);
    let fits = top + BESIDE_SIDE <= picture.height;
    let square = |left| Crop { left, top, width: BESIDE_SIDE, height: BESIDE_SIDE };
    left.into_iter().chain(right).filter(|_| fits).map(square).collect()
}

/// Crete's measure: how little a further blur changes, in the direction that is more blurred.
fn blur(grey: &Grey) -> f32 {
    if grey.width <= BLUR || grey.height <= BLUR {
        return 0.0;
    }
    let across = lost(grey.height, grey.width, |line, at| grey.at(at, line));
    let down = lost(grey.width, grey.height, |line, at| grey.at(line, at));
    across.max(down)
}

/// 1 less the share of the steps along lines that a running mean takes away.
fn lost(lines: usize, length: usize, at: impl Fn(usize, usize) -> f32) -> f32 {
    let (mut steps, mut taken) = (0.0_f64, 0.0_f64);
    for line in 0..lines {
        let mut sum: f32 = (0..BLUR).map(|x| at(line, x)).sum();
        for x in BLUR..length {
            // The mean moves on by one pixel; so does what it is compared with.
            let before = sum;
            sum += at(line, x) - at(line, x - BLUR);
            let middle = x - BLUR / 2;
            let sharp = (at(line, middle) - at(line, middle - 1)).abs();
            let blurred = (sum - before).abs() / BLUR as f32;
            steps += f64::from(sharp);
            taken += f64::from((sharp - blurred).max(0.0));
        }
    }
    if steps > 0.0 { 1.0 - ratio(taken, steps) } else { 1.0 }
}

/// Second differences along rows: of both chroma planes over those of the luminance.
fn chroma_detail(picture: &Picture, window: Crop) -> f32 {
    let planes = |x, y| {
        let [r, g, b] = pixel(picture, x, y).map(f64::from);
        let y = 0.299 * r + 0.587 * g + 0.114 * b;
        [y, 0.564 * (b - y), 0.713 * (r - y)]
    };
    let (mut of_light, mut of_colour) = (0.0, 0.0);
    for y in window.top..window.top + window.height {
        for x in window.left + 1..window.left + window.width - 1 {
            let [a, b, c] = [planes(x - 1, y), planes(x, y), planes(x + 1, y)];
            let second = |plane: usize| (a[plane] - 2.0 * b[plane] + c[plane]).powi(2);
            of_light += second(0);
            of_colour += second(1) + second(2);
        }
    }
    ratio(of_colour, of_light)
}
