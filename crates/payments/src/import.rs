//! Reading the entries of a CSV file that somebody else made: a merchant, a bank, or our own bill.

use types::{Amount, Currency};

use crate::bill;
use crate::cell::unguarded;
use crate::decimal::{DecimalError, parse_decimal};
use crate::reconcile::{Entry, EntryKind};

/// The most entries of one file.
pub const ENTRIES_MAX: usize = 1_000_000;

/// The longest number or state.
pub const CELL_BYTES_MAX: usize = 256;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source<T> {
    /// From the column with this header.
    Column(String),
    /// The same in every row.
    Always(T),
}

/// Which columns of a file mean what. The default reads our own bill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    /// The number of the order or the settlement.
    pub number: String,
    /// The number of the refund; where this cell is filled, it is the entry's number.
    pub refund_number: Option<String>,
    /// What the row is about, by [`EntryKind::name`].
    pub kind: Source<EntryKind>,
    /// How much, in major units.
    pub amount: String,
    /// The currency of the amount, by its ISO 4217 code.
    pub currency: Source<Currency>,
    /// The state; without it the file says nothing about states.
    pub state: Option<String>,
    /// The first cell of the row after which no more entries come: the totals.
    pub totals: Option<String>,
}

impl Default for Columns {
    fn default() -> Self {
        Self {
            number: bill::OUT_TRADE_NO.to_owned(),
            refund_number: Some(bill::OUT_REFUND_NO.to_owned()),
            kind: Source::Column(bill::TRANSACTION_TYPE.to_owned()),
            amount: bill::AMOUNT.to_owned(),
            currency: Source::Column(bill::CURRENCY.to_owned()),
            state: None,
            totals: Some(bill::TOTALS_CURRENCY.to_owned()),
        }
    }
}

/// A place in a file that cannot be read, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column:?}: {reason}")]
pub struct ParseError {
    /// The line, from 1; a quoted line break counts.
    pub line: u64,
    /// The header of the column; empty where the whole line is meant.
    pub column: String,
    /// Why.
    pub reason: Reason,
}

/// Why a file cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The first line lacks the column.
    #[error("the header has no such column; name the columns, and separate them by commas")]
    ColumnMissing,
    /// The first line has the column more than once.
    #[error("the header has this column more than once; rename one of them")]
    ColumnTwice,
    /// More or fewer cells than the header.
    #[error("the line has more or fewer cells than the header; quote cells that contain commas")]
    CellCount,
    /// A quoted cell never ends.
    #[error("a quotation mark is opened and not closed; close it, or write it twice inside a quoted cell")]
    QuoteOpen,
    /// Another encoding, perhaps GBK or UTF-16.
    #[error("the text is not UTF-8; save the file as UTF-8")]
    NotUtf8,
    /// The number's cell is empty.
    #[error("the number is missing")]
    NumberMissing,
    /// Longer than [`CELL_BYTES_MAX`].
    #[error("the text is too long")]
    TooLong,
    /// No [`EntryKind`] is called so.
    #[error("write payment, refund, reversal, recovery or settlement")]
    UnknownKind,
    /// No currency has this code.
    #[error("not an ISO 4217 currency code")]
    UnknownCurrency,
    /// A sign, a separator, an exponent, a currency sign, or no number at all.
    #[error("write the amount as digits, a point and decimals, without sign and thousands separators")]
    NotDecimal,
    /// A part of a minor unit.
    #[error("the amount has more decimals than its currency")]
    TooManyDecimals,
    /// More than 64 bits of minor units.
    #[error("the amount is too large")]
    TooLarge,
    /// More than [`ENTRIES_MAX`].
    #[error("the file has too many lines; split it")]
    TooManyEntries,
}

/// The entries of a CSV file with a header and commas, in the file's order. UTF-8, with or without a byte order
/// mark. Nothing is skipped but empty lines and what follows the totals' header: a file is read whole or not at
/// all. Takes off the guards that [`Bill::csv`](crate::Bill::csv) puts before foreign text.
///
/// # Errors
/// [`ParseError`] with the first place that cannot be read.
pub fn parse_csv(text: &[u8], columns: &Columns) -> Result<Vec<Entry>, ParseError> {
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new().flexible(true).has_headers(false).from_reader(text);
    let (mut header, mut entries, mut line) = (None, Vec::new(), 1);
    for record in reader.byte_records() {
        let Ok(record) = record else { return Err(whole(line, Reason::NotUtf8)) };
        line = record.position().map_or(line, csv::Position::line);
        let Some(layout) = &header else {
            header = Some(Layout::find(cells(record, &[], line)?, columns)?);
            continue;
        };
        let record = cells(record, &layout.names, line)?;
        if record.get(0).is_some_and(|cell| columns.totals.as_deref() == Some(cell.trim())) {
            break;
        }
        if record.len() != layout.names.len() {
            return Err(whole(line, Reason::CellCount));
        }
        if entries.len() >= ENTRIES_MAX {
            return Err(whole(line, Reason::TooManyEntries));
        }
        entries.push(Row { record, layout, line }.entry()?);
    }
    if header.is_none() {
        return Err(ParseError { line: 1, column: columns.number.clone(), reason: Reason::ColumnMissing });
    }
    // The reader takes an open quotation mark for one that closes at the end, and with it all lines between.
    let marks = text.iter().filter(|byte| **byte == b'"').count();
    if marks.is_multiple_of(2) { Ok(entries) } else { Err(whole(line, Reason::QuoteOpen)) }
}

const fn whole(line: u64, reason: Reason) -> ParseError {
    ParseError { line, column: String::new(), reason }
}

fn cells(record: csv::ByteRecord, names: &[String], line: u64) -> Result<csv::StringRecord, ParseError> {
    csv::StringRecord::from_byte_record(record).map_err(|error| ParseError {
        line,
        column: names.get(error.utf8_error().field()).cloned().unwrap_or_default(),
        reason: Reason::NotUtf8,
    })
}

/// Which cell of a row means what, found in the header.
struct Layout {
    names: Vec<String>,
    number: usize,
    refund_number: Option<usize>,
    kind: Place<EntryKind>,
    amount: usize,
    currency: Place<Currency>,
    state: Option<usize>,
}

/// A [`Source`] whose column was found.
enum Place<T> {
    Cell(usize),
    Always(T),
}

impl Layout {
    fn find(header: csv::StringRecord, columns: &Columns) -> Result<Self, ParseError> {
        let names: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
        let optional = |name: &Option<String>| name.as_deref().map(|name| find(&names, name)).transpose();
        Ok(Self {
            number: find(&names, &columns.number)?,
            refund_number: optional(&columns.refund_number)?,
            kind: place(&names, &columns.kind)?,
            amount: find(&names, &columns.amount)?,
            currency: place(&names, &columns.currency)?,
            state: optional(&columns.state)?,
            names,
        })
    }
}

fn find(names: &[String], wanted: &str) -> Result<usize, ParseError> {
    let mut places = names.iter().enumerate().filter(|(_, name)| *name == wanted).map(|(at, _)| at);
    let reason = match (places.next(), places.next()) {
        (Some(at), None) => return Ok(at),
        (Some(_), Some(_)) => Reason::ColumnTwice,
        (None, _) => Reason::ColumnMissing,
    };
    Err(ParseError { line: 1, column: wanted.to_owned(), reason })
}

fn place<T: Copy>(names: &[String], source: &Source<T>) -> Result<Place<T>, ParseError> {
    match source {
        Source::Column(name) => find(names, name).map(Place::Cell),
        Source::Always(value) => Ok(Place::Always(*value)),
    }
}

/// A line with as many cells as the header.
struct Row<'a> {
    record: csv::StringRecord,
    layout: &'a Layout,
    line: u64,
}

impl Row<'_> {
    fn entry(&self) -> Result<Entry, ParseError> {
        let number = match self.layout.refund_number.filter(|at| !self.cell(*at).trim().is_empty()) {
            Some(at) => self.text(at)?,
            None => self.text(self.layout.number)?,
        };
        if number.trim().is_empty() {
            return Err(self.error(self.layout.number, Reason::NumberMissing));
        }
        let state = self.layout.state.map(|at| self.text(at)).transpose()?.unwrap_or_default();
        Ok(Entry { number, kind: self.kind()?, amount: self.amount()?, state })
    }

    fn kind(&self) -> Result<EntryKind, ParseError> {
        match self.layout.kind {
            Place::Always(kind) => Ok(kind),
            Place::Cell(at) => {
                let found = EntryKind::ALL.into_iter().find(|kind| kind.name() == self.word(at));
                found.ok_or_else(|| self.error(at, Reason::UnknownKind))
            }
        }
    }

    fn amount(&self) -> Result<Amount, ParseError> {
        let currency = match self.layout.currency {
            Place::Always(currency) => currency,
            Place::Cell(at) => {
                self.word(at).parse().map_err(|_unknown| self.error(at, Reason::UnknownCurrency))?
            }
        };
        let at = self.layout.amount;
        let minor = parse_decimal(self.word(at), currency).map_err(|error| {
            let reason = match error {
                DecimalError::NotDecimal => Reason::NotDecimal,
                DecimalError::TooManyDecimals => Reason::TooManyDecimals,
                DecimalError::TooLarge => Reason::TooLarge,
            };
            self.error(at, reason)
        })?;
        Ok(Amount::new(minor, currency))
    }

    fn cell(&self, at: usize) -> &str {
        self.record.get(at).expect("the line has as many cells as the header")
    }

    /// A number, a code or a name: blanks around it mean nothing.
    fn word(&self, at: usize) -> &str {
        unguarded(self.cell(at)).trim()
    }

    /// Somebody's own text, blanks and all.
    fn text(&self, at: usize) -> Result<String, ParseError> {
        let text = unguarded(self.cell(at));
        if text.len() > CELL_BYTES_MAX { Err(self.error(at, Reason::TooLong)) } else { Ok(text.to_owned()) }
    }

    fn error(&self, at: usize, reason: Reason) -> ParseError {
        let column = self.layout.names.get(at).cloned().unwrap_or_default();
        ParseError { line: self.line, column, reason }
    }
}
