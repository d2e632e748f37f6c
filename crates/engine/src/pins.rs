//! Payment PINs: which are taken, how guesses are counted, how a PIN is changed.

use std::sync::LazyLock;

use anyhow::anyhow;
use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use serde_json::json;
use store::{PayerRow, Tx};
use types::{Date, PayerId, PhoneNumber, SignedDuration};
use zeroize::Zeroizing;

use crate::callers::OwnDevice;
use crate::engine::{Contact, Context, Engine, Message, record, tell};
use crate::rejected::{Error, Rejected};

/// What a guess is compared with where there is no account: it takes as long, and is never right.
static NOBODYS: LazyLock<String> = LazyLock::new(|| {
    let hash = Argon2::default().hash_password_with_salt(b"nobody", &[0; 16]);
    hash.expect("a fixed salt of 16 bytes is one").to_string()
});

impl Engine {
    /// Sets another PIN, with the old one. A recovery that waits is not needed any more and ends.
    ///
    /// # Errors
    /// [`Rejected::PinWrong`], [`Rejected::PinLocked`], [`Rejected::PinWeak`], [`Rejected::Field`]; an operating fault.
    pub fn change_pin(
        &self,
        ctx: &mut Context<'_>,
        device: OwnDevice,
        old: &str,
        new: &str,
    ) -> Result<(), Error> {
        let owner = self.own_row(device)?;
        let contact = self.live_contact(&owner)?;
        let hash = hash_pin(ctx, new, &contact)?;
        let right = verify_pin(&owner, old)?;
        let outcome: Result<(), Rejected> = self.store.write(|tx| {
            if let Err(refusal) = self.count_pin(tx, ctx, device.payer, right)? {
                return Ok::<_, Error>(Err(refusal));
            }
            let row = tx.payer(device.payer)?.ok_or(Rejected::payer())?;
            tx.update_pin(&PayerRow { pin_hash: Some(hash.clone()), ..row })?;
            tx.delete_recovery(device.payer)?;
            record(tx, ctx, &device.payer.to_string(), &device.payer, json!({ "event": "pin_changed" }))?;
            let message =
                Message { kind: "pin_changed", args: json!({}), reference: device.payer.to_string() };
            tell(tx, ctx, device.payer, message)?;
            Ok(Ok(()))
        })?;
        Ok(outcome?)
    }

    /// Counts an attempt in the transaction that acts on it, so that parallel guesses share one counter. Each lock in a
    /// row lasts longer, until a right PIN comes.
    pub(crate) fn count_pin(
        &self,
        tx: &Tx<'_>,
        ctx: &mut Context<'_>,
        payer: PayerId,
        right: bool,
    ) -> anyhow::Result<Result<(), Rejected>> {
        let row = tx.payer(payer)?.ok_or_else(|| anyhow!("{payer} has vanished"))?;
        if row.pin_locked_until.is_some_and(|until| ctx.now < until) {
            return Ok(Err(Rejected::PinLocked));
        }
        if right {
            tx.update_pin(&PayerRow { pin_failures: 0, pin_locked_until: None, pin_locks: 0, ..row })?;
            return Ok(Ok(()));
        }
        let pins = &self.policy.pins;
        let failures = row.pin_failures + 1;
        if failures < pins.tries {
            tx.update_pin(&PayerRow { pin_failures: failures, pin_locked_until: None, ..row })?;
            return Ok(Err(Rejected::PinWrong));
        }
        let nth = usize::try_from(row.pin_locks).unwrap_or(usize::MAX);
        let minutes = *pins.lock_minutes.get(nth).or(pins.lock_minutes.last()).unwrap_or(&30);
        let until = ctx.now + SignedDuration::from_mins(i64::from(minutes));
        let pin_locks = row.pin_locks.saturating_add(1);
        tx.update_pin(&PayerRow { pin_failures: 0, pin_locked_until: Some(until), pin_locks, ..row })?;
        record(tx, ctx, "surety", &payer, json!({ "event": "pin_locked", "minutes": minutes }))?;
        let args = json!({ "minutes": minutes });
        tell(tx, ctx, payer, Message { kind: "pin_locked", args, reference: payer.to_string() })?;
        Ok(Err(Rejected::PinWrong))
    }
}

/// Six digits that are not tried first, hashed with Argon2id at the crate's defaults (OWASP's minimum).
pub(crate) fn hash_pin(ctx: &mut Context<'_>, pin: &str, holder: &Contact) -> Result<String, Error> {
    if pin.len() != 6 || !pin.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Rejected::Field { field: "pin", what: "six digits" }.into());
    }
    if is_weak(pin, &holder.phone, holder.birth_date) {
        return Err(Rejected::PinWeak.into());
    }
    let mut salt = [0; 16];
    ctx.random.fill_bytes(&mut salt);
    let hash = Argon2::default().hash_password_with_salt(pin.as_bytes(), &salt);
    Ok(hash.map_err(|e| anyhow!("hashing a PIN: {e}"))?.to_string())
}

/// Runs up or down, few different digits, one half twice, the end of the phone number, the birth date.
fn is_weak(pin: &str, phone: &PhoneNumber, birth_date: Option<Date>) -> bool {
    let digits: Vec<u8> = pin.bytes().map(|byte| byte - b'0').collect();
    let steps: Vec<u8> = digits.windows(2).map(|pair| (pair[1] + 10 - pair[0]) % 10).collect();
    let run = steps.iter().all(|step| *step == 1) || steps.iter().all(|step| *step == 9);
    let mut different = digits.clone();
    different.sort_unstable();
    different.dedup();
    let doubled = digits[..3] == digits[3..];
    let dates = birth_date.map(|date| {
        let [year, month, day] = [date.year() % 100, i16::from(date.month()), i16::from(date.day())];
        [[year, month, day], [day, month, year], [month, day, year]]
            .map(|[a, b, c]| format!("{a:02}{b:02}{c:02}"))
    });
    run || doubled
        || different.len() < 3
        || phone.reveal().ends_with(pin)
        || dates.is_some_and(|dates| dates.iter().any(|date| date == pin))
}

/// Is this the account's PIN? An account without one has none that is right. Slow by design: call it outside
/// of a write transaction.
pub(crate) fn verify_pin(row: &PayerRow, pin: &str) -> Result<bool, Error> {
    let Some(stored) = &row.pin_hash else { return Ok(verify_nobodys(pin)) };
    let hash =
        PasswordHash::new(stored).map_err(|e| anyhow!("the PIN hash of {} is damaged: {e}", row.id))?;
    Ok(Argon2::default().verify_password(pin.as_bytes(), &hash).is_ok())
}

/// As slow as [`verify_pin`], for nobody: never right.
pub(crate) fn verify_nobodys(pin: &str) -> bool {
    let hash = PasswordHash::new(&NOBODYS).expect("the hash is our own");
    let _never = Argon2::default().verify_password(Zeroizing::new(pin.to_owned()).as_bytes(), &hash).is_ok();
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_tried_first_is_refused() {
        let phone: PhoneNumber = "+8613700918204".parse().expect("a number");
        let born = Date::new(1987, 6, 23).ok();
        for weak in [
            "000000", "123456", "987654", "890123", "210987", "121212", "112211", "123123", "918204",
            "870623", "230687", "062387",
        ] {
            assert!(is_weak(weak, &phone, born), "{weak}");
        }
        for strong in ["918205", "582913", "135790", "112358"] {
            assert!(!is_weak(strong, &phone, born), "{strong}");
        }
    }
}
