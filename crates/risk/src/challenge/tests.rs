use std::collections::{BTreeMap, BTreeSet};

use super::*;

const RULES: ChallengeRules = ChallengeRules {
    steps: 3,
    seconds: 60,
    step_seconds: 8,
    from_minor: 20_000,
    turn_min: 0.3,
    nod_min: 0.04,
    chin_max: 0.8,
    closer_min: 1.25,
    same_face_min: 0.45,
};
const STRAIGHT: Pose = Pose { yaw: 0.02, pitch: 0.58, chin: 0.45, size: 0.4 };

fn asked(actions: &[Action]) -> Challenge {
    let step = |action: &Action| Step { action: *action, begin_after_ms: 500, within_seconds: 8 };
    Challenge { steps: actions.iter().map(step).collect(), finish_within_seconds: 60 }
}

/// How far a movement goes: 1 is what is asked for.
fn moved(action: Action, far: f64) -> Pose {
    match action {
        Action::TurnLeft => Pose { yaw: STRAIGHT.yaw + 0.5 * far, ..STRAIGHT },
        Action::TurnRight => Pose { yaw: STRAIGHT.yaw - 0.5 * far, ..STRAIGHT },
        Action::Nod => {
            Pose { pitch: STRAIGHT.pitch + 0.08 * far, chin: STRAIGHT.chin * (1.0 - 0.3 * far), ..STRAIGHT }
        }
        Action::ComeCloser => Pose { size: STRAIGHT.size * (1.0 + 0.45 * far), ..STRAIGHT },
    }
}

fn poses(action: Action, far: f64) -> [Pose; 3] {
    let end = if action == Action::ComeCloser { moved(action, far) } else { STRAIGHT };
    [STRAIGHT, moved(action, far), end]
}

/// Frames that follow each other by a second, each movement as it is asked.
fn shown(actions: &[Action]) -> Shown {
    shown_as(actions, &actions.iter().map(|action| poses(*action, 1.0).to_vec()).collect::<Vec<_>>())
}

fn shown_as(actions: &[Action], moves: &[Vec<Pose>]) -> Shown {
    let mut at_ms = 0;
    let mut frame = |pose: &Pose| {
        at_ms += 1_000;
        MoveFrame { at_ms, pose: *pose, likeness: 0.7 }
    };
    let moves = moves.iter().map(|poses| poses.iter().map(&mut frame).collect()).collect();
    Shown { asked: asked(actions), neutral: STRAIGHT, moves, since_opened_ms: 20_000 }
}

#[test]
fn every_sequence_that_may_be_asked_passes_when_it_is_shown_and_no_other_does() {
    let all = sequences(3);
    assert_eq!(all.len(), 33, "a random earlier video fits once in so many");
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 33);
    for asked_for in &all {
        for made in &all {
            let moves: Vec<_> = made.iter().map(|action| poses(*action, 1.0).to_vec()).collect();
            let judged = shown_as(asked_for, &moves).judge(&RULES);
            assert_eq!(judged.is_ok(), asked_for == made, "{asked_for:?} asked, {made:?} made: {judged:?}");
        }
    }
}

#[test]
fn small_movements_are_not_what_was_asked() {
    for action in Action::ALL {
        for far in [0.0, 0.2, 0.45] {
            let small = shown_as(&[action], &[poses(action, far).to_vec()]);
            assert_eq!(small.judge(&RULES), Err(NotShown::NoMovement { step: 0 }), "{action:?} {far}");
        }
        assert_eq!(shown(&[action]).judge(&RULES), Ok(()), "{action:?}");
    }
    // A flat picture that is tilted towards the camera grows shorter, and the nose stays between eyes and mouth.
    let tilted = Pose { chin: STRAIGHT.chin * 0.6, ..STRAIGHT };
    let flat = shown_as(&[Action::Nod], &[vec![STRAIGHT, tilted, STRAIGHT]]);
    assert_eq!(flat.judge(&RULES), Err(NotShown::NoMovement { step: 0 }));
}

#[test]
fn a_movement_begins_and_ends_where_it_should() {
    let check = |action: Action, poses: &[Pose], why: NotShown| {
        assert_eq!(shown_as(&[action], &[poses.to_vec()]).judge(&RULES), Err(why), "{action:?} {poses:?}");
    };
    let (left, right) = (moved(Action::TurnLeft, 1.0), moved(Action::TurnRight, 1.0));
    check(Action::TurnLeft, &[STRAIGHT, right, STRAIGHT], NotShown::OtherWay { step: 0 });
    check(Action::TurnLeft, &[STRAIGHT, right, left, STRAIGHT], NotShown::OtherWay { step: 0 });
    check(Action::TurnLeft, &[left, left, STRAIGHT], NotShown::NotStraightFirst { step: 0 });
    check(Action::TurnLeft, &[STRAIGHT, left, left], NotShown::NotBack { step: 0 });
    let low = moved(Action::Nod, 1.0);
    check(Action::Nod, &[STRAIGHT, low, low], NotShown::NotBack { step: 0 });
    check(Action::Nod, &[STRAIGHT, left, STRAIGHT], NotShown::OtherWay { step: 0 });
    check(
        Action::ComeCloser,
        &[moved(Action::ComeCloser, 1.0), STRAIGHT, STRAIGHT],
        NotShown::NoMovement { step: 0 },
    );
    check(Action::Nod, &[STRAIGHT, low], NotShown::FrameCount { step: 0 });
    check(Action::Nod, &[STRAIGHT, STRAIGHT, low, STRAIGHT, STRAIGHT], NotShown::FrameCount { step: 0 });
    check(Action::Nod, &[], NotShown::FrameCount { step: 0 });
    let nan = Pose { yaw: f64::NAN, pitch: f64::NAN, chin: f64::NAN, size: f64::NAN };
    for action in Action::ALL {
        for at in 0..3 {
            let mut poses = poses(action, 1.0);
            poses[at] = nan;
            let judged = shown_as(&[action], &[poses.to_vec()]).judge(&RULES);
            assert!(judged.is_err() || (at == 1 && action == Action::ComeCloser), "{action:?} {at}");
        }
    }
}

#[test]
fn times_faces_and_pictures_must_fit() {
    let actions = [Action::Nod, Action::TurnLeft];
    let good = shown(&actions);
    assert_eq!(good.judge(&RULES), Ok(()));
    let check = |spoil: &dyn Fn(&mut Shown), why: NotShown| {
        let mut shown = good.clone();
        spoil(&mut shown);
        assert_eq!(shown.judge(&RULES), Err(why));
    };
    check(&|shown| drop(shown.moves.pop()), NotShown::MoveCount);
    check(&|shown| shown.moves.push(shown.moves[0].clone()), NotShown::MoveCount);
    check(&|shown| shown.moves[0][0].at_ms = 499, NotShown::Times { step: 0 });
    check(&|shown| shown.moves[1][0].at_ms = 3_499, NotShown::Times { step: 1 });
    check(&|shown| shown.moves[1][1].at_ms = 4_000, NotShown::Times { step: 1 });
    check(&|shown| shown.moves[0].swap(0, 1), NotShown::Times { step: 0 });
    check(&|shown| shown.moves[1][2].at_ms = 12_001, NotShown::Times { step: 1 });
    check(&|shown| shown.since_opened_ms = 5_999, NotShown::Times { step: 1 });
    check(&|shown| shown.moves[1][1].likeness = 0.449, NotShown::AnotherFace { step: 1 });
    check(&|shown| shown.moves[1][1].likeness = f64::NAN, NotShown::AnotherFace { step: 1 });
}

#[test]
fn every_sequence_is_drawn_as_often() {
    let mut state = 1_u64;
    let mut below = |n: u32| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from((state >> 33) % u64::from(n)).unwrap()
    };
    let mut seen: BTreeMap<Vec<Action>, u32> = BTreeMap::new();
    let mut pauses = BTreeSet::new();
    for _ in 0..33_000 {
        let challenge = Challenge::draw(&RULES, &mut below);
        pauses.extend(challenge.steps.iter().map(|step| step.begin_after_ms));
        *seen.entry(challenge.steps.iter().map(|step| step.action).collect()).or_default() += 1;
    }
    assert_eq!(seen.len(), 33);
    assert!(seen.values().all(|count| (850..1_150).contains(count)), "{seen:?}");
    assert_eq!(pauses, (2..=10).map(|tenths| tenths * 100).collect());
}
