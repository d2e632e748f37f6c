//! Somebody who moves before a camera: a sample photograph, turned, lowered and brought closer by as much as is asked.
//!
//! The head is an ellipsoid with a nose. Every point of the photograph is lifted onto it, turned with it, and drawn again;
//! what comes to lie behind something else is hidden. That is no film of a person, and is good for what it is used for:
//! the tip of the nose moves against eyes and mouth as on a head.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zune_core::bit_depth::BitDepth;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::{DecoderOptions, EncoderOptions};
use zune_jpeg::JpegDecoder;
use zune_png::PngEncoder;

/// Pixels of the photograph around the face, and of the frames made of them.
const AROUND: usize = 480;
const SIDE: usize = 320;
/// Points drawn for each pixel of the photograph, along each side.
const FINE: usize = 2;
const BETWEEN_FRAMES_MS: u32 = 100;
const PHOTOGRAPH: &str = "studio_posture";

/// Where the face is in a sample's `studio_posture`: the middle between the eyes, their distance, and the tip of the nose.
struct Head {
    face: &'static str,
    eyes: [f32; 2],
    eye_distance: f32,
    nose: [f32; 2],
}

/// As the detector finds them; the samples are pinned by hash.
const HEADS: [Head; 5] = [
    Head { face: "P001", eyes: [766.5, 363.0], eye_distance: 101.0, nose: [761.0, 421.0] },
    Head { face: "P002", eyes: [766.0, 359.0], eye_distance: 114.0, nose: [762.0, 421.0] },
    Head { face: "P003", eyes: [767.5, 367.5], eye_distance: 99.0, nose: [763.0, 421.0] },
    Head { face: "P005", eyes: [767.0, 343.0], eye_distance: 104.0, nose: [769.0, 405.0] },
    Head { face: "P007", eyes: [767.0, 357.0], eye_distance: 108.0, nose: [768.0, 416.0] },
];

/// How a head is held.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Posed {
    /// Degrees to the person's own left; negative to the right.
    pub turn: f32,
    /// Degrees the chin is lowered; negative where it is raised.
    pub nod: f32,
    /// How many times as large as from where it stands first.
    pub closer: f32,
    /// 1 for a head, 0 for a flat picture of it.
    pub depth: f32,
}

impl Posed {
    /// Looking straight, from where it stands first.
    pub const STRAIGHT: Self = Self { turn: 0.0, nod: 0.0, closer: 1.0, depth: 1.0 };
}

/// How a head is held in the frames of a movement: straight, in it, and straight again.
#[must_use]
pub fn movement(action: api::ChallengeAction) -> [Posed; 3] {
    let straight = Posed::STRAIGHT;
    match action {
        api::ChallengeAction::TurnLeft => [straight, Posed { turn: 36.0, ..straight }, straight],
        api::ChallengeAction::TurnRight => [straight, Posed { turn: -36.0, ..straight }, straight],
        api::ChallengeAction::Nod => [straight, Posed { nod: 30.0, ..straight }, straight],
        api::ChallengeAction::ComeCloser => {
            [straight, Posed { closer: 1.25, ..straight }, Posed { closer: 1.5, ..straight }]
        }
    }
}

/// The frames of a challenge, each movement made as `how` says, at the earliest times that fit; and how long they take.
/// `grain` counts the pictures, so that none comes twice.
#[must_use]
pub fn perform(
    actor: &Actor,
    challenge: &api::Challenge,
    how: &dyn Fn(api::ChallengeAction) -> [Posed; 3],
    grain: &mut u32,
) -> (Vec<api::ChallengeFrames>, Duration) {
    let mut at_ms = 0;
    let mut moves = Vec::new();
    for step in &challenge.steps {
        at_ms += step.begin_after_ms;
        let frame = |posed| {
            *grain += 1;
            at_ms += BETWEEN_FRAMES_MS;
            api::ChallengeFrame { picture: STANDARD.encode(actor.frame(posed, *grain)), at_ms }
        };
        moves.push(api::ChallengeFrames { frames: how(step.action).map(frame).to_vec() });
    }
    (moves, Duration::from_millis(at_ms.into()))
}

/// A JPEG that nobody sent before, and that shows the same: `grain` tells one from the other.
#[must_use]
pub fn taken_again(jpeg: &[u8], grain: u32) -> Vec<u8> {
    let (start, rest) = jpeg.split_at(2);
    [start, &[0xff, 0xfe, 0, 6], &grain.to_be_bytes(), rest].concat()
}

/// Somebody who moves.
pub struct Actor {
    rgb: Vec<u8>,
    head: &'static Head,
}

impl Actor {
    /// One of the sample people.
    ///
    /// # Errors
    /// A person whose head was not measured, or a photograph that cannot be read.
    pub fn of(samples: &Path, face: &str) -> Result<Self> {
        let head = HEADS.iter().find(|head| head.face == face);
        let head = head.with_context(|| format!("nobody measured where the head of {face} is"))?;
        let path = samples.join(face).join(format!("{PHOTOGRAPH}.jpg"));
        let jpeg = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::RGB);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(&jpeg[..]), options);
        let all = decoder.decode().map_err(|error| anyhow!("{}: {error}", path.display()))?;
        let width = usize::from(decoder.info().context("a decoded picture has a size")?.width);
        let [left, top] = head.corner();
        let rows = (top..top + AROUND).map(|y| (y * width + left) * 3);
        let rgb = rows.flat_map(|start| &all[start..start + AROUND * 3]).copied().collect();
        Ok(Self { rgb, head })
    }

    /// A frame of the head held so, as a PNG that nobody sent before: `grain` tells one from the other.
    ///
    /// # Panics
    /// When the picture cannot be written: a bug.
    #[must_use]
    pub fn frame(&self, posed: Posed, grain: u32) -> Vec<u8> {
        let mut rgb = self.draw(posed);
        rgb[..4].copy_from_slice(&grain.to_be_bytes());
        let options = EncoderOptions::new(SIDE, SIDE, ColorSpace::RGB, BitDepth::Eight);
        let mut png = Vec::new();
        PngEncoder::new(&rgb, options).encode(&mut png).expect("a square of pixels is a picture");
        png
    }

    fn draw(&self, posed: Posed) -> Vec<u8> {
        let mut canvas = vec![(f32::NEG_INFINITY, [0.0_f32; 3], 0.0_f32); SIDE * SIDE];
        // First how near the nearest point of each pixel is, then the mean of what is as near.
        for painting in [false, true] {
            for at in 0..(AROUND * FINE).pow(2) {
                let (x, y) = (at % (AROUND * FINE) / FINE, at / (AROUND * FINE) / FINE);
                let fine = [at % (AROUND * FINE), at / (AROUND * FINE)].map(part);
                let (place, near) = self.head.project(fine, posed);
                let Some(pixel) = pixel_at(place) else { continue };
                let (nearest, sum, weight) = &mut canvas[pixel];
                if !painting {
                    *nearest = nearest.max(near);
                } else if near >= *nearest - 0.1 {
                    let start = (y * AROUND + x) * 3;
                    for (sum, value) in sum.iter_mut().zip(&self.rgb[start..start + 3]) {
                        *sum += f32::from(*value);
                    }
                    *weight += 1.0;
                }
            }
        }
        let mut last = [127_u8; 3];
        canvas
            .iter()
            .flat_map(|(_, sum, weight)| {
                if *weight > 0.0 {
                    last = sum.map(|value| byte(value / weight));
                }
                last
            })
            .collect()
    }
}

impl Head {
    /// The upper left corner of what is taken of the photograph.
    fn corner(&self) -> [usize; 2] {
        let half = small(AROUND) / 2.0;
        [self.eyes[0], self.eyes[1] + 0.3 * self.eye_distance].map(|middle| whole(middle - half))
    }

    /// Where a point of the photograph is drawn, from 0 to 1 along each side, and how near it is, in distances of the eyes.
    fn project(&self, [x, y]: [f32; 2], posed: Posed) -> ([f32; 2], f32) {
        let unit = self.eye_distance;
        let corner = self.corner().map(small);
        let middle = [self.eyes[0], self.eyes[1] + 0.35 * unit];
        let [u, v] = [(x + corner[0] - middle[0]) / unit, (y + corner[1] - middle[1]) / unit];
        let nose = [(self.nose[0] - middle[0]) / unit, (self.nose[1] - middle[1]) / unit];
        let skull = 1.2 * (1.0 - (u / 1.2).powi(2) - (v / 1.7).powi(2)).max(0.0).sqrt();
        let tip = ((u - nose[0]) / 0.22).powi(2) + ((v - nose[1]) / 0.3).powi(2);
        let w = posed.depth * (skull + 0.35 * (-tip / 2.0).exp());
        let (sin, cos) = posed.turn.to_radians().sin_cos();
        let (u, w) = (u * cos + w * sin, w * cos - u * sin);
        let (sin, cos) = posed.nod.to_radians().sin_cos();
        let (v, w) = (v * cos + w * sin, w * cos - v * sin);
        let place = [
            u * unit * posed.closer + middle[0] - corner[0],
            v * unit * posed.closer + middle[1] - corner[1],
        ];
        (place.map(|at| at / small(AROUND)), w)
    }
}

/// From a fine point to pixels of the photograph.
fn part(fine: usize) -> f32 {
    (small(fine) + 0.5) / small(FINE)
}

fn pixel_at([x, y]: [f32; 2]) -> Option<usize> {
    let inside = (0.0..1.0).contains(&x) && (0.0..1.0).contains(&y);
    inside.then(|| {
        let [x, y] = [x, y].map(|at| whole(at * small(SIDE)).min(SIDE - 1));
        y * SIDE + x
    })
}

#[expect(clippy::cast_precision_loss, reason = "coordinates of a picture are far below 2^24")]
fn small(value: usize) -> f32 {
    value as f32
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast to an integer saturates")]
fn whole(value: f32) -> usize {
    value.max(0.0) as usize
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast to an integer saturates")]
fn byte(value: f32) -> u8 {
    value.round() as u8
}
