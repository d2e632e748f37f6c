//! Whoever is slow on purpose is sent away, and nobody else notices.

use super::House;
use super::talk::Line;

#[test]
fn headers_that_never_end() {
    let house = House::with(&["--idle-seconds", "3"], &[]);
    let mut line = Line::to(&house.server);
    line.say("GET /health HTTP/1.1\r\nHost: surety\r\n");
    let said = line.trickle(b"x-more: 1\r\n");
    assert!(said.is_empty(), "no answer to half a request: {}", String::from_utf8_lossy(&said));
    house.is_well();
}

#[test]
fn silence() {
    let house = House::with(&["--idle-seconds", "1"], &[]);
    assert!(Line::to(&house.server).rest().is_empty(), "a connection without a word");
    let mut line = Line::to(&house.server);
    assert_eq!(line.get("/health", &[]).status, 200);
    assert!(line.rest().is_empty(), "a connection after its request");
    let mut line = Line::to(&house.server);
    line.say("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
    assert!(line.rest().starts_with(&[0, 0]), "HTTP/2 without a request, after its settings");
    house.is_well();
}

#[test]
fn a_body_that_trickles() {
    let house = House::new();
    let mut line = Line::to(&house.server);
    line.say(
        "POST /v1/payers HTTP/1.1\r\nHost: surety\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n",
    );
    let said = String::from_utf8(line.trickle(b" ")).unwrap();
    assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
    assert!(said.contains("body_timeout") && said.contains("send it again"), "{said}");
    house.is_well();
}

/// The same with a key and a body too large to be read before the caller is known.
#[test]
fn a_large_body_that_trickles() {
    let house = House::new();
    let key = house.server.admin_key();
    let mut line = Line::to(&house.server);
    line.say(format!(
        "POST /v1/merchants HTTP/1.1\r\nHost: surety\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    ));
    let said = String::from_utf8(line.trickle(b"1\r\n \r\n")).unwrap();
    assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
    house.is_well();
}
