//! Payers' accounts: codes, devices, PINs, numbers, documents, guardians; and what a stranger can learn of them.

use api::{Carrier, CodePurpose, Login, MessageList, PayerLogin};
use scenario::{CallError, Client, Code, Phones, RawCall, Server, Start};
use serde::Serialize;
use serde_json::Value;
use tempfile::TempDir;
use types::{Date, PhoneNumber};

use crate::fixture::{holder, models, start, workspace};

mod codes;
mod devices;
mod minors;
mod numbers;
mod pins;
mod strangers;

/// The default policy with lines replaced.
fn policy(changes: &[(&str, &str)]) -> String {
    let mut text = std::fs::read_to_string(workspace().join("policy/default.toml")).unwrap();
    for (old, new) in changes {
        assert!(text.contains(old), "the default policy has no {old}");
        text = text.replace(old, new);
    }
    text
}

/// As many codes to one phone as a test asks for.
const OFTEN: [(&str, &str); 4] = [
    ("per_minute = 1\n", "per_minute = 10000\n"),
    ("per_hour = 5\n", "per_hour = 10000\n"),
    ("per_day = 10\n", "per_day = 10000\n"),
    ("phone = { per_minute = 2, burst = 10 }", "phone = { per_minute = 30000, burst = 30000 }"),
];

/// A server with one account, which has no face yet.
struct House {
    // Dropped first, so that the server has stopped when its folder goes.
    server: Server,
    _folder: TempDir,
    anybody: Client,
    phones: Phones,
    payer: Client,
}

const PHONE: &str = "+8613700010311";
const OTHER: &str = "+8613700010399";

fn number(text: &str) -> PhoneNumber {
    text.parse().unwrap()
}

impl House {
    fn new() -> Self {
        Self::under(&[])
    }

    fn under(changes: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.toml");
        std::fs::write(&path, policy(&[&OFTEN[..], changes].concat())).unwrap();
        let server = Server::start(&Start { policy: Some(path), ..start(folder.path(), &models()) }).unwrap();
        let (anybody, phones) = (server.client(), server.phones());
        let person = phones.register(&anybody, &holder(PHONE)).unwrap();
        let payer = anybody.with_key(person.device_key);
        Self { server, _folder: folder, anybody, phones, payer }
    }

    fn code(&self, phone: &str, purpose: CodePurpose) -> Code {
        self.phones.code(&self.anybody, &number(phone), purpose).unwrap()
    }

    fn log_in(&self, phone: &str, pin: &str) -> Result<Client, String> {
        let code = self.code(phone, CodePurpose::Login);
        let login: Login = answered(self.anybody.post("/v1/logins/payer", &new_login(&code, pin)))?;
        Ok(self.anybody.with_key(login.key.unwrap()))
    }
}

fn new_login(code: &Code, pin: &str) -> PayerLogin {
    PayerLogin {
        challenge_id: code.challenge_id,
        code: code.code.clone(),
        pin: pin.to_owned(),
        device: "tablet".to_owned(),
        carrier: Carrier::Bearer,
    }
}

/// A code that is not this one.
fn other_than(code: &Code) -> Code {
    let code_ = code.code.chars().map(|digit| if digit == '0' { '1' } else { '0' }).collect();
    Code { code: code_, ..code.clone() }
}

/// What came, or the code of the refusal.
fn answered<T>(answer: Result<T, CallError>) -> Result<T, String> {
    answer.map_err(|error| error.code().unwrap_or_else(|| panic!("{error}")).to_owned())
}

/// For operations that answer with nothing.
fn done(client: &Client, method: &str, path: &str, body: Option<&impl Serialize>) -> Result<(), String> {
    let bytes = body.map(|body| serde_json::to_vec(body).unwrap());
    let content_type = bytes.as_ref().map(|_| "application/json");
    let call = RawCall { method, path, content_type, body: bytes.as_deref().unwrap_or_default() };
    answered(client.send(call).unwrap().read::<Value>()).map(drop)
}

const NOTHING: Option<&Value> = None;

fn kinds(payer: &Client) -> Vec<String> {
    let inbox: MessageList = payer.get("/v1/me/messages").unwrap();
    inbox.messages.into_iter().map(|message| message.kind).collect()
}

fn told(payer: &Client, kind: &str) -> usize {
    kinds(payer).iter().filter(|told| *told == kind).count()
}

fn with_pin(pin: &str) -> Value {
    serde_json::json!({ "pin": pin })
}

fn with_code(code: &Code, mut body: Value) -> Value {
    body["challenge_id"] = serde_json::json!(code.challenge_id);
    body["code"] = serde_json::json!(code.code);
    body
}

/// The server's business day, and so many years and days before it.
#[expect(clippy::disallowed_methods, reason = "birth dates of tests follow the clock")]
fn born(years: i16, days_later: i8) -> Date {
    let today = types::Timestamp::now().in_tz("Asia/Shanghai").unwrap().date();
    let birthday = Date::new(today.year() - years, today.month(), today.day());
    // On 29 February the birthday of most years is 1 March.
    let birthday = birthday.unwrap_or_else(|_| Date::new(today.year() - years, 3, 1).unwrap());
    (0..days_later).fold(birthday, |date, _| date.tomorrow().unwrap())
}
