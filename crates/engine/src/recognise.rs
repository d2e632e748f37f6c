//! Who stands there: search over everybody, priors from place, posterior. Or, under the old rules, the best
//! face among those the digits chose.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use anyhow::anyhow;
use gallery::{Hit, Search};
use identity::{
    Candidate, Certainty, Cohort, Crowd, DeviceSighting, Fusion, PosteriorInput, RestBand, Trace, Visits,
    posterior,
};
use risk::{Face, Recognition as Rule, SearchAmong};
use serde::{Deserialize, Serialize};
use store::{TerminalRow, Tx};
use types::{GeoPoint, KeyId, LastFour, PayerId, Probability, Score, SignedDuration, Template, Timestamp};

use crate::engine::{Engine, Timings, region_point};
use crate::fresh::Fresh;
use crate::rejected::Error;
use crate::searching::{Among, Ask, Chosen};

/// Payers whose habits or devices make them likelier here than their home does.
const FAMILIAR_MAX: u32 = 2_000;
/// A candidate this much less likely than the best still counts as "fits nearly as well" for look-alikes.
const LOOK_ALIKE_LN_MARGIN: f64 = 7.0;

/// Payers with their visits to a terminal, to its merchant elsewhere in the city, and to other merchants of the city.
type Regulars = Arc<[(PayerId, [u32; 3])]>;
/// Of each terminal, who is a regular customer there.
pub(crate) type Habits = Fresh<Regulars>;
/// Of each terminal, how many attempts by face ended in a payment, and how many with nobody recognised.
pub(crate) type Ends = Fresh<[u64; 2]>;

const _: () = assert!(FAMILIAR_MAX as usize <= gallery::NAMED_MAX);

/// What the search gave, kept with the decision so that it can be replayed without image or model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
pub(crate) enum Recognition {
    /// Everybody was compared, or whom the digits chose.
    Posterior(Box<ByFace>),
    /// Nobody is compared before the digits come that choose whom.
    AwaitingDigits,
    /// The old rules: those whose number ends in the typed digits were compared.
    Narrowed {
        /// The best of them and the similarity.
        best: Option<(PayerId, Score)>,
        /// How many faces were compared.
        searched: u64,
    },
    /// No face was looked at: this payer typed the PIN for an order's code.
    OrderCode {
        /// Who.
        payer: PayerId,
        /// On which of the payer's own devices.
        device: KeyId,
    },
}

/// What the face alone said, over everybody who was compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ByFace {
    /// Who was compared; not written for everybody.
    #[serde(default, skip_serializing_if = "SearchAmong::is_everybody")]
    among: SearchAmong,
    /// All that the certainty depends on.
    pub(crate) input: PosteriorInput,
    /// How sure we are.
    pub(crate) certainty: Certainty,
    /// Has the best candidate, or one that fits nearly as well, a recorded look-alike?
    look_alike: bool,
    /// Upper bound of how often a stranger reaches the best candidate's score, inflation included.
    fmr: f64,
    /// Does each frame, by itself, point to the best candidate?
    frames_agree: bool,
}

/// Where and when.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub(crate) terminal: &'a TerminalRow,
    pub(crate) at: Timestamp,
}

/// What a terminal's frames became.
pub(crate) struct Probe<'a> {
    /// The mean of the frames.
    pub(crate) template: &'a Template,
    /// How many frames it is the mean of.
    pub(crate) frames: u32,
    /// Each by itself, where they are still known.
    pub(crate) each: &'a [Template],
}

impl Recognition {
    /// The best candidate; without a face, whoever pays.
    pub(crate) fn best(&self) -> Option<PayerId> {
        match self {
            Self::Posterior(by_face) => by_face.certainty.best.map(|best| best.payer),
            Self::AwaitingDigits => None,
            Self::Narrowed { best, searched: _ } => best.map(|(payer, _)| payer),
            Self::OrderCode { payer, device: _ } => Some(*payer),
        }
    }

    /// Did typed digits choose who was compared? Then they match by construction.
    pub(crate) fn digits_chose(&self) -> bool {
        match self {
            Self::Posterior(by_face) => !by_face.among.is_everybody(),
            Self::AwaitingDigits | Self::OrderCode { payer: _, device: _ } => false,
            Self::Narrowed { best: _, searched: _ } => true,
        }
    }

    /// How many faces were compared.
    pub(crate) fn searched(&self) -> u64 {
        match self {
            Self::Posterior(by_face) => by_face.certainty.searched,
            Self::AwaitingDigits | Self::OrderCode { payer: _, device: _ } => 0,
            Self::Narrowed { best: _, searched } => *searched,
        }
    }

    /// What the face says, for the verdict.
    pub(crate) fn face(&self) -> Face {
        match self {
            Self::Posterior(by_face) => by_face.certainty.best.map_or(Face::Nobody, |best| Face::Posterior {
                ln_odds: best.ln_odds,
                fmr: by_face.fmr,
                look_alike: by_face.look_alike,
                frames_agree: by_face.frames_agree,
            }),
            Self::AwaitingDigits => Face::Nobody,
            Self::OrderCode { payer: _, device: _ } => Face::NotUsed,
            Self::Narrowed { best, searched: _ } => {
                best.map_or(Face::Nobody, |(_, score)| Face::Similarity { score: score.value() })
            }
        }
    }
}

impl Engine {
    /// What the policy's rule makes of a probe before anything was typed.
    pub(crate) fn recognise(
        &self,
        probe: &Probe<'_>,
        scene: Scene<'_>,
        timings: &mut Timings,
    ) -> Result<Recognition, Error> {
        if self.policy.recognition.digits_come_first() {
            return Ok(Recognition::AwaitingDigits);
        }
        self.recognise_among(probe, scene, (SearchAmong::Everybody, &Among::Everybody), timings)
    }

    /// What the policy's rule makes of a probe and the digits that choose whom to compare with it.
    pub(crate) fn recognise_chosen(
        &self,
        probe: &Probe<'_>,
        scene: Scene<'_>,
        digits: LastFour,
    ) -> Result<Recognition, Error> {
        let certainty = match &self.policy.recognition {
            Rule::NarrowedByLastFour { threshold: _ } => {
                return self.recognise_narrowed(probe.template, digits);
            }
            Rule::Posterior(certainty) => certainty,
        };
        // Another policy may have come into force since the digits were asked.
        let among = match certainty.search {
            SearchAmong::Everybody | SearchAmong::LastFour => SearchAmong::LastFour,
            SearchAmong::LastFourAndRegion => SearchAmong::LastFourAndRegion,
        };
        let chosen = self.chosen(digits, scene.terminal.place.point);
        self.recognise_among(probe, scene, (among, &chosen), &mut Timings::default())
    }

    /// Compares with everybody of `among`, those with face payment off included: they may stand there too.
    fn recognise_among(
        &self,
        probe: &Probe<'_>,
        scene: Scene<'_>,
        (among, whom): (SearchAmong, &Among),
        timings: &mut Timings,
    ) -> Result<Recognition, Error> {
        let familiar = self.familiar(scene)?;
        let start = Instant::now();
        let search = self.search(probe, whom, &familiar)?;
        timings.search = start.elapsed();
        let start = Instant::now();
        let input = self.posterior_input(&search, &familiar, probe.frames, scene)?;
        let certainty = posterior(&self.calibration, &input).map_err(anyhow::Error::new)?;
        let look_alike = self.has_look_alike(&certainty)?;
        let fmr = self.stranger_rate(&certainty, &input)?;
        timings.posterior = start.elapsed();
        let start = Instant::now();
        let frames_agree = self.frames_agree(&certainty, &input, probe, whom)?;
        timings.search += start.elapsed();
        Ok(Recognition::Posterior(Box::new(ByFace {
            among,
            input,
            certainty,
            look_alike,
            fmr,
            frames_agree,
        })))
    }

    /// The most similar, and whoever is familiar here wherever he ranks.
    fn search(
        &self,
        probe: &Probe<'_>,
        among: &Among,
        familiar: &BTreeMap<PayerId, Trace>,
    ) -> Result<Search, Error> {
        let named: Vec<PayerId> = familiar.keys().copied().collect();
        self.search_faces(&Ask { probe: probe.template, among, top: gallery::CANDIDATES_MAX, named: &named })
    }

    /// The inputs of the posterior: candidates and everybody else with their priors.
    fn posterior_input(
        &self,
        search: &Search,
        familiar: &BTreeMap<PayerId, Trace>,
        frames: u32,
        scene: Scene<'_>,
    ) -> Result<PosteriorInput, Error> {
        let regions = region_distances(search, scene.terminal.place.point)?;
        let cohorts = self.region_cohorts(search)?;
        let cohort_of = |region: &Arc<str>| cohorts.get(region).copied().unwrap_or_default();
        let trace_of = |hit: &Hit| Trace {
            home_km: regions.get(&hit.region).copied(),
            ..familiar.get(&hit.payer).copied().unwrap_or_default()
        };
        let crowd = self.crowd(search, &regions, familiar);
        let candidate = |hit: &Hit| Candidate {
            payer: hit.payer,
            score: hit.score,
            pictures: hit.pictures,
            prior: self.place.prior(&crowd, &trace_of(hit)),
            cohort: cohort_of(&hit.region),
        };
        let alone = |hit: &Hit| RestBand {
            best_score: hit.score,
            pictures: hit.pictures,
            people: 1,
            prior: self.place.prior(&crowd, &trace_of(hit)),
            cohort: cohort_of(&hit.region),
        };
        let mut rest: Vec<RestBand> = search.named.iter().map(alone).collect();
        for group in &search.unlisted {
            let trace = Trace { home_km: regions.get(&group.region).copied(), ..Trace::default() };
            let each = self.place.prior(&crowd, &trace);
            #[expect(clippy::cast_precision_loss, reason = "counts of people are far below 2^52")]
            let prior = each * group.people as f64;
            rest.push(RestBand {
                best_score: group.best_score,
                pictures: group.pictures,
                people: group.people,
                prior,
                cohort: cohort_of(&group.region),
            });
        }
        let candidates = search.hits.iter().map(candidate).collect();
        Ok(PosteriorInput {
            frames,
            candidates,
            rest: merge_bands(rest),
            prior_not_enrolled: self.prior_not_enrolled(scene)?,
            impostor_inflation: self.rule.impostor_inflation,
        })
    }

    /// Everybody searched: each region as one group, familiar people one by one.
    fn crowd(
        &self,
        search: &Search,
        regions: &BTreeMap<Arc<str>, f64>,
        familiar: &BTreeMap<PayerId, Trace>,
    ) -> Crowd {
        let mut crowd = Crowd::default();
        let mut people: BTreeMap<&Arc<str>, u64> =
            search.searched_by_region.iter().map(|(r, n)| (r, *n)).collect();
        for hit in search.hits.iter().chain(&search.named) {
            if let Some(trace) = familiar.get(&hit.payer) {
                crowd.add(&self.place, 1, &Trace { home_km: regions.get(&hit.region).copied(), ..*trace });
                people.entry(&hit.region).and_modify(|n| *n = n.saturating_sub(1));
            }
        }
        for (region, n) in people {
            crowd.add(&self.place, n, &Trace { home_km: regions.get(region).copied(), ..Trace::default() });
        }
        crowd
    }

    /// Payers with habits at this merchant, or whose own device was seen lately, and what is known of them.
    fn familiar(&self, scene: Scene<'_>) -> Result<BTreeMap<PayerId, Trace>, Error> {
        let risk::Familiarity { habit_days, device_minutes } = self.rule.familiarity;
        let here = scene.terminal.place.point;
        self.store.read(|tx| {
            let mut familiar: BTreeMap<PayerId, Trace> = BTreeMap::new();
            let habits = scene.at - SignedDuration::from_hours(24 * i64::from(habit_days));
            let sightings = scene.at - SignedDuration::from_mins(i64::from(device_minutes));
            for (payer, [terminal, merchant, city]) in self.regulars(tx, scene, habits)?.iter().copied() {
                familiar.entry(payer).or_default().visits = Visits { terminal, merchant, city };
            }
            for (payer, trace) in tx.recent_traces(sightings, scene.at, FAMILIAR_MAX / 2)? {
                let minutes_ago = minutes_between(trace.at, scene.at);
                let distance_km = trace.point.distance_km(here);
                familiar.entry(payer).or_default().device = Some(DeviceSighting { distance_km, minutes_ago });
            }
            Ok(familiar)
        })
    }

    /// The customers of a terminal, as they were at most a minute ago: whoever became one since is none yet.
    fn regulars(&self, tx: &Tx<'_>, scene: Scene<'_>, since: Timestamp) -> anyhow::Result<Regulars> {
        self.habits.of((scene.terminal.id, scene.at), || {
            Ok(tx.regulars(scene.terminal, since, scene.at, FAMILIAR_MAX / 2)?.into())
        })
    }

    /// The chance that whoever stands there is not enrolled, by how attempts ended at this terminal lately.
    fn prior_not_enrolled(&self, scene: Scene<'_>) -> Result<Probability, Error> {
        let days = i64::from(self.rule.familiarity.habit_days);
        let since = scene.at - SignedDuration::from_hours(24 * days);
        let [recognised, unknown] = self.ends.of((scene.terminal.id, scene.at), || {
            self.store.read(|tx| tx.attempts_ended(scene.terminal.id, (since, scene.at)))
        })?;
        let prior = Probability::new(self.rule.not_enrolled(recognised, unknown));
        Ok(prior.expect("a checked policy holds a probability"))
    }

    /// How often a stranger reaches the best candidate's score in one comparison: the upper band, inflated.
    fn stranger_rate(&self, certainty: &Certainty, input: &PosteriorInput) -> Result<f64, Error> {
        let Some(best) = certainty.terms.first() else { return Ok(1.0) };
        let fusion = Fusion { gallery_pictures: best.pictures, probe_frames: input.frames };
        let cohort = cohort_of(best.payer, input);
        let model = self.calibration.score_model_of(cohort, fusion).map_err(anyhow::Error::new)?;
        Ok((model.fmr(best.score).value() * input.impostor_inflation).min(1.0))
    }

    /// Does each frame, by itself, point to the best candidate, with a score that strangers hardly reach? The mean
    /// of a capture can hide that one of its frames shows somebody else.
    fn frames_agree(
        &self,
        certainty: &Certainty,
        input: &PosteriorInput,
        probe: &Probe<'_>,
        among: &Among,
    ) -> Result<bool, Error> {
        let Some(best) = certainty.terms.first() else { return Ok(true) };
        let alone = Fusion { gallery_pictures: best.pictures, probe_frames: 1 };
        let cohort = cohort_of(best.payer, input);
        let model = self.calibration.score_model_of(cohort, alone).map_err(anyhow::Error::new)?;
        for frame in probe.each {
            let points = |hit: &Hit| {
                hit.payer == best.payer && model.fmr(hit.score).value() <= self.rule.frame_fmr_max
            };
            if !self.best_face(frame, among)?.as_ref().is_some_and(points) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Has the best candidate, or one that fits nearly as well, a recorded look-alike?
    fn has_look_alike(&self, certainty: &Certainty) -> Result<bool, Error> {
        let Some(best) = certainty.terms.first() else { return Ok(false) };
        self.store.read(|tx: &Tx<'_>| {
            for term in &certainty.terms {
                if best.ln_lr - term.ln_lr <= LOOK_ALIKE_LN_MARGIN && tx.has_look_alike(term.payer)? {
                    return Ok(true);
                }
            }
            Ok(false)
        })
    }

    /// Whose template is nearest to a probe.
    pub(crate) fn nearest(&self, probe: &Template) -> Result<Option<PayerId>, Error> {
        Ok(self.best_face(probe, &Among::Everybody)?.map(|hit| hit.payer))
    }

    /// The old rules: the best face among those whose number ends in the typed digits.
    fn recognise_narrowed(&self, probe: &Template, digits: LastFour) -> Result<Recognition, Error> {
        let among = Among::Chosen(Chosen { digits, regions: None, live: true });
        let search = self.search_faces(&Ask { probe, among: &among, top: 1, named: &[] })?;
        let best = search.hits.first().map(|hit| (hit.payer, hit.score));
        Ok(Recognition::Narrowed { best, searched: search.searched })
    }

    /// How sure we would be today, over everybody enrolled, whatever rule debited then.
    pub(crate) fn certainty_today(
        &self,
        probe: &Probe<'_>,
        scene: Scene<'_>,
        debited: PayerId,
    ) -> Result<Certainty, Error> {
        let mut familiar = self.familiar(scene)?;
        familiar.entry(debited).or_default();
        let mut search = self.search(probe, &Among::Everybody, &familiar)?;
        // The debited payer is a candidate even when 64 others fit better.
        if let Some(at) = search.named.iter().position(|hit| hit.payer == debited) {
            let hit = search.named.remove(at);
            if search.hits.len() == gallery::CANDIDATES_MAX
                && let Some(last) = search.hits.pop()
            {
                search.named.push(last);
            }
            search.hits.push(hit);
        }
        let input = self.posterior_input(&search, &familiar, probe.frames, scene)?;
        Ok(posterior(&self.calibration, &input).map_err(anyhow::Error::new)?)
    }
}

fn region_distances(search: &Search, here: GeoPoint) -> Result<BTreeMap<Arc<str>, f64>, Error> {
    let mut distances = BTreeMap::new();
    for (region, _) in &search.searched_by_region {
        let point = region_point(region).ok_or_else(|| anyhow!("the gallery holds an impossible region"))?;
        distances.insert(Arc::clone(region), point.distance_km(here));
    }
    Ok(distances)
}

/// By whom a candidate is measured.
pub(crate) fn cohort_of(payer: PayerId, input: &PosteriorInput) -> Cohort {
    let candidate = input.candidates.iter().find(|candidate| candidate.payer == payer);
    candidate.map_or(Cohort::DEFAULT, |candidate| candidate.cohort)
}

/// Joins groups of the same score, pictures and cohort from different regions: only their sums matter.
fn merge_bands(bands: Vec<RestBand>) -> Vec<RestBand> {
    let mut merged: BTreeMap<(u32, u64, Cohort), RestBand> = BTreeMap::new();
    for band in bands {
        // Scores as bits: equal scores join, nothing is ordered by them.
        let key = (band.pictures, band.best_score.value().to_bits(), band.cohort);
        merged
            .entry(key)
            .and_modify(|sum| {
                sum.people += band.people;
                sum.prior += band.prior;
            })
            .or_insert(band);
    }
    merged.into_values().collect()
}

pub(crate) fn minutes_between(one: Timestamp, other: Timestamp) -> f64 {
    other.duration_since(one).as_secs_f64().abs() / 60.0
}
