//! From a picture to evidence: one dominant face, its quality, its passive liveness, its template.
//!
//! The way of a frame: header and limits -> decode -> detect ([`FrameRefusal::NoFace`], several) -> size and pose
//! -> upright crop -> light and focus -> template -> liveness. [`FaceModels::analyse`] either gives
//! [`FaceEvidence`] or says why not; there is nothing in between.
//!
//! Invariants: no network is loaded whose hash is not in the manifest; nothing is decoded whose header promises
//! more than the limits; at most [`Concurrency::lanes`] analyses run, each on one thread; a panic ends as an error
//! and never as evidence; no error and no `Debug` text holds a template, a landmark or a pixel. Only the module
//! `runtime` knows the inference runtime.
//!
//! # Decisions
//! - rten, pure Rust, reads the ONNX files as they are. It spends three times ONNX Runtime's time on detection and
//!   the same on the rest, and needs no library beside the binary.
//! - Resampling is our own and equals `OpenCV`'s to the bit where it was compared, because networks answer to grey
//!   levels: fed the same pixels, landmarks and liveness equal the reference's to four digits. The JPEG decoder
//!   rounds chroma differently from libjpeg, which moves landmarks by up to half a pixel of a 2500-pixel picture.
//! - Large faces are averaged down before the crop is taken; the reasons are at `align::align`.
//! - Liveness windows end at whole pixels and are sampled plainly, as the networks were trained and measured, so
//!   one pixel can change an unsure answer by 0.15. Fuse several frames.
//! - A damaged picture is refused, even where a viewer would show most of it. Transparency and colour profiles are
//!   ignored; the EXIF orientation of a JPEG is honoured.
//!
//! # Cost
//! Median milliseconds on one thread of a shared two-core machine, two portraits of 2048x2048 and two selfies of
//! 1696x2528, beside ONNX Runtime and `OpenCV` in the same minute
//! (`cargo run --release -p face --example stages -- var/models PICTURE...` and
//! `tests/golden/reference.py bench var/models PICTURE...`):
//!
//! | | decode | detect | align | embed | liveness | total |
//! |---|---|---|---|---|---|---|
//! | here | 15.2 | 69.0 | 2.4 | 37.0 | 10.1 | 133 |
//! | reference | 11.4 | 25.9 | 4.3 | 32.5 | 8.9 | 81 |
#![forbid(unsafe_code)]

mod align;
mod analysis;
mod cues;
mod detect;
mod evidence;
pub mod fusion;
mod lanes;
mod liveness;
mod manifest;
mod models;
mod peak;
mod picture;
mod pose;
mod print;
mod quality;
mod refusal;
mod resample;
mod runtime;

pub use cues::{CUES_VERSION, Glance, LivenessCues, Motion, PictureCues, link_frames};
pub use evidence::{FaceBox, FaceEvidence, FrameEvidence, Quality, StageTimings};
pub use manifest::{
    Channels, DetectorSpec, EmbedderSpec, LivenessSpec, Manifest, ManifestError, ModelFile, NetworkSpec,
    Pixels,
};
pub use models::{Concurrency, FaceModels, LoadError};
pub use peak::{EMBEDDER_MULTIPLICATIONS, peak_multiplications};
pub use picture::upright_size;
pub use pose::HeadPose;
pub use print::{FacePrint, encoder_print};
pub use refusal::{AnalyseError, FrameRefusal, PICTURE_BYTES_MAX, PICTURE_PIXELS_MAX};
