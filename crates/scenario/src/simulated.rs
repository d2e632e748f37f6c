//! Simulated captures: what a terminal's camera might see of a living face, a print, a screen, or a picture that was
//! put together, made from a photograph.
//!
//! They show that a gate closes and that tools find a difference that is there. They are no measure of real attacks: a
//! simulator has the marks that its author thought of, and whatever is fitted to it learns the simulator.

use anyhow::{Context, Result, ensure};
use zune_core::bit_depth::BitDepth;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::{DecoderOptions, EncoderOptions};
use zune_jpeg::JpegDecoder;
use zune_png::PngEncoder;

/// Columns of a simulated frame.
const WIDTH: usize = 600;
/// Rows of a simulated frame.
const HEIGHT: usize = 800;

/// What stands before the camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Simulated {
    /// The person.
    Living,
    /// A sheet of paper: less contrast and colour, softer, with a white rim, held a little askew.
    Print,
    /// A telephone: a raster of coloured stripes that beats with the camera's, glare, a cold white, a dark bezel.
    Replay,
    /// The same so close and so well made that no bezel and no glare are in the frame, and hardly a raster.
    CloseReplay,
    /// The second photograph beside the first.
    PastedBeside,
    /// The middle of the second photograph over the first.
    PastedOver,
}

/// A frame as PNG, of one or (pasted) two photographs as JPEG. The same seed gives the same frame; another one moves
/// the thing a little and draws other noise.
///
/// # Errors
/// A photograph that is none, or too few of them.
pub fn simulated(what: Simulated, photographs: &[Vec<u8>], seed: u64) -> Result<Vec<u8>> {
    let sources = photographs.iter().map(|jpeg| Photo::read(jpeg)).collect::<Result<Vec<_>>>()?;
    let mut random = Noise(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let view = View::drawn(&mut random, what);
    let first = sources.first().context("a photograph is needed")?;
    let second = sources.get(1);
    ensure!(
        second.is_some() || !matches!(what, Simulated::PastedBeside | Simulated::PastedOver),
        "two photographs are needed"
    );
    let second = second.unwrap_or(first);
    let mut rgb = Vec::with_capacity(WIDTH * HEIGHT * 3);
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            let at = view.place(x as f64 / WIDTH as f64 - 0.5, y as f64 / HEIGHT as f64 - 0.5);
            let seen = match what {
                Simulated::Living => first.at(at),
                Simulated::Print => print(first, at, (x, y)),
                Simulated::Replay => replay(first, at, (x, y)),
                Simulated::CloseReplay => screen(first, at, 0.05),
                Simulated::PastedBeside => beside(first, second, at),
                Simulated::PastedOver => over(first, second, at),
            };
            rgb.extend(seen.map(|value| byte(value + random.next() * 5.0)));
        }
    }
    let options = EncoderOptions::new(WIDTH, HEIGHT, ColorSpace::RGB, BitDepth::Eight);
    let mut png = Vec::new();
    PngEncoder::new(&rgb, options).encode(&mut png).ok().context("writing a simulated frame")?;
    Ok(png)
}

/// Where the camera looks: turned, moved and nearer or farther.
struct View {
    cos: f64,
    sin: f64,
    size: f64,
    shift: [f64; 2],
}

impl View {
    fn drawn(random: &mut Noise, what: Simulated) -> Self {
        // A hand holds nothing upright.
        let held = if matches!(what, Simulated::Print | Simulated::Replay | Simulated::CloseReplay) {
            0.03
        } else {
            0.0
        };
        let angle = held + 0.03 * random.next();
        let size = 1.0 + 0.04 * random.next();
        let shift = [0.02 * random.next(), 0.02 * random.next()];
        Self { cos: angle.cos(), sin: angle.sin(), size, shift }
    }

    /// From the middle of the frame, in frames, to the middle of the thing.
    fn place(&self, x: f64, y: f64) -> [f64; 2] {
        let (x, y) = (x * self.size, y * self.size);
        [x * self.cos - y * self.sin + self.shift[0], x * self.sin + y * self.cos + self.shift[1]]
    }
}

fn print(photo: &Photo, [x, y]: [f64; 2], pixel: (usize, usize)) -> [f64; 3] {
    let (x, y) = (x * 1.25, y * 1.25);
    if x.abs() > 0.54 || y.abs() > 0.54 {
        return wall(pixel);
    }
    if x.abs() > 0.5 || y.abs() > 0.5 {
        return [222.0, 219.0, 210.0];
    }
    // Ink runs: the mean of a small cross.
    let step = 0.004;
    let around = [[x, y], [x - step, y], [x + step, y], [x, y - step], [x, y + step]].map(|at| photo.at(at));
    let mean = |channel: usize| around.iter().map(|p| p[channel]).sum::<f64>() / 5.0;
    let [r, g, b] = [mean(0), mean(1), mean(2)];
    let grey = 0.299 * r + 0.587 * g + 0.114 * b;
    [r, g, b].map(|v| 45.0 + 0.68 * (grey + 0.75 * (v - grey)))
}

fn replay(photo: &Photo, [x, y]: [f64; 2], pixel: (usize, usize)) -> [f64; 3] {
    let (x, y) = (x * 1.2, y * 1.2);
    if x.abs() > 0.55 || y.abs() > 0.57 {
        return wall(pixel);
    }
    if x.abs() > 0.5 || y.abs() > 0.5 {
        return [18.0, 18.0, 20.0];
    }
    let glare = 90.0 * (-((x + 0.22).powi(2) + (y + 0.3).powi(2)) / 0.004).exp();
    screen(photo, [x, y], 0.16).map(|value| value + glare)
}

/// 250 screen pixels across, each of three stripes, and a cold white.
fn screen(photo: &Photo, [x, y]: [f64; 2], contrast: f64) -> [f64; 3] {
    let stripe = |part: f64| {
        let across = (x * 250.0 - part / 3.0) * std::f64::consts::TAU;
        let down = (y * 333.0) * std::f64::consts::TAU;
        1.0 + contrast * (across.cos() + 0.4 * down.cos())
    };
    let [r, g, b] = photo.at([x, y]);
    [12.0 + 0.86 * r * stripe(0.0), 14.0 + 0.9 * g * stripe(1.0), 22.0 + b * stripe(2.0)]
}

fn wall((x, y): (usize, usize)) -> [f64; 3] {
    let shade = 8.0 * ((x as f64 / 70.0).sin() + (y as f64 / 110.0).cos());
    [142.0 + shade, 138.0 + shade, 128.0 + shade]
}

fn beside(first: &Photo, second: &Photo, [x, y]: [f64; 2]) -> [f64; 3] {
    // Each in its half, from its middle outwards.
    if x < 0.0 { first.at([(x + 0.25) * 1.6, y * 1.6]) } else { second.at([(x - 0.25) * 1.6, y * 1.6]) }
}

fn over(first: &Photo, second: &Photo, [x, y]: [f64; 2]) -> [f64; 3] {
    let inside = x.abs() < 0.24 && y.abs() < 0.3;
    if inside { second.at([x, y]) } else { first.at([x, y]) }
}

/// A photograph, cut to the frame's shape about its middle and made about as large.
struct Photo {
    rgb: Vec<f64>,
}

impl Photo {
    fn read(jpeg: &[u8]) -> Result<Self> {
        let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::RGB);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(jpeg), options);
        let rgb = decoder.decode().ok().context("reading a photograph")?;
        let info = decoder.info().context("a photograph without a size")?;
        let (width, height) = (usize::from(info.width), usize::from(info.height));
        ensure!(
            width >= WIDTH && height >= HEIGHT,
            "a photograph of {WIDTH} x {HEIGHT} pixels at least is needed"
        );
        // The largest part of the frame's shape, about the middle.
        let scale = (width as f64 / WIDTH as f64).min(height as f64 / HEIGHT as f64);
        let left = (width as f64 - scale * WIDTH as f64) / 2.0;
        let top = (height as f64 - scale * HEIGHT as f64) / 2.0;
        let mut small = Vec::with_capacity(WIDTH * HEIGHT * 3);
        let edge = |from: f64, at: usize| whole(from + scale * at as f64);
        for y in 0..HEIGHT {
            let rows = edge(top, y)..edge(top, y + 1).max(edge(top, y) + 1).min(height);
            for x in 0..WIDTH {
                let columns = edge(left, x)..edge(left, x + 1).max(edge(left, x) + 1).min(width);
                let count = (rows.len() * columns.len()).max(1) as f64;
                for channel in 0..3 {
                    let sum: f64 = rows
                        .clone()
                        .flat_map(|y| columns.clone().map(move |x| (y * width + x) * 3 + channel))
                        .map(|at| f64::from(rgb[at]))
                        .sum();
                    small.push(sum / count);
                }
            }
        }
        Ok(Self { rgb: small })
    }

    /// Between the nearest pixels, from the middle in frames; the rim goes on outwards.
    fn at(&self, [x, y]: [f64; 2]) -> [f64; 3] {
        let place =
            |at: f64, pixels: usize| ((at + 0.5) * pixels as f64 - 0.5).clamp(0.0, (pixels - 1) as f64);
        let (x, y) = (place(x, WIDTH), place(y, HEIGHT));
        let (left, top) = (whole(x), whole(y));
        let (right, bottom) = ((left + 1).min(WIDTH - 1), (top + 1).min(HEIGHT - 1));
        let (across, down) = (x - left as f64, y - top as f64);
        let value = |x: usize, y: usize, channel: usize| self.rgb[(y * WIDTH + x) * 3 + channel];
        std::array::from_fn(|c| {
            let upper = value(left, top, c) * (1.0 - across) + value(right, top, c) * across;
            let lower = value(left, bottom, c) * (1.0 - across) + value(right, bottom, c) * across;
            upper * (1.0 - down) + lower * down
        })
    }
}

/// Numbers between -1 and 1, more often near 0.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        let mut one = || {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 11) as f64 / (1_u64 << 53) as f64
        };
        one() + one() - 1.0
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "coordinates of a picture")]
fn whole(value: f64) -> usize {
    value.max(0.0) as usize
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, as wanted")]
fn byte(value: f64) -> u8 {
    value.round() as u8
}
