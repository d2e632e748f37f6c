//! What weighing pictures by their quality buys when several are fused: `fusion MODELS SAMPLES`.
//!
//! Of each sample person two pictures are enrolled and two are a capture; one of each two is spoilt as a bad camera
//! spoils it. For several ways to weigh, printed are the genuine scores, the strangers', and how far both are apart in
//! standard deviations (d'). What is worse than this is refused before it is fused. The samples are ten synthetic people: enough to choose between weights, not to calibrate.

use std::error::Error;
use std::path::Path;

use face::{FaceEvidence, FaceModels, Quality};
use types::Template;
use zune_core::bit_depth::BitDepth;
use zune_core::colorspace::ColorSpace;
use zune_core::options::{DecoderOptions, EncoderOptions};
use zune_jpeg::JpegDecoder;
use zune_png::PngEncoder;

const PEOPLE: std::ops::RangeInclusive<usize> = 1..=10;
const PICTURES: [&str; 4] = ["studio_portrait", "studio_posture", "amateur_selfie", "amateur_posture"];

struct Pixels {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

/// What a bad camera does.
#[derive(Clone, Copy)]
enum Spoil {
    /// A box blur of so many pixels to each side.
    Blur(usize),
    /// So dark, with a camera's noise.
    Dark(f32),
}

const SPOILS: [(&str, Spoil); 4] = [
    ("blurred by 1", Spoil::Blur(1)),
    ("blurred by 2", Spoil::Blur(2)),
    ("dark, a half", Spoil::Dark(0.5)),
    ("dark, a quarter", Spoil::Dark(0.25)),
];

type Weight = fn(&Quality) -> f64;

const WEIGHTS: [(&str, Weight); 5] = [
    ("all alike", |_| 1.0),
    ("root of sharpness", |q| sharpness(q).sqrt()),
    ("sharpness", sharpness),
    ("size", size),
    ("sharpness x size", |q| sharpness(q) * size(q)),
];

fn sharpness(quality: &Quality) -> f64 {
    f64::from(quality.sharpness / 0.02).clamp(0.1, 1.0)
}

fn size(quality: &Quality) -> f64 {
    f64::from(quality.eye_distance_px / 60.0).clamp(0.1, 1.0)
}

impl Pixels {
    fn of_jpeg(jpeg: &[u8]) -> Result<Self, Box<dyn Error>> {
        let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::RGB);
        let mut decoder = JpegDecoder::new_with_options(zune_core::bytestream::ZCursor::new(jpeg), options);
        let rgb = decoder.decode().map_err(|error| format!("{error:?}"))?;
        let (width, height) = decoder.dimensions().ok_or("no dimensions")?;
        Ok(Self { width, height, rgb }.halved())
    }

    /// Every second pixel: what is spoilt is stored without loss, and must not become too large.
    fn halved(&self) -> Self {
        let (width, height) = (self.width / 2, self.height / 2);
        let points = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        Self { width, height, rgb: points.flat_map(|(x, y)| self.at(2 * x, 2 * y)).collect() }
    }

    fn at(&self, x: usize, y: usize) -> [u8; 3] {
        let from = (y.min(self.height - 1) * self.width + x.min(self.width - 1)) * 3;
        [self.rgb[from], self.rgb[from + 1], self.rgb[from + 2]]
    }

    fn map(&self, pixel: impl Fn(usize, usize) -> [u8; 3]) -> Self {
        let rgb = (0..self.height).flat_map(|y| (0..self.width).map(move |x| (x, y)));
        Self { width: self.width, height: self.height, rgb: rgb.flat_map(|(x, y)| pixel(x, y)).collect() }
    }

    fn spoilt(&self, how: Spoil) -> Self {
        match how {
            Spoil::Blur(radius) => {
                let along = |from: &Self, dx: usize, dy: usize| {
                    from.map(|x, y| {
                        let mut sums = [0_usize; 3];
                        for step in 0..=2 * radius {
                            let shift = |at: usize, d: usize| (at + d * step).saturating_sub(d * radius);
                            let near = from.at(shift(x, dx), shift(y, dy));
                            sums.iter_mut().zip(near).for_each(|(sum, value)| *sum += usize::from(value));
                        }
                        sums.map(|sum| u8::try_from(sum / (2 * radius + 1)).unwrap_or(u8::MAX))
                    })
                };
                along(&along(self, 1, 0), 0, 1)
            }
            Spoil::Dark(share) => self.map(|x, y| {
                let noise = ((x * 7_919 + y * 104_729) % 9) as f32 - 4.0;
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
                let darker = |value: u8| (f32::from(value) * share + noise).clamp(0.0, 255.0) as u8;
                self.at(x, y).map(darker)
            }),
        }
    }

    fn to_png(&self) -> Result<Vec<u8>, Box<dyn Error>> {
        let options = EncoderOptions::new(self.width, self.height, ColorSpace::RGB, BitDepth::Eight);
        let mut png = Vec::new();
        PngEncoder::new(&self.rgb, options).encode(&mut png).map_err(|error| format!("{error:?}"))?;
        Ok(png)
    }
}

fn fused(faces: [&FaceEvidence; 2], weight: Weight) -> Result<Template, Box<dyn Error>> {
    Ok(Template::fuse_weighted(faces.map(|face| (&face.template, weight(&face.frame.quality))))?)
}

fn moments(scores: &[f64]) -> (f64, f64) {
    let mean = scores.iter().sum::<f64>() / scores.len() as f64;
    let variance = scores.iter().map(|score| (score - mean).powi(2)).sum::<f64>() / scores.len() as f64;
    (mean, variance)
}

#[expect(clippy::print_stdout, reason = "printing is what this program is for")]
fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, samples] = arguments.as_slice() else { return Err("usage: fusion MODELS SAMPLES".into()) };
    let models = FaceModels::load(Path::new(folder))?;
    let mut people = Vec::new();
    for person in PEOPLE {
        let mut pictures = Vec::new();
        for name in PICTURES {
            let jpeg = std::fs::read(Path::new(samples).join(format!("P{person:03}/{name}.jpg")))?;
            pictures.push((models.analyse(&jpeg)?, Pixels::of_jpeg(&jpeg)?));
        }
        people.push(pictures);
    }
    for (name, how) in SPOILS {
        let (mut good, mut bad, mut refused) = (Vec::new(), Vec::new(), 0);
        for pictures in &people {
            let spoilt = |at: usize| -> Result<_, Box<dyn Error>> {
                let (_, pixels): &(FaceEvidence, Pixels) = &pictures[at];
                Ok(models.analyse(&pixels.spoilt(how).to_png()?).ok())
            };
            // The better light first: the portrait and a selfie are good, both others are spoilt.
            let (Some(enrolled), Some(captured)) = (spoilt(1)?, spoilt(3)?) else {
                refused += 1;
                continue;
            };
            good.push([&pictures[0].0, &pictures[2].0]);
            bad.push([enrolled, captured]);
        }
        println!("{name}: {} people, of {refused} a picture was refused", good.len());
        for (weighing, weight) in WEIGHTS {
            let (mut genuine, mut strangers) = (Vec::new(), Vec::new());
            for (at, (one, spoilt)) in good.iter().zip(&bad).enumerate() {
                let gallery = fused([one[0], &spoilt[0]], weight)?;
                for (other, (face, worse)) in good.iter().zip(&bad).enumerate() {
                    let score = gallery.similarity(&fused([face[1], &worse[1]], weight)?).value();
                    if at == other { genuine.push(score) } else { strangers.push(score) }
                }
            }
            let ((g, vg), (s, vs)) = (moments(&genuine), moments(&strangers));
            let least = genuine.iter().copied().fold(f64::INFINITY, f64::min);
            let most = strangers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let apart = (g - s) / f64::midpoint(vg, vs).sqrt();
            println!(
                "  {weighing:20} genuine {g:.3} (least {least:.3})  strangers {s:.3} (most {most:.3})  d' {apart:.2}"
            );
        }
    }
    println!("enrolled with two pictures each, strangers from the most alike:");
    let mut pairs = Vec::new();
    for (a, one) in people.iter().enumerate() {
        for (b, other) in people.iter().enumerate().take(a) {
            let [x, y] = [one, other].map(|p| fused([&p[0].0, &p[3].0], |_| 1.0));
            pairs.push((x?.similarity(&y?).value(), b + 1, a + 1));
        }
    }
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (score, a, b) in pairs.iter().take(8) {
        println!("  P{a:03} P{b:03} {score:.3}");
    }
    Ok(())
}
