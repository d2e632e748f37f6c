//! Evidence and policy in, a verdict with reasons out. Pure: the same input always gives the same verdict.
//!
//! Invariant: on doubt about identity, never [`Verdict::Approve`]. A verdict names every reason that led to
//! it, so that it can be explained and replayed.
#![forbid(unsafe_code)]

mod challenge;
mod duties;
pub mod features;
mod learning;
mod model;
mod people;
mod policy;
mod rates;
mod terminal;
mod verdict;
mod watch;

pub use challenge::{
    Action, Challenge, ChallengeRules, MOVE_FRAMES_MAX, MOVE_FRAMES_MIN, MOVES_MAX, MoveFrame, NotShown,
    Pose, Shown, Step, sequences,
};
pub use duties::{Duties, Operator};
pub use learning::Learning;
pub use model::{
    Band, Contribution, Example, Explanation, FitError, Growth, ModelError, Origin, Part, Period, Plan,
    Provenance, RiskModel, Worth, fit,
};
pub use people::{Age, Codes, Devices, Holder, Minors, Pins, Texts, Tiers};
pub use policy::{
    Certainty, Check, CheckStrength, Compensation, Familiarity, Limits, Liveness, LookAlikeBound, Policy,
    PolicyError, Recognition, SearchAmong, Tier, Times,
};
pub use rates::{Rate, Rates};
pub use terminal::{
    AlertKind, COUNTER_MAX, Known, OnHint, Position, Reported, Sighting, TerminalFinding, TerminalJudgement,
    TerminalRefusal, TerminalReport, Terminals, judge_report,
};
pub use verdict::{Case, Face, Hint, Passed, Reason, Refusal, Verdict, decide};
pub use watch::{CohortArea, Drift};

#[cfg(test)]
mod terminal_tests;
#[cfg(test)]
mod tests;
