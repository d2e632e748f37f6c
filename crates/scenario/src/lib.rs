//! Stories as text, played against a real server process over HTTP with real photographs.
//!
//! A story is a Gherkin file in `scenarios/`. [`play`] starts `surety`, does what each step says through the
//! public interface, compares what came back with what the story promises, and tells in plain words what
//! happened. The tests and `surety demo` play the same files.
//!
//! Invariant: whatever a step does, a terminal, a shop, a payer's phone or the operator's staff could do. Nothing
//! here reaches into the server or its database.
#![forbid(unsafe_code)]

mod acting;
mod camera;
mod client;
mod device;
mod pattern;
mod people;
mod phones;
mod play;
mod secrets;
mod server;
mod simulated;
mod steps;
mod terminal;
mod world;

pub use acting::{Actor, Posed, movement, perform, taken_again};
pub use camera::retaken;
pub use client::{CallError, Client, RawCall, Reply};
pub use device::{Device, DeviceKey, activate, onboard};
pub use people::{Authenticator, Member, PASSWORD, staff};
pub use phones::{Code, NewHolder, Phones, Registered, new_payer};
pub use play::{Event, Played, Report, Settings, play};
pub use secrets::{Leak, Secrets};
pub use server::{Server, Sms, Start, seed, verify};
pub use simulated::{Simulated, simulated};
pub use terminal::{Answers, Ended, TerminalState, Till, plain_report, video_frames};
pub use world::{Address, Credential};
