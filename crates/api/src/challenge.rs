//! The active challenge: movements that a terminal asks of whoever pays, and the frames that show them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A movement, in the person's own directions: the camera's picture must not be mirrored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChallengeAction {
    /// Turn the head to the own left, and back.
    TurnLeft,
    /// Turn the head to the own right, and back.
    TurnRight,
    /// Lower the chin, and raise it again.
    Nod,
    /// Come closer to the camera; staying there is fine.
    ComeCloser,
}

/// One movement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChallengeStep {
    /// Which.
    pub action: ChallengeAction,
    /// So long after the last frame of the movement before, or after this answer came, the payer is told; the first
    /// frame comes after that.
    pub begin_after_ms: u32,
    /// The fewest frames: the head held straight, the movement, the head held straight again.
    pub frames_min: u32,
    /// The most frames.
    pub frames_max: u32,
    /// From the first frame to the last.
    pub within_seconds: u32,
}

/// Movements in the order in which they are asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Challenge {
    /// The movements.
    pub steps: Vec<ChallengeStep>,
    /// From the opening of the attempt until the capture is there.
    pub finish_within_seconds: u32,
    /// Without it this order is paid by face only with the PIN or the own device.
    pub needed: bool,
}

/// The frames of one movement, in order.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChallengeFrames {
    /// From the head held straight through the movement.
    #[schema(min_items = 3, max_items = 4)]
    pub frames: Vec<ChallengeFrame>,
}

/// One frame of a movement.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChallengeFrame {
    /// A JPEG or PNG, base64.
    pub picture: String,
    /// Milliseconds since the answer with the challenge came.
    pub at_ms: u32,
}
