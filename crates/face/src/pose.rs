//! How a head is held, as far as five points show it: ratios, good for seeing that a head moved.

use crate::evidence::FrameEvidence;
use crate::quality::{between, middle};

/// Measured in the face's own axes, and so the same for a face that is tilted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeadPose {
    /// Tip of the nose along the line of the eyes: 0 midway, 1 over the eye on the right of the picture. A flat picture
    /// that is turned keeps it; a head moves it.
    pub yaw: f32,
    /// Tip of the nose between the line of the eyes (0) and of the mouth (1). A flat picture keeps this as well.
    pub pitch: f32,
    /// From the tip of the nose down to the mouth, over the distance of the eyes: less when the chin is lowered.
    pub chin: f32,
    /// Shorter side of the face over the shorter side of the picture.
    pub size: f32,
}

impl FrameEvidence {
    /// How the head is held in this frame.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "pixels of a picture are far below 2^24")]
    pub fn pose(&self) -> HeadPose {
        let [right_eye, left_eye, nose, right_mouth, left_mouth] = self.landmarks;
        let along = between(right_eye, left_eye);
        let eye_distance = along[0].hypot(along[1]);
        let down = [-along[1] / eye_distance, along[0] / eye_distance];
        let to_mouth = between(nose, middle(right_mouth, left_mouth));
        let [width, height] = self.picture_px;
        HeadPose {
            yaw: self.quality.yaw,
            pitch: self.quality.pitch,
            chin: (to_mouth[0] * down[0] + to_mouth[1] * down[1]) / eye_distance,
            size: self.quality.face_px / width.min(height).max(1) as f32,
        }
    }
}
