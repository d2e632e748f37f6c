//! Comparing our entries with somebody else's.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use types::Amount;

use crate::bill::{Bill, Line, LineKind};

/// What an entry is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// The merchant took money.
    Payment,
    /// The merchant gave money back.
    Refund,
    /// A payment was taken back whole before settlement.
    Reversal,
    /// The reserve took back what it paid to the payer.
    Recovery,
    /// A day's money was paid out.
    Settlement,
}

impl EntryKind {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::Payment, Self::Refund, Self::Reversal, Self::Recovery, Self::Settlement];

    /// The word in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Payment => LineKind::Payment.name(),
            Self::Refund => LineKind::Refund.name(),
            Self::Reversal => LineKind::Reversal.name(),
            Self::Recovery => LineKind::Recovery.name(),
            Self::Settlement => "settlement",
        }
    }
}

impl From<LineKind> for EntryKind {
    fn from(kind: LineKind) -> Self {
        match kind {
            LineKind::Payment => Self::Payment,
            LineKind::Refund => Self::Refund,
            LineKind::Reversal => Self::Reversal,
            LineKind::Recovery => Self::Recovery,
        }
    }
}

/// One entry of a book that is compared with another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What both sides call it: `out_trade_no`, `out_refund_no`, or a settlement's id.
    pub number: String,
    /// What it is. The same number may stand once for each kind.
    pub kind: EntryKind,
    /// How much.
    pub amount: Amount,
    /// Where it stands; empty where a side says nothing about it.
    pub state: String,
}

impl Entry {
    /// The entry of a bill's line, just as [`parse_csv`](crate::parse_csv) reads it from the bill.
    #[must_use]
    pub fn of_line(line: &Line) -> Self {
        let refund_number = line.out_refund_no.as_ref().filter(|number| !number.trim().is_empty());
        Self {
            number: refund_number.unwrap_or(&line.out_trade_no).clone(),
            kind: line.kind.into(),
            amount: line.amount,
            state: String::new(),
        }
    }
}

impl Bill {
    /// The lines as entries, in the lines' order.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        self.lines.iter().map(Entry::of_line).collect()
    }
}

/// What one side says about an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Side {
    /// How much.
    pub amount: Amount,
    /// Where it stands; may be empty.
    pub state: String,
}

/// One entry on which the sides differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// The entry.
    pub number: String,
    /// What it is.
    pub kind: EntryKind,
    /// What we say; `None` if nothing.
    pub ours: Option<Side>,
    /// What they say; `None` if nothing.
    pub theirs: Option<Side>,
}

/// The differences of one sort.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Found {
    /// How many.
    pub count: u64,
    /// The first, by number and kind.
    pub first: Option<Difference>,
}

/// What both sides have of one currency. Wider than an [`Amount`], since a foreign file may claim anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Total {
    /// The currency.
    pub currency: types::Currency,
    /// How many entries we have.
    pub our_count: u64,
    /// Their sum in minor units, whatever their kind.
    pub our_minor: i128,
    /// How many entries they have.
    pub their_count: u64,
    /// Their sum in minor units, whatever their kind.
    pub their_minor: i128,
}

/// How two books differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// On how many entries both sides agree.
    pub agreeing: u64,
    /// They have it, we do not.
    pub missing_here: Found,
    /// We have it, they do not.
    pub missing_there: Found,
    /// Both have it, with another amount or currency.
    pub amount: Found,
    /// Both have it, in another state.
    pub state: Found,
    /// They have it more often than we do.
    pub duplicate_there: Found,
    /// Both sides' sums, by currency code.
    pub totals: Vec<Total>,
}

impl Report {
    /// Is there no difference at all?
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.sorts().iter().all(|(_, found)| found.count == 0)
    }

    /// Each sort of difference with its name.
    pub(crate) const fn sorts(&self) -> [(&'static str, &Found); 5] {
        [
            ("missing_here", &self.missing_here),
            ("missing_there", &self.missing_there),
            ("amount", &self.amount),
            ("state", &self.state),
            ("duplicate_there", &self.duplicate_there),
        ]
    }
}

/// Compares two books, in any order. Entries meet by number and kind; where a number stands more than once,
/// those that agree meet first. An entry with another amount and another state counts for both; a side that
/// says nothing about the state agrees with any.
#[must_use]
pub fn reconcile(ours: &[Entry], theirs: &[Entry]) -> Report {
    let mut groups: BTreeMap<(&str, EntryKind), Group<'_>> = BTreeMap::new();
    for entry in ours {
        groups.entry((&entry.number, entry.kind)).or_default().ours.push(entry);
    }
    for entry in theirs {
        groups.entry((&entry.number, entry.kind)).or_default().theirs.push(entry);
    }
    let mut report = Report { totals: totals(ours, theirs), ..Report::default() };
    for group in groups.into_values() {
        group.compare(&mut report);
    }
    report
}

/// The entries of one number and kind.
#[derive(Default)]
struct Group<'a> {
    ours: Vec<&'a Entry>,
    theirs: Vec<&'a Entry>,
}

impl Group<'_> {
    fn compare(mut self, report: &mut Report) {
        let ours_had_any = !self.ours.is_empty();
        let key = |entry: &&Entry| (entry.amount.currency.code(), entry.amount.minor, entry.state.clone());
        self.ours.sort_by_cached_key(key);
        self.theirs.sort_by_cached_key(key);
        self.ours.retain(|our| {
            let Some(at) = self.theirs.iter().position(|their| agree(our, their)) else { return true };
            self.theirs.remove(at);
            report.agreeing = report.agreeing.saturating_add(1);
            false
        });
        let paired = self.ours.len().min(self.theirs.len());
        for (our, their) in self.ours.iter().zip(&self.theirs) {
            if our.amount != their.amount {
                report.amount.add(Some(our), Some(their));
            }
            if !same_state(our, their) {
                report.state.add(Some(our), Some(their));
            }
        }
        for our in self.ours.iter().skip(paired) {
            report.missing_there.add(Some(our), None);
        }
        for (at, their) in self.theirs.iter().skip(paired).enumerate() {
            let known = ours_had_any || at > 0;
            let found = if known { &mut report.duplicate_there } else { &mut report.missing_here };
            found.add(None, Some(their));
        }
    }
}

fn agree(our: &Entry, their: &Entry) -> bool {
    our.amount == their.amount && same_state(our, their)
}

fn same_state(our: &Entry, their: &Entry) -> bool {
    our.state == their.state || our.state.is_empty() || their.state.is_empty()
}

impl Found {
    fn add(&mut self, ours: Option<&Entry>, theirs: Option<&Entry>) {
        self.count = self.count.saturating_add(1);
        let Some(entry) = ours.or(theirs) else { return };
        let side = |entry: &Entry| Side { amount: entry.amount, state: entry.state.clone() };
        self.first.get_or_insert_with(|| Difference {
            number: entry.number.clone(),
            kind: entry.kind,
            ours: ours.map(side),
            theirs: theirs.map(side),
        });
    }
}

fn totals(ours: &[Entry], theirs: &[Entry]) -> Vec<Total> {
    let mut by_currency: BTreeMap<&str, Total> = BTreeMap::new();
    let sides = ours.iter().map(|entry| (entry, true)).chain(theirs.iter().map(|entry| (entry, false)));
    for (entry, is_ours) in sides {
        let currency = entry.amount.currency;
        let none = Total { currency, our_count: 0, our_minor: 0, their_count: 0, their_minor: 0 };
        let total = by_currency.entry(currency.code()).or_insert(none);
        let (count, minor) = if is_ours {
            (&mut total.our_count, &mut total.our_minor)
        } else {
            (&mut total.their_count, &mut total.their_minor)
        };
        *count = count.saturating_add(1);
        // 64 bits so often that 128 were full would not fit any memory.
        *minor = minor.saturating_add(i128::from(entry.amount.minor));
    }
    by_currency.into_values().collect()
}
