//! Sealed pictures in a local folder, one file each. An object is written whole or not at all.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use evidence::Version;
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

    /// Every picture here, by the capture and its place in it.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn frames(&self) -> Result<Vec<(CaptureId, usize)>> {
        let reading = || format!("reading {}", self.folder.display());
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder).with_context(reading)? {
            let name = entry.with_context(reading)?.file_name();
            let frame = name.to_str().and_then(|name| name.strip_suffix(".sealed"));
            let parts = frame.and_then(|name| name.split_once('-'));
            if let Some((Ok(id), Ok(index))) = parts.map(|(id, index)| (id.parse(), index.parse())) {
                found.push((id, index));
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// The version of a stored picture; `None` when it is not there, or is no sealed value.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn version(&self, capture: CaptureId, index: usize) -> Result<Option<Version>> {
        let path = self.path(capture, index);
        let mut first = [0];
        let read = fs::File::open(&path).and_then(|mut file| file.read(&mut first));
        match read {
            Ok(_) => Ok(Version::of(&first).ok()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
        }
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
