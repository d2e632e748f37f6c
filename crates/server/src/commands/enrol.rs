//! `surety enrol`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use scenario::Client;

use super::{read_picture, say};

/// Enrol a face from pictures, as the holder of a device key.
///
/// Consents to the text in force, sends the pictures, reads the code from the own device's messages, confirms.
#[derive(Args)]
pub(crate) struct Enrol {
    /// The server.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8470")]
    server: String,
    /// A file with the device key that registration gave.
    #[arg(long, value_name = "FILE")]
    device_key: PathBuf,
    /// A file with the payment PIN; needed where the device joined the account only lately.
    #[arg(long, value_name = "FILE")]
    pin: Option<PathBuf>,
    /// Agree to the consent text in force; it is printed first.
    #[arg(long, required = true)]
    i_agree: bool,
    /// 2 to 5 JPEG or PNG pictures of the holder's face.
    #[arg(required = true, num_args = 2..=5, value_name = "PICTURE")]
    pictures: Vec<PathBuf>,
}

impl Enrol {
    fn pin(&self) -> Result<Option<String>> {
        let read = |path: &PathBuf| {
            let pin = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
            Ok(pin.trim().to_owned())
        };
        self.pin.as_ref().map(read).transpose()
    }

    pub(crate) fn run(self) -> Result<ExitCode> {
        let key = std::fs::read_to_string(&self.device_key);
        let key = key.with_context(|| format!("reading {}", self.device_key.display()))?;
        let frames: Vec<String> = self
            .pictures
            .iter()
            .map(|path| Ok(STANDARD.encode(read_picture(path)?)))
            .collect::<Result<_>>()?;
        let client = Client::new(&self.server).with_key(key.trim());
        let text: api::ConsentText = client.get("/v1/consent-text")?;
        say(&format!("{}\n{}", text.zh, text.en))?;
        let _given: serde_json::Value =
            client.post("/v1/me/consent", &api::Consent { version: text.version })?;
        let enrolment: api::EnrolmentView =
            client.post("/v1/me/enrolments", &api::NewEnrolment { frames })?;
        let inbox: api::MessageList = client.get("/v1/me/messages")?;
        let id = enrolment.enrolment_id;
        let message =
            inbox.messages.into_iter().find(|m| m.kind == "enrolment_code" && m.reference == id.to_string());
        let code =
            message.and_then(|m| m.value).context("the code has not arrived in the own device's messages")?;
        let path = format!("/v1/me/enrolments/{id}/confirm");
        let _confirmed: api::EnrolmentView =
            client.post(&path, &api::ConfirmEnrolment { code, pin: self.pin()?, passkey: None })?;
        say("face payment is switched on")?;
        Ok(ExitCode::SUCCESS)
    }
}
