//! What a new user does with an invitation: choose a password, set up a second factor, and prove it with a first code.

use serde_json::json;
use store::{InvitationRow, Tx, UserState};
use types::UserId;
use zeroize::Zeroizing;

use crate::engine::{Context, Engine, record};
use crate::passwords::{TotpSetup, hash_password};
use crate::rejected::{Error, Rejected};
use crate::users::needs_second_factor;

/// What a user chooses.
pub struct Choice {
    /// The secret of the invitation.
    pub invitation: Zeroizing<String>,
    /// The password.
    pub password: Zeroizing<String>,
    /// Whether to do without a second factor; only cashiers may.
    pub without_totp: bool,
}

impl Engine {
    /// Sets the password and begins a second factor. Without one the user can log in from now on; with one the
    /// invitation stays open until [`Engine::confirm_invitation`] has seen a right code. Sent twice, the second counts.
    ///
    /// # Errors
    /// [`Rejected::InvitationWrong`], [`Rejected::PasswordWeak`], [`Rejected::TotpMandatory`]; an operating fault.
    pub fn accept_invitation(
        &self,
        ctx: &mut Context<'_>,
        choice: &Choice,
    ) -> Result<(String, Option<TotpSetup>), Error> {
        let user = self.store.read(|tx| {
            let invited = open(tx, ctx, &choice.invitation)?;
            Ok::<_, Error>(tx.user(invited.user)?.ok_or(Rejected::InvitationWrong)?)
        })?;
        if choice.without_totp && needs_second_factor(user.post) {
            return Err(Rejected::TotpMandatory.into());
        }
        let hash = hash_password(ctx, &user.login, &choice.password)?;
        let drawn =
            if choice.without_totp { None } else { Some(Self::draw_totp(ctx, user.id, &user.login)?) };
        self.store.write(|tx| {
            open(tx, ctx, &choice.invitation)?;
            let mut secrets = tx.secrets(user.id)?;
            secrets.password_hash = Some(hash.clone());
            secrets.totp =
                drawn.as_ref().map(|drawn| self.totp_row(tx, ctx, (user.id, drawn))).transpose()?;
            tx.update_secrets(&secrets)?;
            record(tx, ctx, &user.login, &user.id, json!({ "event": "password_set" }))?;
            if drawn.is_none() { activate(tx, ctx, user.id) } else { Ok(()) }
        })?;
        Ok((user.login, drawn.map(|drawn| drawn.setup)))
    }

    /// Takes the first code: the second factor is active, the user can log in, the invitation is used.
    ///
    /// # Errors
    /// [`Rejected::InvitationWrong`], [`Rejected::TotpWrong`], which is also said before a password was chosen; an
    /// operating fault.
    pub fn confirm_invitation(
        &self,
        ctx: &mut Context<'_>,
        invitation: &str,
        code: &str,
    ) -> Result<(), Error> {
        self.store.write(|tx| {
            let invited = open(tx, ctx, invitation)?;
            let mut secrets = tx.secrets(invited.user)?;
            let taken = self.take_code(ctx.now, &secrets, code)?;
            secrets.totp = Some(taken.ok_or(Rejected::TotpWrong)?);
            tx.update_secrets(&secrets)?;
            activate(tx, ctx, invited.user)
        })
    }
}

/// The invitation with this secret, if it is open.
fn open(tx: &Tx<'_>, ctx: &Context<'_>, secret: &str) -> Result<InvitationRow, Error> {
    let found = tx.invitation(&evidence::digest(secret.as_bytes()).0)?;
    Ok(found.filter(|row| ctx.now < row.expires_at).ok_or(Rejected::InvitationWrong)?)
}

fn activate(tx: &Tx<'_>, ctx: &mut Context<'_>, user: UserId) -> Result<(), Error> {
    let mut row = tx.user_to_change(user)?.ok_or(Rejected::InvitationWrong)?;
    row.state = UserState::Active;
    tx.update_user(&row)?;
    tx.end_invitation(row.id)?;
    record(tx, ctx, &row.login, &row.id, json!({ "event": "user_activated" })).map_err(Error::from)
}
