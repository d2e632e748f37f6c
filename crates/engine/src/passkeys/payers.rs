//! A payer's passkeys: adding and removing them with the PIN, and what they confirm.

use serde_json::json;
use store::{CeremonyPurpose, EnrolmentState, FaceState, PasskeyRow, Tx};
use types::{ConfirmationId, EnrolmentId, PasskeyId, PayerId};
use zeroize::Zeroizing;

use super::{Begun, Checked, NewPasskey, PasskeyAnswer, PasskeyRefused, Subject, Wanted, accept};
use crate::callers::OwnDevice;
use crate::engine::{Context, Engine};
use crate::pins::verify_pin;
use crate::rejected::{Error, Rejected};

/// What switches face payment on again.
pub enum UnfreezeWith {
    /// The payment PIN.
    Pin(Zeroizing<String>),
    /// A passkey's answer to [`Engine::begin_unfreeze`].
    Passkey(PasskeyAnswer),
}

impl Engine {
    /// A challenge to make a passkey, with the PIN.
    ///
    /// # Errors
    /// [`PasskeyRefused::Off`], [`PasskeyRefused::TooMany`], a wrong or locked PIN, [`Rejected::DeviceWaits`]; an
    /// operating fault.
    pub fn begin_passkey(&self, ctx: &mut Context<'_>, device: OwnDevice, pin: &str) -> Result<Begun, Error> {
        self.relying_party()?;
        let row = self.own_row(device)?;
        let contact = self.contact(&row)?.ok_or(Rejected::payer())?;
        let right = verify_pin(&row, pin)?;
        let outcome: Result<Begun, Rejected> = self.store.write(|tx| {
            if let Err(refusal) = self.must_be_trusted(tx, ctx, device, Some(right))? {
                return Ok(Err(refusal));
            }
            self.begin_registration(tx, ctx, (Subject::Payer(device.payer), &contact.name)).map(Ok)
        })?;
        Ok(outcome?)
    }

    /// Adds the passkey that a device of the payer made; all devices are told.
    ///
    /// # Errors
    /// [`Rejected::Field`], a [`PasskeyRefused`]; an operating fault.
    pub fn add_passkey(
        &self,
        ctx: &mut Context<'_>,
        device: OwnDevice,
        new: &NewPasskey,
    ) -> Result<PasskeyRow, Error> {
        self.register_passkey(ctx, Subject::Payer(device.payer), new)
    }

    /// The payer's passkeys, oldest first.
    ///
    /// # Errors
    /// An operating fault.
    pub fn passkeys(&self, device: OwnDevice) -> Result<Vec<PasskeyRow>, Error> {
        self.store.read(|tx| tx.passkeys(&device.payer.to_string()).map_err(Error::from))
    }

    /// Removes a passkey, with the PIN; all devices are told.
    ///
    /// # Errors
    /// An unknown passkey, which includes other people's; a wrong or locked PIN, [`Rejected::DeviceWaits`]; an
    /// operating fault.
    pub fn remove_passkey(
        &self,
        ctx: &mut Context<'_>,
        device: OwnDevice,
        id: PasskeyId,
        pin: &str,
    ) -> Result<(), Error> {
        let right = verify_pin(&self.own_row(device)?, pin)?;
        let outcome: Result<(), Rejected> = self.store.write(|tx| {
            if let Err(refusal) = self.must_be_trusted(tx, ctx, device, Some(right))? {
                return Ok(Err(refusal));
            }
            Self::delete_passkey(tx, ctx, (Subject::Payer(device.payer), id)).map(Ok)
        })?;
        Ok(outcome?)
    }

    /// A challenge to answer a question about a payment with yes.
    ///
    /// # Errors
    /// An unknown question, [`Rejected::ConfirmationAnswered`], [`Rejected::SessionExpired`],
    /// [`PasskeyRefused::Missing`], [`PasskeyRefused::Off`]; an operating fault.
    pub fn begin_answer(
        &self,
        ctx: &mut Context<'_>,
        device: OwnDevice,
        id: ConfirmationId,
    ) -> Result<Begun, Error> {
        self.store.write(|tx| {
            let question =
                tx.confirmation(id)?.filter(|q| q.payer == device.payer).ok_or(Rejected::confirmation())?;
            let session = tx.session(question.session)?.ok_or(Rejected::session())?;
            if question.answer.is_some() {
                return Err(Rejected::ConfirmationAnswered.into());
            }
            if session.expires_at <= ctx.now {
                return Err(Rejected::SessionExpired.into());
            }
            self.begin_assertion(tx, ctx, &answer_wanted(device.payer, id))
        })
    }

    /// A challenge to switch face payment on again without the PIN.
    ///
    /// # Errors
    /// [`Rejected::FaceNotEnrolled`], [`PasskeyRefused::Missing`], [`PasskeyRefused::Off`]; an operating fault.
    pub fn begin_unfreeze(&self, ctx: &mut Context<'_>, device: OwnDevice) -> Result<Begun, Error> {
        if self.own_row(device)?.face == FaceState::None {
            return Err(Rejected::FaceNotEnrolled.into());
        }
        self.store.write(|tx| self.begin_assertion(tx, ctx, &unfreeze_wanted(device.payer)))
    }

    /// A challenge to confirm an enrolment, besides its code.
    ///
    /// # Errors
    /// An unknown enrolment, [`Rejected::EnrolmentOver`], [`Rejected::EnrolmentExpired`],
    /// [`PasskeyRefused::Missing`], [`PasskeyRefused::Off`]; an operating fault.
    pub fn begin_enrolment_confirmation(
        &self,
        ctx: &mut Context<'_>,
        device: OwnDevice,
        id: EnrolmentId,
    ) -> Result<Begun, Error> {
        self.store.write(|tx| {
            let found = tx.enrolment(id)?.filter(|row| row.payer == device.payer);
            let row = found.ok_or(Rejected::enrolment())?;
            if row.state != EnrolmentState::Waiting {
                return Err(Rejected::EnrolmentOver.into());
            }
            if row.expires_at <= ctx.now {
                return Err(Rejected::EnrolmentExpired.into());
            }
            self.begin_assertion(tx, ctx, &enrolment_wanted(device.payer, id))
        })
    }
}

pub(crate) fn answer_wanted(payer: PayerId, id: ConfirmationId) -> Wanted {
    wanted(payer, CeremonyPurpose::Answer, id.to_string())
}

pub(crate) fn enrolment_wanted(payer: PayerId, id: EnrolmentId) -> Wanted {
    wanted(payer, CeremonyPurpose::Enrolment, id.to_string())
}

pub(crate) fn unfreeze_wanted(payer: PayerId) -> Wanted {
    wanted(payer, CeremonyPurpose::Unfreeze, String::new())
}

fn wanted(payer: PayerId, purpose: CeremonyPurpose, target: String) -> Wanted {
    Wanted { purpose, subject: Some(Subject::Payer(payer)), target }
}

/// Takes the answer of a payer's passkey, which must be there once the payer has one. A refusal is part of what is
/// written. Blocked passkeys count: a copy of the only one must not make confirmations weaker.
pub(crate) fn accept_where_needed(
    tx: &Tx<'_>,
    ctx: &mut Context<'_>,
    (payer, checked): (PayerId, Option<&Checked>),
    wanted: &Wanted,
) -> anyhow::Result<Result<Option<PasskeyId>, Rejected>> {
    let Some(checked) = checked else {
        let none = tx.passkeys(&payer.to_string())?.is_empty();
        return Ok(if none { Ok(None) } else { Err(PasskeyRefused::Needed.into()) });
    };
    Ok(accept(tx, ctx, checked, wanted)?.map(|row| Some(row.id)).map_err(Rejected::from))
}

/// The event of something that a passkey may have confirmed.
pub(crate) fn by_passkey(event: &str, passkey: Option<PasskeyId>) -> serde_json::Value {
    json!({ "event": event, "passkey": passkey })
}
