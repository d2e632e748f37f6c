//! Faces and their landmarks, by YuNet (Wu, Peng, Yu: "YuNet: a tiny millisecond-level face detector", 2023).

use crate::evidence::FaceBox;
use crate::manifest::DetectorSpec;
use crate::picture::Picture;
use crate::resample::{Crop, reduce_by_area, resize_bilinear, to_f32, to_index};
use crate::runtime::{Lane, Network, RuntimeError};

/// Detections below this are not faces. At 0.6 each of forty portraits and selfies gave its face at 0.91 or more.
const SCORE_MIN: f32 = 0.6;
/// Of two detections that overlap more than this, the better one counts.
const OVERLAP_MAX: f32 = 0.3;
/// More candidate cells than this are not looked at: a crowd is refused anyway.
const CANDIDATES_MAX: usize = 2048;
/// The network halves its input five times.
const MULTIPLE: usize = 32;
const STRIDES: [usize; 3] = [8, 16, 32];
/// The network's outputs, in the order [`detect`] reads them.
pub(crate) const OUTPUTS: [&str; 12] = [
    "cls_8", "obj_8", "bbox_8", "kps_8", "cls_16", "obj_16", "bbox_16", "kps_16", "cls_32", "obj_32",
    "bbox_32", "kps_32",
];

/// A face in pixels of the picture given to [`detect`].
#[derive(Clone, Copy)]
pub(crate) struct Detection {
    pub(crate) face_box: FaceBox,
    pub(crate) landmarks: [[f32; 2]; 5],
    pub(crate) score: f32,
}

/// All faces, best score first.
///
/// The picture is reduced first, by area averaging, or bilinearly where it shrinks by less than half; a network
/// at its native size misses close faces. Coordinates are scaled back by the one ratio of the longer sides: the
/// rounding of the shorter side costs at most half a pixel of the reduced picture.
pub(crate) fn detect(
    network: &Network,
    lane: &Lane,
    spec: &DetectorSpec,
    picture: &Picture,
) -> Result<Vec<Detection>, RuntimeError> {
    let longest = picture.width.max(picture.height);
    let ratio = (spec.longest_side as f64 / longest as f64).min(1.0);
    let planes = if ratio < 1.0 {
        let reduced = |side: usize| to_index((side as f64 * ratio).round_ties_even()).max(1);
        let (width, height) = (reduced(picture.width), reduced(picture.height));
        let whole = Crop { left: 0, top: 0, width: picture.width, height: picture.height };
        let small = if ratio <= 0.5 {
            reduce_by_area(picture, width, height)
        } else {
            resize_bilinear(picture, whole, width, height)
        };
        small.planes(lane.room(), spec.pixels, MULTIPLE)
    } else {
        picture.planes(lane.room(), spec.pixels, MULTIPLE)
    };
    let (width, height) = (planes.width, planes.height);
    let outputs = network.run(lane, planes)?;
    let mut found = Vec::new();
    for (stride, outputs) in STRIDES.into_iter().zip(outputs.as_chunks::<4>().0) {
        let grid = Grid { stride, columns: width / stride, cells: (width / stride) * (height / stride) };
        grid.read(outputs, to_f32(ratio), &mut found)?;
    }
    Ok(best_of_overlapping(found))
}

/// One output level: a cell every `stride` pixels.
struct Grid {
    stride: usize,
    columns: usize,
    cells: usize,
}

impl Grid {
    fn read(
        &self,
        [classes, objects, boxes, points]: &[Vec<f32>; 4],
        ratio: f32,
        found: &mut Vec<Detection>,
    ) -> Result<(), RuntimeError> {
        let lengths = [classes.len(), objects.len(), boxes.len() / 4, points.len() / 10];
        if lengths != [self.cells; 4] {
            return Err(RuntimeError(format!(
                "stride {}: {lengths:?} cells where {} were expected",
                self.stride, self.cells
            )));
        }
        let stride = self.stride as f32;
        let cells = boxes.as_chunks::<4>().0.iter().zip(points.as_chunks::<10>().0);
        for (cell, ([dx, dy, log_width, log_height], points)) in cells.enumerate() {
            let score = (classes[cell].clamp(0.0, 1.0) * objects[cell].clamp(0.0, 1.0)).sqrt();
            // Not `score <= SCORE_MIN`: a score that is no number is no face.
            let is_face = score > SCORE_MIN;
            if !is_face {
                continue;
            }
            let (column, row) = ((cell % self.columns) as f32, (cell / self.columns) as f32);
            let (width, height) = (log_width.exp() * stride, log_height.exp() * stride);
            let face_box = FaceBox {
                x: ((column + dx) * stride - width / 2.0) / ratio,
                y: ((row + dy) * stride - height / 2.0) / ratio,
                width: width / ratio,
                height: height / ratio,
            };
            let landmarks = std::array::from_fn(|i| {
                [(points[2 * i] + column) * stride / ratio, (points[2 * i + 1] + row) * stride / ratio]
            });
            let detection = Detection { face_box, landmarks, score };
            if detection.is_finite() && found.len() < CANDIDATES_MAX {
                found.push(detection);
            }
        }
        Ok(())
    }
}

impl Detection {
    fn is_finite(&self) -> bool {
        let FaceBox { x, y, width, height } = self.face_box;
        [x, y, width, height].iter().chain(self.landmarks.as_flattened()).all(|v| v.is_finite())
            && self.face_box.area().is_finite()
            && width > 0.0
            && height > 0.0
    }
}

fn best_of_overlapping(mut found: Vec<Detection>) -> Vec<Detection> {
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Detection> = Vec::new();
    for face in found {
        if kept.iter().all(|better| face.face_box.overlap(&better.face_box) <= OVERLAP_MAX) {
            kept.push(face);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(x: f32, score: f32) -> Detection {
        let face_box = FaceBox { x, y: 0.0, width: 10.0, height: 10.0 };
        Detection { face_box, landmarks: [[0.0; 2]; 5], score }
    }

    #[test]
    fn of_overlapping_faces_the_better_stays() {
        let kept = best_of_overlapping(vec![at(0.0, 0.7), at(1.0, 0.9), at(30.0, 0.8), at(9.0, 0.65)]);
        let xs: Vec<f32> = kept.iter().map(|d| d.face_box.x).collect();
        assert_eq!(xs, [1.0, 30.0, 9.0]);
    }

    #[test]
    fn what_is_no_number_is_no_face() {
        let grid = Grid { stride: 8, columns: 2, cells: 2 };
        let outputs = [vec![f32::NAN, 1.0], vec![1.0, 1.0], vec![99.0; 8], vec![0.0; 20]];
        let mut found = Vec::new();
        grid.read(&outputs, 1.0, &mut found).unwrap();
        assert!(found.is_empty());
        let short = [vec![1.0], vec![1.0, 1.0], vec![0.0; 8], vec![0.0; 20]];
        assert!(grid.read(&short, 1.0, &mut found).is_err());
    }
}
