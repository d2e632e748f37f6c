//! Resampling that agrees with `OpenCV` to a rounding step, because the networks' landmarks follow the pixels:
//! area averaging (`INTER_AREA`), bilinear (`INTER_LINEAR`) and a bilinear similarity warp (`warpAffine`).

use rten_simd::SimdOp as _;

use crate::picture::Picture;
use crate::runtime::Wide;

/// A rectangle of whole pixels inside a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Crop {
    pub(crate) left: usize,
    pub(crate) top: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

/// Where a target pixel looks in the source: `x = a u - b v + x0`, `y = b u + a v + y0` for target (u, v).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Similarity {
    pub(crate) a: f64,
    pub(crate) b: f64,
    pub(crate) x0: f64,
    pub(crate) y0: f64,
}

/// Reduces to `width` x `height`, each no larger than the source: a target pixel is the mean of the source
/// area it covers, parts of pixels counted as parts.
pub(crate) fn reduce_by_area(source: &Picture, width: usize, height: usize) -> Picture {
    Wide(
        #[inline(always)]
        || area_means(source, width, height),
    )
    .dispatch()
}

#[inline(always)]
fn area_means(source: &Picture, width: usize, height: usize) -> Picture {
    let columns: Vec<Coverage> = (0..width).map(|x| Coverage::of(x, width, source.width)).collect();
    let stride = source.width * 3;
    let mut rgb = Vec::with_capacity(width * height * 3);
    let mut column_means = vec![0.0_f32; stride];
    for y in 0..height {
        let rows = Coverage::of(y, height, source.height);
        column_means.fill(0.0);
        for (row, weight) in (rows.first..).zip(&rows.weights) {
            let samples = &source.rgb[row * stride..(row + 1) * stride];
            for (mean, sample) in column_means.iter_mut().zip(samples) {
                *mean += f32::from(*sample) * weight;
            }
        }
        for column in &columns {
            let mut sums = [0.0_f32; 3];
            let pixels = column_means[column.first * 3..].as_chunks::<3>().0;
            for (pixel, weight) in pixels.iter().zip(&column.weights) {
                for (sum, value) in sums.iter_mut().zip(pixel) {
                    *sum += value * weight;
                }
            }
            rgb.extend(sums.map(to_byte));
        }
    }
    Picture { width, height, rgb }
}

/// The source pixels one target pixel covers along one axis, and their shares, which sum to 1.
struct Coverage {
    first: usize,
    weights: Vec<f32>,
}

impl Coverage {
    fn of(target: usize, targets: usize, sources: usize) -> Self {
        let ratio = sources as f64 / targets as f64;
        let (start, end) = (target as f64 * ratio, ((target + 1) as f64 * ratio).min(sources as f64));
        let first = to_index(start).min(sources - 1);
        let weights = (first..sources)
            .map(|source| {
                let common = end.min((source + 1) as f64) - start.max(source as f64);
                to_f32(common / (end - start))
            })
            .take_while(|share| *share > 0.0)
            .collect();
        Self { first, weights }
    }
}

/// Resizes a part of a picture to `width` x `height`, interpolating between the nearest pixels' centres and
/// repeating the border. In `OpenCV`'s fixed-point arithmetic for bytes: the liveness networks answer to single
/// grey levels.
pub(crate) fn resize_bilinear(source: &Picture, crop: Crop, width: usize, height: usize) -> Picture {
    let columns: Vec<Between> = (0..width).map(|x| Between::of(x, width, crop.width)).collect();
    let mut rgb = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        let row = Between::of(y, height, crop.height);
        let line = |offset: usize| {
            let start = ((crop.top + offset) * source.width + crop.left) * 3;
            source.rgb[start..start + crop.width * 3].as_chunks::<3>().0
        };
        let (upper, lower) = (line(row.low), line(row.high));
        for column in &columns {
            for channel in 0..3 {
                let across = |pixels: &[[u8; 3]]| {
                    i32::from(pixels[column.low][channel]) * column.shares[0]
                        + i32::from(pixels[column.high][channel]) * column.shares[1]
                };
                let above = ((across(upper) >> 4) * row.shares[0]) >> 16;
                let below = ((across(lower) >> 4) * row.shares[1]) >> 16;
                rgb.push(u8::try_from((above + below + 2) >> 2).unwrap_or(u8::MAX));
            }
        }
    }
    Picture { width, height, rgb }
}

/// Two neighbouring source pixels and their shares in 2048ths.
struct Between {
    low: usize,
    high: usize,
    shares: [i32; 2],
}

impl Between {
    fn of(target: usize, targets: usize, sources: usize) -> Self {
        let at = (target as f64 + 0.5) * (sources as f64 / targets as f64) - 0.5;
        if at <= 0.0 {
            return Self { low: 0, high: 0, shares: [2048, 0] };
        }
        let low = to_index(at);
        if low + 1 >= sources {
            return Self { low: sources - 1, high: sources - 1, shares: [2048, 0] };
        }
        let share = to_f32(at - low as f64);
        Self { low, high: low + 1, shares: [1.0 - share, share].map(to_2048ths) }
    }
}

/// The means of squares of `block` pixels, counted from the source's upper left corner; incomplete squares at the
/// right and lower edge are left out. `crop` is in squares.
pub(crate) fn block_means(source: &Picture, block: usize, crop: Crop) -> Picture {
    Wide(
        #[inline(always)]
        || whole_means(source, block, crop),
    )
    .dispatch()
}

#[inline(always)]
fn whole_means(source: &Picture, block: usize, crop: Crop) -> Picture {
    let mut rgb = Vec::with_capacity(crop.width * crop.height * 3);
    let mut sums = vec![[0_u32; 3]; crop.width];
    let per_block = (block * block) as f32;
    for row in crop.top..crop.top + crop.height {
        sums.fill([0; 3]);
        for y in row * block..(row + 1) * block {
            let start = (y * source.width + crop.left * block) * 3;
            let line = &source.rgb[start..start + crop.width * block * 3];
            for (sum, square) in sums.iter_mut().zip(line.chunks_exact(block * 3)) {
                for pixel in square.as_chunks::<3>().0 {
                    for (total, value) in sum.iter_mut().zip(pixel) {
                        *total += u32::from(*value);
                    }
                }
            }
        }
        rgb.extend(sums.iter().flatten().map(|total| to_byte(*total as f32 / per_block)));
    }
    Picture { width: crop.width, height: crop.height, rgb }
}

/// A square crop of `side` pixels taken through `map`, bilinear; black outside the source.
pub(crate) fn warp(source: &Picture, map: Similarity, side: usize) -> Picture {
    let mut rgb = Vec::with_capacity(side * side * 3);
    for v in 0..side {
        for u in 0..side {
            let (u, v) = (u as f64, v as f64);
            let x = map.a * u - map.b * v + map.x0;
            let y = map.b * u + map.a * v + map.y0;
            rgb.extend(sample(source, x, y));
        }
    }
    Picture { width: side, height: side, rgb }
}

fn sample(source: &Picture, x: f64, y: f64) -> [u8; 3] {
    let (left, top) = (x.floor(), y.floor());
    let (right_share, lower_share) = (to_f32(x - left), to_f32(y - top));
    let pixel = |dx: f64, dy: f64| {
        let (column, row) = (left + dx, top + dy);
        let inside =
            column >= 0.0 && row >= 0.0 && column < source.width as f64 && row < source.height as f64;
        if !inside {
            return [0_u8; 3];
        }
        let at = (to_index(row) * source.width + to_index(column)) * 3;
        [source.rgb[at], source.rgb[at + 1], source.rgb[at + 2]]
    };
    let corners = [pixel(0.0, 0.0), pixel(1.0, 0.0), pixel(0.0, 1.0), pixel(1.0, 1.0)];
    std::array::from_fn(|channel| {
        let [a, b, c, d] = corners.map(|corner| f32::from(corner[channel]));
        to_byte(lerp(lerp(a, b, right_share), lerp(c, d, right_share), lower_share))
    })
}

fn lerp(from: f32, to: f32, share: f32) -> f32 {
    from + (to - from) * share
}

/// Nearest byte, ties to even as `OpenCV` rounds; what is out of range saturates and what is no number is 0.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, as promised")]
fn to_byte(value: f32) -> u8 {
    value.round_ties_even() as u8
}

/// A share in 0..=1 as a whole number of 2048ths, ties to even.
#[expect(clippy::cast_possible_truncation, reason = "at most 2048")]
fn to_2048ths(share: f32) -> i32 {
    (share * 2048.0).round_ties_even() as i32
}

/// The whole part of a coordinate; negative ones and those that are no number are 0.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, as promised")]
pub(crate) fn to_index(value: f64) -> usize {
    value as usize
}

#[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is the point")]
pub(crate) fn to_f32(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn grey(width: usize, height: usize, values: &[u8]) -> Picture {
        Picture { width, height, rgb: values.iter().flat_map(|v| [*v; 3]).collect() }
    }

    fn red(picture: &Picture) -> Vec<u8> {
        picture.rgb.chunks(3).map(|p| p[0]).collect()
    }

    #[test]
    fn area_counts_parts_of_pixels() {
        let row = grey(5, 1, &[0, 100, 200, 50, 250]);
        // Each target covers 2.5 pixels: (0 + 100 + 200/2)/2.5 and (200/2 + 50 + 250)/2.5.
        assert_eq!(red(&reduce_by_area(&row, 2, 1)), [80, 160]);
        let square = grey(2, 2, &[0, 10, 20, 30]);
        assert_eq!(red(&reduce_by_area(&square, 1, 1)), [15]);
    }

    #[test]
    fn blocks_are_whole() {
        let picture = grey(5, 2, &[0, 10, 100, 100, 9, 20, 30, 100, 104, 9]);
        let means = block_means(&picture, 2, Crop { left: 0, top: 0, width: 2, height: 1 });
        assert_eq!(red(&means), [15, 101]);
        assert_eq!(red(&block_means(&picture, 2, Crop { left: 1, top: 0, width: 1, height: 1 })), [101]);
    }

    #[test]
    fn bilinear_repeats_the_border() {
        let row = grey(2, 1, &[0, 100]);
        let crop = Crop { left: 0, top: 0, width: 2, height: 1 };
        assert_eq!(red(&resize_bilinear(&row, crop, 4, 1)), [0, 25, 75, 100]);
        let inner = Crop { left: 1, top: 0, width: 1, height: 1 };
        assert_eq!(red(&resize_bilinear(&row, inner, 2, 2)), [100; 4]);
    }

    #[test]
    fn warp_is_black_outside() {
        let square = grey(2, 2, &[40, 80, 120, 160]);
        let shifted = Similarity { a: 1.0, b: 0.0, x0: 0.5, y0: -1.0 };
        assert_eq!(red(&warp(&square, shifted, 2)), [0, 0, 60, 40]);
        let nowhere = Similarity { a: f64::NAN, b: 0.0, x0: 0.0, y0: f64::INFINITY };
        assert_eq!(red(&warp(&square, nowhere, 1)), [0]);
    }

    proptest! {
        #[test]
        fn a_plain_picture_stays_plain(
            (width, height) in (1_usize..90, 1_usize..90), shade in any::<u8>(), (w, h) in (1_usize..90, 1_usize..90)
        ) {
            let plain = grey(width, height, &vec![shade; width * height]);
            let reduced = reduce_by_area(&plain, w.min(width), h.min(height));
            prop_assert!(reduced.rgb.iter().all(|v| *v == shade));
            let crop = Crop { left: 0, top: 0, width, height };
            let resized = resize_bilinear(&plain, crop, w, h);
            prop_assert_eq!(resized.rgb.clone(), vec![shade; w * h * 3]);
        }
    }
}
