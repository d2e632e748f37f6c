//! A template in, the most similar enrolled payers out: exact, filtered, held in memory, rebuildable from the store.
//!
//! Invariant: a [`Search`] names exactly the payers that a comparison with every row in `f64` would name, in that
//! order, and accounts for each searched row exactly once: as a hit, as a named payer, or in an [`Unlisted`] band.
//! Templates never show in `Debug` and their memory is wiped when a payer is removed or the gallery dropped.
//!
//! How it is fast without being wrong is in [decision 11](../../../docs/decisions/0011-search.md).
//!
//! # Decisions
//! - *Everybody is searched by default*, paused payers too: that a paused person stands there is an explanation the
//!   certainty has to weigh. Hits carry the status; refusing a paused payer is the caller's rule.
//! - *Fast in bytes, decided in `f64`.* The scan reads one byte a number. How far that can be from the exact score is
//!   a theorem (`code.rs`), and whoever could be among the best by it is compared again in `f64`. Where the bound
//!   tells nobody apart, that is everybody: slower, the same answer. Ties go to the smaller payer id.
//! - *A search lets go between two blocks.* A change waits for one block of a scan or of a batch, and a search for one change. Rows never move, so each row is seen once, as it was when its block was read: whoever was removed
//!   before a search began is not in it, and whoever comes or goes while it runs is in it wholly or not at all.
//! - *A poisoned gallery stays shut.* If a writer panicked, rows and index may disagree: every call then answers
//!   [`GalleryError::Poisoned`] until the gallery is rebuilt, rather than naming the wrong payer.

mod ask;
mod block;
mod code;
#[cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "vector instructions; the module says what it relies on")
)]
mod kernel;
mod memory;
mod rows;
mod search;
mod sieve;
mod snapshot;
mod tally;

#[cfg(test)]
mod tests;

use std::num::NonZeroUsize;
use std::slice;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::{fmt, io};

use types::{LastFour, PayerId, Score, Template};

use crate::block::{Block, Shape};
use crate::code::DIMENSION_MAX;
use crate::kernel::Isa;
use crate::rows::Rows;

pub use crate::memory::{Memory, Pages};
pub use crate::snapshot::{Restored, SnapshotError, SnapshotModel};

/// Most hits one search may ask for.
pub const CANDIDATES_MAX: usize = 64;
/// Most payers whose scores one search may ask for by name.
pub const NAMED_MAX: usize = 10_000;
/// Most queries that share one pass over the rows.
pub const BATCH_MAX: usize = 64;
/// Most rows. At 128 dimensions this is 7 GB: beyond, divide the gallery.
pub const ROWS_MAX: usize = 10_000_000;
/// Most combinations of region and number of pictures.
pub const GROUPS_MAX: usize = 10_000;
/// Most enrolment pictures a template may be a mean of.
pub const PICTURES_MAX: u32 = 64;

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
pub struct Filter<'a> {
    /// Only payers whose number ends so. The digits then say nothing about who stands there.
    pub last_four: Option<LastFour>,
    /// Only payers of this status.
    pub status: Option<Status>,
    /// Only payers of this home region.
    pub region: Option<&'a str>,
}

/// A question to the gallery.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The face.
    pub probe: &'a Template,
    /// Who is searched.
    pub filter: Filter<'a>,
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
    /// The system gave no memory; nothing was changed.
    #[error("there is no memory for more payers")]
    Memory,
    /// A writer panicked: rebuild the gallery from the store.
    #[error("the gallery was left in an unknown state and must be rebuilt")]
    Poisoned,
}

/// All enrolled payers' templates, one fused template each. Shared between threads by reference: searches and changes run
/// at the same time, and wait for each other no longer than a block takes.
pub struct Gallery {
    rows: RwLock<Rows>,
    shape: Shape,
}

impl Gallery {
    /// An empty gallery for templates of this many numbers, in huge pages where the system has them.
    ///
    /// # Panics
    /// If a template has more than 16,384 numbers: no model has.
    #[must_use]
    pub fn new(dimension: NonZeroUsize) -> Self {
        Self::with_pages(dimension, Pages::default())
    }

    /// The same, saying which pages are asked for.
    ///
    /// # Panics
    /// As [`Gallery::new`].
    #[must_use]
    pub fn with_pages(dimension: NonZeroUsize, pages: Pages) -> Self {
        Self::of_shape(Shape::new(dimension.get(), pages), Isa::best())
    }

    fn of_shape(shape: Shape, isa: Isa) -> Self {
        assert!(shape.dimension <= DIMENSION_MAX, "a template has at most {DIMENSION_MAX} numbers");
        Self { rows: RwLock::new(Rows::new(shape, isa)), shape }
    }

    /// Adds a payer, or replaces what was known of him; the former template is wiped. `true` if he was new.
    ///
    /// # Errors
    /// [`GalleryError::Dimension`], [`GalleryError::Pictures`], [`GalleryError::Full`], [`GalleryError::Memory`],
    /// [`GalleryError::Poisoned`]; the gallery is then unchanged.
    pub fn insert(&self, entry: Entry, template: &Template) -> Result<bool, GalleryError> {
        self.check(template)?;
        self.insert_numbers(entry, template.values())
    }

    /// `numbers` are a template of the right dimension.
    fn insert_numbers(&self, entry: Entry, numbers: &[f32]) -> Result<bool, GalleryError> {
        if entry.pictures == 0 || entry.pictures > PICTURES_MAX {
            return Err(GalleryError::Pictures);
        }
        let mut rows = self.write()?;
        while rows.wants_block() {
            drop(rows);
            let block = Block::new(self.shape).map_err(no_memory)?;
            rows = self.write()?;
            // Somebody else may have brought one meanwhile.
            if rows.wants_block() {
                rows.add(block);
            }
        }
        rows.insert(entry, numbers)
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
        if let Some(last_four) = query.filter.last_four {
            return search::bucket(&self.rows, query, last_four);
        }
        let mut found = search::run(&self.rows, slice::from_ref(query))?;
        Ok(found.pop().expect("one query has one answer"))
    }

    /// Many searches at once, at most [`BATCH_MAX`] in each pass over the rows; answers in the order of the queries.
    /// Each is what [`Gallery::search`] would answer.
    ///
    /// # Errors
    /// As [`Gallery::search`], if any of the queries would have it.
    pub fn search_all(&self, queries: &[Query<'_>]) -> Result<Vec<Search>, GalleryError> {
        let alone = |query: &Query<'_>| query.filter.last_four.is_some() || query.filter.region.is_some();
        if queries.iter().any(alone) {
            return queries.iter().map(|query| self.search(query)).collect();
        }
        for query in queries {
            self.check(query.probe)?;
            if query.top > CANDIDATES_MAX || query.named.len() > NAMED_MAX {
                return Err(GalleryError::TooMany);
            }
        }
        let passes = queries.chunks(BATCH_MAX).map(|batch| search::run(&self.rows, batch));
        Ok(passes.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
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

    /// Bytes of memory that rows and indexes take, all told and nearly.
    ///
    /// # Errors
    /// [`GalleryError::Poisoned`].
    pub fn bytes(&self) -> Result<u64, GalleryError> {
        Ok(self.read()?.bytes())
    }

    fn check(&self, template: &Template) -> Result<(), GalleryError> {
        let (expected, found) = (self.shape.dimension, template.values().len());
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

/// Why the system gave none is not told to callers: they can do nothing about it.
fn no_memory(_: io::Error) -> GalleryError {
    GalleryError::Memory
}

impl fmt::Debug for Gallery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gallery").field("dimension", &self.shape.dimension).finish_non_exhaustive()
    }
}
