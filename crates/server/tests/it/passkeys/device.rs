//! A phone with a browser: 1Password's software authenticator. It signs for real; what a thief or another site would
//! do with it, tests make it do.

use api::{Ceremony, NewPasskey, PasskeyAnswer};
use async_trait::async_trait;
use passkey::authenticator::{Authenticator, UiHint, UserCheck, UserValidationMethod};
use passkey::client::{Client, DefaultClientData, DefaultClientDataWithCustomHash, WebauthnError};
use passkey::crypto::rust_crypto::RustCryptoBackend;
use passkey::types::ctap2::{Aaguid, Ctap2Error};
use passkey::types::webauthn::AuthenticatedPublicKeyCredential;
use passkey::types::{Bytes, Passkey};
use serde::Serialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use tokio::runtime::{Builder, Runtime};
use url::Url;

/// Whoever holds the device.
struct Holder {
    unlocks: bool,
}

#[async_trait]
impl UserValidationMethod for Holder {
    type PasskeyItem = Passkey;

    async fn check_user<'a>(
        &self,
        hint: UiHint<'a, Passkey>,
        _presence: bool,
        _verification: bool,
    ) -> Result<UserCheck, Ctap2Error> {
        if matches!(hint, UiHint::InformExcludedCredentialFound(_)) {
            return Err(Ctap2Error::CredentialExcluded);
        }
        Ok(UserCheck { presence: true, verification: self.unlocks })
    }

    fn is_presence_enabled(&self) -> bool {
        true
    }

    fn is_verification_enabled(&self) -> Option<bool> {
        Some(self.unlocks)
    }
}

pub(crate) struct Device {
    /// The page that asks.
    pub(crate) origin: Url,
    /// Does its holder unlock it when it asks?
    pub(crate) unlocks: bool,
    pub(crate) passkey: Option<Passkey>,
    pub(crate) runtime: Runtime,
}

impl Device {
    /// A new one, whose browser shows pages of `origin`.
    pub(crate) fn at(origin: &str) -> Self {
        let runtime = Builder::new_current_thread().build().unwrap();
        Self { origin: origin.parse().unwrap(), unlocks: true, passkey: None, runtime }
    }

    /// With everything that is on it.
    pub(crate) fn copied(&self) -> Self {
        Self { passkey: self.passkey.clone(), ..Self::at(self.origin.as_str()) }
    }

    fn authenticator(&self) -> Authenticator<Option<Passkey>, Holder, RustCryptoBackend> {
        let holder = Holder { unlocks: self.unlocks };
        let mut authenticator =
            Authenticator::new(Aaguid::new_empty(), self.passkey.clone(), holder, RustCryptoBackend);
        authenticator.set_make_credentials_with_signature_counter(true);
        authenticator
    }

    /// Makes a passkey, as the options say; the authenticator's error where it will not.
    pub(crate) fn make(&mut self, asked: &Ceremony, label: &str) -> Result<NewPasskey, WebauthnError> {
        let options = serde_json::from_value(asked.options.clone()).unwrap();
        let mut client = Client::new(self.authenticator()).allows_insecure_localhost(true);
        let made = self.runtime.block_on(client.register(&self.origin, options, DefaultClientData))?;
        self.passkey.clone_from(client.authenticator().store());
        let credential = object(&made);
        Ok(NewPasskey { ceremony_id: asked.ceremony_id, label: label.to_owned(), credential })
    }

    /// Signs, as the options say.
    pub(crate) fn sign(&mut self, asked: &Ceremony) -> PasskeyAnswer {
        let options = serde_json::from_value(asked.options.clone()).unwrap();
        let mut client = Client::new(self.authenticator()).allows_insecure_localhost(true);
        let signing = client.authenticate(&self.origin, options, DefaultClientData);
        let signed = self.runtime.block_on(signing).unwrap();
        self.passkey.clone_from(client.authenticator().store());
        PasskeyAnswer { ceremony_id: asked.ceremony_id, credential: object(&signed) }
    }

    /// What a passkey of another site signs, under a page that says it is ours.
    pub(crate) fn sign_for_another_site(&mut self, asked: &Ceremony) -> PasskeyAnswer {
        let challenge = asked.options["publicKey"]["challenge"].clone();
        let origin = self.origin.as_str().trim_end_matches('/');
        let said =
            json!({ "type": "webauthn.get", "challenge": challenge, "origin": origin, "crossOrigin": false });
        let said = said.to_string().into_bytes();
        let mut options = asked.options.clone();
        options["publicKey"]["rpId"] = json!("another.example");
        let elsewhere = Url::parse("https://another.example").unwrap();
        let hash = DefaultClientDataWithCustomHash(Sha256::digest(&said).to_vec());
        let mut client = Client::new(self.authenticator());
        let options = serde_json::from_value(options).unwrap();
        let signing = client.authenticate(&elsewhere, options, hash);
        let mut signed: AuthenticatedPublicKeyCredential = self.runtime.block_on(signing).unwrap();
        signed.response.client_data_json = Bytes::from(said);
        PasskeyAnswer { ceremony_id: asked.ceremony_id, credential: object(&signed) }
    }
}

fn object(credential: &impl Serialize) -> Map<String, Value> {
    let Value::Object(object) = serde_json::to_value(credential).unwrap() else { panic!("no object") };
    object
}
