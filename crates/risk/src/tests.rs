use proptest::prelude::*;
use types::{Amount, Currency};

use super::*;

pub(crate) fn default_policy() -> Policy {
    Policy::parse(include_str!("../../../policy/default.toml")).unwrap()
}

fn legacy_policy() -> Policy {
    Policy::parse(include_str!("../../../policy/legacy-last4.toml")).unwrap()
}

/// A case as the face alone leaves it: sure to 1 in `1 / p_wrong`.
pub(crate) fn case(minor: i64, p_wrong: f64) -> Case {
    Case {
        amount: Amount::new(minor, Currency::CNY),
        face: Face::Posterior {
            ln_odds: ((1.0 - p_wrong) / p_wrong).ln(),
            fmr: 1e-10,
            look_alike: false,
            frames_agree: true,
        },
        enabled: true,
        liveness: Some(0.9),
        passed: Vec::new(),
        spent_one_factor_minor: 0,
        spent_minor: 0,
        repeated: false,
        holder: crate::Holder::default(),
        repeat_meant: false,
        challenge: None,
        hints: Vec::new(),
    }
}

/// Every check asked for is passed until there is a verdict; shows the way there.
fn walk(policy: &Policy, mut case: Case) -> String {
    let mut way = Vec::new();
    loop {
        match decide(policy, &case) {
            Verdict::Approve { p_wrong: _, reasons: _ } => way.push("approve".to_owned()),
            Verdict::Refuse { refusal, p_wrong: _ } => way.push(refusal.code().to_owned()),
            Verdict::StepUp { ask, p_wrong: _, reasons: _ } => {
                way.push(ask.code().to_owned());
                case.passed.push(Passed { check: ask, as_filter: false, passkey: false });
                continue;
            }
        }
        return way.join(" ");
    }
}

#[test]
fn the_way_to_a_debit() {
    let policy = default_policy();
    assert_eq!(walk(&policy, case(20_000, 1e-7)), "approve");
    assert_eq!(walk(&policy, case(20_001, 5e-7)), "pin approve");
    assert_eq!(walk(&policy, case(20_000, 5e-5)), "last_four approve");
    assert_eq!(walk(&policy, case(20_000, 1e-4)), "last_four full_phone approve");
    assert_eq!(walk(&policy, case(20_000, 5e-3)), "last_four full_phone pin approve");
    assert_eq!(walk(&policy, case(20_000, 0.5)), "last_four full_phone pin approve");
    assert_eq!(walk(&policy, case(20_000, 0.95)), "not_recognised");
    assert_eq!(walk(&policy, case(100_001, 1e-12)), "pin approve");
    assert_eq!(walk(&policy, Case { liveness: Some(0.45), ..case(100, 1e-12) }), "pin approve");
    assert_eq!(walk(&policy, Case { liveness: None, ..case(100, 1e-12) }), "pin approve");
    assert_eq!(walk(&policy, Case { liveness: Some(0.1), ..case(100, 1e-12) }), "not_live");
    assert_eq!(walk(&policy, Case { liveness: Some(f64::NAN), ..case(100, 1e-12) }), "not_live");
    assert_eq!(walk(&policy, Case { enabled: false, ..case(100, 1e-12) }), "not_enabled");
    assert_eq!(walk(&policy, Case { spent_one_factor_minor: 99_901, ..case(100, 1e-12) }), "pin approve");
    assert_eq!(walk(&policy, Case { spent_minor: 499_901, ..case(100, 1e-12) }), "over_day_limit");
    assert_eq!(walk(&policy, Case { face: Face::Nobody, ..case(100, 1e-12) }), "not_recognised");
    let twin = Face::Posterior { ln_odds: 30.0, fmr: 1e-10, look_alike: true, frames_agree: true };
    assert_eq!(walk(&policy, Case { face: twin, ..case(100, 1e-12) }), "pin approve");
    let common = Face::Posterior { ln_odds: 30.0, fmr: 1e-7, look_alike: false, frames_agree: true };
    assert_eq!(walk(&policy, Case { face: common, ..case(100, 1e-12) }), "pin approve");
    let mixed = Face::Posterior { ln_odds: 30.0, fmr: 1e-10, look_alike: false, frames_agree: false };
    assert_eq!(walk(&policy, Case { face: mixed, ..case(100, 1e-12) }), "pin approve");
    let broken = Face::Posterior { ln_odds: f64::NAN, fmr: 1e-10, look_alike: false, frames_agree: true };
    assert_eq!(walk(&policy, Case { face: broken, ..case(100, 1e-12) }), "not_recognised");
}

/// What a terminal sends that shows a nod, as it was asked; or something else.
fn challenge(right: bool) -> Shown {
    let straight = Pose { yaw: 0.0, pitch: 0.58, chin: 0.45, size: 0.4 };
    let low = if right { Pose { pitch: 0.7, chin: 0.3, ..straight } } else { straight };
    let frame = |(at_ms, pose)| MoveFrame { at_ms, pose, likeness: 0.8 };
    let step = Step { action: Action::Nod, begin_after_ms: 0, within_seconds: 8 };
    Shown {
        asked: Challenge { steps: vec![step], finish_within_seconds: 60 },
        neutral: straight,
        moves: vec![[(100, straight), (200, low), (300, straight)].map(frame).to_vec()],
        since_opened_ms: 5_000,
    }
}

/// Above the bound, and where liveness is doubtful, a face pays with a passed challenge or a strong factor.
#[test]
fn a_passed_challenge_or_a_strong_factor() {
    let policy = default_policy();
    let (passed, failed) = (challenge(true), challenge(false));
    let with = |case: Case, shown: &Shown| Case { challenge: Some(shown.clone()), ..case };
    assert_eq!(walk(&policy, case(20_000, 1e-8)), "approve", "up to the bound none is needed");
    assert_eq!(walk(&policy, case(20_001, 1e-8)), "pin approve", "that is the way for whoever cannot move");
    assert_eq!(walk(&policy, with(case(20_001, 1e-8), &passed)), "approve");
    assert_eq!(walk(&policy, with(case(20_001, 5e-7), &passed)), "last_four approve");
    let doubtful = Case { liveness: Some(0.4), ..case(100, 1e-12) };
    assert_eq!(walk(&policy, doubtful.clone()), "pin approve");
    assert_eq!(walk(&policy, with(doubtful.clone(), &passed)), "approve");
    // It is no strong factor, and heals nothing else.
    assert_eq!(walk(&policy, with(case(100_001, 1e-12), &passed)), "pin approve");
    assert_eq!(walk(&policy, with(Case { liveness: None, ..case(100, 1e-12) }, &passed)), "pin approve");
    assert_eq!(walk(&policy, with(Case { liveness: Some(0.2), ..case(100, 1e-12) }, &passed)), "not_live");
    let twin = Face::Posterior { ln_odds: 30.0, fmr: 1e-10, look_alike: true, frames_agree: true };
    assert_eq!(walk(&policy, with(Case { face: twin, ..case(100, 1e-12) }, &passed)), "pin approve");
    // Frames that show something else end it, whatever the amount.
    assert_eq!(walk(&policy, with(case(100, 1e-12), &failed)), "challenge_failed");
    // Nobody who is not known learns or hears of it.
    assert_eq!(walk(&policy, with(case(100, 0.95), &failed)), "not_recognised");
    // A policy without challenges decides as before.
    let old = Policy { challenge: None, ..policy.clone() };
    assert_eq!(walk(&old, with(case(20_001, 1e-8), &failed)), "approve");
    let Verdict::Approve { p_wrong: _, reasons } = decide(&policy, &with(case(20_001, 1e-8), &passed)) else {
        panic!("a passed challenge");
    };
    assert_eq!(reasons, [Reason::ChallengePassed, Reason::SureEnough]);
}

#[test]
fn digits_that_chose_the_search_say_nothing() {
    let policy = default_policy();
    let mut filtered = case(20_000, 5e-5);
    filtered.passed.push(Passed { check: Check::LastFour, as_filter: true, passkey: false });
    assert!(matches!(
        decide(&policy, &filtered),
        Verdict::StepUp { ask: Check::FullPhone, p_wrong: _, reasons: _ }
    ));
}

#[test]
fn digits_that_come_first_are_asked_once_and_say_nothing() {
    let text = include_str!("../../../policy/default.toml");
    for search in ["last_four", "last_four_and_region"] {
        let policy =
            Policy::parse(&text.replace("search = \"everybody\"", &format!("search = \"{search}\"")))
                .unwrap();
        let none = Case { face: Face::Nobody, ..case(20_000, 1e-12) };
        let Verdict::StepUp { ask: Check::LastFour, p_wrong: None, reasons } = decide(&policy, &none) else {
            panic!("digits come first");
        };
        assert_eq!(reasons, [Reason::DigitsChooseSearch]);
        let failed = Case { challenge: Some(challenge(false)), ..none.clone() };
        let refused = Verdict::Refuse { refusal: Refusal::ChallengeFailed, p_wrong: None };
        assert_eq!(decide(&policy, &failed), refused);
        let photograph = Case { liveness: Some(0.1), ..none.clone() };
        let not_live = Verdict::Refuse { refusal: Refusal::NotLive, p_wrong: None };
        assert_eq!(decide(&policy, &photograph), not_live);
        let chosen = |face: Case| {
            let filter = Passed { check: Check::LastFour, as_filter: true, passkey: false };
            Case { passed: vec![filter], ..face }
        };
        assert_eq!(walk(&policy, chosen(none)), "not_recognised");
        assert_eq!(walk(&policy, chosen(case(20_000, 1e-7))), "approve");
        assert_eq!(walk(&policy, chosen(case(20_000, 5e-5))), "full_phone pin approve");
        // What the filter leaves is what the face alone said, to the last bit.
        for p_wrong in [1e-9, 1e-5, 1e-2, 0.5] {
            let alone = decide(&default_policy(), &case(100_001, p_wrong));
            assert_eq!(decide(&policy, &chosen(case(100_001, p_wrong))), alone);
        }
    }
    assert!(Policy::parse(&text.replace("\"everybody\"", "\"nobody\"")).is_err());
}

#[test]
fn the_old_rules_debit_whoever_is_similar() {
    let policy = legacy_policy();
    let face = |score| Case { face: Face::Similarity { score }, liveness: None, ..case(10_664, 0.5) };
    assert_eq!(walk(&policy, face(0.66)), "last_four approve");
    assert_eq!(walk(&policy, face(0.36)), "last_four not_recognised");
}

#[test]
fn a_policy_that_makes_no_sense_is_refused() {
    let good = include_str!("../../../policy/default.toml");
    let broken = [
        ("prior_not_enrolled = 0.05", "prior_not_enrolled = 0.0"),
        ("impostor_inflation = 10.0", "impostor_inflation = 0.5"),
        ("p_wrong_max = 1e-6", "p_wrong_max = 0.5"),
        ("fmr_max = 1e-8", "fmr_max = 0.01"),
        ("frame_fmr_max = 1e-6", "frame_fmr_max = 0.0"),
        ("up_to_minor = 100000", "up_to_minor = 10000"),
        ("p_match_other = 0.01", "p_match_other = 0.0"),
        ("check = \"full_phone\"", "check = \"last_four\""),
        ("refuse_below = 0.3", "refuse_below = 0.9"),
        ("name = \"default\"", "nmae = \"default\""),
        ("currency = \"CNY\"", "currency = \"YUAN\""),
        ("session_seconds = 120", "session_seconds = 0"),
        ("day_max_minor = 500000", "day_max_minor = 5"),
        ("phone = { per_minute = 2,", "phone = { per_minute = 0,"),
        ("burst = 2000", "burst = 2000000"),
        ("faces_to_file = 100000", "faces_to_file = 89999"),
        ("warn_from = 90000", "warn_from = 0"),
        ("\nsteps = 3", "\nsteps = 5"),
        ("turn_min = 0.3", "turn_min = nan"),
        ("chin_max = 0.8", "chin_max = 1.0"),
        ("same_face_min = 0.45", "same_face_min = 1.0"),
        ("from_minor = 20000", "from_minor = -1"),
        ("[duties]", "[operator]\nname = \" \"\ncontact = \"400-000\"\n\n[duties]"),
        ("[duties]", "[operator]\nname = \"Campus\"\n\n[duties]"),
        ("[duties]", "[operator]\nname = \"Campus {contact}\"\ncontact = \"400-000\"\n\n[duties]"),
    ];
    for (from, to) in broken {
        assert!(good.contains(from), "{from}");
        assert!(Policy::parse(&good.replacen(from, to, 1)).is_err(), "{to}");
    }
}

proptest! {
    /// More doubt never turns a refusal or a question into an approval.
    #[test]
    fn doubt_never_helps(minor in 1..200_000_i64, a in -40.0..40.0_f64, b in -40.0..40.0_f64, live in 0.0..1.0_f64) {
        let policy = default_policy();
        let at = |ln_odds| {
            let face = Face::Posterior { ln_odds, fmr: 1e-10, look_alike: false, frames_agree: true };
            matches!(
                decide(&policy, &Case { face, liveness: Some(live), ..case(minor, 0.5) }),
                Verdict::Approve { p_wrong: _, reasons: _ }
            )
        };
        let (low, high) = if a < b { (a, b) } else { (b, a) };
        prop_assert!(!at(low) || at(high));
    }
}

#[test]
fn rates_are_optional_and_the_default_file_says_the_defaults() {
    let good = include_str!("../../../policy/default.toml");
    assert_eq!(default_policy().rates, Rates::default());
    assert_eq!(legacy_policy().rates, Rates::default());
    let without = &good[..good.find("[rates]").unwrap()];
    assert_eq!(Policy::parse(without).unwrap().rates, Rates::default());
}

/// An order's code is paid with the PIN on the own device, whatever the rules about faces.
#[test]
fn without_a_face_both_factors_are_needed() {
    for policy in [default_policy(), legacy_policy()] {
        // No face, none switched on, no liveness: nothing of it is asked.
        let bare = |minor| Case { face: Face::NotUsed, enabled: false, liveness: None, ..case(minor, 0.5) };
        assert_eq!(walk(&policy, bare(20_000)), "own_device pin approve");
        assert_eq!(walk(&policy, bare(policy.limits.day_max_minor)), "own_device pin approve");
        assert_eq!(walk(&policy, bare(policy.limits.day_max_minor + 1)), "own_device pin over_day_limit");
        let spent = Case { spent_minor: policy.limits.day_max_minor - 99, ..bare(100) };
        assert_eq!(walk(&policy, spent), "own_device pin over_day_limit");
        let weak = Case { spent_one_factor_minor: policy.limits.day_one_factor_minor, ..bare(100) };
        assert_eq!(walk(&policy, weak), "own_device pin approve", "that limit is for fewer than two factors");
        let again = Case { repeated: true, ..bare(100) };
        assert_eq!(walk(&policy, again.clone()), "own_device pin looks_repeated");
        assert_eq!(walk(&policy, Case { repeat_meant: true, ..again }), "own_device pin approve");
        // The young spend no more than by face; a guardian agrees to the use of a face, and none is used.
        let child = Holder { age: Age::Child { guardian: false }, ..Holder::default() };
        let young = |minor| Case { holder: child, ..bare(minor) };
        assert_eq!(walk(&policy, young(policy.minors.payment_max_minor)), "own_device pin approve");
        assert_eq!(walk(&policy, young(policy.minors.payment_max_minor + 1)), "own_device pin minor_limit");
        let basic = Holder { tier: types::Tier::Basic, ..Holder::default() };
        let unknown = |minor| Case { holder: basic, ..bare(minor) };
        assert_eq!(walk(&policy, unknown(policy.tiers.basic_day_max_minor)), "own_device pin approve");
        assert_eq!(
            walk(&policy, unknown(policy.tiers.basic_day_max_minor + 1)),
            "own_device pin over_day_limit"
        );
        // A check that chose whom to debit is none.
        let passed = [Check::OwnDevice, Check::Pin]
            .map(|check| Passed { check, as_filter: true, passkey: false })
            .to_vec();
        assert!(matches!(
            decide(&policy, &Case { passed, ..bare(100) }),
            Verdict::StepUp { ask: Check::OwnDevice, p_wrong: None, reasons: _ }
        ));
    }
}

#[test]
fn cohorts_are_boxes_with_names() {
    let with = |boxes: &str| {
        let text = include_str!("../../../policy/default.toml").to_owned() + boxes;
        Policy::parse(&text).map(|policy| policy.cohorts)
    };
    let area = |name: &str, west: f64, east: f64| {
        format!(
            "\n[[cohorts]]\nname = \"{name}\"\nsouth = 34.0\nnorth = 54.0\nwest = {west:?}\neast = {east:?}\n"
        )
    };
    assert_eq!(with("").unwrap(), [], "the default policy knows none");
    let two = with(&(area("north", 73.0, 135.0) + &area("pacific", 170.0, -170.0))).unwrap();
    let [north, pacific] = &two[..] else { panic!("{two:?}") };
    assert!(north.holds(34.0, 73.0) && north.holds(54.0, 135.0) && north.holds(40.0, 100.0));
    assert!(!north.holds(33.5, 100.0) && !north.holds(40.0, 135.5) && !north.holds(40.0, -100.0));
    assert!(pacific.holds(40.0, 175.0) && pacific.holds(40.0, -175.0) && pacific.holds(40.0, 180.0));
    assert!(!pacific.holds(40.0, 0.0) && !pacific.holds(40.0, 169.5));
    for wrong in [
        area("", 1.0, 2.0),
        area("default", 1.0, 2.0),
        area("far", 1.0, 181.0),
        area("thin", 1.0, 1.0),
        area("flat", 1.0, 2.0).replace("54.0", "34.0"),
        area("one", 1.0, 2.0) + &area("one", 3.0, 4.0),
    ] {
        assert!(matches!(with(&wrong), Err(PolicyError::Nonsense(_))), "{wrong}");
    }
}

#[test]
fn the_watch_has_a_stated_rate_of_false_alarms() {
    assert_eq!(default_policy().drift, legacy_policy().drift, "a policy from before has the default");
    let text = include_str!("../../../policy/default.toml");
    for wrong in ["0.5", "nan", "inf", "-1.0"] {
        let text =
            text.replace("payments_per_false_alarm = 1e6", &format!("payments_per_false_alarm = {wrong}"));
        assert!(matches!(Policy::parse(&text), Err(PolicyError::Nonsense(_))), "{wrong}");
    }
}

/// The chance of nobody enrolled follows the terminal's history, and never below the least.
#[test]
fn the_prior_follows_how_attempts_ended_at_the_terminal() {
    let text = include_str!("../../../policy/default.toml");
    let rule = |text: &str| match Policy::parse(text).unwrap().recognition {
        Recognition::Posterior(rule) => rule,
        Recognition::NarrowedByLastFour { threshold: _ } => panic!("the default policy is another"),
    };
    let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
    let default = rule(text);
    near(default.not_enrolled(0, 0), 0.05);
    // 200 attempts weigh as much as what was believed before.
    near(default.not_enrolled(160, 40), (10.0 + 40.0) / 400.0);
    near(default.not_enrolled(200, 0), 10.0 / 400.0);
    near(default.not_enrolled(1_000_000, 0), 0.02);
    near(default.not_enrolled(0, 1_000_000), 0.5);
    let floor = default.prior_not_enrolled_min.unwrap();
    for recognised in [0, 1, 10, 1_000, u64::MAX] {
        for unknown in [0, 1, 10, 1_000, u64::MAX] {
            let prior = default.not_enrolled(recognised, unknown);
            assert!((floor..=0.5).contains(&prior), "{recognised} {unknown} {prior}");
            assert!(
                prior <= default.not_enrolled(recognised, unknown.saturating_add(1)),
                "{recognised} {unknown}"
            );
        }
    }
    // A policy from before has its constant.
    let lines = ["prior_weight = 200.0\n", "prior_not_enrolled_min = 0.02\n"];
    let old = rule(&lines.iter().fold(text.to_owned(), |text, line| text.replace(line, "")));
    near(old.not_enrolled(1_000_000, 0), 0.05);
    for (line, wrong) in [
        (lines[0], ""),
        (lines[1], ""),
        (lines[0], "prior_weight = 0.0\n"),
        (lines[0], "prior_weight = inf\n"),
        (lines[1], "prior_not_enrolled_min = 0.0\n"),
        (lines[1], "prior_not_enrolled_min = 0.06\n"),
        ("prior_not_enrolled = 0.05\n", "prior_not_enrolled = 0.6\n"),
    ] {
        let refused = Policy::parse(&text.replace(line, wrong));
        assert!(matches!(refused, Err(PolicyError::Nonsense(_))), "{wrong}");
    }
}
