//! Heads of requests that are too large, too many, or several at once.

use super::House;
use super::talk::{Answer, Line};

/// What the server says to one request line and its headers; the connection ends then.
fn told(house: &House, head: &str) -> Answer {
    let mut line = Line::to(&house.server);
    line.say(format!("{head}\r\n\r\n"));
    let answer = line.answer();
    house.is_well();
    answer
}

#[test]
fn header_bombs() {
    let house = House::new();
    let headers = |count: usize| (0..count).map(|at| format!("\r\nx{at}: 1")).collect::<String>();
    let with = |headers: &str| format!("GET /health HTTP/1.1\r\nHost: surety{headers}");
    assert_eq!(told(&house, &with(&headers(90))).status, 200);
    assert_eq!(told(&house, &with(&headers(10_000))).status, 431);
    assert_eq!(told(&house, &with(&format!("\r\nx: {}", "a".repeat(1_000_000)))).status, 431);
    assert_eq!(told(&house, &with(&format!("\r\n{}: 1", "a".repeat(1_000_000)))).status, 431);
}

#[test]
fn endless_addresses() {
    let house = House::new();
    let path = |bytes: usize| format!("GET /{} HTTP/1.1\r\nHost: surety", "a".repeat(bytes));
    assert_eq!(told(&house, &path(8_000)).code(), "route_unknown");
    let answer = told(&house, &path(10_000));
    assert_eq!((answer.status, answer.code().as_str()), (414, "uri_too_long"));
    assert_eq!(told(&house, &path(1_000_000)).status, 431);
}

#[test]
fn requests_in_one_breath() {
    let house = House::new();
    let mut line = Line::to(&house.server);
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: surety\r\n\r\n");
    let post = "POST /v1/payers HTTP/1.1\r\nHost: surety\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
    line.say(
        [get("/health"), post.to_owned(), get("/v1/me"), get("/nowhere"), get("/v1/consent-text")].concat(),
    );
    let answers: Vec<Answer> = (0..5).map(|_| line.answer()).collect();
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 400, 401, 404, 200], "{answers:?}");
}

/// What two readers could take for different requests is none.
#[test]
fn requests_that_can_be_read_in_two_ways() {
    let house = House::new();
    let post = |headers: &str| format!("POST /v1/payers HTTP/1.1\r\nHost: surety\r\n{headers}");
    assert_eq!(told(&house, &post("Content-Length: 2\r\nContent-Length: 3")).status, 400);
    assert_eq!(told(&house, &post("Content-Length: +2")).status, 400);
    assert_eq!(told(&house, &post("Transfer-Encoding: chunked, identity")).status, 400);
    assert_eq!(told(&house, "GET /health HTTP/1.1\r\nHost : surety").status, 400);
}

/// A refusal that comes before the body was read arrives whole, and says that the connection ends.
#[test]
fn bodies_that_nobody_reads() {
    let house = House::new();
    for bytes in [100_000, 10_000_000, 12_000_000] {
        let mut line = Line::to(&house.server);
        line.say(format!(
            "POST /v1/me/enrolments HTTP/1.1\r\nHost: surety\r\nAuthorization: Bearer guess\r\n\
             Content-Type: application/json\r\nContent-Length: {bytes}\r\n\r\n"
        ));
        line.say(vec![b' '; bytes]);
        let answer = line.answer();
        assert_eq!((answer.status, answer.code().as_str()), (401, "key_unknown"));
        assert_eq!(answer.headers["connection"], "close", "{bytes}");
        line.ends_without_a_reset();
    }
    house.is_well();
}
