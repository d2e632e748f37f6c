//! Work through all faces, a batch at a time, by whichever process takes the next one: who looks like whom, templates of
//! another model. A batch is worked out first and then written in one transaction with how far the work is, unless
//! another process was faster; so each face is done, and killed anywhere it goes on.

use serde::Serialize;
use store::{GalleryJobRow, Tx};
use types::{Digest, Timestamp};

use crate::callers::{StaffCaller, duty};
use crate::engine::{Context, Engine};
use crate::rejected::Error;
#[cfg(doc)]
use crate::rejected::Rejected;

/// Whether there is more to do at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advance {
    /// The next batch waits.
    More,
    /// Nothing at the moment.
    Done,
}

/// What a batch did.
pub(crate) struct Step {
    /// Faces of it.
    pub(crate) done: usize,
    /// Those of them that could not be done.
    pub(crate) left_out: u64,
}

/// How far a work is, for whoever watches it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GalleryJob {
    /// Which work.
    pub name: String,
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

/// The enrolled faces, and what is done with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GalleryState {
    /// People with an enrolled face, in all processes' names.
    pub enrolled: u64,
    /// SHA-256 of the embedding model in use.
    pub model: Digest,
    /// The name of its calibration.
    pub calibration: String,
    /// The model that is to replace it.
    pub successor: Option<Digest>,
    /// Work through all faces that was ever begun.
    pub jobs: Vec<GalleryJob>,
}

impl Engine {
    /// The enrolled faces, and how far work through all of them is.
    ///
    /// # Errors
    /// [`Rejected::RoleMissing`]; an operating fault.
    pub fn gallery_state(&self, staff: &StaffCaller) -> Result<GalleryState, Error> {
        staff.must_be(duty::watching_faces())?;
        Ok(GalleryState {
            enrolled: self.store.read(|tx| tx.face_count().map_err(Error::from))?,
            model: self.faces.model_id(),
            calibration: self.calibration.provenance().id.clone(),
            successor: self.successor.as_ref().map(|next| next.faces.model_id()),
            jobs: self.gallery_jobs()?,
        })
    }

    /// All works through the gallery that were ever begun, and how far each is.
    ///
    /// # Errors
    /// An operating fault.
    pub fn gallery_jobs(&self) -> Result<Vec<GalleryJob>, Error> {
        let rows = self.store.read(|tx| tx.gallery_jobs().map_err(Error::from))?;
        let seen = |row: GalleryJobRow| {
            let GalleryJobRow {
                name,
                purpose: _,
                reached: _,
                done,
                left_out,
                wanted,
                started_at,
                finished_at,
            } = row;
            GalleryJob { name, done, left_out, wanted, started_at, finished_at }
        };
        Ok(rows.into_iter().map(seen).collect())
    }

    /// The work as it stands, begun anew if `begin` says so of what there is and of how many faces there are; none when
    /// it is over.
    pub(crate) fn begun(
        &self,
        now: Timestamp,
        (name, purpose): (&str, &str),
        begin: impl Fn(Option<&GalleryJobRow>, u64) -> bool,
    ) -> Result<Option<GalleryJobRow>, Error> {
        let read = |tx: &Tx<'_>| Ok::<_, Error>((tx.gallery_job(name)?, tx.face_count()?));
        let (known, faces) = self.store.read(read)?;
        if !begin(known.as_ref(), faces) {
            return Ok(known.filter(|job| job.finished_at.is_none()));
        }
        self.store.write(|tx| {
            let (known, faces) = read(tx)?;
            if !begin(known.as_ref(), faces) {
                return Ok(known.filter(|job| job.finished_at.is_none()));
            }
            let new = GalleryJobRow {
                name: name.to_owned(),
                purpose: purpose.to_owned(),
                reached: String::new(),
                done: 0,
                left_out: 0,
                wanted: faces,
                started_at: now,
                finished_at: None,
            };
            tx.put_gallery_job(&new)?;
            Ok(Some(new))
        })
    }

    /// Writes a batch and how far the work now is: over, if the batch was empty. What another process wrote meanwhile
    /// stands.
    pub(crate) fn advance_job(
        &self,
        ctx: &mut Context<'_>,
        (job, last): (&GalleryJobRow, Option<String>),
        mut write: impl FnMut(&Tx<'_>, &mut Context<'_>) -> Result<Step, Error>,
    ) -> Result<Advance, Error> {
        self.store.write(|tx| {
            if tx.gallery_job(&job.name)?.as_ref() != Some(job) {
                return Ok(Advance::More);
            }
            let Some(last) = &last else {
                tx.put_gallery_job(&GalleryJobRow { finished_at: Some(ctx.now), ..job.clone() })?;
                return Ok(Advance::Done);
            };
            let Step { done, left_out } = write(tx, ctx)?;
            tx.put_gallery_job(&GalleryJobRow {
                reached: last.clone(),
                done: job.done + u64::try_from(done).map_err(anyhow::Error::new)?,
                left_out: job.left_out + left_out,
                ..job.clone()
            })?;
            Ok(Advance::More)
        })
    }
}
