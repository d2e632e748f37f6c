//! One copy of an installation a machine, for an account that cannot reach the original.
//!
//! It lies in the folder for temporary files, where everybody may write: it is used only if it is ours, nobody
//! else can change it, and it is whole.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, ensure};

/// Returns `copy`, a folder that everybody can read and only we can change, with the files of `installation`.
///
/// Several processes may ask at once: the first makes it, and the others wait.
pub(crate) fn of(installation: &Path, copy: &Path) -> Result<PathBuf> {
    // The original is locked, as nobody else can have made it. The kernel unlocks it when we end.
    let lock = File::open(installation).with_context(|| format!("opening {}", installation.display()))?;
    lock.lock().with_context(|| format!("locking {}", installation.display()))?;
    let wanted = files_of(installation)?;
    let is_whole = || Ok::<_, Error>(belongs_to_us(copy)? && files_of(copy)? == wanted);
    if !is_whole()? {
        make(installation, copy).with_context(|| format!("copying PostgreSQL to {}", copy.display()))?;
        ensure!(is_whole()?, "{} is not whole although it was just made; remove it", copy.display());
    }
    Ok(copy.to_path_buf())
}

/// Whether `path` is a folder of ours. An error if it is there and somebody else's.
fn belongs_to_us(path: &Path) -> Result<bool> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error).with_context(|| format!("looking at {}", path.display())),
    };
    let ours = found.is_dir()
        && found.uid() == rustix::process::geteuid().as_raw()
        && found.permissions().mode() & 0o022 == 0;
    ensure!(ours, "{} was made by somebody else; remove it and try again", path.display());
    Ok(true)
}

fn make(installation: &Path, copy: &Path) -> Result<()> {
    let parent = copy.parent().context("it is a folder inside another")?;
    let private = Permissions::from_mode(0o700);
    let making =
        tempfile::Builder::new().prefix(".surety-postgres-").permissions(private).tempdir_in(parent)?;
    let fresh = making.path().join("fresh");
    copy_folder(installation, &fresh)?;
    if copy.exists() {
        // Programs that sweep temporary files away took some of it.
        fs::rename(copy, making.path().join("broken")).or_else(unless(io::ErrorKind::NotFound))?;
    }
    // Fails when a process of another workspace was quicker, and then its copy is as good.
    fs::rename(&fresh, copy)
        .or_else(unless(io::ErrorKind::DirectoryNotEmpty))
        .or_else(unless(io::ErrorKind::AlreadyExists))
        .context("putting the copy in its place")
}

fn unless(expected: io::ErrorKind) -> impl Fn(io::Error) -> io::Result<()> {
    move |error| if error.kind() == expected { Ok(()) } else { Err(error) }
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, dest) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy_folder(&source, &dest)?;
        } else if kind.is_symlink() {
            symlink(fs::read_link(&source)?, &dest)?;
        } else {
            fs::copy(&source, &dest)?;
            let runs = fs::metadata(&source)?.permissions().mode() & 0o100 != 0;
            fs::set_permissions(&dest, Permissions::from_mode(if runs { 0o755 } else { 0o644 }))?;
        }
    }
    fs::set_permissions(to, Permissions::from_mode(0o755))?;
    Ok(())
}

/// Every file below `folder` with its length, in order.
fn files_of(folder: &Path) -> Result<Vec<(PathBuf, u64)>> {
    let mut files = Vec::new();
    let mut ahead = vec![PathBuf::new()];
    while let Some(within) = ahead.pop() {
        let place = folder.join(&within);
        for entry in fs::read_dir(&place).with_context(|| format!("reading {}", place.display()))? {
            let entry = entry.with_context(|| format!("reading {}", place.display()))?;
            let path = within.join(entry.file_name());
            let found = entry.metadata().with_context(|| format!("looking at {}", path.display()))?;
            if found.is_dir() {
                ahead.push(path);
            } else {
                files.push((path, found.len()));
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::Path;

    use tempfile::TempDir;

    use super::{files_of, of};

    fn installation() -> TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        fs::create_dir_all(folder.path().join("pg").join("programs")).unwrap();
        let program = folder.path().join("pg").join("programs").join("postgres");
        fs::write(&program, b"a program").unwrap();
        fs::set_permissions(&program, Permissions::from_mode(0o700)).unwrap();
        fs::write(folder.path().join("pg").join("words"), b"words").unwrap();
        symlink("programs", folder.path().join("pg").join("bin")).unwrap();
        folder
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn everybody_can_read_the_copy_and_a_swept_one_is_made_anew() {
        let folder = installation();
        let (original, copy) = (folder.path().join("pg"), folder.path().join("copy"));
        for _ in 0..2 {
            of(&original, &copy).expect("it can be copied");
            assert_eq!(files_of(&copy).unwrap(), files_of(&original).unwrap());
            assert_eq!(mode(&copy), 0o755);
            assert_eq!(mode(&copy.join("bin").join("postgres")), 0o755);
            assert_eq!(mode(&copy.join("words")), 0o644);
            fs::remove_file(copy.join("words")).unwrap();
        }
        let left = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 2, "nothing but the original and the copy");
    }

    #[test]
    fn many_at_once_all_get_a_whole_copy() {
        let folder = installation();
        let (original, copy) = (folder.path().join("pg"), folder.path().join("copy"));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| of(&original, &copy).expect("it can be copied"));
            }
        });
        assert_eq!(files_of(&copy).unwrap(), files_of(&original).unwrap());
    }

    #[test]
    fn a_folder_others_can_change_is_not_trusted() {
        let folder = installation();
        let (original, copy) = (folder.path().join("pg"), folder.path().join("copy"));
        of(&original, &copy).expect("it can be copied");
        fs::set_permissions(&copy, Permissions::from_mode(0o777)).unwrap();
        let error = of(&original, &copy).expect_err("anybody could have changed it");
        assert!(format!("{error:#}").contains("made by somebody else"), "{error:#}");

        fs::remove_dir_all(&copy).unwrap();
        symlink(&original, &copy).unwrap();
        of(&original, &copy).expect_err("a link can point anywhere");
    }
}
