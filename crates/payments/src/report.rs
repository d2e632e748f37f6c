//! A report of differences as text: for programs and spreadsheets, and for people.

use crate::bill::written;
use crate::cell::guarded;
use crate::decimal::decimal;
use crate::reconcile::{Difference, Found, Report, Side};

impl Report {
    /// As CSV: a header, the agreeing entries, one row for each sort of difference with its first example; then
    /// a header and one row of totals for each currency. Foreign text is guarded as in
    /// [`Bill::csv`](crate::Bill::csv).
    #[must_use]
    pub fn csv(&self) -> String {
        let text = |cells: &[&str]| cells.iter().map(|cell| guarded(cell).into_owned()).collect::<Vec<_>>();
        let mut rows = vec![text(&[
            "finding",
            "count",
            "first_kind",
            "first_number",
            "our_currency",
            "our_amount",
            "our_state",
            "their_currency",
            "their_amount",
            "their_state",
        ])];
        rows.push(text(&["agreeing", &self.agreeing.to_string(), "", "", "", "", "", "", "", ""]));
        for (name, Found { count, first }) in self.sorts() {
            let mut row = vec![name.to_owned(), count.to_string()];
            row.push(first.as_ref().map_or("", |difference| difference.kind.name()).to_owned());
            row.extend(text(&[first.as_ref().map_or("", |difference| &difference.number)]));
            row.extend(side_cells(first.as_ref().and_then(|difference| difference.ours.as_ref())));
            row.extend(side_cells(first.as_ref().and_then(|difference| difference.theirs.as_ref())));
            rows.push(row);
        }
        rows.push(text(&[
            "totals_currency",
            "our_count",
            "our_amount",
            "their_count",
            "their_amount",
            "difference",
        ]));
        rows.extend(self.totals_cells().into_iter().map(Vec::from));
        written(&rows)
    }

    /// As a plain table for a terminal. Control characters in foreign text are replaced.
    #[must_use]
    pub fn table(&self) -> String {
        let words = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
        let mut findings = vec![words(&["finding", "count", "first: ours", "theirs", "kind and number"])];
        findings.push(words(&["agreeing", &self.agreeing.to_string(), "", "", ""]));
        for (name, Found { count, first }) in self.sorts() {
            let mut row = vec![name.to_owned(), count.to_string()];
            row.extend(first.as_ref().map_or([const { String::new() }; 3], difference_cells));
            findings.push(row);
        }
        let mut totals = vec![words(&[
            "currency",
            "our count",
            "our amount",
            "their count",
            "their amount",
            "difference",
        ])];
        totals.extend(self.totals_cells().into_iter().map(Vec::from));
        format!("{}\n{}", aligned(&findings), aligned(&totals))
    }

    fn totals_cells(&self) -> Vec<[String; 6]> {
        let row = |total: &crate::Total| {
            [
                total.currency.to_string(),
                total.our_count.to_string(),
                decimal(total.our_minor, total.currency),
                total.their_count.to_string(),
                decimal(total.their_minor, total.currency),
                decimal(total.our_minor.saturating_sub(total.their_minor), total.currency),
            ]
        };
        self.totals.iter().map(row).collect()
    }
}

fn side_cells(side: Option<&Side>) -> [String; 3] {
    side.map_or([const { String::new() }; 3], |side| {
        let Side { amount, state } = side;
        let major = decimal(i128::from(amount.minor), amount.currency);
        [amount.currency.to_string(), major, guarded(state).into_owned()]
    })
}

fn difference_cells(difference: &Difference) -> [String; 3] {
    let side = |side: Option<&Side>| {
        side.map_or_else(
            || "none".to_owned(),
            |Side { amount, state }| {
                if state.is_empty() { amount.to_string() } else { format!("{amount} {}", harmless(state)) }
            },
        )
    };
    let name = format!("{} {}", difference.kind.name(), harmless(&difference.number));
    [side(difference.ours.as_ref()), side(difference.theirs.as_ref()), name]
}

/// Foreign text must not steer a terminal.
fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// Columns as wide as their widest cell, two blanks between them, no blanks at the end of a line.
fn aligned(rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut table = String::new();
    for row in rows {
        let line: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        table.push_str(line.join("  ").trim_end());
        table.push('\n');
    }
    table
}
