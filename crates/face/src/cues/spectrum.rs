//! Periodic patterns, and how much fine detail there is.

use std::f32::consts::TAU;

use rustfft::FftPlanner;
use rustfft::num_complex::Complex;

use super::{Grey, PictureCues, grey, square};
use crate::picture::Picture;
use crate::resample::{Crop, to_f32};

const SIDE: usize = 256;
/// Below this a spectrum says nothing.
const SIDE_MIN: usize = 64;
/// Bins to either side of the axes that do not count: blocks of a JPEG, edges of the window, upright architecture.
const AXIS: usize = 2;
/// From here on outwards peaks are looked for, in cycles a pixel: skin has no period so short.
const PEAK_FROM: f32 = 0.08;
const PEAK_TO: f32 = 0.48;
/// Rings of equal distance from the middle.
const RINGS: usize = 32;
/// ln of power over the median, from which a bin is a peak: noise reaches it once in some 10^10 bins.
const PEAK: f32 = 3.5;

pub(super) fn measure(picture: &Picture, face: Crop, cues: &mut PictureCues) {
    let mut side = SIDE;
    while side > picture.width.min(picture.height) {
        side /= 2;
    }
    if side < SIDE_MIN {
        return;
    }
    if let Some(window) = square(picture, face, side) {
        let fine = grey(picture, window);
        let spectrum = Spectrum::of(&fine);
        let (moire, share) = spectrum.peaks();
        cues.moire_fine = moire;
        cues.periodic_share = share;
        cues.fine_detail = spectrum.mean(0.25, 0.45).ln() - spectrum.mean(0.03, 0.1).ln();
        (cues.grid_aligned, cues.grid_shifted) = grid(&fine, window);
    }
    if let Some(window) = square(picture, face, 2 * side) {
        cues.moire_coarse = Spectrum::of(&halved(&grey(picture, window))).peaks().0;
    }
}

fn halved(of: &Grey) -> Grey {
    let (width, height) = (of.width / 2, of.height / 2);
    let mean = |x: usize, y: usize| {
        let row = |y: usize| of.at(2 * x, y) + of.at(2 * x + 1, y);
        (row(2 * y) + row(2 * y + 1)) / 4.0
    };
    let values = (0..height).flat_map(|y| (0..width).map(move |x| mean(x, y))).collect();
    Grey { width, height, values }
}

/// The power of each bin of the half plane, with its distance from the middle.
struct Spectrum {
    side: usize,
    power: Vec<f32>,
}

impl Spectrum {
    /// Of a square, under a Hann window.
    fn of(grey: &Grey) -> Self {
        let side = grey.width;
        let mean = grey.values.iter().sum::<f32>() / grey.values.len() as f32;
        let hann: Vec<f32> =
            (0..side).map(|x| 0.5 - 0.5 * (TAU * (x as f32 + 0.5) / side as f32).cos()).collect();
        let mut bins: Vec<Complex<f32>> = Vec::with_capacity(side * side);
        for (y, row) in grey.values.chunks_exact(side).enumerate() {
            bins.extend(row.iter().zip(&hann).map(|(v, w)| Complex::new((v - mean) * w * hann[y], 0.0)));
        }
        let fft = FftPlanner::new().plan_fft_forward(side);
        fft.process(&mut bins);
        let mut turned: Vec<Complex<f32>> =
            (0..side).flat_map(|x| (0..side).map(|y| bins[y * side + x]).collect::<Vec<_>>()).collect();
        fft.process(&mut turned);
        // A little floor, so that a flat window has a spectrum without peaks.
        Self { side, power: turned.iter().map(|bin| bin.norm_sqr() + 1.0).collect() }
    }

    /// Each bin of the half plane off the axes: its distance in cycles a pixel, and its power.
    fn bins(&self) -> impl Iterator<Item = (f32, f32)> {
        let side = self.side;
        let folded = move |at: usize| at.min(side - at);
        (AXIS + 1..side / 2).flat_map(move |x| {
            (0..side).filter(move |y| folded(*y) > AXIS).map(move |y| {
                let distance = (x as f32).hypot(folded(y) as f32) / side as f32;
                (distance, self.power[x * side + y])
            })
        })
    }

    fn mean(&self, from: f32, to: f32) -> f32 {
        let (mut sum, mut count) = (0.0, 0.0);
        for (_, power) in self.bins().filter(|(distance, _)| (from..to).contains(distance)) {
            sum += power;
            count += 1.0;
        }
        if count > 0.0 { sum / count } else { 1.0 }
    }

    /// ln of the highest peak over its ring's median, and the share of power in peaks.
    fn peaks(&self) -> (f32, f32) {
        let mut rings = vec![Vec::new(); RINGS];
        let ring = |distance: f32| crate::resample::to_index(f64::from(distance) * 2.0 * RINGS as f64);
        let wanted = || self.bins().filter(|(distance, _)| (PEAK_FROM..PEAK_TO).contains(distance));
        for (distance, power) in wanted() {
            rings[ring(distance).min(RINGS - 1)].push(power);
        }
        let medians: Vec<f32> = rings
            .iter_mut()
            .map(|powers| {
                powers.sort_unstable_by(f32::total_cmp);
                powers.get(powers.len() / 2).copied().unwrap_or(1.0)
            })
            .collect();
        let (mut highest, mut in_peaks, mut all) = (0.0_f32, 0.0, 0.0);
        for (distance, power) in wanted() {
            let over = (power / medians[ring(distance).min(RINGS - 1)]).ln();
            highest = highest.max(over);
            all += power;
            if over > PEAK {
                in_peaks += power;
            }
        }
        (highest, if all > 0.0 { in_peaks / all } else { 0.0 })
    }
}

/// Steps between neighbouring pixels at each of eight offsets, over their mean: at the offset where the blocks of an
/// untouched JPEG begin, and at the strongest other one; the mean over both directions.
fn grid(grey: &Grey, window: Crop) -> (f32, f32) {
    let (mut across, mut down) = ([0.0_f64; 8], [0.0_f64; 8]);
    for y in 1..grey.height {
        for x in 1..grey.width {
            let here = grey.at(x, y);
            across[(window.left + x) % 8] += f64::from((here - grey.at(x - 1, y)).abs());
            down[(window.top + y) % 8] += f64::from((here - grey.at(x, y - 1)).abs());
        }
    }
    let [mut aligned, mut shifted] = [0.0, 0.0];
    for steps in [across, down] {
        let mean = steps.iter().sum::<f64>() / 8.0;
        let relative = steps.map(|step| if mean > 0.0 { step / mean } else { 1.0 });
        aligned += relative[0] / 2.0;
        shifted += relative[1..].iter().copied().fold(0.0, f64::max) / 2.0;
    }
    (to_f32(aligned), to_f32(shifted))
}
