//! Sealed pictures in a local folder, one file each. An object is written whole or not at all.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use types::{CaptureId, Timestamp};

use crate::Unavailable;

/// The folder captures lie in. What lies there is sealed before it comes here.
pub struct Objects {
    folder: PathBuf,
}

impl Objects {
    /// The folder, created if there is none.
    ///
    /// # Errors
    /// The folder cannot be created.
    pub fn open(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// Stores one frame of a capture: written beside, synced, then renamed into place.
    ///
    /// # Errors
    /// The disk is full, or the folder cannot be written.
    pub fn put_frame(&self, capture: CaptureId, index: usize, sealed: &[u8]) -> Result<()> {
        let path = self.path(capture, index);
        let partial = path.with_extension("part");
        let write = || -> std::io::Result<()> {
            let mut file = fs::File::create(&partial)?;
            file.write_all(sealed)?;
            file.sync_all()?;
            fs::rename(&partial, &path)?;
            fs::File::open(&self.folder)?.sync_all()
        };
        let written = write();
        if written.is_err() && partial.exists() {
            fs::remove_file(&partial).with_context(|| format!("deleting {}", partial.display()))?;
        }
        // The disk is full, or is not there: as with the database, trying again later is right.
        written
            .map_err(|error| Unavailable(error.to_string()))
            .with_context(|| format!("storing {}", path.display()))
    }

    /// A stored frame; `None` when it was deleted or never stored.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn frame(&self, capture: CaptureId, index: usize) -> Result<Option<Vec<u8>>> {
        let path = self.path(capture, index);
        match fs::read(&path) {
            Ok(sealed) => Ok(Some(sealed)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
        }
    }

    /// Deletes the frames of a capture, whole or half written; those that were never stored are left out.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn discard(&self, capture: CaptureId, frames: usize) -> Result<()> {
        for index in 0..frames {
            let path = self.path(capture, index);
            for path in [path.with_extension("part"), path] {
                match fs::remove_file(&path) {
                    Ok(()) => {}
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error).with_context(|| format!("deleting {}", path.display())),
                }
            }
        }
        Ok(())
    }

    /// The captures made in `[from, until)` that have files here, by the time in their ids (UUID version 7, RFC 9562).
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn captures(&self, from: Timestamp, until: Timestamp) -> Result<BTreeSet<CaptureId>> {
        let reading = || format!("reading {}", self.folder.display());
        let mut found = BTreeSet::new();
        for entry in fs::read_dir(&self.folder).with_context(reading)? {
            let name = entry.with_context(reading)?.file_name();
            let id = name.to_str().and_then(|name| name.split_once('-')).and_then(|(id, _)| id.parse().ok());
            let Some(id): Option<CaptureId> = id else { continue };
            if (from..until).contains(&made_at(id)?) {
                found.insert(id);
            }
        }
        Ok(found)
    }

    fn path(&self, capture: CaptureId, index: usize) -> PathBuf {
        self.folder.join(format!("{capture}-{index}.sealed"))
    }
}

/// The first 48 bits of a UUID of version 7 are milliseconds since 1970.
fn made_at(id: CaptureId) -> Result<Timestamp> {
    let milliseconds = i64::try_from(id.to_bits() >> 80).context("48 bits fit 64")?;
    Timestamp::from_millisecond(milliseconds).with_context(|| format!("the time in {id}"))
}
