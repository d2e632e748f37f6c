//! Logging in with a password and a code, and what is open.
//!
//! Invariants: whoever is wrong reads the same words after the same work, whatever was wrong. Guesses are counted in
//! the transaction that judges them, under a fingerprint of what was typed, so that parallel guesses share a counter
//! and a login that nobody has locks like any other. A code is taken once.

use serde_json::json;
use store::{AttemptsRow, CredentialKind, CredentialRow, Post, Scope, Tx, UserRow, UserState};
use types::{KeyId, SignedDuration, Timestamp, UserId};
use zeroize::Zeroizing;

use crate::callers::{NewCredential, Person};
use crate::engine::{Context, Engine, record};
use crate::passwords::{hash_password, is_password};
use crate::rejected::{Error, Rejected};
use crate::users::needs_second_factor;

/// How long a login stays open, however it is used.
pub const SESSION: SignedDuration = SignedDuration::from_hours(12);
/// Wrong logins in a row after which a login is locked.
const FAILURES_MAX: u32 = 5;
/// For how long at first; each further wrong one doubles it, ten times at most: 17 hours.
const LOCK_FIRST: SignedDuration = SignedDuration::from_mins(1);
const LOCK_DOUBLINGS_MAX: u32 = 10;
/// After how long wrong logins are forgotten: longer than the longest lock.
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_hours(48);

/// What somebody shows to log in.
pub struct Proof {
    /// The login.
    pub login: String,
    /// The password.
    pub password: Zeroizing<String>,
    /// The current code of the second factor, where there is one.
    pub totp: Option<String>,
}

/// A login that was opened.
pub struct Opened {
    /// Who.
    pub user: UserId,
    /// What the client shows from now on; shown once.
    pub secret: Zeroizing<String>,
    /// Until when.
    pub expires_at: Timestamp,
}

/// Who is logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginView {
    /// The user.
    pub row: UserRow,
    /// The login in use.
    pub session: KeyId,
    /// Until when it is open; none for the key of the first start.
    pub expires_at: Option<Timestamp>,
    /// Further roles taken for a while.
    pub taken: Vec<store::BreakGlassRow>,
}

impl Engine {
    /// Opens a login, for twelve hours at most.
    ///
    /// # Errors
    /// [`Rejected::LoginWrong`], for every reason there is; an operating fault.
    pub fn log_in(
        &self,
        ctx: &mut Context<'_>,
        proof: &Proof,
        kind: CredentialKind,
    ) -> Result<Opened, Error> {
        let login = proof.login.trim().to_lowercase();
        let known = self.store.read(|tx| {
            let user = tx.user_of_login(&login)?;
            user.map(|user| Ok::<_, Error>((user.id, tx.secrets(user.id)?.password_hash))).transpose()
        })?;
        let hash = known.as_ref().and_then(|(_, hash)| hash.as_deref());
        let right = is_password(hash, &proof.password)?;
        let outcome = self.store.write(|tx| {
            let user = known.as_ref().map(|(user, _)| *user);
            let passed = match user {
                Some(user) if right => self.passes(tx, ctx, user, (hash, proof.totp.as_deref()))?,
                Some(_) | None => None,
            };
            if let Err(refusal) = self.count(tx, ctx, (&login, user), passed.is_some())? {
                return Ok(Err(refusal));
            }
            let user = passed.ok_or(Rejected::LoginWrong)?;
            let method = if proof.totp.is_some() { "password and code" } else { "password" };
            Ok::<_, Error>(Ok(open_login(tx, ctx, &user, (kind, method))?))
        })?;
        Ok(outcome?)
    }

    /// The user, if everything but the password is right too, and the password is still that one. The code is taken.
    fn passes(
        &self,
        tx: &Tx<'_>,
        ctx: &Context<'_>,
        user: UserId,
        (hash, code): (Option<&str>, Option<&str>),
    ) -> Result<Option<UserRow>, Error> {
        let row = tx.user_to_change(user)?.filter(|row| row.state == UserState::Active);
        let Some(row) = row else { return Ok(None) };
        let secrets = tx.secrets(user)?;
        if secrets.password_hash.as_deref() != hash {
            return Ok(None);
        }
        // A locked login takes no code either: it would be lost to its owner.
        if self.is_locked(tx, ctx, &row.login)? {
            return Ok(None);
        }
        self.passes_code(tx, ctx, row, code)
    }

    /// The user, if the second factor is right or not needed. The code is taken.
    fn passes_code(
        &self,
        tx: &Tx<'_>,
        ctx: &Context<'_>,
        row: UserRow,
        code: Option<&str>,
    ) -> Result<Option<UserRow>, Error> {
        let mut secrets = tx.secrets(row.id)?;
        if !secrets.totp.as_ref().is_some_and(|totp| totp.active) {
            return Ok(if needs_second_factor(row.post) { None } else { Some(row) });
        }
        let taken = code.map(|code| self.take_code(ctx.now, &secrets, code)).transpose()?.flatten();
        let Some(taken) = taken else { return Ok(None) };
        secrets.totp = Some(taken);
        tx.update_secrets(&secrets)?;
        Ok(Some(row))
    }

    fn is_locked(&self, tx: &Tx<'_>, ctx: &Context<'_>, login: &str) -> Result<bool, Error> {
        let attempts = tx.attempts(&self.login_index(login))?;
        Ok(attempts.locked_until.is_some_and(|until| ctx.now < until))
    }

    /// Counts an attempt in the transaction that judges it.
    fn count(
        &self,
        tx: &Tx<'_>,
        ctx: &mut Context<'_>,
        (login, user): (&str, Option<UserId>),
        right: bool,
    ) -> Result<Result<(), Rejected>, Error> {
        let index = self.login_index(login);
        let AttemptsRow { failures, locked_until } = tx.attempts(&index)?;
        if locked_until.is_some_and(|until| ctx.now < until) {
            return Ok(Err(Rejected::LoginWrong));
        }
        if right {
            tx.forget_attempts(&index)?;
            return Ok(Ok(()));
        }
        let failures = failures.saturating_add(1);
        let locked_until = locked_for(failures).map(|time| ctx.now + time);
        tx.set_attempts(&index, AttemptsRow { failures, locked_until }, ctx.now)?;
        if let Some(until) = locked_until {
            let subject = user.map_or_else(|| "unknown login".to_owned(), |user| user.to_string());
            let body = json!({ "event": "login_locked", "failures": failures, "until": until });
            record(tx, ctx, "surety", &subject, body)?;
            tracing::warn!(%subject, failures, "a login is locked after wrong ones in a row");
        }
        Ok(Err(Rejected::LoginWrong))
    }

    /// Who is logged in, and as what.
    ///
    /// # Errors
    /// An operating fault.
    pub fn who_am_i(&self, now: Timestamp, person: &Person) -> Result<LoginView, Error> {
        self.store.read(|tx| {
            let row = tx.user(person.user)?.ok_or(Rejected::user())?;
            let key = tx.credential(person.session)?.ok_or(Rejected::KeyUnknown)?;
            let taken = tx.open_break_glass(person.user, now)?;
            Ok(LoginView { row, session: person.session, expires_at: key.expires_at, taken })
        })
    }

    /// What is open for this person, oldest first.
    ///
    /// # Errors
    /// An operating fault.
    pub fn open_logins(&self, now: Timestamp, person: &Person) -> Result<Vec<CredentialRow>, Error> {
        self.store.read(|tx| tx.live_credentials(&person.user.to_string(), now).map_err(Error::from))
    }

    /// Ends this login.
    ///
    /// # Errors
    /// An operating fault.
    pub fn log_out(&self, ctx: &mut Context<'_>, person: &Person) -> Result<(), Error> {
        self.store.write(|tx| {
            tx.revoke_credential(&person.user.to_string(), person.session, ctx.now)?;
            record(tx, ctx, &person.name, &person.user, json!({ "event": "logged_out" })).map_err(Error::from)
        })
    }

    /// Ends every login of this person, this one included.
    ///
    /// # Errors
    /// An operating fault.
    pub fn log_out_everywhere(&self, ctx: &mut Context<'_>, person: &Person) -> Result<(), Error> {
        self.store.write(|tx| {
            tx.revoke_credentials(&person.user.to_string(), None, ctx.now)?;
            let body = json!({ "event": "logged_out_everywhere" });
            record(tx, ctx, &person.name, &person.user, body).map_err(Error::from)
        })
    }

    /// Changes the own password. Every other login ends.
    ///
    /// # Errors
    /// [`Rejected::LoginWrong`] for a wrong old one, counted like a login; [`Rejected::PasswordWeak`]; an operating
    /// fault.
    pub fn change_password(
        &self,
        ctx: &mut Context<'_>,
        person: &Person,
        (old, new): (&str, &str),
    ) -> Result<(), Error> {
        let (row, stored) = self.store.read(|tx| {
            let row = tx.user(person.user)?.ok_or(Rejected::user())?;
            Ok::<_, Error>((row, tx.secrets(person.user)?.password_hash))
        })?;
        let hash = hash_password(ctx, &row.login, new)?;
        let right = is_password(stored.as_deref(), old)?;
        let outcome = self.store.write(|tx| {
            let mut secrets = tx.secrets(person.user)?;
            let right = right && secrets.password_hash == stored;
            if let Err(refusal) = self.count(tx, ctx, (&row.login, Some(row.id)), right)? {
                return Ok(Err(refusal));
            }
            secrets.password_hash = Some(hash.clone());
            tx.update_secrets(&secrets)?;
            tx.revoke_credentials(&person.user.to_string(), Some(person.session), ctx.now)?;
            record(tx, ctx, &person.name, &person.user, json!({ "event": "password_changed" }))?;
            Ok::<_, Error>(Ok(()))
        })?;
        Ok(outcome?)
    }

    /// Opens a login for a user whom an identity provider vouched for with one factor, with the code of the second
    /// one.
    ///
    /// # Errors
    /// [`Rejected::LoginWrong`], counted like a login; an operating fault.
    pub fn finish_login(
        &self,
        ctx: &mut Context<'_>,
        (user, code): (UserId, &str),
        kind: CredentialKind,
    ) -> Result<Opened, Error> {
        let outcome = self.store.write(|tx| {
            let row = tx.user_to_change(user)?.filter(|row| row.state == UserState::Active);
            let Some(row) = row else { return Ok(Err(Rejected::LoginWrong)) };
            let login = row.login.clone();
            let locked = self.is_locked(tx, ctx, &login)?;
            let passed = if locked { None } else { self.passes_code(tx, ctx, row, Some(code))? };
            if let Err(refusal) = self.count(tx, ctx, (&login, Some(user)), passed.is_some())? {
                return Ok(Err(refusal));
            }
            let row = passed.ok_or(Rejected::LoginWrong)?;
            Ok::<_, Error>(Ok(open_login(tx, ctx, &row, (kind, "identity provider and code"))?))
        })?;
        Ok(outcome?)
    }

    /// Forgets wrong logins of long ago; returns at how many logins there were any.
    ///
    /// # Errors
    /// An operating fault.
    pub fn forget_old_logins(&self, now: Timestamp) -> Result<usize, Error> {
        self.store.write(|tx| tx.forget_old_attempts(now - FORGOTTEN_AFTER).map_err(Error::from))
    }
}

/// For how long so many wrong logins in a row lock a login.
fn locked_for(failures: u32) -> Option<SignedDuration> {
    let beyond = failures.checked_sub(FAILURES_MAX)?.min(LOCK_DOUBLINGS_MAX);
    Some(LOCK_FIRST * 2_i32.pow(beyond))
}

/// A credential for an active user, written, and recorded.
pub(crate) fn open_login(
    tx: &Tx<'_>,
    ctx: &mut Context<'_>,
    user: &UserRow,
    (kind, method): (CredentialKind, &str),
) -> Result<Opened, Error> {
    let mut key = NewCredential::draw(ctx, (kind, Scope::User), &user.id, method);
    let expires_at = ctx.now + SESSION;
    key.row.expires_at = Some(expires_at);
    key.keep(tx)?;
    let post = match user.post {
        Post::Staff(_) => "staff",
        Post::Merchant(_, _) => "merchant",
    };
    let body = json!({ "event": "logged_in", "by": method, "session": key.row.id, "as": post });
    record(tx, ctx, &user.login, &user.id, body)?;
    Ok(Opened { user: user.id, secret: key.secret, expires_at })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_grows_and_is_forgotten_later() {
        let minutes = |failures| locked_for(failures).map(|time| time.as_mins());
        assert_eq!([1, 4, 5, 6, 7].map(minutes), [None, None, Some(1), Some(2), Some(4)]);
        assert_eq!(minutes(u32::MAX), Some(1 << LOCK_DOUBLINGS_MAX));
        assert!(locked_for(u32::MAX).unwrap() < FORGOTTEN_AFTER);
    }
}
