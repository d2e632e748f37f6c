//! Sealed pictures in a local folder, one file each. An object is written whole or not at all.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use evidence::Version;
use types::{CaptureId, EnrolmentId, Timestamp};

use crate::Unavailable;

/// What a stored picture is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureOf {
    /// A frame of a capture.
    Capture(CaptureId),
    /// A picture somebody enrolled with.
    Enrolment(EnrolmentId),
}

impl From<CaptureId> for PictureOf {
    fn from(id: CaptureId) -> Self {
        Self::Capture(id)
    }
}

impl From<EnrolmentId> for PictureOf {
    fn from(id: EnrolmentId) -> Self {
        Self::Enrolment(id)
    }
}

impl fmt::Display for PictureOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Capture(id) => id.fmt(f),
            Self::Enrolment(id) => id.fmt(f),
        }
    }
}

/// The folder pictures lie in. What lies there is sealed before it comes here.
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

    /// Stores one picture of a capture or an enrolment: written beside, synced, then renamed into place.
    ///
    /// # Errors
    /// The disk is full, or the folder cannot be written.
    pub fn put_frame(&self, of: impl Into<PictureOf>, index: usize, sealed: &[u8]) -> Result<()> {
        let path = self.path(of.into(), index);
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

    /// A stored picture; `None` when it was deleted or never stored.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn frame(&self, of: impl Into<PictureOf>, index: usize) -> Result<Option<Vec<u8>>> {
        let path = self.path(of.into(), index);
        match fs::read(&path) {
            Ok(sealed) => Ok(Some(sealed)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
        }
    }

    /// Deletes the pictures of a capture or an enrolment, whole or half written; those that were never stored are left out.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn discard(&self, of: impl Into<PictureOf>, frames: usize) -> Result<()> {
        let of = of.into();
        for index in 0..frames {
            let path = self.path(of, index);
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

    /// Every picture of a capture, by the capture and its place in it.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn frames(&self) -> Result<Vec<(CaptureId, usize)>> {
        let whole = |name: &str| {
            let (id, index) = name.strip_suffix(".sealed")?.split_once('-')?;
            Some((id.parse().ok()?, index.parse().ok()?))
        };
        let mut found: Vec<_> = self.names()?.iter().filter_map(|name| whole(name)).collect();
        found.sort_unstable();
        Ok(found)
    }

    /// The enrolments that have files here, whole or half written.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn enrolments(&self) -> Result<BTreeSet<EnrolmentId>> {
        let owner = |name: &String| name.split_once('-').and_then(|(id, _)| id.parse().ok());
        Ok(self.names()?.iter().filter_map(owner).collect())
    }

    fn names(&self) -> Result<Vec<String>> {
        let reading = || format!("reading {}", self.folder.display());
        let entries = fs::read_dir(&self.folder).with_context(reading)?;
        let names = entries.map(|entry| Ok(entry.with_context(reading)?.file_name().into_string().ok()));
        names.filter_map(Result::transpose).collect()
    }

    /// The version of a stored picture; `None` when it is not there, or is no sealed value.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn version(&self, capture: CaptureId, index: usize) -> Result<Option<Version>> {
        let path = self.path(capture.into(), index);
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
        let mut found = BTreeSet::new();
        for name in self.names()? {
            let id = name.split_once('-').and_then(|(id, _)| id.parse().ok());
            let Some(id): Option<CaptureId> = id else { continue };
            if (from..until).contains(&made_at(id)?) {
                found.insert(id);
            }
        }
        Ok(found)
    }

    fn path(&self, of: PictureOf, index: usize) -> PathBuf {
        self.folder.join(format!("{of}-{index}.sealed"))
    }
}

/// When what a picture is of was begun: the first 48 bits of a UUID of version 7 are milliseconds since 1970.
///
/// # Errors
/// The id holds a time beyond the calendar.
pub fn made_at(of: impl Into<PictureOf>) -> Result<Timestamp> {
    let of = of.into();
    let bits = match of {
        PictureOf::Capture(id) => id.to_bits(),
        PictureOf::Enrolment(id) => id.to_bits(),
    };
    let milliseconds = i64::try_from(bits >> 80).context("48 bits fit 64")?;
    Timestamp::from_millisecond(milliseconds).with_context(|| format!("the time in {of}"))
}
