//! How well attacks and living faces are told apart: the measures of ISO/IEC 30107-3.
//!
//! An attack that scores at least the threshold is accepted (APCER, of each species by itself; the worst species
//! counts). A living face below it is refused (BPCER). Captures that gave no score, because no usable face was found,
//! are no answers of the detector: they are counted apart, as the standard has it (APNRR, BPNRR).

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{RESAMPLES, Share};
use crate::fit::SplitMix;
use crate::interval::clopper_pearson;

/// One capture before a camera, whose truth is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Presentation {
    /// Whose face it shows. Intervals count people.
    pub subject: String,
    /// The attack species; none for a living face.
    pub species: Option<String>,
    /// Higher is more alive; none where no face could be used.
    pub score: Option<f64>,
}

/// Attacks of one species at one threshold.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SpeciesErrors {
    /// The species.
    pub species: String,
    /// Share that was taken for living.
    pub apcer: Share,
}

/// Errors at one threshold.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PresentationErrors {
    /// Scores from here on count as living.
    pub threshold: f64,
    /// Each species, by name.
    pub species: Vec<SpeciesErrors>,
    /// The worst species' share.
    pub apcer_worst: Share,
    /// Share of living faces that was refused.
    pub bpcer: Share,
    /// Mean of the worst APCER and BPCER; its interval joins the ends of theirs and is rather too wide.
    pub acer: Share,
}

/// BPCER at the threshold at which the attacks' error is at most this.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BpcerAt {
    /// The worst species' share of accepted attacks, at most.
    pub apcer: f64,
    /// The lowest such threshold.
    pub threshold: f64,
    /// Share of living faces refused there; people are drawn anew and the threshold is taken anew each time.
    pub bpcer: Share,
}

/// A point where both errors are as equal as they get.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EqualError {
    /// The species; `all` for the worst of all.
    pub species: String,
    /// The threshold.
    pub threshold: f64,
    /// Mean of both errors there; people are drawn anew for its interval.
    pub rate: Share,
}

/// Captures that gave no score.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NonResponse {
    /// `live`, or the species.
    pub kind: String,
    /// Captures in all.
    pub captures: usize,
    /// People in them.
    pub subjects: usize,
    /// Share without a score (BPNRR, APNRR).
    pub share: Share,
}

/// Everything about one score.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PresentationReport {
    /// Captures, people, and the share without a score.
    pub answered: Vec<NonResponse>,
    /// Errors at the thresholds that were asked for.
    pub at: Vec<PresentationErrors>,
    /// Equal error rates: of all, and of each species.
    pub equal_error: Vec<EqualError>,
    /// BPCER where at most 10, 5 and 1 % of the worst species' attacks are accepted (BPCER10, BPCER20, BPCER100).
    pub bpcer_at: Vec<BpcerAt>,
    /// For the plot: of `all` and of each species, (threshold, APCER, BPCER).
    pub curves: BTreeMap<String, Vec<(f64, f64, f64)>>,
}

/// Two scores on the same captures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Equal error rate of the second less that of the first.
    pub value: f64,
    /// Lower end of the 95 % interval; the same people are drawn for both.
    pub low: f64,
    /// Upper end: below 0, the second makes fewer errors.
    pub high: f64,
}

/// Which attacks, for a curve over all of them: the worst at each threshold.
const ALL: &str = "all";

/// Measures a score; none without an answered living face and an answered attack.
#[must_use]
pub fn presentation_report(captures: &[Presentation], thresholds: &[f64]) -> Option<PresentationReport> {
    let scores = Scores::of(captures.iter());
    if scores.live.is_empty() || scores.species.is_empty() {
        return None;
    }
    let people = People::of(captures);
    let names: Vec<&str> = scores.species.keys().copied().collect();
    let mut equal_error = vec![people.equal_error(&scores, None)];
    equal_error.extend(names.iter().map(|name| people.equal_error(&scores, Some(name))));
    let mut curves = BTreeMap::from([(ALL.to_owned(), scores.curve(None))]);
    curves.extend(names.iter().map(|name| ((*name).to_owned(), scores.curve(Some(name)))));
    Some(PresentationReport {
        answered: answered(captures),
        at: thresholds.iter().map(|t| errors(captures, *t)).collect(),
        equal_error,
        bpcer_at: [0.1, 0.05, 0.01].map(|apcer| people.bpcer_at(&scores, apcer)).to_vec(),
        curves,
    })
}

/// Does the second score tell better apart than the first? Both are of the same captures, in the same order; captures
/// that either leaves unanswered are left out. None without both sides.
#[must_use]
pub fn presentation_difference(first: &[Presentation], second: &[Presentation]) -> Option<Difference> {
    let both: Vec<(Presentation, Presentation)> = first
        .iter()
        .zip(second)
        .filter(|(a, b)| a.score.is_some() && b.score.is_some())
        .map(|(a, b)| (a.clone(), b.clone()))
        .collect();
    let (first, second): (Vec<_>, Vec<_>) = both.into_iter().unzip();
    let rate = |scores: &Scores<'_>| scores.equal_error(None).map(|(_, rate)| rate);
    let value = rate(&Scores::of(second.iter()))? - rate(&Scores::of(first.iter()))?;
    let (one, other) = (People::of(&first), People::of(&second));
    let mut random = SplitMix::new(first.len() as u64);
    let mut drawn = Vec::with_capacity(RESAMPLES);
    for _ in 0..RESAMPLES {
        let who = one.draw(&mut random);
        if let (Some(a), Some(b)) = (rate(&one.scores(&who)), rate(&other.scores(&who))) {
            drawn.push(b - a);
        }
    }
    let (low, high) = ends(drawn).unwrap_or((-1.0, 1.0));
    Some(Difference { value, low: low.min(value), high: high.max(value) })
}

fn answered(captures: &[Presentation]) -> Vec<NonResponse> {
    let mut kinds: BTreeSet<Option<&str>> = captures.iter().map(|c| c.species.as_deref()).collect();
    let mut all = Vec::with_capacity(kinds.len());
    while let Some(kind) = kinds.pop_first() {
        let of: Vec<&Presentation> = captures.iter().filter(|c| c.species.as_deref() == kind).collect();
        let subjects: BTreeSet<&str> = of.iter().map(|c| c.subject.as_str()).collect();
        all.push(NonResponse {
            kind: kind.unwrap_or("live").to_owned(),
            captures: of.len(),
            subjects: subjects.len(),
            share: share(&of, |c| c.score.is_none()),
        });
    }
    all
}

fn errors(captures: &[Presentation], threshold: f64) -> PresentationErrors {
    let answered = |species: Option<&str>| -> Vec<&Presentation> {
        captures.iter().filter(|c| c.species.as_deref() == species && c.score.is_some()).collect()
    };
    let accepted = |c: &Presentation| c.score.is_some_and(|score| score >= threshold);
    let names: BTreeSet<&str> = captures.iter().filter_map(|c| c.species.as_deref()).collect();
    let species: Vec<SpeciesErrors> = names
        .into_iter()
        .map(|name| {
            let apcer = share(&answered(Some(name)), accepted);
            SpeciesErrors { species: name.to_owned(), apcer }
        })
        .collect();
    let nothing = Share { value: 0.0, low: 0.0, high: 1.0 };
    let worst = species
        .iter()
        .map(|s| s.apcer)
        .max_by(|a, b| a.value.total_cmp(&b.value).then(a.high.total_cmp(&b.high)));
    let apcer_worst = worst.unwrap_or(nothing);
    let bpcer = share(&answered(None), |c| !accepted(c));
    let middle = |of: fn(Share) -> f64| f64::midpoint(of(apcer_worst), of(bpcer));
    let acer = Share { value: middle(|s| s.value), low: middle(|s| s.low), high: middle(|s| s.high) };
    PresentationErrors { threshold, species, apcer_worst, bpcer, acer }
}

fn share(captures: &[&Presentation], hit: impl Fn(&Presentation) -> bool) -> Share {
    let mut people: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for capture in captures {
        let person = people.entry(&capture.subject).or_default();
        person.0 += f64::from(u8::from(hit(capture)));
        person.1 += 1.0;
    }
    Share::of_people(&people.into_values().collect::<Vec<_>>())
}

/// The answered captures' scores, sorted.
struct Scores<'a> {
    live: Vec<f64>,
    species: BTreeMap<&'a str, Vec<f64>>,
}

impl<'a> Scores<'a> {
    fn of(captures: impl Iterator<Item = &'a Presentation>) -> Self {
        let (mut live, mut species) = (Vec::new(), BTreeMap::<&str, Vec<f64>>::new());
        for capture in captures {
            let Some(score) = capture.score else { continue };
            match capture.species.as_deref() {
                None => live.push(score),
                Some(name) => species.entry(name).or_default().push(score),
            }
        }
        live.sort_unstable_by(f64::total_cmp);
        for scores in species.values_mut() {
            scores.sort_unstable_by(f64::total_cmp);
        }
        Self { live, species }
    }

    /// Share of accepted attacks (of the worst species, if none is named) and of refused living faces.
    fn errors(&self, species: Option<&str>, threshold: f64) -> (f64, f64) {
        let below =
            |scores: &[f64]| scores.partition_point(|s| *s < threshold) as f64 / scores.len().max(1) as f64;
        let accepted = self
            .species
            .iter()
            .filter(|(name, _)| species.is_none_or(|wanted| wanted == **name))
            .map(|(_, scores)| 1.0 - below(scores))
            .fold(0.0, f64::max);
        (accepted, below(&self.live))
    }

    /// Every score that was seen, and one that nobody reaches.
    fn thresholds(&self, species: Option<&str>) -> Vec<f64> {
        let wanted = self.species.iter().filter(|(name, _)| species.is_none_or(|wanted| wanted == **name));
        let attacks = wanted.flat_map(|(_, scores)| scores);
        let mut all: Vec<f64> = self.live.iter().chain(attacks).copied().collect();
        all.sort_unstable_by(f64::total_cmp);
        all.dedup_by(|a, b| a.total_cmp(b).is_eq());
        all.extend(all.last().map(|last| last.next_up()));
        all
    }

    fn curve(&self, species: Option<&str>) -> Vec<(f64, f64, f64)> {
        let point = |t| {
            let (apcer, bpcer) = self.errors(species, t);
            (t, apcer, bpcer)
        };
        self.thresholds(species).into_iter().map(point).collect()
    }

    /// Threshold and mean error where both errors differ least; none without both sides.
    fn equal_error(&self, species: Option<&str>) -> Option<(f64, f64)> {
        if self.live.is_empty() || self.species.is_empty() {
            return None;
        }
        let apart = |(_, a, b): &(f64, f64, f64)| (a - b).abs();
        let best = self.curve(species).into_iter().min_by(|a, b| apart(a).total_cmp(&apart(b)))?;
        Some((best.0, f64::midpoint(best.1, best.2)))
    }

    /// The lowest threshold at which attacks are accepted at most so often, and the living refused there.
    fn bpcer_at(&self, apcer: f64) -> Option<(f64, f64)> {
        self.curve(None).into_iter().find(|(_, found, _)| *found <= apcer).map(|(t, _, bpcer)| (t, bpcer))
    }
}

/// Captures by person, to draw people anew.
struct People<'a>(Vec<Vec<&'a Presentation>>);

impl<'a> People<'a> {
    fn of(captures: &'a [Presentation]) -> Self {
        let mut people: BTreeMap<&str, Vec<&Presentation>> = BTreeMap::new();
        for capture in captures {
            people.entry(&capture.subject).or_default().push(capture);
        }
        Self(people.into_values().collect())
    }

    fn draw(&self, random: &mut SplitMix) -> Vec<usize> {
        (0..self.0.len()).map(|_| random.below(self.0.len())).collect()
    }

    fn scores(&self, who: &[usize]) -> Scores<'a> {
        Scores::of(who.iter().flat_map(|at| &self.0[*at]).copied())
    }

    fn interval(&self, found: f64, of: impl Fn(&Scores<'_>) -> Option<f64>) -> Share {
        let mut random = SplitMix::new(self.0.len() as u64);
        let drawn: Vec<f64> =
            (0..RESAMPLES).filter_map(|_| of(&self.scores(&self.draw(&mut random)))).collect();
        let (low, high) = ends(drawn).unwrap_or((0.0, 1.0));
        // Where hardly anybody errs, drawing shows little.
        let people = self.0.len() as f64;
        let exact = clopper_pearson(found * people, people);
        if found * people < 5.0 {
            return Share { value: found, low: low.min(exact.0), high: high.max(exact.1) };
        }
        Share { value: found, low: low.min(found), high: high.max(found) }
    }

    fn equal_error(&self, scores: &Scores<'_>, species: Option<&str>) -> EqualError {
        let (threshold, found) = scores.equal_error(species).unwrap_or((0.0, 0.0));
        let rate = self.interval(found, |drawn| {
            let present = species.is_none_or(|name| drawn.species.contains_key(name));
            drawn.equal_error(species).filter(|_| present).map(|(_, rate)| rate)
        });
        EqualError { species: species.unwrap_or(ALL).to_owned(), threshold, rate }
    }

    fn bpcer_at(&self, scores: &Scores<'_>, apcer: f64) -> BpcerAt {
        let (threshold, found) = scores.bpcer_at(apcer).unwrap_or((1.0, 1.0));
        let bpcer = self.interval(found, |drawn| {
            drawn.equal_error(None)?;
            drawn.bpcer_at(apcer).map(|(_, bpcer)| bpcer)
        });
        BpcerAt { apcer, threshold, bpcer }
    }
}

/// The middle 95 % of what was drawn; none of too little.
fn ends(mut drawn: Vec<f64>) -> Option<(f64, f64)> {
    if drawn.len() < RESAMPLES / 2 {
        return None;
    }
    drawn.sort_unstable_by(f64::total_cmp);
    let side = drawn.len() / 40;
    Some((drawn[side], drawn[drawn.len() - 1 - side]))
}
