//! Phones that get text messages: what a server puts into its spool folder, and opening an account with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use api::{Carrier, CodePurpose, Language, NewPayer, NewPayerReply, NewPhoneCode, PhoneCodeReply};
use types::{ChallengeId, Date, PayerId, PhoneNumber, Place};

use crate::{CallError, Client};

/// A text is sent at once; a busy machine needs some more.
const ARRIVAL_MAX: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Everybody's phones: the spool folder of a server, of which each message is taken once.
#[derive(Clone, Debug)]
pub struct Phones {
    folder: PathBuf,
}

/// Somebody who opens an account.
#[derive(Clone, Debug)]
pub struct NewHolder {
    /// Full name.
    pub name: String,
    /// The phone.
    pub phone: PhoneNumber,
    /// The birth date.
    pub birth_date: Date,
    /// Payment PIN.
    pub pin: String,
    /// What messages are written in.
    pub language: Language,
    /// Where the holder lives.
    pub home: Place,
}

/// An account that was opened.
#[derive(Clone, Debug)]
pub struct Registered {
    /// Its id.
    pub payer_id: PayerId,
    /// The bearer key of the holder's own device.
    pub device_key: String,
}

/// A code that has reached a phone.
#[derive(Clone, Debug)]
pub struct Code {
    /// What it answers.
    pub challenge_id: ChallengeId,
    /// Six digits.
    pub code: String,
}

impl Phones {
    /// The phones whose messages a server puts into this folder.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Where the messages lie.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Takes the next message to a phone, as soon as there is one; of several the oldest.
    ///
    /// # Errors
    /// None comes in time, or the folder cannot be read.
    pub fn take(&self, phone: &PhoneNumber) -> Result<String> {
        let begun = Instant::now();
        loop {
            if let Some(text) = self.look(phone)? {
                return Ok(text);
            }
            if begun.elapsed() > ARRIVAL_MAX {
                bail!("no text message came into {}", self.folder.display());
            }
            thread::sleep(LOOK_EVERY);
        }
    }

    /// Takes the next message to a phone, if one is there.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn look(&self, phone: &PhoneNumber) -> Result<Option<String>> {
        let header = format!("To: {}\n", phone.reveal().trim_start_matches('+'));
        let context = || format!("cannot read {}", self.folder.display());
        let mut paths = Vec::new();
        for entry in fs::read_dir(&self.folder).with_context(context)? {
            let path = entry.with_context(context)?.path();
            if path.is_file() {
                paths.push(path);
            }
        }
        paths.sort();
        for path in paths {
            // Somebody else may have taken it meanwhile.
            let Ok(message) = fs::read_to_string(&path) else { continue };
            if let Some((_, text)) = message.split_once("\n\n").filter(|_| message.starts_with(&header)) {
                fs::remove_file(&path).with_context(context)?;
                return Ok(Some(text.trim_end().to_owned()));
            }
        }
        Ok(None)
    }

    /// Asks for a code and reads it from the phone.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn code(
        &self,
        client: &Client,
        phone: &PhoneNumber,
        purpose: CodePurpose,
    ) -> Result<Code, CallError> {
        let new = NewPhoneCode { phone: phone.clone(), purpose, language: Language::En };
        let sent: PhoneCodeReply = client.post("/v1/phone-codes", &new)?;
        let challenge_id = sent.challenge_id;
        loop {
            // What merely tells something has no code in it.
            let text = self.take(phone).map_err(CallError::Transport)?;
            if let Some(code) = digits(&text) {
                return Ok(Code { challenge_id, code });
            }
        }
    }

    /// Opens an account the way an app does.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn register(&self, client: &Client, holder: &NewHolder) -> Result<Registered, CallError> {
        let code = self.code(client, &holder.phone, CodePurpose::Register)?;
        let reply: NewPayerReply = client.post("/v1/payers", &new_payer(holder, &code))?;
        let device_key = reply.device_key.context("no device key came");
        Ok(Registered { payer_id: reply.payer_id, device_key: device_key.map_err(CallError::Transport)? })
    }
}

/// What an app sends to open an account.
#[must_use]
pub fn new_payer(holder: &NewHolder, code: &Code) -> NewPayer {
    NewPayer {
        challenge_id: code.challenge_id,
        code: code.code.clone(),
        name: holder.name.clone(),
        birth_date: holder.birth_date,
        pin: holder.pin.clone(),
        language: holder.language,
        home: holder.home.clone(),
        device: "phone".to_owned(),
        carrier: Carrier::Bearer,
    }
}

/// The first six digits in a row.
fn digits(text: &str) -> Option<String> {
    text.split(|c: char| !c.is_ascii_digit()).find(|run| run.len() == 6).map(str::to_owned)
}
