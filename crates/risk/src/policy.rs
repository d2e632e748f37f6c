//! The operator's policy: a commented TOML file, read once, checked as a whole.

use serde::{Deserialize, Serialize};
use types::{Amount, Currency, Probability, Score, SignedDuration};

use crate::challenge::ChallengeRules;
use crate::duties::{Duties, Operator};
use crate::learning::Learning;
use crate::people::{Codes, Devices, Minors, Pins, Texts, Tiers};
use crate::rates::Rates;
use crate::terminal::Terminals;
use crate::watch::{CohortArea, Drift};

/// The largest chance of not being enrolled that a terminal's history may give.
const NOT_ENROLLED_MAX: f64 = 0.5;

/// Everything an operator decides. Unknown keys are refused, so that a typing error never weakens a rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// What people call it.
    pub name: String,
    /// The currency all amounts of this policy are in.
    pub currency: Currency,
    /// How a face becomes a payer.
    pub recognition: Recognition,
    /// What liveness allows.
    pub liveness: Liveness,
    /// The active challenge; none: none is asked.
    #[serde(default)]
    pub challenge: Option<ChallengeRules>,
    /// Further proofs, in the order they are asked for.
    pub step_up: Vec<CheckStrength>,
    /// Spending limits.
    pub limits: Limits,
    /// Advance compensation.
    pub compensation: Compensation,
    /// How long things live.
    pub times: Times,
    /// How merchants get their money.
    #[serde(default)]
    pub settlement: Settlement,
    /// How webhooks are sent.
    #[serde(default)]
    pub webhooks: Webhooks,
    /// How often the interface may be called.
    #[serde(default)]
    pub rates: Rates,
    /// Codes that are sent to phones.
    #[serde(default)]
    pub codes: Codes,
    /// How text messages are sent.
    #[serde(default)]
    pub texts: Texts,
    /// Payers' own devices.
    #[serde(default)]
    pub devices: Devices,
    /// Payment PINs.
    #[serde(default)]
    pub pins: Pins,
    /// What the young may do.
    #[serde(default)]
    pub minors: Minors,
    /// What follows from how well a holder is known.
    #[serde(default)]
    pub tiers: Tiers,
    /// How templates are renewed; none: never.
    #[serde(default)]
    pub learning: Option<Learning>,
    /// Who operates this; none leaves the consent to face data incomplete.
    #[serde(default)]
    pub operator: Option<Operator>,
    /// What the law asks of the operator.
    #[serde(default)]
    pub duties: Duties,
    /// Where payers live who are measured by a cohort of the calibration; the first box that holds a home counts.
    #[serde(default)]
    pub cohorts: Vec<CohortArea>,
    /// How the calibration is watched.
    #[serde(default)]
    pub drift: Drift,
    /// How far terminals are trusted.
    #[serde(default)]
    pub terminals: Terminals,
}

/// How a face becomes a payer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case", deny_unknown_fields)]
pub enum Recognition {
    /// Surety's way: everyone is searched, or whom digits chose, and the decision uses the probability of a wrong person.
    Posterior(Certainty),
    /// The old way, kept to show what it does: digits choose whom to search, and the best face above a
    /// fixed similarity is debited.
    NarrowedByLastFour {
        /// The similarity that counts as a match.
        threshold: f64,
    },
}

/// Who is compared with a face under the posterior rule. Whatever chose them says nothing about who stands there: it
/// changes the certainty only through how many were compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SearchAmong {
    /// Everybody enrolled; nothing is typed before.
    #[default]
    Everybody,
    /// Only those whose number ends in the digits that were typed first.
    LastFour,
    /// Of these only who is at home in the terminal's region or one of the eight around it. Travellers from farther away
    /// are not found.
    LastFourAndRegion,
}

impl SearchAmong {
    /// Is everybody compared?
    #[must_use]
    pub const fn is_everybody(&self) -> bool {
        match self {
            Self::Everybody => true,
            Self::LastFour | Self::LastFourAndRegion => false,
        }
    }
}

/// Settings of the posterior rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certainty {
    /// Who is compared with a face. A policy from before there was a choice compares everybody.
    #[serde(default)]
    pub search: SearchAmong,
    /// Prior chance that whoever stands at a terminal is not enrolled, or not among those who are searched, before
    /// anything is known of the terminal.
    pub prior_not_enrolled: f64,
    /// Weighs as much as so many attempts that ended at the terminal in the days of habits. None: a terminal's history
    /// says nothing, and the chance is the same everywhere.
    #[serde(default)]
    pub prior_weight: Option<f64>,
    /// However many customers of a terminal are recognised, the chance is never below this: a thief chooses where to
    /// stand. Given if `prior_weight` is.
    #[serde(default)]
    pub prior_not_enrolled_min: Option<f64>,
    /// How many times more often strangers match here than in the calibration's population; at least 1.
    pub impostor_inflation: f64,
    /// Above this chance of a wrong person nobody is asked anything: the face is not recognised.
    pub refuse_above: f64,
    /// Without a strong factor, the score itself must be one that strangers reach at most this often, whatever place
    /// and habits say: a thief chooses where to stand.
    pub fmr_max: f64,
    /// Each frame by itself must reach a score that strangers reach at most this often, or a strong factor is
    /// needed: frames of two people can be mixed into one capture.
    pub frame_fmr_max: f64,
    /// Two enrolled people whose likeness two strangers' faces reach at most this often always need a strong factor.
    #[serde(default)]
    pub look_alike_fmr: Option<f64>,
    /// The same as a similarity, whatever it means for the model in use: the key of older policies. Exactly one of both
    /// is set.
    #[serde(default)]
    pub look_alike_from: Option<f64>,
    /// How habits and devices raise the prior of a candidate.
    pub familiarity: Familiarity,
    /// Bounds by amount, ascending; the last one has no upper end.
    pub tiers: Vec<Tier>,
}

/// From where on two enrolled people look alike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LookAlikeBound {
    /// Where strangers' faces reach their likeness at most this often.
    Fmr(Probability),
    /// From this similarity on.
    Score(Score),
}

impl Certainty {
    /// From where on two enrolled people look alike.
    ///
    /// # Panics
    /// If the policy was not checked.
    #[must_use]
    pub fn look_alike(&self) -> LookAlikeBound {
        let fmr =
            self.look_alike_fmr.map(|fmr| Probability::new(fmr).expect("a checked policy holds a rate"));
        let score = self.look_alike_from.map(|score| LookAlikeBound::Score(Score::new(score)));
        fmr.map(LookAlikeBound::Fmr).or(score).expect("a checked policy has one of both")
    }
}

/// How habits and devices raise the prior of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Familiarity {
    /// Only payments this young count as habit.
    pub habit_days: u32,
    /// A trace of the payer's own device counts as "here" or "elsewhere" for so long.
    pub device_minutes: u32,
}

/// The bound for one range of amounts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// The largest amount of this tier in minor units; none for the last tier.
    pub up_to_minor: Option<i64>,
    /// Approve only at or below this chance of a wrong person.
    pub p_wrong_max: f64,
    /// Never without a PIN or the own device's confirmation.
    #[serde(default)]
    pub strong_factor: bool,
}

/// What liveness allows, for the frame of a capture that looks least alive.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Liveness {
    /// Below this no payment.
    pub refuse_below: f64,
    /// Below this only with a strong factor.
    pub step_up_below: f64,
    /// What an installation without a liveness model does: true demands a strong factor for every payment.
    pub strong_factor_when_absent: bool,
}

/// A further proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// The last four digits of the phone, typed after the face was found. Weak: many people know them.
    LastFour,
    /// The full phone number. Weak.
    FullPhone,
    /// The payment PIN. Strong.
    Pin,
    /// A confirmation on the payer's own device. Strong.
    OwnDevice,
}

impl Check {
    /// Does it prove knowledge or possession that only the payer has?
    #[must_use]
    pub const fn is_strong(self) -> bool {
        match self {
            Self::LastFour | Self::FullPhone => false,
            Self::Pin | Self::OwnDevice => true,
        }
    }

    /// A name that never changes, for programs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::LastFour => "last_four",
            Self::FullPhone => "full_phone",
            Self::Pin => "pin",
            Self::OwnDevice => "own_device",
        }
    }
}

/// What passing a check says.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckStrength {
    /// Which proof.
    pub check: Check,
    /// Chance that the payer herself passes.
    pub p_match_owner: f64,
    /// Chance that somebody else passes who passed the checks listed before: by guessing, by knowing her, by
    /// looking over her shoulder.
    pub p_match_other: f64,
}

/// Spending limits, in minor units of the policy's currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The most one order may ask.
    pub order_max_minor: i64,
    /// The most a payer spends in a day with fewer than two factors.
    pub day_one_factor_minor: i64,
    /// The most a payer spends in a day at all, by face or by an order's code.
    pub day_max_minor: i64,
    /// The most one payment may be with fewer than two factors; without it only the tiers and the day limit it.
    #[serde(default)]
    pub payment_one_factor_minor: Option<i64>,
    /// The same payer, merchant and amount within so many seconds looks like one purchase charged twice: a further
    /// proof is asked for. 0 asks never.
    #[serde(default)]
    pub repeat_seconds: u32,
}

/// How merchants get their money. A policy from before there was settlement has the defaults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settlement {
    /// Where the business day begins and ends: a name of the IANA time zone database.
    pub time_zone: String,
    /// How long money may be held for a merchant that takes it later.
    pub authorisation_hours: u32,
}

/// How webhooks and pushed messages are sent. A policy from before there were any has the defaults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhooks {
    /// How long to wait after each failed attempt; after the last one a delivery is given up.
    pub retry_seconds: Vec<u32>,
    /// How long an attempt may take.
    pub timeout_seconds: u32,
}

impl Default for Webhooks {
    /// The schedule the Standard Webhooks specification 1.0 proposes: ten attempts over some three days.
    fn default() -> Self {
        let retry_seconds = vec![5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
        Self { retry_seconds, timeout_seconds: 15 }
    }
}

impl Default for Settlement {
    fn default() -> Self {
        Self { time_zone: "Asia/Shanghai".to_owned(), authorisation_hours: 168 }
    }
}

/// Advance compensation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compensation {
    /// Up to this amount the reserve pays at once; above it a second person approves.
    pub automatic_up_to_minor: i64,
    /// How long a merchant has for a statement.
    pub statement_due_hours: u32,
}

/// How long things live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Times {
    /// An order that nobody paid.
    pub order_minutes: u32,
    /// A capture session, from opening to the last answer.
    pub session_seconds: u32,
    /// The code that confirms an enrolment.
    pub enrolment_code_minutes: u32,
}

/// Why a policy file is not used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PolicyError {
    /// Not TOML, or not of this shape.
    #[error("the policy file does not parse: {0}")]
    Syntax(String),
    /// A value makes no sense.
    #[error("the policy file makes no sense: {0}")]
    Nonsense(&'static str),
}

impl Policy {
    /// Reads and checks a policy file.
    ///
    /// # Errors
    /// [`PolicyError`], with the line for a syntax error and the rule that was broken otherwise.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let policy: Self = toml::from_str(text).map_err(|e| PolicyError::Syntax(e.to_string()))?;
        policy.check()?;
        Ok(policy)
    }

    fn check(&self) -> Result<(), PolicyError> {
        let require = |holds: bool, what| if holds { Ok(()) } else { Err(PolicyError::Nonsense(what)) };
        let probability = |p: f64| (0.0..=1.0).contains(&p);
        require(probability(self.liveness.refuse_below), "liveness.refuse_below lies between 0 and 1")?;
        require(probability(self.liveness.step_up_below), "liveness.step_up_below lies between 0 and 1")?;
        require(
            self.liveness.refuse_below <= self.liveness.step_up_below,
            "liveness.refuse_below is at most liveness.step_up_below",
        )?;
        for (at, strength) in self.step_up.iter().enumerate() {
            require(
                probability(strength.p_match_owner) && probability(strength.p_match_other),
                "step_up chances lie between 0 and 1",
            )?;
            require(strength.p_match_other > 0.0, "no step_up check is perfect: p_match_other is above 0")?;
            require(strength.p_match_other < strength.p_match_owner, "a step_up check favours the owner")?;
            require(
                self.step_up.iter().skip(at + 1).all(|later| later.check != strength.check),
                "each step_up check is listed once",
            )?;
        }
        require(self.limits.order_max_minor > 0, "limits.order_max_minor is positive")?;
        require(
            0 <= self.limits.day_one_factor_minor
                && self.limits.day_one_factor_minor <= self.limits.day_max_minor,
            "limits.day_one_factor_minor lies between 0 and day_max_minor",
        )?;
        require(
            self.limits.payment_one_factor_minor.is_none_or(|minor| minor >= 0),
            "limits.payment_one_factor_minor is not negative",
        )?;
        require(
            (1..=24 * 31).contains(&self.settlement.authorisation_hours),
            "settlement.authorisation_hours lies between 1 and 744",
        )?;
        require(
            (1..=60).contains(&self.webhooks.timeout_seconds),
            "webhooks.timeout_seconds lies between 1 and 60",
        )?;
        require(self.webhooks.retry_seconds.len() <= 100, "webhooks.retry_seconds has at most 100 entries")?;
        require(
            self.rates.make_sense(),
            "each of rates has a per_minute between 1 and 6000000 and a burst between 1 and 1000000",
        )?;
        require(
            self.compensation.automatic_up_to_minor >= 0,
            "compensation.automatic_up_to_minor is not negative",
        )?;
        require(
            self.times.order_minutes > 0
                && self.times.session_seconds > 0
                && self.times.enrolment_code_minutes > 0,
            "times are positive",
        )?;
        self.check_people()?;
        self.duties.check()?;
        self.learning.map_or(Ok(()), Learning::check)?;
        CohortArea::check_all(&self.cohorts)?;
        self.drift.check()?;
        self.check_challenge()?;
        self.terminals.check()?;
        self.operator.as_ref().map_or(Ok(()), Operator::check)?;
        match &self.recognition {
            Recognition::NarrowedByLastFour { threshold } => require(
                (-1.0..=1.0).contains(threshold),
                "recognition.threshold is a cosine, between -1 and 1",
            ),
            Recognition::Posterior(certainty) => certainty.check(),
        }
    }

    fn check_challenge(&self) -> Result<(), PolicyError> {
        let Some(rules) = &self.challenge else { return Ok(()) };
        match self.recognition {
            Recognition::Posterior(_) => rules.check(),
            Recognition::NarrowedByLastFour { threshold: _ } => {
                Err(PolicyError::Nonsense("challenge needs the rule posterior"))
            }
        }
    }

    fn check_people(&self) -> Result<(), PolicyError> {
        let require = |holds: bool, what| if holds { Ok(()) } else { Err(PolicyError::Nonsense(what)) };
        let codes = &self.codes;
        require((1..=60).contains(&codes.minutes), "codes.minutes lies between 1 and 60")?;
        require((1..=10).contains(&codes.tries), "codes.tries lies between 1 and 10")?;
        require(
            1 <= codes.per_minute && codes.per_minute <= codes.per_hour && codes.per_hour <= codes.per_day,
            "codes.per_minute is at least 1, at most per_hour, and that at most per_day",
        )?;
        require(codes.per_day <= 100_000, "codes.per_day is at most 100000")?;
        require(self.texts.retry_seconds.len() <= 100, "texts.retry_seconds has at most 100 entries")?;
        require((1..=10).contains(&self.pins.tries), "pins.tries lies between 1 and 10")?;
        require(!self.pins.lock_minutes.is_empty(), "pins.lock_minutes has an entry")?;
        require(
            self.pins.recovery_open_hours > 0 && self.pins.recovery_hours <= 24 * 31,
            "pins.recovery_hours is at most 744, pins.recovery_open_hours is positive",
        )?;
        require(
            self.minors.guardian_below_age <= self.minors.adult_age && self.minors.adult_age <= 30,
            "minors.guardian_below_age is at most adult_age, and that at most 30",
        )?;
        require(
            self.minors.payment_max_minor >= 0 && self.minors.day_max_minor >= 0,
            "limits of minors are not negative",
        )?;
        require(self.tiers.basic_day_max_minor >= 0, "tiers.basic_day_max_minor is not negative")
    }

    /// An amount of this policy's currency.
    #[must_use]
    pub const fn amount(&self, minor: i64) -> Amount {
        Amount::new(minor, self.currency)
    }

    /// How long a merchant has for a statement.
    #[must_use]
    pub fn statement_due(&self) -> SignedDuration {
        SignedDuration::from_hours(i64::from(self.compensation.statement_due_hours))
    }
}

impl Recognition {
    /// Are digits asked first, to choose who is compared?
    #[must_use]
    pub const fn digits_come_first(&self) -> bool {
        match self {
            Self::Posterior(certainty) => !certainty.search.is_everybody(),
            Self::NarrowedByLastFour { threshold: _ } => true,
        }
    }
}

impl Certainty {
    fn check(&self) -> Result<(), PolicyError> {
        let require = |holds: bool, what| if holds { Ok(()) } else { Err(PolicyError::Nonsense(what)) };
        require(
            self.prior_not_enrolled > 0.0 && self.prior_not_enrolled < 1.0,
            "recognition.prior_not_enrolled lies strictly between 0 and 1",
        )?;
        let mean = self.prior_not_enrolled;
        require(
            match (self.prior_weight, self.prior_not_enrolled_min) {
                (None, None) => true,
                (Some(weight), Some(least)) => {
                    weight.is_finite()
                        && weight > 0.0
                        && least > 0.0
                        && least <= mean
                        && mean <= NOT_ENROLLED_MAX
                }
                (Some(_), None) | (None, Some(_)) => false,
            },
            "recognition.prior_weight is positive and comes with prior_not_enrolled_min, which is above 0 and at most \
             prior_not_enrolled, and that at most 0.5",
        )?;
        require(
            self.impostor_inflation.is_finite() && self.impostor_inflation >= 1.0,
            "recognition.impostor_inflation is at least 1",
        )?;
        require(
            self.refuse_above > 0.0 && self.refuse_above < 1.0,
            "recognition.refuse_above lies strictly between 0 and 1",
        )?;
        require(self.fmr_max > 0.0 && self.fmr_max < 1e-3, "recognition.fmr_max is above 0 and below 1e-3")?;
        require(
            self.frame_fmr_max > 0.0 && self.frame_fmr_max < 1e-2,
            "recognition.frame_fmr_max is above 0 and below 1e-2",
        )?;
        require(
            self.look_alike_fmr.is_some() != self.look_alike_from.is_some(),
            "recognition.look_alike_fmr says who looks alike, or look_alike_from in its place",
        )?;
        require(
            self.look_alike_fmr.is_none_or(|fmr| fmr > 0.0 && fmr < 1e-2),
            "recognition.look_alike_fmr is above 0 and below 1e-2",
        )?;
        require(
            self.look_alike_from.is_none_or(|score| (-1.0..=1.0).contains(&score)),
            "recognition.look_alike_from is a cosine, between -1 and 1",
        )?;
        let bounds: Vec<Option<i64>> = self.tiers.iter().map(|tier| tier.up_to_minor).collect();
        require(bounds.last() == Some(&None), "the last tier has no up_to_minor")?;
        require(
            bounds.windows(2).all(|pair| match pair {
                [Some(low), Some(high)] => low < high,
                [Some(_), None] => true,
                _ => false,
            }),
            "tiers ascend by up_to_minor, and only the last one has none",
        )?;
        require(
            self.tiers.iter().all(|tier| tier.p_wrong_max > 0.0 && tier.p_wrong_max < 0.01),
            "a tier's p_wrong_max is above 0 and below 0.01",
        )
    }

    /// The chance that whoever stands at a terminal is not enrolled, where so many attempts ended in a payment and so
    /// many with nobody recognised: the mean of the beta distribution that is left of the prior one after these,
    /// between the policy's least and one half. Who is recognised seldom may be enrolled elsewhere, and more than half
    /// would need no history to be doubted.
    #[must_use]
    pub fn not_enrolled(&self, recognised: u64, unknown: u64) -> f64 {
        let (Some(weight), Some(least)) = (self.prior_weight, self.prior_not_enrolled_min) else {
            return self.prior_not_enrolled;
        };
        #[expect(clippy::cast_precision_loss, reason = "counts of attempts are far below 2^52")]
        let (recognised, unknown) = (recognised as f64, unknown as f64);
        let mean = (self.prior_not_enrolled * weight + unknown) / (weight + recognised + unknown);
        mean.clamp(least, NOT_ENROLLED_MAX)
    }

    /// The tier of an amount.
    #[must_use]
    pub fn tier(&self, minor: i64) -> Tier {
        let found = self.tiers.iter().find(|tier| tier.up_to_minor.is_none_or(|up_to| minor <= up_to));
        *found.expect("a checked policy's last tier has no upper end")
    }
}
