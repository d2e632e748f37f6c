//! The real server against the worst that happens to it: killed at any instant, its database gone, its disk full,
//! a second server beside it. Whatever a client was told must then be in the books, once.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it did"
)]

mod bad_databases;
mod city;
mod compare;
mod data;
mod deliveries;
mod journal;
mod kills;
mod outages;
mod paying;
mod perform;
mod process;
mod receiver;
mod two_processes;
mod worker;

use crate::city::Kind;

#[test]
fn killed_on_sqlite() {
    kills::survive(Kind::Sqlite, "SQLite");
}

#[test]
fn killed_on_postgresql() {
    kills::survive(Kind::Postgres("killed"), "PostgreSQL");
}
