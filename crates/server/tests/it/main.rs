//! Tests of the whole: the real `surety` process, over HTTP, with the real models and photographs.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it did"
)]

mod accesses;
mod authorization;
mod bad_input;
mod bad_pictures;
mod calibration;
mod challenges;
mod consents;
mod database;
mod duties;
mod edge;
mod erasure;
mod evaluation;
mod faces;
mod first_version;
mod fixture;
mod growth;
mod headers;
mod liveness;
mod merchant_keys;
mod models_missing;
mod money;
mod openapi;
mod operations;
mod order_codes;
mod own_device;
mod passkeys;
mod payers;
mod people;
mod pin;
mod privacy;
mod receiver;
mod reconcile;
mod register;
mod replays;
mod reserve;
mod rotation;
mod signatures;
mod stories;
mod sweeping;
mod terminal_trust;
mod terminals;
mod training;
mod verify;
mod webhooks;
