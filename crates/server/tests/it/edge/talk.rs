//! HTTP by hand.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use scenario::Server;

/// Far longer than anything here takes, on a busy machine too.
pub(super) const PATIENCE: Duration = Duration::from_secs(90);
/// Between two bytes of somebody slow.
const PACE: Duration = Duration::from_millis(100);

/// One connection.
pub(super) struct Line<S: Read + Write = TcpStream> {
    pub(super) stream: S,
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
}

impl Answer {
    /// The code of a problem document; empty for anything else.
    pub(super) fn code(&self) -> String {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        body["code"].as_str().unwrap_or_default().to_owned()
    }
}

pub(super) fn address(server: &Server) -> String {
    server.base_url().split_once("://").unwrap().1.to_owned()
}

impl Line {
    pub(super) fn to(server: &Server) -> Self {
        let stream = TcpStream::connect(address(server)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { stream }
    }

    /// Sends the bytes again and again, slowly, until the server answers or ends; what it said then.
    pub(super) fn trickle(mut self, bytes: &[u8]) -> Vec<u8> {
        self.stream.set_read_timeout(Some(PACE)).unwrap();
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let sent = self.stream.write_all(bytes);
            let mut said = vec![0; 64 * 1024];
            match self.stream.read(&mut said) {
                Ok(length) => {
                    said.truncate(length);
                    return said;
                }
                Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => {
                    assert!(sent.is_ok(), "what is sent is refused and the line still open");
                }
                Err(_reset) => return Vec::new(),
            }
        }
        panic!("the server listened for {PATIENCE:?}");
    }

    /// Whether the server has ended this connection by now.
    pub(super) fn has_ended(&mut self) -> bool {
        self.stream.set_nonblocking(true).unwrap();
        let mut byte = [0];
        let ended = match self.stream.read(&mut byte) {
            Ok(length) => length == 0,
            Err(error) => error.kind() != ErrorKind::WouldBlock,
        };
        self.stream.set_nonblocking(false).unwrap();
        ended
    }
}

impl<S: Read + Write> Line<S> {
    pub(super) fn over(stream: S) -> Self {
        Self { stream }
    }

    /// Sends; a server that stopped listening is seen when it is read from.
    pub(super) fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).ok();
        self.stream.flush().ok();
    }

    pub(super) fn read_exactly(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// Waits until the server ends the connection; whatever came before.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self.stream.read_to_end(&mut bytes) {
            Ok(_) => {}
            Err(error) => assert!(
                ![ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()),
                "the server did not end the connection"
            ),
        }
        bytes
    }

    /// The server ends the connection in order: it read what was sent. After a reset some systems throw away the answer.
    pub(super) fn ends_without_a_reset(&mut self) {
        let mut bytes = Vec::new();
        self.stream.read_to_end(&mut bytes).unwrap();
        assert!(bytes.is_empty(), "more than one answer");
    }

    /// The next answer.
    pub(super) fn answer(&mut self) -> Answer {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.extend(self.read_exactly(1));
        }
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: BTreeMap<String, String> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
            .collect();
        let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
        let body = String::from_utf8(self.read_exactly(length)).unwrap();
        Answer { status, headers, body }
    }

    /// One request without a body, and its answer.
    pub(super) fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        self.say(format!("GET {path} HTTP/1.1\r\nHost: surety\r\n{headers}\r\n"));
        self.answer()
    }
}
