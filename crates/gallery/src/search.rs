//! A search goes from block to block, and lets go of the lock between them.

use std::sync::{RwLock, RwLockReadGuard};

use types::LastFour;

use crate::ask::{Ask, Progress};
use crate::kernel::{self, Panel, Stretch};
use crate::rows::{Place, Rows};
use crate::sieve::{Sieved, Wanted};
use crate::{GalleryError, Query, Search, poisoned};

/// Rows with which all probes of a batch are compared before what was found is looked at: its lists stay in the cache. The
/// same for one query alone, because it also says who is compared exactly: the answers are the same to the last band.
const PART: usize = 4_096;
/// The same of the first rows of all, before anything is known of who is the best.
const FIRST: usize = 1_024;
/// Below one admitted row in so many, a block's rows are fetched one by one.
const FEW: u64 = 8;

/// For how long the lock is held.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hold {
    OneBlock,
    All,
}

/// All queries of `batch` in one pass. Answers are in the order of the queries.
pub(crate) fn run(lock: &RwLock<Rows>, batch: &[Query<'_>]) -> Result<Vec<Search>, GalleryError> {
    let mut found = pass(lock, batch, Hold::OneBlock)?;
    if found.iter().any(Option::is_none) {
        // Somebody left and came again between two blocks, and would have been named twice: nobody moves now.
        found = pass(lock, batch, Hold::All)?;
    }
    Ok(found.into_iter().flatten().collect())
}

/// Only those whose number ends so: few rows, one hold of the lock.
pub(crate) fn bucket(
    lock: &RwLock<Rows>,
    query: &Query<'_>,
    last_four: LastFour,
) -> Result<Search, GalleryError> {
    let rows = lock.read().map_err(poisoned)?;
    let ask = Ask::new(&rows, query);
    let mut progress = Progress::new(query);
    progress.begin(&ask, &rows);
    progress.bucket(&ask, &rows, rows.bucket(last_four));
    Ok(progress.finish(&ask, &rows).expect("nobody moves while the lock is held"))
}

fn pass(lock: &RwLock<Rows>, batch: &[Query<'_>], hold: Hold) -> Result<Vec<Option<Search>>, GalleryError> {
    let mut rows = lock.read().map_err(poisoned)?;
    let asks: Vec<Ask<'_>> = batch.iter().map(|query| Ask::new(&rows, query)).collect();
    let mut all: Vec<Progress> = batch.iter().map(Progress::new).collect();
    let panel = Panel::new(asks.iter().map(|ask| &ask.probe).collect());
    let part = rows.blocks().first().map_or(0, |_| rows.shape.rows.min(PART));
    let mut found: Vec<Sieved> = asks.iter().map(|_| Sieved::new(part)).collect();
    for at in 0.. {
        if at >= rows.blocks().len() {
            break;
        }
        block(&rows, at, (&asks, &panel), (&mut all, &mut found));
        if hold == Hold::OneBlock {
            rows = again(lock, rows)?;
        }
    }
    Ok(all.into_iter().zip(&asks).map(|(progress, ask)| progress.finish(ask, &rows)).collect())
}

/// Whoever waits to change something has his turn.
fn again<'a>(
    lock: &'a RwLock<Rows>,
    rows: RwLockReadGuard<'a, Rows>,
) -> Result<RwLockReadGuard<'a, Rows>, GalleryError> {
    drop(rows);
    lock.read().map_err(poisoned)
}

/// One block for all queries.
fn block(
    rows: &Rows,
    at: usize,
    (asks, panel): (&[Ask<'_>], &Panel<'_>),
    (all, found): (&mut [Progress], &mut [Sieved]),
) {
    let block = &rows.blocks()[at];
    let mut admitted = 0;
    for (ask, progress) in asks.iter().zip(&mut *all) {
        progress.begin(ask, rows);
        admitted = progress.count(block).max(admitted);
    }
    if admitted == 0 {
        return;
    }
    if let ([ask], [progress]) = (asks, &mut *all)
        && ask.query.filter.region.is_some()
        && admitted * FEW < block.scanned() as u64
    {
        progress.gather_block(ask, rows, at);
        return;
    }
    let mut to = 0;
    while to < block.scanned() {
        // The first rows of all could all be among the best, so they are few: then most of the others could not.
        let part = if at == 0 && to == 0 { FIRST } else { PART };
        let from = to;
        to = block.scanned().min(from + part);
        let stretch = Stretch { codes: block.codes(from, to), tags: &block.tags()[from..to] };
        let wanted: Vec<Wanted> =
            asks.iter().zip(&*all).map(|(ask, progress)| progress.wanted(ask)).collect();
        found.iter_mut().for_each(Sieved::clear);
        match (asks, &mut *found) {
            ([ask], [found]) => kernel::scan(rows.isa, stretch, &ask.probe, &wanted[0], found),
            (_, found) => panel.scan(rows.isa, stretch, &wanted, found),
        }
        for ((ask, progress), found) in asks.iter().zip(&mut *all).zip(&*found) {
            progress.found(ask, rows, Place { block: at, row: from }, found);
        }
    }
    for (ask, progress) in asks.iter().zip(&mut *all) {
        progress.rest(ask, rows, at);
    }
}
