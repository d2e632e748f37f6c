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
        let rows =
            self.store.read(|tx| tx.templates_since(self.faces.model_id(), since).map_err(Error::from))?;
        let known = |payer: PayerId| {
            self.followed.lock().unwrap_or_else(PoisonError::into_inner).get(&payer).copied()
        };
        let mut brought = 0;
        for row in rows.iter().filter(|row| known(row.payer) != Some(row.created_at)) {
            if let Some(template) = self.readmit(row.payer)? {
                self.look_again(ctx, row.payer, &template)?;
                brought += 1;
            }
            let mut followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
            followed.insert(row.payer, row.created_at);
        }
        let mut followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        followed.retain(|_, made_at| *made_at >= since);
        Ok(brought)
    }
}
