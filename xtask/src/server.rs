//! The server's program, built and ready to run.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use cargo_metadata::MetadataCommand;

use crate::steps::cargo;

/// Builds the release program and says where it is.
pub(crate) fn build(root: &Path) -> Result<PathBuf> {
    println!("\nBuilding the server (the first time takes some minutes):");
    cargo(root, &["build", "--release", "--package", "server"], None)
        .context("the server could not be built; the compiler's words are above.\nWhy")?;

    // Wherever cargo was told to put it.
    let metadata = MetadataCommand::new()
        .current_dir(root)
        .no_deps()
        .exec()
        .context("asking cargo where it built the server")?;
    let surety = metadata.target_directory.join("release").join("surety");
    ensure!(
        surety.is_file(),
        "the build left no program at {surety}; does `crates/server` still name it `surety`?"
    );
    Ok(surety.into_std_path_buf())
}
