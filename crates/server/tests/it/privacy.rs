//! What lies on the disk and in the log tells nobody's name, number, PIN or face.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use api::Withdrawn;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use face::FaceModels;
use types::Template;

use crate::database::Dump;
use crate::fixture::{Fixture, PHONE, PIN, models, picture};

/// Every file below a folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

pub(crate) fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

type Secret = (String, Vec<u8>);

/// What a person knows by heart or holds, and how a picture begins.
fn plain_secrets(fixture: &Fixture) -> Vec<Secret> {
    let device_key = fixture.payer.key().unwrap().as_bytes();
    let secrets: [(&str, &[u8]); 6] = [
        ("the name", b"Wang Wei"),
        ("the phone number", PHONE.as_bytes()),
        ("the national number", &PHONE.as_bytes()[3..]),
        ("the PIN", PIN.as_bytes()),
        ("the device key", device_key),
        ("the start of a JPEG", b"\xff\xd8\xff\xe0\x00\x10JFIF"),
    ];
    secrets.map(|(what, secret)| (what.to_owned(), secret.to_vec())).to_vec()
}

/// The fused template of pictures, whole and in parts of 64 bytes: as it is, in hexadecimal and in base64.
fn template_secrets(pictures: &[Vec<u8>]) -> Vec<Secret> {
    static MODELS: LazyLock<FaceModels> = LazyLock::new(|| FaceModels::load(&models()).unwrap());
    let templates: Vec<Template> =
        pictures.iter().map(|picture| MODELS.analyse(picture).unwrap().template).collect();
    let bytes = Template::fuse(&templates).unwrap().to_bytes();
    let (hex, base64) = (hex::encode(&*bytes), STANDARD.encode(&*bytes));
    let forms = [("bytes", &bytes[..]), ("hexadecimal", hex.as_bytes()), ("base64", base64.as_bytes())];
    let parts = forms.into_iter().flat_map(|(form, whole)| {
        let parts = whole.chunks_exact(64).chain([whole]);
        parts.map(move |part| (format!("a template in {form}"), part.to_vec()))
    });
    parts.collect()
}

#[test]
fn nothing_personal_lies_in_the_clear() {
    let fixture = Fixture::new();
    // Every picture that was sent, and what the models make of those that were sent together.
    let enrolled = ["studio_portrait", "amateur_posture"];
    let captured = ["studio_posture", "amateur_selfie"];
    let mut secrets = plain_secrets(&fixture);
    for together in [enrolled, captured] {
        let pictures = together.map(|name| STANDARD.decode(picture(name)).unwrap());
        for bytes in &pictures {
            secrets.push(("a part of a picture".to_owned(), bytes[bytes.len() / 2..][..64].to_vec()));
        }
        secrets.extend(template_secrets(&pictures));
    }
    assert!(secrets.len() > 50, "{}", secrets.len());
    let data = fixture.server.data().to_owned();
    let log = data.parent().unwrap().join("server.log");
    let looked_at: Vec<PathBuf> = files(&data).into_iter().chain([log]).collect();
    assert!(
        looked_at.iter().any(|path| path.extension().is_some_and(|kind| kind == "sealed")),
        "captures are kept"
    );
    // On PostgreSQL the books lie elsewhere.
    let books = Dump::of(&fixture.server).text();
    for (what, secret) in &secrets {
        assert!(!holds(books.as_bytes(), secret), "{what} lies in the books");
        // Binary columns show as hexadecimal digits in a dump.
        assert!(
            !holds(books.as_bytes(), hex::encode(secret).as_bytes()),
            "{what} lies in the books, in bytes"
        );
    }
    for path in looked_at {
        let bytes = fs::read(&path).unwrap();
        for (what, secret) in &secrets {
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
    let withdrawn: Withdrawn = fixture.payer.delete("/v1/me/consent").unwrap();
    assert_eq!(withdrawn.payer.face, api::Face::None);
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
