//! Long straight edges around the face: the rim of a sheet or a telephone.

use super::{Grey, PictureCues, grey, inside};
use crate::evidence::FaceBox;
use crate::picture::Picture;
use crate::resample::{Crop, block_means, to_f32, to_index};

/// How much of the surroundings is looked at, in face boxes.
const WINDOW: f64 = 3.0;
/// Its longer side, about, once it is reduced.
const SIDE: usize = 160;
/// An edge leans at most so many pixels for each pixel of its length ...
const SLOPE_MAX: f64 = 0.15;
/// ... in so many steps to either side.
const SLOPES: i32 = 6;
/// Grey levels, from which on a step counts as an edge.
const STEP: f32 = 10.0;

pub(super) fn measure(picture: &Picture, face: &FaceBox, cues: &mut PictureCues) {
    let window = inside(picture, face, WINDOW);
    let block = (window.width.max(window.height) / SIDE).max(1);
    let squares = Crop {
        left: window.left / block,
        top: window.top / block,
        width: window.width / block,
        height: window.height / block,
    };
    let squares = Crop {
        width: squares.width.min(picture.width / block - squares.left.min(picture.width / block)),
        height: squares.height.min(picture.height / block - squares.top.min(picture.height / block)),
        ..squares
    };
    if squares.width < 8 || squares.height < 8 {
        return;
    }
    let small = block_means(picture, block, squares);
    let grey = grey(&small, Crop { left: 0, top: 0, width: small.width, height: small.height });
    let place = |from: f32, offset: usize| (f64::from(from) / block as f64 - offset as f64).max(0.0);
    let face = [
        to_index(place(face.x, squares.left)),
        to_index(place(face.x + face.width, squares.left)),
        to_index(place(face.y, squares.top)),
        to_index(place(face.y + face.height, squares.top)),
    ];
    let [left, right, top, bottom] = face;
    let upright = Lines { grey: &grey, upright: true };
    let lying = Lines { grey: &grey, upright: false };
    let sides = [
        upright.longest(1..left),
        upright.longest(right + 1..grey.width),
        lying.longest(1..top),
        lying.longest(bottom + 1..grey.height),
    ];
    cues.border_least = sides.iter().copied().fold(1.0, f32::min);
    cues.border_mean = sides.iter().sum::<f32>() / 4.0;
    cues.border_parallel = sides[0].min(sides[1]);
}

/// Lines of one direction, with a lean.
struct Lines<'a> {
    grey: &'a Grey,
    upright: bool,
}

impl Lines<'_> {
    /// The step across a line at a place along it.
    fn step(&self, across: usize, along: usize) -> f32 {
        let value = |across, along| {
            if self.upright { self.grey.at(across, along) } else { self.grey.at(along, across) }
        };
        value(across, along) - value(across - 1, along)
    }

    /// The largest share of a line's length over which it is an edge in one and the same sense, of all lines whose
    /// middle lies in the range.
    fn longest(&self, middles: std::ops::Range<usize>) -> f32 {
        let (wide, long) = if self.upright {
            (self.grey.width, self.grey.height)
        } else {
            (self.grey.height, self.grey.width)
        };
        let mut most = 0.0_f64;
        for middle in middles.start.max(1)..middles.end.min(wide) {
            for lean in -SLOPES..=SLOPES {
                let slope = SLOPE_MAX * f64::from(lean) / f64::from(SLOPES);
                let (mut up, mut down) = (0.0_f64, 0.0_f64);
                for along in 0..long {
                    let across = middle as f64 + slope * (along as f64 - long as f64 / 2.0);
                    if across < 1.0 || across >= wide as f64 {
                        continue;
                    }
                    let step = self.step(to_index(across), along);
                    if step > STEP {
                        up += 1.0;
                    } else if step < -STEP {
                        down += 1.0;
                    }
                }
                most = most.max(up.max(down) / long as f64);
            }
        }
        to_f32(most)
    }
}
