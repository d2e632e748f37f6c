//! People whom an OpenID provider vouches for. The protocol is the edge's; here is decided who that is.

use serde_json::json;
use store::{CredentialKind, Tx, UserRow, UserState};
use types::{SignedDuration, Timestamp, UserId};
use zeroize::Zeroizing;

use crate::engine::{Context, Engine, record};
use crate::logins::{Opened, open_login};
use crate::rejected::{Error, Rejected};
use crate::users::needs_second_factor;

/// Whom a provider vouches for: what a checked ID token said.
pub struct Identity {
    /// Which provider.
    pub issuer: String,
    /// Whom, in its own words; never another person's.
    pub subject: String,
    /// The e-mail address, where the provider has verified it.
    pub verified_email: Option<String>,
    /// Did the provider check a second factor?
    pub second_factor: bool,
}

/// How far an identity carries.
pub enum Vouched {
    /// Logged in.
    In(Opened),
    /// The provider checked one factor; the user's own code must follow.
    CodeNeeded(UserId),
}

impl Engine {
    /// Opens a login for whoever the provider vouches for. At first the user is found by the verified e-mail address,
    /// which is the login; from then on by issuer and subject only. Nobody becomes a user by it.
    ///
    /// # Errors
    /// [`Rejected::IdentityUnknown`], [`Rejected::SecondFactorMissing`]; an operating fault.
    pub fn log_in_with_identity(
        &self,
        ctx: &mut Context<'_>,
        identity: &Identity,
        kind: CredentialKind,
    ) -> Result<Vouched, Error> {
        self.store.write(|tx| {
            let user = linked(tx, ctx, identity)?;
            if identity.second_factor || !needs_second_factor(user.post) {
                return Ok(Vouched::In(open_login(tx, ctx, &user, (kind, "identity provider"))?));
            }
            if tx.secrets(user.id)?.totp.is_some_and(|totp| totp.active) {
                Ok(Vouched::CodeNeeded(user.id))
            } else {
                Err(Rejected::SecondFactorMissing.into())
            }
        })
    }

    /// Keeps what a browser begins for some minutes; returns the secret by which the browser finds it again.
    ///
    /// # Errors
    /// An operating fault.
    pub fn begin_flow(
        &self,
        ctx: &mut Context<'_>,
        flow: &serde_json::Value,
        lifetime: SignedDuration,
    ) -> Result<Zeroizing<String>, Error> {
        let mut bytes = Zeroizing::new([0_u8; 32]);
        ctx.random.fill_bytes(&mut *bytes);
        let secret = Zeroizing::new(hex::encode(*bytes));
        let hash = evidence::digest(secret.as_bytes()).0;
        let (now, until) = (ctx.now, ctx.now + lifetime);
        self.store.write(|tx| tx.insert_flow(&hash, flow, (now, until)).map_err(Error::from))?;
        Ok(secret)
    }

    /// What a browser began, unless it is too old or was ended.
    ///
    /// # Errors
    /// An operating fault.
    pub fn flow(&self, now: Timestamp, secret: &str) -> Result<Option<serde_json::Value>, Error> {
        let hash = evidence::digest(secret.as_bytes()).0;
        self.store.read(|tx| tx.flow(&hash, now).map_err(Error::from))
    }

    /// Ends what a browser began; `false` when somebody else did so before. Each is good for one end.
    ///
    /// # Errors
    /// An operating fault.
    pub fn end_flow(&self, secret: &str) -> Result<bool, Error> {
        let hash = evidence::digest(secret.as_bytes()).0;
        self.store.write(|tx| tx.end_flow(&hash).map_err(Error::from))
    }
}

/// The active user of an identity; linked now, if this is the first time.
fn linked(tx: &Tx<'_>, ctx: &mut Context<'_>, identity: &Identity) -> Result<UserRow, Error> {
    let active = |row: &UserRow| row.state == UserState::Active;
    if let Some(user) = tx.user_of_identity(&identity.issuer, &identity.subject)? {
        return Some(user).filter(active).ok_or(Rejected::IdentityUnknown.into());
    }
    let login = identity.verified_email.as_ref().map(|email| email.trim().to_lowercase());
    let user = login.map(|login| tx.user_of_login(&login)).transpose()?.flatten();
    let user = user.filter(active).ok_or(Rejected::IdentityUnknown)?;
    let mut secrets = tx.secrets(user.id)?;
    if secrets.oidc.is_some() {
        // The same address under another subject is another person.
        return Err(Rejected::IdentityUnknown.into());
    }
    secrets.oidc = Some((identity.issuer.clone(), identity.subject.clone()));
    tx.update_secrets(&secrets)?;
    let body = json!({ "event": "identity_linked", "issuer": identity.issuer });
    record(tx, ctx, &user.login, &user.id, body)?;
    Ok(user)
}
