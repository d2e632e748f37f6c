//! Where PostgreSQL's programs are.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::account::Account;
use crate::shared_copy;

const VARIABLE: &str = "SURETY_POSTGRES_BIN";
/// Written by `cargo xtask postgres` as the last thing; its first characters tell this unpacking from another.
const MARK: &str = "unpacked";
const NEEDED: [&str; 4] = ["postgres", "initdb", "psql", "pgbench"];

/// PostgreSQL's programs on this machine.
#[derive(Clone, Debug)]
pub struct Binaries {
    /// A whole path, as the programs are started from other folders.
    folder: PathBuf,
    origin: Origin,
}

#[derive(Clone, Debug)]
enum Origin {
    /// Named by `SURETY_POSTGRES_BIN`. It is used where it is or not at all.
    Named,
    /// Unpacked by `cargo xtask postgres` into a folder that can be moved as a whole.
    Fetched { installation: PathBuf, copy: String },
}

impl Binaries {
    /// The folder named by `SURETY_POSTGRES_BIN`, else what `cargo xtask postgres` fetched for this workspace.
    /// The error says what to do.
    pub fn find(workspace_root: &Path) -> Result<Self> {
        let found = match env::var_os(VARIABLE).filter(|folder| !folder.is_empty()) {
            Some(folder) => Self::named(Path::new(&folder)).with_context(|| {
                format!("{VARIABLE} must name the folder that holds PostgreSQL's programs (`postgres`, `initdb`, …)")
            })?,
            None => Self::fetched(workspace_root).with_context(|| {
                format!(
                    "PostgreSQL is not here yet; run `cargo xtask postgres` once. If that is not possible, install \
                     PostgreSQL and let {VARIABLE} name the folder of its programs \
                     (Debian's package `postgresql`: /usr/lib/postgresql/15/bin)"
                )
            })?,
        };
        for program in NEEDED {
            let path = found.folder.join(program);
            ensure!(path.is_file(), "there is no program {}", path.display());
        }
        Ok(found)
    }

    fn named(folder: &Path) -> Result<Self> {
        Ok(Self { folder: whole(folder)?, origin: Origin::Named })
    }

    fn fetched(workspace_root: &Path) -> Result<Self> {
        let version = pinned_version(&workspace_root.join("tools").join("postgres.toml"))?;
        let installation = whole(&workspace_root.join("var").join("postgres").join(&version))?;
        let path = installation.join(MARK);
        let mark = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let mark: String = mark.chars().take_while(char::is_ascii_hexdigit).take(12).collect();
        let copy = format!("surety-postgres-{version}-{mark}");
        Ok(Self { folder: installation.join("bin"), origin: Origin::Fetched { installation, copy } })
    }

    /// A folder with these programs from which `account` can start them.
    pub(crate) fn in_reach_of(&self, account: Account) -> Result<PathBuf> {
        if can_run(account, &self.folder)? {
            return Ok(self.folder.clone());
        }
        match &self.origin {
            Origin::Fetched { installation, copy } if account == Account::Nobody => {
                let copy = shared_copy::of(installation, &env::temp_dir().join(copy))?.join("bin");
                let works = can_run(account, &copy)?;
                ensure!(works, "`nobody` may not start programs in {}; set TMPDIR", copy.display());
                Ok(copy)
            }
            Origin::Fetched { .. } | Origin::Named => bail!(
                "PostgreSQL may not be started from {}: look at the permissions of that folder and those above it. \
                 Root's server runs as `nobody`",
                self.folder.display()
            ),
        }
    }
}

fn whole(folder: &Path) -> Result<PathBuf> {
    fs::canonicalize(folder).with_context(|| format!("looking for {}", folder.display()))
}

fn pinned_version(manifest: &Path) -> Result<String> {
    let text = fs::read_to_string(manifest).with_context(|| format!("reading {}", manifest.display()))?;
    let table: toml::Table =
        toml::from_str(&text).with_context(|| format!("reading {}", manifest.display()))?;
    let version = table.get("version").and_then(toml::Value::as_str);
    version.map(str::to_owned).with_context(|| format!("{} names no version", manifest.display()))
}

/// `false` when permissions are in the way; an error when the programs themselves do not work here.
fn can_run(account: Account, folder: &Path) -> Result<bool> {
    let program = folder.join("postgres");
    let mut command = Command::new(&program);
    command.arg("--version").current_dir("/").stdin(Stdio::null());
    account.take_on(&mut command);
    match command.output() {
        Ok(output) if output.status.success() => Ok(true),
        Ok(output) => bail!(
            "{} does not work on this machine ({}): {}",
            program.display(),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        ),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(false),
        Err(error) => Err(error).with_context(|| format!("starting {}", program.display())),
    }
}
