//! How fast this machine can multiply, to hold the networks against.

use std::time::{Duration, Instant};

use rten_simd::ops::{BitOps as _, NumOps as _};
use rten_simd::{Isa, SimdOp};

/// Multiplications of SFace for one face, each with an addition: the sum over its convolutions of height x width x
/// outputs x kernel x inputs of a group, and of 50,176 x 128 for the last product. The 14 pairs of a depthwise and a
/// pointwise convolution take 97 % of it.
pub const EMBEDDER_MULTIPLICATIONS: u64 = 574_138_880;

/// Multiplications with an addition that one thread of this machine does in a second on numbers in registers, in the
/// best of some short rounds.
#[must_use]
pub fn peak_multiplications() -> f64 {
    (0..50).map(|_| Round.dispatch()).fold(0.0, f64::max)
}

/// Of each sum; so many stand side by side that none waits for another.
const TURNS: u32 = 20_000;

struct Round;

impl SimdOp for Round {
    type Output = f64;

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) -> f64 {
        let ops = isa.f32();
        let factor = std::hint::black_box(0.999_f32);
        let start = Instant::now();
        // 24 sums of AVX2 would not fit its registers; 12 keep both of its units busy.
        let (used, total) = if ops.len() == 16 {
            (24_u32, multiply::<I, 24>(isa, factor))
        } else {
            (12, multiply::<I, 12>(isa, factor))
        };
        std::hint::black_box(ops.sum(total));
        let spent = start.elapsed().max(Duration::from_nanos(1)).as_secs_f64();
        let lanes = u32::try_from(ops.len()).unwrap_or(1);
        f64::from(TURNS) * f64::from(used * lanes) / spent
    }
}

#[inline(always)]
fn multiply<I: Isa, const SUMS: usize>(isa: I, factor: f32) -> I::F32 {
    let ops = isa.f32();
    let factor = ops.splat(factor);
    let mut sums = [ops.splat(1.0); SUMS];
    for _ in 0..TURNS {
        // A closure would not be compiled for the vectors that were found.
        for sum in &mut sums {
            *sum = ops.mul_add(*sum, factor, factor);
        }
    }
    sums.into_iter().fold(ops.zero(), |all, sum| ops.add(all, sum))
}
