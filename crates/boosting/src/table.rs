//! Rows to learn from.

/// Columns of numbers, NaN where a value is missing. Kept by column, because splits are looked for in one at a time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    columns: Vec<Vec<f32>>,
    rows: usize,
}

/// The rows cannot be learned from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// A row has another number of values than the table has columns.
    #[error("a row has {found} values where the table has {expected} columns")]
    Width {
        /// Columns.
        expected: usize,
        /// Values.
        found: usize,
    },
    /// An infinite value: say NaN where nothing is known.
    #[error("a value is infinite; a missing value is NaN")]
    Infinite,
    /// Not one label for each row.
    #[error("there are {labels} labels for {rows} rows")]
    Labels {
        /// Rows.
        rows: usize,
        /// Labels.
        labels: usize,
    },
    /// All labels are the same, or there is none.
    #[error("both answers must occur among the labels")]
    OneClass,
    /// More rows than are numbered.
    #[error("more than {} rows", u32::MAX)]
    TooMany,
    /// The settings do not fit the table or make no sense.
    #[error("{0}")]
    Settings(&'static str),
}

impl Table {
    /// An empty table of so many columns.
    #[must_use]
    pub fn new(columns: usize) -> Self {
        Self { columns: vec![Vec::new(); columns], rows: 0 }
    }

    /// Adds a row.
    ///
    /// # Errors
    /// [`TableError::Width`], [`TableError::Infinite`], [`TableError::TooMany`]; then the table is as before.
    pub fn push(&mut self, row: &[f32]) -> Result<(), TableError> {
        if row.len() != self.columns.len() {
            return Err(TableError::Width { expected: self.columns.len(), found: row.len() });
        }
        if row.iter().any(|value| value.is_infinite()) {
            return Err(TableError::Infinite);
        }
        if self.rows >= u32::MAX as usize {
            return Err(TableError::TooMany);
        }
        for (column, value) in self.columns.iter_mut().zip(row) {
            column.push(*value);
        }
        self.rows += 1;
        Ok(())
    }

    /// How many rows.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// How many columns.
    #[must_use]
    pub fn width(&self) -> usize {
        self.columns.len()
    }

    /// The values of one column.
    ///
    /// # Panics
    /// When there is no such column.
    #[must_use]
    pub fn column(&self, at: usize) -> &[f32] {
        &self.columns[at]
    }

    /// Copies a row into `out`.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn row(&self, at: usize, out: &mut Vec<f32>) {
        out.clear();
        out.extend(self.columns.iter().map(|column| column[at]));
    }
}
