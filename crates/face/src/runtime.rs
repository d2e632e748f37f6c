//! The only module that knows the inference runtime.
//!
//! A network whose operations are all known to `plan` runs there, the others on rten; which it is, nobody outside
//! can tell. One inference runs on one thread: a [`Lane`] is that thread, and holding a lane is the permission to
//! infer.

mod kernels;
mod plan;

use std::cell::RefCell;
use std::sync::Arc;

use rten::{Model, ModelOptions, NodeId, RunOptions, ShapeInferenceMode, ThreadPool, Value};
use rten_tensor::Tensor;

/// The runtime would not load or run a network. Its text names nodes and shapes, never values.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct RuntimeError(pub(crate) String);

pub(crate) use kernels::Wide;
use plan::{Plan, Scratch};

/// One thread that inferences run on, and the room they take, kept from one picture to the next.
pub(crate) struct Lane {
    pool: Arc<ThreadPool>,
    scratch: RefCell<Scratch>,
}

impl Lane {
    pub(crate) fn new() -> Self {
        Self { pool: Arc::new(ThreadPool::with_num_threads(1)), scratch: RefCell::default() }
    }

    /// Room for a network's input, from the picture before.
    pub(crate) fn room(&self) -> Vec<f32> {
        self.scratch.borrow_mut().input_room()
    }
}

/// Colour planes for a network: `[1, 3, height, width]`, row by row.
pub(crate) struct Planes {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) data: Vec<f32>,
}

/// A loaded network with one input.
pub(crate) struct Network(Engine);

enum Engine {
    Plan(Plan),
    Rten { model: Box<Model>, input: NodeId, outputs: Vec<NodeId> },
}

impl Network {
    /// Reads an ONNX file and finds the named input and outputs.
    pub(crate) fn load(file: Vec<u8>, input: &str, outputs: &[&str]) -> Result<Self, RuntimeError> {
        if let Ok(plan) = Plan::of(&file, input, outputs) {
            return Ok(Self(Engine::Plan(plan)));
        }
        Self::load_rten(file, input, outputs)
    }

    fn load_rten(file: Vec<u8>, input: &str, outputs: &[&str]) -> Result<Self, RuntimeError> {
        let model = ModelOptions::with_all_ops()
            // Inferring shapes from a declared size would bake that size in.
            .shape_inference(ShapeInferenceMode::Off)
            .prepack_weights(true)
            .load(file)
            .map_err(|error| RuntimeError(error.to_string()))?;
        let find = |name: &str| model.node_id(name).map_err(|error| RuntimeError(error.to_string()));
        let input = find(input)?;
        let outputs = outputs.iter().map(|name| find(name)).collect::<Result<_, _>>()?;
        Ok(Self(Engine::Rten { model: Box::new(model), input, outputs }))
    }

    /// The values of each output in the order given to [`Network::load`], row by row.
    pub(crate) fn run(&self, lane: &Lane, planes: Planes) -> Result<Vec<Vec<f32>>, RuntimeError> {
        let (model, input, outputs) = match &self.0 {
            Engine::Plan(plan) => return plan.run(planes, &mut lane.scratch.borrow_mut()),
            Engine::Rten { model, input, outputs } => (model, *input, outputs),
        };
        let Planes { height, width, data } = planes;
        let tensor = Tensor::try_from_data(&[1, 3, height, width], data)
            .map_err(|_shape| RuntimeError("the planes do not have the size they claim".to_owned()))?;
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(&lane.pool)));
        let values = model
            .run(vec![(input, tensor.into())], outputs, Some(options))
            .map_err(|error| RuntimeError(error.to_string()))?;
        values.into_iter().map(numbers).collect()
    }
}

/// Frees the input of a network whose file declares a square of `side` pixels although nothing in its graph
/// depends on it. In ONNX's protobuf (`onnx.proto`, `TensorShapeProto.Dimension`) each side is a message of three
/// bytes, `dim_value: side`; a `dim_param` with a name of one letter is as long and takes any size.
pub(crate) fn free_sides(file: &mut [u8], side: usize) -> Result<(), RuntimeError> {
    let odd = || RuntimeError(format!("the file does not declare one input of {side} x {side}"));
    // A varint of two bytes: seven low bits with the continuation bit, then seven high bits.
    if !(128..16384).contains(&side) {
        return Err(odd());
    }
    let [low, high] = [side % 128 + 128, side / 128].map(|part| u8::try_from(part).unwrap_or(u8::MAX));
    let fixed = [0x0a, 3, 0x08, low, high];
    let at: Vec<usize> = file
        .windows(fixed.len())
        .enumerate()
        .filter(|(_at, bytes)| **bytes == fixed)
        .map(|(at, _bytes)| at)
        .collect();
    let [height, width] = at.as_slice() else {
        return Err(odd());
    };
    for (at, name) in [(*height, b'h'), (*width, b'w')] {
        file[at..at + fixed.len()].copy_from_slice(&[0x0a, 3, 0x12, 1, name]);
    }
    Ok(())
}

fn numbers(value: Value) -> Result<Vec<f32>, RuntimeError> {
    value
        .into_tensor::<f32>()
        .map(Tensor::into_data)
        .ok_or_else(|| RuntimeError("an output is not 32-bit floats".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frees_two_sides_and_nothing_else() {
        let mut file = *b"..\x0a\x03\x08\x80\x05\x0a\x03\x08\x80\x05..";
        free_sides(&mut file, 640).unwrap();
        assert_eq!(&file, b"..\x0a\x03\x12\x01h\x0a\x03\x12\x01w..");
        for side in [0, 5, 640, 20_000] {
            assert!(free_sides(&mut file, side).is_err());
        }
    }

    /// Every network Surety is built with has a plan, and it computes what rten computes.
    #[test]
    fn plans_agree_with_rten() {
        use crate::manifest::{Manifest, NetworkSpec};
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../var/models");
        let lane = Lane::new();
        for file in Manifest::embedded().unwrap().files {
            let mut bytes = std::fs::read(folder.join(&file.name)).expect("run `cargo xtask models`");
            let (input, outputs, (height, width)) = match &file.network {
                NetworkSpec::Detector(spec) => {
                    free_sides(&mut bytes, 640).unwrap();
                    (spec.input.clone(), crate::detect::OUTPUTS.map(str::to_owned).to_vec(), (96, 160))
                }
                NetworkSpec::Embedder(spec) => (spec.input.clone(), vec![spec.output.clone()], (112, 112)),
                NetworkSpec::Liveness(spec) => (spec.input.clone(), vec![spec.output.clone()], (80, 80)),
            };
            let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
            if let Err(reason) = Plan::of(&bytes, &input, &outputs) {
                panic!("{} has no plan: {reason}", file.name);
            }
            let own = Network::load(bytes.clone(), &input, &outputs).unwrap();
            let rten = Network::load_rten(bytes, &input, &outputs).unwrap();
            // Two sizes after each other, so that used room is used again.
            let other = if matches!(file.network, NetworkSpec::Detector(_)) { 64 } else { height };
            for height in [height, other, height] {
                let data = (0..3 * height * width)
                    .map(|at| ((at * 7919 + at / 640 * 31) % 256) as f32)
                    .collect::<Vec<_>>();
                let planes = || Planes { height, width, data: data.clone() };
                let (own, rten) = (own.run(&lane, planes()).unwrap(), rten.run(&lane, planes()).unwrap());
                assert_eq!(own.len(), rten.len());
                for ((own, rten), name) in own.iter().zip(&rten).zip(&outputs) {
                    assert_eq!(own.len(), rten.len(), "{}: {name}", file.name);
                    let largest = rten.iter().fold(1.0_f32, |most, value| most.max(value.abs()));
                    let apart = own.iter().zip(rten).fold(0.0_f32, |most, (a, b)| most.max((a - b).abs()));
                    assert!(apart <= 1e-4 * largest, "{}: {name} is {apart} apart of {largest}", file.name);
                }
            }
        }
    }
}
