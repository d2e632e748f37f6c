//! A private PostgreSQL server, for tests and benchmarks.
//!
//! [`PgServer::start`] makes a new, empty server in a folder of its own and on a port of its own, which only this
//! machine can reach. When it is dropped, nothing is left: no process and no file. The same holds when the
//! process that started it exits without dropping it, or is killed.
//!
//! It is as durable as a server in production: `fsync` and `synchronous_commit` are on, so that what is measured
//! here and what survives [`PgServer::kill`] means something.
//!
//! # Decisions
//!
//! - **A watchdog instead of a death signal.** Asking the kernel to signal a child when its parent dies takes
//!   `unsafe`. A shell that reads from a pipe only we can write to learns of our end however it comes, without
//!   asking again and again, and it can clean up as well.
//! - **Root becomes `nobody`.** PostgreSQL refuses to run as root, and in a container everybody is root. If
//!   `nobody` cannot reach the programs, they are copied once to a folder for temporary files that it can reach.
//! - **TCP only.** No path of a socket can be too long, and a client in another process needs nothing but the URL.
//!   Whoever has an account on this machine can connect; nothing worth hiding is kept in such a server.
//! - **A port below those the kernel gives away.** Between a stop and a restart nobody is given it by chance.

mod account;
mod binaries;
mod server;
mod shared_copy;
mod watchdog;

pub use binaries::Binaries;
pub use server::PgServer;
