//! What was measured, in words.

use anyhow::Result;

use super::super::super::say;
use super::super::figures::{Bound, quantile, target};

/// One way to search.
pub(super) struct Measured {
    pub(super) name: String,
    /// Milliseconds of one query.
    pub(super) one: Vec<f64>,
    /// Milliseconds of a batch of [`super::BATCH`].
    pub(super) batch: Vec<f64>,
    pub(super) bytes: f64,
    pub(super) build_s: f64,
    /// How often the best was found; `None` where that was not looked at.
    pub(super) recall: Option<f64>,
}

impl Measured {
    pub(super) fn new(name: &str, bytes: f64, build_s: f64) -> Self {
        Self { name: name.to_owned(), one: Vec::new(), batch: Vec::new(), bytes, build_s, recall: None }
    }

    pub(super) fn p50(&self) -> f64 {
        quantile(&mut self.one.clone(), 0.5)
    }

    /// Queries a second in batches.
    pub(super) fn rate(&self) -> f64 {
        super::BATCH as f64 * 1_000.0 / quantile(&mut self.batch.clone(), 0.5)
    }
}

/// All ways over one number of rows. The first is ours, the second ours in small pages.
pub(super) struct Table {
    pub(super) rows: usize,
    pub(super) ways: Vec<Measured>,
    /// Milliseconds to read as many bytes as the scan does, in huge and in small pages.
    pub(super) reading: [Vec<f64>; 2],
}

impl Table {
    pub(super) fn say(&self) -> Result<()> {
        say(&format!("\n{} rows of 128 numbers; milliseconds of one query, top 10", self.rows))?;
        say(&format!(
            "{:<28}{:>9}{:>9}{:>13}{:>12}{:>9}{:>10}",
            "", "p50", "p99", "in batches/s", "bytes/row", "build s", "recall@1"
        ))?;
        for way in &self.ways {
            let batches = if way.batch.is_empty() { String::new() } else { format!("{:.0}", way.rate()) };
            let recall = way.recall.map_or_else(String::new, |recall| format!("{recall:.3}"));
            say(&format!(
                "{:<28}{:>9.2}{:>9.2}{batches:>13}{:>12.0}{:>9.1}{recall:>10}",
                way.name,
                way.p50(),
                quantile(&mut way.one.clone(), 0.99),
                way.bytes,
                way.build_s,
            ))?;
        }
        for (pages, times) in ["huge", "small"].iter().zip(&self.reading) {
            let p50 = quantile(&mut times.clone(), 0.5);
            let rate = self.rows as f64 * super::CODE_BYTES / p50 / 1e6;
            say(&format!("{:<28}{p50:>9.2}   ({rate:.1} GB/s)", format!("reading codes, {pages} pages")))?;
        }
        Ok(())
    }

    pub(super) fn targets(&self) -> Result<()> {
        let [ours, small, others @ ..] = self.ways.as_slice() else { return Ok(()) };
        let rows = self.rows;
        let over = |other: &Measured| other.p50() / ours.p50();
        for other in others {
            let bound = match other.name.as_str() {
                "FAISS IndexFlatIP" => 4.0,
                "FAISS SQ8-direct" => 1.4,
                _ => continue,
            };
            let what = format!("one query of {rows}: {} over Surety, p50", other.name);
            target(&what, over(other), Bound::AtLeast(bound))?;
        }
        let reading = quantile(&mut self.reading[0].clone(), 0.5);
        let what = format!("one query of {rows}, p50, over reading its codes");
        target(&what, ours.p50() / reading, Bound::AtMost(1.15))?;
        let what = format!("one query of {rows}: small pages over huge ones, p50");
        target(&what, over(small), Bound::AtLeast(1.0))?;
        target(&format!("queries/s in batches of 64 of {rows}"), ours.rate(), Bound::AtLeast(1_000.0))?;
        target(&format!("recall@1 of {rows}"), ours.recall.unwrap_or(f64::NAN), Bound::AtLeast(1.0))
    }
}
