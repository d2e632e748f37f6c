//! The number of an account, and the numbers it had: digits that were typed in an old payment are compared with the
//! number of that time.

use anyhow::Context as _;
use serde_json::json;
use store::{CodePurpose, PastPhoneRow, PayerRow, Tx};
use types::{PayerId, PhoneNumber, Timestamp};

use crate::callers::OwnDevice;
use crate::codes::PhoneProof;
use crate::engine::{Contact, Context, Engine, Message, record, seal_contact, tell};
use crate::keys::KeyOf;
use crate::payers::Profile;
use crate::pins::verify_pin;
use crate::rejected::{Error, Rejected};
use crate::texts::NewText;

impl Engine {
    /// Gives the account another number, which a code has reached, with the PIN. The old number gets a text. Face payment
    /// is off until the holder switches it on again.
    ///
    /// # Errors
    /// A code that is unknown, over or wrong; [`Rejected::PinWrong`], [`Rejected::PinLocked`], [`Rejected::PhoneTaken`],
    /// [`Rejected::DeviceWaits`]; an operating fault.
    pub fn change_phone(
        &self,
        ctx: &mut Context<'_>,
        device: OwnDevice,
        proof: &PhoneProof,
        pin: &str,
    ) -> Result<Profile, Error> {
        let owner = self.own_row(device)?;
        self.store.read(|tx| Self::open_challenge(tx, ctx.now, proof.challenge, CodePurpose::Change))?;
        let right = verify_pin(&owner, pin)?;
        let outcome: Result<(), Rejected> = self.store.write(|tx| {
            if let Err(refusal) = self.must_be_trusted(tx, ctx, device, Some(right))? {
                return Ok::<_, Error>(Err(refusal));
            }
            let code = match self.answer_code(tx, ctx.now, proof, CodePurpose::Change)? {
                Ok(code) => code,
                Err(refusal) => return Ok(Err(refusal)),
            };
            let phone = self.phone_of_code(&code)?;
            let owner = tx.payer(device.payer)?.ok_or(Rejected::payer())?;
            Self::use_code(tx, code)?;
            self.move_phone(tx, ctx, &owner, phone)
        })?;
        outcome?;
        self.ring();
        self.refresh_gallery(device.payer)?;
        self.profile(device)
    }

    fn move_phone(
        &self,
        tx: &Tx<'_>,
        ctx: &mut Context<'_>,
        owner: &PayerRow,
        phone: PhoneNumber,
    ) -> Result<Result<(), Rejected>, Error> {
        let contact = self.live_contact(owner)?;
        let key = self.contact_key(tx, ctx, owner)?;
        let since = tx.past_phones(owner.id)?.last().map_or(owner.created_at, |last| last.until);
        let past = PastPhoneRow {
            payer: owner.id,
            phone_index: owner.phone_index,
            phone_sealed: key.seal(
                &past_label(owner.id, ctx.now),
                contact.phone.reveal().as_bytes(),
                ctx.random,
            ),
            since,
            until: ctx.now,
        };
        let index = self.phone_index(&phone);
        let old = contact.phone.clone();
        let sealed = seal_contact(&key, owner.id, &Contact { phone, ..contact }, ctx.random)?;
        if !tx.change_phone(&past, &index, &sealed)? {
            return Ok(Err(Rejected::PhoneTaken));
        }
        self.write_face_row(tx, owner.id)?;
        Self::freeze_in(tx, ctx, owner.id)?;
        let actor = owner.id.to_string();
        record(tx, ctx, &actor, &owner.id, json!({ "event": "phone_changed" }))?;
        tell(tx, ctx, owner.id, Message { kind: "phone_changed", args: json!({}), reference: actor })?;
        let text = NewText {
            to: &old,
            language: owner.language,
            kind: "text_phone_left",
            args: json!({}),
            until: None,
        };
        self.text(tx, ctx, &text)?;
        Ok(Ok(()))
    }

    /// The number an account had at a time; none of a closed account.
    pub(crate) fn phone_at(
        &self,
        tx: &Tx<'_>,
        owner: &PayerRow,
        at: Timestamp,
    ) -> anyhow::Result<Option<PhoneNumber>> {
        let past = tx.past_phones(owner.id)?;
        let Some(past) = past.into_iter().find(|past| at < past.until) else {
            return Ok(self.contact(owner)?.map(|contact| contact.phone));
        };
        let of = (KeyOf::Contact(owner.id), owner.contact_key.as_ref());
        let plain = self.keys.open_value(of, &past_label(owner.id, past.until), &past.phone_sealed)?;
        read_phone(&plain).map(Some)
    }

    pub(crate) fn phone_index(&self, phone: &PhoneNumber) -> [u8; 32] {
        self.keys.blind_index("phone", phone.reveal())
    }

    /// Brings what the gallery knows of a payer up to date with a changed number.
    fn refresh_gallery(&self, payer: PayerId) -> Result<(), Error> {
        self.readmit(payer)?;
        Ok(())
    }
}

fn past_label(payer: PayerId, until: Timestamp) -> String {
    format!("past phone {payer} {}", until.as_microsecond())
}

/// A phone number that was sealed as its text.
pub(crate) fn read_phone(plain: &[u8]) -> anyhow::Result<PhoneNumber> {
    std::str::from_utf8(plain).context("reading a phone number")?.parse().context("reading a phone number")
}
