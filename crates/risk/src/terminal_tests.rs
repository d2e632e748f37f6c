use proptest::prelude::*;
use types::{Digest, GeoPoint, SignedDuration, Timestamp};

use super::*;

fn home() -> GeoPoint {
    GeoPoint::new(30.2460, 120.1551).unwrap()
}

/// So many metres north of the installed address.
fn north(metres: f64) -> GeoPoint {
    GeoPoint::new(30.2460 + metres / 110_850.0, 120.1551).unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_764_000_000 + second).unwrap()
}

/// A device as the judgement sees it: each report comes in the second in which it was made.
#[derive(Clone, Default)]
struct Device(Known);

impl Device {
    fn sends(&mut self, report: &TerminalReport, what: u8, second: i64) -> TerminalJudgement {
        let reported =
            Reported { report, fingerprint: Digest([what; 32]), installed: home(), now: at(second) };
        let judgement = judge_report(&Terminals::default(), &self.0, &reported);
        self.0 = judgement.known.clone();
        judgement
    }

    fn reports(&mut self, counter: u64, point: Option<GeoPoint>, second: i64) -> TerminalJudgement {
        let report =
            TerminalReport { counter, taken_at: at(second), point, accuracy_m: Some(10.0), camera: None };
        self.sends(&report, u8::try_from(second % 251).unwrap(), second)
    }
}

#[test]
fn a_copy_is_found_and_an_honest_device_is_not() {
    let mut device = Device::default();
    for (counter, second) in [(1, 0), (2, 60), (7, 120)] {
        let judged = device.reports(counter, None, second);
        assert_eq!((judged.refusal, judged.findings.len(), judged.alerts.len()), (None, 0, 0));
    }
    // The very request again: its answer was lost.
    let again = device.reports(7, None, 120);
    assert_eq!((again.refusal, again.findings), (None, vec![TerminalFinding::SameRequest]));
    // A lower counter that was never used, made earlier: overtaken on its way. Once only.
    let report =
        TerminalReport { counter: 5, taken_at: at(110), point: None, accuracy_m: None, camera: None };
    let late = device.clone().sends(&report, 200, 125);
    assert_eq!((late.refusal, late.findings), (None, vec![TerminalFinding::Overtaken]));
    let mut twice = device.clone();
    twice.sends(&report, 200, 125);
    assert_eq!(twice.sends(&report, 201, 126).refusal, Some(TerminalRefusal::Cloned));
    // A lower one that is later by the terminal's own clock; the same for something else; one from before what is remembered.
    for (counter, taken, what) in [(6, 130, 9), (7, 130, 9), (7, 120, 9), (1, 0, 9)] {
        let report = TerminalReport { counter, taken_at: at(taken), ..report.clone() };
        let judged = device.clone().sends(&report, what, 130);
        assert_eq!(judged.refusal, Some(TerminalRefusal::Cloned), "{counter} {taken}");
        assert!(judged.suspend && judged.alerts == [AlertKind::TerminalCloned], "{judged:?}");
    }
}

/// Of the first two captures of a device the second may come first, too; once many were forgotten, none from before them.
#[test]
fn the_first_captures_may_overtake_each_other() {
    let mut device = Device::default();
    assert_eq!(device.reports(11, None, 60).refusal, None);
    let earlier = |counter, taken| TerminalReport {
        counter,
        taken_at: at(taken),
        point: None,
        accuracy_m: None,
        camera: None,
    };
    let late = device.clone().sends(&earlier(10, 59), 200, 61);
    assert_eq!((late.refusal, late.findings), (None, vec![TerminalFinding::Overtaken]));
    for later in 1..=40_u64 {
        assert_eq!(device.reports(11 + 10 * later, None, 60 + i64::try_from(later).unwrap()).refusal, None);
    }
    assert_eq!(device.sends(&earlier(10, 59), 200, 101).refusal, Some(TerminalRefusal::Cloned));
}

#[test]
fn the_clock_is_bounded_both_ways() {
    for (off, right) in [(0, true), (120, true), (-120, true), (121, false), (-121, false), (86_400, false)] {
        let report =
            TerminalReport { counter: 1, taken_at: at(off), point: None, accuracy_m: None, camera: None };
        let judged = Device::default().sends(&report, 1, 0);
        let expected = (!right).then_some(TerminalRefusal::ClockSkew);
        assert_eq!((judged.refusal, judged.suspend), (expected, false), "{off}");
    }
    // A clock that was ahead hides no copy afterwards.
    let mut device = Device::default();
    let ahead =
        TerminalReport { counter: 9, taken_at: at(9_000), point: None, accuracy_m: None, camera: None };
    device.sends(&ahead, 1, 0);
    assert_eq!(device.reports(5, None, 60).refusal, Some(TerminalRefusal::Cloned));
}

#[test]
fn outside_is_refused_then_an_alarm_then_the_end() {
    let mut device = Device::default();
    assert_eq!(device.reports(1, Some(north(200.0)), 0).refusal, None);
    assert_eq!(
        device.reports(2, Some(north(305.0)), 60).refusal,
        None,
        "the position may be off by ten metres"
    );
    let mut seen = Vec::new();
    for n in 0..5_i64 {
        let judged = device.reports(3 + u64::try_from(n).unwrap(), Some(north(5_000.0)), 120 + 60 * n);
        assert_eq!(judged.refusal, Some(TerminalRefusal::OutsideGeofence));
        seen.push((judged.alerts.len(), judged.suspend));
    }
    assert_eq!(seen, [(1, false), (2, false), (2, false), (2, false), (2, true)]);
    // Back home everything is forgotten.
    assert_eq!(device.reports(8, Some(home()), 900).refusal, None);
    assert_eq!(device.0.outside, 0);
}

#[test]
fn nothing_travels_so_fast() {
    let mut device = Device::default();
    device.reports(1, Some(home()), 0);
    // 15 km at once: positions jump. It is outside, and no copy.
    assert_eq!(
        device.clone().reports(2, Some(north(15_000.0)), 1).refusal,
        Some(TerminalRefusal::OutsideGeofence)
    );
    let judged = device.clone().reports(2, Some(north(200_000.0)), 600);
    assert_eq!((judged.refusal, judged.suspend), (Some(TerminalRefusal::Cloned), true));
    assert_eq!(judged.alerts, [AlertKind::TerminalImpossibleMovement]);
    // In an hour a train does it.
    assert_eq!(
        device.reports(2, Some(north(200_000.0)), 3_600).refusal,
        Some(TerminalRefusal::OutsideGeofence)
    );
}

#[test]
fn a_position_that_says_nothing_excuses_little() {
    let report = TerminalReport {
        counter: 1,
        taken_at: at(0),
        point: Some(north(10_000.0)),
        accuracy_m: Some(1e7),
        camera: None,
    };
    let judged = Device::default().sends(&report, 1, 0);
    assert_eq!(judged.refusal, Some(TerminalRefusal::OutsideGeofence));
    let asked = Terminals { position: Position::Required, ..Terminals::default() };
    let silent = TerminalReport { point: None, ..report };
    let reported = Reported { report: &silent, fingerprint: Digest([1; 32]), installed: home(), now: at(0) };
    let judged = judge_report(&asked, &Known::default(), &reported);
    assert_eq!(judged.refusal, Some(TerminalRefusal::PositionMissing));
}

#[test]
fn programs_are_known_by_their_names() {
    let policy = Terminals::default();
    for name in ["OBS Virtual Camera", "ManyCam", "v4l2loopback: Dummy video device (0x0000)"] {
        assert!(policy.is_virtual(name), "{name}");
    }
    for name in ["HD Pro Webcam C920", "Astra Pro", "USB 2.0 Camera"] {
        assert!(!policy.is_virtual(name), "{name}");
    }
}

#[test]
fn hints_weigh_as_the_policy_says() {
    let case = Case { hints: vec![Hint::FramesRepeated], ..crate::tests::case(100, 1e-12) };
    let approved = |terminals: Terminals, case: &Case| {
        let policy = Policy { terminals, ..crate::tests::default_policy() };
        matches!(decide(&policy, case), Verdict::Approve { p_wrong: _, reasons: _ })
    };
    let step_up = Terminals { on_repeated_frames: OnHint::StepUp, ..Terminals::default() };
    let record = Terminals { on_repeated_frames: OnHint::Record, ..Terminals::default() };
    assert!(approved(record, &case) && !approved(step_up.clone(), &case));
    let pin = Passed { check: Check::Pin, as_filter: false, passkey: false };
    assert!(approved(step_up.clone(), &Case { passed: vec![pin], ..case.clone() }));
    let network = Case { hints: vec![Hint::NewNetwork], ..case };
    let strict = Terminals { on_injection_hint: OnHint::StepUp, ..step_up };
    assert!(approved(strict, &network), "a new network is only kept");
}

#[test]
fn networks_are_remembered() {
    let mut known = Known::default();
    assert!(!known.comes_from("a"), "the first is not new");
    assert!(known.comes_from("b") && !known.comes_from("a") && !known.comes_from("b"));
    for n in 0..20 {
        known.comes_from(&n.to_string());
    }
    assert!(known.networks.len() <= 8);
}

proptest! {
    /// One device that counts, wherever it is within its fence and however long it waits, is never refused.
    #[test]
    fn an_honest_device_is_never_refused(steps in prop::collection::vec((1_u64..9, 1_i64..9_000, 0.0..290.0), 1..60)) {
        let (mut device, mut counter, mut second) = (Device::default(), 0, 0);
        for (more, later, metres) in steps {
            counter += more;
            second += later;
            let judged = device.reports(counter, Some(north(metres)), second);
            prop_assert!(judged.refusal.is_none() && !judged.suspend && judged.alerts.is_empty());
        }
    }

    /// Two devices that each go on from one copied counter are found by the second capture at the latest.
    #[test]
    fn two_devices_are_found(start in 1_u64..1_000_000, first in 1_u64..50, second in 1_u64..50) {
        let mut server = Device::default();
        server.reports(start, None, 0);
        let mut refused = false;
        for (n, more) in [(1, first), (2, second), (3, first + 1)] {
            // The one, the copy, and the one again.
            refused |= server.reports(start + more, None, 100 * n).refusal == Some(TerminalRefusal::Cloned);
        }
        prop_assert!(refused);
    }

    /// Nothing that comes makes a panic, and whatever suspends also refuses.
    #[test]
    fn whatever_comes_is_judged(
        reports in prop::collection::vec(
            (0_u64..u64::MAX, -1e9..1e9, prop::option::of((-90.0..90.0, -180.0..180.0)), prop::option::of(any::<f64>())),
            1..40,
        ),
    ) {
        let mut device = Device::default();
        for (n, (counter, taken, point, accuracy_m)) in reports.into_iter().enumerate() {
            #[expect(clippy::cast_possible_truncation, reason = "within a billion seconds")]
            let taken_at = at(0) + SignedDuration::from_secs(taken as i64);
            let point = point.map(|(latitude, longitude)| GeoPoint::new(latitude, longitude).unwrap());
            let report = TerminalReport { counter, taken_at, point, accuracy_m, camera: None };
            let judged = device.sends(&report, u8::try_from(n).unwrap(), i64::try_from(n).unwrap());
            prop_assert!(!judged.suspend || judged.refusal.is_some());
            prop_assert!(judged.known.recent.len() <= 32);
        }
    }
}
