//! Templates that other processes made or changed: each process holds the gallery in memory and follows the database.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use types::{PayerId, SignedDuration, Timestamp};

use crate::engine::{Context, Engine};
use crate::rejected::Error;

/// How far back each look goes: clocks differ, and transactions commit later than they began.
const OVERLAP: SignedDuration = SignedDuration::from_mins(10);

/// Which version of whose template was brought in lately.
pub(crate) type Followed = Mutex<BTreeMap<PayerId, Timestamp>>;

impl Engine {
    /// Brings templates that were made or changed lately into this process's gallery, whoever made them. Returns how
    /// many.
    ///
    /// # Errors
    /// An operating fault; the others are brought in by the next call.
    pub fn follow_templates(&self, ctx: &mut Context<'_>) -> Result<usize, Error> {
        if self.write_missing_rows()? {
            // What others made lies in the database, where it is searched.
            return Ok(0);
        }
        let since = ctx.now - OVERLAP;
        let changed =
            self.store.read(|tx| tx.templates_since(self.faces.model_id(), since).map_err(Error::from))?;
        let known = |payer: PayerId| {
            self.followed.lock().unwrap_or_else(PoisonError::into_inner).get(&payer).copied()
        };
        let mut brought = 0;
        for (payer, made_at) in changed {
            if known(payer) == Some(made_at) {
                continue;
            }
            if self.readmit(payer)? {
                self.look_again(ctx, payer)?;
                brought += 1;
            }
            self.is_followed(payer, made_at);
        }
        let mut followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        followed.retain(|_, made_at| *made_at >= since);
        Ok(brought)
    }

    /// This version of a payer's template is in the gallery.
    pub(crate) fn is_followed(&self, payer: PayerId, made_at: Timestamp) {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner).insert(payer, made_at);
    }
}
