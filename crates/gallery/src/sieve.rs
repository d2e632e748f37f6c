//! What a search wants of rows whose sums are known: in which band each is counted, and who could be among the best.
//!
//! Millions of rows come by, so all of it is said of sixteen at once where the processor can. Bands are told apart in
//! `f32`, by one product and one sum that are rounded alike everywhere: the band a row was counted in can be asked for again.

use crate::block::Tag;
use crate::kernel::{CHUNK, TILE};

/// Scores are counted in bands of this width above [`BAND_FROM`]; everything below is the first band.
const BAND_WIDTH: f64 = 0.02;
/// Where the second band begins.
const BAND_FROM: f64 = 0.2;
/// The last of the bands, of which there are enough to reach beyond 1.
const LAST: u8 = 41;
/// The same, for what is computed.
pub(crate) const LAST_BAND: f32 = LAST as f32;
/// How many there are.
pub(crate) const BANDS: usize = LAST as usize + 1;
/// Band widths by which a sum is taken for more than it is: more than all that is rounded in [`Ruler::band`], which is
/// at most seven times 2^-24 of some 80 widths.
const ROUNDED: f64 = 6e-5;

/// A band's number. 0 is the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Band(pub(crate) u8);

impl Band {
    /// The band of a row that scored no more than `upper`.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the bands first")]
    pub(crate) fn of(upper: f64) -> Self {
        let above = ((upper - BAND_FROM) / BAND_WIDTH).floor() + 1.0;
        Self(above.clamp(0.0, f64::from(LAST_BAND)) as u8)
    }

    /// None in the band scored more.
    pub(crate) fn upper_end(self) -> f64 {
        // Somewhat more, for what is rounded when bands are told apart.
        BAND_FROM + BAND_WIDTH * f64::from(self.0) + 1e-6
    }
}

/// Tells the bands of sums of integers apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ruler {
    /// Band widths for each unit of the sum.
    pub(crate) widths: f32,
    /// Band widths from the beginning of the first band, which is made as wide as the others here, to a sum of nothing.
    pub(crate) from: f32,
}

impl Ruler {
    /// A score under which every row is in the first band, whatever is rounded.
    pub(crate) const SECOND: f64 = BAND_FROM - 1e-5;

    /// For sums that mean `unit * sum`, with scores at most `bound` more.
    #[expect(clippy::cast_possible_truncation, reason = "what it rounds is allowed for")]
    pub(crate) fn new(unit: f64, bound: f64) -> Self {
        let from = (bound - BAND_FROM) / BAND_WIDTH + 1.0 + ROUNDED;
        Self { widths: (unit / BAND_WIDTH) as f32, from: from as f32 }
    }

    /// A product and a sum, each rounded: vectors do the same.
    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "clamped to the bands first; what sums lose is allowed for"
    )]
    pub(crate) fn band(&self, sum: i32) -> Band {
        Band((sum as f32 * self.widths + self.from).clamp(0.0, LAST_BAND) as u8)
    }
}

/// Where a row is counted: the first counter of its group, and its state as a bit above.
#[derive(Clone, Copy, Debug, Default)]
#[repr(transparent)]
pub(crate) struct Spot(pub(crate) u32);

impl Spot {
    pub(crate) const STATE_BIT: u32 = 28;
    pub(crate) const COUNTER: u32 = (1 << Self::STATE_BIT) - 1;

    #[inline(always)]
    pub(crate) fn of(tag: Tag) -> Self {
        Self((1 << Self::STATE_BIT << tag.state_number()) | (tag.group() * (u32::from(LAST) + 1)))
    }
}

impl Spot {
    #[inline(always)]
    pub(crate) fn is_among(self, states: u8) -> bool {
        self.0 >> Self::STATE_BIT & u32::from(states) != 0
    }
}

const _: () = assert!((1 << 14) * BANDS < 1 << Spot::STATE_BIT, "all counters have a number");

/// What one search wants at the moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) ruler: Ruler,
    /// Rows with less are in the first band and need not be counted.
    pub(crate) counted: i32,
    /// Rows with less are not among the best.
    pub(crate) floor: i32,
    /// As [`Tag::is_among`] takes them.
    pub(crate) states: u8,
}

/// What was found of some rows. Room for every row of whole chunks, and a register beyond, so that whole registers are
/// written without asking whether they fit.
pub(crate) struct Sieved {
    /// The counter of each row of the wanted states that is to be counted.
    pub(crate) counters: Box<[u32]>,
    pub(crate) counted: usize,
    /// Rows of the wanted states that could be among the best, in rising order, and their sums.
    pub(crate) rows: Box<[u32]>,
    pub(crate) sums: Box<[i32]>,
    pub(crate) high: usize,
}

impl Sieved {
    /// For at most so many rows.
    pub(crate) fn new(rows: usize) -> Self {
        let room = rows.next_multiple_of(CHUNK) + TILE;
        Self {
            counters: vec![0; room].into_boxed_slice(),
            counted: 0,
            rows: vec![0; room].into_boxed_slice(),
            sums: vec![0; room].into_boxed_slice(),
            high: 0,
        }
    }

    pub(crate) fn clear(&mut self) {
        (self.counted, self.high) = (0, 0);
    }

    /// The counters to count up.
    pub(crate) fn counters(&self) -> &[u32] {
        &self.counters[..self.counted]
    }

    /// Row and sum of each who could be among the best.
    pub(crate) fn high(&self) -> impl Iterator<Item = (u32, i32)> + Clone {
        self.rows[..self.high].iter().copied().zip(self.sums[..self.high].iter().copied())
    }

    /// One row after the other. `first` is the first one's number.
    pub(crate) fn add(&mut self, sums: &[i32], spots: &[Spot], first: u32, wanted: &Wanted) {
        for ((row, sum), spot) in (first..).zip(sums).zip(spots) {
            if !spot.is_among(wanted.states) {
                continue;
            }
            if *sum >= wanted.counted {
                self.counters[self.counted] = (spot.0 & Spot::COUNTER) + u32::from(wanted.ruler.band(*sum).0);
                self.counted += 1;
            }
            if *sum >= wanted.floor {
                (self.rows[self.high], self.sums[self.high]) = (row, *sum);
                self.high += 1;
            }
        }
    }
}
