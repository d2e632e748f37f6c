//! Somebody else's machine that takes webhooks, or does not.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use types::Timestamp;

/// Far longer than anything here takes, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a receiver does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// Answers with this status, and words that are nobody's business.
    Status(u16),
    /// Sends the caller elsewhere.
    Redirect(u16, String),
    /// Says nothing until the caller gives up.
    Hang,
    /// Says that it was taken, and then never ends its answer.
    TakeAndHang,
    /// Says something that is not HTTP.
    Nonsense,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
    pub(crate) at: Instant,
}

impl Got {
    pub(crate) fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }

    /// The time of the attempt, in seconds.
    pub(crate) fn sent_at(&self) -> i64 {
        self.headers["webhook-timestamp"].parse().unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn kind(&self) -> String {
        self.json()["type"].as_str().unwrap().to_owned()
    }

    /// Holds the request against the Standard Webhooks specification 1.0.
    #[track_caller]
    pub(crate) fn assert_signed(&self, secret: &str) {
        let key = STANDARD.decode(secret.trim().strip_prefix("whsec_").unwrap()).unwrap();
        assert!((24..=64).contains(&key.len()), "the specification's size of a secret");
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(format!("{}.{}.{}", self.id(), self.headers["webhook-timestamp"], self.body).as_bytes());
        let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        assert_eq!(self.headers["webhook-signature"], signature, "{self:?}");
        let json = self.json();
        assert!(json["data"].is_object(), "{json}");
        let written: Timestamp = json["timestamp"].as_str().unwrap().parse().unwrap();
        let late = self.sent_at() - written.as_second();
        assert!((0..600).contains(&late), "the time of the attempt, not {late} s after the event");
        assert_eq!(self.headers["content-type"], "application/json");
        assert!(self.headers["user-agent"].starts_with("Surety/"), "{self:?}");
    }
}

type Decide = Box<dyn FnMut(&Got) -> Answer + Send>;

struct State {
    decide: Decide,
    got: Vec<Got>,
    /// Calls that were left hanging and that the caller gave up.
    given_up: usize,
}

/// A listening receiver. Its threads end with the test.
pub(crate) struct Receiver {
    address: SocketAddr,
    state: Arc<(Mutex<State>, Condvar)>,
}

impl Receiver {
    pub(crate) fn new(decide: impl FnMut(&Got) -> Answer + Send + 'static) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), decide)
    }

    /// Takes everything.
    pub(crate) fn willing() -> Self {
        Self::new(|_| Answer::Status(204))
    }

    pub(crate) fn at(address: SocketAddr, decide: impl FnMut(&Got) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let state = State { decide: Box::new(decide), got: Vec::new(), given_up: 0 };
        let state = Arc::new((Mutex::new(state), Condvar::new()));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, shared) = (stream.unwrap(), Arc::clone(&shared));
                thread::spawn(move || serve(&stream, &shared));
            }
        });
        Self { address, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hooks?shop=1", self.address)
    }

    /// From now on it does this.
    pub(crate) fn decide(&self, decide: impl FnMut(&Got) -> Answer + Send + 'static) {
        self.lock().decide = Box::new(decide);
    }

    pub(crate) fn got(&self) -> Vec<Got> {
        self.lock().got.clone()
    }

    pub(crate) fn given_up(&self) -> usize {
        self.lock().given_up
    }

    /// Waits until `n` requests came, and gives them all.
    #[track_caller]
    pub(crate) fn wait_for(&self, n: usize) -> Vec<Got> {
        self.wait_until(&format!("{n} requests"), |state| state.got.len() >= n);
        self.got()
    }

    #[track_caller]
    pub(crate) fn wait_for_given_up(&self, n: usize) {
        self.wait_until(&format!("{n} given up"), |state| state.given_up >= n);
    }

    #[track_caller]
    fn wait_until(&self, what: &str, done: impl Fn(&State) -> bool) {
        let (_, changed) = &*self.state;
        let (state, time) = changed.wait_timeout_while(self.lock(), PATIENCE, |state| !done(state)).unwrap();
        assert!(
            !time.timed_out(),
            "waited for {what}, have {} given up and {:#?}",
            state.given_up,
            state.got
        );
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.0.lock().unwrap()
    }
}

/// An address where nobody listens.
pub(crate) fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn serve(stream: &TcpStream, shared: &(Mutex<State>, Condvar)) {
    let mut lines = BufReader::new(stream);
    // The caller may use the line again.
    while let Some(got) = read(&mut lines) {
        let answer = {
            let mut state = shared.0.lock().unwrap();
            let answer = (state.decide)(&got);
            state.got.push(got);
            shared.1.notify_all();
            answer
        };
        if !reply(stream, &answer) {
            let mut rest = [0];
            // Ends when the caller closes the line; it sends nothing more.
            let closed = lines.read(&mut rest);
            assert!(matches!(closed, Ok(0) | Err(_)), "{closed:?}");
            shared.0.lock().unwrap().given_up += 1;
            shared.1.notify_all();
            return;
        }
    }
}

fn read(lines: &mut impl BufRead) -> Option<Got> {
    let mut line = String::new();
    if lines.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut words = line.split_whitespace();
    assert_eq!(words.next(), Some("POST"), "{line}");
    let path = words.next().unwrap().to_owned();
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        lines.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        let twice = headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        assert_eq!(twice, None, "{name} comes once");
    }
    let mut body = vec![0; headers["content-length"].parse().unwrap()];
    lines.read_exact(&mut body).ok()?;
    Some(Got { path, headers, body: String::from_utf8(body).unwrap(), at: Instant::now() })
}

/// Answers; `false` leaves the caller hanging.
fn reply(mut stream: &TcpStream, answer: &Answer) -> bool {
    const WORDS: &str = "secret words";
    let (text, goes_on) = match answer {
        Answer::Status(204) => ("HTTP/1.1 204 No Content\r\n\r\n".to_owned(), true),
        Answer::Status(status) => {
            (format!("HTTP/1.1 {status} {WORDS}\r\ncontent-length: {}\r\n\r\n{WORDS}", WORDS.len()), true)
        }
        Answer::Redirect(status, to) => {
            (format!("HTTP/1.1 {status} Elsewhere\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n"), true)
        }
        Answer::Hang => (String::new(), false),
        Answer::TakeAndHang => ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n".to_owned(), false),
        Answer::Nonsense => (format!("{WORDS}\r\n\r\n"), true),
    };
    // The caller may be gone.
    stream.write_all(text.as_bytes()).ok();
    if matches!(answer, Answer::Nonsense) {
        stream.shutdown(Shutdown::Both).ok();
    }
    goes_on
}
