//! TLS, with certificates made here.

use std::fs;
use std::io::ErrorKind;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use rustix::process::{Pid, Signal, kill_process};
use scenario::Server;
use tempfile::TempDir;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::House;
use super::talk::{Answer, Line, PATIENCE, address};

/// A certificate and its key, and whoever trusts it.
struct Paper {
    made: CertifiedKey<KeyPair>,
}

/// Where the server reads them from.
struct Desk {
    folder: TempDir,
}

impl Paper {
    fn new() -> Self {
        Self { made: generate_simple_self_signed(["localhost".to_owned()]).unwrap() }
    }

    fn line_to(&self, server: &Server, protocols: &[&str]) -> Line<StreamOwned<ClientConnection, TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.made.cert.der().clone()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TcpStream::connect(address(server)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Line::over(StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), stream))
    }

    /// Whether somebody who trusts only this one reaches the server.
    fn is_shown_by(&self, server: &Server) -> bool {
        let mut line = self.line_to(server, &[]);
        line.handshake().is_ok()
    }

    fn ask(&self, server: &Server, path: &str) -> Answer {
        self.line_to(server, &[]).get(path, &[])
    }
}

impl Desk {
    fn with(paper: &Paper) -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap() };
        desk.put(paper);
        desk
    }

    fn put(&self, paper: &Paper) {
        fs::write(self.certificate(), paper.made.cert.pem()).unwrap();
        fs::write(self.key(), paper.made.signing_key.serialize_pem()).unwrap();
    }

    fn certificate(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    fn house(&self, more: &[&str]) -> House {
        let (certificate, key) = (text(&self.certificate()), text(&self.key()));
        let tls = ["--tls-certificate", &certificate, "--tls-key", &key];
        House::with(&[&tls[..], more].concat(), &[])
    }
}

pub(super) fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn hang_up(house: &House) {
    let process = Pid::from_raw(i32::try_from(house.server.process_id()).unwrap()).unwrap();
    kill_process(process, Signal::HUP).unwrap();
}

/// Until it is so, with patience.
fn eventually(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        std::thread::yield_now();
    }
}

#[test]
fn a_request_over_tls() {
    let paper = Paper::new();
    let house = Desk::with(&paper).house(&[]);
    assert!(house.server.base_url().starts_with("https://127.0.0.1:"), "{}", house.server.base_url());
    let answer = paper.ask(&house.server, "/health");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["strict-transport-security"], "max-age=31536000");
    assert!(!Paper::new().is_shown_by(&house.server), "somebody else's certificate");

    let plain = Line::to(&house.server);
    let mut plain = plain;
    plain.say("GET /health HTTP/1.1\r\nHost: surety\r\n\r\n");
    let said = plain.rest();
    assert!(!said.starts_with(b"HTTP/"), "nothing is said in the clear: {said:?}");
    assert_eq!(paper.ask(&house.server, "/health").status, 200);
}

#[test]
fn both_versions_of_http_are_offered() {
    let paper = Paper::new();
    let house = Desk::with(&paper).house(&[]);
    for (wanted, chosen) in [(&["h2", "http/1.1"][..], "h2"), (&["http/1.1"], "http/1.1")] {
        let mut line = paper.line_to(&house.server, wanted);
        line.handshake().unwrap();
        assert_eq!(line.protocol().as_deref(), Some(chosen.as_bytes()));
    }
}

#[test]
fn a_handshake_that_is_never_made() {
    let paper = Paper::new();
    let house = Desk::with(&paper).house(&["--idle-seconds", "2"]);
    assert!(Line::to(&house.server).rest().is_empty());
    let trickled = Line::to(&house.server).trickle(b"\x16\x03\x01\x3f\xff"[..1].as_ref());
    assert!(!trickled.starts_with(b"HTTP/"));
    assert_eq!(paper.ask(&house.server, "/health").status, 200);
}

#[test]
fn a_renewed_certificate_needs_no_restart() {
    let (old, new) = (Paper::new(), Paper::new());
    let desk = Desk::with(&old);
    let house = desk.house(&[]);
    let mut open = old.line_to(&house.server, &[]);
    assert_eq!(open.get("/health", &[]).status, 200);

    desk.put(&new);
    assert!(!new.is_shown_by(&house.server), "nobody said that it should be read");
    hang_up(&house);
    eventually("the new certificate is shown", || new.is_shown_by(&house.server));
    assert!(!old.is_shown_by(&house.server));
    assert_eq!(open.get("/health", &[]).status, 200, "a connection that was open goes on");

    fs::write(desk.certificate(), "no certificate").unwrap();
    hang_up(&house);
    let log = house.folder.path().join("server.log");
    eventually("the log says that it cannot be read", || {
        fs::read_to_string(&log).unwrap().contains("the old one stays")
    });
    assert!(new.is_shown_by(&house.server), "what could not be read changes nothing");
    desk.put(&old);
    hang_up(&house);
    eventually("a right one again", || old.is_shown_by(&house.server));
}

impl Line<StreamOwned<ClientConnection, TcpStream>> {
    fn handshake(&mut self) -> std::io::Result<()> {
        let StreamOwned { conn, sock } = &mut self.stream;
        while conn.is_handshaking() {
            if let (0, 0) = conn.complete_io(sock)? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }

    fn protocol(&self) -> Option<Vec<u8>> {
        self.stream.conn.alpn_protocol().map(<[u8]>::to_vec)
    }
}
