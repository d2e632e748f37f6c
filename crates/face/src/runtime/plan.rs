//! From an ONNX graph to a list of steps, with everything folded that is known when loading: batch normalisation into
//! the weights before it, activations into the convolutions they follow, and what only renames a tensor into nothing.
//!
//! A graph that needs more than is known here has no plan, and runs on rten.

use std::collections::HashMap;

use rten_onnx::onnx::{AttributeProto, DataType, ModelProto, NodeProto, TensorProto};

use super::kernels::{self, Dense, Depthwise, Finish, Tensor, Window};
use super::{Planes, RuntimeError};
use zeroize::Zeroize as _;

/// What a network does with one picture, in order.
pub(super) struct Plan {
    steps: Vec<Step>,
    /// The slot of each output asked for, and whether its channels are innermost.
    outputs: Vec<(usize, bool)>,
    slots: usize,
}

struct Step {
    does: Does,
    from: usize,
    /// The second tensor, of what takes two; `from` otherwise.
    with: usize,
    to: usize,
    /// What nothing reads afterwards.
    last_use: Vec<usize>,
}

enum Does {
    Dense(Dense),
    Depthwise(Depthwise),
    Affine { scale: f32, shift: f32 },
    Sigmoid,
    Halve,
    Double,
    Add,
    Gate,
    Mean,
}

/// Room that is used again for the next picture.
#[derive(Default)]
pub(super) struct Scratch {
    free: Vec<Vec<f32>>,
    tiles: Vec<f32>,
    input: Vec<f32>,
}

/// A tensor of the graph while it is read.
#[derive(Clone, Copy)]
struct Known {
    slot: usize,
    /// Of a picture; of a flattened one, those it had.
    channels: usize,
    flat: bool,
    channels_inner: bool,
}

/// What cannot be planned, for whoever wonders; rten runs it.
type Unknown = String;

impl Plan {
    /// The plan of an ONNX file, or why there is none.
    pub(super) fn of(file: &[u8], input: &str, outputs: &[&str]) -> Result<Self, Unknown> {
        let model = ModelProto::parse_buf(file).map_err(|error| error.to_string())?;
        let graph = model.graph.ok_or("no graph")?;
        let mut reader = Reader::default();
        for tensor in &graph.initializer {
            reader.constants.insert(name(tensor.name.as_ref())?, tensor);
        }
        for node in &graph.node {
            for input in &node.input {
                *reader.readers.entry(input).or_default() += 1;
            }
        }
        for output in outputs {
            *reader.readers.entry(output).or_default() += 1;
        }
        let first = Known { slot: 0, channels: 3, flat: false, channels_inner: false };
        reader.known.insert(input, first);
        reader.slots = 1;
        for node in &graph.node {
            reader.node(node)?;
        }
        let outputs: Result<Vec<_>, Unknown> = outputs
            .iter()
            .map(|name| {
                let known = reader.known.get(name).ok_or_else(|| format!("no output {name}"))?;
                Ok((known.slot, known.channels_inner))
            })
            .collect();
        let (outputs, slots) = (outputs?, reader.slots);
        let mut steps = reader.steps;
        let mut needed: Vec<bool> = (0..slots).map(|slot| outputs.iter().any(|out| out.0 == slot)).collect();
        for step in steps.iter_mut().rev() {
            for slot in [step.from, step.with] {
                if !std::mem::replace(&mut needed[slot], true) {
                    step.last_use.push(slot);
                }
            }
        }
        Ok(Self { steps, outputs, slots })
    }

    /// The values of each output, row by row of planes or as the graph has turned them.
    pub(super) fn run(&self, planes: Planes, scratch: &mut Scratch) -> Result<Vec<Vec<f32>>, RuntimeError> {
        let Planes { height, width, data } = planes;
        let input = Tensor { height, width, channels: 3, stride: 0, data };
        let mut slots: Vec<Tensor> = (0..self.slots).map(|_| Tensor::default()).collect();
        slots[0] = input;
        for step in &self.steps {
            slots[step.to] = step.run(&slots, scratch)?;
            for slot in &step.last_use {
                let mut data = std::mem::take(&mut slots[*slot].data);
                if *slot == 0 {
                    // The pixels of a face.
                    data.zeroize();
                    scratch.input = data;
                } else {
                    scratch.free.push(data);
                }
            }
        }
        let outputs = self.outputs.iter().map(|(slot, inner)| unpadded(&slots[*slot], *inner)).collect();
        scratch.free.extend(slots.into_iter().map(|tensor| tensor.data).filter(|data| data.capacity() > 0));
        Ok(outputs)
    }
}

impl Step {
    /// Height, width and channels of what comes out; nothing where the input is not one this step takes.
    fn size(&self, input: &Tensor, other: &Tensor) -> Option<[usize; 3]> {
        let Tensor { height, width, channels, stride, data: _ } = *input;
        let padded = stride == kernels::padded(channels);
        let whole = height * width * channels;
        let (fits, [height, width, channels]) = match &self.does {
            Does::Dense(op) if op.flat => (
                padded && (height * width == 1 || stride == channels) && whole == op.inputs,
                [1, 1, op.outputs],
            ),
            Does::Dense(op) => {
                let [high, wide] = op.window.size(input);
                (channels == op.inputs, [high, wide, op.outputs])
            }
            Does::Depthwise(op) => {
                let [high, wide] = op.window.size(input);
                (padded && stride == op.finish.bias.len(), [high, wide, channels])
            }
            Does::Affine { scale: _, shift: _ } => (stride == 0, [height, width, channels]),
            Does::Sigmoid => (padded, [height, width, channels]),
            Does::Halve => (padded, [height / 2, width / 2, channels]),
            Does::Double => (padded, [height * 2, width * 2, channels]),
            Does::Add => {
                let same = (other.height, other.width, other.stride) == (height, width, stride);
                (padded && same, [height, width, channels])
            }
            Does::Gate => {
                let one = (other.height, other.width, other.stride) == (1, 1, stride);
                (padded && one, [height, width, channels])
            }
            Does::Mean => (padded, [1, 1, channels]),
        };
        (fits && height * width > 0).then_some([height, width, channels])
    }

    fn run(&self, slots: &[Tensor], scratch: &mut Scratch) -> Result<Tensor, RuntimeError> {
        let (input, other) = (&slots[self.from], &slots[self.with]);
        let [height, width, channels] = self.size(input, other).ok_or_else(|| {
            RuntimeError(format!(
                "a step does not take {} x {} x {}",
                input.height, input.width, input.channels
            ))
        })?;
        let stride = if input.stride == 0 && matches!(self.does, Does::Affine { scale: _, shift: _ }) {
            0
        } else {
            kernels::padded(channels)
        };
        let numbers = height * width * if stride == 0 { channels } else { stride };
        let mut out = Tensor { height, width, channels, stride, data: scratch.room(numbers) };
        match &self.does {
            Does::Dense(op) => kernels::dense(op, input, &mut out, &mut scratch.tiles),
            Does::Depthwise(op) => kernels::depthwise(op, input, &mut out),
            Does::Affine { scale, shift } => kernels::affine(input, *scale, *shift, &mut out),
            Does::Sigmoid => kernels::sigmoid(input, &mut out),
            Does::Halve => kernels::halve(input, &mut out),
            Does::Double => kernels::double(input, &mut out),
            Does::Add => kernels::add(input, other, &mut out),
            Does::Gate => kernels::gate(input, other, &mut out),
            Does::Mean => kernels::mean(input, &mut out),
        }
        Ok(out)
    }
}

impl Does {
    fn finish(&mut self) -> Option<&mut Finish> {
        match self {
            Self::Dense(op) => Some(&mut op.finish),
            Self::Depthwise(op) => Some(&mut op.finish),
            Self::Affine { scale: _, shift: _ }
            | Self::Sigmoid
            | Self::Halve
            | Self::Double
            | Self::Add
            | Self::Gate
            | Self::Mean => None,
        }
    }

    /// Multiplies the weights of each output with its own number.
    fn rescale(&mut self, scale: &[f32]) {
        match self {
            Self::Dense(op) => kernels::rescale(op, scale),
            Self::Depthwise(op) => {
                for weights in op.weights.chunks_exact_mut(op.finish.bias.len()) {
                    weights.iter_mut().zip(scale).for_each(|(weight, scale)| *weight *= scale);
                }
            }
            Self::Affine { scale: _, shift: _ }
            | Self::Sigmoid
            | Self::Halve
            | Self::Double
            | Self::Add
            | Self::Gate
            | Self::Mean => {}
        }
    }
}

impl Scratch {
    pub(super) fn input_room(&mut self) -> Vec<f32> {
        std::mem::take(&mut self.input)
    }

    /// Room for so many numbers: the smallest that is free and large enough, or the largest.
    fn room(&mut self, numbers: usize) -> Vec<f32> {
        let fitting = |room: &Vec<f32>| (room.capacity() < numbers, room.capacity().abs_diff(numbers));
        let best = (0..self.free.len()).min_by_key(|at| fitting(&self.free[*at]));
        let mut room = best.map(|at| self.free.swap_remove(at)).unwrap_or_default();
        room.resize(numbers, 0.0);
        room
    }
}

/// Without padding, channels innermost or in planes.
fn unpadded(tensor: &Tensor, channels_inner: bool) -> Vec<f32> {
    let Tensor { height, width, channels, stride, data } = tensor;
    if *stride == 0 {
        return data.clone();
    }
    let pixels = data.chunks_exact(*stride).take(height * width);
    if channels_inner {
        pixels.flat_map(|pixel| &pixel[..*channels]).copied().collect()
    } else {
        (0..*channels).flat_map(|channel| pixels.clone().map(move |pixel| pixel[channel])).collect()
    }
}

#[derive(Default)]
struct Reader<'a> {
    constants: HashMap<&'a str, &'a TensorProto>,
    known: HashMap<&'a str, Known>,
    /// How many read a tensor.
    readers: HashMap<&'a str, usize>,
    steps: Vec<Step>,
    slots: usize,
}

impl<'a> Reader<'a> {
    fn node(&mut self, node: &'a NodeProto) -> Result<(), Unknown> {
        let kind = node.op_type.as_deref().unwrap_or_default();
        let from = *self.known.get(input(node, 0)?).ok_or_else(|| format!("{kind} of a constant"))?;
        let known = match kind {
            "Conv" => self.convolution(node, from)?,
            "MatMul" | "Gemm" => self.matrix(node, from)?,
            "BatchNormalization" => self.normalisation(node, from)?,
            "PRelu" => {
                let slope = self.numbers(node, 1)?;
                self.activation(node, from, &slope)?
            }
            "Relu" => self.activation(node, from, &[0.0])?,
            "Sigmoid" => self.step(Does::Sigmoid, from, None, from),
            "MaxPool" => self.pooling(node, from)?,
            "Resize" => self.doubling(node, from)?,
            "GlobalAveragePool" => self.step(Does::Mean, from, None, from),
            "Add" | "Sub" | "Mul" => self.arithmetic(node, kind, from)?,
            "Dropout" => from,
            "Flatten" if integers(node, "axis", &[1]) == [1] => Known { flat: true, ..from },
            "Transpose" if integers(node, "perm", &[]) == [0, 2, 3, 1] => {
                Known { channels_inner: true, ..from }
            }
            "Reshape" if from.channels_inner => from,
            _ => return Err(format!("the operation {kind}")),
        };
        self.known.insert(name(node.output.first())?, known);
        Ok(())
    }

    fn step(&mut self, does: Does, from: Known, with: Option<Known>, is: Known) -> Known {
        let to = self.slots;
        self.slots += 1;
        let with = with.map_or(from.slot, |with| with.slot);
        self.steps.push(Step { does, from: from.slot, with, to, last_use: Vec::new() });
        Known { slot: to, ..is }
    }

    fn convolution(&mut self, node: &NodeProto, from: Known) -> Result<Known, Unknown> {
        let weights = self.constant(node, 1)?;
        let [outputs, inputs, high, wide] = dims(weights)?;
        let side = |name, otherwise: &[usize]| pair(&integers(node, name, otherwise));
        let zeros = integers(node, "pads", &[0; 4]);
        let zeros = <[usize; 4]>::try_from(zeros).map_err(|_other| "padding not of a picture")?;
        let steps = side("strides", &[1, 1])?;
        let is_plain = side("dilations", &[1, 1])? == [1, 1]
            && attribute(node, "auto_pad").is_none_or(|auto| auto.s.as_deref() == Some("NOTSET"))
            && steps.iter().all(|step| *step > 0)
            && zeros[0].max(zeros[2]) < high
            && zeros[1].max(zeros[3]) < wide
            && !from.flat;
        if !is_plain {
            return Err("an unusual convolution".to_owned());
        }
        let window = Window { kernel: [high, wide], steps, zeros };
        let values = floats(weights)?;
        let bias = if node.input.len() > 2 { self.numbers(node, 2)? } else { vec![0.0; outputs] };
        let finish = finish(&bias, outputs)?;
        let groups = integers(node, "group", &[1]);
        let places = high * wide;
        let does = if groups == [1] && inputs == from.channels {
            let panels = kernels::packed(outputs, places * inputs, |to, at| {
                values[(to * inputs + at % inputs) * places + at / inputs]
            });
            Does::Dense(Dense { window, inputs, outputs, flat: false, panels, finish })
        } else if groups == [from.channels] && inputs == 1 && outputs == from.channels {
            let stride = kernels::padded(outputs);
            let mut weights = vec![0.0; places * stride];
            for (channel, of) in values.chunks_exact(places).enumerate() {
                for (place, value) in of.iter().enumerate() {
                    weights[place * stride + channel] = *value;
                }
            }
            Does::Depthwise(Depthwise { window, weights, finish })
        } else {
            return Err("a convolution in groups".to_owned());
        };
        Ok(self.step(does, from, None, Known { channels: outputs, ..from }))
    }

    /// `x W` of `MatMul`, or `x W^T + b` of `Gemm`.
    fn matrix(&mut self, node: &NodeProto, from: Known) -> Result<Known, Unknown> {
        let weights = self.constant(node, 1)?;
        let [rows, columns] = dims(weights)?;
        let scales = ["alpha", "beta"].map(|name| attribute(node, name).and_then(|a| a.f).unwrap_or(1.0));
        let turned = integers(node, "transB", &[0]) == [1];
        let is_plain =
            from.flat && integers(node, "transA", &[0]) == [0] && scales.iter().all(|scale| is(*scale, 1.0));
        if !is_plain {
            return Err("an unusual product".to_owned());
        }
        let (inputs, outputs) = if turned { (columns, rows) } else { (rows, columns) };
        let (channels, values) = (from.channels, floats(weights)?);
        if channels == 0 || inputs % channels != 0 {
            return Err("a product of another size".to_owned());
        }
        let bias = if node.input.len() > 2 { self.numbers(node, 2)? } else { vec![0.0; outputs] };
        // The graph counts in planes, a tensor here lies with its channels innermost.
        let pixels = inputs / channels;
        let panels = kernels::packed(outputs, inputs, |to, at| {
            let at = at % channels * pixels + at / channels;
            if turned { values[to * columns + at] } else { values[at * columns + to] }
        });
        let finish = finish(&bias, outputs)?;
        let dense = Dense { window: Window::POINT, inputs, outputs, flat: true, panels, finish };
        Ok(self.step(Does::Dense(dense), from, None, Known { channels: outputs, ..from }))
    }

    /// `(x - mean) / sqrt(variance + epsilon) * gamma + beta`.
    fn normalisation(&mut self, node: &'a NodeProto, from: Known) -> Result<Known, Unknown> {
        let epsilon = attribute(node, "epsilon").and_then(|a| a.f).unwrap_or(1e-5);
        let [gamma, beta, mean, variance] = [1, 2, 3, 4].map(|at| self.numbers(node, at));
        let (gamma, beta, mean, variance) = (gamma?, beta?, mean?, variance?);
        if [&gamma, &beta, &mean, &variance].iter().any(|numbers| numbers.len() != from.channels) {
            return Err("a normalisation of another size".to_owned());
        }
        let scale: Vec<f32> = gamma
            .iter()
            .zip(&variance)
            .map(|(gamma, variance)| gamma / (variance + epsilon).sqrt())
            .collect();
        let shift: Vec<f32> =
            beta.iter().zip(&mean).zip(&scale).map(|((beta, mean), scale)| beta - mean * scale).collect();
        if let Some(step) = self.foldable(node, from) {
            step.does.rescale(&scale);
            if let Some(finish) = step.does.finish() {
                for ((bias, scale), shift) in finish.bias.iter_mut().zip(&scale).zip(&shift) {
                    *bias = *bias * scale + shift;
                }
            }
            return Ok(from);
        }
        let finish = finish(&shift, from.channels)?;
        Ok(self.each_channel(from, &scale, finish))
    }

    fn activation(&mut self, node: &'a NodeProto, from: Known, slope: &[f32]) -> Result<Known, Unknown> {
        let slope = match slope {
            [one] => vec![*one; from.channels],
            many if many.len() == from.channels => many.to_vec(),
            _ => return Err("an activation of another size".to_owned()),
        };
        if let Some(finish) = self.foldable(node, from).and_then(|step| step.does.finish()) {
            finish.slope[..slope.len()].copy_from_slice(&slope);
            return Ok(from);
        }
        let mut finish = finish(&vec![0.0; from.channels], from.channels)?;
        finish.slope[..slope.len()].copy_from_slice(&slope);
        Ok(self.each_channel(from, &vec![1.0; from.channels], finish))
    }

    /// A number for each channel: a convolution of one pixel.
    fn each_channel(&mut self, from: Known, scale: &[f32], finish: Finish) -> Known {
        let mut weights = vec![0.0; finish.bias.len()];
        weights[..scale.len()].copy_from_slice(scale);
        self.step(Does::Depthwise(Depthwise { window: Window::POINT, weights, finish }), from, None, from)
    }

    /// The step that makes this tensor, where nothing else reads it and nothing is done to its sums yet.
    fn foldable(&mut self, node: &NodeProto, from: Known) -> Option<&mut Step> {
        let only_reader = self.readers.get(node.input.first()?.as_str()) == Some(&1);
        let step = self.steps.last_mut().filter(|step| only_reader && step.to == from.slot)?;
        let untouched = |finish: &mut Finish| finish.slope.iter().all(|slope| is(*slope, 1.0));
        step.does.finish().is_some_and(untouched).then_some(step)
    }

    fn pooling(&mut self, node: &NodeProto, from: Known) -> Result<Known, Unknown> {
        let is_plain = integers(node, "kernel_shape", &[]) == [2, 2]
            && integers(node, "strides", &[]) == [2, 2]
            && integers(node, "pads", &[0; 4]) == [0; 4]
            && integers(node, "ceil_mode", &[0]) == [0]
            && node.output.len() == 1;
        if is_plain {
            Ok(self.step(Does::Halve, from, None, from))
        } else {
            Err("an unusual pooling".to_owned())
        }
    }

    fn doubling(&mut self, node: &NodeProto, from: Known) -> Result<Known, Unknown> {
        let says = |name: &str, wanted| attribute(node, name).is_some_and(|a| a.s.as_deref() == Some(wanted));
        let is_plain = says("mode", "nearest")
            && says("nearest_mode", "floor")
            && says("coordinate_transformation_mode", "asymmetric")
            && node.input.len() == 3
            && self
                .numbers(node, 2)?
                .iter()
                .map(|n| n.to_bits())
                .eq([1.0_f32, 1.0, 2.0, 2.0].map(f32::to_bits));
        if is_plain {
            Ok(self.step(Does::Double, from, None, from))
        } else {
            Err("an unusual resize".to_owned())
        }
    }

    fn arithmetic(&mut self, node: &NodeProto, kind: &str, from: Known) -> Result<Known, Unknown> {
        if let Some(with) = self.known.get(input(node, 1)?).copied() {
            return match kind {
                "Add" => Ok(self.step(Does::Add, from, Some(with), from)),
                "Mul" => Ok(self.step(Does::Gate, from, Some(with), from)),
                _ => Err("a difference of tensors".to_owned()),
            };
        }
        let numbers = self.numbers(node, 1)?;
        let (scale, shift) = match (kind, numbers.as_slice()) {
            ("Add", [number]) => (1.0, *number),
            ("Sub", [number]) => (1.0, -number),
            ("Mul", [number]) => (*number, 0.0),
            _ => return Err("arithmetic with many numbers".to_owned()),
        };
        Ok(self.step(Does::Affine { scale, shift }, from, None, from))
    }

    fn constant(&self, node: &NodeProto, at: usize) -> Result<&'a TensorProto, Unknown> {
        let name = input(node, at)?;
        self.constants.get(name).copied().ok_or_else(|| format!("{name} is no constant"))
    }

    fn numbers(&self, node: &NodeProto, at: usize) -> Result<Vec<f32>, Unknown> {
        floats(self.constant(node, at)?)
    }
}

/// Exactly this number.
fn is(number: f32, wanted: f32) -> bool {
    number.to_bits() == wanted.to_bits()
}

fn finish(bias: &[f32], outputs: usize) -> Result<Finish, Unknown> {
    if bias.len() != outputs {
        return Err("a bias of another size".to_owned());
    }
    let mut padded = bias.to_vec();
    padded.resize(kernels::padded(outputs), 0.0);
    Ok(Finish { slope: vec![1.0; padded.len()], bias: padded })
}

fn name(name: Option<&String>) -> Result<&str, Unknown> {
    name.map(String::as_str).ok_or_else(|| "a tensor without a name".to_owned())
}

fn input(node: &NodeProto, at: usize) -> Result<&str, Unknown> {
    name(node.input.get(at))
}

fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name.as_deref() == Some(name))
}

/// The whole numbers of an attribute, `otherwise` where it is not given; none where one is negative.
fn integers(node: &NodeProto, name: &str, otherwise: &[usize]) -> Vec<usize> {
    let Some(attribute) = attribute(node, name) else { return otherwise.to_vec() };
    let given = if attribute.ints.is_empty() { attribute.i.as_slice() } else { &attribute.ints };
    given.iter().map(|number| usize::try_from(*number)).collect::<Result<_, _>>().unwrap_or_default()
}

fn pair(numbers: &[usize]) -> Result<[usize; 2], Unknown> {
    numbers.try_into().map_err(|_other| "not one number a side".to_owned())
}

fn dims<const N: usize>(tensor: &TensorProto) -> Result<[usize; N], Unknown> {
    let sides: Result<Vec<_>, _> = tensor.dims.iter().map(|side| usize::try_from(*side)).collect();
    let sides = sides.ok().and_then(|sides| <[usize; N]>::try_from(sides).ok());
    sides.ok_or_else(|| "weights of another shape".to_owned())
}

/// As many numbers as its shape promises.
fn floats(tensor: &TensorProto) -> Result<Vec<f32>, Unknown> {
    if tensor.data_type != Some(DataType::FLOAT)
        || tensor.data_location == Some(rten_onnx::onnx::DataLocation::EXTERNAL)
    {
        return Err("numbers that are not 32-bit floats in the file".to_owned());
    }
    let numbers: Vec<f32> = match &tensor.raw_data {
        Some(raw) => raw.borrow().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
        None => tensor.float_data.clone(),
    };
    let promised =
        tensor.dims.iter().try_fold(1_usize, |all, side| all.checked_mul(usize::try_from(*side).ok()?));
    if promised == Some(numbers.len()) { Ok(numbers) } else { Err("fewer numbers than promised".to_owned()) }
}
