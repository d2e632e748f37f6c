//! Somebody else's machine: takes webhooks and pushed messages, fails now and then, and remembers.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

/// Every so-many-th delivery is refused the first time it comes.
const FAILS_EVERY: usize = 29;

/// A delivery that was taken, whole and rightly signed.
#[derive(Clone)]
pub(crate) struct Taken {
    /// Which address it came to.
    pub(crate) place: String,
    pub(crate) id: String,
    pub(crate) body: Value,
}

#[derive(Default)]
struct Memory {
    secrets: BTreeMap<String, String>,
    came: usize,
    taken: Vec<Taken>,
    wrong: Vec<String>,
}

pub(crate) struct Receiver {
    port: u16,
    memory: Arc<Mutex<Memory>>,
}

struct Request {
    place: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Receiver {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let memory: Arc<Mutex<Memory>> = Arc::default();
        let shared = Arc::clone(&memory);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let memory = Arc::clone(&shared);
                thread::spawn(move || serve(stream, &memory));
            }
        });
        Self { port, memory }
    }

    pub(crate) fn url(&self, place: &str) -> String {
        format!("http://127.0.0.1:{}/{place}", self.port)
    }

    /// The secret that signs what comes to a place.
    pub(crate) fn trust(&self, place: &str, secret: &str) {
        self.memory.lock().unwrap().secrets.insert(place.to_owned(), secret.to_owned());
    }

    /// What was taken, in the order in which it first came; fails when anything was wrongly signed.
    pub(crate) fn taken(&self) -> Vec<Taken> {
        let memory = self.memory.lock().unwrap();
        assert!(memory.wrong.is_empty(), "wrongly signed: {:?}", memory.wrong);
        let mut seen = std::collections::BTreeSet::new();
        memory.taken.iter().filter(|one| seen.insert(one.id.clone())).cloned().collect()
    }
}

fn serve(stream: TcpStream, memory: &Mutex<Memory>) {
    let Ok(mut answer) = stream.try_clone() else { return };
    let mut reader = BufReader::new(stream);
    // The server may be killed while it sends: what is cut off was not taken.
    while let Some(request) = read(&mut reader) {
        let line = if take(&request, &mut memory.lock().unwrap()) { "200 OK" } else { "503 Later" };
        if answer.write_all(format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\n\r\n").as_bytes()).is_err() {
            return;
        }
    }
}

fn read(reader: &mut impl BufRead) -> Option<Request> {
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|read| *read > 0)?;
    let place = first.split(' ').nth(1)?.trim_start_matches('/').to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    Some(Request { place, headers, body })
}

fn take(request: &Request, memory: &mut Memory) -> bool {
    memory.came += 1;
    let header = |name: &str| request.headers.get(name).cloned().unwrap_or_default();
    let id = header("webhook-id");
    let Some(secret) = memory.secrets.get(&request.place) else { return false };
    let signed = [id.as_bytes(), header("webhook-timestamp").as_bytes(), &request.body].join(&b'.');
    let signature = format!("v1,{}", sign(secret, &signed));
    if !header("webhook-signature").split(' ').any(|one| one == signature) {
        memory.wrong.push(format!("{id} at {}", request.place));
        return false;
    }
    if memory.came.is_multiple_of(FAILS_EVERY) {
        return false;
    }
    let body = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
    memory.taken.push(Taken { place: request.place.clone(), id, body });
    true
}

fn sign(secret: &str, signed: &[u8]) -> String {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(signed);
    STANDARD.encode(mac.finalize().into_bytes())
}
