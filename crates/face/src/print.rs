//! How a frame looks, apart from whose face it is: enough to see the same picture again, and to notice a picture that
//! no sensor took.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::picture::Picture;
use crate::resample::to_index;

/// Cells of the grid: each row has one more, because neighbours are compared.
const GRID: usize = 16;
/// Bits of a print.
const BITS: usize = GRID * GRID;
/// Hexadecimal digits of a print.
const DIGITS: usize = BITS / 4;
/// No more of a face is looked at for noise, in pixels each way.
const NOISE_SIDE_MAX: usize = 400;

/// A perceptual hash of the upright face (differences of neighbouring means, 256 bits), and how much noise the frame
/// has. It tells one picture from another, not one face from another; still it is made from a face, so it is kept and
/// erased with the frame.
#[derive(Clone, Copy, Default, PartialEq)]
pub struct FacePrint {
    bits: [u64; BITS / 64],
    /// Standard deviation of the noise in grey levels of 255, after Immerkaer (1996); none where the face is too small.
    pub noise: Option<f64>,
}

impl FacePrint {
    /// From the upright crop, and the frame with the face's box in it (left, upper, width, height).
    pub(crate) fn of(crop: &Picture, picture: &Picture, face: [f32; 4]) -> Self {
        let mut bits = [0_u64; BITS / 64];
        for row in 0..GRID {
            for column in 0..GRID {
                let at = row * GRID + column;
                if cell(crop, column, row) < cell(crop, column + 1, row) {
                    bits[at / 64] |= 1 << (at % 64);
                }
            }
        }
        Self { bits, noise: noise(picture, face) }
    }

    /// In how many of its 256 bits another print differs.
    #[must_use]
    pub fn distance(&self, other: &Self) -> u32 {
        self.bits.iter().zip(other.bits).map(|(one, other)| (one ^ other).count_ones()).sum()
    }

    /// The 256 bits as 64 hexadecimal digits.
    #[must_use]
    pub fn looks(&self) -> String {
        self.bits.iter().map(|word| format!("{word:016x}")).collect()
    }

    /// From what [`FacePrint::looks`] gave, without the noise; `None` for anything else.
    #[must_use]
    pub fn of_looks(looks: &str) -> Option<Self> {
        if looks.len() != DIGITS || !looks.is_ascii() {
            return None;
        }
        let mut bits = [0_u64; BITS / 64];
        for (word, digits) in bits.iter_mut().zip(looks.as_bytes().chunks(16)) {
            *word = u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(Self { bits, noise: None })
    }
}

/// Leaves out how it looks.
impl fmt::Debug for FacePrint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FacePrint").field("noise", &self.noise).finish_non_exhaustive()
    }
}

/// The sum of the luminance of a cell, over as many pixels as each of its row has.
fn cell(crop: &Picture, column: usize, row: usize) -> u64 {
    let (wide, high) = (crop.width / (GRID + 1), crop.height / GRID);
    let mut sum = 0;
    for y in row * high..(row + 1) * high {
        for x in column * wide..(column + 1) * wide {
            sum += u64::from(luminance(crop, x, y));
        }
    }
    sum
}

/// BT.601 in thousandths, 0 to 255,000.
fn luminance(picture: &Picture, x: usize, y: usize) -> u32 {
    let at = (y * picture.width + x) * 3;
    let [red, green, blue] = [0, 1, 2].map(|channel| u32::from(picture.rgb[at + channel]));
    299 * red + 587 * green + 114 * blue
}

/// The mean of what a mask answers that is blind to edges and slopes.
fn noise(picture: &Picture, [x, y, width, height]: [f32; 4]) -> Option<f64> {
    let start = |from: f32, most: usize| to_index(f64::from(from.max(0.0))).clamp(1, most.max(1));
    let (left, upper) = (start(x, picture.width), start(y, picture.height));
    let end = |from: usize, length: f32, most: usize| {
        (from + to_index(f64::from(length.max(0.0))).min(NOISE_SIDE_MAX)).min(most.saturating_sub(1))
    };
    let (right, lower) = (end(left, width, picture.width), end(upper, height, picture.height));
    if right < left + 16 || lower < upper + 16 {
        return None;
    }
    let grey = |x: usize, y: usize| f64::from(luminance(picture, x, y)) / 1_000.0;
    let mut sum = 0.0;
    for y in upper..lower {
        for x in left..right {
            let corners = grey(x - 1, y - 1) + grey(x + 1, y - 1) + grey(x - 1, y + 1) + grey(x + 1, y + 1);
            let sides = grey(x, y - 1) + grey(x - 1, y) + grey(x + 1, y) + grey(x, y + 1);
            sum += (corners - 2.0 * sides + 4.0 * grey(x, y)).abs();
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "pixels of a picture are far below 2^52")]
    let pixels = ((right - left) * (lower - upper)) as f64;
    Some((std::f64::consts::FRAC_PI_2).sqrt() * sum / (6.0 * pixels))
}

/// What the compression of a picture tells of the program that made it: for a JPEG a digest of its quantisation tables and
/// which application segments it has, for a PNG that it is one. Cameras of one terminal do not change theirs.
#[must_use]
pub fn encoder_print(bytes: &[u8]) -> String {
    if !bytes.starts_with(&[0xff, 0xd8]) {
        return "png".to_owned();
    }
    let mut hash = Sha256::new();
    let mut at = 2;
    // Segments up to the first scan: marker, then a length that counts itself.
    while let Some(&[0xff, marker, high, low]) = bytes.get(at..at + 4) {
        let length = usize::from(u16::from_be_bytes([high, low]));
        if marker == 0xda || length < 2 {
            break;
        }
        if marker == 0xdb {
            hash.update(bytes.get(at + 4..at + 2 + length).unwrap_or_default());
        } else if (0xe0..=0xef).contains(&marker) {
            hash.update([marker]);
        }
        at += 2 + length;
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A slope with a coarse pattern, and noise of so many grey levels either way from a fixed sequence.
    fn picture(noise: u32) -> Picture {
        let side = 112;
        let mut state = 7_u32;
        let mut rgb = Vec::new();
        for y in 0..side {
            for x in 0..side {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let waves = (x / 14 * 31 + y / 16 * 17) % 80;
                let jitter = (state >> 16) % (2 * noise + 1);
                let grey = u8::try_from(60 + waves + x / 4 + usize::try_from(jitter).unwrap()).unwrap();
                rgb.extend([grey; 3]);
            }
        }
        Picture { width: side, height: side, rgb }
    }

    #[test]
    fn the_same_picture_is_known_again_and_noise_is_measured() {
        let face = [4.0, 4.0, 100.0, 100.0];
        let prints: Vec<FacePrint> =
            [0, 2, 6].map(|noise| FacePrint::of(&picture(noise), &picture(noise), face)).to_vec();
        assert!(prints[0].distance(&prints[1]) <= 24, "{}", prints[0].distance(&prints[1]));
        let noise: Vec<f64> = prints.iter().map(|print| print.noise.unwrap()).collect();
        assert!(noise[0] < noise[1] && noise[1] < noise[2], "{noise:?}");
        let kept = FacePrint::of_looks(&prints[1].looks()).unwrap();
        assert_eq!(kept.distance(&prints[1]), 0);
        let mut mirrored = picture(0);
        for row in mirrored.rgb.chunks_mut(112 * 3) {
            row.reverse();
        }
        assert!(FacePrint::of(&mirrored, &mirrored, face).distance(&prints[0]) > 60);
        for wrong in ["", "xyz", &"g".repeat(64), &"é".repeat(32), &"0".repeat(63)] {
            assert!(FacePrint::of_looks(wrong).is_none(), "{wrong}");
        }
        assert!(FacePrint::of(&picture(0), &picture(0), [110.0, 110.0, 400.0, 400.0]).noise.is_none());
    }

    #[test]
    fn encoders_are_told_apart_and_nonsense_does_no_harm() {
        let jpeg =
            |tables: u8| [&[0xff, 0xd8, 0xff, 0xdb, 0, 4, 1, tables][..], &[0xff, 0xda, 0, 2]].concat();
        assert_eq!(encoder_print(&jpeg(1)), encoder_print(&jpeg(1)));
        assert_ne!(encoder_print(&jpeg(1)), encoder_print(&jpeg(2)));
        for wrong in
            [&[][..], &[0xff, 0xd8], &[0xff, 0xd8, 0xff, 0xdb, 0xff, 0xff], &[0xff, 0xd8, 0xff, 0xdb, 0, 0]]
        {
            assert_eq!(encoder_print(wrong), encoder_print(wrong));
        }
    }
}
