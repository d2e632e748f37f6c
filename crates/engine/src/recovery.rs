//! A forgotten PIN. Another one is set only after a wait, in which every device is told and may say no: who has stolen
//! a phone or a SIM card has its codes, and the holder has a day to notice.

use gallery::Status;
use serde_json::json;
use store::{CodePurpose, PayerRow, RecoveryRow, Tx};
use types::{PayerId, SignedDuration, Timestamp};
use zeroize::Zeroizing;

use crate::callers::OwnDevice;
use crate::codes::PhoneProof;
use crate::devices::{NewDevice, OpenedLogin, device_label};
use crate::engine::{Context, Engine, Message, record, tell};
use crate::pins::hash_pin;
use crate::rejected::{Error, Rejected};
use crate::texts::NewText;

/// Recoveries that are ended at a time.
const BATCH: u32 = 100;

/// What ends a recovery without a device.
pub struct Recovered {
    /// The phone is the account's.
    pub proof: PhoneProof,
    /// The next PIN.
    pub pin: Zeroizing<String>,
    /// The device that is logged in; all others are logged out.
    pub device: NewDevice,
}

impl Engine {
    /// Asks, on a device of the account, for another PIN; it is set by itself after the wait. Face payment is off
    /// meanwhile. Returns when the wait is over.
    ///
    /// # Errors
    /// A code that is unknown, over, wrong or for another phone; [`Rejected::PinWeak`], [`Rejected::RecoveryWaiting`];
    /// an operating fault.
    pub fn recover_pin(
        &self,
        ctx: &mut Context<'_>,
        device: OwnDevice,
        proof: &PhoneProof,
        pin: &str,
    ) -> Result<Timestamp, Error> {
        let owner = self.own_row(device)?;
        let contact = self.live_contact(&owner)?;
        let hash = hash_pin(ctx, pin, &contact)?;
        let outcome: Result<Timestamp, Rejected> = self.store.write(|tx| {
            let code = match self.answer_code(tx, ctx.now, proof, CodePurpose::Recover)? {
                Ok(code) => code,
                Err(refusal) => return Ok::<_, Error>(Err(refusal)),
            };
            let owner = tx.payer(device.payer)?.ok_or(Rejected::payer())?;
            if owner.phone_index != code.phone_index {
                self.count_try(tx, code)?;
                return Ok(Err(Rejected::challenge()));
            }
            if Self::waiting(tx, ctx.now, owner.id)?.is_some() {
                return Err(Rejected::RecoveryWaiting.into());
            }
            Self::use_code(tx, code)?;
            self.begin_recovery(tx, ctx, &owner, Some(hash.clone())).map(Ok)
        })?;
        let due = outcome?;
        self.ring();
        self.set_gallery_status(device.payer, Status::Paused)?;
        Ok(due)
    }

    /// Asks for another PIN where no device is left. It begins the wait where the phone has an account, and answers
    /// the same where it has none. Returns when the wait is over.
    ///
    /// # Errors
    /// A code that is unknown, over or wrong; an operating fault.
    pub fn recover_account(&self, ctx: &mut Context<'_>, proof: &PhoneProof) -> Result<Timestamp, Error> {
        let mut frozen = None;
        let outcome: Result<Timestamp, Rejected> = self.store.write(|tx| {
            let code = match self.answer_code(tx, ctx.now, proof, CodePurpose::Recover)? {
                Ok(code) => code,
                Err(refusal) => return Ok::<_, Error>(Err(refusal)),
            };
            let owner = tx.payer_of_phone(&code.phone_index)?;
            Self::use_code(tx, code)?;
            let Some(owner) = owner else { return Ok(Ok(self.recovery_due(ctx.now))) };
            if let Some(waiting) = Self::waiting(tx, ctx.now, owner.id)? {
                return Ok(Ok(waiting.due_at));
            }
            frozen = Some(owner.id);
            self.begin_recovery(tx, ctx, &owner, None).map(Ok)
        })?;
        let due = outcome?;
        self.ring();
        if let Some(payer) = frozen {
            self.set_gallery_status(payer, Status::Paused)?;
        }
        Ok(due)
    }

    /// Says no to a recovery, on any device of the account.
    ///
    /// # Errors
    /// [`Rejected::RecoveryUnknown`]; an operating fault.
    pub fn cancel_recovery(&self, ctx: &mut Context<'_>, device: OwnDevice) -> Result<(), Error> {
        let payer = device.payer;
        self.store.write(|tx| {
            if !tx.delete_recovery(payer)? {
                return Err(Error::from(Rejected::RecoveryUnknown));
            }
            record(tx, ctx, &payer.to_string(), &payer, json!({ "event": "pin_recovery_cancelled" }))?;
            let message =
                Message { kind: "pin_recovery_cancelled", args: json!({}), reference: payer.to_string() };
            tell(tx, ctx, payer, message).map_err(Error::from)
        })
    }

    /// Ends a recovery without a device, after the wait: another PIN, this device, and no other.
    ///
    /// # Errors
    /// A code that is unknown, over or wrong; [`Rejected::RecoveryUnknown`], [`Rejected::RecoveryWaiting`],
    /// [`Rejected::PinWeak`], [`Rejected::Field`]; an operating fault.
    pub fn finish_recovery(
        &self,
        ctx: &mut Context<'_>,
        recovered: &Recovered,
    ) -> Result<OpenedLogin, Error> {
        let label = device_label(&recovered.device)?;
        let owner = self.store.read(|tx| {
            let code = Self::open_challenge(tx, ctx.now, recovered.proof.challenge, CodePurpose::Recover)?;
            // Whoever has not seen the code learns nothing of the account, nor which PINs it would not take.
            let right = self.is_right(&code, &recovered.proof);
            let owner = tx.payer_of_phone(&code.phone_index)?;
            Ok::<_, Error>(owner.filter(|_| right))
        })?;
        let prepared = owner.as_ref().map(|owner| -> Result<_, Error> {
            let contact = self.live_contact(owner)?;
            let hash = hash_pin(ctx, &recovered.pin, &contact)?;
            Ok((hash, self.draw_device(ctx, owner.id, (recovered.device.kind, &label))))
        });
        let prepared = prepared.transpose()?;
        let outcome: Result<(), Rejected> = self.store.write(|tx| {
            let code = match self.answer_code(tx, ctx.now, &recovered.proof, CodePurpose::Recover)? {
                Ok(code) => code,
                Err(refusal) => return Ok::<_, Error>(Err(refusal)),
            };
            let owner = tx.payer_of_phone(&code.phone_index)?;
            let (Some(owner), Some((hash, key))) = (owner, &prepared) else {
                self.count_try(tx, code)?;
                return Ok(Err(Rejected::RecoveryUnknown));
            };
            if key.row.subject != owner.id.to_string() {
                return Err(Rejected::RecoveryUnknown.into());
            }
            let waiting = Self::waiting(tx, ctx.now, owner.id)?.ok_or(Rejected::RecoveryUnknown)?;
            if ctx.now < waiting.due_at || waiting.pin_hash.is_some() {
                return Err(Rejected::RecoveryWaiting.into());
            }
            Self::use_code(tx, code)?;
            let payer = owner.id;
            Self::replace_pin(tx, ctx, owner, hash.clone())?;
            tx.revoke_credentials(&payer.to_string(), None, ctx.now)?;
            key.keep(tx)?;
            Ok(Ok(()))
        })?;
        outcome?;
        let (owner, (_, key)) = owner.zip(prepared).ok_or(Rejected::RecoveryUnknown)?;
        Ok(OpenedLogin { payer: owner.id, lifetime: self.lifetime(key.row.kind), secret: key.secret })
    }

    /// Sets the PINs whose wait is over, and forgets recoveries that nobody finished; returns how many of both.
    ///
    /// # Errors
    /// An operating fault; what was ended stays ended.
    pub fn end_recoveries(&self, ctx: &mut Context<'_>) -> Result<usize, Error> {
        let due = self.store.read(|tx| tx.due_recoveries(ctx.now, BATCH).map_err(Error::from))?;
        for row in &due {
            self.store.write(|tx| {
                let Some(row) = tx.recovery(row.payer)?.filter(|now| now == row) else { return Ok(()) };
                let owner = tx.payer(row.payer)?.ok_or(Rejected::payer())?;
                match row.pin_hash {
                    Some(hash) => Self::replace_pin(tx, ctx, owner, hash),
                    None => {
                        tx.delete_recovery(row.payer)?;
                        record(tx, ctx, "surety", &row.payer, json!({ "event": "pin_recovery_lapsed" }))
                            .map_err(Error::from)
                    }
                }
            })?;
        }
        Ok(due.len())
    }

    /// The recovery that waits, unless it has lapsed.
    pub(crate) fn waiting(
        tx: &Tx<'_>,
        now: Timestamp,
        payer: PayerId,
    ) -> anyhow::Result<Option<RecoveryRow>> {
        Ok(tx.recovery(payer)?.filter(|row| now < row.lapses_at || row.pin_hash.is_some()))
    }

    fn recovery_due(&self, now: Timestamp) -> Timestamp {
        now + SignedDuration::from_hours(i64::from(self.policy.pins.recovery_hours))
    }

    fn begin_recovery(
        &self,
        tx: &Tx<'_>,
        ctx: &mut Context<'_>,
        owner: &PayerRow,
        pin_hash: Option<String>,
    ) -> Result<Timestamp, Error> {
        let due_at = self.recovery_due(ctx.now);
        let open = SignedDuration::from_hours(i64::from(self.policy.pins.recovery_open_hours));
        let on_device = pin_hash.is_some();
        tx.put_recovery(&RecoveryRow {
            payer: owner.id,
            pin_hash,
            asked_at: ctx.now,
            due_at,
            lapses_at: due_at + open,
        })?;
        Self::freeze_in(tx, ctx, owner.id)?;
        record(
            tx,
            ctx,
            "surety",
            &owner.id,
            json!({ "event": "pin_recovery_asked", "on_device": on_device }),
        )?;
        let args = json!({ "hours": self.policy.pins.recovery_hours });
        let message =
            Message { kind: "pin_recovery_asked", args: args.clone(), reference: owner.id.to_string() };
        tell(tx, ctx, owner.id, message)?;
        let contact = self.live_contact(owner)?;
        let (to, language) = (&contact.phone, owner.language);
        self.text(tx, ctx, &NewText { to, language, kind: "text_recovery_asked", args, until: None })?;
        Ok(due_at)
    }

    fn replace_pin(tx: &Tx<'_>, ctx: &mut Context<'_>, owner: PayerRow, hash: String) -> Result<(), Error> {
        let payer = owner.id;
        tx.delete_recovery(payer)?;
        tx.update_pin(&PayerRow {
            pin_hash: Some(hash),
            pin_failures: 0,
            pin_locked_until: None,
            pin_locks: 0,
            pin_recovered_at: Some(ctx.now),
            ..owner
        })?;
        record(tx, ctx, "surety", &payer, json!({ "event": "pin_recovered" }))?;
        let message = Message { kind: "pin_recovered", args: json!({}), reference: payer.to_string() };
        tell(tx, ctx, payer, message).map_err(Error::from)
    }
}
