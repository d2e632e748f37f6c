//! Foreign text in a CSV cell: a spreadsheet must show it, never calculate it.
//!
//! A cell that a spreadsheet could take for a formula (CWE-1236) or whose digits it would round gets an
//! apostrophe in front, as OWASP's ASVS 1.2.10 wants; a cell that has one already gets another, so that
//! [`unguarded`] gives back every text.

use std::borrow::Cow;

/// Longer whole numbers lose their last digits in a spreadsheet.
const DIGITS_EXACT_MAX: usize = 15;

/// `text` as it may stand in a cell.
pub(crate) fn guarded(text: &str) -> Cow<'_, str> {
    if needs_guard(text) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// The text of a cell without its guard. Also takes off the backquote that the bills of the large wallets put
/// before each value.
pub(crate) fn unguarded(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(text) if needs_guard(text) => text,
        Some(_) | None => cell.strip_prefix('`').unwrap_or(cell),
    }
}

fn needs_guard(text: &str) -> bool {
    let Some(first) = text.chars().next() else { return false };
    let formula = matches!(first, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠') || first.is_control();
    let guard = matches!(first, '\'' | '`');
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let changed = text.len() > DIGITS_EXACT_MAX || (text.len() > 1 && first == '0');
    formula || guard || (digits && changed)
}
