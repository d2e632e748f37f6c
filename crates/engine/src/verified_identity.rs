//! Who the holder of an account is, as a document says.

use serde::{Deserialize, Serialize};
use serde_json::json;
use store::IdentityRow;
use types::{Date, PayerId, StaffRole, StaffRoles, Tier, Timestamp};

use crate::callers::StaffCaller;
use crate::engine::{Contact, Context, Engine, Message, record, seal_contact, tell, text_field};
use crate::rejected::{Error, Rejected};

/// Weights of the first 17 digits of a resident identity number (GB 11643-1999: ISO 7064, MOD 11-2).
const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const CHECK_DIGITS: &[u8; 11] = b"10X98765432";

/// What kind of document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    /// The identity card of a resident of China.
    ResidentId,
    /// A passport.
    Passport,
    /// Another official document with name, birth date and number.
    Other,
}

impl DocumentKind {
    const fn name(self) -> &'static str {
        match self {
            Self::ResidentId => "resident_id",
            Self::Passport => "passport",
            Self::Other => "other",
        }
    }
}

/// What a document says.
#[derive(Serialize, Deserialize)]
pub struct Document {
    /// What kind of document.
    pub kind: DocumentKind,
    /// Its number.
    pub number: String,
    /// The full name.
    pub name: String,
    /// The birth date.
    pub birth_date: Date,
}

/// A way to find out who somebody is.
pub trait IdentityProvider {
    /// What records call it.
    fn name(&self) -> &'static str;

    /// Is the document what it is said to be?
    ///
    /// # Errors
    /// [`Rejected::DocumentWrong`].
    fn verify(&self, document: &Document) -> Result<(), Rejected>;
}

/// A member of staff has the document in hand; what a number says about itself is checked by calculation.
pub struct StaffVerification;

impl IdentityProvider for StaffVerification {
    fn name(&self) -> &'static str {
        "staff"
    }

    fn verify(&self, document: &Document) -> Result<(), Rejected> {
        match document.kind {
            DocumentKind::ResidentId => check_resident_id(&document.number, document.birth_date),
            DocumentKind::Passport | DocumentKind::Other => Ok(()),
        }
    }
}

/// What an account is after somebody saw its holder's document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifiedIdentity {
    /// Whose.
    pub payer: PayerId,
    /// The tier from now on.
    pub tier: Tier,
    /// When.
    pub at: Timestamp,
}

impl Engine {
    /// Records whose document was seen. Name and birth date of the account become the document's; the holder is told.
    ///
    /// # Errors
    /// [`Rejected::RoleMissing`], an unknown payer, [`Rejected::Field`], [`Rejected::DocumentWrong`]; an operating
    /// fault.
    pub fn verify_identity(
        &self,
        ctx: &mut Context<'_>,
        staff: &StaffCaller,
        payer: PayerId,
        document: Document,
    ) -> Result<VerifiedIdentity, Error> {
        staff.must_be(duty())?;
        let provider = StaffVerification;
        let document = Document {
            name: text_field("name", &document.name, 100, "a name of 1 to 100 characters")?,
            number: text_field("document_number", &document.number, 40, "a number of 1 to 40 characters")?,
            ..document
        };
        self.store.write(|tx| {
            let owner = tx.payer(payer)?.ok_or(Rejected::payer())?;
            self.check_birth_date(ctx.now, document.birth_date)?;
            provider.verify(&document)?;
            let plain = zeroize::Zeroizing::new(serde_json::to_vec(&document).map_err(anyhow::Error::new)?);
            let key = self.contact_key(tx, ctx, &owner)?;
            let sealed = key.seal(&format!("identity {payer}"), &plain, ctx.random);
            tx.insert_identity(&IdentityRow {
                payer,
                verified_at: ctx.now,
                verified_by: staff.name.clone(),
                provider: provider.name().to_owned(),
                document_kind: document.kind.name().to_owned(),
                document_sealed: sealed,
            })?;
            let contact = self.live_contact(&owner)?;
            let (name, birth_date) = (document.name.clone(), Some(document.birth_date));
            let contact = seal_contact(&key, payer, &Contact { name, birth_date, ..contact }, ctx.random)?;
            tx.set_contact(payer, &contact, Tier::Verified)?;
            let event = json!({ "event": "identity_verified", "provider": provider.name() });
            record(tx, ctx, &staff.name, &payer, event)?;
            let message =
                Message { kind: "identity_verified", args: json!({}), reference: payer.to_string() };
            tell(tx, ctx, payer, message)?;
            Ok(VerifiedIdentity { payer, tier: Tier::Verified, at: ctx.now })
        })
    }

    /// A day in the past on which somebody who lives can have been born.
    pub(crate) fn check_birth_date(&self, now: Timestamp, date: Date) -> Result<(), Rejected> {
        let today = self.business_date(now);
        if date > today || today.year() - date.year() > 130 {
            return Err(Rejected::Field { field: "birth_date", what: "a day in the last 130 years" });
        }
        Ok(())
    }
}

/// Who looks at documents.
fn duty() -> StaffRoles {
    StaffRole::Investigator | StaffRole::RiskAnalyst
}

/// 18 digits, of which the last may be X: the check digit is right, and the birth date is the one inside.
fn check_resident_id(number: &str, birth_date: Date) -> Result<(), Rejected> {
    let wrong =
        Rejected::DocumentWrong { what: "this is no resident identity number: its check digit is wrong" };
    let [digits @ .., check] = number.as_bytes() else { return Err(wrong) };
    let digits = <[u8; 17]>::try_from(digits).or(Err(wrong.clone()))?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err(wrong);
    }
    let sum: u32 = digits.iter().zip(WEIGHTS).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
    let expected = usize::try_from(sum % 11).ok().and_then(|at| CHECK_DIGITS.get(at));
    if expected != Some(&check.to_ascii_uppercase()) {
        return Err(wrong);
    }
    if number.get(6..14) != Some(birth_date.strftime("%Y%m%d").to_string().as_str()) {
        return Err(Rejected::DocumentWrong { what: "the birth date is not the one in the number" });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the standard: 11010519491231002X.
    #[test]
    fn a_resident_number_proves_itself() {
        let born = Date::new(1949, 12, 31).expect("a day");
        assert_eq!(check_resident_id("11010519491231002X", born), Ok(()));
        assert_eq!(check_resident_id("11010519491231002x", born), Ok(()));
        let later = Date::new(1950, 1, 1).expect("a day");
        assert!(check_resident_id("11010519491231002X", later).is_err(), "another birth date");
        for wrong in ["110105194912310021", "11010519491231020X", "1101051949123100", "", "１１０１０５", "x"]
        {
            assert!(check_resident_id(wrong, born).is_err(), "{wrong}");
        }
    }
}
