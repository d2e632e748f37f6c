//! `surety reconcile`.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow, ensure};
use clap::{Args, ValueEnum};
use engine::{Against, Book, Columns, EntryKind, Installation, Source, our_entries, parse_csv};
use types::{Currency, MerchantId};

use super::{Database, complain, say};
use crate::clock;

/// More than a million lines of a bill take.
const FILE_BYTES_MAX: u64 = 512 << 20;
/// Bad input, as against books that differ.
const BAD_INPUT: u8 = 2;

const EXAMPLES: &str = "\
Exit status: 0 when everything agrees, 1 when anything differs, 2 when it could not be compared.

Examples:
  Does the shop's own record agree with ours?
    surety reconcile --data var/data --merchant mer_0192... --date 2025-01-17 --file shop.csv \\
        --number-column order_no --kind payment --amount-column total --currency CNY

  Did the bank pay what we settled? Keep the findings for a spreadsheet.
    surety reconcile --data var/data --merchant mer_0192... --date 2025-01-17 --file bank.csv \\
        --against bank --number-column reference --currency CNY --csv findings.csv

A file that was downloaded as a bill (GET /v1/merchant/bill.csv) needs no column options.";

/// Compare our books of a day with somebody else's file: a merchant's, or the bank's.
///
/// Entries meet by number: the merchant's own number of the order or the refund, or, for the bank, the settlement's
/// id. What is found is counted with its first example: entries that only one side has, other amounts, other states,
/// entries that they have twice. The file is CSV in UTF-8 with a header and commas; amounts are in yuan, as 12.50. It
/// is read whole or not at all: the first place that cannot be read is named by line and column.
///
/// May run while the server runs. Nothing is changed.
#[derive(Args)]
#[command(after_help = EXAMPLES, after_long_help = EXAMPLES)]
pub(crate) struct Reconcile {
    /// The data folder.
    #[arg(long, value_name = "FOLDER")]
    data: PathBuf,
    #[command(flatten)]
    database: Database,
    /// A policy file instead of the built-in default: it says where the business day begins and ends.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Whose books.
    #[arg(long, value_name = "ID")]
    merchant: MerchantId,
    /// Which business day. A merchant's day must be over.
    #[arg(long, value_name = "YYYY-MM-DD")]
    date: String,
    /// Their CSV file.
    #[arg(long, value_name = "THEIRS.CSV")]
    file: PathBuf,
    /// Who made the file.
    #[arg(long, value_enum, default_value_t = Side::Merchant)]
    against: Side,
    /// Also write the findings to this file, as CSV.
    #[arg(long, value_name = "OUT.CSV")]
    csv: Option<PathBuf>,
    #[command(flatten)]
    columns: ColumnNames,
}

#[derive(Clone, Copy, ValueEnum)]
enum Side {
    /// The merchant: payments, refunds, reversals and recoveries of the day.
    Merchant,
    /// The bank: what it paid for the settlements made on the day.
    Bank,
}

// Which columns of the file mean what. Without them it is read as one of our own bills. No doc comment, which clap
// would show instead of the command's own.
#[derive(Args)]
#[command(next_help_heading = "Columns of the file, where it is no bill of ours")]
struct ColumnNames {
    /// The column with the number of the order or the settlement.
    #[arg(long, value_name = "NAME")]
    number_column: Option<String>,
    /// The column with the number of the refund; where it is filled, it is the entry's number.
    #[arg(long, value_name = "NAME")]
    refund_number_column: Option<String>,
    /// The column that says payment, refund, reversal, recovery or settlement.
    #[arg(long, value_name = "NAME", conflicts_with = "kind")]
    kind_column: Option<String>,
    /// Every line is of this kind: payment, refund, reversal, recovery or settlement.
    #[arg(long, value_name = "KIND", value_parser = kind)]
    kind: Option<EntryKind>,
    /// The column with the amount, in major units: 12.50.
    #[arg(long, value_name = "NAME")]
    amount_column: Option<String>,
    /// The column with the currency, as its ISO 4217 code.
    #[arg(long, value_name = "NAME", conflicts_with = "currency")]
    currency_column: Option<String>,
    /// Every amount is in this currency.
    #[arg(long, value_name = "CODE")]
    currency: Option<Currency>,
    /// The column with the state; without it states are not compared.
    #[arg(long, value_name = "NAME")]
    state_column: Option<String>,
}

impl Reconcile {
    pub(crate) fn run(self) -> ExitCode {
        match self.compare() {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                complain(&format!("surety: {error:#}"));
                ExitCode::from(BAD_INPUT)
            }
        }
    }

    /// Whether everything agrees.
    fn compare(self) -> Result<bool> {
        let against = match self.against {
            Side::Merchant => Against::Merchant,
            Side::Bank => Against::Bank,
        };
        let columns = self.columns.with_defaults(self.against);
        let name = self.file.display();
        let bytes = read_limited(&self.file)?;
        let theirs = parse_csv(&bytes, &columns).map_err(|error| anyhow!("{name}, {error}"))?;
        let policy = Installation::policy_text(self.policy.as_deref())?;
        let store = self.database.open(&self.data)?;
        let book = Book { merchant: self.merchant, date: &self.date, against };
        let ours = our_entries(&store, &policy, &book, clock::now())?;
        let report = engine::reconcile(&ours, &theirs);
        if let Some(out) = &self.csv {
            ensure!(!same_file(out, &self.file), "--csv names their file, which would be lost; name another");
            fs::write(out, report.csv()).with_context(|| format!("writing {}", out.display()))?;
        }
        say(report.table().trim_end())?;
        Ok(report.agrees())
    }
}

impl ColumnNames {
    /// What is not named is as in our own bill; a file of which a column is named has no further ones by itself.
    fn with_defaults(&self, side: Side) -> Columns {
        let bill = Columns::default();
        let is_bill = self.number_column.is_none() && matches!(side, Side::Merchant);
        let number = match side {
            Side::Merchant => bill.number,
            Side::Bank => "settlement_id".to_owned(),
        };
        let kind = match (self.kind, &self.kind_column, side) {
            (Some(kind), _, _) => Source::Always(kind),
            (None, Some(column), _) => Source::Column(column.clone()),
            (None, None, Side::Merchant) => bill.kind,
            (None, None, Side::Bank) => Source::Always(EntryKind::Settlement),
        };
        let currency = match (self.currency, &self.currency_column) {
            (Some(currency), _) => Source::Always(currency),
            (None, Some(column)) => Source::Column(column.clone()),
            (None, None) => bill.currency,
        };
        Columns {
            number: self.number_column.clone().unwrap_or(number),
            refund_number: self.refund_number_column.clone().or(bill.refund_number.filter(|_| is_bill)),
            kind,
            amount: self.amount_column.clone().unwrap_or(bill.amount),
            currency,
            state: self.state_column.clone(),
            totals: bill.totals.filter(|_| is_bill),
        }
    }
}

fn kind(text: &str) -> Result<EntryKind, String> {
    let found = EntryKind::ALL.into_iter().find(|kind| kind.name() == text);
    found.ok_or_else(|| "payment, refund, reversal, recovery or settlement".to_owned())
}

fn read_limited(path: &Path) -> Result<Vec<u8>> {
    let context = || format!("reading {}", path.display());
    let mut bytes = Vec::new();
    File::open(path)
        .with_context(context)?
        .take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .with_context(context)?;
    let length = u64::try_from(bytes.len()).with_context(context)?;
    ensure!(length <= FILE_BYTES_MAX, "{} is larger than {FILE_BYTES_MAX} bytes; split it", path.display());
    Ok(bytes)
}

/// A file that is not there yet is no other.
fn same_file(out: &Path, theirs: &Path) -> bool {
    match (out.canonicalize(), theirs.canonicalize()) {
        (Ok(out), Ok(theirs)) => out == theirs,
        (_, _) => false,
    }
}
