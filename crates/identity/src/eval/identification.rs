//! Who is it, if anybody we know? A search of a gallery, by people who are in it and people who are not.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Share;

/// False-positive rates at which missed identifications are stated.
const RATES: [f64; 3] = [1e-2, 1e-3, 1e-4];

/// One search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trial {
    /// Who stood there, by any number.
    pub person: u32,
    /// Is that person in the gallery?
    pub enrolled: bool,
    /// Is the best candidate that person?
    pub right: bool,
    /// How sure the method is of its best candidate; only the order counts.
    pub sureness: f64,
}

/// One operating point of a search.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Identification {
    /// False-positive identification rate that was asked for.
    pub fpir: f64,
    /// Whether ten strangers at least lie above the threshold.
    pub measured: bool,
    /// On the method's own scale.
    pub threshold: f64,
    /// Enrolled people who were not found, or taken for somebody else.
    pub fnir: Share,
}

/// What searches gave.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OpenSet {
    /// Searches by people who are enrolled.
    pub enrolled: u64,
    /// Searches by people who are not.
    pub strangers: u64,
    /// Best candidate right, whatever the sureness.
    pub rank_one: Share,
    /// At fixed false-positive rates.
    pub points: Vec<Identification>,
}

/// The usual figures. `None` unless there are searches of both kinds.
#[must_use]
pub fn open_set(trials: &[Trial]) -> Option<OpenSet> {
    let mut strangers: Vec<f64> = trials.iter().filter(|t| !t.enrolled).map(|t| t.sureness).collect();
    let enrolled = trials.iter().filter(|t| t.enrolled).count();
    strangers.sort_unstable_by(f64::total_cmp);
    let n = strangers.len();
    if n == 0 || enrolled == 0 {
        return None;
    }
    let points = RATES.map(|fpir| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length")]
        let allowed = ((n as f64 * fpir).floor() as usize).min(n - 1);
        let threshold = strangers[n - 1 - allowed].next_up();
        let fnir = by_person(trials, |t| !t.right || t.sureness < threshold);
        Identification { fpir, measured: n as f64 * fpir >= 10.0, threshold, fnir }
    });
    let rank_one = by_person(trials, |t| t.right);
    Some(OpenSet { enrolled: enrolled as u64, strangers: n as u64, rank_one, points: points.to_vec() })
}

fn by_person(trials: &[Trial], hit: impl Fn(&Trial) -> bool) -> Share {
    let mut people: BTreeMap<u32, (f64, f64)> = BTreeMap::new();
    for trial in trials.iter().filter(|t| t.enrolled) {
        let person = people.entry(trial.person).or_default();
        person.0 += f64::from(u8::from(hit(trial)));
        person.1 += 1.0;
    }
    Share::of_people(&people.into_values().collect::<Vec<_>>())
}
