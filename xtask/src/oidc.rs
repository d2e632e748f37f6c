//! `cargo xtask oidc`: a real OpenID provider for the tests, fetched by its lock file into `var/tools/oidc/`.
//!
//! npm checks every package against the SHA-512 in `tools/oidc/package-lock.json`, from whatever registry this machine
//! has set; scripts of packages are not run. The last file written says of which lock file the folder was made.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::prerequisites::answers;

const FROM: &str = "tools/oidc";
const INTO: &str = "var/tools/oidc";
const FILES: [&str; 2] = ["package.json", LOCK];
const LOCK: &str = "package-lock.json";
const MARK: &str = "fetched";

pub(crate) fn run(root: &Path) -> Result<()> {
    let (from, into) = (root.join(FROM), root.join(INTO));
    let lock = fs::read_to_string(from.join(LOCK)).with_context(|| format!("reading {FROM}/{LOCK}"))?;
    println!("OpenID provider, into {INTO}:");
    if fs::read_to_string(into.join(MARK)).is_ok_and(|mark| mark == lock) {
        println!("  ok      oidc-provider (already here)");
        return Ok(());
    }
    ensure!(
        answers(&["node", "--version"]) && answers(&["npm", "--version"]),
        "the tests of logging in with an OpenID provider run a real one on Node.js: `apt-get install -y nodejs npm`"
    );
    fs::create_dir_all(&into).with_context(|| format!("creating {INTO}"))?;
    for file in FILES {
        fs::copy(from.join(file), into.join(file)).with_context(|| format!("copying {FROM}/{file}"))?;
    }
    let arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
    let status = Command::new("npm").args(arguments).current_dir(&into).status().context("starting npm")?;
    ensure!(status.success(), "`npm {}` failed in {INTO} ({status})", arguments.join(" "));
    fs::write(into.join(MARK), lock).with_context(|| format!("writing {INTO}/{MARK}"))?;
    println!("  ok      oidc-provider");
    Ok(())
}
