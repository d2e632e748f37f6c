//! `cargo xtask tidy`: the house rules, as a test.
//!
//! A rule that cannot be checked is advice and belongs in CONTRIBUTING.md. Each check is a function from text to
//! complaints, so that it can be shown bad text and seen to complain.

mod dependencies;
mod layers;
mod modules;
mod repo;
#[cfg(test)]
mod tests;
mod text;

use std::fmt;
use std::path::Path;

use anyhow::{Result, bail};

use repo::Repo;

/// One rule broken at one place.
#[derive(Debug)]
pub(crate) struct Complaint {
    place: String,
    /// What is wrong, and what to do.
    what: String,
}

impl Complaint {
    fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into() }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

pub(crate) fn run(root: &Path) -> Result<()> {
    let complaints = check(root)?;
    if complaints.is_empty() {
        println!("tidy: nothing to complain of");
        return Ok(());
    }
    for complaint in &complaints {
        println!("{complaint}");
    }
    bail!("tidy has {} complaint(s), each above with what to do", complaints.len())
}

/// Every rule over the whole repository.
fn check(root: &Path) -> Result<Vec<Complaint>> {
    let repo = Repo::read(root)?;
    let mut complaints = Vec::new();
    complaints.extend(layers::check(&repo.crates));
    complaints.extend(dependencies::check(&repo));
    complaints.extend(modules::check(&repo));
    complaints.extend(text::check(&repo));
    Ok(complaints)
}
