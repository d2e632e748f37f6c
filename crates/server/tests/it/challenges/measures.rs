//! What the five points and the embedding of a moving head measure, on sample people turned, lowered and brought closer:
//! the bounds of the default policy admit what is asked and nothing smaller. `--nocapture` shows the numbers.

use std::sync::LazyLock;

use api::ChallengeAction as Asked;
use face::{FaceEvidence, FaceModels, HeadPose};
use risk::{Action, Challenge, ChallengeRules, MoveFrame, NotShown, Policy, Pose, Shown, Step};
use scenario::{Actor, Posed, movement};

use crate::fixture::{models, samples, workspace};

static MODELS: LazyLock<FaceModels> = LazyLock::new(|| FaceModels::load(&models()).unwrap());

const PEOPLE: [&str; 5] = ["P001", "P002", "P003", "P005", "P007"];
const ACTIONS: [(Asked, Action); 4] = [
    (Asked::TurnLeft, Action::TurnLeft),
    (Asked::TurnRight, Action::TurnRight),
    (Asked::Nod, Action::Nod),
    (Asked::ComeCloser, Action::ComeCloser),
];

fn rules() -> ChallengeRules {
    let text = std::fs::read_to_string(workspace().join("policy/default.toml")).unwrap();
    Policy::parse(&text).unwrap().challenge.unwrap()
}

/// Somebody, as the capture's other frames show the face.
struct Person {
    actor: Actor,
    own: FaceEvidence,
}

impl Person {
    fn of(face: &str) -> Self {
        let photograph = std::fs::read(samples().join(face).join("studio_posture.jpg")).unwrap();
        let own = MODELS.analyse(&photograph).unwrap();
        Self { actor: Actor::of(&samples(), face).unwrap(), own }
    }

    fn frame(&self, posed: Posed) -> FaceEvidence {
        MODELS.analyse_moving(&[&self.actor.frame(posed, 0)]).pop().unwrap().unwrap()
    }

    /// What comes of these frames where that is asked of this person.
    fn judge(&self, asked: Action, frames: &[FaceEvidence]) -> Result<(), NotShown> {
        let step = Step { action: asked, begin_after_ms: 0, within_seconds: 8 };
        let frame = |(at_ms, seen): (u32, &FaceEvidence)| MoveFrame {
            at_ms,
            pose: pose(seen),
            likeness: seen.template.similarity(&self.own.template).value(),
        };
        let shown = Shown {
            asked: Challenge { steps: vec![step], finish_within_seconds: 60 },
            neutral: pose(&self.own),
            moves: vec![(1..).zip(frames).map(frame).collect()],
            since_opened_ms: 1_000,
        };
        shown.judge(&rules())
    }
}

fn pose(seen: &FaceEvidence) -> Pose {
    let HeadPose { yaw, pitch, chin, size } = seen.frame.pose();
    Pose { yaw: yaw.into(), pitch: pitch.into(), chin: chin.into(), size: size.into() }
}

#[test]
fn what_is_asked_passes_and_what_is_smaller_flat_or_somebody_else_does_not() {
    let people: Vec<Person> = PEOPLE.iter().map(|face| Person::of(face)).collect();
    let (mut least_like, mut most_unlike) = (f64::INFINITY, f64::NEG_INFINITY);
    for (who, person) in people.iter().enumerate() {
        let straight = person.frame(Posed::STRAIGHT);
        let still = Posed::STRAIGHT;
        // Ten degrees, or a step: what a head does by itself while somebody waits.
        let small = [10.0_f32, -10.0].map(|turn| person.frame(Posed { turn, ..still }));
        let nods = [10.0_f32, -10.0].map(|nod| person.frame(Posed { nod, ..still }));
        let step = person.frame(Posed { closer: 1.1, ..still });
        for (asked, action) in ACTIONS {
            let moved: Vec<FaceEvidence> = movement(asked)
                .map(|posed| if posed == still { straight.clone() } else { person.frame(posed) })
                .into();
            assert_eq!(person.judge(action, &moved), Ok(()), "{} {action:?}", PEOPLE[who]);
            for seen in &moved {
                least_like = least_like.min(seen.template.similarity(&person.own.template).value());
                for other in
                    people.iter().enumerate().filter(|(other, _)| *other != who).map(|(_, other)| other)
                {
                    let like = seen.template.similarity(&other.own.template).value();
                    most_unlike = most_unlike.max(like);
                }
            }
            for (_, other) in ACTIONS.into_iter().filter(|(other, _)| *other != asked) {
                assert!(person.judge(other, &moved).is_err(), "{} {action:?} for {other:?}", PEOPLE[who]);
            }
            for natural in small.iter().chain(&nods).chain([&step]) {
                let frames = [straight.clone(), natural.clone(), straight.clone()];
                let ends_there = [straight.clone(), straight.clone(), natural.clone()];
                for frames in [&frames, &ends_there] {
                    assert!(person.judge(action, frames).is_err(), "{} {action:?}", PEOPLE[who]);
                }
            }
            // A print of the same size that is turned or tilted; it may come closer, that it can.
            if action != Action::ComeCloser {
                let flat: Vec<FaceEvidence> =
                    movement(asked).map(|posed| person.frame(Posed { depth: 0.0, ..posed })).into();
                assert!(person.judge(action, &flat).is_err(), "{} {action:?} on paper", PEOPLE[who]);
            }
            let next = &people[(who + 1) % people.len()];
            let judged = next.judge(action, &moved);
            assert!(judged.is_err(), "{} passes for {}", PEOPLE[who], PEOPLE[(who + 1) % people.len()]);
        }
    }
    println!("own face: at least {least_like:.2}; others': at most {most_unlike:.2}");
    assert!(least_like >= 0.5 && most_unlike < rules().same_face_min, "{least_like} {most_unlike}");
}
