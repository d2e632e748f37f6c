//! Amounts as decimal text in major units, exactly and both ways.

use types::Currency;

/// Why a text is no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DecimalError {
    /// Something else than digits, or digits, a point and digits.
    NotDecimal,
    /// More decimals than the currency has.
    TooManyDecimals,
    /// More than 64 bits of minor units.
    TooLarge,
}

/// `106.64` for 10664 fen, `-0.05`, `500` for yen.
pub(crate) fn decimal(minor: i128, currency: Currency) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    let decimals = usize::from(currency.decimals());
    let digits = format!("{:0>width$}", minor.unsigned_abs(), width = decimals.saturating_add(1));
    let (major, rest) = digits.split_at(digits.len().saturating_sub(decimals));
    if decimals == 0 { format!("{sign}{major}") } else { format!("{sign}{major}.{rest}") }
}

/// The minor units of a decimal text without sign, separators or exponent; no digit is ever rounded away.
pub(crate) fn parse_decimal(text: &str, currency: Currency) -> Result<i64, DecimalError> {
    let (major, rest) = match text.split_once('.') {
        Some((_, "")) => return Err(DecimalError::NotDecimal),
        Some((major, rest)) => (major, rest),
        None => (text, ""),
    };
    if major.is_empty() || !major.bytes().chain(rest.bytes()).all(|byte| byte.is_ascii_digit()) {
        return Err(DecimalError::NotDecimal);
    }
    let decimals = usize::from(currency.decimals());
    if rest.len() > decimals {
        return Err(DecimalError::TooManyDecimals);
    }
    format!("{major}{rest:0<decimals$}").parse().or(Err(DecimalError::TooLarge))
}
