//! What a client sent and got that no log may hold, and the look through a server's log for it.
//!
//! A finding says what kind of thing stands in which line, never the thing itself: a test's output is a log too.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use regex::bytes::Regex;
use serde_json::Value;

/// Shorter digits stand in any log by chance.
const WORD_BYTES_MIN: usize = 6;
/// Shorter keys are what tests send instead of keys.
const KEY_BYTES_MIN: usize = 16;

/// How the names of fields end that hold a key or what is as good as one.
const SECRET_ENDS: [&str; 5] = ["key", "secret", "token", "cookie", "invitation"];

/// What must never be logged, whoever sent it.
const PATTERNS: [(&str, &str); 10] = [
    ("a key", r"sk_[0-9A-Za-z]{8}"),
    ("the secret of a webhook", r"whsec_[0-9A-Za-z+/]{8}"),
    ("an Authorization header", r"(?i)bearer [0-9a-z._~+/-]{8}"),
    ("a signature", r"sig[0-9]*=:|\bv1,[0-9A-Za-z+/]{40}"),
    ("a phone number", r"(?:^|[^0-9A-Za-z+])\+[1-9][0-9]{7,14}(?:[^0-9]|$)"),
    ("a phone number without its country", r"(?:^|[^0-9A-Za-z_.+-])1[3-9][0-9]{9}(?:[^0-9A-Za-z_.]|$)"),
    ("a picture", r"(?-u:\xff\xd8\xff|\x89PNG)|/9j/4|iVBORw0KGgo"),
    ("a long base64 text", r"[0-9A-Za-z+/]{200}"),
    ("a list of bytes", r"(?:[0-9]{1,3}, ?){64}"),
    ("a list of numbers, as a template is", r"(?:-?[0-9]+\.[0-9]+(?:e-?[0-9]+)?, ?){32}"),
];

/// What was seen so far. Clones share it.
#[derive(Clone, Default)]
pub struct Secrets(Arc<Mutex<BTreeMap<String, &'static str>>>);

/// Something secret in a log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leak {
    /// From 1.
    pub line: usize,
    /// What kind of thing.
    pub kind: &'static str,
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.kind)
    }
}

/// 64 hexadecimal digits: whoever has them can pay the order.
fn is_order_code(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl Secrets {
    /// From now on `secret` must not be logged. Too short to be told from chance, it is passed over.
    pub fn note(&self, kind: &'static str, secret: &str) {
        if secret.trim().len() >= WORD_BYTES_MIN {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(secret.trim().to_owned(), kind);
        }
    }

    /// A key, with which a client calls.
    pub(crate) fn note_key(&self, key: &str) {
        if key.len() >= KEY_BYTES_MIN {
            self.note("a key", key);
        }
    }

    /// Whatever is secret in a request or an answer, by the names of its fields.
    pub(crate) fn note_body(&self, body: &[u8]) {
        if let Ok(value) = serde_json::from_slice(body) {
            self.note_value(&value);
        }
    }

    fn note_value(&self, value: &Value) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| self.note_value(value)),
            Value::Object(fields) => {
                for (name, value) in fields {
                    self.note_value(value);
                    let Some(text) = value.as_str() else { continue };
                    match name.as_str() {
                        "pin" | "new_pin" => self.note("a PIN", text),
                        "phone" => self.note("a phone number", text),
                        "answer" => self.note("an answer at a terminal", text),
                        "nonce" => self.note("a nonce", text),
                        "name" if ["birth_date", "pin"].iter().any(|own| fields.contains_key(*own)) => {
                            self.note("a name", text);
                        }
                        "birth_date" => self.note("a birth date", text),
                        "onboarding_code" => self.note("a code that brings a terminal in", text),
                        // A refusal has a code as well, and it is no secret; those that are, are digits.
                        "code" | "value" | "totp" if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                            self.note("a code", text);
                        }
                        "code" if is_order_code(text) => self.note("an order's code", text),
                        "password" | "new_password" => self.note("a password", text),
                        "public_key" => {}
                        other if SECRET_ENDS.iter().any(|end| other.ends_with(end)) => self.note_key(text),
                        _ => {}
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// What of it, and what else that is nobody's business, stands in a log.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn leaks(&self, log: &Path) -> Result<BTreeSet<Leak>> {
        let text = fs::read(log).with_context(|| format!("cannot read {}", log.display()))?;
        Ok(self.leaks_in(&text))
    }

    fn leaks_in(&self, text: &[u8]) -> BTreeSet<Leak> {
        let patterns =
            PATTERNS.map(|(kind, pattern)| (kind, Regex::new(pattern).expect("a test reads them all")));
        // Microseconds have as many digits as a code.
        let time = Regex::new(r#""timestamp":"[^"]*""#).expect("a test reads it");
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Names have spaces, some keys slashes: those are looked for letter by letter, the others as words.
        let phrases: Vec<_> =
            seen.iter().filter(|(secret, _)| words(secret.as_bytes()).count() != 1).collect();
        let mut leaks = BTreeSet::new();
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let line = time.replace_all(line, &b""[..]);
            let by_word = words(&line).filter_map(|word| seen.get(std::str::from_utf8(word).ok()?));
            let by_phrase =
                phrases.iter().filter(|(secret, _)| holds(&line, secret.as_bytes())).map(|(_, kind)| *kind);
            let by_pattern =
                patterns.iter().filter(|(_, pattern)| pattern.is_match(&line)).map(|(kind, _)| kind);
            let kinds = by_word.chain(by_phrase).chain(by_pattern);
            leaks.extend(kinds.map(|kind| Leak { line: index + 1, kind }));
        }
        leaks
    }

    /// Nothing of it stands in a log.
    ///
    /// # Panics
    /// When something does; with kinds and lines.
    pub fn assert_absent_from(&self, log: &Path) {
        let leaks = self.leaks(log).unwrap_or_else(|error| panic!("{error:#}"));
        let list: String = leaks.iter().map(|leak| format!("\n  {leak}")).collect();
        assert!(leaks.is_empty(), "{} holds what no log may hold:{list}", log.display());
    }
}

/// Words of letters, digits and what stands inside numbers and keys.
fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let inside = |byte: &u8| !byte.is_ascii() || byte.is_ascii_alphanumeric() || b"_+.-".contains(byte);
    line.split(move |byte| !inside(byte))
        .map(<[u8]>::trim_ascii)
        .map(trim_dots)
        .filter(|word| !word.is_empty())
}

/// A full stop ends a sentence.
fn trim_dots(mut word: &[u8]) -> &[u8] {
    while let Some(shorter) = word.strip_suffix(b".") {
        word = shorter;
    }
    word
}

fn holds(line: &[u8], needle: &[u8]) -> bool {
    line.windows(needle.len()).any(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(secrets: &Secrets, line: &str) -> Vec<&'static str> {
        secrets
            .leaks_in(format!("\n{line}\n").as_bytes())
            .into_iter()
            .map(|leak| {
                assert_eq!(leak.line, 2);
                leak.kind
            })
            .collect()
    }

    #[test]
    fn finds_what_nobody_told_it() {
        let none = Secrets::default();
        for (line, kind) in [
            ("key=sk_0123456789abcdef".to_owned(), "a key"),
            (r#"{"secret":"whsec_c3VyZXR5c3VyZXR5"}"#.to_owned(), "the secret of a webhook"),
            ("authorization: Bearer abcdefgh1".to_owned(), "an Authorization header"),
            ("Signature: sig1=:AAAA:".to_owned(), "a signature"),
            (r#"{"phone":"+8613800138000"}"#.to_owned(), "a phone number"),
            ("called 13800138000, no answer".to_owned(), "a phone number without its country"),
            ("frame /9j/4AAQ".to_owned(), "a picture"),
            ("a".repeat(200), "a long base64 text"),
            (format!("{:?}", vec![7_u8; 65]), "a list of bytes"),
            (format!("{:?}", vec![-0.125_f32; 33]), "a list of numbers, as a template is"),
        ] {
            assert_eq!(kinds(&none, &line), [kind], "{line}");
        }
        assert_eq!(none.leaks_in(b"\xff\xd8\xff\xe0").len(), 1, "raw bytes are no text");
    }

    #[test]
    fn finds_what_it_was_told_and_nothing_else() {
        let secrets = Secrets::default();
        secrets.note_body(
            br#"{"name":"Wang Wei","birth_date":"1990-03-04","pin":"918204","messages":[{"value":"123456"}],
                "device_key":"0123456789abcdef0","code":"order_paid"}"#,
        );
        assert_eq!(kinds(&secrets, "hello Wang Wei!"), ["a name"]);
        assert_eq!(kinds(&secrets, r#"{"pin":"918204"}"#), ["a PIN"]);
        assert_eq!(kinds(&secrets, "the code is 123456."), ["a code"]);
        assert_eq!(kinds(&secrets, "key 0123456789abcdef0"), ["a key"]);
        let code = "0a".repeat(32);
        secrets.note_body(format!(r#"{{"code":"{code}"}}"#).as_bytes());
        assert_eq!(kinds(&secrets, &format!("GET /v1/order-codes/{code}")), ["an order's code"]);
        for fine in [
            r#"{"timestamp":"2026-01-02T03:04:05.918204Z","seconds":0.918204}"#,
            "refused with order_paid in 1918204 ms",
            "pay_0192f0c1aaaa7aaaaaaaaaaaaaaaaaaa at +08:00, 20250112 bytes",
            "sha256 ababababababababababababababababababababababababababababababababab",
        ] {
            assert!(kinds(&secrets, fine).is_empty(), "{fine}");
        }
    }
}
