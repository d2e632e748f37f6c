//! Matches the sentence of a step against a pattern: plain words with `{}` where a value stands.

use anyhow::{Context, Result, bail};
use gherkin::Table;
use types::{Amount, Currency};

/// What stands at each `{}` of `pattern`, if `sentence` is of this form. A value is as short as the words
/// after it allow, and never empty.
pub(crate) fn captures<'s>(pattern: &str, sentence: &'s str) -> Option<Vec<&'s str>> {
    let mut literals = pattern.split("{}");
    let mut rest = sentence.strip_prefix(literals.next()?)?;
    let mut values = Vec::new();
    let mut literals = literals.peekable();
    while let Some(literal) = literals.next() {
        let is_last = literals.peek().is_none();
        let at = if is_last { rest.strip_suffix(literal)?.len() } else { rest.find(literal)? };
        let (value, after) = rest.split_at(at);
        if value.is_empty() {
            return None;
        }
        values.push(value);
        rest = &after[literal.len()..];
    }
    rest.is_empty().then_some(values)
}

/// The values of one step.
pub(crate) struct Args<'a> {
    pub(crate) values: Vec<&'a str>,
    pub(crate) table: Option<&'a Table>,
}

impl Args<'_> {
    /// The value at the `at`-th `{}` of the pattern.
    pub(crate) fn text(&self, at: usize) -> &str {
        self.values.get(at).expect("a step asks only for values its pattern has")
    }

    pub(crate) fn number(&self, at: usize) -> Result<u32> {
        let text = self.text(at).replace(',', "");
        text.parse().with_context(|| format!("{text:?} is no number"))
    }

    /// `106.64 yuan`.
    pub(crate) fn yuan(&self, at: usize) -> Result<Amount> {
        parse_yuan(self.text(at))
    }

    /// The rows of the table, each as a lookup by column.
    pub(crate) fn rows(&self) -> Result<Vec<Row<'_>>> {
        let table = self.table.context("this step needs a table")?;
        let (head, rows) = table.rows.split_first().context("this step's table is empty")?;
        Ok(rows.iter().map(|cells| Row { head, cells }).collect())
    }
}

/// One line of a table.
pub(crate) struct Row<'a> {
    head: &'a [String],
    cells: &'a [String],
}

impl Row<'_> {
    pub(crate) fn get(&self, column: &str) -> Result<&str> {
        let at = self.head.iter().position(|name| name == column);
        let cell = at.and_then(|at| self.cells.get(at));
        cell.map(String::as_str).with_context(|| format!("the table has no column {column:?}"))
    }
}

fn parse_yuan(text: &str) -> Result<Amount> {
    let number = text.replace(',', "");
    let (major, minor) = number.split_once('.').with_context(|| format!("{text:?} is not like 106.64"))?;
    if minor.len() != 2 {
        bail!("{text:?} needs two decimals");
    }
    let minor: i64 = format!("{major}{minor}").parse().with_context(|| format!("{text:?} is no amount"))?;
    Ok(Amount::new(minor, Currency::CNY))
}

/// An amount as people say it.
pub(crate) fn say(amount: Amount) -> String {
    let text = amount.to_string();
    match text.strip_suffix(" CNY") {
        Some(number) => format!("{number} yuan"),
        None => text,
    }
}

/// Balances as people say them.
pub(crate) fn say_all(amounts: &[Amount]) -> String {
    if amounts.is_empty() {
        return "nothing".to_owned();
    }
    amounts.iter().map(|amount| say(*amount)).collect::<Vec<_>>().join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_match_word_for_word() {
        let check = |pattern, sentence, expected: Option<&[&str]>| {
            assert_eq!(captures(pattern, sentence).as_deref(), expected, "{pattern} / {sentence}");
        };
        check("{} has {} yuan", "Chen Fang has 500.00 yuan", Some(&["Chen Fang", "500.00"]));
        check("{} has {} yuan", "Chen Fang has 500.00 yuan left", None);
        check("{} has {} yuan", " has 500.00 yuan", None);
        check("the books are right", "the books are right", Some(&[]));
        check("the books are right", "the books are right now", None);
        check("{} says: {}", "Li Min says: a: b", Some(&["Li Min", "a: b"]));
    }

    #[test]
    fn amounts_are_exact() {
        assert_eq!(parse_yuan("1,106.64").unwrap(), Amount::new(110_664, Currency::CNY));
        assert!(parse_yuan("106.6").is_err());
        assert!(parse_yuan("106").is_err());
        assert_eq!(say(Amount::new(10_664, Currency::CNY)), "106.64 yuan");
    }
}
