//! A deployment's own gallery in, the score models of another calibration with its strangers out.
//!
//! # Decisions
//! - *Strangers come free, owners do not.* Different payers are different people, so everybody against everybody else
//!   gives the impostor side: threshold, tail, band, as from a set made for it. The genuine side is carried over from
//!   the calibration that is built on. What a deployment knows of its owners are visits that were approved, and these
//!   were chosen by their scores: they would say that owners always score high.
//! - *At least as many pictures.* A payer has one template, the mean of some pictures. For a fusion of k pictures
//!   against m frames everybody with at least as many as the larger of both is compared: the rule of
//!   [`crate::Calibration::score_model`], which errs on the safe side.
//! - *Where too few have so many pictures*, the model that is built on stays, made no bolder, row by row, than the
//!   gallery's own of the next smaller number: strangers reach a score more often the more pictures there are.

use types::Template;

use super::{Comparison, Curves, FitError, Scores, Tail};
use crate::model::{Fusion, ScoreModel};

/// Fewest people. The pairs of 354 would be the 62,500 comparisons that a tail of its own shape needs, were they all
/// independent; they are not.
pub const GALLERY_PEOPLE_MIN: usize = 400;
/// The genuine side is carried over as so many scores at most.
const GENUINE_MAX: u64 = 2_000;

/// One payer.
#[derive(Clone, Debug)]
pub struct Enrolled {
    /// The mean of the pictures.
    pub template: Template,
    /// How many they were.
    pub pictures: u32,
}

/// What a gallery gave.
#[derive(Clone, Debug)]
pub struct Recalibrated {
    /// One for each that was built on.
    pub models: Vec<ScoreModel>,
    /// Those whose strangers are not the gallery's own, because too few people have so many pictures.
    pub carried: Vec<Fusion>,
    /// Comparisons behind the models.
    pub comparisons: u64,
}

/// A gallery that makes no calibration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GalleryError {
    /// Error rates would be extrapolated from too little.
    #[error("there are {found} people, and {GALLERY_PEOPLE_MIN} at least are needed")]
    TooFewPeople {
        /// How many there are.
        found: usize,
    },
    /// They do not suffice for another reason: people who are very much alike say less than as many others.
    #[error(transparent)]
    Fit(#[from] FitError),
}

/// The models of `base` with strangers from a gallery. `done` hears of each when it is finished. A function of its
/// arguments. Somebody who is enrolled twice under two names spoils the tail, in the safe direction: clear recorded
/// look-alikes first.
///
/// # Errors
/// [`GalleryError`].
pub fn recalibrate(
    base: &[ScoreModel],
    gallery: &[Enrolled],
    mut done: impl FnMut(Fusion),
) -> Result<Recalibrated, GalleryError> {
    if gallery.len() < GALLERY_PEOPLE_MIN {
        return Err(GalleryError::TooFewPeople { found: gallery.len() });
    }
    let mut made = Recalibrated { models: Vec::new(), carried: Vec::new(), comparisons: 0 };
    let mut wanted: Vec<(u32, &ScoreModel)> = base.iter().map(|model| (pictures_of(model), model)).collect();
    wanted.sort_by_key(|(pictures, model)| (*pictures, model.fusion()));
    let mut own: Option<Own> = None;
    let mut smaller: Option<ScoreModel> = None;
    for (pictures, model) in wanted {
        let people = gallery.iter().filter(|one| one.pictures >= pictures).count();
        if own.as_ref().is_none_or(|own| own.people != people) && people >= GALLERY_PEOPLE_MIN {
            own = match Own::of(gallery, pictures) {
                Ok(new) => Some(new),
                Err(error) if own.is_none() => return Err(error),
                // Fewer people and more alike: as though there were none with so many pictures.
                Err(_) => own,
            };
        }
        match (&own, &smaller) {
            (Some(own), _) if own.people == people => {
                let new = own.model(model)?;
                made.comparisons += own.strangers.len() as u64;
                smaller = Some(new.clone());
                made.models.push(new);
            }
            (_, Some(smaller)) => {
                made.models.push(model.as_cautious_as(smaller).unwrap_or_else(|| model.clone()));
                made.carried.push(model.fusion());
            }
            // The smallest number of pictures is one, which everybody has.
            (_, None) => return Err(GalleryError::TooFewPeople { found: people }),
        }
        done(model.fusion());
    }
    Ok(made)
}

const fn pictures_of(model: &ScoreModel) -> u32 {
    let Fusion { gallery_pictures, probe_frames } = model.fusion();
    if gallery_pictures > probe_frames { gallery_pictures } else { probe_frames }
}

/// Strangers among those with enough pictures.
struct Own {
    people: usize,
    /// Ascending.
    strangers: Vec<f64>,
    tail: Tail,
}

impl Own {
    fn of(gallery: &[Enrolled], pictures: u32) -> Result<Self, GalleryError> {
        let chosen: Vec<&Template> =
            gallery.iter().filter(|one| one.pictures >= pictures).map(|one| &one.template).collect();
        let mut impostor = Vec::new();
        for (a, one) in (0..).zip(&chosen) {
            for (b, other) in (0..a).zip(&chosen) {
                impostor.push(Comparison { score: one.similarity(other).value(), people: [a, b] });
            }
        }
        let prepared = Scores { impostor, genuine: Vec::new() }.prepared()?;
        let tail = Tail::fit(&prepared.strangers, None)?;
        Ok(Self { people: chosen.len(), strangers: prepared.strangers.scores, tail })
    }

    /// The model of these strangers and the other's owners.
    fn model(&self, base: &ScoreModel) -> Result<ScoreModel, FitError> {
        let people = usize::try_from(base.genuine().people).unwrap_or(usize::MAX);
        let curves = Curves::new(&self.tail, &self.strangers, &genuine_scores(base), people);
        Ok(ScoreModel::new(base.fusion(), *self.tail.facts(), *base.genuine(), curves.knots())?)
    }
}

/// Scores of owners, ascending, of which the same share as of the sample lies below each row of the table.
fn genuine_scores(model: &ScoreModel) -> Vec<f64> {
    let (knots, n) = (model.knots(), model.genuine().scores.min(GENUINE_MAX));
    let score = |share: f64| {
        let after = knots.partition_point(|knot| knot.fnmr <= share);
        match (knots[..after].last(), knots.get(after)) {
            (Some(low), Some(high)) => {
                let part = (share - low.fnmr) / (high.fnmr - low.fnmr);
                low.score + part * (high.score - low.score)
            }
            // Above the last row, or below the first one.
            (Some(low), None) => f64::midpoint(low.score, 1.0),
            (None, Some(high)) => high.score,
            (None, None) => unreachable!("a model has at least two rows"),
        }
    };
    (0..n).map(|i| score((i as f64 + 0.5) / n as f64)).collect()
}
