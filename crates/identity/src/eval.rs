//! How good faces and certainties are, measured on people whom the calibration has never seen. Pure.
//!
//! Field terms keep their ISO/IEC 19795 meaning: FMR and FNMR of single comparisons, FPIR and FNIR of a search.
//! Every interval is two-sided 95 % and counts people, not pictures: several pictures of one person fail together.

mod identification;
mod operating;
mod presentation;
mod protocol;
mod reliability;
mod split;
mod verification;

pub use identification::{Identification, OpenSet, Trial, open_set};
pub use operating::{Action, Outcomes, Rule, outcomes_by_rule, outcomes_by_threshold};
pub use presentation::{
    BpcerAt, Difference, EqualError, NonResponse, Presentation, PresentationErrors, PresentationReport,
    SpeciesErrors, presentation_difference, presentation_report,
};
pub use protocol::{
    FusionRule, GalleryReport, Plan, ProtocolError, Report, SearchReport, Subject, Visits, evaluate, search,
};
pub use reliability::{Bin, Prediction, Reliability, reliability};
pub use split::Part;
pub use verification::{
    FoldPair, Folds, PointAt, Verification, Verifying, error_curve, ten_fold, verification,
};

use serde::Serialize;

use crate::fit::SplitMix;
use crate::interval::clopper_pearson;

/// Resamples of people behind an interval.
const RESAMPLES: usize = 400;

/// A share and its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Share {
    /// What was found.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end; above 0 also where nothing was found.
    pub high: f64,
}

impl Share {
    /// From what was counted of each person: (hits, tries). People are drawn anew; where fewer than five were hit, or
    /// fewer than five were not, drawing shows little, and Clopper and Pearson's interval over people is taken if it
    /// is wider.
    #[must_use]
    pub fn of_people(people: &[(f64, f64)]) -> Self {
        let total = |of: &mut dyn Iterator<Item = &(f64, f64)>| {
            let (hits, tries) = of.fold((0.0, 0.0), |sum, (hit, tried)| (sum.0 + hit, sum.1 + tried));
            if tries > 0.0 { hits / tries } else { 0.0 }
        };
        let value = total(&mut people.iter());
        let tried = people.iter().filter(|(_, tries)| *tries > 0.0).count() as f64;
        let exact = clopper_pearson(value * tried, tried);
        let hit = people.iter().filter(|(hits, _)| *hits > 0.0).count();
        let missed = people.iter().filter(|(hits, tries)| hits < tries).count();
        let few = hit.min(missed) < 5;
        if people.is_empty() {
            return Self { value, low: 0.0, high: 1.0 };
        }
        let mut random = SplitMix::new(people.len() as u64);
        let mut drawn: Vec<f64> = (0..RESAMPLES)
            .map(|_| total(&mut (0..people.len()).map(|_| &people[random.below(people.len())])))
            .collect();
        drawn.sort_unstable_by(f64::total_cmp);
        let side = RESAMPLES / 40;
        let (low, high) = (drawn[side], drawn[RESAMPLES - 1 - side]);
        if few {
            return Self { value, low: low.min(exact.0), high: high.max(exact.1) };
        }
        Self { value, low, high }
    }
}
