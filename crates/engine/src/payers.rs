//! A payer's own view: account, messages, debits, freeze, questions put to the own device.

use anyhow::anyhow;
use gallery::Status;
use ledger::Account;
use serde_json::json;
use store::{FaceState, Language, MessageRow, PayerRow, PaymentRow, TraceRow, Tx};
use types::{Amount, ConfirmationId, DisputeId, GeoPoint, PayerId, PaymentId, Place, Tier, Timestamp};
use zeroize::Zeroizing;

use crate::callers::OwnDevice;
use crate::engine::{Context, Engine, Message, record, tell};
use crate::passkeys::{
    PasskeyAnswer, UnfreezeWith, accept, accept_where_needed, answer_wanted, by_passkey, unfreeze_wanted,
};
use crate::pins::verify_pin;
use crate::rejected::{Error, Rejected};
use crate::sessions::Recognised;

const LIST_MAX: u32 = 100;

/// The holder's own view of the account.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// The account's id.
    pub payer: PayerId,
    /// Full name.
    pub name: String,
    /// What the face may do.
    pub face: FaceState,
    /// What messages are written in.
    pub language: Language,
    /// What can be spent, per currency.
    pub balances: Vec<Amount>,
    /// How well the holder is known.
    pub tier: Tier,
}

/// The answer to "is this you?".
#[derive(Clone, PartialEq)]
pub enum ConfirmationAnswer {
    /// It is not me.
    No,
    /// It is me, and I want to pay.
    Yes {
        /// The PIN, from a device that joined the account only lately.
        pin: Option<Zeroizing<String>>,
        /// The answer to [`Engine::begin_answer`], from a payer who has a passkey.
        passkey: Option<PasskeyAnswer>,
    },
}

/// A debit, as its payer sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct PaymentView {
    /// Its id.
    pub payment: PaymentId,
    /// When.
    pub at: Timestamp,
    /// How much.
    pub amount: Amount,
    /// Who was paid.
    pub merchant: String,
    /// Where.
    pub place: Place,
    /// What for.
    pub description: String,
    /// How the payer was recognised.
    pub recognised: Recognised,
    /// How much came back from the shop so far.
    pub refunded: Amount,
    /// Where it stands.
    pub state: payments::State,
    /// The case about it.
    pub dispute: Option<DisputeId>,
}

impl Engine {
    /// The holder's own view of the account.
    ///
    /// # Errors
    /// An operating fault.
    pub fn profile(&self, device: OwnDevice) -> Result<Profile, Error> {
        let row = self.own_row(device)?;
        let contact = self.contact(&row)?.ok_or(Rejected::payer())?;
        let balances =
            self.store.read(|tx| tx.available_each(Account::Payer(row.id)).map_err(Error::from))?;
        Ok(Profile {
            payer: row.id,
            name: contact.name.clone(),
            face: row.face,
            language: row.language,
            balances,
            tier: row.tier,
        })
    }

    pub(crate) fn own_row(&self, device: OwnDevice) -> Result<PayerRow, Error> {
        self.store.read(|tx| tx.payer(device.payer)?.ok_or(Rejected::payer()).map_err(Error::from))
    }

    /// The newest messages on the holder's own device.
    ///
    /// # Errors
    /// An operating fault.
    pub fn messages(&self, device: OwnDevice) -> Result<(Language, Vec<MessageRow>), Error> {
        let language = self.own_row(device)?.language;
        let messages = self.store.read(|tx| tx.messages(device.payer, LIST_MAX).map_err(Error::from))?;
        Ok((language, messages))
    }

    /// The newest debits.
    ///
    /// # Errors
    /// An operating fault.
    pub fn payments(&self, device: OwnDevice) -> Result<Vec<PaymentView>, Error> {
        self.store.read(|tx| {
            let rows = tx.payments_of_payer(device.payer, LIST_MAX)?;
            rows.into_iter().map(|row| view(tx, row)).collect()
        })
    }

    /// One debit.
    ///
    /// # Errors
    /// An unknown payment, which includes other people's; an operating fault.
    pub fn payment(&self, device: OwnDevice, id: PaymentId) -> Result<PaymentView, Error> {
        self.store.read(|tx| {
            let row =
                tx.payment(id)?.filter(|row| row.terms().payer == device.payer).ok_or(Rejected::payment())?;
            view(tx, row)
        })
    }

    /// Switches face payment off, at once and without a question.
    ///
    /// # Errors
    /// An operating fault.
    pub fn freeze(&self, ctx: &mut Context<'_>, device: OwnDevice) -> Result<Profile, Error> {
        self.store.write(|tx| Self::freeze_in(tx, ctx, device.payer).map_err(Error::from))?;
        self.set_gallery_status(device.payer, Status::Paused)?;
        self.profile(device)
    }

    /// Switches the face off inside a transaction; the caller updates the gallery after it committed.
    pub(crate) fn freeze_in(tx: &Tx<'_>, ctx: &mut Context<'_>, payer: PayerId) -> anyhow::Result<()> {
        let row = tx.payer(payer)?.ok_or_else(|| anyhow!("{payer} has vanished"))?;
        if row.face == FaceState::Enabled {
            tx.set_face(payer, FaceState::Frozen)?;
            record(tx, ctx, &payer.to_string(), &payer, json!({ "event": "face_frozen" }))?;
            let message = Message { kind: "face_frozen", args: json!({}), reference: payer.to_string() };
            tell(tx, ctx, payer, message)?;
        }
        Ok(())
    }

    pub(crate) fn set_gallery_status(&self, payer: PayerId, status: Status) -> Result<(), Error> {
        Ok(self.gallery.set_status(payer, status)?)
    }

    /// Switches face payment on again, with the PIN or a passkey. A device that joined only lately needs the PIN.
    ///
    /// # Errors
    /// [`Rejected::PinWrong`], [`Rejected::PinLocked`], [`Rejected::FaceNotEnrolled`], [`Rejected::DeviceYoung`],
    /// [`Rejected::DeviceWaits`], [`Rejected::RecoveryWaiting`], [`Rejected::GuardianNeeded`],
    /// [`Rejected::GuardianHolds`], a refused passkey; an operating fault.
    pub fn unfreeze(
        &self,
        ctx: &mut Context<'_>,
        device: OwnDevice,
        with: &UnfreezeWith,
    ) -> Result<Profile, Error> {
        let row = self.own_row(device)?;
        if row.face == FaceState::None {
            return Err(Rejected::FaceNotEnrolled.into());
        }
        let (pin, answer) = match with {
            UnfreezeWith::Pin(pin) => (Some(verify_pin(&row, pin)?), None),
            UnfreezeWith::Passkey(answer) => (None, Some(self.check_answer(answer)?)),
        };
        let outcome: Result<(), Rejected> = self.store.write(|tx| {
            if let Err(refusal) = self.must_be_trusted(tx, ctx, device, pin)? {
                return Ok(Err(refusal));
            }
            self.must_be_quiet(tx, ctx.now, device.payer)?;
            let mut passkey = None;
            if let Some(answer) = &answer {
                match accept(tx, ctx, answer, &unfreeze_wanted(device.payer))? {
                    Ok(row) => passkey = Some(row.id),
                    Err(refused) => return Ok(Err(refused.into())),
                }
            }
            tx.set_face(device.payer, FaceState::Enabled)?;
            let event = by_passkey("face_unfrozen", passkey);
            record(tx, ctx, &device.payer.to_string(), &device.payer, event)?;
            let message =
                Message { kind: "face_enabled", args: json!({}), reference: device.payer.to_string() };
            tell(tx, ctx, device.payer, message)?;
            Ok::<_, Error>(Ok(()))
        })?;
        outcome?;
        self.set_gallery_status(device.payer, Status::Live)?;
        self.profile(device)
    }

    /// Nothing is switched on while a PIN is being recovered, nor where a guardian is missing or says no.
    pub(crate) fn must_be_quiet(&self, tx: &Tx<'_>, now: Timestamp, payer: PayerId) -> Result<(), Error> {
        if Self::waiting(tx, now, payer)?.is_some() {
            return Err(Rejected::RecoveryWaiting.into());
        }
        self.must_be_allowed(tx, now, payer)
    }

    /// Notes where the holder's own device is.
    ///
    /// # Errors
    /// An operating fault.
    pub fn locate(&self, ctx: &Context<'_>, device: OwnDevice, point: GeoPoint) -> Result<(), Error> {
        self.store
            .write(|tx| tx.insert_trace(device.payer, TraceRow { at: ctx.now, point }).map_err(Error::from))
    }

    /// Answers a question that was put to the own device. A yes of a device that joined only lately needs the PIN, and
    /// a yes of a payer who has a passkey needs its answer; a no needs neither.
    ///
    /// # Errors
    /// [`Rejected::DeviceYoung`], [`Rejected::DeviceWaits`], [`Rejected::PinWrong`], [`Rejected::PinLocked`], an unknown
    /// question, [`Rejected::ConfirmationAnswered`], [`Rejected::SessionExpired`], a refused passkey; an operating
    /// fault.
    pub fn answer(
        &self,
        ctx: &mut Context<'_>,
        device: OwnDevice,
        id: ConfirmationId,
        answer: &ConfirmationAnswer,
    ) -> Result<(), Error> {
        let (yes, pin, checked) = match answer {
            ConfirmationAnswer::No => (false, None, None),
            ConfirmationAnswer::Yes { pin, passkey } => {
                let owner = self.own_row(device)?;
                let pin = pin.as_ref().map(|pin| verify_pin(&owner, pin)).transpose()?;
                let checked = passkey.as_ref().map(|answer| self.check_answer(answer)).transpose()?;
                (true, pin, checked)
            }
        };
        let outcome: Result<(), Rejected> = self.store.write(|tx| {
            let question =
                tx.confirmation(id)?.filter(|q| q.payer == device.payer).ok_or(Rejected::confirmation())?;
            let session = tx.session(question.session)?.ok_or(Rejected::session())?;
            match question.answer {
                Some(given) if given == yes => return Ok::<_, Error>(Ok(())),
                Some(_) => return Err(Rejected::ConfirmationAnswered.into()),
                None if session.expires_at <= ctx.now => return Err(Rejected::SessionExpired.into()),
                None => {}
            }
            let mut passkey = None;
            if yes {
                if let Err(refusal) = self.must_be_trusted(tx, ctx, device, pin)? {
                    return Ok(Err(refusal));
                }
                let wanted = answer_wanted(device.payer, id);
                match accept_where_needed(tx, ctx, (device.payer, checked.as_ref()), &wanted)? {
                    Ok(shown) => passkey = shown,
                    Err(refusal) => return Ok(Err(refusal)),
                }
            }
            tx.answer_confirmation(id, yes, passkey)?;
            let event = json!({ "event": "own_device_answered", "yes": yes, "passkey": passkey });
            record(tx, ctx, &device.payer.to_string(), &question.session, event)?;
            Ok(Ok(()))
        })?;
        Ok(outcome?)
    }
}

fn view(tx: &Tx<'_>, row: PaymentRow) -> Result<PaymentView, Error> {
    let terms = &row.payment.terms;
    let vanished = |what: &str| anyhow!("the {what} of {} has vanished", terms.id);
    let merchant = tx.merchant(terms.merchant)?.ok_or_else(|| vanished("merchant"))?;
    // Where the terminal stood then: it may have moved.
    let place = tx.terminal_place(row.terminal, terms.at)?.ok_or_else(|| vanished("place"))?;
    let order = tx.order(terms.order)?.ok_or_else(|| vanished("order"))?;
    let dispute = tx.dispute_of_payment(terms.id)?.map(|found| found.dispute.filing.id);
    let recognised = serde_json::from_value(row.recognised.clone()).map_err(anyhow::Error::new)?;
    Ok(PaymentView {
        payment: terms.id,
        at: terms.at,
        amount: row.payment.captured().map_or(terms.authorised, |captured| captured.amount),
        refunded: row.payment.captured().map_or(Amount::zero(terms.authorised.currency), |c| c.refunded),
        merchant: merchant.name,
        place,
        description: order.description,
        recognised,
        state: row.payment.state,
        dispute,
    })
}
