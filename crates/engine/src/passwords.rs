//! Passwords and one-time codes: what is stored of them, and what is right.
//!
//! Rules after NIST SP 800-63B, section 3.1.1: length, and not what everybody tries first; no composition rules.

use anyhow::anyhow;
use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use evidence::DataKey;
use store::{SecretsRow, TotpRow, Tx};
use totp_rs::{Builder, Totp};
use types::{Timestamp, UserId};
use zeroize::Zeroizing;

use crate::engine::{Context, Engine};
use crate::keys::KeyOf;
use crate::rejected::{Error, Rejected};

const PASSWORD_CHARS: std::ops::RangeInclusive<usize> = 12..=128;
/// The commonest of this length, after the lists of leaked passwords; lower case.
const COMMONEST: [&str; 20] = [
    "123456789012",
    "1234567890123",
    "12345678901234567890",
    "123123123123",
    "password1234",
    "password12345",
    "passwordpassword",
    "qwertyuiop12",
    "qwertyuiop123",
    "qwertyuiopasdfghjkl",
    "1q2w3e4r5t6y",
    "1qaz2wsx3edc",
    "q1w2e3r4t5y6",
    "abcdefghijkl",
    "abcd12345678",
    "iloveyou1234",
    "letmein12345",
    "welcome12345",
    "administrator",
    "woaini1314520",
];
/// What a password is compared with when there is no user: made as every other, of something nobody can type.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c3VyZXR5IG5vYm9keSEhIQ$bm9ib2R5IGhhcyB0aGlzIHBhc3N3b3JkLCBub2JvZHk";
/// Twenty bytes, as RFC 4226 recommends.
const TOTP_BYTES: usize = 20;

/// The hash of a password that may be chosen for `login`. Slow by design: call it outside of a transaction.
pub(crate) fn hash_password(ctx: &mut Context<'_>, login: &str, password: &str) -> Result<String, Error> {
    check_password(login, password)?;
    let mut salt = [0; 16];
    ctx.random.fill_bytes(&mut salt);
    let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
    Ok(hash.map_err(|e| anyhow!("hashing a password: {e}"))?.to_string())
}

fn check_password(login: &str, password: &str) -> Result<(), Rejected> {
    let weak = |what| Err(Rejected::PasswordWeak { what });
    if !PASSWORD_CHARS.contains(&password.chars().count()) {
        return weak("12 to 128 characters; any will do");
    }
    let lower = password.to_lowercase();
    if lower == login || login.split('@').next() == Some(lower.as_str()) {
        return weak("it must not be the login");
    }
    let mut chars = lower.chars();
    let first = chars.next();
    if COMMONEST.contains(&lower.as_str()) || chars.all(|c| Some(c) == first) {
        return weak("this one is among those that are tried first");
    }
    Ok(())
}

/// Is this the password? Without a hash it takes as long, and it is not. Slow by design: call it outside of a
/// transaction.
pub(crate) fn is_password(stored: Option<&str>, password: &str) -> Result<bool, Error> {
    let hash = PasswordHash::new(stored.unwrap_or(NOBODY))
        .map_err(|e| anyhow!("a password's hash is damaged: {e}"))?;
    let right = Argon2::default().verify_password(password.as_bytes(), &hash).is_ok();
    Ok(right && stored.is_some())
}

/// A second factor to be set up: the address that authenticators read as a QR code, and the same secret to type.
pub struct TotpSetup {
    /// `otpauth://totp/...` (the key URI format of authenticator apps).
    pub uri: Zeroizing<String>,
    /// The secret in base 32.
    pub secret: Zeroizing<String>,
}

/// A second factor that was drawn: not yet written.
pub(crate) struct NewTotp {
    data_key: DataKey,
    sealed: Vec<u8>,
    pub(crate) setup: TotpSetup,
}

impl Engine {
    /// Draws a second factor for a user.
    pub(crate) fn draw_totp(ctx: &mut Context<'_>, user: UserId, login: &str) -> Result<NewTotp, Error> {
        let mut bytes = Zeroizing::new([0_u8; TOTP_BYTES]);
        ctx.random.fill_bytes(&mut *bytes);
        let data_key = DataKey::draw(ctx.random);
        let sealed = data_key.seal(&label(user), &*bytes, ctx.random);
        let totp = totp(&*bytes, login)?;
        let uri = totp.to_url().map_err(|e| anyhow!("writing an otpauth address: {e}"))?;
        let secret = totp_rs::Secret::from(bytes.to_vec()).to_base32();
        let setup = TotpSetup { uri: Zeroizing::new(uri), secret: Zeroizing::new(secret) };
        Ok(NewTotp { data_key, sealed, setup })
    }

    /// The row of a drawn second factor, not yet active, with its key wrapped in the transaction that writes it.
    pub(crate) fn totp_row(
        &self,
        tx: &Tx<'_>,
        ctx: &mut Context<'_>,
        (user, drawn): (UserId, &NewTotp),
    ) -> Result<TotpRow, Error> {
        let key = self.keys.wrap(tx, KeyOf::Totp(user), &drawn.data_key, ctx.random)?;
        Ok(TotpRow { sealed: drawn.sealed.clone(), key, active: false, step: None })
    }

    /// Takes a code: the second factor with its time step noted, or none when the code is wrong, too old, or was taken
    /// before. Compared in constant time by `totp_rs`.
    pub(crate) fn take_code(
        &self,
        now: Timestamp,
        secrets: &SecretsRow,
        code: &str,
    ) -> Result<Option<TotpRow>, Error> {
        let Some(row) = &secrets.totp else { return Ok(None) };
        let data_key = self.keys.unwrapped(KeyOf::Totp(secrets.user), &row.key)?;
        let opened = data_key.open(&label(secrets.user), &row.sealed).map_err(anyhow::Error::new)?;
        let Ok(seconds) = u64::try_from(now.as_second()) else { return Ok(None) };
        let step = totp(&opened, "")?.check(code, seconds);
        let step = step.filter(|step| row.step.is_none_or(|last| *step > last));
        Ok(step.map(|step| TotpRow { active: true, step: Some(step), ..row.clone() }))
    }
}

fn label(user: UserId) -> String {
    format!("totp {user}")
}

/// Six digits, half a minute, SHA-1, one step of leeway to either side: what authenticator apps take (RFC 6238).
fn totp(secret: &[u8], login: &str) -> Result<Totp, Error> {
    let built = Builder::new().with_secret(secret.to_vec()).with_skew(1);
    let built = built.with_issuer(Some("Surety")).with_account_name(login).build();
    Ok(built.map_err(|e| anyhow!("a second factor's secret is damaged: {e}"))?)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn choose(password: &str) -> Result<String, String> {
        let mut random = StdRng::seed_from_u64(1);
        let mut ctx = Context { now: Timestamp::UNIX_EPOCH, random: &mut random };
        hash_password(&mut ctx, "long.name@example.org", password).map_err(|error| error.to_string())
    }

    #[test]
    fn what_may_be_chosen() {
        for weak in [
            "short",
            "elevenchars",
            "PasswordPassword",
            "AAAAAAAAAAAAAA",
            "Long.Name@example.org",
            "        ",
            "123456789012",
        ] {
            assert!(choose(weak).unwrap_err().contains("choose another"), "{weak}");
        }
        assert!(choose(&"x1".repeat(65)).is_err(), "too long");
        for good in ["correct horse", "twelve chars", &"x1".repeat(64), "密码密码密码密码密码密啊"]
        {
            let hash = choose(good).unwrap();
            assert!(is_password(Some(&hash), good).unwrap() && !is_password(Some(&hash), "another").unwrap());
        }
    }

    #[test]
    fn nobody_takes_as_long_as_somebody() {
        let fresh = choose("correct horse").unwrap();
        let (fresh, nobody) = (PasswordHash::new(&fresh).unwrap(), PasswordHash::new(NOBODY).unwrap());
        assert_eq!(
            (fresh.algorithm, fresh.version, fresh.params),
            (nobody.algorithm, nobody.version, nobody.params)
        );
        assert_eq!(fresh.hash.unwrap().as_ref().len(), nobody.hash.unwrap().as_ref().len());
        assert!(!is_password(None, "nobody has this password, nobody").unwrap());
    }
}
