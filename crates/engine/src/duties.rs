//! How many faces the installation holds, and what the law asks from which number on.
//!
//! Counted in the database, so that all processes count the same. Each threshold of the policy is recorded once, in the
//! transaction that enrols the face which reaches it; a start under another policy, or after a seed, catches up.

use serde::Serialize;
use serde_json::json;
use store::Tx;

use crate::engine::{Context, Engine, record};
use crate::rejected::Error;

/// What the operator has to do about the number of faces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FaceDuty {
    /// Nothing yet.
    None,
    /// Prepare: the number to file at is near.
    Prepare,
    /// File with the authority, within 30 working days of the day that number was reached.
    File,
}

/// The faces that are held, against what the policy says of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FacesHeld {
    /// How many templates there are, those whose payment is switched off included: the duty is about storing.
    pub enrolled: u64,
    /// The number from which on the operator files.
    pub to_file: u64,
    /// What is to be done.
    pub duty: FaceDuty,
}

impl Engine {
    /// How many faces are held, and what follows from it.
    ///
    /// # Errors
    /// An operating fault.
    pub fn faces_held(&self) -> Result<FacesHeld, Error> {
        let faces = self.store.read(|tx| tx.face_count())?;
        let duties = self.policy.duties;
        let duty = if faces >= duties.faces_to_file {
            FaceDuty::File
        } else if faces >= duties.warn_from {
            FaceDuty::Prepare
        } else {
            FaceDuty::None
        };
        Ok(FacesHeld { enrolled: faces, to_file: duties.faces_to_file, duty })
    }

    /// Records and logs each threshold that is reached and was not recorded before.
    ///
    /// # Errors
    /// An operating fault.
    pub fn watch_faces(&self, ctx: &mut Context<'_>) -> Result<(), Error> {
        if self.store.read(|tx| self.reached(tx))?.is_empty() {
            return Ok(());
        }
        self.store.write(|tx| self.note_faces(tx, ctx))
    }

    /// As [`Engine::watch_faces`], inside a transaction.
    pub(crate) fn note_faces(&self, tx: &Tx<'_>, ctx: &mut Context<'_>) -> Result<(), Error> {
        for Reached { what, threshold, faces } in self.reached(tx)? {
            if tx.note_once(&name(what, threshold), ctx.now)? {
                tracing::warn!(
                    faces,
                    threshold,
                    what,
                    "the number of stored faces asks something of the operator"
                );
                let event = json!({ "event": what, "faces": faces, "threshold": threshold });
                record(tx, ctx, "surety", &"installation", event)?;
            }
        }
        Ok(())
    }

    /// Thresholds that are reached and not recorded. Counts only while one is ahead, so that a large gallery is not
    /// counted at each enrolment.
    fn reached(&self, tx: &Tx<'_>) -> Result<Vec<Reached>, Error> {
        let duties = self.policy.duties;
        let mut reached = Vec::new();
        for (what, threshold) in
            [("faces_near_filing", duties.warn_from), ("faces_to_be_filed", duties.faces_to_file)]
        {
            if tx.installation(&name(what, threshold))?.is_none() {
                let faces = tx.face_count()?;
                reached.extend((faces >= threshold).then_some(Reached { what, threshold, faces }));
            }
        }
        Ok(reached)
    }
}

/// A threshold that was reached.
struct Reached {
    what: &'static str,
    threshold: u64,
    faces: u64,
}

/// Under which a threshold is noted once; another policy's number is another one.
fn name(what: &str, threshold: u64) -> String {
    format!("{what} {threshold}")
}
