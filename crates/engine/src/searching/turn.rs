//! A secret turn: vectors are stored turned, so that whoever reads them cannot compare them with faces.
//!
//! The turn is an orthogonal matrix, so that scalar products stay what they are. It is a product of reflections drawn
//! from normally distributed numbers, which makes every turn equally likely (Stewart, 1980, "The efficient generation of
//! random orthogonal matrices"). The numbers come from the installation's own key, so every process has the same.
//!
//! How far a scalar product of 32-bit numbers can be from the one of the originals in 64 bits, for unit vectors of `n`
//! numbers and `u = 2^-24`: rounding each turned vector moves it by at most `u`, two of them by `2u`; adding up `n`
//! products in any order by at most `nu / (1 - nu)` (Higham, Accuracy and Stability of Numerical Algorithms, 3.1). What
//! the reflections lose in 64 bits, and that templates are of length 1 only as far as 32 bits tell, is far less than the
//! two further `u` that [`Turn::slack`] takes.

use zeroize::Zeroizing;

/// 2^-24: what rounding to 32 bits changes at most, relatively.
const ROUNDING: f64 = 5.960_464_477_539_063e-8;
/// Numbers below this are nothing, and are written so.
const NOTHING: f64 = 1e-30;
const WORD_BYTES: usize = 8;

/// The secret turn of one installation. Wiped when dropped; not `Debug`.
pub(crate) struct Turn {
    /// Unit vectors, each one shorter than the one before; each reflects the last numbers of a vector.
    mirrors: Zeroizing<Vec<Vec<f64>>>,
    signs: Vec<f64>,
}

impl Turn {
    /// The turn for vectors of `dimension` numbers. `block` gives unpredictable bytes, the same for the same number.
    pub(crate) fn new(dimension: usize, block: impl Fn(usize) -> [u8; 32]) -> Self {
        let mut numbers = Normal { block, next: 0, words: Vec::new() };
        let mut mirrors = Zeroizing::new(Vec::with_capacity(dimension));
        let mut signs = vec![1.0; dimension];
        for (at, sign) in signs.iter_mut().enumerate() {
            let mut mirror: Vec<f64> = (at..dimension).map(|_| numbers.draw()).collect();
            let length = norm(&mirror);
            let towards = if mirror[0] < 0.0 { -1.0 } else { 1.0 };
            *sign = -towards;
            mirror[0] += towards * length;
            let length = norm(&mirror);
            mirror.iter_mut().for_each(|number| *number /= length);
            mirrors.push(mirror);
        }
        Self { mirrors, signs }
    }

    /// A vector, turned.
    pub(crate) fn apply(&self, vector: &[f32]) -> Zeroizing<Vec<f32>> {
        let mut turned: Zeroizing<Vec<f64>> = Zeroizing::new(
            vector.iter().zip(&self.signs).map(|(number, sign)| f64::from(*number) * sign).collect(),
        );
        // The shortest first: the first mirror turns what all others made.
        for (at, mirror) in self.mirrors.iter().enumerate().rev() {
            let rest = &mut turned[at..];
            let along: f64 = rest.iter().zip(mirror).map(|(number, axis)| number * axis).sum();
            rest.iter_mut().zip(mirror).for_each(|(number, axis)| *number -= 2.0 * along * axis);
        }
        #[expect(clippy::cast_possible_truncation, reason = "rounding to 32 bits is accounted for")]
        let narrow = |number: &f64| if number.abs() < NOTHING { 0.0 } else { *number as f32 };
        Zeroizing::new(turned.iter().map(narrow).collect())
    }

    /// The database's score of two turned vectors is at most this far from the exact score of the originals.
    pub(crate) fn slack(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "no model has 2^52 numbers")]
        let sums = self.signs.len() as f64 * ROUNDING;
        sums / (1.0 - sums) + 4.0 * ROUNDING
    }
}

fn norm(vector: &[f64]) -> f64 {
    vector.iter().map(|number| number * number).sum::<f64>().sqrt()
}

/// Normally distributed numbers (Box and Muller) out of unpredictable bytes.
struct Normal<B> {
    block: B,
    next: usize,
    words: Vec<u64>,
}

impl<B: Fn(usize) -> [u8; 32]> Normal<B> {
    fn word(&mut self) -> u64 {
        if self.words.is_empty() {
            let bytes = (self.block)(self.next);
            self.next += 1;
            let (words, _) = bytes.as_chunks::<WORD_BYTES>();
            self.words.extend(words.iter().map(|word| u64::from_le_bytes(*word)));
        }
        self.words.pop().expect("a block holds words")
    }

    /// Above 0, at most 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    fn uniform(&mut self) -> f64 {
        ((self.word() >> 11) + 1) as f64 / 9_007_199_254_740_992.0
    }

    fn draw(&mut self) -> f64 {
        let length = (-2.0 * self.uniform().ln()).sqrt();
        length * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng as _, SeedableRng as _};
    use types::Template;

    use super::*;

    fn turn(dimension: usize, seed: u64) -> Turn {
        Turn::new(dimension, |number| {
            let mut bytes = [0; 32];
            StdRng::seed_from_u64(seed + number as u64).fill_bytes(&mut bytes);
            bytes
        })
    }

    /// As the database computes it, in the plainest order.
    fn score(one: &[f32], other: &[f32]) -> f64 {
        f64::from(one.iter().zip(other).fold(0.0_f32, |sum, (a, b)| sum + a * b))
    }

    #[test]
    fn scores_stay_within_the_slack_and_vectors_do_not() {
        let mut random = StdRng::seed_from_u64(7);
        for dimension in [1, 2, 3, 128, 512] {
            let turn = turn(dimension, 1_000);
            let mut draw = || {
                let numbers = (0..dimension).map(|_| (random.next_u32() as f32) - 2_147_483_648.0).collect();
                Template::normalised(numbers).unwrap()
            };
            for round in 0..200 {
                let one = draw();
                // Near ones too, since rounding shows most where scores are large.
                let other = if round % 2 == 0 {
                    draw()
                } else {
                    Template::fuse(&[one.clone(), draw()]).unwrap_or_else(|_| one.clone())
                };
                let exact = one.similarity(&other).value();
                let (a, b) = (turn.apply(one.values()), turn.apply(other.values()));
                assert!((score(&a, &b) - exact).abs() <= turn.slack(), "{dimension} {exact}");
                assert!(dimension < 3 || score(&a, one.values()).abs() < 0.999, "{dimension}: not turned");
            }
        }
        assert!(turn(128, 0).slack() < 1e-5 && turn(512, 0).slack() < 4e-5);
    }

    #[test]
    fn another_key_turns_otherwise_and_the_same_key_the_same() {
        let face = Template::normalised((1_u8..=128).map(f32::from).collect()).unwrap();
        let one = turn(128, 1_000).apply(face.values());
        assert_eq!(*one, *turn(128, 1_000).apply(face.values()));
        assert!(score(&one, &turn(128, 9_000).apply(face.values())).abs() < 0.5);
    }
}
