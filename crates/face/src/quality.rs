//! Whether a face is good enough to be told apart from others.

use crate::detect::Detection;
use crate::evidence::{FaceBox, Quality};
use crate::picture::Picture;
use crate::refusal::FrameRefusal;

// The limits were set on the forty portraits, selfies and full-length pictures of the ten synthetic people in
// `var/samples`, all of which pass with room, and on worsened copies of them: small, blurred, shaken, dimmed and
// overexposed. For each, the cosine of its template to that of the good picture says what the damage costs. The
// numbers in the comments are such medians. They are one measurement on drawn faces: an operator's cameras may
// deserve stricter limits in policy, which sees every measure.

/// A second face with this share of the largest one's area makes it unclear who pays. The face in the background
/// of a selfie has less than a tenth.
const RIVAL_AREA_SHARE: f32 = 0.4;
/// Cosine 0.94 at 24 pixels, 0.92 at 20, 0.80 at 12. The crop wants 35.
const EYE_DISTANCE_PX_MIN: f32 = 24.0;
/// Of the box's area, inside the picture.
const INSIDE_SHARE_MIN: f32 = 0.7;
/// The forty lie within 0.43, profile views beyond 0.63 and mostly beyond 1.
const YAW_MAX: f32 = 0.6;
/// The forty lie within 0.50 and 0.64.
const PITCH_MIN: f32 = 0.25;
const PITCH_MAX: f32 = 0.85;
/// For a frame of a movement that was asked for: half a turn to profile and more, where the crop still holds a face.
const MOVED_YAW_MAX: f32 = 1.2;
const MOVED_PITCH_MIN: f32 = 0.05;
const MOVED_PITCH_MAX: f32 = 1.1;
/// Alignment undoes a tilt; the limit is where the detector begins to lose faces.
const ROLL_DEGREES_MAX: f32 = 35.0;
/// Low on purpose, so that dark skin is never taken for bad light. The forty lie within 0.38 and 0.57; dimmed to
/// 0.09 with a camera's noise the cosine is 0.91, to 0.055 it is 0.84.
const BRIGHTNESS_MIN: f32 = 0.06;
/// Overexposed to 0.78 the cosine is 0.86, to 0.84 it is 0.74.
const BRIGHTNESS_MAX: f32 = 0.8;
/// The forty have 0.021 and more, and 0.011 when reduced to 32 pixels between the eyes. A Gaussian blur of 4 % of
/// the eye distance leaves 0.004 (cosine 0.91), one of 6 % at most 0.003 (0.81); shaking by 20 % of it at most
/// 0.004 (0.75).
const SHARPNESS_MIN: f32 = 0.005;

/// The rows and columns of the aligned crop that show skin and features, not hair and background.
const INNER: std::ops::Range<usize> = 24..104;

/// The largest face, unless there is none or another one rivals it.
pub(crate) fn dominant(faces: &[Detection]) -> Result<Detection, FrameRefusal> {
    let area = |face: &Detection| face.face_box.area();
    let largest =
        faces.iter().max_by(|a, b| area(a).total_cmp(&area(b))).copied().ok_or(FrameRefusal::NoFace)?;
    let rivals = faces.iter().filter(|face| area(face) >= RIVAL_AREA_SHARE * area(&largest)).count();
    if rivals > 1 {
        return Err(FrameRefusal::SeveralFaces { faces: faces.len() });
    }
    Ok(largest)
}

pub(crate) fn middle(a: [f32; 2], b: [f32; 2]) -> [f32; 2] {
    [f32::midpoint(a[0], b[0]), f32::midpoint(a[1], b[1])]
}

/// The way from one point to another.
pub(crate) fn between(a: [f32; 2], b: [f32; 2]) -> [f32; 2] {
    [b[0] - a[0], b[1] - a[1]]
}

/// How far a head may be turned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// Towards the camera.
    Straight,
    /// In a movement that was asked for.
    Moving,
}

/// Where the face is and how it is turned, from its box and five points.
pub(crate) struct Geometry {
    pub(crate) face_px: f32,
    pub(crate) eye_distance_px: f32,
    pub(crate) yaw: f32,
    pub(crate) pitch: f32,
    pub(crate) roll_degrees: f32,
}

impl Geometry {
    /// Measured in the face's own axes: `u` from the eye on the left of the picture to the other, `v` a quarter
    /// turn further, down the face. Points that fall together give what is no number, which no limit admits.
    pub(crate) fn of(face: &Detection) -> Self {
        let [right_eye, left_eye, nose, right_mouth, left_mouth] = face.landmarks;
        let dot = |a: [f32; 2], b: [f32; 2]| a[0] * b[0] + a[1] * b[1];
        let along = between(right_eye, left_eye);
        let eye_distance_px = along[0].hypot(along[1]);
        let u = along.map(|part| part / eye_distance_px);
        let v = [-u[1], u[0]];
        let eyes = middle(right_eye, left_eye);
        let to_nose = between(eyes, nose);
        let to_mouth = between(eyes, middle(right_mouth, left_mouth));
        Self {
            face_px: face.face_box.width.min(face.face_box.height),
            eye_distance_px,
            yaw: 2.0 * dot(to_nose, u) / eye_distance_px,
            // A mouth above the eyes belongs to a mirrored face.
            pitch: if dot(to_mouth, v) > 0.0 { dot(to_nose, v) / dot(to_mouth, v) } else { f32::NAN },
            roll_degrees: u[1].atan2(u[0]).to_degrees(),
        }
    }

    /// Refuses what no crop can mend. Comparisons are written so that what is no number is refused.
    pub(crate) fn check(&self, face: &Detection, picture: &Picture, held: Held) -> Result<(), FrameRefusal> {
        let (width, height) = (picture.width as f32, picture.height as f32);
        let frame = FaceBox { x: 0.0, y: 0.0, width, height };
        let inside_share = face.face_box.common_area(&frame) / face.face_box.area();
        let points_inside =
            face.landmarks.iter().all(|[x, y]| (0.0..width).contains(x) && (0.0..height).contains(y));
        let is_whole = inside_share >= INSIDE_SHARE_MIN && points_inside;
        if !is_whole {
            return Err(FrameRefusal::FaceCutOff);
        }
        let (yaw_max, pitches) = match held {
            Held::Straight => (YAW_MAX, PITCH_MIN..=PITCH_MAX),
            Held::Moving => (MOVED_YAW_MAX, MOVED_PITCH_MIN..=MOVED_PITCH_MAX),
        };
        let is_frontal = self.yaw.abs() <= yaw_max
            && pitches.contains(&self.pitch)
            && self.roll_degrees.abs() <= ROLL_DEGREES_MAX;
        if !is_frontal {
            return Err(FrameRefusal::ExtremePose);
        }
        // After the pose: in profile the eyes are close together, and coming closer would not help.
        let is_large = self.eye_distance_px >= EYE_DISTANCE_PX_MIN;
        if is_large { Ok(()) } else { Err(FrameRefusal::FaceTooSmall) }
    }

    /// Adds light and focus, measured on the aligned crop, so that they do not depend on the face's size.
    pub(crate) fn with_light(&self, crop: &Picture) -> Quality {
        let (brightness, sharpness) = light_and_focus(crop);
        let Self { face_px, eye_distance_px, yaw, pitch, roll_degrees } = *self;
        Quality { face_px, eye_distance_px, yaw, pitch, roll_degrees, brightness, sharpness }
    }
}

/// Refuses bad light before bad focus: a dark face is noisy, and a noisy one is not sharp.
pub(crate) fn check_light(quality: &Quality) -> Result<(), FrameRefusal> {
    if quality.brightness < BRIGHTNESS_MIN {
        return Err(FrameRefusal::TooDark);
    }
    if quality.brightness > BRIGHTNESS_MAX {
        return Err(FrameRefusal::TooBright);
    }
    let is_sharp = quality.sharpness >= SHARPNESS_MIN;
    if is_sharp { Ok(()) } else { Err(FrameRefusal::Blurred) }
}

/// Brightness: the mean luminance (BT.601 weights) in 0..=1.
///
/// Sharpness: the energy of the luminance's second differences, along rows or along columns, whichever is less
/// (shaking blurs one way only), over the variance of the luminance, so that dim light is not mistaken for blur.
fn light_and_focus(crop: &Picture) -> (f32, f32) {
    let luminance: Vec<f32> = crop
        .rgb
        .as_chunks::<3>()
        .0
        .iter()
        .map(|[r, g, b]| (0.299 * f32::from(*r) + 0.587 * f32::from(*g) + 0.114 * f32::from(*b)) / 255.0)
        .collect();
    let (mut sum, mut squares, mut across, mut down, mut count) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for y in INNER {
        for x in INNER {
            let at = y * crop.width + x;
            let here = luminance[at];
            sum += here;
            squares += here * here;
            across += (luminance[at - 1] + luminance[at + 1] - 2.0 * here).powi(2);
            down += (luminance[at - crop.width] + luminance[at + crop.width] - 2.0 * here).powi(2);
            count += 1.0;
        }
    }
    let mean: f32 = sum / count;
    let variance: f32 = squares / count - mean * mean;
    let fine: f32 = f32::min(across, down) / count;
    // A step of one grey level, so that a flat patch is not sharp by division.
    (mean, fine / (variance + 1.0 / 255.0 / 255.0))
}

/// The inner part leaves a pixel of margin for differences.
const _: () = assert!(INNER.start >= 1 && INNER.end < crate::align::SIDE);

#[cfg(test)]
mod tests {
    use super::*;

    /// A face as the canon has it, moved.
    fn face(x: f32, y: f32, size: f32, score: f32) -> Detection {
        let at = |u: f32, v: f32| [x + u * size, y + v * size];
        Detection {
            face_box: FaceBox { x, y, width: size, height: size },
            landmarks: [at(0.3, 0.4), at(0.7, 0.4), at(0.5, 0.6), at(0.35, 0.8), at(0.65, 0.8)],
            score,
        }
    }

    fn verdict(face: &Detection) -> Result<(), FrameRefusal> {
        let picture = Picture { width: 1000, height: 800, rgb: Vec::new() };
        Geometry::of(face).check(face, &picture, Held::Straight)
    }

    #[test]
    fn one_face_must_dominate() {
        let (large, small, rival) =
            (face(0.0, 0.0, 100.0, 0.7), face(0.0, 0.0, 60.0, 0.9), face(0.0, 0.0, 70.0, 0.9));
        assert_eq!(dominant(&[]).err(), Some(FrameRefusal::NoFace));
        assert!((dominant(&[small, large]).unwrap().face_box.width - 100.0).abs() < 1e-6);
        assert_eq!(dominant(&[rival, large, small]).err(), Some(FrameRefusal::SeveralFaces { faces: 3 }));
    }

    #[test]
    fn geometry_is_checked() {
        let straight = face(300.0, 300.0, 200.0, 0.9);
        assert_eq!(verdict(&straight), Ok(()));
        let geometry = Geometry::of(&straight);
        assert!(
            geometry.yaw.abs() < 1e-4
                && (geometry.pitch - 0.5).abs() < 1e-4
                && geometry.roll_degrees.abs() < 1e-3
        );
        assert_eq!(verdict(&face(300.0, 300.0, 40.0, 0.9)), Err(FrameRefusal::FaceTooSmall));
        assert_eq!(verdict(&face(900.0, 300.0, 200.0, 0.9)), Err(FrameRefusal::FaceCutOff));
        assert_eq!(verdict(&face(300.0, -90.0, 200.0, 0.9)), Err(FrameRefusal::FaceCutOff));
        let mut turned = straight;
        turned.landmarks[2][0] += 40.0;
        assert_eq!(verdict(&turned), Err(FrameRefusal::ExtremePose));
        let mut raised = straight;
        raised.landmarks[2][1] -= 30.0;
        assert_eq!(verdict(&raised), Err(FrameRefusal::ExtremePose));
        let mut upside_down = straight;
        for point in &mut upside_down.landmarks {
            point[1] = 800.0 - point[1];
        }
        assert_eq!(verdict(&upside_down), Err(FrameRefusal::ExtremePose));
        let mut fallen_together = straight;
        fallen_together.landmarks = [[400.0, 400.0]; 5];
        assert_eq!(verdict(&fallen_together), Err(FrameRefusal::ExtremePose));
    }

    #[test]
    fn a_flat_crop_is_neither_sharp_nor_a_division_by_zero() {
        let side = crate::align::SIDE;
        let flat = Picture { width: side, height: side, rgb: vec![128; side * side * 3] };
        let (brightness, sharpness) = light_and_focus(&flat);
        assert!((brightness - 128.0 / 255.0).abs() < 1e-3 && sharpness < 1e-3);
    }
}
