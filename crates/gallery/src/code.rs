//! Templates as bytes, and how far a score of bytes can be from the exact one.
//!
//! A row `x` is kept as `G q`, whole numbers `q` of -127..=127 times the gallery's step `G`; what is lost is
//! `e = x - G q`. A probe `y` becomes `H p`, with a step `H` of its own; what is lost is `f = y - H p`. Then
//!
//! ```text
//! x.y = (G q + e).y = G q.y + e.y = G q.(H p + f) + e.y = G H (q.p) + G q.f + e.y
//! ```
//!
//! and by Cauchy and Schwarz, with `|G q| = |x - e| <= |x| + |e|`,
//!
//! ```text
//! |x.y - G H (q.p)|  <=  |e| |y|  +  (|x| + |e|) |f|
//! ```
//!
//! Nothing is assumed of how the errors are distributed: `|e|` is computed when a row comes in, `|f|` when a probe does,
//! both from the numbers themselves, whether they were rounded or cut off at 127. `q.p` is a sum of integers and exact.
//! All else is computed in `f64`; [`SLACK`] covers its roundings, those of the score it is compared with, and that a
//! [`types::Score`] is cut off at -1 and 1.

use zeroize::Zeroizing;

/// Larger than everything `f64` can round away here: each of the sums has at most [`DIMENSION_MAX`] products of numbers
/// whose absolute values add up to at most 1, and a rounding is at most 2^-53 of that; together under 1e-11. Templates are
/// of length 1 within [`NORM_SLACK`], so that cutting off at -1 and 1 changes a score by at most 3e-7.
const SLACK: f64 = 1e-6;
/// A template's length is 1 within this: its numbers are rounded to 24 bits after the division.
pub(crate) const NORM_SLACK: f64 = 1e-7;
/// Most numbers in a template. A sum of so many products of bytes fits 32 bits.
pub(crate) const DIMENSION_MAX: usize = 16_384;
/// What 127 steps reach, in standard deviations of a number of a random unit vector. Measured on faces: at 4.5 one row in
/// a thousand is cut off; at 4 several, and further; at 5 every row loses a tenth more.
const REACH: f64 = 4.5;
/// How much more than what uniform rounding loses an ordinary row may lose. 999 in 1,000 faces do.
const ORDINARY: f64 = 1.125;

const _: () = assert!(DIMENSION_MAX * 255 * 128 < i32::MAX as usize, "sums of products fit");

/// How rows are kept as bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grid {
    step: f64,
    /// The most an ordinary row may lose; those that lose more are looked at one by one.
    pub(crate) ordinary: f64,
}

impl Grid {
    pub(crate) fn new(dimension: usize) -> Self {
        let root = (dimension as f64).sqrt();
        let step = (REACH / root).min(1.0) / 127.0;
        Self { step, ordinary: ORDINARY * step * root / 12.0_f64.sqrt() }
    }

    /// Writes a row's code, 128 more than `q`, and returns `|e|`, rounded up. Bytes beyond the row become [`NOTHING`].
    pub(crate) fn encode(&self, row: &[f32], code: &mut [u8]) -> f32 {
        code.fill(NOTHING);
        let mut lost = 0.0;
        for (value, byte) in row.iter().zip(code) {
            let value = f64::from(*value);
            let steps = nearest(value / self.step);
            *byte = steps.wrapping_add_unsigned(128).cast_unsigned();
            lost += square(value - f64::from(steps) * self.step);
        }
        round_up(lost.sqrt())
    }
}

/// The code of a number that is zero.
pub(crate) const NOTHING: u8 = 128;

/// A probe as bytes, and what its scores mean.
pub(crate) struct Probe {
    /// `p`, with zeros up to the stride.
    pub(crate) codes: Zeroizing<Vec<i8>>,
    /// The same in 16 bits, for kernels without a product of bytes.
    pub(crate) wide: Zeroizing<Vec<i16>>,
    /// What takes back that rows are kept with 128 added.
    pub(crate) bias: i32,
    /// `G H`.
    unit: f64,
    /// `|y|`.
    norm: f64,
    /// `|f|`.
    lost: f64,
    /// The bound for ordinary rows.
    ordinary: f64,
}

impl Probe {
    pub(crate) fn new(grid: &Grid, probe: &[f32], stride: usize) -> Self {
        let largest = probe.iter().map(|v| f64::from(v.abs())).fold(0.0, f64::max);
        let step = (largest / 127.0).max(f64::MIN_POSITIVE);
        let mut codes = Zeroizing::new(vec![0_i8; stride]);
        let (mut lost, mut norm) = (0.0, 0.0);
        for (value, code) in probe.iter().zip(codes.iter_mut()) {
            let value = f64::from(*value);
            *code = nearest(value / step);
            lost += square(value - f64::from(*code) * step);
            norm += square(value);
        }
        let wide = Zeroizing::new(codes.iter().map(|c| i16::from(*c)).collect());
        let bias = -128 * codes.iter().map(|c| i32::from(*c)).sum::<i32>();
        let (norm, lost) = (norm.sqrt(), lost.sqrt());
        let mut made = Self { codes, wide, bias, unit: grid.step * step, norm, lost, ordinary: 0.0 };
        made.ordinary = made.bound(grid.ordinary);
        made
    }

    /// No exact score of a row that lost `error` is further than this from its [`Probe::score`].
    pub(crate) fn bound(&self, error: f64) -> f64 {
        error * self.norm + (1.0 + NORM_SLACK + error) * self.lost + SLACK
    }

    /// The bound for every row that lost no more than [`Grid::ordinary`].
    pub(crate) fn ordinary(&self) -> f64 {
        self.ordinary
    }

    /// `G H (q.p)`.
    pub(crate) fn score(&self, sum: i32) -> f64 {
        self.unit * f64::from(sum)
    }

    /// A sum so small that every ordinary row whose exact score is `score` or more has it at least.
    pub(crate) fn least_sum(&self, score: f64) -> i32 {
        let sum = (score - self.ordinary) / self.unit - 1.0;
        if sum.is_nan() { i32::MIN } else { whole(sum.floor()) }
    }
}

fn square(value: f64) -> f64 {
    value * value
}

#[expect(clippy::cast_possible_truncation, reason = "clamped first; what is cut off is counted as lost")]
fn nearest(steps: f64) -> i8 {
    steps.round().clamp(-127.0, 127.0) as i8
}

#[expect(clippy::cast_possible_truncation, reason = "saturates, and then means all or none")]
fn whole(sum: f64) -> i32 {
    sum as i32
}

#[expect(clippy::cast_possible_truncation, reason = "the next number up is taken")]
fn round_up(value: f64) -> f32 {
    (value as f32).next_up()
}
