//! Candidate scores, gallery size and place in; how sure we are of who stands there out.
//!
//! Invariant: everything here is a pure function of its arguments. No I/O, clock or randomness, so a recorded
//! [`PosteriorInput`] and the [`Calibration`] it names give the same [`Certainty`] again, bit for bit.
//!
//! A score says nothing by itself. A [`Calibration`] of one model turns it into a likelihood ratio, and
//! [`posterior`] weighs that against the prior of every searched face and of the payer being nobody we know.
//!
//! # Decisions
//! - *One curve for all.* Every candidate's likelihood ratio uses the **upper** confidence curve of the impostor
//!   density. Against "nobody we know" this errs on the safe side; between two candidates it is neutral, because
//!   both are measured by it.
//! - *A ceiling.* No likelihood ratio exceeds [`LN_LR_CAP`]: beyond it lie identical twins and unseen data, not
//!   arithmetic. What is then still missing must come from place, habit or a further proof.
//! - *Pooling, not clipping.* Where sampling noise makes the ratio fall with the score, neighbours are pooled
//!   (weighted isotonic regression) rather than cut, so neither the best candidate nor its rivals are favoured.
#![forbid(unsafe_code)]

mod ageing;
mod calibration;
mod certainty;
mod drift;
pub mod eval;
pub mod fit;
mod interval;
mod model;
mod place;
mod posterior;

#[cfg(test)]
mod tests;

pub use ageing::Ageing;
pub use calibration::{Calibration, CalibrationError, Cohort, CohortModels, Provenance};
pub use certainty::{Best, Certainty, Explanation, Numerals, RestTerm, Rival, Term};
pub use drift::{BestStranger, Drift, Finding};
pub use interval::clopper_pearson;
pub use model::{
    Fusion, GenuineFacts, ImpostorFacts, Knot, LN_FMR_FLOOR, LN_LR_CAP, ModelError, PeopleFacts, ScoreModel,
};
pub use place::{Crowd, DeviceSighting, PlaceError, PlaceModel, Trace, Visits};
pub use posterior::{
    CANDIDATES_MAX, Candidate, PosteriorError, PosteriorInput, REST_BANDS_MAX, RestBand, posterior,
};
