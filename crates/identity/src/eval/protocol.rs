//! The whole evaluation of a set of people: enrols some, lets all come to a terminal, and judges.

use serde::Serialize;
use types::{PayerId, Probability, Score, Template, TemplateError};

use super::{
    Action, OpenSet, Outcomes, Prediction, Reliability, Rule, Trial, Verification, Verifying, open_set,
    outcomes_by_rule, outcomes_by_threshold, reliability, verification,
};
use crate::calibration::{Calibration, Cohort};
use crate::fit::SplitMix;
use crate::model::Fusion;
use crate::posterior::{CANDIDATES_MAX, Candidate, PosteriorError, PosteriorInput, RestBand, posterior};

/// Bounds on the probability of a wrong person along the curve.
const BOUNDS: [f64; 9] = [1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1];
/// Width of a band of unnamed people.
const BAND: f64 = 0.01;

/// A person and the pictures there are.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Decides the part and nothing else.
    pub name: String,
    /// One for each picture.
    pub templates: Vec<Template>,
    /// How much each picture weighs where weights are used: above 0, as many as templates.
    pub weights: Vec<f64>,
}

/// How several templates become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FusionRule {
    /// Their mean, as the engine does.
    Mean,
    /// Their mean, weighted by the pictures' quality.
    Weighted,
}

/// What is to be evaluated.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Enrolled people; a size beyond what the set has means all.
    pub gallery_sizes: Vec<usize>,
    /// Pictures that are enrolled of each, and frames of each visit.
    pub fusions: Vec<Fusion>,
    /// How pictures are fused.
    pub rules: Vec<FusionRule>,
    /// The policy's bounds.
    pub policy: Rule,
    /// The policy's inflation.
    pub impostor_inflation: f64,
    /// The policy's prior of a stranger.
    pub prior_not_enrolled: Probability,
}

/// An evaluation that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    /// Templates do not fit each other.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The calibration does not fit the plan.
    #[error(transparent)]
    Posterior(#[from] PosteriorError),
    /// Nobody has two pictures, or there is only one person.
    #[error("an evaluation needs two people at least, one of them with two pictures")]
    TooFew,
}

/// Everything that was found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// People the calibration has not seen.
    pub people: u64,
    /// Their pictures.
    pub pictures: u64,
    /// All pictures against all.
    pub verification: Verification,
    /// (threshold, FMR, FNMR), for a plot.
    pub errors: Vec<(f64, f64, f64)>,
    /// Searches, by fusion, rule and gallery size.
    pub galleries: Vec<GalleryReport>,
}

/// Searches of one kind.
#[derive(Clone, Debug, Serialize)]
pub struct GalleryReport {
    /// Pictures and frames.
    pub fusion: Fusion,
    /// How they were fused.
    pub rule: FusionRule,
    /// What came of it.
    pub search: SearchReport,
}

/// What came of searching one gallery.
#[derive(Clone, Debug, Serialize)]
pub struct SearchReport {
    /// People enrolled.
    pub enrolled: u64,
    /// By the best score alone, as face payment is usually built.
    pub by_score: OpenSet,
    /// By the posterior.
    pub by_posterior: OpenSet,
    /// Whether the posterior can be believed, strangers weighted to the share that its prior says.
    pub reliability: Option<Reliability>,
    /// Under the policy, its bound first and then others.
    pub policy: Vec<Outcomes>,
    /// Under fixed thresholds on the score.
    pub thresholds: Vec<Outcomes>,
}

/// Verification and all searches of the plan that the set is large enough for. `done` hears of each.
///
/// # Errors
/// [`ProtocolError`].
pub fn evaluate(
    calibration: &Calibration,
    subjects: &[Subject],
    plan: &Plan,
    mut done: impl FnMut(),
) -> Result<Report, ProtocolError> {
    let scores = Verifying::all_pairs(subjects).ok_or(ProtocolError::TooFew)?;
    let mut galleries = Vec::new();
    done();
    for fusion in &plan.fusions {
        for rule in &plan.rules {
            for size in &plan.gallery_sizes {
                let visits = Visits::of(subjects, plan, (*fusion, *rule), *size)?;
                if let Some(search) = search(calibration, &visits, *fusion, plan)? {
                    galleries.push(GalleryReport { fusion: *fusion, rule: *rule, search });
                }
                done();
            }
        }
    }
    Ok(Report {
        people: subjects.len() as u64,
        pictures: subjects.iter().map(|s| s.templates.len() as u64).sum(),
        verification: verification(&scores),
        errors: super::error_curve(&scores),
        galleries,
    })
}

/// Who is enrolled and who comes.
pub struct Visits {
    /// The place in the list is the payer.
    gallery: Vec<Template>,
    /// Who stands there, and that person's place in the gallery if enrolled.
    probes: Vec<(u32, Option<usize>, Template)>,
}

impl Visits {
    /// Whoever has pictures enough for the largest fusion of the plan may be enrolled, in an order that a seed drew:
    /// the same people under every fusion. Their further pictures are visits. Everybody else comes once, a stranger.
    fn of(
        subjects: &[Subject],
        plan: &Plan,
        (fusion, rule): (Fusion, FusionRule),
        size: usize,
    ) -> Result<Self, TemplateError> {
        let enrolled_of = plan.fusions.iter().map(|f| f.gallery_pictures as usize).max().unwrap_or(1);
        let frames_of = plan.fusions.iter().map(|f| f.probe_frames as usize).max().unwrap_or(1);
        let (k, m) = (fusion.gallery_pictures as usize, fusion.probe_frames as usize);
        let mut order: Vec<(u32, &Subject)> = (0..).zip(subjects).collect();
        SplitMix::new(0xFACE).shuffle(&mut order);
        let mut visits = Self { gallery: Vec::new(), probes: Vec::new() };
        for (person, subject) in order {
            let mut places: Vec<usize> = (0..subject.templates.len()).collect();
            SplitMix::new(u64::from(person)).shuffle(&mut places);
            let fused = |places: &[usize]| fuse(subject, places, rule);
            if visits.gallery.len() < size && places.len() >= enrolled_of + frames_of {
                let payer = visits.gallery.len();
                visits.gallery.push(fused(&places[..k])?);
                for frames in places[enrolled_of..].chunks_exact(m) {
                    visits.probes.push((person, Some(payer), fused(frames)?));
                }
            } else if places.len() >= m {
                visits.probes.push((person, None, fused(&places[..m])?));
            }
        }
        Ok(visits)
    }
}

/// The mean of some of a person's templates.
fn fuse(subject: &Subject, places: &[usize], rule: FusionRule) -> Result<Template, TemplateError> {
    match rule {
        FusionRule::Mean => {
            Template::fuse(&places.iter().map(|i| subject.templates[*i].clone()).collect::<Vec<_>>())
        }
        FusionRule::Weighted => {
            let dimension = places.first().map_or(0, |i| subject.templates[*i].values().len());
            let mut sum = vec![0.0_f32; dimension];
            for place in places {
                let values = subject.templates[*place].values();
                if values.len() != dimension {
                    return Err(TemplateError::DimensionMixed);
                }
                #[expect(clippy::cast_possible_truncation, reason = "a weight needs no more digits")]
                let weight = subject.weights[*place] as f32;
                sum.iter_mut().zip(values).for_each(|(total, value)| *total += weight * value);
            }
            Template::normalised(sum)
        }
    }
}

/// Lets everybody come, and judges by score and by posterior. `None` where nobody is enrolled or nobody a stranger.
///
/// # Errors
/// [`PosteriorError`], for a fusion that the calibration does not cover above all.
pub fn search(
    calibration: &Calibration,
    visits: &Visits,
    fusion: Fusion,
    plan: &Plan,
) -> Result<Option<SearchReport>, PosteriorError> {
    if visits.gallery.is_empty() {
        return Ok(None);
    }
    let model = calibration.score_model(fusion)?;
    let (mut by_score, mut by_posterior, mut actions) = (Vec::new(), Vec::new(), Vec::new());
    for (person, payer, probe) in &visits.probes {
        let input = input(&visits.gallery, probe, fusion, plan);
        let certainty = posterior(calibration, &input)?;
        let (person, enrolled) = (*person, payer.is_some());
        let is_right = |found: Option<PayerId>| found.is_some() && found == payer.map(id);
        let best = certainty.best.map(|best| best.payer);
        let nearest = &input.candidates[0];
        let right = is_right(best);
        by_score.push(Trial {
            person,
            enrolled,
            right: is_right(Some(nearest.payer)),
            sureness: nearest.score.value(),
        });
        let sureness = certainty.best.map_or(f64::NEG_INFINITY, |best| best.ln_odds);
        by_posterior.push(Trial { person, enrolled, right, sureness });
        actions.push(Action {
            person,
            enrolled,
            right,
            score: nearest.score.value(),
            p_wrong: certainty.p_wrong.value(),
            fmr: (model.fmr(nearest.score).value() * plan.impostor_inflation).min(1.0),
        });
    }
    let (Some(by_score), Some(by_posterior)) = (open_set(&by_score), open_set(&by_posterior)) else {
        return Ok(None);
    };
    let mut bounds = vec![plan.policy.p_wrong_max];
    bounds.extend(BOUNDS);
    let thresholds: Vec<f64> = (30..=80).step_by(2).map(|hundredth| f64::from(hundredth) / 100.0).collect();
    let (known, strangers) = (by_score.enrolled as f64, by_score.strangers as f64);
    let prior = plan.prior_not_enrolled.value();
    let stranger = prior / (1.0 - prior) * known / strangers;
    let weight = |a: &Action| if a.enrolled { 1.0 } else { stranger };
    let answers: Vec<Prediction> = actions
        .iter()
        .map(|a| Prediction { p_wrong: a.p_wrong, wrong: !a.right, weight: weight(a) })
        .collect();
    Ok(Some(SearchReport {
        enrolled: visits.gallery.len() as u64,
        by_score,
        by_posterior,
        reliability: reliability(&answers),
        policy: outcomes_by_rule(&actions, plan.policy, &bounds),
        thresholds: outcomes_by_threshold(&actions, &thresholds),
    }))
}

/// Everybody equally likely; the best named, the others in narrow bands. The most similar comes first.
fn input(gallery: &[Template], probe: &Template, fusion: Fusion, plan: &Plan) -> PosteriorInput {
    let prior = 1.0 / gallery.len() as f64;
    let mut scored: Vec<(Score, usize)> =
        gallery.iter().enumerate().map(|(payer, template)| (template.similarity(probe), payer)).collect();
    scored.sort_unstable_by(|a, b| b.0.value().total_cmp(&a.0.value()).then(a.1.cmp(&b.1)));
    let (named, others) = scored.split_at(scored.len().min(CANDIDATES_MAX));
    let (pictures, cohort) = (fusion.gallery_pictures, Cohort::DEFAULT);
    let mut rest: Vec<RestBand> = Vec::new();
    for (score, _) in others {
        match rest.last_mut() {
            Some(band) if band.best_score.value() - score.value() < BAND => {
                band.people += 1;
                band.prior += prior;
            }
            Some(_) | None => {
                rest.push(RestBand { best_score: *score, pictures, people: 1, prior, cohort });
            }
        }
    }
    PosteriorInput {
        frames: fusion.probe_frames,
        candidates: named
            .iter()
            .map(|(score, payer)| Candidate { payer: id(*payer), score: *score, pictures, prior, cohort })
            .collect(),
        rest,
        prior_not_enrolled: plan.prior_not_enrolled,
        impostor_inflation: plan.impostor_inflation,
    }
}

fn id(payer: usize) -> PayerId {
    PayerId::from_bits(payer as u128)
}
