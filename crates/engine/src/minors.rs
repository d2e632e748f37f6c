//! The young and their guardians. Age is counted on the business day of whatever is asked.

use gallery::Status;
use risk::{Age, Holder};
use serde_json::json;
use store::{CodePurpose, GuardianRow, PayerRow, Tx};
use types::{Date, PayerId, Tier, Timestamp};

use crate::callers::OwnDevice;
use crate::codes::PhoneProof;
use crate::engine::{Context, Engine, Message, record, tell};
use crate::pins::verify_pin;
use crate::rejected::{Error, Rejected};

/// More than anybody is guardian of.
const WARDS_MAX: usize = 20;

/// A ward, as the guardian sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WardView {
    /// Whose account.
    pub ward: PayerId,
    /// The ward's name.
    pub name: String,
    /// When the guardian agreed.
    pub asked_at: Timestamp,
    /// When the ward did; none: not yet.
    pub confirmed_at: Option<Timestamp>,
    /// Did the guardian switch face payment off?
    pub held: bool,
}

impl Engine {
    /// Becomes the guardian of a minor, with a code that was sent to the minor's phone and with the own PIN. It counts as
    /// soon as the minor agrees on the own device.
    ///
    /// # Errors
    /// A code that is unknown, over or wrong; [`Rejected::PinWrong`], [`Rejected::PinLocked`],
    /// [`Rejected::DeviceWaits`], [`Rejected::GuardianUnfit`], [`Rejected::WardUnfit`]; an operating fault.
    pub fn add_ward(
        &self,
        ctx: &mut Context<'_>,
        device: OwnDevice,
        proof: &PhoneProof,
        pin: &str,
    ) -> Result<WardView, Error> {
        let own = self.own_row(device)?;
        self.store.read(|tx| Self::open_challenge(tx, ctx.now, proof.challenge, CodePurpose::Guardian))?;
        let right = verify_pin(&own, pin)?;
        let outcome: Result<GuardianRow, Rejected> = self.store.write(|tx| {
            if let Err(refusal) = self.must_be_trusted(tx, ctx, device, Some(right))? {
                return Ok::<_, Error>(Err(refusal));
            }
            let own = tx.payer(device.payer)?.ok_or(Rejected::payer())?;
            let of_age =
                self.years(ctx.now, &own)?.is_some_and(|years| years >= self.policy.minors.adult_age);
            if !of_age || own.tier != Tier::Verified || tx.wards(own.id)?.len() >= WARDS_MAX {
                return Err(Rejected::GuardianUnfit.into());
            }
            let code = match self.answer_code(tx, ctx.now, proof, CodePurpose::Guardian)? {
                Ok(code) => code,
                Err(refusal) => return Ok(Err(refusal)),
            };
            let ward = tx.payer_of_phone(&code.phone_index)?;
            Self::use_code(tx, code)?;
            let Some(ward) = ward else { return Ok(Err(Rejected::WardUnfit)) };
            let known = tx.guardian(ward.id)?;
            let has_one = known.is_some_and(|known| known.confirmed_at.is_some());
            if has_one || self.age(tx, ctx.now, &ward)? == Age::Adult {
                return Ok(Err(Rejected::WardUnfit));
            }
            let row = GuardianRow {
                ward: ward.id,
                guardian: own.id,
                asked_at: ctx.now,
                confirmed_at: None,
                held: false,
            };
            tx.put_guardian(&row)?;
            let event = json!({ "event": "guardian_asked", "guardian": own.id });
            record(tx, ctx, &own.id.to_string(), &ward.id, event)?;
            let args = json!({ "name": self.live_contact(&own)?.name });
            tell(tx, ctx, ward.id, Message { kind: "guardian_asked", args, reference: own.id.to_string() })?;
            Ok(Ok(row))
        })?;
        self.ward_view(outcome?)
    }

    /// Agrees to a guardian, on the minor's own device with the PIN.
    ///
    /// # Errors
    /// Nobody asked; [`Rejected::PinWrong`], [`Rejected::PinLocked`], [`Rejected::DeviceWaits`]; an operating fault.
    pub fn accept_guardian(&self, ctx: &mut Context<'_>, device: OwnDevice, pin: &str) -> Result<(), Error> {
        let own = self.own_row(device)?;
        let right = verify_pin(&own, pin)?;
        let outcome: Result<(), Rejected> = self.store.write(|tx| {
            let row = tx.guardian(device.payer)?.ok_or(Rejected::guardian())?;
            if let Err(refusal) = self.must_be_trusted(tx, ctx, device, Some(right))? {
                return Ok::<_, Error>(Err(refusal));
            }
            if row.confirmed_at.is_some() {
                return Ok(Ok(()));
            }
            tx.put_guardian(&GuardianRow { confirmed_at: Some(ctx.now), ..row })?;
            let event = json!({ "event": "guardian_accepted", "guardian": row.guardian });
            record(tx, ctx, &row.ward.to_string(), &row.ward, event)?;
            let message = Message { kind: "ward_accepted", args: json!({}), reference: row.ward.to_string() };
            tell(tx, ctx, row.guardian, message)?;
            Ok(Ok(()))
        })?;
        Ok(outcome?)
    }

    /// Whom the holder is guardian of.
    ///
    /// # Errors
    /// An operating fault.
    pub fn wards(&self, device: OwnDevice) -> Result<Vec<WardView>, Error> {
        let rows = self.store.read(|tx| tx.wards(device.payer).map_err(Error::from))?;
        rows.into_iter().map(|row| self.ward_view(row)).collect()
    }

    /// Switches a ward's face payment off, or allows it again; then the ward switches it on with the PIN.
    ///
    /// # Errors
    /// An unknown ward, which includes one who did not agree; [`Rejected::DeviceYoung`] to allow; an operating fault.
    pub fn hold_ward(
        &self,
        ctx: &mut Context<'_>,
        device: OwnDevice,
        ward: PayerId,
        held: bool,
    ) -> Result<WardView, Error> {
        let row = self.store.write(|tx| {
            let row = Self::confirmed_ward(tx, device, ward)?;
            if !held {
                self.must_be_trusted(tx, ctx, device, None)??;
            }
            let row = GuardianRow { held, ..row };
            tx.put_guardian(&row)?;
            let event = if held { "guardian_froze" } else { "guardian_allowed" };
            record(tx, ctx, &device.payer.to_string(), &ward, json!({ "event": event }))?;
            if held {
                Self::freeze_in(tx, ctx, ward)?;
            } else {
                let message =
                    Message { kind: "guardian_allows", args: json!({}), reference: ward.to_string() };
                tell(tx, ctx, ward, message)?;
            }
            Ok::<_, Error>(row)
        })?;
        if held {
            self.set_gallery_status(ward, Status::Paused)?;
        }
        self.ward_view(row)
    }

    /// Ends a guardianship; below the age at which a guardian is needed the ward cannot pay by face any more.
    ///
    /// # Errors
    /// An unknown ward; an operating fault.
    pub fn remove_ward(&self, ctx: &mut Context<'_>, device: OwnDevice, ward: PayerId) -> Result<(), Error> {
        self.store.write(|tx| {
            if !tx.delete_guardian(ward, device.payer)? {
                return Err(Error::from(Rejected::ward()));
            }
            record(tx, ctx, &device.payer.to_string(), &ward, json!({ "event": "guardian_left" }))?;
            let message = Message { kind: "guardian_left", args: json!({}), reference: ward.to_string() };
            tell(tx, ctx, ward, message).map_err(Error::from)
        })
    }

    fn confirmed_ward(tx: &Tx<'_>, device: OwnDevice, ward: PayerId) -> Result<GuardianRow, Error> {
        let row = tx.guardian(ward)?;
        let own = row.filter(|row| row.guardian == device.payer && row.confirmed_at.is_some());
        own.ok_or(Rejected::ward().into())
    }

    fn ward_view(&self, row: GuardianRow) -> Result<WardView, Error> {
        let ward = self.store.read(|tx| tx.payer(row.ward)?.ok_or(Error::from(Rejected::ward())))?;
        let contact = self.live_contact(&ward)?;
        Ok(WardView {
            ward: row.ward,
            name: contact.name.clone(),
            asked_at: row.asked_at,
            confirmed_at: row.confirmed_at,
            held: row.held,
        })
    }

    /// Full years of a holder; none where nobody asked when the account was opened.
    fn years(&self, now: Timestamp, owner: &PayerRow) -> anyhow::Result<Option<u32>> {
        let Some(contact) = self.contact(owner)? else { return Ok(None) };
        let today = self.business_date(now);
        Ok(contact.birth_date.map(|born| full_years(born, today)))
    }

    fn age(&self, tx: &Tx<'_>, now: Timestamp, owner: &PayerRow) -> anyhow::Result<Age> {
        let Some(years) = self.years(now, owner)? else { return Ok(Age::Adult) };
        Ok(match self.policy.minors.age(years, false) {
            Age::Child { guardian: _ } => {
                let known = tx.guardian(owner.id)?;
                Age::Child { guardian: known.is_some_and(|known| known.confirmed_at.is_some()) }
            }
            age @ (Age::Minor | Age::Adult) => age,
        })
    }

    /// Who holds an account, as far as a debit depends on it.
    pub(crate) fn holder(&self, tx: &Tx<'_>, now: Timestamp, owner: &PayerRow) -> anyhow::Result<Holder> {
        Ok(Holder { age: self.age(tx, now, owner)?, tier: owner.tier })
    }

    /// Goes on only if the holder is old enough for face payment, or has a guardian who agreed and does not hold it.
    pub(crate) fn must_be_allowed(&self, tx: &Tx<'_>, now: Timestamp, payer: PayerId) -> Result<(), Error> {
        let owner = tx.payer(payer)?.ok_or(Rejected::payer())?;
        match self.age(tx, now, &owner)? {
            Age::Child { guardian: false } => return Err(Rejected::GuardianNeeded.into()),
            Age::Adult => return Ok(()),
            Age::Child { guardian: true } | Age::Minor => {}
        }
        if tx.guardian(payer)?.is_some_and(|row| row.confirmed_at.is_some() && row.held) {
            return Err(Rejected::GuardianHolds.into());
        }
        Ok(())
    }

    /// Tells the guardian of a minor of a debit, if there is one.
    pub(crate) fn tell_guardian(
        &self,
        tx: &Tx<'_>,
        ctx: &mut Context<'_>,
        owner: &PayerRow,
        debit: (serde_json::Value, String),
    ) -> Result<(), Error> {
        if self.age(tx, ctx.now, owner)? == Age::Adult {
            return Ok(());
        }
        let (mut args, reference) = debit;
        if let Some(row) = tx.guardian(owner.id)?.filter(|row| row.confirmed_at.is_some()) {
            args["name"] = json!(self.live_contact(owner)?.name);
            tell(tx, ctx, row.guardian, Message { kind: "ward_debited", args, reference })?;
        }
        Ok(())
    }
}

/// Who is born on 29 February is a year older on 1 March where there is none.
fn full_years(born: Date, today: Date) -> u32 {
    let before = (today.month(), today.day()) < (born.month(), born.day());
    let years = i32::from(today.year()) - i32::from(born.year()) - i32::from(before);
    u32::try_from(years).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_is_full_on_the_birthday() {
        let day = |year, month, day| Date::new(year, month, day).expect("a day");
        for (born, today, years) in [
            (day(2008, 11, 23), day(2026, 11, 22), 17),
            (day(2008, 11, 23), day(2026, 11, 23), 18),
            (day(2012, 2, 29), day(2026, 2, 28), 13),
            (day(2012, 2, 29), day(2026, 3, 1), 14),
            (day(2026, 11, 23), day(2026, 11, 23), 0),
        ] {
            assert_eq!(full_years(born, today), years, "{born} on {today}");
        }
    }
}
