//! Opening an account: a code proves the phone, and only then is said whether it has an account.

use evidence::DataKey;
use serde_json::json;
use store::{CodePurpose, FaceState, Language, PayerRow};
use types::{Date, PayerId, Place, Tier};
use zeroize::Zeroizing;

use crate::codes::PhoneProof;
use crate::devices::{NewDevice, OpenedLogin, device_label};
use crate::engine::{Contact, Context, Engine, record, seal_contact, text_field};
use crate::keys::KeyOf;
use crate::pins::hash_pin;
use crate::rejected::{Error, Rejected};

/// An account to open.
pub struct NewPayer {
    /// The phone, which a code has reached, is the account's.
    pub proof: PhoneProof,
    /// Full name.
    pub name: String,
    /// As the holder says; a document may correct it.
    pub birth_date: Date,
    /// Payment PIN.
    pub pin: Zeroizing<String>,
    /// What messages are written in.
    pub language: Language,
    /// Where the holder lives.
    pub home: Place,
    /// The device it is opened on.
    pub device: NewDevice,
}

impl Engine {
    /// Opens an account, and logs the device in that it is opened on.
    ///
    /// # Errors
    /// [`Rejected::Field`], [`Rejected::PinWeak`], a code that is unknown, over or wrong, [`Rejected::PhoneTaken`]; an
    /// operating fault.
    pub fn register_payer(&self, ctx: &mut Context<'_>, new: &NewPayer) -> Result<OpenedLogin, Error> {
        let name = text_field("name", &new.name, 100, "a name of 1 to 100 characters")?;
        let home_city = text_field("home.city", &new.home.city, 100, "a city of 1 to 100 characters")?;
        let label = device_label(&new.device)?;
        self.check_birth_date(ctx.now, new.birth_date)?;
        let code = self
            .store
            .read(|tx| Self::open_challenge(tx, ctx.now, new.proof.challenge, CodePurpose::Register))?;
        let contact = Contact { name, phone: self.phone_of_code(&code)?, birth_date: Some(new.birth_date) };
        let pin_hash = hash_pin(ctx, &new.pin, &contact)?;
        let id = PayerId::generate(ctx.now, ctx.random);
        let contact_key = DataKey::draw(ctx.random);
        let mut row = PayerRow {
            id,
            contact_sealed: seal_contact(&contact_key, id, &contact, ctx.random)?,
            contact_key: None,
            closed_at: None,
            phone_index: code.phone_index,
            pin_hash: Some(pin_hash),
            pin_failures: 0,
            pin_locked_until: None,
            pin_locks: 0,
            pin_recovered_at: None,
            tier: Tier::Basic,
            language: new.language,
            home_city,
            home: new.home.point,
            face: FaceState::None,
            created_at: ctx.now,
        };
        let key = self.draw_device(ctx, id, (new.device.kind, &label));
        let outcome: Result<(), Rejected> = self.store.write(|tx| {
            let code = match self.answer_code(tx, ctx.now, &new.proof, CodePurpose::Register)? {
                Ok(code) => code,
                Err(refusal) => return Ok::<_, Error>(Err(refusal)),
            };
            Self::use_code(tx, code)?;
            row.contact_key = Some(self.keys.wrap(tx, KeyOf::Contact(id), &contact_key, ctx.random)?);
            if !tx.insert_payer(&row)? {
                return Ok(Err(Rejected::PhoneTaken));
            }
            key.keep(tx)?;
            record(tx, ctx, "surety", &id, json!({ "event": "payer_registered" }))?;
            Ok(Ok(()))
        })?;
        outcome?;
        Ok(OpenedLogin { payer: id, lifetime: self.lifetime(key.row.kind), secret: key.secret })
    }
}
