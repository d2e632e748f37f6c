//! A payer's own devices: logging in on one more, listing them, logging them out, and how far a young one is trusted.
//!
//! Decision page 7 says against whom: a stolen SIM card gets codes, a stolen phone gets messages, a spied-out PIN gets
//! neither.

use serde_json::json;
use store::{CodePurpose, CredentialKind, CredentialRow, PayerRow, Scope, Tx};
use types::{KeyId, PayerId, SignedDuration, Timestamp};
use zeroize::Zeroizing;

use crate::callers::{NewCredential, OwnDevice};
use crate::codes::PhoneProof;
use crate::engine::{Context, Engine, Message, record, tell, text_field};
use crate::pins::{verify_nobodys, verify_pin};
use crate::rejected::{Error, Rejected};

/// More than anybody uses.
const DEVICES_MAX: usize = 20;

/// A device that is to belong to an account.
pub struct NewDevice {
    /// What its owner calls it; 1 to 60 characters.
    pub label: String,
    /// How it will show who it is.
    pub kind: CredentialKind,
}

/// A phone code and the PIN, from a device that wants to belong to the account.
pub struct PayerLogin {
    /// The phone is the account's.
    pub proof: PhoneProof,
    /// The payment PIN.
    pub pin: Zeroizing<String>,
    /// The device.
    pub device: NewDevice,
}

/// A login, as the device gets it. The secret is shown once.
pub struct OpenedLogin {
    /// Whose account.
    pub payer: PayerId,
    /// What the device shows from now on.
    pub secret: Zeroizing<String>,
    /// How long it lasts at most.
    pub lifetime: SignedDuration,
}

/// A device of a payer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceView {
    /// Its id.
    pub id: KeyId,
    /// What its owner calls it.
    pub label: String,
    /// How it shows who it is.
    pub kind: CredentialKind,
    /// Since when it belongs to the account.
    pub since: Timestamp,
    /// When it was last used, to the hour.
    pub seen_at: Option<Timestamp>,
    /// Is it the one that asks?
    pub this: bool,
}

impl Engine {
    /// Logs in on one more device. Every device of the account is told.
    ///
    /// # Errors
    /// A code that is unknown, over or wrong; [`Rejected::PinWrong`], also where the phone has no account;
    /// [`Rejected::PinLocked`], [`Rejected::DevicesTooMany`], [`Rejected::Field`]; an operating fault.
    pub fn log_in_device(&self, ctx: &mut Context<'_>, login: &PayerLogin) -> Result<OpenedLogin, Error> {
        let label = device_label(&login.device)?;
        let owner = self.store.read(|tx| {
            let code = Self::open_challenge(tx, ctx.now, login.proof.challenge, CodePurpose::Login)?;
            tx.payer_of_phone(&code.phone_index).map_err(Error::from)
        })?;
        // As long for nobody's PIN as for somebody's, and with the code still unseen.
        let right = match &owner {
            Some(owner) => verify_pin(owner, &login.pin)?,
            None => verify_nobodys(&login.pin),
        };
        let key = owner.as_ref().map(|owner| self.draw_device(ctx, owner.id, (login.device.kind, &label)));
        let outcome: Result<(), Rejected> = self.store.write(|tx| {
            let code = match self.answer_code(tx, ctx.now, &login.proof, CodePurpose::Login)? {
                Ok(code) => code,
                Err(refusal) => return Ok::<_, Error>(Err(refusal)),
            };
            let payer = tx.payer_of_phone(&code.phone_index)?.map(|row| row.id);
            let (Some(owner), Some(key)) = (owner.as_ref().filter(|row| Some(row.id) == payer), &key) else {
                self.count_try(tx, code)?;
                return Ok(Err(Rejected::PinWrong));
            };
            if let Err(refusal) = self.count_pin(tx, ctx, owner.id, right)? {
                self.count_try(tx, code)?;
                return Ok(Err(refusal));
            }
            if self.live_devices(tx, ctx.now, owner.id)?.len() >= DEVICES_MAX {
                return Err(Rejected::DevicesTooMany.into());
            }
            Self::use_code(tx, code)?;
            key.keep(tx)?;
            record(
                tx,
                ctx,
                &owner.id.to_string(),
                &owner.id,
                json!({ "event": "device_added", "key": key.row.id }),
            )?;
            let args = json!({ "device": label });
            tell(
                tx,
                ctx,
                owner.id,
                Message { kind: "device_added", args, reference: key.row.id.to_string() },
            )?;
            Ok(Ok(()))
        })?;
        outcome?;
        let (owner, key) = owner.zip(key).ok_or(Rejected::PinWrong)?;
        Ok(OpenedLogin { payer: owner.id, lifetime: self.lifetime(key.row.kind), secret: key.secret })
    }

    /// A fresh credential for a device. A browser's ends by itself.
    pub(crate) fn draw_device(
        &self,
        ctx: &mut Context<'_>,
        payer: PayerId,
        (kind, label): (CredentialKind, &str),
    ) -> NewCredential {
        let mut key = NewCredential::draw(ctx, (kind, Scope::Payer), &payer, label);
        if kind == CredentialKind::Cookie {
            key.row.expires_at = Some(ctx.now + self.lifetime(kind));
        }
        key
    }

    /// How long a login lasts at most. An app's lasts until it is logged out.
    pub(crate) fn lifetime(&self, kind: CredentialKind) -> SignedDuration {
        match kind {
            CredentialKind::Cookie => SignedDuration::from_hours(i64::from(self.policy.devices.cookie_hours)),
            CredentialKind::Bearer | CredentialKind::Signature => SignedDuration::MAX,
        }
    }

    /// Was a payer's browser away for so long that it is logged out?
    pub(crate) fn is_idle(&self, now: Timestamp, key: &CredentialRow) -> bool {
        let idle = SignedDuration::from_hours(i64::from(self.policy.devices.cookie_idle_hours));
        let last = key.seen_at.unwrap_or(key.created_at);
        key.scope == Scope::Payer && key.kind == CredentialKind::Cookie && now.duration_since(last) >= idle
    }

    fn live_devices(
        &self,
        tx: &Tx<'_>,
        now: Timestamp,
        payer: PayerId,
    ) -> anyhow::Result<Vec<CredentialRow>> {
        let mut live = tx.live_credentials(&payer.to_string(), now)?;
        live.retain(|key| !self.is_idle(now, key));
        Ok(live)
    }

    /// The devices that are logged in, the oldest first.
    ///
    /// # Errors
    /// An operating fault.
    pub fn devices(&self, now: Timestamp, device: OwnDevice) -> Result<Vec<DeviceView>, Error> {
        let rows = self.store.read(|tx| self.live_devices(tx, now, device.payer).map_err(Error::from))?;
        let view = |row: CredentialRow| DeviceView {
            this: row.id == device.device,
            id: row.id,
            label: row.label,
            kind: row.kind,
            since: row.created_at,
            seen_at: row.seen_at,
        };
        Ok(rows.into_iter().map(view).collect())
    }

    /// Logs one device out, which may be the one that asks.
    ///
    /// # Errors
    /// An unknown device, which includes other people's and those that are out already; an operating fault.
    pub fn log_out_device(&self, ctx: &mut Context<'_>, device: OwnDevice, id: KeyId) -> Result<(), Error> {
        let payer = device.payer;
        self.store.write(|tx| {
            if !tx.revoke_credential(&payer.to_string(), id, ctx.now)? {
                return Err(Error::from(Rejected::device()));
            }
            record(tx, ctx, &payer.to_string(), &payer, json!({ "event": "device_removed", "key": id }))?;
            Ok(())
        })
    }

    /// Logs every device out but the one that asks; returns how many.
    ///
    /// # Errors
    /// An operating fault.
    pub fn log_out_others(&self, ctx: &mut Context<'_>, device: OwnDevice) -> Result<usize, Error> {
        let payer = device.payer;
        self.store.write(|tx| {
            let out = tx.revoke_credentials(&payer.to_string(), Some(device.device), ctx.now)?;
            record(
                tx,
                ctx,
                &payer.to_string(),
                &payer,
                json!({ "event": "other_devices_removed", "devices": out }),
            )?;
            let message = Message { kind: "devices_removed", args: json!({}), reference: payer.to_string() };
            tell(tx, ctx, payer, message)?;
            Ok(out)
        })
    }

    /// May this device switch something on? One that joined lately only with the PIN (`pin`: was one sent, and is it
    /// right), and not even so while the PIN itself comes from a recovery. The inner refusal is to be committed.
    pub(crate) fn must_be_trusted(
        &self,
        tx: &Tx<'_>,
        ctx: &mut Context<'_>,
        device: OwnDevice,
        pin: Option<bool>,
    ) -> Result<Result<(), Rejected>, Error> {
        if let Some(right) = pin
            && let Err(refusal) = self.count_pin(tx, ctx, device.payer, right)?
        {
            return Ok(Err(refusal));
        }
        let owner = tx.payer(device.payer)?.ok_or(Rejected::payer())?;
        let key = tx.credential(device.device)?.ok_or(Rejected::device())?;
        Ok(match pin {
            _ if !self.is_young(&owner, &key, ctx.now) => Ok(()),
            None => Err(Rejected::DeviceYoung),
            Some(_) if self.is_recovered(&owner, ctx.now) => Err(Rejected::DeviceWaits),
            Some(_) => Ok(()),
        })
    }

    /// Had this device joined the account only lately? The one that opened the account is no newcomer: there was nobody
    /// before it to take the account from.
    pub(crate) fn is_young(&self, owner: &PayerRow, key: &CredentialRow, at: Timestamp) -> bool {
        key.created_at > owner.created_at && at < key.created_at + self.youth()
    }

    /// Had the PIN been replaced only lately, and without the old one?
    pub(crate) fn is_recovered(&self, owner: &PayerRow, at: Timestamp) -> bool {
        owner.pin_recovered_at.is_some_and(|recovered| recovered <= at && at < recovered + self.youth())
    }

    fn youth(&self) -> SignedDuration {
        SignedDuration::from_hours(i64::from(self.policy.devices.young_hours))
    }
}

pub(crate) fn device_label(device: &NewDevice) -> Result<String, Rejected> {
    text_field("device", &device.label, 60, "a name of 1 to 60 characters for this device")
}
