//! This installation as passkeys know it, and the one place that calls the WebAuthn library.

use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::{Context as _, Result, anyhow, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use url::{Host, Url};
use webauthn_rs::prelude::{
    AuthenticationResult, DiscoverableAuthentication, Passkey, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, Uuid, WebauthnError,
};
use webauthn_rs::{Webauthn, WebauthnBuilder};

use super::PasskeyRefused;
use crate::engine::Engine;
use crate::rejected::{Error, Rejected};

/// Where browsers see this installation. Passkeys are made for its host and work on no other.
pub struct RelyingParty {
    webauthn: Webauthn,
}

/// What goes to the device, and what stays here until it answers.
pub(super) struct Challenge {
    pub(super) options: Value,
    pub(super) state: Value,
}

impl RelyingParty {
    /// Takes the addresses under which browsers see this server: the first one's host names the relying party, further
    /// ones are on that host or below it (WebAuthn Level 3, section 5.1.2).
    ///
    /// # Errors
    /// No address; one that is not `https://host` (or `http://localhost`, for tries on one machine), or is elsewhere.
    pub fn new(origins: &[Url]) -> Result<Self> {
        let (first, others) = origins.split_first().context("name at least one public origin")?;
        for origin in origins {
            check_origin(origin)?;
        }
        let id = first.domain().ok_or_else(|| anyhow!("{first} has no host name"))?;
        let elsewhere =
            |origin: &Url| anyhow!("{origin} is not on {id}, the host of the first public origin");
        let mut builder = WebauthnBuilder::new(id, first).map_err(|_mismatch| elsewhere(first))?;
        for origin in others {
            // A builder of its own checks that the address is on that host.
            WebauthnBuilder::new(id, origin).map_err(|_mismatch| elsewhere(origin))?;
            builder = builder.append_allowed_origin(origin);
        }
        Ok(Self { webauthn: builder.build().context("setting passkeys up")? })
    }

    /// A challenge to make a passkey that is none of `exclude`. Devices are asked to let it be found without a name.
    pub(super) fn registration(&self, who: Uuid, name: &str, exclude: Vec<Vec<u8>>) -> Result<Challenge> {
        let begun = self.webauthn.start_passkey_registration(who, name, name, Some(exclude));
        let (options, state) = begun.context("beginning a registration")?;
        let mut options = serde_json::to_value(options)?;
        options["publicKey"]["authenticatorSelection"]["residentKey"] = json!("preferred");
        Ok(Challenge { options, state: serde_json::to_value(state)? })
    }

    /// A challenge to one of these passkeys, or, where there are none, to any that the device has for this host.
    pub(super) fn assertion(&self, allow: &[Vec<u8>]) -> Result<Challenge> {
        let begun = self.webauthn.start_discoverable_authentication();
        let (options, state) = begun.context("beginning an assertion")?;
        let mut options = serde_json::to_value(options)?;
        let allowed =
            allow.iter().map(|id| json!({ "type": "public-key", "id": URL_SAFE_NO_PAD.encode(id) }));
        // The same for everybody, made up or not: no transports, no conditions.
        options["publicKey"]["allowCredentials"] = allowed.collect();
        if let Some(options) = options.as_object_mut() {
            options.remove("mediation");
        }
        Ok(Challenge { options, state: serde_json::to_value(state)? })
    }

    /// The passkey that a device made.
    pub(super) fn registered(
        &self,
        state: PasskeyRegistration,
        answer: &RegisterPublicKeyCredential,
    ) -> Result<Passkey, PasskeyRefused> {
        contained(|| self.webauthn.finish_passkey_registration(answer, &state))
    }

    /// What a passkey signed, which is what was asked.
    pub(super) fn asserted(
        &self,
        state: DiscoverableAuthentication,
        answer: &PublicKeyCredential,
        passkey: &Passkey,
    ) -> Result<AuthenticationResult, PasskeyRefused> {
        contained(|| self.webauthn.finish_discoverable_authentication_v2(answer, state, passkey))
    }
}

impl Engine {
    /// The engine with passkeys on.
    #[must_use]
    pub fn with_passkeys(mut self, relying_party: RelyingParty) -> Self {
        self.relying_party = Some(relying_party);
        self
    }

    pub(super) fn relying_party(&self) -> Result<&RelyingParty, Error> {
        self.relying_party.as_ref().ok_or_else(|| Rejected::from(PasskeyRefused::Off).into())
    }
}

fn check_origin(origin: &Url) -> Result<()> {
    let secure = match origin.host() {
        Some(Host::Domain("localhost")) => matches!(origin.scheme(), "http" | "https"),
        Some(Host::Domain(_)) => origin.scheme() == "https",
        Some(Host::Ipv4(_) | Host::Ipv6(_)) | None => false,
    };
    let bare = origin.path() == "/"
        && origin.query().is_none()
        && origin.fragment().is_none()
        && origin.username().is_empty()
        && origin.password().is_none();
    ensure!(
        secure && bare,
        "a public origin is https:// and a host name, with a port if it is not 443, and nothing after it"
    );
    Ok(())
}

/// The library reads what anybody may send. A panic in it refuses this answer, and stops no payments.
fn contained<T>(work: impl FnOnce() -> Result<T, WebauthnError>) -> Result<T, PasskeyRefused> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|error| refusal(&error)),
        Err(_panic) => {
            tracing::error!("the WebAuthn library panicked on an answer");
            Err(PasskeyRefused::Invalid)
        }
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library's errors, of which most mean the same to a caller"
)]
fn refusal(error: &WebauthnError) -> PasskeyRefused {
    match error {
        WebauthnError::MismatchedChallenge => PasskeyRefused::ChallengeWrong,
        WebauthnError::InvalidRPOrigin => PasskeyRefused::OriginWrong,
        WebauthnError::InvalidRPIDHash => PasskeyRefused::RelyingPartyWrong,
        WebauthnError::UserNotVerified | WebauthnError::UserNotPresent => PasskeyRefused::UserUnverified,
        WebauthnError::CredentialPossibleCompromise => PasskeyRefused::Cloned,
        WebauthnError::CredentialAlreadyExists => PasskeyRefused::Known,
        WebauthnError::CredentialNotFound => PasskeyRefused::Foreign,
        other => {
            // Names of checks that failed; never what was sent.
            tracing::debug!(error = %other, "a passkey's answer was refused");
            PasskeyRefused::Invalid
        }
    }
}
