//! `models/manifest.toml` as types. Whatever it says is checked here, once.
//!
//! Names from the manifest become file names, so anything that is not a plain name is refused. The tables that
//! describe a model's tensors belong to the `face` crate and are passed over.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::pin::Pin;

#[derive(Debug, Deserialize)]
pub(crate) struct Manifest {
    #[serde(rename = "file")]
    pub(crate) files: Vec<ModelFile>,
    #[serde(rename = "archive", default)]
    pub(crate) archives: Vec<Archive>,
}

/// One file Surety runs on.
#[derive(Debug, Deserialize)]
pub(crate) struct ModelFile {
    pub(crate) name: String,
    pub(crate) role: String,
    #[serde(flatten)]
    pub(crate) pin: Pin,
    /// Whether Surety can run at all without it.
    pub(crate) required: bool,
    pub(crate) pypi: Option<PackagedFile>,
    pub(crate) upstream: Option<String>,
}

/// A file inside a Python package.
#[derive(Debug, Deserialize)]
pub(crate) struct PackagedFile {
    #[serde(flatten)]
    pub(crate) package: Package,
    pub(crate) path: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Package {
    #[serde(rename = "package")]
    pub(crate) name: String,
    pub(crate) version: String,
    /// Only wheels: they are plain archives, while fetching a source package would run its build script.
    #[serde(rename = "kind")]
    pub(crate) _kind: Kind,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Wheel,
}

/// A package of which we take the sample photographs `<prefix><person>/assets/<picture>.jpg`.
#[derive(Debug, Deserialize)]
pub(crate) struct Archive {
    pub(crate) package: String,
    pub(crate) version: String,
    #[serde(rename = "kind")]
    pub(crate) kind: Kind,
    #[serde(flatten)]
    pub(crate) pin: Pin,
    pub(crate) prefix: String,
    pub(crate) people: Vec<String>,
    pub(crate) pictures: Vec<String>,
    /// SHA-256 of the list `<sha256>  <person>/<picture>.jpg`, one picture a line, in the manifest's order.
    pub(crate) pictures_sha256: String,
}

impl Archive {
    pub(crate) fn package(&self) -> Package {
        Package { name: self.package.clone(), version: self.version.clone(), _kind: self.kind }
    }
}

impl Manifest {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let manifest: Self = toml::from_str(text)?;
        let mut names = BTreeSet::new();
        for file in &manifest.files {
            file.check().with_context(|| format!("in the entry of `{}`", file.name))?;
            ensure!(names.insert(&file.name), "two entries are named `{}`", file.name);
        }
        for archive in &manifest.archives {
            archive.check().with_context(|| format!("in the archive `{}`", archive.package))?;
        }
        Ok(manifest)
    }
}

impl ModelFile {
    fn check(&self) -> Result<()> {
        check_plain_name(&self.name)?;
        self.pin.check()?;
        if let Some(PackagedFile { package, path: _ }) = &self.pypi {
            check_plain_name(&package.name)?;
            check_plain_name(&package.version)?;
        }
        if let Some(address) = &self.upstream {
            ensure!(address.starts_with("https://"), "`upstream` must be an https address, not `{address}`");
        }
        Ok(())
    }
}

impl Archive {
    fn check(&self) -> Result<()> {
        check_plain_name(&self.package)?;
        check_plain_name(&self.version)?;
        self.pin.check()?;
        ensure!(!self.people.is_empty() && !self.pictures.is_empty(), "it names no picture");
        self.people.iter().chain(&self.pictures).try_for_each(|name| check_plain_name(name))
    }
}

/// A name that stays in the folder it is joined to, and that no program takes for an option.
pub(crate) fn check_plain_name(name: &str) -> Result<()> {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    ensure!(
        plain && name.starts_with(|c: char| c.is_ascii_alphanumeric()),
        "`{name}` is not a plain name: letters, digits, `.`, `_` and `-`, beginning with a letter or digit"
    );
    Ok(())
}
