//! The decision about one attempt to pay.

use serde::{Deserialize, Serialize};
use types::{Amount, Probability};

use crate::challenge::{NotShown, Shown};
use crate::people::{Holder, holder_refusal};
use crate::{Check, OnHint, Policy, Recognition, Terminals};

/// What the face says, under the rule of the policy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
pub enum Face {
    /// Nobody comes into question.
    Nobody,
    /// The posterior of the best candidate, before further checks.
    Posterior {
        /// Natural logarithm of the odds that the best candidate is the payer.
        ln_odds: f64,
        /// Upper bound of how often a stranger reaches the candidate's score in one comparison, inflation included.
        fmr: f64,
        /// The candidate or somebody who fits nearly as well has a recorded look-alike.
        look_alike: bool,
        /// Does each frame, by itself, point to the candidate? A mean can hide that one frame shows somebody else.
        frames_agree: bool,
    },
    /// The similarity of the best candidate among those the digits chose.
    Similarity {
        /// Cosine.
        score: f64,
    },
    /// No face was looked at: the payer pays an order's code on the own device, with the PIN.
    NotUsed,
}

/// A check that was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    /// Which.
    pub check: Check,
    /// Did it choose whom to search? Then it matches by construction and says nothing.
    pub as_filter: bool,
    /// Was it a passkey's signature? It weighs as any answer of the own device; an investigation wants to know.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub passkey: bool,
}

/// Everything a verdict depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// What the order asks.
    pub amount: Amount,
    /// What the face says.
    pub face: Face,
    /// Is the best candidate's face payment switched on?
    pub enabled: bool,
    /// The least liveness of the frames, since one frame of a photograph is enough to deceive; none where no model is
    /// installed.
    pub liveness: Option<f64>,
    /// Checks passed so far in this attempt.
    pub passed: Vec<Passed>,
    /// What the candidate spent today with fewer than two factors, minor units.
    pub spent_one_factor_minor: i64,
    /// What the candidate spent today in all, minor units.
    pub spent_minor: i64,
    /// Did the candidate pay this merchant exactly this amount within the policy's `repeat_seconds`?
    #[serde(default)]
    pub repeated: bool,
    /// Who holds the candidate's account.
    #[serde(default)]
    pub holder: Holder,
    /// Did the payer say that such a second purchase is meant? Asked only where no face was looked at.
    #[serde(default)]
    pub repeat_meant: bool,
    /// What the terminal sent for the challenge of the attempt; none where it sent nothing. A policy without a challenge
    /// passes it over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenge: Option<Shown>,
    /// What hints that the frames did not come from the terminal's camera.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<Hint>,
}

/// What hints that frames did not come from the terminal's camera. One alone proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hint {
    /// The camera has the name of a program.
    VirtualCamera,
    /// Two frames of the capture are the same, to the last bit.
    IdenticalFrames,
    /// Two frames of the capture look the same, as no two moments do.
    AlikeFrames,
    /// A frame came before, to the last bit.
    FramesRepeated,
    /// A frame looks the same as one of an earlier capture, as no two moments do.
    FramesAlikeBefore,
    /// A frame is as smooth as no sensor's picture.
    NoSensorNoise,
    /// The frames were compressed by another program than the terminal's earlier ones.
    OtherEncoder,
    /// The terminal sends from a network that it never used before.
    NewNetwork,
}

impl Hint {
    /// Is it about the very bytes of a frame? Then the policy's `on_repeated_frames` says what is done, otherwise
    /// `on_injection_hint`. A new network never does more than be kept.
    #[must_use]
    pub const fn effect(self, terminals: &Terminals) -> OnHint {
        match self {
            Self::IdenticalFrames | Self::FramesRepeated => terminals.on_repeated_frames,
            Self::VirtualCamera
            | Self::AlikeFrames
            | Self::FramesAlikeBefore
            | Self::NoSensorNoise
            | Self::OtherEncoder => terminals.on_injection_hint,
            Self::NewNetwork => OnHint::Record,
        }
    }
}

/// Why a verdict is what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The chance of a wrong person is under the tier's bound.
    SureEnough,
    /// The chance of a wrong person is above the tier's bound.
    NotSureEnough,
    /// The fixed threshold was reached (old rules).
    AboveThreshold,
    /// The digits that are typed first choose whom to search: under the old rules always, otherwise if the policy says so.
    DigitsChooseSearch,
    /// The amount needs a strong factor.
    AmountNeedsStrongFactor,
    /// A look-alike is enrolled.
    LookAlike,
    /// The face alone, whatever place and habits say, is not rare enough: a thief chooses where to stand.
    StrangersReachThis,
    /// A frame, by itself, does not point to the candidate.
    FramesDisagree,
    /// The amount needs a passed challenge or a strong factor.
    AmountNeedsChallenge,
    /// The payer made the movements that were asked.
    ChallengePassed,
    /// Liveness is doubtful.
    LivenessDoubtful,
    /// No liveness model is installed.
    LivenessAbsent,
    /// The day's limit for fewer than two factors is reached.
    DayNeedsStrongFactor,
    /// The same purchase seems to be charged a second time.
    LooksRepeated,
    /// The PIN was typed on the payer's own device: two factors.
    PinOnOwnDevice,
    /// Without a face both the PIN and the own device are needed.
    NoFaceNeedsBoth,
    /// The frames may not come from the terminal's camera.
    CameraDoubtful,
}

/// Why nothing is debited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// Nobody enrolled, or too unsure to ask anything.
    NotRecognised,
    /// Recognised, but face payment is off or frozen. Told to nobody but the payer.
    NotEnabled,
    /// The frames do not look like a living face.
    NotLive,
    /// The frames do not show the movements that were asked, or show another face.
    ChallengeFailed,
    /// Every check the policy knows was passed and it is still not sure enough.
    StillUnsure,
    /// A typed answer was wrong.
    CheckFailed,
    /// The day's limit is reached.
    OverDayLimit,
    /// The holder is so young that a guardian is needed, and there is none.
    GuardianNeeded,
    /// The holder is not of age, and this is more than a minor may spend.
    MinorLimit,
    /// The same purchase was just paid, and the payer did not say that a second one is meant.
    LooksRepeated,
}

impl Refusal {
    /// A name that never changes, for programs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotRecognised => "not_recognised",
            Self::NotEnabled => "not_enabled",
            Self::NotLive => "not_live",
            Self::ChallengeFailed => "challenge_failed",
            Self::StillUnsure => "still_unsure",
            Self::CheckFailed => "check_failed",
            Self::OverDayLimit => "over_day_limit",
            Self::GuardianNeeded => "guardian_needed",
            Self::MinorLimit => "minor_limit",
            Self::LooksRepeated => "looks_repeated",
        }
    }
}

/// What to do with the attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// Debit the best candidate.
    Approve {
        /// Chance of a wrong person with everything known; none under the old rules and without a face.
        p_wrong: Option<Probability>,
        /// Why.
        reasons: Vec<Reason>,
    },
    /// Ask for a further proof.
    StepUp {
        /// Which.
        ask: Check,
        /// Chance of a wrong person so far; none under the old rules and without a face.
        p_wrong: Option<Probability>,
        /// Why.
        reasons: Vec<Reason>,
    },
    /// Debit nobody.
    Refuse {
        /// Why.
        refusal: Refusal,
        /// Chance of a wrong person so far; none under the old rules and without a face.
        p_wrong: Option<Probability>,
    },
}

/// Decides one attempt. Deterministic; never approves on doubt.
#[must_use]
pub fn decide(policy: &Policy, case: &Case) -> Verdict {
    let verdict = if case.face == Face::NotUsed {
        decide_without_face(policy, case)
    } else {
        match &policy.recognition {
            Recognition::Posterior(certainty) => decide_by_posterior(policy, certainty, case),
            Recognition::NarrowedByLastFour { threshold } => decide_by_threshold(*threshold, case),
        }
    };
    match verdict {
        // Asked last, so that nobody learns from a face alone that a stranger who looks alike is a child.
        Verdict::Approve { p_wrong, reasons } => match holder_refusal(policy, case) {
            Some(refusal) => refuse(refusal, p_wrong),
            None => Verdict::Approve { p_wrong, reasons },
        },
        Verdict::StepUp { ask: _, p_wrong: _, reasons: _ } | Verdict::Refuse { refusal: _, p_wrong: _ } => {
            verdict
        }
    }
}

fn refuse(refusal: Refusal, p_wrong: Option<Probability>) -> Verdict {
    Verdict::Refuse { refusal, p_wrong }
}

/// The PIN on the own device is two factors, and strong ones, so that only the limits for two factors bind. How the
/// policy recognises faces does not matter.
fn decide_without_face(policy: &Policy, case: &Case) -> Verdict {
    let passed = |check| case.passed.iter().any(|passed| passed.check == check && !passed.as_filter);
    if let Some(ask) = [Check::OwnDevice, Check::Pin].into_iter().find(|check| !passed(*check)) {
        return Verdict::StepUp { ask, p_wrong: None, reasons: vec![Reason::NoFaceNeedsBoth] };
    }
    if case.spent_minor.saturating_add(case.amount.minor) > policy.limits.day_max_minor {
        return refuse(Refusal::OverDayLimit, None);
    }
    if case.repeated && !case.repeat_meant {
        return refuse(Refusal::LooksRepeated, None);
    }
    let mut reasons = vec![Reason::PinOnOwnDevice];
    if case.repeated {
        reasons.push(Reason::LooksRepeated);
    }
    Verdict::Approve { p_wrong: None, reasons }
}

fn decide_by_threshold(threshold: f64, case: &Case) -> Verdict {
    if !case.passed.iter().any(|passed| passed.check == Check::LastFour) {
        return Verdict::StepUp {
            ask: Check::LastFour,
            p_wrong: None,
            reasons: vec![Reason::DigitsChooseSearch],
        };
    }
    match case.face {
        Face::Similarity { score } if score >= threshold && case.enabled => {
            Verdict::Approve { p_wrong: None, reasons: vec![Reason::AboveThreshold] }
        }
        Face::Similarity { score } if score >= threshold => refuse(Refusal::NotEnabled, None),
        Face::Nobody
        | Face::NotUsed
        | Face::Similarity { score: _ }
        | Face::Posterior { ln_odds: _, fmr: _, look_alike: _, frames_agree: _ } => {
            refuse(Refusal::NotRecognised, None)
        }
    }
}

fn decide_by_posterior(policy: &Policy, certainty: &crate::Certainty, case: &Case) -> Verdict {
    if !certainty.search.is_everybody() && !case.passed.iter().any(|passed| passed.check == Check::LastFour) {
        // Nobody was compared yet, and a photograph is not worth a question.
        if case.liveness.is_some_and(|score| score.is_nan() || score < policy.liveness.refuse_below) {
            return refuse(Refusal::NotLive, None);
        }
        if let Some(refusal) = challenge_refusal(policy, case) {
            return refuse(refusal, None);
        }
        let reasons = vec![Reason::DigitsChooseSearch];
        return Verdict::StepUp { ask: Check::LastFour, p_wrong: None, reasons };
    }
    let Face::Posterior { ln_odds, fmr, look_alike, frames_agree } = case.face else {
        return refuse(Refusal::NotRecognised, None);
    };
    if ln_odds.is_nan() || fmr.is_nan() {
        return refuse(Refusal::NotRecognised, None);
    }
    let p_face = Probability::against(ln_odds);
    let p_wrong = Probability::against(ln_odds + ln_checks(policy, case));
    if case.liveness.is_some_and(|score| score.is_nan() || score < policy.liveness.refuse_below) {
        return refuse(Refusal::NotLive, Some(p_wrong));
    }
    if p_face.value() > certainty.refuse_above {
        return refuse(Refusal::NotRecognised, Some(p_wrong));
    }
    if let Some(refusal) = challenge_refusal(policy, case) {
        return refuse(refusal, Some(p_wrong));
    }
    if !case.enabled {
        return refuse(Refusal::NotEnabled, Some(p_wrong));
    }
    if case.spent_minor.saturating_add(case.amount.minor) > policy.limits.day_max_minor {
        return refuse(Refusal::OverDayLimit, Some(p_wrong));
    }
    let tier = certainty.tier(case.amount.minor);
    let mut reasons = reasons_for_strong_factor(policy, case);
    if tier.strong_factor && !reasons.contains(&Reason::AmountNeedsStrongFactor) {
        reasons.push(Reason::AmountNeedsStrongFactor);
    }
    if look_alike {
        reasons.push(Reason::LookAlike);
    }
    if !frames_agree {
        reasons.push(Reason::FramesDisagree);
    }
    if fmr > certainty.fmr_max {
        reasons.push(Reason::StrangersReachThis);
    }
    let has_strong = case.passed.iter().any(|passed| passed.check.is_strong() && !passed.as_filter);
    let sure = p_wrong.value() <= tier.p_wrong_max;
    if sure && (reasons.is_empty() || has_strong) {
        if challenge_passed(policy, case) {
            reasons.push(Reason::ChallengePassed);
        }
        reasons.push(Reason::SureEnough);
        return Verdict::Approve { p_wrong: Some(p_wrong), reasons };
    }
    let needs_strong = !reasons.is_empty() && !has_strong;
    if !sure {
        reasons.push(Reason::NotSureEnough);
    }
    match next_check(policy, case, needs_strong) {
        Some(ask) => Verdict::StepUp { ask, p_wrong: Some(p_wrong), reasons },
        None => refuse(Refusal::StillUnsure, Some(p_wrong)),
    }
}

/// Why the frames of a challenge end the attempt, if they do. Frames that nobody asked for can only harm who sends them.
fn challenge_refusal(policy: &Policy, case: &Case) -> Option<Refusal> {
    match case.challenge.as_ref()?.judge(policy.challenge.as_ref()?).err()? {
        NotShown::MoveCount
        | NotShown::FrameCount { step: _ }
        | NotShown::Times { step: _ }
        | NotShown::AnotherFace { step: _ }
        | NotShown::NotStraightFirst { step: _ }
        | NotShown::OtherWay { step: _ }
        | NotShown::NoMovement { step: _ }
        | NotShown::NotBack { step: _ } => Some(Refusal::ChallengeFailed),
    }
}

fn challenge_passed(policy: &Policy, case: &Case) -> bool {
    let shown = case.challenge.as_ref().zip(policy.challenge.as_ref());
    shown.is_some_and(|(shown, rules)| shown.judge(rules).is_ok())
}

fn reasons_for_strong_factor(policy: &Policy, case: &Case) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let moved = challenge_passed(policy, case);
    match case.liveness {
        Some(score) if score < policy.liveness.step_up_below && !moved => {
            reasons.push(Reason::LivenessDoubtful)
        }
        None if policy.liveness.strong_factor_when_absent => reasons.push(Reason::LivenessAbsent),
        Some(_) | None => {}
    }
    if !moved && policy.challenge.is_some_and(|rules| case.amount.minor > rules.from_minor) {
        reasons.push(Reason::AmountNeedsChallenge);
    }
    if case.spent_one_factor_minor.saturating_add(case.amount.minor) > policy.limits.day_one_factor_minor {
        reasons.push(Reason::DayNeedsStrongFactor);
    }
    if policy.limits.payment_one_factor_minor.is_some_and(|most| case.amount.minor > most) {
        reasons.push(Reason::AmountNeedsStrongFactor);
    }
    if case.repeated {
        reasons.push(Reason::LooksRepeated);
    }
    if case.hints.iter().any(|hint| hint.effect(&policy.terminals) != OnHint::Record) {
        reasons.push(Reason::CameraDoubtful);
    }
    reasons
}

/// The first check of the policy that was not passed; only a strong one where that is what is missing.
fn next_check(policy: &Policy, case: &Case, needs_strong: bool) -> Option<Check> {
    policy.step_up.iter().map(|strength| strength.check).find(|check| {
        (!needs_strong || check.is_strong()) && case.passed.iter().all(|passed| passed.check != *check)
    })
}

/// Sum of the log likelihood ratios of the checks that were passed after the face was found.
fn ln_checks(policy: &Policy, case: &Case) -> f64 {
    let ratio = |check: Check| {
        let strength = policy.step_up.iter().find(|strength| strength.check == check);
        strength.map_or(0.0, |s| (s.p_match_owner / s.p_match_other).ln())
    };
    case.passed.iter().filter(|passed| !passed.as_filter).map(|passed| ratio(passed.check)).sum()
}
