//! Highlights, gamut and the diversity of colours of the face.

use std::collections::BTreeMap;

use super::{PictureCues, luminance, pixel};
use crate::picture::Picture;
use crate::resample::{Crop, to_f32};

/// Pixels looked at along each side, at most; picked, not averaged, so that highlights stay what they are.
const SAMPLES: usize = 96;
/// All channels at least this: a highlight.
const WHITE: u8 = 235;
/// A channel at least this: clipped.
const CLIPPED: u8 = 253;
const COMMON: usize = 100;

pub(super) fn measure(picture: &Picture, face: Crop, cues: &mut PictureCues) {
    let pixels = samples(picture, face);
    let count = pixels.len() as f64;
    if pixels.is_empty() {
        return;
    }
    let share =
        |of: &dyn Fn(&[u8; 3]) -> bool| to_f32(pixels.iter().filter(|p| of(p)).count() as f64 / count);
    cues.specular_share = share(&|p| p.iter().all(|v| *v >= WHITE));
    cues.clipped_share = share(&|p| p.iter().any(|v| *v >= CLIPPED));
    let mut light: Vec<f32> = pixels.iter().map(|p| luminance(*p) / 255.0).collect();
    light.sort_unstable_by(f32::total_cmp);
    cues.black_level = light[light.len() / 100];
    cues.white_level = light[light.len() - 1 - light.len() / 100];
    let (mut saturation, mut value, mut cb, mut cr) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut east, mut north, mut coloured) = (0.0_f64, 0.0_f64, 0.0_f64);
    for [r, g, b] in pixels.iter().map(|p| p.map(|v| f64::from(v) / 255.0)) {
        let (most, least) = (r.max(g).max(b), r.min(g).min(b));
        saturation.push(if most > 0.0 { (most - least) / most } else { 0.0 });
        value.push(most);
        let y = 0.299 * r + 0.587 * g + 0.114 * b;
        cb.push(0.564 * (b - y));
        cr.push(0.713 * (r - y));
        if most > least {
            // The hue as a direction, without trigonometry.
            let (x, y) = (r - (g + b) / 2.0, 3.0_f64.sqrt() / 2.0 * (g - b));
            let length = x.hypot(y);
            east += x / length;
            north += y / length;
            coloured += 1.0;
        }
    }
    let [mean, deviation, skewness] = moments(&saturation);
    (cues.saturation_mean, cues.saturation_deviation, cues.saturation_skewness) = (mean, deviation, skewness);
    [_, cues.value_deviation, cues.value_skewness] = moments(&value);
    cues.cb_deviation = moments(&cb)[1];
    cues.cr_deviation = moments(&cr)[1];
    cues.hue_spread = if coloured > 0.0 { to_f32(1.0 - east.hypot(north) / coloured) } else { 0.0 };
    (cues.colours, cues.common_colours) = diversity(&pixels);
}

fn samples(picture: &Picture, face: Crop) -> Vec<[u8; 3]> {
    let step = |extent: usize| extent.div_ceil(SAMPLES).max(1);
    let columns = (face.left..face.left + face.width).step_by(step(face.width));
    (face.top..face.top + face.height)
        .step_by(step(face.height))
        .flat_map(|y| columns.clone().map(move |x| pixel(picture, x, y)))
        .collect()
}

/// Mean, standard deviation, skewness.
fn moments(values: &[f64]) -> [f32; 3] {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let power = |k: i32| values.iter().map(|v| (v - mean).powi(k)).sum::<f64>() / n;
    let deviation = power(2).sqrt();
    let skewness = if deviation > 1e-6 { power(3) / deviation.powi(3) } else { 0.0 };
    [mean, deviation, skewness].map(to_f32)
}

fn diversity(pixels: &[[u8; 3]]) -> (f32, f32) {
    let mut colours: BTreeMap<[u8; 3], u32> = BTreeMap::new();
    for pixel in pixels {
        *colours.entry(pixel.map(|v| v >> 3)).or_default() += 1;
    }
    let all = pixels.len() as f64;
    let mut counts: Vec<u32> = colours.into_values().collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let common: u32 = counts.iter().take(COMMON).sum();
    (to_f32(counts.len() as f64 / all), to_f32(f64::from(common) / all))
}
