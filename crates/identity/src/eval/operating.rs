//! What payers would see: debited at once, asked for more, refused, or the wrong person debited.

use serde::Serialize;

use super::Share;

/// What a policy makes of certainty, as far as the face alone decides it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule {
    /// Debit at once up to this probability of a wrong person.
    pub p_wrong_max: f64,
    /// ... if strangers reach the score at most this often, inflation included.
    pub fmr_max: f64,
    /// Above this probability nobody is asked anything.
    pub refuse_above: f64,
}

/// One payment as it would have gone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Action {
    /// Who stood there, by any number.
    pub person: u32,
    /// Whether that person is enrolled.
    pub enrolled: bool,
    /// Whether the best candidate is that person.
    pub right: bool,
    /// Similarity of the best candidate.
    pub score: f64,
    /// Probability that it is somebody else.
    pub p_wrong: f64,
    /// How often strangers reach the score: upper band, inflation included.
    pub fmr: f64,
}

/// Shares of payments at one setting.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Outcomes {
    /// The bound or threshold.
    pub setting: f64,
    /// Of all payments, whoever stood there: somebody else debited at once.
    pub wrong_debit: Share,
    /// Of enrolled payers: debited at once, and rightly.
    pub debited: Share,
    /// Of enrolled payers: asked for a further proof.
    pub asked: Share,
    /// Of enrolled payers: not recognised.
    pub refused: Share,
}

enum Verdict {
    Debit,
    Ask,
    Refuse,
}

/// Outcomes under a rule, with other bounds on the probability of a wrong person in its place, one by one.
#[must_use]
pub fn outcomes_by_rule(actions: &[Action], rule: Rule, bounds: &[f64]) -> Vec<Outcomes> {
    let at = |bound: f64| {
        outcomes(actions, bound, |a| {
            if a.p_wrong <= bound && a.fmr <= rule.fmr_max {
                Verdict::Debit
            } else if a.p_wrong <= rule.refuse_above {
                Verdict::Ask
            } else {
                Verdict::Refuse
            }
        })
    };
    bounds.iter().copied().map(at).collect()
}

/// Outcomes under fixed thresholds on the best score, as face payment is usually built: at or above, debit; below,
/// refuse.
#[must_use]
pub fn outcomes_by_threshold(actions: &[Action], thresholds: &[f64]) -> Vec<Outcomes> {
    let at = |threshold: f64| {
        outcomes(actions, threshold, |a| if a.score >= threshold { Verdict::Debit } else { Verdict::Refuse })
    };
    thresholds.iter().copied().map(at).collect()
}

fn outcomes(actions: &[Action], setting: f64, verdict: impl Fn(&Action) -> Verdict) -> Outcomes {
    let share = |all: bool, hit: &dyn Fn(&Action, Verdict) -> bool| {
        let mut people = std::collections::BTreeMap::<u32, (f64, f64)>::new();
        for action in actions.iter().filter(|a| all || a.enrolled) {
            let person = people.entry(action.person).or_default();
            person.0 += f64::from(u8::from(hit(action, verdict(action))));
            person.1 += 1.0;
        }
        Share::of_people(&people.into_values().collect::<Vec<_>>())
    };
    Outcomes {
        setting,
        wrong_debit: share(true, &|a, v| !a.right && matches!(v, Verdict::Debit)),
        debited: share(false, &|a, v| a.right && matches!(v, Verdict::Debit)),
        asked: share(false, &|_, v| matches!(v, Verdict::Ask)),
        refused: share(false, &|_, v| matches!(v, Verdict::Refuse)),
    }
}
