//! What changed from one frame of a capture to the next.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroize as _;

use super::{inside, luminance, pixel};
use crate::evidence::{FaceBox, FaceEvidence, FrameEvidence};
use crate::picture::Picture;
use crate::resample::to_f32;

const FACE: usize = 32;
/// Columns of the whole picture, made small.
const SCENE: usize = 64;
/// How far the surroundings may have moved, in such columns.
const SHIFT: usize = 6;

/// A frame against the one before it. A head is not flat and does not stay still; a sheet in a hand moves as a whole,
/// and a stored picture does not move at all (compare de Marsico and others, "Moving Face Spoofing Detection via 3D
/// Projective Invariants", 2012, and Anjos and others, "Motion-Based Counter-Measures to Photo Attacks", 2014).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Motion {
    /// Mean difference of the two faces, each in its own box, 0 to 1; 0: the very same picture.
    pub face_change: f32,
    /// Mean difference of all else, 0 to 1.
    pub surround_change: f32,
    /// How far the five landmarks are from being one flat thing's that moved, turned and leaned: what is left of them
    /// after the best affine map, in eye distances.
    pub not_flat: f32,
    /// How much yaw and pitch changed, as `Quality` measures them.
    pub turn: f32,
    /// The face's shift less that of its surroundings, in face widths: 0 where both move as one.
    pub apart: f32,
}

impl Motion {
    /// Each measure with its name, in a fixed order.
    #[must_use]
    pub fn named(&self) -> [(&'static str, f32); 5] {
        let Self { face_change, surround_change, not_flat, turn, apart } = *self;
        [
            ("face_change", face_change),
            ("surround_change", surround_change),
            ("not_flat", not_flat),
            ("turn", turn),
            ("apart", apart),
        ]
    }
}

/// A frame made tiny, to compare it with the next. Never stored, wiped when it is dropped.
#[derive(Clone, Default)]
pub struct Glance {
    face: Vec<f32>,
    scene: Vec<f32>,
    columns: usize,
}

impl Drop for Glance {
    fn drop(&mut self) {
        self.face.zeroize();
        self.scene.zeroize();
    }
}

/// Says nothing: it shows a face.
impl fmt::Debug for Glance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Glance").finish_non_exhaustive()
    }
}

impl Glance {
    pub(crate) fn of(picture: &Picture, face: &FaceBox) -> Self {
        let part = inside(picture, face, 1.0);
        let picked =
            |start: usize, extent: usize, at: usize, of: usize| start + (2 * at + 1) * extent / (2 * of);
        let face = (0..FACE)
            .flat_map(|y| (0..FACE).map(move |x| (x, y)))
            .map(|(x, y)| {
                let x = picked(part.left, part.width, x, FACE);
                luminance(pixel(picture, x, picked(part.top, part.height, y, FACE)))
            })
            .collect();
        let rows = (SCENE * picture.height / picture.width).clamp(1, 4 * SCENE);
        let scene = (0..rows)
            .flat_map(|y| (0..SCENE).map(move |x| (x, y)))
            .map(|(x, y)| {
                let x = picked(0, picture.width, x, SCENE);
                luminance(pixel(picture, x, picked(0, picture.height, y, rows)))
            })
            .collect();
        Self { face, scene, columns: SCENE }
    }
}

/// Fills in [`LivenessCues::motion`](crate::LivenessCues::motion) of every frame but the first of one capture, in the
/// order in which they were taken. Frames without cues stay as they are.
pub fn link_frames(frames: &mut [FaceEvidence]) {
    for at in 1..frames.len() {
        let (before, rest) = frames.split_at_mut(at);
        let (Some(before), Some(after)) = (before.last(), rest.first_mut()) else { continue };
        let motion = compare(before, after);
        if let Some(cues) = &mut after.frame.cues {
            cues.motion = Some(motion);
        }
    }
}

fn compare(before: &FaceEvidence, after: &FaceEvidence) -> Motion {
    let (was, is) = (&before.frame, &after.frame);
    let turn = (is.quality.yaw - was.quality.yaw).hypot(is.quality.pitch - was.quality.pitch);
    let scenes = Scenes::of(before, after);
    let motion = Motion {
        face_change: difference(&before.glance.face, &after.glance.face),
        surround_change: scenes.as_ref().and_then(|s| s.change((SHIFT, SHIFT))).unwrap_or(0.0),
        not_flat: not_flat(was, is),
        turn,
        apart: scenes.as_ref().map_or(0.0, |scenes| apart(scenes, was, is)),
    };
    let sound = |value: f32| if value.is_finite() { value } else { 0.0 };
    let Motion { face_change, surround_change, not_flat, turn, apart } = motion;
    Motion {
        face_change: sound(face_change),
        surround_change: sound(surround_change),
        not_flat: sound(not_flat),
        turn: sound(turn),
        apart: sound(apart),
    }
}

fn difference(a: &[f32], b: &[f32]) -> f32 {
    let sum: f32 = a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum();
    sum / 255.0 / a.len().max(1) as f32
}

/// Two small scenes of the same shape, and where in them the faces and their near surroundings are.
struct Scenes<'a> {
    columns: usize,
    rows: usize,
    was: (&'a [f32], Vec<bool>),
    is: (&'a [f32], Vec<bool>),
}

impl<'a> Scenes<'a> {
    /// None where the pictures differ in shape, or have no scene.
    fn of(before: &'a FaceEvidence, after: &'a FaceEvidence) -> Option<Self> {
        let (a, b) = (&before.glance, &after.glance);
        let rows = a.scene.len().checked_div(a.columns)?;
        let alike = a.columns == b.columns && a.scene.len() == b.scene.len();
        let mask = |frame: &FrameEvidence| {
            let scale = frame.picture_px[0] as f32 / a.columns as f32;
            let FaceBox { x: left, y: top, width, height } = frame.face_box;
            let of_face = |at: usize| {
                let x = ((at % a.columns) as f32 + 0.5) * scale - left - width / 2.0;
                let y = ((at / a.columns) as f32 + 0.5) * scale - top - height / 2.0;
                x.abs() < width * 0.7 && y.abs() < height * 0.7
            };
            (0..a.scene.len()).map(of_face).collect()
        };
        let (was, is) = ((a.scene.as_slice(), mask(&before.frame)), (b.scene.as_slice(), mask(&after.frame)));
        alike.then_some(Self { columns: a.columns, rows, was, is })
    }

    /// Mean difference of all but the faces, when the later frame is moved back by a shift in 0..=2 `SHIFT`, of which
    /// `SHIFT` is none; none where nothing is left to compare.
    fn change(&self, (right, down): (usize, usize)) -> Option<f32> {
        let (mut sum, mut count) = (0.0_f32, 0.0_f32);
        for y in SHIFT..self.rows.saturating_sub(SHIFT) {
            for x in SHIFT..self.columns.saturating_sub(SHIFT) {
                let here = y * self.columns + x;
                let there = (y + down - SHIFT) * self.columns + x + right - SHIFT;
                if !self.was.1[here] && !self.is.1[there] {
                    sum += (self.was.0[here] - self.is.0[there]).abs();
                    count += 1.0;
                }
            }
        }
        (count > 0.0).then(|| sum / count / 255.0)
    }

    /// The shift with the least change, in columns.
    fn shift(&self) -> Option<(f32, f32)> {
        let signed = |at: usize| at as f32 - SHIFT as f32;
        let mut best: Option<(f32, f32, f32)> = None;
        for (right, down) in (0..=2 * SHIFT).flat_map(|right| (0..=2 * SHIFT).map(move |down| (right, down)))
        {
            let (dx, dy) = (signed(right), signed(down));
            // Where shifts are equally good, as before a plain wall, the smallest is meant.
            let change = self.change((right, down))? + 1e-4 * (dx.abs() + dy.abs());
            if best.is_none_or(|(least, _, _)| change < least) {
                best = Some((change, dx, dy));
            }
        }
        best.map(|(_, dx, dy)| (dx, dy))
    }
}

fn apart(scenes: &Scenes<'_>, was: &FrameEvidence, is: &FrameEvidence) -> f32 {
    let Some((dx, dy)) = scenes.shift() else { return 0.0 };
    let scale = is.picture_px[0] as f32 / scenes.columns as f32;
    let middle = |of: &FaceBox| (of.x + of.width / 2.0, of.y + of.height / 2.0);
    let ((x0, y0), (x1, y1)) = (middle(&was.face_box), middle(&is.face_box));
    ((x1 - x0) - dx * scale).hypot((y1 - y0) - dy * scale) / is.face_box.width.max(1.0)
}

/// Root mean square of what the best affine map from the earlier landmarks leaves of the later ones, in eye distances.
/// Of five points' ten numbers an affine map explains six.
fn not_flat(was: &FrameEvidence, is: &FrameEvidence) -> f32 {
    let from = was.landmarks.map(|p| p.map(f64::from));
    let to = is.landmarks.map(|p| p.map(f64::from));
    let mean = |points: &[[f64; 2]; 5], axis: usize| points.iter().map(|p| p[axis]).sum::<f64>() / 5.0;
    let (fx, fy, tx, ty) = (mean(&from, 0), mean(&from, 1), mean(&to, 0), mean(&to, 1));
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    let mut mixed = [[0.0; 2]; 2];
    for (p, q) in from.iter().zip(&to) {
        let (x, y) = (p[0] - fx, p[1] - fy);
        xx += x * x;
        xy += x * y;
        yy += y * y;
        for (axis, value) in [q[0] - tx, q[1] - ty].into_iter().enumerate() {
            mixed[axis][0] += value * x;
            mixed[axis][1] += value * y;
        }
    }
    let determinant = xx * yy - xy * xy;
    if determinant <= 1e-9 {
        return 0.0;
    }
    let mut left = 0.0;
    for (p, q) in from.iter().zip(&to) {
        let (x, y) = (p[0] - fx, p[1] - fy);
        for (axis, value) in [q[0] - tx, q[1] - ty].into_iter().enumerate() {
            let [a, b] = mixed[axis];
            let map = ((a * yy - b * xy) * x + (b * xx - a * xy) * y) / determinant;
            left += (value - map).powi(2);
        }
    }
    to_f32((left / 5.0).sqrt() / f64::from(is.quality.eye_distance_px).max(1.0))
}

#[cfg(test)]
mod tests;
