//! Passkeys (WebAuthn Level 3): keys on people's own devices that sign a challenge after the device checked who holds
//! it.
//!
//! Invariants: a challenge is for one subject, one purpose and one thing, lasts five minutes and is used once, whether
//! its answer was right or wrong. The credential an answer is checked against is the row as it stands when the answer
//! comes, and its counter is compared again under the row's lock. A copied passkey is blocked, not only refused once.
//! Signatures are checked before the write transaction; what they decide is written in it.

use anyhow::{Context as _, anyhow};
use serde_json::{Value, json};
use store::{CeremonyPurpose, CeremonyRow, PasskeyRow, Tx};
use types::{CeremonyId, PasskeyId, PayerId, SignedDuration, Timestamp, UserId};
use webauthn_rs::prelude::{
    AuthenticationResult, Passkey, PublicKeyCredential, RegisterPublicKeyCredential, Uuid,
};

use crate::engine::{Context, Engine, Message, record, tell, text_field};
use crate::rejected::{Error, Rejected};

mod payers;
mod refused;
mod relying_party;
mod users;

pub use payers::UnfreezeWith;
pub(crate) use payers::{accept_where_needed, answer_wanted, by_passkey, enrolment_wanted, unfreeze_wanted};
pub use refused::PasskeyRefused;
pub use relying_party::RelyingParty;

/// As long as the specification recommends for a ceremony in which the device checks its holder (section 15.1).
const CEREMONY_LIFETIME: SignedDuration = SignedDuration::from_mins(5);
/// A ceremony that is over is remembered so long, so that a second answer is told what happened to the first.
const CEREMONY_MEMORY: SignedDuration = SignedDuration::from_hours(1);
const PASSKEYS_MAX: usize = 10;
const LABEL_MAX: usize = 50;

/// Whose passkey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Payer(PayerId),
    User(UserId),
}

impl Subject {
    /// The id under which passkeys are stored.
    fn id(self) -> String {
        match self {
            Self::Payer(id) => id.to_string(),
            Self::User(id) => id.to_string(),
        }
    }

    fn of(id: &str) -> anyhow::Result<Self> {
        let payer = id.parse().map(Self::Payer);
        payer.or_else(|_not_a_payer| id.parse().map(Self::User)).with_context(|| format!("whose is {id}?"))
    }

    /// The user handle, which devices keep: an id of ours that says nothing about a person (section 14.6.1).
    fn handle(self) -> Uuid {
        match self {
            Self::Payer(id) => Uuid::from_u128(id.to_bits()),
            Self::User(id) => Uuid::from_u128(id.to_bits()),
        }
    }
}

/// A challenge to be handed to a browser.
#[derive(Clone, Debug, PartialEq)]
pub struct Begun {
    /// What the answer names.
    pub ceremony: CeremonyId,
    /// The options of `navigator.credentials.create` or `.get`, as JSON.
    pub options: Value,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// What a device made of a challenge.
#[derive(Clone, PartialEq)]
pub struct PasskeyAnswer {
    /// Which challenge.
    pub ceremony: CeremonyId,
    /// What `navigator.credentials` gave, as JSON.
    pub credential: Value,
}

/// A passkey to be added.
#[derive(Clone, PartialEq)]
pub struct NewPasskey {
    /// What its owner calls it.
    pub label: String,
    /// The device's answer.
    pub answer: PasskeyAnswer,
}

/// What a challenge must have been for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) purpose: CeremonyPurpose,
    /// None: whoever owns the passkey that answers.
    pub(crate) subject: Option<Subject>,
    /// The id of what is confirmed; empty where there is nothing.
    pub(crate) target: String,
}

/// An answer after its signature was looked at, before anything was written.
pub(crate) struct Checked {
    ceremony: CeremonyId,
    /// What the device calls the passkey, if its ceremony's subject may have it.
    passkey: Option<Vec<u8>>,
    found: Result<AuthenticationResult, PasskeyRefused>,
}

impl Engine {
    /// A challenge to make a passkey.
    fn begin_registration(
        &self,
        tx: &Tx<'_>,
        ctx: &mut Context<'_>,
        (subject, name): (Subject, &str),
    ) -> Result<Begun, Error> {
        let known = tx.passkeys(&subject.id())?;
        if known.len() >= PASSKEYS_MAX {
            return Err(Rejected::from(PasskeyRefused::TooMany).into());
        }
        let exclude = known.into_iter().map(|row| row.credential_id).collect();
        let challenge = self.relying_party()?.registration(subject.handle(), name, exclude)?;
        let wanted =
            Wanted { purpose: CeremonyPurpose::Registration, subject: Some(subject), target: String::new() };
        Ok(keep(tx, ctx, &wanted, challenge)?)
    }

    /// Adds the passkey that a device made for its challenge.
    fn register_passkey(
        &self,
        ctx: &mut Context<'_>,
        subject: Subject,
        new: &NewPasskey,
    ) -> Result<PasskeyRow, Error> {
        let label = text_field("label", &new.label, LABEL_MAX, "a name of 1 to 50 characters")?;
        let made = self.check_registration(&new.answer)?;
        let wanted =
            Wanted { purpose: CeremonyPurpose::Registration, subject: Some(subject), target: String::new() };
        let outcome = self.store.write(|tx| {
            if let Err(refused) = take(tx, ctx, new.answer.ceremony, &wanted)? {
                return Ok(Err(refused));
            }
            let made = match &made {
                Ok(made) => made,
                Err(refused) => return Ok::<_, Error>(Err(*refused)),
            };
            tx.lock_passkeys(&subject.id())?;
            if tx.passkeys(&subject.id())?.len() >= PASSKEYS_MAX {
                return Ok(Err(PasskeyRefused::TooMany));
            }
            let row = PasskeyRow {
                id: PasskeyId::generate(ctx.now, ctx.random),
                subject: subject.id(),
                credential_id: made.cred_id().clone(),
                credential: serde_json::to_value(made).context("writing a passkey")?,
                label: label.clone(),
                // The library compares the first answer's counter with the registration's, which is in `credential`.
                counter: 0,
                created_at: ctx.now,
                used_at: None,
                blocked_at: None,
            };
            if !tx.insert_passkey(&row)? {
                return Ok(Err(PasskeyRefused::Known));
            }
            record(tx, ctx, &row.subject, &row.id, json!({ "event": "passkey_registered" }))?;
            tell_owner(tx, ctx, &row, "passkey_added")?;
            Ok(Ok(row))
        })?;
        Ok(outcome.map_err(Rejected::from)?)
    }

    fn check_registration(&self, answer: &PasskeyAnswer) -> Result<Result<Passkey, PasskeyRefused>, Error> {
        let relying_party = self.relying_party()?;
        let credential: RegisterPublicKeyCredential = serde_json::from_value(answer.credential.clone())
            .or(Err(PasskeyRefused::Malformed))
            .map_err(Rejected::from)?;
        let ceremony = self.sent_out(answer.ceremony)?;
        if ceremony.purpose != CeremonyPurpose::Registration {
            return Ok(Err(PasskeyRefused::CeremonyOther));
        }
        let state = serde_json::from_value(ceremony.state).context("reading a ceremony")?;
        Ok(relying_party.registered(state, &credential))
    }

    /// Removes a passkey; the rest goes on as before.
    fn delete_passkey(
        tx: &Tx<'_>,
        ctx: &mut Context<'_>,
        (subject, id): (Subject, PasskeyId),
    ) -> Result<(), Error> {
        tx.lock_passkeys(&subject.id())?;
        let all = tx.passkeys(&subject.id())?;
        let row = all.into_iter().find(|row| row.id == id).ok_or(Rejected::passkey())?;
        tx.delete_passkey(&row.subject, id)?;
        record(tx, ctx, &row.subject, &id, json!({ "event": "passkey_removed" }))?;
        tell_owner(tx, ctx, &row, "passkey_removed").map_err(Error::from)
    }

    /// A challenge to the passkeys of the one subject that may answer.
    fn begin_assertion(&self, tx: &Tx<'_>, ctx: &mut Context<'_>, wanted: &Wanted) -> Result<Begun, Error> {
        let relying_party = self.relying_party()?;
        let subject = wanted.subject.ok_or_else(|| anyhow!("a challenge to nobody"))?;
        let usable = tx.passkeys(&subject.id())?.into_iter().filter(|row| row.blocked_at.is_none());
        let allow: Vec<Vec<u8>> = usable.map(|row| row.credential_id).collect();
        if allow.is_empty() {
            return Err(Rejected::from(PasskeyRefused::Missing).into());
        }
        Ok(keep(tx, ctx, wanted, relying_party.assertion(&allow)?)?)
    }

    /// Looks at an answer's signature. Slow by design: call it outside of a write transaction.
    pub(crate) fn check_answer(&self, answer: &PasskeyAnswer) -> Result<Checked, Error> {
        let relying_party = self.relying_party()?;
        let credential: PublicKeyCredential = serde_json::from_value(answer.credential.clone())
            .or(Err(PasskeyRefused::Malformed))
            .map_err(Rejected::from)?;
        let ceremony = self.sent_out(answer.ceremony)?;
        let refused = |refused| Ok(Checked { ceremony: ceremony.id, passkey: None, found: Err(refused) });
        if ceremony.purpose == CeremonyPurpose::Registration {
            return refused(PasskeyRefused::CeremonyOther);
        }
        let id = credential.get_credential_id();
        let row = self.store.read(|tx| tx.passkey_of_credential(id).map_err(Error::from))?;
        let Some(row) = row.filter(|row| may_answer(&ceremony, row, &credential)) else {
            return refused(PasskeyRefused::Foreign);
        };
        let passkey: Passkey = serde_json::from_value(row.credential).context("reading a passkey")?;
        let state = serde_json::from_value(ceremony.state).context("reading a ceremony")?;
        let found = relying_party.asserted(state, &credential, &passkey);
        Ok(Checked { ceremony: ceremony.id, passkey: Some(row.credential_id), found })
    }

    fn sent_out(&self, id: CeremonyId) -> Result<CeremonyRow, Error> {
        let found = self.store.read(|tx| tx.ceremony(id).map_err(Error::from))?;
        Ok(found.ok_or(PasskeyRefused::CeremonyUnknown).map_err(Rejected::from)?)
    }

    /// Forgets challenges that are long over; returns how many.
    ///
    /// # Errors
    /// An operating fault.
    pub fn forget_ceremonies(&self, now: Timestamp) -> Result<usize, Error> {
        self.store.write(|tx| tx.delete_ceremonies(now - CEREMONY_MEMORY).map_err(Error::from))
    }
}

/// Is it a passkey of whoever was asked? A device that was asked for any passkey must say whose it answers with
/// (section 7.2, step 6).
fn may_answer(ceremony: &CeremonyRow, row: &PasskeyRow, answer: &PublicKeyCredential) -> bool {
    let asked = ceremony.subject.as_ref().is_none_or(|owner| *owner == row.subject);
    let said = match answer.get_user_unique_id() {
        Some(said) => Subject::of(&row.subject).is_ok_and(|owner| owner.handle().as_bytes() == said),
        None => ceremony.subject.is_some(),
    };
    asked && said
}

/// Keeps a challenge until its answer comes, to whichever process.
fn keep(
    tx: &Tx<'_>,
    ctx: &mut Context<'_>,
    wanted: &Wanted,
    challenge: relying_party::Challenge,
) -> anyhow::Result<Begun> {
    let row = CeremonyRow {
        id: CeremonyId::generate(ctx.now, ctx.random),
        purpose: wanted.purpose,
        subject: wanted.subject.map(Subject::id),
        target: wanted.target.clone(),
        state: challenge.state,
        expires_at: ctx.now + CEREMONY_LIFETIME,
        used_at: None,
    };
    tx.insert_ceremony(&row)?;
    Ok(Begun { ceremony: row.id, options: challenge.options, expires_at: row.expires_at })
}

/// Uses a challenge up, if it is the one that is wanted.
fn take(
    tx: &Tx<'_>,
    ctx: &Context<'_>,
    id: CeremonyId,
    wanted: &Wanted,
) -> anyhow::Result<Result<CeremonyRow, PasskeyRefused>> {
    let Some(row) = tx.ceremony(id)? else { return Ok(Err(PasskeyRefused::CeremonyUnknown)) };
    if wanted.subject.is_some_and(|subject| row.subject.as_deref() != Some(&*subject.id())) {
        // Somebody else's, which is nobody's business.
        return Ok(Err(PasskeyRefused::CeremonyUnknown));
    }
    if row.purpose != wanted.purpose || row.target != wanted.target {
        return Ok(Err(PasskeyRefused::CeremonyOther));
    }
    if row.used_at.is_some() {
        return Ok(Err(PasskeyRefused::CeremonyUsed));
    }
    if row.expires_at <= ctx.now {
        return Ok(Err(PasskeyRefused::CeremonyExpired));
    }
    tx.use_ceremony(id, ctx.now)?;
    Ok(Ok(row))
}

/// Takes an answer in the transaction that acts on it. A refusal is part of what is written: the challenge is used up,
/// and a copied passkey blocked.
pub(crate) fn accept(
    tx: &Tx<'_>,
    ctx: &mut Context<'_>,
    checked: &Checked,
    wanted: &Wanted,
) -> anyhow::Result<Result<PasskeyRow, PasskeyRefused>> {
    let ceremony = match take(tx, ctx, checked.ceremony, wanted)? {
        Ok(ceremony) => ceremony,
        Err(refused) => return Ok(Err(refused)),
    };
    let row = match &checked.passkey {
        Some(credential_id) => tx.passkey_of_credential(credential_id)?,
        None => None,
    };
    let Some(row) = row else { return refuse(tx, ctx, (&ceremony, None), PasskeyRefused::Foreign) };
    let about = (&ceremony, Some(row.id));
    if row.blocked_at.is_some() {
        return refuse(tx, ctx, about, PasskeyRefused::Blocked);
    }
    let cloned = |counter: u32| (counter > 0 || row.counter > 0) && counter <= row.counter;
    match &checked.found {
        Err(PasskeyRefused::Cloned) => {}
        Err(refused) => return refuse(tx, ctx, about, *refused),
        // Another answer may have come since the signature was looked at.
        Ok(signed) if cloned(signed.counter()) => {}
        Ok(signed) => {
            let mut passkey: Passkey =
                serde_json::from_value(row.credential.clone()).context("reading a passkey")?;
            passkey.update_credential(signed).ok_or_else(|| anyhow!("{} is another passkey", row.id))?;
            let credential = serde_json::to_value(&passkey).context("writing a passkey")?;
            tx.use_passkey(row.id, &credential, signed.counter(), ctx.now)?;
            return Ok(Ok(row));
        }
    }
    tx.block_passkey(row.id, ctx.now)?;
    tell_owner(tx, ctx, &row, "passkey_cloned")?;
    refuse(tx, ctx, about, PasskeyRefused::Cloned)
}

fn refuse<T>(
    tx: &Tx<'_>,
    ctx: &mut Context<'_>,
    (ceremony, passkey): (&CeremonyRow, Option<PasskeyId>),
    refused: PasskeyRefused,
) -> anyhow::Result<Result<T, PasskeyRefused>> {
    let actor = ceremony.subject.as_deref().unwrap_or("anybody");
    let event = json!({ "event": "passkey_refused", "why": refused.code(), "passkey": passkey });
    record(tx, ctx, actor, &ceremony.id, event)?;
    Ok(Err(refused))
}

/// Tells a payer on all own devices; users have no such channel.
fn tell_owner(
    tx: &Tx<'_>,
    ctx: &mut Context<'_>,
    row: &PasskeyRow,
    kind: &'static str,
) -> anyhow::Result<()> {
    match Subject::of(&row.subject)? {
        Subject::Payer(payer) => {
            let args = json!({ "label": row.label });
            tell(tx, ctx, payer, Message { kind, args, reference: row.id.to_string() })
        }
        Subject::User(_) => Ok(()),
    }
}
