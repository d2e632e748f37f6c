//! What was measured about a frame, as plain data.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use types::{Digest, Probability, Template};

use crate::cues::{Glance, LivenessCues};
use crate::print::FacePrint;

/// Everything one frame gave.
#[derive(Clone, Debug)]
pub struct FaceEvidence {
    /// What may be stored and replayed.
    pub frame: FrameEvidence,
    /// Who it looks like. Kept apart: it is sealed, never stored as plain data.
    pub template: Template,
    /// How the frame looks, to see it again. Kept apart as well: it goes with the frame.
    pub print: FacePrint,
    /// Where the time went. Not evidence.
    pub timings: StageTimings,
    /// For comparing the frame with the next one. Not evidence.
    pub glance: Glance,
}

/// The measurements of a frame, without the face itself. Coordinates are pixels of the upright picture (after
/// its EXIF orientation), x to the right and y down.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct FrameEvidence {
    /// Hash of the embedder that made the template.
    pub model: Digest,
    /// Columns and rows of the upright picture.
    pub picture_px: [usize; 2],
    /// Faces found, small ones in the background included; at least 1.
    pub faces_seen: usize,
    /// The dominant face.
    pub face_box: FaceBox,
    /// Its right eye, left eye, nose tip, right and left corner of the mouth, as (x, y); right and left are
    /// the person's own.
    pub landmarks: [[f32; 2]; 5],
    /// The detector's confidence, above 0.6.
    pub detection_score: f32,
    /// How good the frame is.
    pub quality: Quality,
    /// Passive liveness: the probability of the live class, mean over the networks. `None` when the networks
    /// are not installed, which is not the same as 0.
    pub liveness: Option<Probability>,
    /// What else speaks for or against a living face. `None` without the networks, and in records from before there
    /// was any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cues: Option<LivenessCues>,
}

/// A rectangle; it may reach a little beyond the picture.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaceBox {
    /// Left edge.
    pub x: f32,
    /// Upper edge.
    pub y: f32,
    /// To the right of `x`; positive.
    pub width: f32,
    /// Down from `y`; positive.
    pub height: f32,
}

/// Measures of one face. The pose comes from five points and is a ratio, not an angle: good for refusing and
/// for seeing that a head moved, not for measuring degrees.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Shorter side of the box, in pixels.
    pub face_px: f32,
    /// Between the eyes, in pixels.
    pub eye_distance_px: f32,
    /// Nose tip along the line of the eyes: 0 midway between them, -1 and 1 over an eye (-1 over the one that
    /// appears on the left of the picture).
    pub yaw: f32,
    /// Nose tip between the line of the eyes (0) and of the mouth (1); about 0.5 when looking straight.
    pub pitch: f32,
    /// Tilt of the line of the eyes, in degrees, clockwise positive.
    pub roll_degrees: f32,
    /// Mean luminance of the face, 0 (black) to 1 (white).
    pub brightness: f32,
    /// Energy of the finest detail over the variance of the luminance, in the direction that has less of it.
    /// Well-focused faces have 0.02 and more.
    pub sharpness: f32,
}

/// Wall time of each stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StageTimings {
    /// Waiting for a lane.
    pub wait: Duration,
    /// Bytes to upright pixels.
    pub decode: Duration,
    /// Faces, landmarks, and the checks of size and pose.
    pub detect: Duration,
    /// Upright crop, and the checks of light and focus.
    pub align: Duration,
    /// Crop to template.
    pub embed: Duration,
    /// Passive liveness.
    pub liveness: Duration,
}

impl StageTimings {
    /// All stages together, waiting included.
    #[must_use]
    pub fn total(&self) -> Duration {
        let Self { wait, decode, detect, align, embed, liveness } = *self;
        wait + decode + detect + align + embed + liveness
    }
}

impl FaceBox {
    /// Square pixels.
    #[must_use]
    pub fn area(&self) -> f32 {
        self.width * self.height
    }

    /// Square pixels that both cover.
    #[must_use]
    pub fn common_area(&self, other: &Self) -> f32 {
        let wide = (self.x + self.width).min(other.x + other.width) - self.x.max(other.x);
        let high = (self.y + self.height).min(other.y + other.height) - self.y.max(other.y);
        wide.max(0.0) * high.max(0.0)
    }

    /// Intersection over union, 0..=1.
    #[must_use]
    pub fn overlap(&self, other: &Self) -> f32 {
        let common = self.common_area(other);
        common / (self.area() + other.area() - common)
    }
}

/// Leaves out where the features of the face are.
impl fmt::Debug for FrameEvidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameEvidence")
            .field("model", &self.model)
            .field("picture_px", &self.picture_px)
            .field("faces_seen", &self.faces_seen)
            .field("detection_score", &self.detection_score)
            .field("liveness", &self.liveness)
            .finish_non_exhaustive()
    }
}
