//! A template in, the most similar enrolled payers out: exact, filtered, held in memory, rebuildable from the store.
//!
//! Invariant: a [`Search`] names exactly the payers that a comparison with every row in `f64` would name, in that
//! order, and accounts for each searched row exactly once: as a hit, as a named payer, or in an [`Unlisted`] band.
//! Templates never show in `Debug` and their memory is wiped when a payer is removed or the gallery dropped.
//!
//! # Decisions
//! - *Everybody is searched by default*, paused payers too: that a paused person stands there is an explanation the
//!   certainty has to weigh. Hits carry the status; refusing a paused payer is the caller's rule.
//! - *Fast in `f32`, decided in `f64`.* The scan keeps every row within twice the rounding bound of the last
//!   wanted score, and those few are compared again in `f64`. Ties go to the smaller payer id.
//! - *A poisoned gallery stays shut.* If a writer panicked, rows and index may disagree: every call then answers
//!   [`GalleryError::Poisoned`] until the gallery is rebuilt, rather than naming the wrong payer.
#![forbid(unsafe_code)]

mod rows;
mod search;

#[cfg(test)]
mod tests;

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use types::{LastFour, PayerId, Score, Template};

use crate::rows::Rows;

/// Most hits one search may ask for.
pub const CANDIDATES_MAX: usize = 64;
/// Most payers whose scores one search may ask for by name.
pub const NAMED_MAX: usize = 10_000;
/// Most rows. At 128 dimensions this is 5 GB: beyond, divide the gallery.
pub const ROWS_MAX: usize = 10_000_000;
/// Most combinations of region and number of pictures.
pub const GROUPS_MAX: usize = 10_000;
/// Most enrolment pictures a template may be a mean of.
pub const PICTURES_MAX: u32 = 64;

const _: () = assert!(ROWS_MAX <= u32::MAX as usize, "rows are numbered with 32 bits");

/// Whether a payer may pay with his face at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// He may.
    Live,
    /// Paused by the payer, by staff or by a dispute.
    Paused,
}

/// What is known of a payer besides the template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Who.
    pub payer: PayerId,
    /// How many different enrolment pictures the template is a mean of; 1..=[`PICTURES_MAX`].
    pub pictures: u32,
    /// Last four digits of the phone number.
    pub last_four: LastFour,
    /// Whether he may pay with his face.
    pub status: Status,
    /// A key of the home region, in the caller's words.
    pub region: Arc<str>,
}

/// Who is searched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only payers whose number ends so. The digits then say nothing about who stands there.
    pub last_four: Option<LastFour>,
    /// Only payers of this status.
    pub status: Option<Status>,
}

/// A question to the gallery.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The face.
    pub probe: &'a Template,
    /// Who is searched.
    pub filter: Filter,
    /// How many of the most similar are wanted; 0..=[`CANDIDATES_MAX`].
    pub top: usize,
    /// Payers whose scores are wanted wherever they rank, such as the terminal's habitual customers or a debited
    /// payer in a dispute; at most [`NAMED_MAX`]. Those the filter excludes or nobody knows are left out.
    pub named: &'a [PayerId],
}

/// One payer and how similar he is.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// Who.
    pub payer: PayerId,
    /// Cosine similarity, computed in `f64`.
    pub score: Score,
    /// Enrolment pictures in his template.
    pub pictures: u32,
    /// Whether he may pay with his face.
    pub status: Status,
    /// His home region.
    pub region: Arc<str>,
}

/// Searched payers that are neither hits nor named, of one region and number of pictures, with scores in one band.
#[derive(Clone, Debug, PartialEq)]
pub struct Unlisted {
    /// Their home region.
    pub region: Arc<str>,
    /// Enrolment pictures in each of their templates.
    pub pictures: u32,
    /// None of them scored more. Bands are 0.02 wide above 0.2, so none scored much less either.
    pub best_score: Score,
    /// How many they are; at least 1.
    pub people: u64,
}

/// The answer. `hits`, `named` and `unlisted` share nobody and together are everybody who was searched.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// The most similar, best first.
    pub hits: Vec<Hit>,
    /// Those asked for by name and not among the hits, best first.
    pub named: Vec<Hit>,
    /// Everybody else, by region, pictures and rising band.
    pub unlisted: Vec<Unlisted>,
    /// How many faces were compared.
    pub searched: u64,
    /// No one who is not a hit scored more; `None` when everybody is a hit.
    pub rest_best_score: Option<Score>,
    /// How many of those searched live where, hits included; by region.
    pub searched_by_region: Vec<(Arc<str>, u64)>,
}

/// Why a gallery cannot do what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GalleryError {
    /// A template of another model.
    #[error("the gallery holds templates of {expected} numbers, this one has {found}")]
    Dimension {
        /// The gallery's dimension.
        expected: usize,
        /// The template's dimension.
        found: usize,
    },
    /// 0, or more than [`PICTURES_MAX`].
    #[error("a template is a mean of 1 to {PICTURES_MAX} pictures")]
    Pictures,
    /// More hits or names than a search may ask for.
    #[error("a search names at most {CANDIDATES_MAX} candidates and {NAMED_MAX} payers")]
    TooMany,
    /// [`ROWS_MAX`] or [`GROUPS_MAX`] reached.
    #[error(
        "the gallery is full: at most {ROWS_MAX} payers, and {GROUPS_MAX} regions times numbers of pictures"
    )]
    Full,
    /// A writer panicked: rebuild the gallery from the store.
    #[error("the gallery was left in an unknown state and must be rebuilt")]
    Poisoned,
}

/// All enrolled payers' templates, one fused template each. Shared between threads by reference: searches run at
/// the same time, a change waits for running searches and then takes microseconds.
pub struct Gallery {
    rows: RwLock<Rows>,
    dimension: usize,
}

impl Gallery {
    /// An empty gallery for templates of this many numbers.
    #[must_use]
    pub fn new(dimension: NonZeroUsize) -> Self {
        let dimension = dimension.get();
        Self { rows: RwLock::new(Rows::new(dimension)), dimension }
    }

    /// Adds a payer, or replaces what was known of him; the former template is wiped. `true` if he was new.
    ///
    /// # Errors
    /// [`GalleryError::Dimension`], [`GalleryError::Pictures`], [`GalleryError::Full`], [`GalleryError::Poisoned`];
    /// the gallery is then unchanged.
    pub fn insert(&self, entry: Entry, template: &Template) -> Result<bool, GalleryError> {
        self.check(template)?;
        if entry.pictures == 0 || entry.pictures > PICTURES_MAX {
            return Err(GalleryError::Pictures);
        }
        self.write()?.insert(entry, template.values())
    }

    /// Removes a payer and wipes the template. `false` if he was not there.
    ///
    /// # Errors
    /// [`GalleryError::Poisoned`].
    pub fn remove(&self, payer: PayerId) -> Result<bool, GalleryError> {
        Ok(self.write()?.remove(payer))
    }

    /// Changes whether a payer may pay with his face. `false` if he is not there.
    ///
    /// # Errors
    /// [`GalleryError::Poisoned`].
    pub fn set_status(&self, payer: PayerId, status: Status) -> Result<bool, GalleryError> {
        Ok(self.write()?.set_status(payer, status))
    }

    /// Everybody the filter admits, compared with the probe.
    ///
    /// # Errors
    /// [`GalleryError::Dimension`], [`GalleryError::TooMany`], [`GalleryError::Poisoned`].
    pub fn search(&self, query: &Query<'_>) -> Result<Search, GalleryError> {
        self.check(query.probe)?;
        if query.top > CANDIDATES_MAX || query.named.len() > NAMED_MAX {
            return Err(GalleryError::TooMany);
        }
        Ok(search::run(&*self.read()?, query))
    }

    /// What is known of a payer, the template apart.
    ///
    /// # Errors
    /// [`GalleryError::Poisoned`].
    pub fn entry(&self, payer: PayerId) -> Result<Option<Entry>, GalleryError> {
        Ok(self.read()?.entry(payer))
    }

    /// How many payers are in it.
    ///
    /// # Errors
    /// [`GalleryError::Poisoned`].
    pub fn len(&self) -> Result<usize, GalleryError> {
        Ok(self.read()?.len())
    }

    /// Whether nobody is in it.
    ///
    /// # Errors
    /// [`GalleryError::Poisoned`].
    pub fn is_empty(&self) -> Result<bool, GalleryError> {
        Ok(self.len()? == 0)
    }

    fn check(&self, template: &Template) -> Result<(), GalleryError> {
        let (expected, found) = (self.dimension, template.values().len());
        if expected == found { Ok(()) } else { Err(GalleryError::Dimension { expected, found }) }
    }

    fn read(&self) -> Result<RwLockReadGuard<'_, Rows>, GalleryError> {
        self.rows.read().map_err(poisoned)
    }

    fn write(&self) -> Result<RwLockWriteGuard<'_, Rows>, GalleryError> {
        self.rows.write().map_err(poisoned)
    }
}

/// The guard inside the error is let go: nobody may look at what it guards.
fn poisoned<T>(_: PoisonError<T>) -> GalleryError {
    GalleryError::Poisoned
}

impl fmt::Debug for Gallery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gallery").field("dimension", &self.dimension).finish_non_exhaustive()
    }
}
