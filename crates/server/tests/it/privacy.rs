//! What lies on the disk and in the log tells nobody's name, number, PIN or face.

use std::fs;
use std::path::{Path, PathBuf};

use api::PayerView;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::database::Dump;
use crate::fixture::{Fixture, PHONE, PIN, picture};

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

#[test]
fn nothing_personal_lies_in_the_clear() {
    let fixture = Fixture::new();
    let device_key = fixture.payer.key().unwrap().to_owned();
    let selfie = STANDARD.decode(picture("amateur_selfie")).unwrap();
    let middle = &selfie[selfie.len() / 2..selfie.len() / 2 + 64];
    // Where a JPEG begins: no picture of any kind.
    let secrets: [(&str, &[u8]); 6] = [
        ("the name", b"Wang Wei"),
        ("the phone number", PHONE.as_bytes()),
        ("the PIN", PIN.as_bytes()),
        ("the device key", device_key.as_bytes()),
        ("a part of the capture", middle),
        ("the start of a JPEG", b"\xff\xd8\xff\xe0\x00\x10JFIF"),
    ];
    let data = fixture.server.data().to_owned();
    let log = data.parent().unwrap().join("server.log");
    let looked_at: Vec<PathBuf> = files(&data).into_iter().chain([log]).collect();
    assert!(
        looked_at.iter().any(|path| path.extension().is_some_and(|kind| kind == "sealed")),
        "captures are kept"
    );
    // On PostgreSQL the books lie elsewhere.
    let books = Dump::of(&fixture.server).text();
    for (what, secret) in secrets {
        assert!(!holds(books.as_bytes(), secret), "{what} lies in the books");
    }
    for path in looked_at {
        let bytes = fs::read(&path).unwrap();
        for (what, secret) in secrets {
            assert!(!holds(&bytes, secret), "{what} lies in {}", path.display());
        }
    }
}

/// Not only forgotten by the running process: gone from the disk, the template that waited for its code included.
#[test]
fn a_withdrawn_face_is_deleted() {
    let fixture = Fixture::new();
    let before = Dump::of(&fixture.server);
    assert_eq!(before.table("templates").len(), 1);
    let view: PayerView = fixture.payer.delete("/v1/me/consent").unwrap();
    assert_eq!(view.face, api::Face::None);
    let after = Dump::of(&fixture.server);
    assert!(after.table("templates").is_empty(), "the live template is gone");
    for enrolment in after.table("enrolments") {
        assert!(
            enrolment.contains("\"template_sealed\":null"),
            "a template that waited is gone: {enrolment}"
        );
    }
}

#[test]
fn keys_are_readable_by_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let fixture = Fixture::new();
    for name in ["master.key", "staff.key"] {
        let mode = fs::metadata(fixture.server.data().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}
