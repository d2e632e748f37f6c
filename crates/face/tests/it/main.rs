//! What a caller of the crate sees, on the sample pictures. They are put in place by `cargo xtask models`; without
//! them these tests fail rather than pass unseen.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic where it stands")]

mod bad_input;
mod loading;
mod pictures;
mod prints;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use face::FaceModels;
use zune_core::bit_depth::BitDepth;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::{DecoderOptions, EncoderOptions};
use zune_jpeg::JpegDecoder;
use zune_png::PngEncoder;

static MODELS: LazyLock<FaceModels> = LazyLock::new(|| FaceModels::load(&installed("models")).unwrap());

fn installed(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../var").join(name);
    assert!(path.exists(), "{} is missing: run `cargo xtask models`", path.display());
    path
}

fn sample(name: &str) -> Vec<u8> {
    std::fs::read(installed(&format!("samples/{name}"))).unwrap()
}

/// `Ok` or the refusal's code.
fn verdict(picture: &[u8]) -> Result<(), &'static str> {
    MODELS.analyse(picture).map(drop).map_err(|error| error.code())
}

/// Pixels the tests may spoil.
struct Pixels {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

impl Pixels {
    fn of_jpeg(bytes: &[u8]) -> Self {
        let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::RGB);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
        let rgb = decoder.decode().unwrap();
        let (width, height) = decoder.info().map(|i| (usize::from(i.width), usize::from(i.height))).unwrap();
        Self { width, height, rgb }
    }

    fn to_png(&self) -> Vec<u8> {
        let options = EncoderOptions::new(self.width, self.height, ColorSpace::RGB, BitDepth::Eight);
        let mut png = Vec::new();
        PngEncoder::new(&self.rgb, options).encode(&mut png).unwrap();
        png
    }

    /// Each pixel of the result is what `pick` makes of its coordinates.
    fn map(width: usize, height: usize, pick: impl Fn(usize, usize) -> [u8; 3]) -> Self {
        let rgb =
            (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).flat_map(|(x, y)| pick(x, y)).collect();
        Self { width, height, rgb }
    }

    fn at(&self, x: usize, y: usize) -> [u8; 3] {
        let start = (y * self.width + x) * 3;
        [self.rgb[start], self.rgb[start + 1], self.rgb[start + 2]]
    }

    fn crop(&self, left: usize, top: usize, width: usize, height: usize) -> Self {
        Self::map(width, height, |x, y| self.at(left + x, top + y))
    }

    fn shade(&self, change: impl Fn(u8) -> u8) -> Self {
        Self { width: self.width, height: self.height, rgb: self.rgb.iter().map(|v| change(*v)).collect() }
    }

    /// Means over squares of `block` pixels, one for each, or one per pixel (a blur).
    fn mean(&self, block: usize, step: usize) -> Self {
        let (width, height) = ((self.width - block) / step, (self.height - block) / step);
        Self::map(width, height, |x, y| {
            let mut sums = [0_usize; 3];
            for (dx, dy) in (0..block).flat_map(|dx| (0..block).map(move |dy| (dx, dy))) {
                for (sum, value) in sums.iter_mut().zip(self.at(x * step + dx, y * step + dy)) {
                    *sum += usize::from(value);
                }
            }
            sums.map(|sum| u8::try_from(sum / (block * block)).unwrap())
        })
    }
}
