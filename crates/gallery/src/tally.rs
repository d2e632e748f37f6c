//! How many were searched, by group and band of scores.
//!
//! Nobody in the first band is counted one by one: it is what is left of a group when all other bands and all who are
//! named in the answer are taken off.

use std::sync::Arc;

use types::Score;

use crate::rows::{Group, Rows};
use crate::{Status, Unlisted};

/// Scores are counted in bands of this width above `BAND_FROM`; everything below is the first band.
const BAND_WIDTH: f64 = 0.02;
/// Where the second band begins.
pub(crate) const BAND_FROM: f64 = 0.2;
/// The first band, and enough to reach beyond 1.
const BANDS: usize = 42;

/// A band's number. 0 is the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Band(u8);

impl Band {
    /// The band of a row that scored no more than `upper`.
    pub(crate) fn of(upper: f64) -> Self {
        Self::of_widths(((upper - BAND_FROM) / BAND_WIDTH) as f32)
    }

    /// The same, of a score in band widths above `BAND_FROM`.
    #[inline]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the bands first")]
    fn of_widths(above: f32) -> Self {
        if above > 0.0 { Self((above as u8).saturating_add(1).min(BANDS as u8 - 1)) } else { Self(0) }
    }

    /// None in the band scored more.
    fn upper_end(self) -> f64 {
        // One part in 1e6 more, because bands are told apart in `f32`.
        BAND_FROM + BAND_WIDTH * f64::from(self.0) + 1e-6
    }
}

/// Bands of sums of integers: `widths * sum + from` in band widths above `BAND_FROM`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ruler {
    widths: f32,
    from: f32,
}

impl Ruler {
    /// For sums that mean `unit * sum`, with scores at most `bound` more.
    #[expect(clippy::cast_possible_truncation, reason = "`upper_end` leaves room for the rounding")]
    pub(crate) fn new(unit: f64, bound: f64) -> Self {
        Self { widths: (unit / BAND_WIDTH) as f32, from: ((bound - BAND_FROM) / BAND_WIDTH) as f32 }
    }

    #[inline]
    pub(crate) fn band(&self, sum: i32) -> Band {
        Band::of_widths(sum as f32 * self.widths + self.from)
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
        let mut regions: Vec<(Arc<str>, u64)> = Vec::new();
        for (group, Group { region, pictures: _ }) in rows.ordered() {
            let people = self.searched.get(group as usize).copied().unwrap_or(0);
            match regions.last_mut() {
                _ if people == 0 => {}
                Some((last, so_far)) if last == region => *so_far += people,
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
            let Some(bands) = self.bands.get(at).filter(|_| self.searched[at] > self.listed[at]) else { continue };
            let counted: u64 = bands[1..].iter().copied().map(u64::from).sum();
            let first = self.searched[at].checked_sub(self.listed[at] + counted);
            let first = first.expect("nobody is counted twice");
            let people = std::iter::once(first).chain(bands[1..].iter().copied().map(u64::from));
            for (band, people) in (0..).map(Band).zip(people).filter(|(_, people)| *people > 0) {
                let best_score = Score::new(band.upper_end().min(best));
                all.push(Unlisted { region: Arc::clone(region), pictures: *pictures, best_score, people });
            }
        }
        all
    }
}
