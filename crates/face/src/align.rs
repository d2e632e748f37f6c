//! The upright crop every ArcFace-style embedder expects.

use crate::picture::Picture;
use crate::resample::{Crop, Similarity, block_means, to_index, warp};

/// Pixels of the crop, both ways.
pub(crate) const SIDE: usize = 112;

/// Where eyes, nose tip and mouth corners belong in the crop (Deng et al.: `ArcFace`, 2019).
const CANON: [[f64; 2]; 5] =
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]];

/// The crop of a face, or `None` when its landmarks fall into one point.
///
/// Bilinear sampling skips pixels where the picture is finer than the crop, so a face twice as large or larger is
/// first averaged over whole squares of pixels. On the forty portraits of the synthetic people that raised the
/// genuine scores (10th percentile 0.63 to 0.67, impostors unchanged), and it makes the template indifferent to
/// the JPEG decoder: the lowest cosine between two decoders' templates went from 0.9935 to 0.9996. Smaller faces
/// are cropped exactly as with plain bilinear sampling.
pub(crate) fn align(picture: &Picture, landmarks: &[[f32; 2]; 5]) -> Option<Picture> {
    let map = to_picture(landmarks)?;
    let block = to_index(map.a.hypot(map.b));
    if block < 2 {
        return Some(warp(picture, map, SIDE));
    }
    // Centres of squares lie half a square in: pixel x is square (x + 0.5) / block - 0.5.
    let square = |at: f64| (at + 0.5) / block as f64 - 0.5;
    let (a, b) = (map.a / block as f64, map.b / block as f64);
    let (x0, y0) = (square(map.x0), square(map.y0));
    let edge = (SIDE - 1) as f64;
    let span = |from: f64, parts: [f64; 2], squares: usize| {
        // The crop's corners bound it, and interpolation looks one square further.
        let ends = parts.map(|part| part * edge);
        let low = from + ends.iter().map(|end| end.min(0.0)).sum::<f64>();
        let high = from + ends.iter().map(|end| end.max(0.0)).sum::<f64>();
        let first = to_index(low.floor()).min(squares);
        (first, to_index(high.floor() + 2.0).min(squares).max(first) - first)
    };
    let (left, width) = span(x0, [a, -b], picture.width / block);
    let (top, height) = span(y0, [b, a], picture.height / block);
    let means = block_means(picture, block, Crop { left, top, width, height });
    Some(warp(&means, Similarity { a, b, x0: x0 - left as f64, y0: y0 - top as f64 }, SIDE))
}

/// From crop to picture: the inverse of the similarity (turn, scale, shift; no mirroring) that carries the
/// landmarks onto [`CANON`] with the least sum of squares. With both sets less their means and points read as
/// complex numbers p and q, that similarity is `z = <p, q> / <p, p>`.
fn to_picture(landmarks: &[[f32; 2]; 5]) -> Option<Similarity> {
    let points = landmarks.map(|point| point.map(f64::from));
    let (from, to) = (mean(&points), mean(&CANON));
    let (mut re, mut im, mut power) = (0.0, 0.0, 0.0);
    for (p, q) in points.iter().zip(&CANON) {
        let (px, py, qx, qy) = (p[0] - from[0], p[1] - from[1], q[0] - to[0], q[1] - to[1]);
        re += px * qx + py * qy;
        im += px * qy - py * qx;
        power += px * px + py * py;
    }
    let (re, im) = (re / power, im / power);
    let size = re * re + im * im;
    if !size.is_normal() {
        return None;
    }
    // 1/z turns back and scales back; the shift follows from the means corresponding.
    let (a, b) = (re / size, -im / size);
    Some(Similarity { a, b, x0: from[0] - (a * to[0] - b * to[1]), y0: from[1] - (b * to[0] + a * to[1]) })
}

fn mean(points: &[[f64; 2]; 5]) -> [f64; 2] {
    let sum = points.iter().fold([0.0, 0.0], |sum, p| [sum[0] + p[0], sum[1] + p[1]]);
    sum.map(|total| total / 5.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resample::to_f32;
    use proptest::prelude::*;

    #[test]
    fn points_that_fall_together_have_no_crop() {
        assert_eq!(to_picture(&[[7.0, 7.0]; 5]), None);
        assert_eq!(to_picture(&[[f32::NAN, 7.0]; 5]), None);
    }

    /// Wherever the landmarks are, also outside, there is a crop; large and small faces alike.
    #[test]
    fn always_crops() {
        let picture = Picture { width: 90, height: 70, rgb: vec![200; 90 * 70 * 3] };
        for scale in [0.1, 0.9, 2.5, 7.0, 40.0, 1e4] {
            for shift in [-1e6, -50.0, 0.0, 30.0, 1e6] {
                let landmarks = CANON.map(|point| point.map(|v| to_f32(v * scale + shift)));
                let crop = align(&picture, &landmarks);
                assert!(crop.is_none_or(|crop| crop.rgb.len() == SIDE * SIDE * 3));
            }
        }
    }

    proptest! {
        /// Whatever similarity moved the canonical points, it is found again.
        #[test]
        fn finds_the_similarity(angle in -3.1_f64..3.1, scale in 0.1_f64..20.0, x0 in -500.0_f64..3000.0, y0 in -500.0_f64..3000.0) {
            let (a, b) = (scale * angle.cos(), scale * angle.sin());
            let moved = CANON.map(|[u, v]| [to_f32(a * u - b * v + x0), to_f32(b * u + a * v + y0)]);
            let found = to_picture(&moved).unwrap();
            prop_assert!((found.a - a).abs() < 1e-3 && (found.b - b).abs() < 1e-3);
            prop_assert!((found.x0 - x0).abs() < 0.1 && (found.y0 - y0).abs() < 0.1);
        }
    }
}
