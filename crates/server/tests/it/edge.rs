//! The outer edge: what connections may do, what a header may claim, how often one may ask.
//!
//! Nothing here asserts how long something took; only that it ends, and how. Most of it speaks over raw sockets,
//! because no well-behaved client says such things.

use scenario::{Server, Start};
use tempfile::TempDir;

use crate::fixture::{models, start};

mod crowds;
mod heads;
mod listening;
mod proxies;
mod rates;
mod slow;
mod talk;
mod tls;
mod two;

const POLICY: &str = include_str!("../../../../policy/default.toml");

/// A server that nobody has done anything with.
struct House {
    // Dropped first, so that the server has stopped when its folder goes.
    server: Server,
    folder: TempDir,
}

impl House {
    fn new() -> Self {
        Self::with(&[], &[])
    }

    /// With further arguments, and with other rates: the name and what stands behind it.
    fn with(more: &[&str], rates: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.toml");
        std::fs::write(&path, policy(rates)).unwrap();
        let more = more.iter().map(|&word| word.to_owned()).collect();
        let start = Start { policy: Some(path), more, ..start(folder.path(), &models()) };
        let server = Server::start(&start).unwrap();
        Self { server, folder }
    }

    fn is_well(&self) {
        let _: serde_json::Value = self.server.client().get("/health").unwrap();
    }
}

/// The default policy with other rates.
fn policy(rates: &[(&str, &str)]) -> String {
    let mut lines: Vec<String> = POLICY.lines().map(str::to_owned).collect();
    for (name, rate) in rates {
        let begin = format!("{name} = {{ per_minute");
        let line = lines.iter_mut().find(|line| line.starts_with(&begin)).unwrap();
        *line = format!("{name} = {rate}");
    }
    lines.join("\n")
}
