//! What gives a reproduction away besides the networks: plain numbers about a picture, and about two frames of one
//! capture. None of them decides alone; [`fusion`](crate::fusion) weighs them, by captures of the operator's own.
//!
//! All are cheap (milliseconds) and pure. Where a measure makes no sense it is 0, never what is no number.

mod borders;
mod colour;
mod focus;
mod motion;
mod spectrum;

use serde::{Deserialize, Serialize};

pub use motion::{Glance, Motion, link_frames};

use crate::evidence::FaceBox;
use crate::picture::Picture;
use crate::resample::{Crop, to_f32, to_index};

/// Changes whenever a cue measures something else: what was fitted to others is then refused.
pub const CUES_VERSION: u32 = 1;

/// What the networks and the cues say about one frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LivenessCues {
    /// For each network in the manifest's order, the natural logarithm of each class's probability, at least -20.
    pub networks: Vec<Vec<f32>>,
    /// Of the frame alone.
    pub picture: PictureCues,
    /// Against the frame before; none for a capture's first frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub motion: Option<Motion>,
}

/// Measures of one frame. Windows are at the sensor's own resolution, since a raster vanishes when it is resampled.
///
/// Sources: `W15` is Wen, Han and Jain, "Face Spoof Detection with Image Distortion Analysis" (2015); `P16` is Patel,
/// Han and Jain, "Secure Face Unlock" (2016); `B16` is Boulkenafet, Komulainen and Hadid, "Face Spoofing Detection
/// Using Colour Texture Analysis" (2016); `C07` is Crete and others, "The Blur Effect" (2007); `F03` is Fan and de
/// Queiroz, "Identification of Bitmap Compression History" (2003).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PictureCues {
    /// The strongest periodic pattern: ln of the highest peak over the median power at its distance from the middle
    /// of the spectrum; 2 to 3 without one (moire, `P16`).
    pub moire_fine: f32,
    /// The same at half the resolution.
    pub moire_coarse: f32,
    /// Share of the fine detail's energy that lies in such peaks, 0 to 1 (`P16`).
    pub periodic_share: f32,
    /// ln of the mean power of the finest detail (0.25 to 0.45 cycles a pixel) over that of coarse detail (0.03 to
    /// 0.1): what a print or screen swallows (`W15`, blurriness).
    pub fine_detail: f32,
    /// Steps at every eighth pixel over steps elsewhere: a JPEG's blocks where they belong; 1 without any (`F03`).
    pub grid_aligned: f32,
    /// The same at the strongest other offset: a JPEG that was cut or pasted and compressed again.
    pub grid_shifted: f32,
    /// Blur of the face, 0 sharp to 1 (`C07`).
    pub blur_face: f32,
    /// Blur of the face less that of what is beside it, -1 to 1: a flat thing is as sharp as its surroundings.
    pub blur_difference: f32,
    /// Energy of the finest detail of the chroma over that of the luminance (`B16`).
    pub chroma_detail: f32,
    /// Share of the face's pixels that shine white (`W15`, specular reflection).
    pub specular_share: f32,
    /// Share of pixels with a channel at its upper end.
    pub clipped_share: f32,
    /// Luminance below which one pixel of a hundred lies, 0 to 1: ink and glowing screens have no deep black.
    pub black_level: f32,
    /// Luminance above which one pixel of a hundred lies, 0 to 1.
    pub white_level: f32,
    /// Mean saturation, 0 to 1 (`W15`, chromatic moments, as the next five).
    pub saturation_mean: f32,
    /// Its standard deviation.
    pub saturation_deviation: f32,
    /// Its skewness.
    pub saturation_skewness: f32,
    /// Standard deviation of the brightest channel, 0 to 1.
    pub value_deviation: f32,
    /// Its skewness.
    pub value_skewness: f32,
    /// Spread of the hue round its circle, 0 to 1.
    pub hue_spread: f32,
    /// Standard deviation of blue chroma, 0 to 1 (`B16`).
    pub cb_deviation: f32,
    /// Standard deviation of red chroma, 0 to 1 (`B16`).
    pub cr_deviation: f32,
    /// Colours (32 steps a channel) for each pixel looked at: reproductions have fewer (`W15`, colour diversity).
    pub colours: f32,
    /// Share of the pixels in the hundred commonest colours (`W15`).
    pub common_colours: f32,
    /// Long straight edges left, right, above and below the face, as share of their length, 0 to 1: the weakest of
    /// the four (`P16`, bezel).
    pub border_least: f32,
    /// Their mean.
    pub border_mean: f32,
    /// The weaker of left and right: a thing's two parallel edges.
    pub border_parallel: f32,
}

impl PictureCues {
    /// Measures a frame.
    pub(crate) fn of(picture: &Picture, face: &FaceBox) -> Self {
        let mut cues = Self::default();
        let area = inside(picture, face, 1.0);
        spectrum::measure(picture, area, &mut cues);
        focus::measure(picture, area, &mut cues);
        colour::measure(picture, area, &mut cues);
        borders::measure(picture, face, &mut cues);
        cues.made_finite()
    }

    /// Each measure with its name, in a fixed order.
    #[must_use]
    pub fn named(&self) -> [(&'static str, f32); 26] {
        let mut copy = *self;
        copy.fields().map(|(name, value)| (name, *value))
    }

    fn fields(&mut self) -> [(&'static str, &mut f32); 26] {
        let Self {
            moire_fine,
            moire_coarse,
            periodic_share,
            fine_detail,
            grid_aligned,
            grid_shifted,
            blur_face,
            blur_difference,
            chroma_detail,
            specular_share,
            clipped_share,
            black_level,
            white_level,
            saturation_mean,
            saturation_deviation,
            saturation_skewness,
            value_deviation,
            value_skewness,
            hue_spread,
            cb_deviation,
            cr_deviation,
            colours,
            common_colours,
            border_least,
            border_mean,
            border_parallel,
        } = self;
        [
            ("moire_fine", moire_fine),
            ("moire_coarse", moire_coarse),
            ("periodic_share", periodic_share),
            ("fine_detail", fine_detail),
            ("grid_aligned", grid_aligned),
            ("grid_shifted", grid_shifted),
            ("blur_face", blur_face),
            ("blur_difference", blur_difference),
            ("chroma_detail", chroma_detail),
            ("specular_share", specular_share),
            ("clipped_share", clipped_share),
            ("black_level", black_level),
            ("white_level", white_level),
            ("saturation_mean", saturation_mean),
            ("saturation_deviation", saturation_deviation),
            ("saturation_skewness", saturation_skewness),
            ("value_deviation", value_deviation),
            ("value_skewness", value_skewness),
            ("hue_spread", hue_spread),
            ("cb_deviation", cb_deviation),
            ("cr_deviation", cr_deviation),
            ("colours", colours),
            ("common_colours", common_colours),
            ("border_least", border_least),
            ("border_mean", border_mean),
            ("border_parallel", border_parallel),
        ]
    }

    fn made_finite(mut self) -> Self {
        for (_, value) in self.fields() {
            if !value.is_finite() {
                *value = 0.0;
            }
        }
        self
    }
}

/// Luminance (BT.601), 0 to 255, row by row.
struct Grey {
    width: usize,
    height: usize,
    values: Vec<f32>,
}

impl Grey {
    fn at(&self, x: usize, y: usize) -> f32 {
        self.values[y * self.width + x]
    }
}

impl Drop for Grey {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.values);
    }
}

fn luminance([r, g, b]: [u8; 3]) -> f32 {
    0.299 * f32::from(r) + 0.587 * f32::from(g) + 0.114 * f32::from(b)
}

fn pixel(picture: &Picture, x: usize, y: usize) -> [u8; 3] {
    let at = (y * picture.width + x) * 3;
    [picture.rgb[at], picture.rgb[at + 1], picture.rgb[at + 2]]
}

fn grey(picture: &Picture, crop: Crop) -> Grey {
    let values = (crop.top..crop.top + crop.height)
        .flat_map(|y| (crop.left..crop.left + crop.width).map(move |x| luminance(pixel(picture, x, y))))
        .collect();
    Grey { width: crop.width, height: crop.height, values }
}

/// The box, enlarged about its centre and cut where it leaves the picture; at least one pixel.
fn inside(picture: &Picture, face: &FaceBox, scale: f64) -> Crop {
    let span = |start: f32, extent: f32, pixels: usize| {
        let (centre, half) = (f64::from(start + extent / 2.0), f64::from(extent) * scale / 2.0);
        let first = to_index(centre - half).min(pixels - 1);
        (first, to_index(centre + half).clamp(first, pixels - 1) - first + 1)
    };
    let (left, width) = span(face.x, face.width, picture.width);
    let (top, height) = span(face.y, face.height, picture.height);
    Crop { left, top, width, height }
}

/// A square about the middle of a part, shifted inside the picture; none where the picture is smaller.
fn square(picture: &Picture, part: Crop, side: usize) -> Option<Crop> {
    let first = |start: usize, extent: usize, pixels: usize| {
        Some((start + extent / 2).saturating_sub(side / 2).min(pixels.checked_sub(side)?))
    };
    let left = first(part.left, part.width, picture.width)?;
    let top = first(part.top, part.height, picture.height)?;
    Some(Crop { left, top, width: side, height: side })
}

fn ratio(above: f64, below: f64) -> f32 {
    to_f32(above / below.max(1e-9))
}

#[cfg(test)]
mod tests;
