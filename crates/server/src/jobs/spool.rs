//! Text messages as files, for SMS Server Tools 3: its documentation, "SMS file format".
//!
//! A file appears in the folder whole or not at all: it is written in a folder below, which that program does not look
//! into, and moved.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use anyhow::{Context as _, Result};
use engine::Text;
use types::DeliveryId;

/// Where files are until they are whole.
const UNFINISHED: &str = ".unfinished";

/// Writes one message. Written a second time it is the same file again.
pub(super) fn write(folder: &Path, id: DeliveryId, text: &Text) -> Result<()> {
    let unfinished = folder.join(UNFINISHED);
    match fs::DirBuilder::new().mode(0o700).create(&unfinished) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error).context("making a folder in it"),
    }
    let partial = unfinished.join(id.to_string());
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
    file.write_all(content(text).as_bytes())?;
    file.sync_all()?;
    fs::rename(&partial, folder.join(id.to_string()))?;
    fs::File::open(folder)?.sync_all().context("syncing the folder")
}

/// International form without the plus; the words as UTF-8, which that program takes since 3.1.16.
fn content(text: &Text) -> zeroize::Zeroizing<String> {
    let to = text.to.reveal().trim_start_matches('+');
    zeroize::Zeroizing::new(format!("To: {to}\nAlphabet: UTF-8\n\n{}\n", text.text))
}
