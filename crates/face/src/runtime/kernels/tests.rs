//! Convolutions against the sums they stand for, of odd sizes.

use super::*;
use proptest::prelude::*;

/// A number for each place, small and of both signs.
fn number(at: usize) -> f32 {
    f32::from(i8::try_from((at * 37 + at / 11) % 200).unwrap_or(0) - 50) / 50.0
}

fn tensor(height: usize, width: usize, channels: usize, planar: bool) -> Tensor {
    let stride = if planar { 0 } else { padded(channels) };
    let mut data = vec![0.0; height * width * if planar { channels } else { stride }];
    for pixel in 0..height * width {
        for channel in 0..channels {
            let at = if planar { channel * height * width + pixel } else { pixel * stride + channel };
            data[at] = number(pixel * channels + channel);
        }
    }
    Tensor { height, width, channels, stride, data }
}

fn value(input: &Tensor, [y, x]: [usize; 2], channel: usize) -> f32 {
    number((y * input.width + x) * input.channels + channel)
}

/// The sum of one output over the places of its window that lie inside.
fn sum(input: &Tensor, window: &Window, [y, x]: [usize; 2], term: impl Fn(usize, [usize; 2]) -> f32) -> f32 {
    let [high, wide] = window.kernel;
    let mut all = 0.0;
    for place in 0..high * wide {
        let (row, column) = (y * window.steps[0] + place / wide, x * window.steps[1] + place % wide);
        if let (Some(row), Some(column)) =
            (row.checked_sub(window.zeros[0]), column.checked_sub(window.zeros[1]))
            && row < input.height
            && column < input.width
        {
            all += term(place, [row, column]);
        }
    }
    all
}

fn finish(outputs: usize) -> Finish {
    let of = |at: fn(usize) -> f32| {
        (0..padded(outputs)).map(|to| if to < outputs { at(to) } else { 0.0 }).collect()
    };
    Finish { bias: of(|to| number(to + 3)), slope: of(|to| number(to).abs()) }
}

fn finished(finish: &Finish, to: usize, sum: f32) -> f32 {
    let sum = sum + finish.bias[to];
    if sum >= 0.0 { sum } else { sum * finish.slope[to] }
}

/// Room with something in it.
fn room(height: usize, width: usize, channels: usize) -> Tensor {
    let stride = padded(channels);
    Tensor { height, width, channels, stride, data: vec![f32::NAN; height * width * stride] }
}

fn agrees(out: &Tensor, expected: impl Fn([usize; 2], usize) -> f32) {
    for (pixel, values) in out.data.chunks_exact(out.stride).enumerate() {
        for (channel, value) in values.iter().enumerate() {
            let wanted = if channel < out.channels {
                expected([pixel / out.width, pixel % out.width], channel)
            } else {
                0.0
            };
            assert!((value - wanted).abs() <= 1e-3, "pixel {pixel}, channel {channel}: {value} for {wanted}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn dense_is_the_sum_it_says(
        (height, width) in (1_usize..9, 1_usize..40),
        (inputs, outputs) in (1_usize..70, 1_usize..70),
        (kernel, step, planar) in (1_usize..4, 1_usize..3, any::<bool>()),
    ) {
        let zeros = kernel / 2;
        let window = Window { kernel: [kernel; 2], steps: [step; 2], zeros: [zeros; 4] };
        let input = tensor(height, width, inputs, planar);
        let [high, wide] = window.size(&input);
        prop_assume!(high * wide > 0);
        let weight = |to: usize, at: usize| number(to * 5 + at * 3);
        let depth = kernel * kernel * inputs;
        let panels = packed(outputs, depth, weight);
        let op = Dense { window, inputs, outputs, flat: false, panels, finish: finish(outputs) };
        let mut out = room(high, wide, outputs);
        dense(&op, &input, &mut out, &mut vec![7.0; 5]);
        agrees(&out, |at, to| {
            let term = |place: usize, from| {
                (0..inputs).map(|c| value(&input, from, c) * weight(to, place * inputs + c)).sum::<f32>()
            };
            finished(&op.finish, to, sum(&input, &window, at, term))
        });
    }

    #[test]
    fn depthwise_is_the_sum_it_says(
        (height, width, channels) in (1_usize..9, 1_usize..20, 1_usize..40),
        (kernel, step, zeros) in (1_usize..6, 1_usize..3, 0_usize..3),
    ) {
        prop_assume!(zeros < kernel);
        let window = Window { kernel: [kernel; 2], steps: [step; 2], zeros: [zeros; 4] };
        let input = tensor(height, width, channels, false);
        let [high, wide] = window.size(&input);
        prop_assume!(high * wide > 0);
        let stride = padded(channels);
        let weight = |place: usize, channel: usize| if channel < channels { number(place * 7 + channel) } else { 0.0 };
        let weights = (0..kernel * kernel * stride).map(|at| weight(at / stride, at % stride)).collect();
        let op = Depthwise { window, weights, finish: finish(channels) };
        let mut out = room(high, wide, channels);
        depthwise(&op, &input, &mut out);
        agrees(&out, |at, to| {
            let term = |place: usize, from| value(&input, from, to) * weight(place, to);
            finished(&op.finish, to, sum(&input, &window, at, term))
        });
    }

    /// A whole picture as one pixel, its channels innermost.
    #[test]
    fn a_product_with_a_matrix((height, width, outputs) in (1_usize..8, 1_usize..8, 1_usize..40)) {
        let input = tensor(height, width, PAD, false);
        let inputs = height * width * PAD;
        let weight = |to: usize, at: usize| number(to + at * 3);
        let panels = packed(outputs, inputs, weight);
        let mut op = Dense { window: Window::POINT, inputs, outputs, flat: true, panels, finish: finish(outputs) };
        rescale(&mut op, &vec![2.0; outputs]);
        let mut out = room(1, 1, outputs);
        dense(&op, &input, &mut out, &mut Vec::new());
        agrees(&out, |_at, to| {
            let sum = input.data.iter().enumerate().map(|(at, value)| value * 2.0 * weight(to, at)).sum();
            finished(&op.finish, to, sum)
        });
    }
}

#[test]
fn halves_doubles_means_and_gates() {
    let input = tensor(5, 7, 3, false);
    let mut half = room(2, 3, 3);
    halve(&input, &mut half);
    agrees(&half, |[y, x], c| {
        let of = |dy, dx| value(&input, [2 * y + dy, 2 * x + dx], c);
        of(0, 0).max(of(0, 1)).max(of(1, 0)).max(of(1, 1))
    });
    let mut twice = room(10, 14, 3);
    double(&input, &mut twice);
    agrees(&twice, |[y, x], c| value(&input, [y / 2, x / 2], c));
    let mut middle = room(1, 1, 3);
    mean(&input, &mut middle);
    agrees(&middle, |_at, c| (0..35).map(|at| value(&input, [at / 7, at % 7], c)).sum::<f32>() / 35.0);
    let mut gated = room(5, 7, 3);
    gate(&input, &middle, &mut gated);
    agrees(&gated, |at, c| value(&input, at, c) * middle.data[c]);
    let mut smooth = room(5, 7, 3);
    sigmoid(&input, &mut smooth);
    agrees(&smooth, |at, c| 1.0 / (1.0 + (-value(&input, at, c)).exp()));
}
