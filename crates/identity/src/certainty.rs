//! How sure we are, with every term that led there.

use std::fmt;

use serde::{Deserialize, Serialize};
use types::{PayerId, Probability, Score};

/// One candidate's share.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Term {
    /// Who.
    pub payer: PayerId,
    /// Similarity of the fused templates.
    pub score: Score,
    /// Enrolment pictures in the template.
    pub pictures: u32,
    /// ln of the prior, the chance of not being enrolled included.
    pub ln_prior: f64,
    /// ln of the likelihood ratio, after inflation.
    pub ln_lr: f64,
    /// ln of prior times likelihood ratio: comparable with the other terms, not normalised.
    pub ln_joint: f64,
}

/// The share of everybody who was searched and is not named.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestTerm {
    /// How many they are.
    pub people: u64,
    /// The sum of their priors, given that the payer is enrolled.
    pub prior: f64,
    /// An upper bound of ln of the sum of prior times likelihood ratio.
    pub ln_joint: f64,
}

/// The most probable candidate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Best {
    /// Who.
    pub payer: PayerId,
    /// ln of the odds that it is this payer against everybody and everything else.
    pub ln_odds: f64,
}

/// How sure we are of who stands there. Equal to itself after a round trip through JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certainty {
    /// The most probable candidate; `None` when nobody was a candidate.
    pub best: Option<Best>,
    /// Probability that the payer is anybody but `best`; 1 without one.
    pub p_wrong: Probability,
    /// Every named candidate, the most probable first.
    pub terms: Vec<Term>,
    /// Everybody else who was searched.
    pub rest: Option<RestTerm>,
    /// ln of the prior that the payer is none of those searched.
    pub ln_not_enrolled: f64,
    /// Faces compared.
    pub searched: u64,
}

/// Who is the next explanation after the best candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rival {
    /// Another candidate.
    Payer(PayerId),
    /// Somebody who was searched and is not named.
    Unnamed,
    /// Nobody we know.
    NotEnrolled,
}

/// The numbers of the sentence that [`fmt::Display`] says in English. Messages to payers have their own words.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The most probable candidate.
    pub best: Option<PayerId>,
    /// One wrong in so many; 1 means certainly wrong.
    pub one_in: f64,
    /// How many times likelier the best candidate's score is for its owner than for a stranger, inflation included;
    /// 1 without a candidate.
    pub face_times: f64,
    /// One of so many payers here would be the best candidate, before any face was seen; infinite without one.
    pub place_one_in: f64,
    /// The next explanation.
    pub rival: Rival,
    /// How many times less likely it is than the best; below 1 when it is likelier.
    pub times_less_likely: f64,
    /// Faces compared.
    pub searched: u64,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { best, one_in, face_times, place_one_in, rival, times_less_likely, searched } = self;
        let words = |n: f64| Numerals::English.of(n);
        let Some(best) = best else {
            return write!(f, "nobody is a candidate; {searched} faces searched");
        };
        let rival = match rival {
            Rival::Payer(payer) => format!("{payer}"),
            Rival::Unnamed => "one of the others searched".to_owned(),
            Rival::NotEnrolled => "somebody who is not enrolled".to_owned(),
        };
        let (times, than) = if *times_less_likely >= 1.0 {
            (*times_less_likely, "less")
        } else {
            (times_less_likely.recip(), "more")
        };
        write!(
            f,
            "sure of {best} to 1 in {}, because such a score is {} times likelier for its owner than for a stranger, \
             where 1 payer in {} would be this one; the next best, {rival}, is {} times {than} likely; {searched} faces \
             searched",
            words(*one_in),
            words(*face_times),
            words(*place_one_in),
            words(times),
        )
    }
}

/// How large numbers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numerals {
    /// 3.2 million.
    English,
    /// 320万.
    Chinese,
}

impl Numerals {
    /// A positive number with two significant digits, as people say it: small ones in figures, larger ones with a
    /// word for the magnitude. Beyond the words there are, and for what is no number, figures with an exponent.
    #[must_use]
    pub fn of(self, n: f64) -> String {
        let magnitudes: &[(f64, &str)] = match self {
            Self::English => &[(1e3, " thousand"), (1e6, " million"), (1e9, " billion"), (1e12, " trillion")],
            Self::Chinese => &[(1e4, "万"), (1e8, "亿"), (1e12, "万亿")],
        };
        let rounded = two_digits(n);
        if !(rounded.is_finite() && rounded > 0.0) || rounded >= 1e16 {
            return format!("{n:.1e}");
        }
        let (unit, word) = magnitudes.iter().rev().find(|(unit, _)| rounded >= *unit).unwrap_or(&(1.0, ""));
        format!("{}{word}", two_digits(rounded / unit))
    }
}

/// Rounded to two significant digits.
fn two_digits(n: f64) -> f64 {
    format!("{n:.1e}").parse().unwrap_or(n)
}

impl Certainty {
    /// Sorts, sums and names the best. Terms must be finite.
    pub(crate) fn of(terms: Vec<Term>, rest: Option<RestTerm>, ln_not_enrolled: f64) -> Self {
        let searched = terms.len() as u64 + rest.map_or(0, |rest| rest.people);
        let mut certainty =
            Self { best: None, p_wrong: Probability::ONE, terms, rest, ln_not_enrolled, searched };
        certainty.terms.sort_by(|a, b| b.ln_joint.total_cmp(&a.ln_joint).then(a.payer.cmp(&b.payer)));
        let first = certainty.terms.first().map(|term| term.payer);
        if let Some((payer, ln_odds)) = first.and_then(|payer| Some((payer, certainty.ln_odds(payer)?))) {
            certainty.best = Some(Best { payer, ln_odds });
            certainty.p_wrong = Probability::against(ln_odds);
        }
        certainty
    }

    /// ln of the odds that it is `payer` against everybody and everything else; `None` for no candidate.
    fn ln_odds(&self, payer: PayerId) -> Option<f64> {
        let own = self.terms.iter().find(|term| term.payer == payer)?;
        let others = self.terms.iter().filter(|term| term.payer != payer).map(|term| term.ln_joint);
        let wrong: Vec<f64> = std::iter::once(self.ln_not_enrolled)
            .chain(self.rest.map(|rest| rest.ln_joint))
            .chain(others)
            .collect();
        Some(own.ln_joint - ln_sum_exp(&wrong))
    }

    /// Probability that the payer is anybody but `payer`; 1 for somebody who is no candidate. For asking about a
    /// person who was debited, whoever the best candidate is.
    #[must_use]
    pub fn p_other_than(&self, payer: PayerId) -> Probability {
        self.ln_odds(payer).map_or(Probability::ONE, Probability::against)
    }

    /// The numbers a person is told.
    #[must_use]
    pub fn explain(&self) -> Explanation {
        let mut rival = (self.ln_not_enrolled, Rival::NotEnrolled);
        if let Some(rest) = self.rest
            && rest.ln_joint > rival.0
        {
            rival = (rest.ln_joint, Rival::Unnamed);
        }
        if let Some(second) = self.terms.get(1)
            && second.ln_joint > rival.0
        {
            rival = (second.ln_joint, Rival::Payer(second.payer));
        }
        let best = self.terms.first();
        Explanation {
            best: best.map(|term| term.payer),
            one_in: self.p_wrong.value().recip(),
            face_times: best.map_or(1.0, |term| term.ln_lr.exp()),
            place_one_in: best.map_or(f64::INFINITY, |term| (-term.ln_prior).exp()),
            rival: rival.1,
            times_less_likely: best.map_or(0.0, |term| (term.ln_joint - rival.0).exp()),
            searched: self.searched,
        }
    }
}

impl RestTerm {
    /// Adds one band.
    pub(crate) fn with(sum: Option<Self>, people: u64, prior: f64, ln_joint: f64) -> Self {
        match sum {
            None => Self { people, prior, ln_joint },
            Some(sum) => Self {
                people: sum.people.saturating_add(people),
                prior: sum.prior + prior,
                ln_joint: ln_sum_exp(&[sum.ln_joint, ln_joint]),
            },
        }
    }
}

/// ln of the sum of exponentials, the largest taken out first. Values are finite.
fn ln_sum_exp(values: &[f64]) -> f64 {
    let largest = values.iter().copied().fold(f64::MIN, f64::max);
    largest + values.iter().map(|v| (v - largest).exp()).sum::<f64>().ln()
}
