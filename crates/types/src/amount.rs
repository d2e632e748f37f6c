//! Money as integer minor units of an ISO 4217 currency.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An ISO 4217 currency, written as its three-letter code.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency(iso_currency::Currency);

impl Currency {
    /// Renminbi, two decimals: the minor unit is the fen.
    pub const CNY: Self = Self(iso_currency::Currency::CNY);
    /// Euro, two decimals.
    pub const EUR: Self = Self(iso_currency::Currency::EUR);
    /// United States dollar, two decimals.
    pub const USD: Self = Self(iso_currency::Currency::USD);

    /// The three-letter code, for example `CNY`.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// How many decimals the minor unit has: 2 for CNY, 0 for JPY. ISO 4217 units without one count as 0.
    #[must_use]
    pub fn decimals(self) -> u16 {
        self.0.exponent().unwrap_or(0)
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for Currency {
    type Err = AmountError;

    fn from_str(code: &str) -> Result<Self, AmountError> {
        iso_currency::Currency::from_code(code).map(Self).ok_or(AmountError::UnknownCurrency)
    }
}

impl TryFrom<String> for Currency {
    type Error = AmountError;

    fn try_from(code: String) -> Result<Self, AmountError> {
        code.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.code().to_owned()
    }
}

/// An amount of money: minor units (fen, cents) of one currency. May be negative; whoever needs a
/// positive one checks [`Amount::is_positive`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Amount {
    /// Minor units: 10664 is 106.64 yuan.
    pub minor: i64,
    /// The currency the minor units belong to.
    pub currency: Currency,
}

/// Why two amounts cannot be combined, or a text is no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// The two amounts are of different currencies.
    #[error("amounts of different currencies cannot be combined")]
    CurrencyMixed,
    /// The result does not fit 64 bits.
    #[error("the amount is too large")]
    Overflow,
    /// No currency has this code.
    #[error("not an ISO 4217 currency code")]
    UnknownCurrency,
}

impl Amount {
    /// `minor` units of `currency`.
    #[must_use]
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Nothing, in `currency`.
    #[must_use]
    pub const fn zero(currency: Currency) -> Self {
        Self { minor: 0, currency }
    }

    /// More than nothing.
    #[must_use]
    pub const fn is_positive(self) -> bool {
        self.minor > 0
    }

    /// The sum.
    ///
    /// # Errors
    /// [`AmountError::CurrencyMixed`] or [`AmountError::Overflow`].
    pub fn checked_add(self, other: Self) -> Result<Self, AmountError> {
        self.same_currency(other)?;
        let minor = self.minor.checked_add(other.minor).ok_or(AmountError::Overflow)?;
        Ok(Self { minor, currency: self.currency })
    }

    /// The difference.
    ///
    /// # Errors
    /// [`AmountError::CurrencyMixed`] or [`AmountError::Overflow`].
    pub fn checked_sub(self, other: Self) -> Result<Self, AmountError> {
        self.same_currency(other)?;
        let minor = self.minor.checked_sub(other.minor).ok_or(AmountError::Overflow)?;
        Ok(Self { minor, currency: self.currency })
    }

    fn same_currency(self, other: Self) -> Result<(), AmountError> {
        if self.currency == other.currency { Ok(()) } else { Err(AmountError::CurrencyMixed) }
    }
}

impl fmt::Display for Amount {
    /// Major units with the currency's decimals and code: `106.64 CNY`, `-0.05 EUR`, `500 JPY`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.minor < 0 { "-" } else { "" };
        let size = self.minor.unsigned_abs();
        let decimals = self.currency.decimals();
        let unit = 10_u64.saturating_pow(u32::from(decimals));
        let (major, minor) = (size.checked_div(unit).unwrap_or(0), size.checked_rem(unit).unwrap_or(0));
        if decimals == 0 {
            write!(f, "{sign}{major} {}", self.currency)
        } else {
            write!(f, "{sign}{major}.{minor:0width$} {}", self.currency, width = usize::from(decimals))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn shows_major_units() {
        let jpy = "JPY".parse().unwrap();
        assert_eq!(Amount::new(10_664, Currency::CNY).to_string(), "106.64 CNY");
        assert_eq!(Amount::new(-5, Currency::EUR).to_string(), "-0.05 EUR");
        assert_eq!(Amount::new(500, jpy).to_string(), "500 JPY");
        assert_eq!(Amount::new(i64::MIN, Currency::CNY).to_string(), "-92233720368547758.08 CNY");
    }

    #[test]
    fn refuses_mixing_overflow_and_unknown_codes() {
        let (yuan, euro) = (Amount::new(1, Currency::CNY), Amount::new(1, Currency::EUR));
        assert_eq!(yuan.checked_add(euro), Err(AmountError::CurrencyMixed));
        assert_eq!(Amount::new(i64::MAX, Currency::CNY).checked_add(yuan), Err(AmountError::Overflow));
        assert_eq!("YUAN".parse::<Currency>(), Err(AmountError::UnknownCurrency));
        assert!(serde_json::from_str::<Amount>(r#"{"minor":1.5,"currency":"CNY"}"#).is_err());
    }

    proptest! {
        #[test]
        fn what_is_added_can_be_taken_away(a in any::<i64>(), b in any::<i64>()) {
            let (a, b) = (Amount::new(a, Currency::CNY), Amount::new(b, Currency::CNY));
            if let Ok(sum) = a.checked_add(b) {
                prop_assert_eq!(sum.checked_sub(b), Ok(a));
            }
        }
    }
}
