//! A search goes from block to block, and lets go of the lock between them.

use std::sync::{RwLock, RwLockReadGuard};

use types::LastFour;

use crate::ask::{Ask, Progress};
use crate::kernel::{self, Above, Panel};
use crate::rows::{Place, Rows};
use crate::{GalleryError, Query, Search, poisoned};

/// Rows of which all probes of a batch are compared before what was found is looked at: its lists stay in the cache.
const PART: usize = 4_096;
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
    let part = if asks.len() == 1 { rows.shape.rows } else { rows.shape.rows.min(PART) };
    let part = rows.blocks().first().map_or(0, |_| part);
    let mut found: Vec<Above> = asks.iter().map(|_| Above::new(part)).collect();
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
    (all, found): (&mut [Progress], &mut [Above]),
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
    let part = if asks.len() == 1 { rows.shape.rows } else { PART.min(rows.shape.rows) };
    for from in (0..block.scanned()).step_by(part) {
        let codes = block.codes(from, block.scanned().min(from + part));
        let least: Vec<i32> = asks.iter().zip(&*all).map(|(ask, progress)| ask.least(progress)).collect();
        found.iter_mut().for_each(Above::clear);
        match (asks, &mut *found) {
            ([ask], [found]) => kernel::scan(rows.isa, codes, &ask.probe, least[0], found),
            (_, found) => panel.scan(rows.isa, codes, &least, found),
        }
        for ((ask, progress), found) in asks.iter().zip(&mut *all).zip(&*found) {
            progress.found(ask, rows, Place { block: at, row: from }, found);
        }
    }
    for (ask, progress) in asks.iter().zip(&mut *all) {
        progress.rest(ask, rows, at);
    }
}
