//! Phone numbers and their last four digits. Neither shows in `Debug`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A phone number in E.164 form: `+`, then 8 to 15 digits, the first not zero.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(try_from = "String", into = "String")]
pub struct PhoneNumber(String);

/// The text is not a phone number, or not four digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PhoneError {
    /// Not in E.164 form.
    #[error("write the phone number as + and 8 to 15 digits, country code first, without spaces")]
    NotE164,
    /// Not exactly four ASCII digits.
    #[error("write exactly four digits")]
    NotFourDigits,
}

impl PhoneNumber {
    /// The number as typed by the holder: `+8613800138000`. Handle with care: personal data.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The last four digits.
    #[must_use]
    pub fn last_four(&self) -> LastFour {
        let mut digits = [b'0'; 4];
        for (slot, byte) in digits.iter_mut().rev().zip(self.0.bytes().rev()) {
            *slot = byte;
        }
        LastFour(digits)
    }
}

impl FromStr for PhoneNumber {
    type Err = PhoneError;

    fn from_str(text: &str) -> Result<Self, PhoneError> {
        let digits = text.strip_prefix('+').ok_or(PhoneError::NotE164)?;
        let well_formed = (8..=15).contains(&digits.len())
            && digits.bytes().all(|b| b.is_ascii_digit())
            && !digits.starts_with('0');
        if well_formed { Ok(Self(text.to_owned())) } else { Err(PhoneError::NotE164) }
    }
}

impl TryFrom<String> for PhoneNumber {
    type Error = PhoneError;

    fn try_from(text: String) -> Result<Self, PhoneError> {
        text.parse()
    }
}

impl From<PhoneNumber> for String {
    fn from(number: PhoneNumber) -> Self {
        number.0.clone()
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PhoneNumber(…)")
    }
}

/// The last four digits of a phone number: a hint, never a proof.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LastFour([u8; 4]);

impl LastFour {
    /// The digits as a number from 0 to 9999: the index of a search bucket.
    #[must_use]
    pub fn bucket(self) -> u16 {
        self.0.iter().fold(0_u16, |sum, digit| {
            sum.saturating_mul(10).saturating_add(u16::from(digit.saturating_sub(b'0')))
        })
    }

    /// The digits as text. Handle with care: personal data.
    #[must_use]
    pub fn reveal(self) -> String {
        self.0.iter().copied().map(char::from).collect()
    }
}

impl FromStr for LastFour {
    type Err = PhoneError;

    fn from_str(text: &str) -> Result<Self, PhoneError> {
        match <[u8; 4]>::try_from(text.as_bytes()) {
            Ok(digits) if digits.iter().all(u8::is_ascii_digit) => Ok(Self(digits)),
            Ok(_) | Err(_) => Err(PhoneError::NotFourDigits),
        }
    }
}

impl TryFrom<String> for LastFour {
    type Error = PhoneError;

    fn try_from(text: String) -> Result<Self, PhoneError> {
        text.parse()
    }
}

impl From<LastFour> for String {
    fn from(digits: LastFour) -> Self {
        digits.reveal()
    }
}

impl fmt::Debug for LastFour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LastFour(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_e164_only_and_hides_it() {
        let number: PhoneNumber = "+8613800138024".parse().unwrap();
        assert_eq!(number.last_four().reveal(), "8024");
        assert_eq!(number.last_four().bucket(), 8024);
        assert_eq!(format!("{number:?} {:?}", number.last_four()), "PhoneNumber(…) LastFour(…)");
        for wrong in [
            "",
            "+",
            "13800138000",
            "+0123456789",
            "+1234567",
            "+1234567890123456",
            "+86 1380",
            "+８６１３８００１３８",
        ] {
            assert_eq!(wrong.parse::<PhoneNumber>(), Err(PhoneError::NotE164), "{wrong}");
        }
        for wrong in ["", "123", "12345", "12a4", "١٢٣٤"] {
            assert_eq!(wrong.parse::<LastFour>(), Err(PhoneError::NotFourDigits), "{wrong}");
        }
    }
}
