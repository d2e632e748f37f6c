//! Why a frame is not used, and why an analysis could not be made.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Most bytes of one picture.
pub const PICTURE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Most pixels of one picture, read from its header before anything is decoded.
pub const PICTURE_PIXELS_MAX: usize = 25_000_000;

/// The frame cannot serve as evidence. The text is for the person who takes the picture: what is wrong and
/// what to do. It never holds anything read from the picture but counts and sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum FrameRefusal {
    /// More than [`PICTURE_BYTES_MAX`].
    #[error("the picture has {bytes} bytes and at most {PICTURE_BYTES_MAX} are accepted; send a smaller one")]
    TooManyBytes {
        /// Its length.
        bytes: usize,
    },
    /// Neither JPEG nor PNG by its first bytes.
    #[error("this is no JPEG or PNG picture; send one of these")]
    NotAPicture,
    /// Begins like a picture, and is cut short, damaged, animated or of an exotic kind.
    #[error("the picture is damaged or incomplete; take it again")]
    Undecodable,
    /// More than [`PICTURE_PIXELS_MAX`].
    #[error(
        "the picture has {width} x {height} pixels and at most {PICTURE_PIXELS_MAX} are accepted; send a smaller one"
    )]
    TooManyPixels {
        /// Columns its header declares.
        width: usize,
        /// Rows its header declares.
        height: usize,
    },
    /// Nothing that looks like a face.
    #[error("no face was found; look at the camera, in good light")]
    NoFace,
    /// Another face is nearly as large as the largest.
    #[error("{faces} faces were found; only the payer should be in front of the camera")]
    SeveralFaces {
        /// How many, small ones in the background included.
        faces: usize,
    },
    /// Too few pixels between the eyes.
    #[error("the face is too small; come closer")]
    FaceTooSmall,
    /// Part of the face lies outside the picture.
    #[error("the face is cut off; move so that the whole face is in view")]
    FaceCutOff,
    /// Turned, raised, lowered or tilted too far.
    #[error("the face is turned away; look straight at the camera")]
    ExtremePose,
    /// Too little light on the face.
    #[error("the face is too dark; find more light")]
    TooDark,
    /// Washed out.
    #[error("the face is too bright; avoid light straight into the camera or onto the face")]
    TooBright,
    /// Out of focus or moving.
    #[error("the face is blurred; hold still and wipe the camera")]
    Blurred,
}

impl FrameRefusal {
    /// The name of the reason, stable across versions; also its `code` when serialised.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooManyBytes { bytes: _ } => "too_many_bytes",
            Self::NotAPicture => "not_a_picture",
            Self::Undecodable => "undecodable",
            Self::TooManyPixels { width: _, height: _ } => "too_many_pixels",
            Self::NoFace => "no_face",
            Self::SeveralFaces { faces: _ } => "several_faces",
            Self::FaceTooSmall => "face_too_small",
            Self::FaceCutOff => "face_cut_off",
            Self::ExtremePose => "extreme_pose",
            Self::TooDark => "too_dark",
            Self::TooBright => "too_bright",
            Self::Blurred => "blurred",
        }
    }
}

/// No evidence came out. Whatever the variant, there is no template: a failure never matches anybody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnalyseError {
    /// The caller's picture is at fault.
    #[error(transparent)]
    Refused(#[from] FrameRefusal),
    /// All lanes stayed busy for as long as the caller was willing to wait. Trying again later may help.
    #[error("face recognition was busy for {} ms; try again shortly", waited.as_millis())]
    Busy {
        /// How long this call waited.
        waited: Duration,
    },
    /// A network failed or the code panicked: a fault of ours, to be looked into. The text names a stage and
    /// shapes, and nothing of the face.
    #[error("face recognition failed in {stage}: {reason}")]
    Failed {
        /// Which stage.
        stage: &'static str,
        /// What the runtime said.
        reason: String,
    },
}

impl AnalyseError {
    /// The refusal's own code, or `busy`, or `face_analysis_failed`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::Busy { waited: _ } => "busy",
            Self::Failed { stage: _, reason: _ } => "face_analysis_failed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_what_is_stored() {
        let all = [
            FrameRefusal::TooManyBytes { bytes: 9_000_000 },
            FrameRefusal::NotAPicture,
            FrameRefusal::Undecodable,
            FrameRefusal::TooManyPixels { width: 50_000, height: 50_000 },
            FrameRefusal::NoFace,
            FrameRefusal::SeveralFaces { faces: 3 },
            FrameRefusal::FaceTooSmall,
            FrameRefusal::FaceCutOff,
            FrameRefusal::ExtremePose,
            FrameRefusal::TooDark,
            FrameRefusal::TooBright,
            FrameRefusal::Blurred,
        ];
        for refusal in all {
            let stored = serde_json::to_value(refusal).unwrap();
            assert_eq!(stored["code"], refusal.code());
            assert_eq!(serde_json::from_value::<FrameRefusal>(stored).unwrap(), refusal);
            assert_eq!(AnalyseError::from(refusal).code(), refusal.code());
        }
    }
}
