//! Passkeys of people who work for the operator or a merchant: a login with one needs no password and no code, since
//! the device has checked who holds it.
//!
//! A name that nobody has, or that has no passkey, gets a challenge of the same shape, with made-up credentials that
//! stay the same from call to call; whatever is wrong about an answer reads the same.

use store::{CeremonyPurpose, CredentialKind, PasskeyRow, UserState};
use types::{PasskeyId, SignedDuration};
use webauthn_rs::fake::{FakePasskeyDistribution, WebauthnFakeCredentialGenerator};

use super::{Begun, NewPasskey, PasskeyAnswer, PasskeyRefused, Subject, Wanted, accept, keep};
use crate::callers::Person;
use crate::engine::{Context, Engine};
use crate::logins::{Opened, open_login};
use crate::rejected::{Error, Rejected};

/// How long after logging in passkeys may be added and removed: whoever finds an open browser later may not.
const FRESH: SignedDuration = SignedDuration::from_mins(10);

impl Engine {
    /// A challenge to make a passkey for the own login.
    ///
    /// # Errors
    /// [`Rejected::LoginStale`], [`PasskeyRefused::TooMany`], [`PasskeyRefused::Off`]; an operating fault.
    pub fn begin_user_passkey(&self, ctx: &mut Context<'_>, person: &Person) -> Result<Begun, Error> {
        self.relying_party()?;
        self.fresh(ctx, person)?;
        self.store.write(|tx| {
            let row = tx.user(person.user)?.ok_or(Rejected::user())?;
            self.begin_registration(tx, ctx, (Subject::User(person.user), &row.login))
        })
    }

    /// Adds the passkey that a device made for the own login.
    ///
    /// # Errors
    /// [`Rejected::LoginStale`], [`Rejected::Field`], a [`PasskeyRefused`]; an operating fault.
    pub fn add_user_passkey(
        &self,
        ctx: &mut Context<'_>,
        person: &Person,
        new: &NewPasskey,
    ) -> Result<PasskeyRow, Error> {
        self.fresh(ctx, person)?;
        self.register_passkey(ctx, Subject::User(person.user), new)
    }

    /// The own passkeys, oldest first.
    ///
    /// # Errors
    /// An operating fault.
    pub fn user_passkeys(&self, person: &Person) -> Result<Vec<PasskeyRow>, Error> {
        self.store.read(|tx| tx.passkeys(&person.user.to_string()).map_err(Error::from))
    }

    /// Removes one of the own passkeys.
    ///
    /// # Errors
    /// [`Rejected::LoginStale`], an unknown passkey, which includes other people's; an operating fault.
    pub fn remove_user_passkey(
        &self,
        ctx: &mut Context<'_>,
        person: &Person,
        id: PasskeyId,
    ) -> Result<(), Error> {
        self.fresh(ctx, person)?;
        self.store.write(|tx| Self::delete_passkey(tx, ctx, (Subject::User(person.user), id)))
    }

    fn fresh(&self, ctx: &Context<'_>, person: &Person) -> Result<(), Error> {
        let key = self.store.read(|tx| tx.credential(person.session).map_err(Error::from))?;
        let key = key.ok_or(Rejected::KeyUnknown)?;
        if ctx.now.duration_since(key.created_at) > FRESH { Err(Rejected::LoginStale.into()) } else { Ok(()) }
    }

    /// A challenge to log in: to the passkeys of a name, or without one to whatever passkey the device has for us.
    ///
    /// # Errors
    /// [`PasskeyRefused::Off`]; an operating fault.
    pub fn begin_login(&self, ctx: &mut Context<'_>, login: Option<&str>) -> Result<Begun, Error> {
        let relying_party = self.relying_party()?;
        let login = login.map(|login| login.trim().to_lowercase());
        self.store.write(|tx| {
            let mut wanted = Wanted { purpose: CeremonyPurpose::Login, subject: None, target: String::new() };
            let mut allow = Vec::new();
            if let Some(login) = &login {
                let made_up = self.made_up_credentials(login)?;
                let user = tx.user_of_login(login)?.filter(|user| user.state == UserState::Active);
                let subject = user.map(|user| Subject::User(user.id));
                if let Some(subject) = subject {
                    let usable =
                        tx.passkeys(&subject.id())?.into_iter().filter(|row| row.blocked_at.is_none());
                    allow = usable.map(|row| row.credential_id).collect();
                }
                if allow.is_empty() {
                    allow = made_up;
                } else {
                    wanted.subject = subject;
                }
            }
            Ok(keep(tx, ctx, &wanted, relying_party.assertion(&allow)?)?)
        })
    }

    /// What a name that has no passkeys seems to have: always the same, and nobody else can compute it.
    fn made_up_credentials(&self, login: &str) -> anyhow::Result<Vec<Vec<u8>>> {
        let key = self.keys.blind_index("made-up passkeys", "");
        let generator = WebauthnFakeCredentialGenerator::<FakePasskeyDistribution>::new(&key);
        let made_up = generator.and_then(|generator| generator.generate(login.as_bytes()))?;
        // The distribution leaves some names without any, but a real challenge to a name is never without.
        Ok(if made_up.is_empty() {
            vec![self.keys.blind_index("made-up passkey", login).to_vec()]
        } else {
            made_up
        })
    }

    /// Opens a login with a passkey's answer to [`Engine::begin_login`].
    ///
    /// # Errors
    /// [`Rejected::LoginWrong`], for every reason there is; an operating fault.
    pub fn log_in_with_passkey(
        &self,
        ctx: &mut Context<'_>,
        answer: &PasskeyAnswer,
        kind: CredentialKind,
    ) -> Result<Opened, Error> {
        let checked = self.check_answer(answer).map_err(alike)?;
        let outcome: Result<Opened, Rejected> = self.store.write(|tx| {
            let wanted = Wanted { purpose: CeremonyPurpose::Login, subject: None, target: String::new() };
            let Ok(passkey) = accept(tx, ctx, &checked, &wanted)? else {
                return Ok(Err(Rejected::LoginWrong));
            };
            let Subject::User(id) = Subject::of(&passkey.subject)? else {
                return Ok(Err(Rejected::LoginWrong));
            };
            let user = tx.user_to_change(id)?.filter(|user| user.state == UserState::Active);
            let Some(user) = user else { return Ok(Err(Rejected::LoginWrong)) };
            Ok::<_, Error>(Ok(open_login(tx, ctx, &user, (kind, "passkey"))?))
        })?;
        Ok(outcome?)
    }
}

/// Which of the reasons it was is nobody's business before the login.
fn alike(error: Error) -> Error {
    match error {
        Error::Rejected(Rejected::Passkey(refused @ (PasskeyRefused::Off | PasskeyRefused::Malformed))) => {
            Rejected::from(refused).into()
        }
        Error::Rejected(_) => Rejected::LoginWrong.into(),
        Error::Operating(error) => Error::Operating(error),
    }
}
