//! Work through all faces, in batches that any process may take, and what was kept for replays.

use anyhow::Result;
use types::Timestamp;

use crate::Tx;
use crate::value::Row;

/// How far a work is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GalleryJobRow {
    /// Which work.
    pub name: String,
    /// What its result rests on: another purpose means to begin again.
    pub purpose: String,
    /// The last payer of the last batch; empty before the first.
    pub reached: String,
    /// Faces done.
    pub done: u64,
    /// Faces of those that could not be done.
    pub left_out: u64,
    /// Faces there were at the start.
    pub wanted: u64,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was over.
    pub finished_at: Option<Timestamp>,
}

impl Tx<'_> {
    /// How far a work is; nobody else changes it before this transaction ends, even if it has not begun.
    ///
    /// # Errors
    /// The database fails.
    pub fn gallery_job(&self, name: &str) -> Result<Option<GalleryJobRow>> {
        self.lock_name(name)?;
        self.first("SELECT * FROM gallery_jobs WHERE name = ?1", &[name.into()], read_job)
    }

    /// All works that were ever begun.
    ///
    /// # Errors
    /// The database fails.
    pub fn gallery_jobs(&self) -> Result<Vec<GalleryJobRow>> {
        self.all("SELECT * FROM gallery_jobs ORDER BY name", &[], read_job)
    }

    /// Writes how far a work is.
    ///
    /// # Errors
    /// The database fails.
    pub fn put_gallery_job(&self, row: &GalleryJobRow) -> Result<()> {
        self.execute_one(
            "INSERT INTO gallery_jobs (name, purpose, reached, done, left_out, wanted, started_at, finished_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (name) DO UPDATE SET purpose = excluded.purpose, reached = excluded.reached,
                done = excluded.done, left_out = excluded.left_out, wanted = excluded.wanted,
                started_at = excluded.started_at, finished_at = excluded.finished_at",
            &[
                row.name.as_str().into(),
                row.purpose.as_str().into(),
                row.reached.as_str().into(),
                i64::try_from(row.done)?.into(),
                i64::try_from(row.left_out)?.into(),
                i64::try_from(row.wanted)?.into(),
                row.started_at.into(),
                row.finished_at.into(),
            ],
        )
    }

    /// Keeps the text of a calibration under its id; returns the text that is kept, which is the first one.
    ///
    /// # Errors
    /// The database fails.
    pub fn keep_calibration(&self, id: &str, content: &str, now: Timestamp) -> Result<String> {
        self.execute(
            "INSERT INTO calibrations (id, content, first_used_at) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO NOTHING",
            &[id.into(), content.into(), now.into()],
        )?;
        let kept = self.first("SELECT content FROM calibrations WHERE id = ?1", &[id.into()], |row| {
            row.string("content")
        })?;
        kept.ok_or_else(|| anyhow::anyhow!("the calibration {id} was not kept"))
    }

    /// The texts of all calibrations that were kept.
    ///
    /// # Errors
    /// The database fails.
    pub fn calibrations(&self) -> Result<Vec<String>> {
        self.all("SELECT content FROM calibrations ORDER BY id", &[], |row| row.string("content"))
    }
}

fn read_job(row: &Row<'_>) -> Result<GalleryJobRow> {
    Ok(GalleryJobRow {
        name: row.string("name")?,
        purpose: row.string("purpose")?,
        reached: row.string("reached")?,
        done: u64::try_from(row.integer("done")?)?,
        left_out: u64::try_from(row.integer("left_out")?)?,
        wanted: u64::try_from(row.integer("wanted")?)?,
        started_at: row.time("started_at")?,
        finished_at: row.optional_time("finished_at")?,
    })
}
