//! People of the operator and of merchants as clients: they accept their invitation, keep an authenticator, log in.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow};
use api::{AcceptInvitation, Accepted, Carrier, ConfirmInvitation, Invited, Login, NewLogin, NewUser};
use totp_rs::{Builder, Secret, Totp};
use types::StaffRoles;

use crate::{CallError, Client};

/// What everybody here chooses.
pub const PASSWORD: &str = "correct horse battery staple";
/// Seconds of a time step.
const STEP: u64 = 30;

/// An authenticator app with one secret.
#[derive(Clone)]
pub struct Authenticator(Totp);

impl Authenticator {
    /// Reads the secret that the server shows once, in base 32.
    ///
    /// # Errors
    /// When it is none.
    pub fn new(secret: &str) -> Result<Self> {
        let secret = Secret::try_from_base32(secret).map_err(|error| anyhow!("no secret: {error}"))?;
        let totp = Builder::new().with_secret(secret).build();
        Ok(Self(totp.map_err(|error| anyhow!("no secret of an authenticator: {error}"))?))
    }

    /// The code shown now.
    #[must_use]
    pub fn code(&self) -> String {
        self.0.generate(seconds()).to_string()
    }

    /// The code shown next: servers take it a little early, and each code once.
    #[must_use]
    pub fn next_code(&self) -> String {
        self.0.generate(seconds() + STEP).to_string()
    }
}

#[expect(clippy::disallowed_methods, reason = "an authenticator has a clock of its own")]
fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Somebody who accepted an invitation.
#[derive(Clone)]
pub struct Member {
    /// What is typed to log in.
    pub login: String,
    /// The second factor; none where it was declined.
    pub authenticator: Option<Authenticator>,
}

impl Member {
    /// Accepts an invitation with [`PASSWORD`] and a second factor, whose first code is shown at once.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn join(anybody: &Client, invited: &Invited) -> Result<Self, CallError> {
        let accept = AcceptInvitation {
            invitation: invited.invitation.clone(),
            password: PASSWORD.to_owned(),
            without_totp: false,
        };
        let accepted: Accepted = anybody.post("/v1/invitations/accept", &accept)?;
        let setup = accepted.totp.context("there is no second factor").map_err(CallError::Transport)?;
        let authenticator = Authenticator::new(&setup.secret).map_err(CallError::Transport)?;
        let (invitation, code) = (accept.invitation, authenticator.code());
        let () = anybody.post("/v1/invitations/confirm", &ConfirmInvitation { invitation, code })?;
        Ok(Self { login: accepted.login, authenticator: Some(authenticator) })
    }

    /// What to send to log in, with a code that is shown next.
    #[must_use]
    pub fn proof(&self) -> NewLogin {
        NewLogin {
            login: self.login.clone(),
            password: PASSWORD.to_owned(),
            totp: self.authenticator.as_ref().map(Authenticator::next_code),
            carrier: Carrier::Bearer,
        }
    }

    /// Logs in, once in each half minute.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn log_in(&self, anybody: &Client) -> Result<Client, CallError> {
        let login: Login = anybody.post("/v1/logins", &self.proof())?;
        let key = login.key.context("a bearer login has a key").map_err(CallError::Transport)?;
        Ok(anybody.with_key(key))
    }
}

/// Makes a member of the operator's staff and logs in as one; `admin` is an administrator.
///
/// # Errors
/// [`CallError`].
pub fn staff(admin: &Client, login: &str, roles: StaffRoles) -> Result<Client, CallError> {
    let new = NewUser { login: login.to_owned(), name: login.to_owned(), roles, phone: None };
    let invited: Invited = admin.post("/v1/users", &new)?;
    Member::join(admin, &invited)?.log_in(admin)
}
