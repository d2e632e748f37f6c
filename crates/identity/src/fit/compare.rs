//! Templates in, scores out: everybody against everybody, without a photograph.

use types::{Template, TemplateError};

use super::{FitError, Repeat, Scores, ShapePrior, SplitMix, fit};
use crate::fit::Comparison;
use crate::model::{Fusion, ScoreModel};

/// How often each person's pictures are shuffled into a gallery and a probe set.
const DRAWS: usize = 8;
/// No further draws of impostors beyond this many scores.
const IMPOSTORS_MAX: usize = 8_000_000;
/// Small samples borrow the tail shape of the single-picture comparisons, loosely: about as strongly as 400
/// excesses of their own would speak.
const SHAPE_SD: f64 = 0.05;

/// The templates of several people, each with one or more: the place in the list is who it is.
pub type People = [Vec<Template>];

/// What a set of templates gave.
#[derive(Clone, Debug, Default)]
pub struct Fitted {
    /// By gallery pictures, then frames.
    pub models: Vec<ScoreModel>,
    /// Fusions for which the set is too small.
    pub refused: Vec<(Fusion, FitError)>,
    /// Comparisons behind the models.
    pub comparisons: u64,
}

/// All comparisons of a fusion: each person's pictures are shuffled into a mean of some and a mean of others, several
/// times over, and compared with everybody's. A function of its arguments.
///
/// Someone's own mean is compared with the own only where no picture is in both.
///
/// # Errors
/// [`TemplateError`] where templates have different dimensions.
pub fn compare(people: &People, fusion: Fusion) -> Result<Scores, TemplateError> {
    let (k, m) = (fusion.gallery_pictures as usize, fusion.probe_frames as usize);
    let mut scores = Scores::default();
    let mut random = SplitMix::new(0x5EED);
    for draw in 0..DRAWS {
        let (mut gallery, mut probes) = (Vec::new(), Vec::new());
        for (person, pictures) in (0..).zip(people) {
            let mut pictures = pictures.clone();
            random.shuffle(&mut pictures);
            if pictures.len() >= k {
                gallery.push((person, Template::fuse(&pictures[..k])?));
            }
            // From the other end, so that the two overlap only where a person has too few pictures.
            if pictures.len() >= m {
                probes.push((person, pictures.len(), Template::fuse(&pictures[pictures.len() - m..])?));
            }
        }
        let impostors_wanted = draw == 0 || scores.impostor.len() < IMPOSTORS_MAX;
        for (owner, template) in &gallery {
            for (person, pictures, probe) in &probes {
                if owner == person && *pictures >= k + m {
                    let score = template.similarity(probe).value();
                    scores.genuine.push(Repeat { score, person: *person });
                } else if owner != person && impostors_wanted {
                    let score = template.similarity(probe).value();
                    scores.impostor.push(Comparison { score, people: [*owner, *person] });
                }
            }
        }
    }
    Ok(scores)
}

/// A score model for every fusion up to `most` that the set is large enough for. The tails of all but the first lean
/// on its shape. `done` hears of each fusion when it is finished.
///
/// # Errors
/// [`TemplateError`] where templates have different dimensions.
pub fn fit_all(people: &People, most: Fusion, mut done: impl FnMut(Fusion)) -> Result<Fitted, TemplateError> {
    let mut fitted = Fitted::default();
    for gallery_pictures in 1..=most.gallery_pictures {
        for probe_frames in 1..=most.probe_frames {
            let fusion = Fusion { gallery_pictures, probe_frames };
            let scores = compare(people, fusion)?;
            let comparisons = (scores.impostor.len() + scores.genuine.len()) as u64;
            let shape = fitted.models.first().map(|m| ShapePrior { mean: m.impostor().shape, sd: SHAPE_SD });
            match fit(fusion, scores, shape) {
                Ok(model) => {
                    fitted.comparisons += comparisons;
                    fitted.models.push(model);
                }
                Err(error) => fitted.refused.push((fusion, error)),
            }
            done(fusion);
        }
    }
    Ok(fitted)
}

/// A score model from a deployment's own gallery: impostors come free, for different payers are different people.
///
/// `gallery` holds one template of each payer, each the mean of `fusion.gallery_pictures` pictures; it is compared
/// with itself, so the model is that of `gallery_pictures` on both sides, and by the rule of
/// [`crate::Calibration::score_model`] serves all smaller numbers of frames. `genuine` are scores of payers with
/// themselves: enrolment pictures among each other, confirmed payments. Somebody who is enrolled twice under two
/// names spoils the tail: clear recorded look-alikes first.
///
/// # Errors
/// [`FitError`], for few payers or few genuine scores above all.
pub fn from_gallery(
    gallery: &[Template],
    pictures: u32,
    genuine: Vec<Repeat>,
    shape: Option<ShapePrior>,
) -> Result<ScoreModel, FitError> {
    let mut impostor = Vec::new();
    for (a, one) in (0..).zip(gallery) {
        for (b, other) in (0..a).zip(gallery) {
            impostor.push(Comparison { score: one.similarity(other).value(), people: [a, b] });
        }
    }
    fit(Fusion { gallery_pictures: pictures, probe_frames: pictures }, Scores { impostor, genuine }, shape)
}
