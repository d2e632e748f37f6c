//! The few operations face networks are made of, for one picture on one thread.
//!
//! A tensor lies pixel by pixel, its channels side by side and padded with zeros to whole vectors; so a depthwise
//! convolution is a sum of vectors and every other one a product of matrices, whatever the picture's width. Which
//! vectors there are is found out when running (AVX-512, AVX2, Neon, or plain code), and what follows a
//! convolution, bias and activation, happens before its sums leave the registers.

use rten_simd::ops::{BitOps as _, NumOps as _};
use rten_simd::{Isa, SimdOp};

/// Channels are padded to a multiple of this, the widest vector there is.
const PAD: usize = 16;
/// So many numbers of gathered pixels are multiplied with all weights before the next are gathered; they and a
/// panel of weights stay in a core's own cache.
const BLOCK: usize = 64 * 1024;

/// The activations of one picture.
#[derive(Default)]
pub(super) struct Tensor {
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) channels: usize,
    /// From one pixel to the next; 0 when the channels lie in planes, as in a network's input.
    pub(super) stride: usize,
    pub(super) data: Vec<f32>,
}

/// Channels with their padding.
pub(super) const fn padded(channels: usize) -> usize {
    channels.next_multiple_of(PAD)
}

/// How a window moves over a picture: height and width of the kernel, its steps, and rows and columns of zeros at
/// the top, left, bottom and right.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) kernel: [usize; 2],
    pub(super) steps: [usize; 2],
    pub(super) zeros: [usize; 4],
}

impl Window {
    /// One pixel to one pixel.
    pub(super) const POINT: Self = Self { kernel: [1; 2], steps: [1; 2], zeros: [0; 4] };

    /// Rows and columns that come out, none where the picture is smaller than the kernel.
    pub(super) fn size(&self, input: &Tensor) -> [usize; 2] {
        let along = |side: usize, zeros: usize, kernel: usize, step: usize| {
            (side + zeros).checked_sub(kernel).map_or(0, |room| room / step + 1)
        };
        let [top, left, bottom, right] = self.zeros;
        [
            along(input.height, top + bottom, self.kernel[0], self.steps[0]),
            along(input.width, left + right, self.kernel[1], self.steps[1]),
        ]
    }
}

/// What happens to each sum: `bias` is added, and what is negative is multiplied with `slope`: 1 does nothing, 0 is
/// a rectifier, and a number for each channel a parametric one.
pub(super) struct Finish {
    pub(super) bias: Vec<f32>,
    pub(super) slope: Vec<f32>,
}

/// A convolution that mixes channels, or a product with a matrix.
pub(super) struct Dense {
    pub(super) window: Window,
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    /// The whole input is one pixel, row by row, its channels innermost.
    pub(super) flat: bool,
    /// For each group of two vectors of outputs, for each input, its weights.
    pub(super) panels: Vec<f32>,
    pub(super) finish: Finish,
}

/// A convolution of each channel with itself.
pub(super) struct Depthwise {
    pub(super) window: Window,
    /// For each place of the kernel a weight for each channel.
    pub(super) weights: Vec<f32>,
    pub(super) finish: Finish,
}

/// Code without vectors of its own, compiled for the widest there are.
pub(crate) struct Wide<F>(pub(crate) F);

impl<T, F: FnOnce() -> T> SimdOp for Wide<F> {
    type Output = T;

    #[inline(always)]
    fn eval<I: Isa>(self, _isa: I) -> T {
        (self.0)()
    }
}

/// Numbers in a vector of this machine.
struct Lanes;

impl SimdOp for Lanes {
    type Output = usize;

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) -> usize {
        isa.f32().len()
    }
}

/// Outputs that are summed side by side: two vectors.
fn panel_width() -> usize {
    2 * Lanes.dispatch()
}

/// Weights, given for each input by `weight(output, input)`, in the order [`dense`] reads them.
pub(super) fn packed(outputs: usize, inputs: usize, weight: impl Fn(usize, usize) -> f32) -> Vec<f32> {
    let mut panels = Vec::with_capacity(padded(outputs) * inputs);
    let width = panel_width();
    for first in (0..padded(outputs)).step_by(width) {
        let end = (first + width).min(padded(outputs));
        for input in 0..inputs {
            panels.extend((first..end).map(|to| if to < outputs { weight(to, input) } else { 0.0 }));
        }
    }
    panels
}

// In all that follows `out` has the right size, and anything in it.

/// Runs a [`Dense`]; `tiles` is room to gather pixels in.
pub(super) fn dense(op: &Dense, input: &Tensor, out: &mut Tensor, tiles: &mut Vec<f32>) {
    RunDense { op, input, out, tiles }.dispatch();
}

struct RunDense<'a> {
    op: &'a Dense,
    input: &'a Tensor,
    out: &'a mut Tensor,
    tiles: &'a mut Vec<f32>,
}

impl SimdOp for RunDense<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        // As many sums as registers hold: 32 of 16 numbers, or 16 of 8.
        match (self.out.height * self.out.width, isa.f32().len()) {
            (1, _) => self.sweep::<I, 1>(isa),
            (_, 16) => self.direct::<I, 12>(isa),
            _ => self.direct::<I, 6>(isa),
        }
    }
}

impl RunDense<'_> {
    /// Pixels of few channels are read where they lie: gathering would take as long as the products. The compiler
    /// must know how far apart they are.
    #[inline(always)]
    fn direct<I: Isa, const PIXELS: usize>(self, isa: I) {
        let point = self.op.window == Window::POINT && !self.op.flat;
        match self.input.stride {
            16 if point => self.points::<I, PIXELS, 16>(isa),
            32 if point => self.points::<I, PIXELS, 32>(isa),
            64 if point => self.points::<I, PIXELS, 64>(isa),
            _ => self.sweep::<I, PIXELS>(isa),
        }
    }

    #[inline(always)]
    fn points<I: Isa, const PIXELS: usize, const STRIDE: usize>(self, isa: I) {
        let Self { op, input, out, tiles } = self;
        let (lanes, depth, stride) = (isa.f32().len(), op.depth(), out.stride);
        let pixels = input.data.as_chunks::<STRIDE>().0;
        let (whole, rest) = pixels.as_chunks::<PIXELS>();
        // What is left over is filled up with zeros.
        tiles.clear();
        tiles.extend(rest.as_flattened());
        tiles.resize(PIXELS * STRIDE, 0.0);
        let last = tiles.as_chunks::<STRIDE>().0.as_chunks::<PIXELS>().0;
        let count = whole.len() + usize::from(!rest.is_empty());
        for (at, place) in whole.iter().chain(last).take(count).enumerate() {
            let rows = PIXELS.min(pixels.len() - at * PIXELS);
            let mut others = op.panels.as_slice();
            for channel in (0..stride).step_by(2 * lanes) {
                let wide = (stride - channel).min(2 * lanes);
                let (panel, rest) = others.split_at(wide * depth);
                others = rest;
                let finish =
                    (&op.finish.bias[channel..channel + wide], &op.finish.slope[channel..channel + wide]);
                let to = (&mut out.data[at * PIXELS * stride + channel..], stride, rows);
                let place = Rows::<PIXELS, STRIDE>(place);
                if wide == lanes {
                    product::<I, PIXELS, 1>(isa, (place, panel), finish, to);
                } else {
                    product::<I, PIXELS, 2>(isa, (place, panel), finish, to);
                }
            }
        }
    }

    #[inline(always)]
    fn sweep<I: Isa, const PIXELS: usize>(self, isa: I) {
        let Self { op, input, out, tiles } = self;
        let (lanes, depth) = (isa.f32().len(), op.depth());
        let (pixels, stride, row) = (out.height * out.width, out.stride, out.width);
        let per_block = (BLOCK / depth / PIXELS).max(1) * PIXELS;
        tiles.resize(per_block.min(pixels.next_multiple_of(PIXELS)) * depth, 0.0);
        for start in (0..pixels).step_by(per_block) {
            let end = (start + per_block).min(pixels);
            let firsts = (start..end).step_by(PIXELS);
            for (tile, first) in tiles.chunks_exact_mut(depth * PIXELS).zip(firsts.clone()) {
                gather::<PIXELS>(op, input, (first, end.min(first + PIXELS), row), tile);
            }
            let mut rest = op.panels.as_slice();
            for channel in (0..stride).step_by(2 * lanes) {
                let wide = (stride - channel).min(2 * lanes);
                let (panel, others) = rest.split_at(wide * depth);
                rest = others;
                let bias = &op.finish.bias[channel..channel + wide];
                let slope = &op.finish.slope[channel..channel + wide];
                for (tile, first) in tiles.chunks_exact(depth * PIXELS).zip(firsts.clone()) {
                    let to = (&mut out.data[first * stride + channel..], stride, PIXELS.min(end - first));
                    let tile = Tile::<PIXELS>(tile.as_chunks().0);
                    if wide == lanes {
                        product::<I, PIXELS, 1>(isa, (tile, panel), (bias, slope), to);
                    } else {
                        product::<I, PIXELS, 2>(isa, (tile, panel), (bias, slope), to);
                    }
                }
            }
        }
    }
}

/// Where the inputs of a tile of pixels are: for each input, one number a pixel.
trait Pixels<const PIXELS: usize>: Copy {
    fn input(&self, at: usize) -> [f32; PIXELS];
}

/// Gathered.
#[derive(Clone, Copy)]
struct Tile<'a, const PIXELS: usize>(&'a [[f32; PIXELS]]);

/// In the tensor itself.
#[derive(Clone, Copy)]
struct Rows<'a, const PIXELS: usize, const STRIDE: usize>(&'a [[f32; STRIDE]; PIXELS]);

impl<const PIXELS: usize> Pixels<PIXELS> for Tile<'_, PIXELS> {
    #[inline(always)]
    fn input(&self, at: usize) -> [f32; PIXELS] {
        self.0[at]
    }
}

impl<const PIXELS: usize, const STRIDE: usize> Pixels<PIXELS> for Rows<'_, PIXELS, STRIDE> {
    #[inline(always)]
    fn input(&self, at: usize) -> [f32; PIXELS] {
        std::array::from_fn(|pixel| self.0[pixel][at])
    }
}

impl Dense {
    /// Numbers that one output is a sum of.
    fn depth(&self) -> usize {
        self.inputs * self.window.kernel[0] * self.window.kernel[1]
    }
}

/// The inputs of the pixels `first..end`, for each input one number a pixel.
#[inline(always)]
fn gather<const PIXELS: usize>(
    op: &Dense,
    input: &Tensor,
    (first, end, row): (usize, usize, usize),
    tile: &mut [f32],
) {
    let places = tile.as_chunks_mut::<PIXELS>().0;
    if op.flat || (op.window == Window::POINT && input.stride > 0) {
        for (at, pixel) in (first..end).enumerate() {
            let values = &input.data[pixel * input.stride..][..op.inputs];
            for (place, value) in places.iter_mut().zip(values) {
                place[at] = *value;
            }
        }
        return;
    }
    let Window { kernel, steps, zeros } = op.window;
    let (channel_step, pixel_step) =
        if input.stride > 0 { (1, input.stride) } else { (input.height * input.width, 1) };
    let (top, left) = (first / row * steps[0], first % row * steps[1]);
    let last = left + (PIXELS - 1) * steps[1] + kernel[1];
    let all_inside = first + PIXELS == end
        && first / row == (end - 1) / row
        && top >= zeros[0]
        && left >= zeros[1]
        && top + kernel[0] <= input.height + zeros[0]
        && last <= input.width + zeros[1];
    if all_inside {
        let corner = ((top - zeros[0]) * input.width + left - zeros[1]) * pixel_step;
        let offsets = (0..kernel[0]).flat_map(|y| (0..kernel[1]).map(move |x| y * input.width + x));
        for (offset, places) in offsets.zip(places.chunks_exact_mut(op.inputs)) {
            for (channel, place) in places.iter_mut().enumerate() {
                let from = &input.data[corner + offset * pixel_step + channel * channel_step..];
                for (value, from) in place.iter_mut().zip(from.iter().step_by(steps[1] * pixel_step)) {
                    *value = *from;
                }
            }
        }
        return;
    }
    for (at, pixel) in (first..end).enumerate() {
        let (top, left) = ((pixel / row) * steps[0], (pixel % row) * steps[1]);
        let mut places = places.chunks_exact_mut(op.inputs);
        for y in top..top + kernel[0] {
            for x in left..left + kernel[1] {
                let Some(places) = places.next() else { return };
                let inside = (zeros[0]..input.height + zeros[0]).contains(&y)
                    && (zeros[1]..input.width + zeros[1]).contains(&x);
                if !inside {
                    places.iter_mut().for_each(|place| place[at] = 0.0);
                    continue;
                }
                let from = ((y - zeros[0]) * input.width + x - zeros[1]) * pixel_step;
                for (channel, place) in places.iter_mut().enumerate() {
                    place[at] = input.data[from + channel * channel_step];
                }
            }
        }
    }
}

/// The outputs of a tile of pixels for `VECTORS` vectors of channels; `rows` of them are pixels that exist.
#[inline(always)]
fn product<I: Isa, const PIXELS: usize, const VECTORS: usize>(
    isa: I,
    (pixels, panel): (impl Pixels<PIXELS>, &[f32]),
    (bias, slope): (&[f32], &[f32]),
    (out, stride, rows): (&mut [f32], usize, usize),
) {
    let ops = isa.f32();
    let lanes = ops.len();
    let mut sums = [ops.load_many::<VECTORS>(bias); PIXELS];
    for (at, weights) in panel.chunks_exact(VECTORS * lanes).enumerate() {
        let weights = ops.load_many::<VECTORS>(weights);
        for (sums, value) in sums.iter_mut().zip(pixels.input(at)) {
            let value = ops.splat(value);
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum = ops.mul_add(value, weight, *sum);
            }
        }
    }
    let (zero, slope) = (ops.zero(), ops.load_many::<VECTORS>(slope));
    for (row, sums) in sums.into_iter().enumerate().take(rows) {
        let to = &mut out[row * stride..][..VECTORS * lanes];
        for ((to, sum), slope) in to.chunks_exact_mut(lanes).zip(sums).zip(slope) {
            ops.store(ops.select(sum, ops.mul(sum, slope), ops.ge(sum, zero)), to);
        }
    }
}

/// Runs a [`Depthwise`].
pub(super) fn depthwise(op: &Depthwise, input: &Tensor, out: &mut Tensor) {
    RunDepthwise { op, input, out }.dispatch();
}

struct RunDepthwise<'a> {
    op: &'a Depthwise,
    input: &'a Tensor,
    out: &'a mut Tensor,
}

impl SimdOp for RunDepthwise<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let Self { op, input, out } = self;
        let (width, stride) = (out.width, out.stride);
        let Window { kernel, steps, zeros } = op.window;
        // Columns whose window lies inside; all kernels of more than one pixel here are of three.
        let within = match kernel {
            [3, 3] => {
                let first = zeros[1].div_ceil(steps[1]).min(width);
                let end = (input.width + zeros[1]).checked_sub(3).map_or(0, |room| room / steps[1] + 1);
                first..end.clamp(first, width)
            }
            _ => 0..0,
        };
        for (y, line) in out.data.chunks_exact_mut(width * stride).enumerate() {
            let (before, rest) = line.split_at_mut(within.start * stride);
            let (inner, after) = rest.split_at_mut((within.end - within.start) * stride);
            for (x, pixel) in before.chunks_exact_mut(stride).enumerate() {
                one_pixel(isa, op, input, ((y, x), pixel));
            }
            if !inner.is_empty() {
                three_by_three(isa, op, input, ((y, within.start), inner));
            }
            for (x, pixel) in after.chunks_exact_mut(stride).enumerate() {
                one_pixel(isa, op, input, ((y, within.end + x), pixel));
            }
        }
    }
}

/// Pixels of a row whose windows of three by three lie inside, left and right; above and below they may not.
#[inline(always)]
fn three_by_three<I: Isa>(
    isa: I,
    op: &Depthwise,
    input: &Tensor,
    ((y, x), to): ((usize, usize), &mut [f32]),
) {
    let ops = isa.f32();
    let (lanes, zero, stride) = (ops.len(), ops.zero(), input.stride);
    let Window { kernel: _, steps, zeros } = op.window;
    let (line, pixel) = (input.width * stride, steps[1] * stride);
    let rows = inside(y * steps[0], 3, zeros[0], input.height);
    let left = (x * steps[1] - zeros[1]) * stride;
    // A row that is not there has no weight, and any other stands in for it.
    let from: [&[f32]; 3] = std::array::from_fn(|row| {
        let row = row.clamp(rows.start, rows.end - 1);
        &input.data[(y * steps[0] + row - zeros[0]) * line + left..]
    });
    for channel in (0..stride).step_by(lanes) {
        let weights: [[I::F32; 3]; 3] = std::array::from_fn(|row| {
            std::array::from_fn(|column| match rows.contains(&row) {
                true => ops.load(&op.weights[(row * 3 + column) * stride + channel..]),
                false => zero,
            })
        });
        let bias = ops.load(&op.finish.bias[channel..]);
        let slope = ops.load(&op.finish.slope[channel..]);
        for (at, to) in to.chunks_exact_mut(stride).enumerate() {
            let mut sum = bias;
            for (from, weights) in from.iter().zip(&weights) {
                let from = &from[at * pixel + channel..][..2 * stride + lanes];
                for (column, weight) in weights.iter().enumerate() {
                    sum = ops.mul_add(ops.load(&from[column * stride..]), *weight, sum);
                }
            }
            ops.store(ops.select(sum, ops.mul(sum, slope), ops.ge(sum, zero)), &mut to[channel..]);
        }
    }
}

/// A pixel whose window may reach over every edge.
#[inline(always)]
fn one_pixel<I: Isa>(isa: I, op: &Depthwise, input: &Tensor, ((y, x), pixel): ((usize, usize), &mut [f32])) {
    let ops = isa.f32();
    let (lanes, zero, stride) = (ops.len(), ops.zero(), input.stride);
    let Window { kernel: [high, wide], steps, zeros } = op.window;
    let rows = inside(y * steps[0], high, zeros[0], input.height);
    let columns = inside(x * steps[1], wide, zeros[1], input.width);
    let left = (x * steps[1] + columns.start - zeros[1]) * stride;
    for (part, to) in pixel.chunks_exact_mut(lanes).enumerate() {
        let channel = part * lanes;
        let mut sum = ops.load(&op.finish.bias[channel..]);
        for row in rows.clone() {
            let from = (y * steps[0] + row - zeros[0]) * input.width * stride + left + channel;
            let values = input.data[from..].chunks(stride);
            let weights = op.weights[(row * wide + columns.start) * stride + channel..].chunks(stride);
            for ((value, weight), _column) in values.zip(weights).zip(columns.clone()) {
                sum = ops.mul_add(ops.load(value), ops.load(weight), sum);
            }
        }
        let slope = ops.load(&op.finish.slope[channel..]);
        ops.store(ops.select(sum, ops.mul(sum, slope), ops.ge(sum, zero)), to);
    }
}

/// Which of `kernel` places lie inside, of a side of `side` behind `zeros` zeros, when the first is at `start`.
#[inline(always)]
fn inside(start: usize, kernel: usize, zeros: usize, side: usize) -> std::ops::Range<usize> {
    zeros.saturating_sub(start).min(kernel)..(side + zeros).saturating_sub(start).min(kernel)
}

/// The largest of each square of two by two; what is left over at the right and lower edge is left out.
pub(super) fn halve(input: &Tensor, out: &mut Tensor) {
    let (stride, width) = (input.stride, out.width.max(1));
    Wide(
        #[inline(always)]
        || {
            for (at, to) in out.data.chunks_exact_mut(stride).enumerate() {
                let from = (at / width * 2 * input.width + at % width * 2) * stride;
                let below = from + input.width * stride;
                let (upper, lower) = (&input.data[from..][..2 * stride], &input.data[below..][..2 * stride]);
                let (a, b) = upper.split_at(stride);
                let (c, d) = lower.split_at(stride);
                for ((to, (a, b)), (c, d)) in to.iter_mut().zip(a.iter().zip(b)).zip(c.iter().zip(d)) {
                    *to = a.max(*b).max(c.max(*d));
                }
            }
        },
    )
    .dispatch();
}

/// Every pixel four times.
pub(super) fn double(input: &Tensor, out: &mut Tensor) {
    let (stride, width) = (input.stride, out.width.max(1));
    for (at, to) in out.data.chunks_exact_mut(stride).enumerate() {
        let from = (at / width / 2 * input.width + at % width / 2) * stride;
        to.copy_from_slice(&input.data[from..][..stride]);
    }
}

/// Sums, number by number.
pub(super) fn add(one: &Tensor, other: &Tensor, out: &mut Tensor) {
    Wide(
        #[inline(always)]
        || {
            for ((to, a), b) in out.data.iter_mut().zip(&one.data).zip(&other.data) {
                *to = a + b;
            }
        },
    )
    .dispatch();
}

/// Every pixel times the same pixel.
pub(super) fn gate(input: &Tensor, gates: &Tensor, out: &mut Tensor) {
    let pixels = out.data.chunks_exact_mut(input.stride).zip(input.data.chunks_exact(input.stride));
    for (to, from) in pixels {
        for ((to, value), gate) in to.iter_mut().zip(from).zip(&gates.data) {
            *to = value * gate;
        }
    }
}

/// The mean of all pixels.
pub(super) fn mean(input: &Tensor, out: &mut Tensor) {
    out.data.fill(0.0);
    for pixel in input.data.chunks_exact(input.stride) {
        for (sum, value) in out.data.iter_mut().zip(pixel) {
            *sum += value;
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "pixels of a picture are far below 2^24")]
    let pixels = (input.height * input.width) as f32;
    out.data.iter_mut().for_each(|sum| *sum /= pixels);
}

/// `scale * value + shift`.
pub(super) fn affine(input: &Tensor, scale: f32, shift: f32, out: &mut Tensor) {
    for (to, value) in out.data.iter_mut().zip(&input.data) {
        *to = value * scale + shift;
    }
}

/// The logistic function; the padding stays zero.
pub(super) fn sigmoid(input: &Tensor, out: &mut Tensor) {
    let pixels = out.data.chunks_exact_mut(input.stride).zip(input.data.chunks_exact(input.stride));
    for (to, from) in pixels {
        let (to, padding) = to.split_at_mut(input.channels);
        for (to, value) in to.iter_mut().zip(from) {
            *to = 1.0 / (1.0 + (-value).exp());
        }
        padding.fill(0.0);
    }
}

/// Multiplies the weights of each output with its own number.
pub(super) fn rescale(op: &mut Dense, scale: &[f32]) {
    let (width, depth) = (panel_width(), op.depth());
    let mut rest = op.panels.as_mut_slice();
    for first in (0..padded(op.outputs)).step_by(width) {
        let wide = width.min(padded(op.outputs) - first);
        let (panel, others) = rest.split_at_mut(wide * depth);
        rest = others;
        for weights in panel.chunks_exact_mut(wide) {
            weights.iter_mut().zip(&scale[first..]).for_each(|(weight, scale)| *weight *= scale);
        }
    }
}

#[cfg(test)]
mod tests;
