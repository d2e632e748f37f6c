//! What is refused at start, with words that say what to do.

use std::fs;

use rcgen::generate_simple_self_signed;
use scenario::{Server, Start};
use tempfile::TempDir;

use super::tls::text;
use crate::fixture::{models, start};

fn try_start(folder: &TempDir, listen: &str, more: &[&str]) -> Result<Server, String> {
    let more = more.iter().map(|&word| word.to_owned()).collect();
    let start = Start { listen: listen.to_owned(), more, ..start(folder.path(), &models()) };
    Server::start(&start).map_err(|error| format!("{error:#}"))
}

#[track_caller]
fn refused(listen: &str, more: &[&str], wanted: &[&str]) {
    let error = try_start(&tempfile::tempdir().unwrap(), listen, more).err().unwrap();
    for words in wanted {
        assert!(error.contains(words), "{words} is not in: {error}");
    }
}

#[test]
fn what_others_can_reach_needs_tls_or_a_proxy() {
    for listen in ["0.0.0.0:0", "[::]:0", "[::ffff:0.0.0.0]:0"] {
        refused(listen, &[], &["--tls-certificate", "--behind-proxy", "in the clear"]);
    }
    let folder = tempfile::tempdir().unwrap();
    let behind = try_start(&folder, "0.0.0.0:0", &["--behind-proxy"]).unwrap();
    assert!(behind.base_url().starts_with("http://0.0.0.0:"));
    assert!(behind.log_tail().contains("--trusted-proxy"), "{}", behind.log_tail());
}

#[test]
fn certificates_that_cannot_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        text(&path)
    };
    let one = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let other = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = file("certificate.pem", &one.cert.pem());
    let key = file("key.pem", &one.signing_key.serialize_pem());
    let key_of_other = file("other.pem", &other.signing_key.serialize_pem());
    let empty = file("empty.pem", "");
    let check = |certificate: &str, key: &str, wanted: &[&str]| {
        refused("127.0.0.1:0", &["--tls-certificate", certificate, "--tls-key", key], wanted);
    };
    check("/nowhere/certificate.pem", &key, &["reading the certificate /nowhere/certificate.pem"]);
    check(&certificate, "/nowhere/key.pem", &["reading the key /nowhere/key.pem"]);
    check(&empty, &key, &["empty.pem holds no certificate"]);
    check(&certificate, &empty, &["reading the key", "empty.pem"]);
    check(&certificate, &key_of_other, &["do not go together"]);
    refused("127.0.0.1:0", &["--tls-certificate", &certificate], &["--tls-key"]);
}

#[test]
fn networks_that_are_none() {
    for wrong in ["10.0.0.0/33", "ten", "10.0.0"] {
        refused("127.0.0.1:0", &["--trusted-proxy", wrong], &["--trusted-proxy", "10.1.0.0/16"]);
    }
    refused("127.0.0.1:0", &["--connections", "0"], &["--connections"]);
}
