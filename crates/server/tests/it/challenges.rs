//! The active challenge: what a moving head measures, and what a real server makes of frames. The ways to get by are
//! played in `scenarios/challenge.feature`.

mod measures;
mod refusals;
