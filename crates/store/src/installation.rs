//! What belongs to the installation as a whole, and what is counted over all of it.

use anyhow::{Context as _, Result};
use types::Timestamp;

use crate::Tx;

impl Tx<'_> {
    /// A value of the installation.
    ///
    /// # Errors
    /// The database fails.
    pub fn installation(&self, name: &str) -> Result<Option<Vec<u8>>> {
        self.first("SELECT value FROM installation WHERE name = ?1", &[name.into()], |row| row.blob("value"))
    }

    /// Sets a value of the installation that has none; a value that is there stays.
    ///
    /// # Errors
    /// The database fails.
    pub fn keep_installation(&self, name: &str, value: &[u8]) -> Result<()> {
        self.keep_first(name, value)?;
        Ok(())
    }

    /// Notes that something happened which is noted once; `true` for whoever is the first.
    ///
    /// # Errors
    /// The database fails.
    pub fn note_once(&self, name: &str, now: Timestamp) -> Result<bool> {
        self.keep_first(name, now.to_string().as_bytes())
    }

    fn keep_first(&self, name: &str, value: &[u8]) -> Result<bool> {
        let kept = self.execute(
            "INSERT INTO installation (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING",
            &[name.into(), value.into()],
        )?;
        Ok(kept == 1)
    }

    /// How many people have a stored template, in all processes' names.
    ///
    /// # Errors
    /// The database fails.
    pub fn face_count(&self) -> Result<u64> {
        let count = self.number("SELECT count(DISTINCT payer_id) AS n FROM templates", &[])?;
        u64::try_from(count).context("a count is not negative")
    }
}
