//! The active challenge: movements that the server picks at random, and whether a series of frames shows them.
//!
//! Pure: what was asked, what was measured and the policy in, passed or why not out, so that a decision is replayed
//! without a picture. Poses are the ratios that five points of a face give, not angles; directions are the person's own.

use serde::{Deserialize, Serialize};

use crate::PolicyError;

/// The fewest frames of one movement: the beginning, the movement, the end.
pub const MOVE_FRAMES_MIN: u32 = 3;
/// The most frames of one movement; each costs a run of every network.
pub const MOVE_FRAMES_MAX: u32 = 4;
/// The most movements of one challenge.
pub const MOVES_MAX: u32 = 4;

/// The shortest pause before a movement, and what is added to it at random.
const PAUSE_LEAST_MS: u32 = 200;
const PAUSE_STEP_MS: u32 = 100;
const PAUSE_STEPS: u32 = 9;
// Recorded decisions are replayed with these two: they do not change.
/// A head is held level below this share of a turn.
const LEVEL_SHARE: f64 = 2.0 / 3.0;
/// And straight when its pitch is no farther than this from that of the capture's other frames.
const STRAIGHT_PITCH: f64 = 0.12;

/// A movement, in the person's own directions. Five points of a face do not show a blink, so that none is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Turns the head to the person's own left and back.
    TurnLeft,
    /// Turns the head to the person's own right and back.
    TurnRight,
    /// Lowers the chin and raises it again.
    Nod,
    /// Comes closer to the camera, and may stay there.
    ComeCloser,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::TurnLeft, Self::TurnRight, Self::Nod, Self::ComeCloser];
}

/// One movement of a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Which.
    pub action: Action,
    /// So long after the last frame before, or after the challenge came, the payer is told.
    pub begin_after_ms: u32,
    /// From its first frame to its last.
    pub within_seconds: u32,
}

/// What is asked of a payer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// The movements, in this order.
    pub steps: Vec<Step>,
    /// From the opening of the attempt until the frames are there.
    pub finish_within_seconds: u32,
}

/// When a challenge is wanted, and from where on frames show it. A policy without this asks for none.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChallengeRules {
    /// How many movements.
    pub steps: u32,
    /// From the opening of the attempt until the frames are there.
    pub seconds: u32,
    /// How long one movement may take.
    pub step_seconds: u32,
    /// Above this a face pays only with a passed challenge or a strong factor, minor units.
    pub from_minor: i64,
    /// A turn moves the tip of the nose so far along the line of the eyes; half of their distance is 1.
    pub turn_min: f64,
    /// A nod moves the tip of the nose so far from the eyes to the mouth; their distance is 1. A picture that is tilted
    /// does not.
    pub nod_min: f64,
    /// And brings the mouth so near to the tip of the nose, as a share of what it was.
    pub chin_max: f64,
    /// Who comes closer has a face so many times as large.
    pub closer_min: f64,
    /// Every frame is at least so similar to the face of the capture, as a cosine.
    pub same_face_min: f64,
}

/// How a head is held, and how large it is in the picture.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pose {
    /// Tip of the nose along the line of the eyes: 0 midway, 1 over the eye on the right of the picture, the person's
    /// left one.
    pub yaw: f64,
    /// Tip of the nose between the eyes (0) and the mouth (1).
    pub pitch: f64,
    /// From the tip of the nose down to the mouth, over the distance of the eyes.
    pub chin: f64,
    /// Shorter side of the face over the shorter side of the picture.
    pub size: f64,
}

/// What was measured about one frame of a movement.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MoveFrame {
    /// Milliseconds since the challenge came, by the terminal's clock.
    pub at_ms: u32,
    /// How the head is held.
    pub pose: Pose,
    /// Cosine to the face of the capture.
    pub likeness: f64,
}

/// What a terminal sent for a challenge, measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shown {
    /// What was asked.
    pub asked: Challenge,
    /// The mean of the capture's other frames.
    pub neutral: Pose,
    /// The frames of each movement.
    pub moves: Vec<Vec<MoveFrame>>,
    /// Milliseconds since the attempt was opened, by the server's clock.
    pub since_opened_ms: u32,
}

/// Why frames do not show what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum NotShown {
    /// Another number of movements than was asked.
    MoveCount,
    /// Too few or too many frames of a movement.
    FrameCount {
        /// Which movement, from 0.
        step: usize,
    },
    /// Frames are out of order, earlier than the payer was told, too slow, or from before the attempt was opened.
    Times {
        /// Which movement, from 0.
        step: usize,
    },
    /// A frame shows another face.
    AnotherFace {
        /// Which movement, from 0.
        step: usize,
    },
    /// The head is not held straight at the beginning.
    NotStraightFirst {
        /// Which movement, from 0.
        step: usize,
    },
    /// The head turns the other way.
    OtherWay {
        /// Which movement, from 0.
        step: usize,
    },
    /// The movement is not seen, or is too small.
    NoMovement {
        /// Which movement, from 0.
        step: usize,
    },
    /// The head does not come back.
    NotBack {
        /// Which movement, from 0.
        step: usize,
    },
}

impl ChallengeRules {
    pub(crate) fn check(&self) -> Result<(), PolicyError> {
        let sensible = (2..=MOVES_MAX).contains(&self.steps)
            && (1..=60).contains(&self.step_seconds)
            && (self.steps..=600).contains(&self.seconds)
            && self.from_minor >= 0
            && (0.05..=1.0).contains(&self.turn_min)
            && (0.01..=0.5).contains(&self.nod_min)
            && (0.3..=0.95).contains(&self.chin_max)
            && (1.05..=4.0).contains(&self.closer_min)
            && (0.0..1.0).contains(&self.same_face_min);
        let what = "challenge.steps is 2 to 4, step_seconds 1 to 60, seconds at least steps and at most 600, from_minor \
                    not negative, turn_min 0.05 to 1, nod_min 0.01 to 0.5, chin_max 0.3 to 0.95, closer_min 1.05 to 4, same_face_min 0 to 1";
        if sensible { Ok(()) } else { Err(PolicyError::Nonsense(what)) }
    }
}

/// Every order of so many movements that may be asked: none twice in a row, and coming closer once at most, because
/// nobody is asked to step back.
#[must_use]
pub fn sequences(steps: u32) -> Vec<Vec<Action>> {
    let mut all: Vec<Vec<Action>> = vec![Vec::new()];
    for _ in 0..steps {
        let longer = |sequence: &Vec<Action>| {
            let may = |action: &Action| {
                sequence.last() != Some(action)
                    && !(*action == Action::ComeCloser && sequence.contains(action))
            };
            let sequence = sequence.clone();
            Action::ALL.into_iter().filter(may).map(move |next| [&sequence[..], &[next]].concat()).collect()
        };
        let next: Vec<Vec<Vec<Action>>> = all.iter().map(longer).collect();
        all = next.concat();
    }
    all
}

impl Challenge {
    /// Draws one: each order is as likely as any other, and so is each pause. `below(n)` gives a number from 0 to n - 1,
    /// each equally likely.
    #[must_use]
    pub fn draw(rules: &ChallengeRules, below: &mut dyn FnMut(u32) -> u32) -> Self {
        let all = sequences(rules.steps);
        let count = u32::try_from(all.len()).expect("four actions, at most four times");
        let drawn = usize::try_from(below(count)).expect("a small number");
        let mut step = |action: &Action| Step {
            action: *action,
            begin_after_ms: PAUSE_LEAST_MS + PAUSE_STEP_MS * below(PAUSE_STEPS),
            within_seconds: rules.step_seconds,
        };
        Self { steps: all[drawn].iter().map(&mut step).collect(), finish_within_seconds: rules.seconds }
    }
}

impl Shown {
    /// Do the frames show what was asked, in its order and time, by one face?
    ///
    /// # Errors
    /// The first reason why not.
    pub fn judge(&self, rules: &ChallengeRules) -> Result<(), NotShown> {
        if self.moves.len() != self.asked.steps.len() {
            return Err(NotShown::MoveCount);
        }
        let mut before_ms = 0;
        for (step, (asked, frames)) in self.asked.steps.iter().zip(&self.moves).enumerate() {
            let count = u32::try_from(frames.len()).unwrap_or(u32::MAX);
            let (Some(first), Some(last)) = (frames.first(), frames.last()) else {
                return Err(NotShown::FrameCount { step });
            };
            if !(MOVE_FRAMES_MIN..=MOVE_FRAMES_MAX).contains(&count) {
                return Err(NotShown::FrameCount { step });
            }
            let begins = before_ms + u64::from(asked.begin_after_ms);
            let ascending = frames.windows(2).all(|pair| pair[0].at_ms < pair[1].at_ms);
            let in_time = u64::from(first.at_ms) >= begins
                && u64::from(last.at_ms.saturating_sub(first.at_ms))
                    <= u64::from(asked.within_seconds) * 1000
                && last.at_ms <= self.since_opened_ms;
            if !ascending || !in_time {
                return Err(NotShown::Times { step });
            }
            // What is no number is like nobody.
            let same = frames.iter().all(|frame| frame.likeness >= rules.same_face_min);
            if !same {
                return Err(NotShown::AnotherFace { step });
            }
            self.judge_move(rules, step, frames)?;
            before_ms = u64::from(last.at_ms);
        }
        Ok(())
    }

    /// The movement is seen against its own first frame, which must be held about as the capture's other frames are.
    fn judge_move(&self, rules: &ChallengeRules, step: usize, frames: &[MoveFrame]) -> Result<(), NotShown> {
        let (Some(first), Some(last)) = (frames.first(), frames.last()) else {
            return Err(NotShown::FrameCount { step });
        };
        let (first, last) = (first.pose, last.pose);
        let level = LEVEL_SHARE * rules.turn_min;
        let straight = (first.yaw - self.neutral.yaw).abs() <= level
            && (first.pitch - self.neutral.pitch).abs() <= STRAIGHT_PITCH;
        if !straight {
            return Err(NotShown::NotStraightFirst { step });
        }
        let poses = || frames.iter().map(|frame| frame.pose);
        let turned = |sign: f64, least: f64| poses().any(|pose| sign * (pose.yaw - first.yaw) >= least);
        let sideways = turned(1.0, rules.turn_min) || turned(-1.0, rules.turn_min);
        let is_back = (last.yaw - first.yaw).abs() <= level;
        let (seen, astray, back) = match self.asked.steps[step].action {
            Action::TurnLeft => (turned(1.0, rules.turn_min), turned(-1.0, level), is_back),
            Action::TurnRight => (turned(-1.0, rules.turn_min), turned(1.0, level), is_back),
            Action::Nod => {
                let lowered = |pose: Pose| {
                    pose.pitch - first.pitch >= rules.nod_min && pose.chin <= rules.chin_max * first.chin
                };
                let raised = last.chin >= f64::midpoint(1.0, rules.chin_max) * first.chin;
                (poses().any(lowered), sideways, is_back && raised)
            }
            Action::ComeCloser => (last.size >= rules.closer_min * first.size, sideways, true),
        };
        if astray {
            return Err(NotShown::OtherWay { step });
        }
        if !seen {
            return Err(NotShown::NoMovement { step });
        }
        if back { Ok(()) } else { Err(NotShown::NotBack { step }) }
    }
}

#[cfg(test)]
mod tests;
