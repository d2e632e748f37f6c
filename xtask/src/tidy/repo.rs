//! What tidy looks at: the files git knows or would add, and the crates cargo knows.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use cargo_metadata::{DependencyKind, MetadataCommand, Package};

/// Where versions are named.
pub(crate) const WORKSPACES: [&str; 2] = ["Cargo.toml", "fuzz/Cargo.toml"];

pub(crate) struct Repo {
    /// Text files by path from the root, with `/` between folders.
    pub(crate) files: BTreeMap<String, String>,
    pub(crate) crates: Vec<Crate>,
    pub(crate) lock_is_committed: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Crate {
    pub(crate) name: String,
    /// The files the compiler starts from.
    pub(crate) roots: Vec<String>,
    pub(crate) uses: Vec<Use>,
}

/// A dependency on another of our crates.
#[derive(Clone, Debug)]
pub(crate) struct Use {
    pub(crate) name: String,
    /// Only tests need it.
    pub(crate) dev: bool,
}

impl Repo {
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let mut files = BTreeMap::new();
        for path in git_ls_files(root, &["--cached", "--others", "--exclude-standard"])? {
            // What is not text, or is deleted but not yet committed so, is passed over.
            if let Ok(text) = fs::read_to_string(root.join(&path)) {
                files.insert(path, text);
            }
        }
        let lock_is_committed = !git_ls_files(root, &["--cached", "Cargo.lock"])?.is_empty();
        Ok(Self { files, crates: crates(root)?, lock_is_committed })
    }

    /// Files whose name ends in one of `endings`.
    pub(crate) fn ending_in<'a>(&'a self, endings: &'a [&str]) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.files
            .iter()
            .filter(|(path, _)| endings.iter().any(|ending| path.ends_with(ending)))
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }
}

fn git_ls_files(root: &Path, arguments: &[&str]) -> Result<Vec<String>> {
    let output = Command::new("git")
        .args(["ls-files", "-z"])
        .args(arguments)
        .current_dir(root)
        .output()
        .context("starting git; tidy asks it which files there are (`apt-get install -y git`)")?;
    ensure!(
        output.status.success(),
        "git cannot list the files; tidy works in a clone of the repository: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let names = String::from_utf8(output.stdout).context("a file name is not UTF-8; rename that file")?;
    Ok(names.split_terminator('\0').map(str::to_owned).collect())
}

/// Those of the fuzzer's own workspace as well.
fn crates(root: &Path) -> Result<Vec<Crate>> {
    let mut members = Vec::new();
    for manifest in WORKSPACES {
        let metadata = MetadataCommand::new()
            .current_dir(root)
            .manifest_path(root.join(manifest))
            .no_deps()
            .exec()
            .with_context(|| format!("asking cargo which crates {manifest} has"))?;
        members.extend(metadata.workspace_packages().into_iter().cloned());
    }
    let ours: Vec<&str> = members.iter().map(|package| package.name.as_str()).collect();
    Ok(members.iter().map(|package| as_crate(package, root, &ours)).collect())
}

fn as_crate(package: &Package, root: &Path, ours: &[&str]) -> Crate {
    let roots = package
        .targets
        .iter()
        .filter_map(|target| target.src_path.strip_prefix(root).ok())
        .map(|path| path.as_str().replace('\\', "/"))
        .collect();
    let uses = package
        .dependencies
        .iter()
        .filter(|dependency| dependency.path.is_some() && ours.contains(&dependency.name.as_str()))
        .map(|dependency| Use {
            name: dependency.name.clone(),
            dev: dependency.kind == DependencyKind::Development,
        })
        .collect();
    Crate { name: package.name.to_string(), roots, uses }
}
