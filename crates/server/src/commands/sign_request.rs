//! `surety sign-request`.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;
use scenario::DeviceKey;
use signing::{PrivateKey, Request};
use types::KeyId;
use url::{Position, Url};

use super::say;

/// Print the arguments with which `curl` sends one signed request, to try out what a terminal or a merchant's system
/// does. Each is good once and for five minutes:
///
/// `eval curl $(surety sign-request --key till.pem --key-id key_... GET http://127.0.0.1:8470/v1/orders/ord_...)`
#[derive(Args)]
pub(crate) struct SignRequest {
    /// The private key: a PEM file, as `openssl genpkey -algorithm ed25519` makes it.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// What the server knows the key as; left out for a terminal that shows its key for the first time.
    #[arg(long, value_name = "KEY_ID")]
    key_id: Option<KeyId>,
    /// A file with the JSON body; `-` reads it from standard input, and curl then has to be given the same.
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// `GET`, `POST`, `DELETE`.
    method: String,
    /// The whole address.
    url: Url,
}

impl SignRequest {
    pub(crate) fn run(&self) -> Result<ExitCode> {
        let pem = std::fs::read_to_string(&self.key);
        let pem = pem.with_context(|| format!("reading {}", self.key.display()))?;
        let private =
            PrivateKey::from_pem(&pem).with_context(|| format!("reading {}", self.key.display()))?;
        let body = self.read_body()?;
        let (authority, target) = (
            &self.url[Position::BeforeHost..Position::AfterPort],
            &self.url[Position::BeforePath..Position::AfterQuery],
        );
        let request = Request { method: &self.method, authority, target, body: &body };
        let mut arguments = format!("-X {}", quoted(&self.method));
        for (name, value) in (DeviceKey { id: self.key_id, private }).sign(&request) {
            arguments.push_str(&format!(" -H {}", quoted(&format!("{name}: {value}"))));
        }
        if let Some(path) = &self.body {
            let data = quoted(&format!("@{}", path.display()));
            arguments.push_str(&format!(" -H 'content-type: application/json' --data-binary {data}"));
        }
        say(&format!("{arguments} {}", quoted(self.url.as_str())))?;
        Ok(ExitCode::SUCCESS)
    }

    fn read_body(&self) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        match &self.body {
            None => {}
            Some(path) if path.as_os_str() == "-" => {
                std::io::stdin().read_to_end(&mut body).context("reading standard input")?;
            }
            Some(path) => {
                body = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
            }
        }
        Ok(body)
    }
}

/// One word for a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
