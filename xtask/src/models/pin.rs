//! What a file must be, byte for byte, and how bytes from elsewhere become that file or nothing.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use sha2::{Digest, Sha256};

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Pin {
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

impl Pin {
    pub(crate) fn check(&self) -> Result<()> {
        let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        ensure!(self.bytes > 0, "`bytes` must be more than 0");
        ensure!(
            self.sha256.len() == 64 && self.sha256.chars().all(hex),
            "`sha256` must be 64 lower-case hex digits"
        );
        Ok(())
    }

    /// Whether the file at `path` is there and is the right one.
    pub(crate) fn is_held_by(&self, path: &Path) -> Result<bool> {
        let found = match fs::metadata(path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error).with_context(|| format!("looking at {}", path.display())),
        };
        Ok(found.is_file() && found.len() == self.bytes && sha256_of(path)? == self.sha256)
    }

    /// `Ok` when the file at `path` is the right one, else an error that says in which way it is not.
    pub(crate) fn verify(&self, path: &Path) -> Result<()> {
        let bytes = fs::metadata(path).with_context(|| format!("looking at {}", path.display()))?.len();
        let sha256 = sha256_of(path)?;
        if bytes != self.bytes || sha256 != self.sha256 {
            bail!(
                "the bytes differ: expected {} bytes with SHA-256 {}, found {bytes} bytes with SHA-256 {sha256}",
                self.bytes,
                self.sha256
            );
        }
        Ok(())
    }

    /// Copies `from` to `to`, which appears only when it is right.
    pub(crate) fn copy(&self, from: impl Read, to: &Path) -> Result<()> {
        let incoming = beside(to, "incoming");
        let copied = copy_at_most(from, &incoming, self.bytes + 1).and_then(|_| self.verify(&incoming));
        if let Err(error) = copied {
            fs::remove_file(&incoming).ok();
            return Err(error);
        }
        fs::rename(&incoming, to).with_context(|| format!("writing {}", to.display()))
    }
}

/// Writes at most `limit` bytes of `from` to the file `to`, and returns how many there were.
pub(crate) fn copy_at_most(from: impl Read, to: &Path, limit: u64) -> Result<u64> {
    let mut file = File::create(to).with_context(|| format!("writing {}", to.display()))?;
    let copied = io::copy(&mut from.take(limit), &mut file)?;
    file.flush()?;
    Ok(copied)
}

pub(crate) fn sha256_of(path: &Path) -> Result<String> {
    let mut file = File::open(path).with_context(|| format!("reading {}", path.display()))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut buffer).with_context(|| format!("reading {}", path.display()))?;
        if read == 0 {
            return Ok(hex::encode(hasher.finalize()));
        }
        hasher.update(&buffer[..read]);
    }
}

/// `<path>.<ending>`, in the same folder, so that renaming it to `path` is one step.
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".");
    name.push(ending);
    path.with_file_name(name)
}
