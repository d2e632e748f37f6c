//! `cargo xtask demo`: from a fresh clone to a running server with the story played.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::{models, prerequisites, server};

pub(crate) struct Story {
    pub(crate) once: bool,
    pub(crate) accounts: Option<u32>,
}

pub(crate) fn run(root: &Path, mirror: Option<&Path>, story: Story) -> Result<()> {
    prerequisites::check()?;
    models::run(root, mirror)?;
    let surety = server::build(root)?;
    let mut command = Command::new(&surety);
    command.current_dir(root).args(arguments(&story));
    // Becoming the server, instead of waiting for it, lets Ctrl-C and the exit status through untouched.
    let error = command.exec();
    Err(error).with_context(|| format!("starting {}", surety.display()))
}

fn arguments(story: &Story) -> Vec<String> {
    let folders = ["demo", "--data", "var/demo", "--models", "var/models", "--samples", "var/samples"];
    let mut arguments: Vec<String> = folders.map(str::to_owned).into();
    if story.once {
        arguments.push("--once".to_owned());
    }
    if let Some(accounts) = story.accounts {
        arguments.extend(["--accounts".to_owned(), accounts.to_string()]);
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::{Story, arguments};

    #[test]
    fn the_story_is_passed_on() {
        let plain = "demo --data var/demo --models var/models --samples var/samples";
        assert_eq!(arguments(&Story { once: false, accounts: None }).join(" "), plain);
        let full = format!("{plain} --once --accounts 5000");
        assert_eq!(arguments(&Story { once: true, accounts: Some(5000) }).join(" "), full);
    }
}
