//! Programs to check with, out of Python packages pinned by hash, in a virtual environment under `var/tools`.
//!
//! `tools/checks.in` names them, `tools/checks.txt` pins them and all they need. A folder is named after the content of
//! that file, so that another commit's programs are never run by mistake.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

const PINS: &str = "tools/checks.txt";
/// Written last.
const MARK: &str = "whole";
const ADVICE: &str = "the programs to check with could not be installed; pip's words are above.\n\
                      What to do: connect this machine to the network and run it again; `apt-get install -y python3-venv` \
                      where Python has no venv";

/// Where the programs are.
pub(crate) struct Tools {
    bin: PathBuf,
}

impl Tools {
    /// Installs them where they are not there yet.
    pub(crate) fn open(root: &Path) -> Result<Self> {
        let pins = root.join(PINS);
        let content = fs::read(&pins).with_context(|| format!("reading {PINS}"))?;
        let name = hex::encode(&Sha256::digest(content)[..6]);
        let folder = root.join("var").join("tools").join(name);
        let mark = folder.join(MARK);
        if !mark.is_file() {
            println!("Programs to check with, into {}:", folder.display());
            let mut venv = Command::new("python3");
            run(venv.args(["-m", "venv", "--clear"]).arg(&folder))?;
            let mut install = Command::new(folder.join("bin").join("python"));
            install.args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--require-hashes",
                "--only-binary",
                ":all:",
                "-r",
            ]);
            run(install.arg(&pins))?;
            fs::write(&mark, "").with_context(|| format!("writing {}", mark.display()))?;
        }
        Ok(Self { bin: folder.join("bin") })
    }

    /// The path of one of them.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("starting {command:?}")).context(ADVICE)?;
    ensure!(status.success(), "{ADVICE}\nWhy: {command:?} ended with {status}");
    Ok(())
}
