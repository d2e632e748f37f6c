//! What a model is fitted to: scores, and whose they are.

use std::collections::BTreeMap;

use super::FitError;

/// Two different people compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// In -1..=1.
    pub score: f64,
    /// Who; any numbers, in any order.
    pub people: [u32; 2],
}

/// One person compared with the same person.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Repeat {
    /// In -1..=1.
    pub score: f64,
    /// Who.
    pub person: u32,
}

/// All comparisons of one fusion, in any order. The same two people may be compared several times.
#[derive(Clone, Debug, Default)]
pub struct Scores {
    /// Of different people.
    pub impostor: Vec<Comparison>,
    /// Of the same people.
    pub genuine: Vec<Repeat>,
}

impl Scores {
    /// Ascending, with people numbered from 0.
    pub(super) fn prepared(mut self) -> Result<Prepared, FitError> {
        let sound = |s: f64| (-1.0..=1.0).contains(&s);
        let alien = self.impostor.iter().any(|c| !sound(c.score) || c.people[0] == c.people[1]);
        if alien || self.genuine.iter().any(|r| !sound(r.score)) {
            return Err(FitError::Scores);
        }
        self.impostor.sort_unstable_by(|a, b| a.score.total_cmp(&b.score).then(a.people.cmp(&b.people)));
        let mut genuine: Vec<f64> = self.genuine.iter().map(|r| r.score).collect();
        genuine.sort_unstable_by(f64::total_cmp);
        let owners = count_distinct(self.genuine.iter().map(|r| r.person).collect());
        Ok(Prepared { strangers: Strangers::new(self.impostor), genuine, owners })
    }
}

pub(super) struct Prepared {
    pub(super) strangers: Strangers,
    pub(super) genuine: Vec<f64>,
    pub(super) owners: usize,
}

/// Impostor comparisons by rising score, and the people in them.
pub(super) struct Strangers {
    pub(super) scores: Vec<f64>,
    people: Vec<[u32; 2]>,
    /// How often each person was compared.
    pub(super) degrees: Vec<f64>,
    /// Pairs of people, however often compared.
    pub(super) pairs: usize,
}

impl Strangers {
    /// From comparisons by rising score.
    pub(super) fn new(sorted: Vec<Comparison>) -> Self {
        let scores = sorted.iter().map(|c| c.score).collect();
        let pairs = sorted.iter().map(|c| [c.people[0].min(c.people[1]), c.people[0].max(c.people[1])]);
        let pairs = count_distinct(pairs.collect());
        let mut numbers = BTreeMap::new();
        let mut degrees: Vec<f64> = Vec::new();
        let mut people: Vec<[u32; 2]> = sorted.into_iter().map(|c| c.people).collect();
        for person in people.iter_mut().flatten() {
            let new = u32::try_from(degrees.len()).unwrap_or(u32::MAX);
            let number = *numbers.entry(*person).or_insert(new);
            if number == new {
                degrees.push(0.0);
            }
            degrees[number as usize] += 1.0;
            *person = number;
        }
        Self { scores, people, degrees, pairs }
    }

    /// The product of the two people's weights, for each comparison from the `first` on.
    pub(super) fn weights(&self, first: usize, of: &[f64], into: &mut Vec<f64>) {
        into.clear();
        into.extend(self.people[first..].iter().map(|[a, b]| of[*a as usize] * of[*b as usize]));
    }
}

fn count_distinct<T: Ord>(mut values: Vec<T>) -> usize {
    values.sort_unstable();
    values.dedup();
    values.len()
}
