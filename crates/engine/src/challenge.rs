//! The active challenge of an attempt: drawn when it is opened, judged with its capture. And what is noted of captures
//! that are refused before anything is decided.

use anyhow::Context as _;
use face::{FaceEvidence, HeadPose};
use rand::Rng;
use risk::{Challenge, MOVE_FRAMES_MAX, MOVES_MAX, MoveFrame, Pose, Shown};
use serde_json::json;
use store::{SessionRow, Tx};
use types::{SessionId, SignedDuration, Template, Timestamp};
use zeroize::Zeroizing;

use crate::callers::TerminalCaller;
use crate::engine::{Context, Engine, FRAMES_PAY, record};
use crate::pay::Measured;
use crate::rejected::{Error, Rejected};

/// What a terminal's camera took.
#[derive(Clone, Copy)]
pub struct Taken<'a> {
    /// The pictures: first those of the payer looking at the camera, then those of each movement.
    pub pictures: &'a [Zeroizing<Vec<u8>>],
    /// Of each movement, when each of its pictures was taken, in milliseconds since the challenge came. None where the
    /// challenge was not run.
    pub moves: Option<&'a [Vec<u32>]>,
}

/// What was measured about one picture of a movement.
#[derive(Clone, Debug)]
pub struct Moved {
    /// Milliseconds since the challenge came, by the terminal's clock.
    pub at_ms: u32,
    /// What it shows.
    pub face: FaceEvidence,
}

impl<'a> Taken<'a> {
    /// The pictures of the payer looking at the camera, and those of the movements. Their numbers are checked.
    pub(crate) fn split(&self) -> Result<[&'a [Zeroizing<Vec<u8>>]; 2], Rejected> {
        let moves = self.moves.unwrap_or_default();
        let most = MOVE_FRAMES_MAX as usize;
        if self.moves.is_some_and(<[_]>::is_empty)
            || moves.len() > MOVES_MAX as usize
            || moves.iter().any(|times| times.is_empty() || times.len() > most)
        {
            let what = "as many movements as were asked, each of 3 to 4 frames";
            return Err(Rejected::Field { field: "challenge", what });
        }
        let moving: usize = moves.iter().map(Vec::len).sum();
        let straight = self.pictures.len().saturating_sub(moving);
        if !FRAMES_PAY.contains(&straight) {
            return Err(Rejected::Field { field: "frames", what: "1 to 3 pictures" });
        }
        let (straight, moving) = self.pictures.split_at(straight);
        Ok([straight, moving])
    }
}

impl Engine {
    /// A challenge for a new attempt, if the policy has one.
    pub(crate) fn draw_challenge(&self, random: &mut dyn Rng) -> Option<Challenge> {
        let rules = self.policy.challenge.as_ref()?;
        let mut below = |n: u32| loop {
            let mut bytes = [0; 4];
            random.fill_bytes(&mut bytes);
            let number = u32::from_le_bytes(bytes);
            // The largest multiple of n: above it the first numbers would come more often.
            if number < u32::MAX - u32::MAX % n {
                return number % n;
            }
        };
        Some(Challenge::draw(rules, &mut below))
    }

    /// Does a face pay so much only with a passed challenge or a strong factor?
    pub(crate) fn challenge_needed(&self, minor: i64) -> bool {
        self.policy.challenge.is_some_and(|rules| minor > rules.from_minor)
    }

    /// Measures the pictures of the movements, one movement after the other, so that they do not wait for each other.
    pub(crate) fn analyse_moves(
        &self,
        taken: &Taken<'_>,
        (straight, moving): (usize, &[Zeroizing<Vec<u8>>]),
    ) -> Result<Vec<Vec<Moved>>, Error> {
        let (mut left, mut index) = (moving, straight);
        let mut moves = Vec::new();
        for times in taken.moves.unwrap_or_default() {
            let (own, others) = left.split_at(times.len());
            let frames: Vec<&[u8]> = own.iter().map(|frame| frame.as_slice()).collect();
            let mut seen = Vec::with_capacity(times.len());
            for (at_ms, result) in times.iter().zip(self.faces.analyse_moving(&frames)) {
                let face = result.map_err(|error| Error::frame(index, error))?;
                seen.push(Moved { at_ms: *at_ms, face });
                index += 1;
            }
            moves.push(seen);
            left = others;
        }
        Ok(moves)
    }

    /// What the verdict gets to know of the challenge, in the transaction that decides.
    pub(crate) fn challenge_shown(
        &self,
        tx: &Tx<'_>,
        ctx: &mut Context<'_>,
        session: &SessionRow,
        (measured, template): (&Measured<'_>, &Template),
    ) -> Result<Option<Shown>, Error> {
        if measured.moves.is_empty() {
            return Ok(None);
        }
        let asked = asked_of(session)?.ok_or(NOTHING_ASKED)?;
        let frame = |moved: &Moved| MoveFrame {
            at_ms: moved.at_ms,
            pose: pose(&moved.face),
            likeness: moved.face.template.similarity(template).value(),
        };
        let shown = Shown {
            asked,
            neutral: mean(&measured.faces.iter().map(pose).collect::<Vec<_>>()),
            moves: measured.moves.iter().map(|frames| frames.iter().map(frame).collect()).collect(),
            since_opened_ms: milliseconds(session.opened_at, ctx.now),
        };
        if let Some(rules) = &self.policy.challenge {
            let judged = shown.judge(rules).err();
            let event = json!({ "event": "challenge_judged", "passed": judged.is_none(), "failed": judged });
            record(tx, ctx, "surety", &session.id, event)?;
        }
        Ok(Some(shown))
    }

    /// Notes a refused capture or answer in the attempt's record, where it is about the frames or looks like an attack.
    pub(crate) fn noted<T>(
        &self,
        ctx: &mut Context<'_>,
        (caller, id): (TerminalCaller, SessionId),
        pictures: &[Zeroizing<Vec<u8>>],
        result: Result<T, Error>,
    ) -> Result<T, Error> {
        let Err(Error::Rejected(rejected)) = &result else { return result };
        if !is_telling(rejected) && !rejected.is_about_frames() {
            return result;
        }
        let digests: Vec<_> = pictures.iter().map(|picture| evidence::digest(picture)).collect();
        let event = json!({ "event": "capture_refused", "code": rejected.code(), "frames": digests });
        self.store.write(|tx| {
            if tx.session(id)?.is_some() {
                record(tx, ctx, &caller.terminal.to_string(), &id, event.clone())?;
            }
            Ok::<_, Error>(())
        })?;
        result
    }
}

const NOTHING_ASKED: Rejected =
    Rejected::Field { field: "challenge", what: "nothing: this capture session has no challenge" };

/// What was asked of an attempt.
pub(crate) fn asked_of(session: &SessionRow) -> Result<Option<Challenge>, Error> {
    let asked = session.challenge.clone().map(serde_json::from_value).transpose();
    Ok(asked.context("reading a challenge")?)
}

/// Was a challenge asked, and is its time not over?
pub(crate) fn challenge_open(session: &SessionRow, now: Timestamp) -> Result<(), Error> {
    let asked = asked_of(session)?.ok_or(NOTHING_ASKED)?;
    let until = session.opened_at + SignedDuration::from_secs(i64::from(asked.finish_within_seconds));
    if now > until { Err(Rejected::ChallengeExpired.into()) } else { Ok(()) }
}

/// Who comes with another's nonce or session, too late, or with two faces may be at an attack; a blurred frame is a slip.
fn is_telling(rejected: &Rejected) -> bool {
    [
        "nonce_wrong",
        "session_unknown",
        "session_expired",
        "challenge_expired",
        "frames_unlike",
        "several_faces",
    ]
    .contains(&rejected.code())
}

fn milliseconds(from: Timestamp, to: Timestamp) -> u32 {
    u32::try_from(to.duration_since(from).as_millis().max(0)).unwrap_or(u32::MAX)
}

fn pose(face: &FaceEvidence) -> Pose {
    let HeadPose { yaw, pitch, chin, size } = face.frame.pose();
    Pose { yaw: yaw.into(), pitch: pitch.into(), chin: chin.into(), size: size.into() }
}

fn mean(poses: &[Pose]) -> Pose {
    let count = f64::from(u32::try_from(poses.len().max(1)).unwrap_or(u32::MAX));
    let of = |part: fn(&Pose) -> f64| poses.iter().map(part).sum::<f64>() / count;
    Pose {
        yaw: of(|pose| pose.yaw),
        pitch: of(|pose| pose.pitch),
        chin: of(|pose| pose.chin),
        size: of(|pose| pose.size),
    }
}
