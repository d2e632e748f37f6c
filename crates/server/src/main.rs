//! The binary `surety`: HTTP, keys, clock, wiring, and the subcommands.
//!
//! Invariant: rules live in the engine. This crate turns requests into use cases and refusals into problem
//! documents, and reads the clock and the randomness for them.
#![forbid(unsafe_code)]

mod clock;
mod commands;
mod http;
mod jobs;
mod oidc;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match commands::Surety::parse().run() {
        Ok(code) => code,
        Err(error) => {
            commands::complain(&format!("surety: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
