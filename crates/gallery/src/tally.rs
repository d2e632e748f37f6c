//! How many were searched, by group and band of scores.
//!
//! Nobody in the first band is counted one by one: it is what is left of a group when all other bands and all who are
//! named in the answer are taken off.

use std::sync::Arc;

use types::Score;

use crate::rows::{Group, Rows};
use crate::sieve::{BANDS, Band};
use crate::{Status, Unlisted};

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

    /// Everybody of a block whom the filter admits. How many they are.
    pub(crate) fn add_block(
        &mut self,
        counts: &[[u32; 2]],
        status: Option<Status>,
        admits: impl Fn(usize) -> bool,
    ) -> u64 {
        let mut all = 0;
        for (group, [live, paused]) in counts.iter().enumerate().filter(|(group, _)| admits(*group)) {
            let people = match status {
                None => u64::from(*live) + u64::from(*paused),
                Some(Status::Live) => u64::from(*live),
                Some(Status::Paused) => u64::from(*paused),
            };
            self.searched[group] += people;
            all += people;
        }
        all
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

    /// All these counters. This is the inner loop of what a search does besides scanning.
    pub(crate) fn put_all(&mut self, counters: &[u32]) {
        let bands = self.bands.as_flattened_mut();
        for counter in counters {
            bands[*counter as usize] += 1;
        }
    }

    /// The same for rows of a bucket, who are counted as searched here.
    pub(crate) fn add_all(&mut self, counters: &[u32]) {
        let bands = self.bands.as_flattened_mut();
        for counter in counters {
            let counter = *counter as usize;
            bands[counter] += 1;
            self.searched[counter / BANDS] += 1;
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
        let counted = self.bands.as_flattened().iter().filter(|people| **people > 0).count();
        let mut all = Vec::with_capacity(self.bands.len() + counted);
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
            // Which have anybody is found out for all first: asked one by one, it is foretold wrongly time and again.
            let mut some = (1..)
                .zip(&bands[1..])
                .fold(0_u64, |some, (band, people)| some | u64::from(*people > 0) << band);
            while some > 0 {
                let band = u8::try_from(some.trailing_zeros()).expect("below 64");
                push(Band(band), u64::from(bands[usize::from(band)]));
                some &= some - 1;
            }
        }
        all
    }
}
