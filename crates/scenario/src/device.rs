//! What a client signs with: a terminal's device key, or a merchant's.

use api::{Activated, NewActivation, NewTerminal, Onboarding};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rand::Rng as _;
use signing::{PrivateKey, Request, Stamp};
use types::{KeyId, MerchantId, TerminalId, Timestamp};

use crate::{CallError, Client};

/// A private key, and what the server knows it as: nothing, before it was shown.
#[derive(Clone, Debug)]
pub struct DeviceKey {
    /// The `keyid` of its signatures.
    pub id: Option<KeyId>,
    /// The private half.
    pub private: PrivateKey,
}

/// A terminal with its device.
#[derive(Clone, Debug)]
pub struct Device {
    /// The terminal.
    pub terminal_id: TerminalId,
    /// What its device signs with.
    pub key: DeviceKey,
}

#[expect(clippy::disallowed_methods, reason = "a device has a clock and randomness of its own")]
pub(crate) fn moment() -> (Timestamp, [u8; 32]) {
    let mut bytes = [0; 32];
    rand::rng().fill_bytes(&mut bytes);
    (Timestamp::now(), bytes)
}

impl DeviceKey {
    /// A fresh one.
    #[must_use]
    pub fn generate() -> Self {
        Self { id: None, private: PrivateKey::from_seed(&moment().1) }
    }

    /// The public half, as the interface takes it.
    #[must_use]
    pub fn public_key(&self) -> String {
        STANDARD.encode(self.private.public())
    }

    /// The headers that sign a request now.
    #[must_use]
    pub fn sign(&self, request: &Request<'_>) -> Vec<(&'static str, String)> {
        let (created, random) = moment();
        let nonce = URL_SAFE_NO_PAD.encode(&random[..16]);
        signing::sign(&self.private, request, &Stamp { key: self.id, created, nonce: &nonce })
    }
}

/// Registers a terminal, and brings a device in as its merchant's people would.
///
/// # Errors
/// [`CallError`].
pub fn onboard(staff: &Client, merchant: MerchantId, new: &NewTerminal) -> Result<Device, CallError> {
    let onboarding: Onboarding = staff.post(&format!("/v1/merchants/{merchant}/terminals"), new)?;
    activate(staff, &onboarding.onboarding_code)
}

/// Brings a fresh device in with a code.
///
/// # Errors
/// [`CallError`].
pub fn activate(anybody: &Client, code: &str) -> Result<Device, CallError> {
    let mut key = DeviceKey::generate();
    let activation = NewActivation {
        code: code.to_owned(),
        public_key: key.public_key(),
        serial: format!("SN-{}", URL_SAFE_NO_PAD.encode(&key.private.public()[..9])),
    };
    let activated: Activated =
        anybody.with_signature(key.clone()).post("/v1/terminal-activations", &activation)?;
    key.id = Some(activated.key_id);
    Ok(Device { terminal_id: activated.terminal_id, key })
}
