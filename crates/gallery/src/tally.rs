//! How many were searched, by group and band of scores.
//!
//! Nobody in the first band is counted one by one: it is what is left of a group when all other bands and all who are
//! named in the answer are taken off.

use std::sync::Arc;

use types::Score;

use crate::block::Tag;
use crate::kernel::Above;
use crate::rows::{Group, Rows};
use crate::{Status, Unlisted};

/// Scores are counted in bands of this width above `BAND_FROM`; everything below is the first band.
const BAND_WIDTH: f64 = 0.02;
/// Where the second band begins.
pub(crate) const BAND_FROM: f64 = 0.2;
/// The first band, and enough to reach beyond 1.
const BANDS: usize = 42;
const LAST_BAND: i64 = 41;

const _: () = assert!(LAST_BAND.unsigned_abs() + 1 == BANDS as u64, "the last of the bands");

/// A band's number. 0 is the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Band(u8);

impl Band {
    /// The band of a row that scored no more than `upper`.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the bands first")]
    pub(crate) fn of(upper: f64) -> Self {
        let above = ((upper - BAND_FROM) / BAND_WIDTH).floor() + 1.0;
        Self(above.clamp(0.0, (BANDS - 1) as f64) as u8)
    }

    /// None in the band scored more.
    fn upper_end(self) -> f64 {
        // Somewhat more, for what is rounded when bands are told apart.
        BAND_FROM + BAND_WIDTH * f64::from(self.0) + 1e-6
    }
}

/// Tells the bands of sums of integers apart, in integers: millions of them are asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ruler {
    /// Band widths for each unit of the sum, times 2^32, rounded up.
    widths: i64,
    /// Band widths from `BAND_FROM` to a sum of nothing, times 2^32, rounded up.
    from: i64,
}

impl Ruler {
    /// For sums that mean `unit * sum`, with scores at most `bound` more.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a unit is far less than a band, and a bound less than 100"
    )]
    pub(crate) fn new(unit: f64, bound: f64) -> Self {
        let fixed = |widths: f64| (widths * 4_294_967_296.0).ceil() as i64;
        Self { widths: fixed(unit / BAND_WIDTH), from: fixed((bound - BAND_FROM) / BAND_WIDTH) }
    }

    #[inline]
    #[expect(clippy::cast_sign_loss, reason = "clamped to the bands first")]
    pub(crate) fn band(&self, sum: i32) -> Band {
        let above = (i64::from(sum) * self.widths + self.from) >> 32;
        Band((above + 1).clamp(0, LAST_BAND) as u8)
    }
}

/// By group.
#[derive(Default)]
pub(crate) struct Tally {
    /// Everybody searched.
    searched: Vec<u64>,
    /// Of these, those whom the answer names.
    listed: Vec<u64>,
    /// Of these, how many in each band but the first.
    bands: Vec<[u32; BANDS]>,
}

impl Tally {
    /// Groups may come while a search runs.
    pub(crate) fn make_room(&mut self, groups: usize) {
        if self.searched.len() < groups {
            self.searched.resize(groups, 0);
            self.listed.resize(groups, 0);
            self.bands.resize(groups, [0; BANDS]);
        }
    }

    /// Everybody of a block whom the filter admits.
    pub(crate) fn add_block(
        &mut self,
        counts: &[[u32; 2]],
        status: Option<Status>,
        admits: impl Fn(usize) -> bool,
    ) {
        for (group, [live, paused]) in counts.iter().enumerate().filter(|(group, _)| admits(*group)) {
            self.searched[group] += match status {
                None => u64::from(*live) + u64::from(*paused),
                Some(Status::Live) => u64::from(*live),
                Some(Status::Paused) => u64::from(*paused),
            };
        }
    }

    /// One of a bucket.
    pub(crate) fn add_one(&mut self, group: u32) {
        self.searched[group as usize] += 1;
    }

    /// Somebody already counted as searched is in this band.
    #[inline]
    pub(crate) fn put(&mut self, group: u32, band: Band) {
        // The first band is counted too, and not looked at: that is faster than asking.
        self.bands[group as usize][usize::from(band.0)] += 1;
    }

    /// All ordinary rows of these states that a scan found. This is the inner loop of what a search does besides scanning.
    pub(crate) fn put_all(&mut self, found: &Above, tags: &[Tag], states: u8, ruler: &Ruler) {
        let bands = self.bands.as_flattened_mut();
        for (row, sum) in found.iter() {
            let tag = tags[row as usize];
            if tag.is_among(states) {
                bands[tag.group() as usize * BANDS + usize::from(ruler.band(sum).0)] += 1;
            }
        }
    }

    /// Somebody's band is known better.
    pub(crate) fn shift(&mut self, group: u32, from: Band, to: Band) {
        self.take(group, from);
        self.put(group, to);
    }

    /// The answer names somebody: he is in no band.
    pub(crate) fn list(&mut self, group: u32, band: Band) {
        self.take(group, band);
        self.listed[group as usize] += 1;
    }

    fn take(&mut self, group: u32, band: Band) {
        if band.0 > 0 {
            let count = &mut self.bands[group as usize][usize::from(band.0)];
            *count = count.checked_sub(1).expect("he was counted there");
        }
    }

    pub(crate) fn searched(&self) -> u64 {
        self.searched.iter().sum()
    }

    /// By region.
    pub(crate) fn by_region(&self, rows: &Rows) -> Vec<(Arc<str>, u64)> {
        // Groups of one region share its name, and stand side by side.
        let mut regions: Vec<(Arc<str>, u64)> = Vec::new();
        for (group, Group { region, pictures: _ }) in rows.ordered() {
            let people = self.searched.get(group as usize).copied().unwrap_or(0);
            match regions.last_mut() {
                _ if people == 0 => {}
                Some((last, so_far)) if Arc::ptr_eq(last, region) => *so_far += people,
                Some(_) | None => regions.push((Arc::clone(region), people)),
            }
        }
        regions
    }

    /// Everybody whom the answer does not name, none of whom scored more than `best`.
    pub(crate) fn unlisted(&self, rows: &Rows, best: f64) -> Vec<Unlisted> {
        let mut all = Vec::new();
        for (group, Group { region, pictures }) in rows.ordered() {
            let at = group as usize;
            let Some(bands) = self.bands.get(at).filter(|_| self.searched[at] > self.listed[at]) else {
                continue;
            };
            let counted: u64 = bands[1..].iter().copied().map(u64::from).sum();
            let first = self.searched[at].checked_sub(self.listed[at] + counted);
            let mut push = |band: Band, people: u64| {
                let best_score = Score::new(band.upper_end().min(best));
                all.push(Unlisted { region: Arc::clone(region), pictures: *pictures, best_score, people });
            };
            match first.expect("nobody is counted twice") {
                0 => {}
                people => push(Band(0), people),
            }
            if counted > 0 {
                let others = (1..).map(Band).zip(&bands[1..]).filter(|(_, people)| **people > 0);
                others.for_each(|(band, people)| push(band, u64::from(*people)));
            }
        }
        all
    }
}
