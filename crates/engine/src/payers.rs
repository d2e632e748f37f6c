//! Payers: account, PIN, freeze, records.

use anyhow::anyhow;
use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use evidence::DataKey;
use gallery::Status;
use ledger::Account;
use serde_json::json;
use store::{CredentialKind, FaceState, Language, MessageRow, PayerRow, PaymentRow, Scope, TraceRow, Tx};
use types::{
    Amount, ConfirmationId, DisputeId, GeoPoint, PayerId, PaymentId, PhoneNumber, Place, SignedDuration,
    Timestamp,
};
use zeroize::Zeroizing;

use crate::callers::{NewCredential, OwnDevice};
use crate::engine::{Contact, Context, Engine, Message, record, seal_contact, tell, text_field};
use crate::keys::KeyOf;
use crate::rejected::{Error, Rejected};
use crate::sessions::Recognised;

/// Wrong PINs in a row after which the PIN is locked.
const PIN_FAILURES_MAX: u32 = 5;
/// For how long. Five guesses in half an hour find one PIN in a million in eleven years.
const PIN_LOCK: SignedDuration = SignedDuration::from_mins(30);
const LIST_MAX: u32 = 100;

/// An account to open.
pub struct NewPayer {
    /// Full name.
    pub name: String,
    /// The phone, which identifies the account.
    pub phone: PhoneNumber,
    /// Payment PIN.
    pub pin: Zeroizing<String>,
    /// What messages are written in.
    pub language: Language,
    /// Where the holder lives.
    pub home: Place,
}

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
    /// Opens an account; returns the bearer key of the holder's own device, which is shown once.
    ///
    /// # Errors
    /// [`Rejected::Field`], [`Rejected::PhoneTaken`]; an operating fault.
    pub fn register_payer(
        &self,
        ctx: &mut Context<'_>,
        new: NewPayer,
    ) -> Result<(PayerId, Zeroizing<String>), Error> {
        let name = text_field("name", &new.name, 100, "a name of 1 to 100 characters")?;
        let home_city = text_field("home.city", &new.home.city, 100, "a city of 1 to 100 characters")?;
        let pin_hash = hash_pin(ctx, &new.pin)?;
        let id = PayerId::generate(ctx.now, ctx.random);
        let contact = Contact { name, phone: new.phone };
        let contact_key = DataKey::draw(ctx.random);
        let mut row = PayerRow {
            id,
            contact_sealed: seal_contact(&contact_key, id, &contact, ctx.random)?,
            contact_key: None,
            closed_at: None,
            phone_index: self.keys.blind_index("phone", contact.phone.reveal()),
            pin_hash: Some(pin_hash),
            pin_failures: 0,
            pin_locked_until: None,
            language: new.language,
            home_city,
            home: new.home.point,
            face: FaceState::None,
            created_at: ctx.now,
        };
        let key = NewCredential::draw(ctx, (CredentialKind::Bearer, Scope::Payer), &id, "");
        self.store.write(|tx| {
            row.contact_key = Some(self.keys.wrap(tx, KeyOf::Contact(id), &contact_key, ctx.random)?);
            if !tx.insert_payer(&row)? {
                return Err(Error::from(Rejected::PhoneTaken));
            }
            key.keep(tx)?;
            record(tx, ctx, "surety", &id, json!({ "event": "payer_registered" }))?;
            Ok(())
        })?;
        Ok((id, key.secret))
    }

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
        })
    }

    fn own_row(&self, device: OwnDevice) -> Result<PayerRow, Error> {
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
        self.gallery.set_status(payer, status).map_err(anyhow::Error::new)?;
        Ok(())
    }

    /// Switches face payment on again, with the PIN.
    ///
    /// # Errors
    /// [`Rejected::PinWrong`], [`Rejected::PinLocked`], [`Rejected::FaceNotEnrolled`]; an operating fault.
    pub fn unfreeze(&self, ctx: &mut Context<'_>, device: OwnDevice, pin: &str) -> Result<Profile, Error> {
        let row = self.own_row(device)?;
        if row.face == FaceState::None {
            return Err(Rejected::FaceNotEnrolled.into());
        }
        let right = verify_pin(&row, pin)?;
        let outcome: Result<(), Rejected> = self.store.write(|tx| {
            if let Err(refusal) = count_pin(tx, ctx, device.payer, right)? {
                return Ok(Err(refusal));
            }
            tx.set_face(device.payer, FaceState::Enabled)?;
            record(tx, ctx, &device.payer.to_string(), &device.payer, json!({ "event": "face_unfrozen" }))?;
            let message =
                Message { kind: "face_enabled", args: json!({}), reference: device.payer.to_string() };
            tell(tx, ctx, device.payer, message)?;
            Ok::<_, Error>(Ok(()))
        })?;
        outcome?;
        self.set_gallery_status(device.payer, Status::Live)?;
        self.profile(device)
    }

    /// Notes where the holder's own device is.
    ///
    /// # Errors
    /// An operating fault.
    pub fn locate(&self, ctx: &Context<'_>, device: OwnDevice, point: GeoPoint) -> Result<(), Error> {
        self.store
            .write(|tx| tx.insert_trace(device.payer, TraceRow { at: ctx.now, point }).map_err(Error::from))
    }

    /// Answers a question that was put to the own device.
    ///
    /// # Errors
    /// An unknown question, [`Rejected::ConfirmationAnswered`], [`Rejected::SessionExpired`]; an operating fault.
    pub fn answer(
        &self,
        ctx: &mut Context<'_>,
        device: OwnDevice,
        id: ConfirmationId,
        yes: bool,
    ) -> Result<(), Error> {
        self.store.write(|tx| {
            let question =
                tx.confirmation(id)?.filter(|q| q.payer == device.payer).ok_or(Rejected::confirmation())?;
            let session = tx.session(question.session)?.ok_or(Rejected::session())?;
            match question.answer {
                Some(given) if given == yes => return Ok(()),
                Some(_) => return Err(Rejected::ConfirmationAnswered.into()),
                None if session.expires_at <= ctx.now => return Err(Rejected::SessionExpired.into()),
                None => tx.answer_confirmation(id, yes)?,
            }
            let event = json!({ "event": "own_device_answered", "yes": yes });
            record(tx, ctx, &device.payer.to_string(), &question.session, event).map_err(Error::from)
        })
    }
}

/// Six digits, hashed with Argon2id at the crate's defaults (OWASP's minimum).
fn hash_pin(ctx: &mut Context<'_>, pin: &str) -> Result<String, Error> {
    if pin.len() != 6 || !pin.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Rejected::Field { field: "pin", what: "six digits" }.into());
    }
    let mut salt = [0; 16];
    ctx.random.fill_bytes(&mut salt);
    let hash = Argon2::default().hash_password_with_salt(pin.as_bytes(), &salt);
    Ok(hash.map_err(|e| anyhow!("hashing a PIN: {e}"))?.to_string())
}

/// Is this the account's PIN? An account without one has none that is right. Slow by design: call it outside
/// of a write transaction.
pub(crate) fn verify_pin(row: &PayerRow, pin: &str) -> Result<bool, Error> {
    let Some(stored) = &row.pin_hash else { return Ok(false) };
    let hash =
        PasswordHash::new(stored).map_err(|e| anyhow!("the PIN hash of {} is damaged: {e}", row.id))?;
    Ok(Argon2::default().verify_password(pin.as_bytes(), &hash).is_ok())
}

/// Counts an attempt in the transaction that acts on it, so that parallel guesses share one counter.
pub(crate) fn count_pin(
    tx: &Tx<'_>,
    ctx: &mut Context<'_>,
    payer: PayerId,
    right: bool,
) -> anyhow::Result<Result<(), Rejected>> {
    let row = tx.payer(payer)?.ok_or_else(|| anyhow!("{payer} has vanished"))?;
    if row.pin_locked_until.is_some_and(|until| ctx.now < until) {
        return Ok(Err(Rejected::PinLocked));
    }
    let failures = if right { 0 } else { row.pin_failures + 1 };
    if failures < PIN_FAILURES_MAX {
        tx.set_pin_failures(payer, failures, None)?;
    } else {
        tx.set_pin_failures(payer, 0, Some(ctx.now + PIN_LOCK))?;
        record(tx, ctx, "surety", &payer, json!({ "event": "pin_locked" }))?;
        let args = json!({ "minutes": PIN_LOCK.as_mins() });
        tell(tx, ctx, payer, Message { kind: "pin_locked", args, reference: payer.to_string() })?;
    }
    Ok(if right { Ok(()) } else { Err(Rejected::PinWrong) })
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
