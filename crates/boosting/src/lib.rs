//! Gradient-boosted trees for yes-or-no questions: trained, asked, explained.
//!
//! Trees are grown level by level with exact greedy splits, as XGBoost's `exact` method does (Chen and Guestrin 2016,
//! Algorithm 1): every value of every feature is a candidate. Histograms are faster with millions of rows and cost average
//! precision where positives are few, which is what fraud is. A missing value is NaN, and each split says where it goes
//! (the same paper, Algorithm 3). Features may be bound to only raise or only lower the score.
//!
//! Pure and deterministic: the same table, settings and seed give the same forest, bit for bit, on any number of cores.
#![forbid(unsafe_code)]

mod calibrate;
mod forest;
mod grow;
mod metrics;
mod shap;
mod table;
mod train;

pub use calibrate::Platt;
pub use forest::{Forest, ForestError};
pub use metrics::{Ranking, log_loss};
pub use table::{Table, TableError};
pub use train::{Monotone, Settings, Trained, train};

#[cfg(test)]
mod tests;
