//! What staff has to look at. One alert of a kind is open at a terminal; the same again counts it up, so that nobody fills
//! the table by sending things.

use serde_json::{Value, json};
use store::{AlertRow, TerminalRow, Tx};
use types::{AlertId, KeyId, SessionId, TerminalId};

use crate::callers::{StaffCaller, duty};
use crate::engine::{Context, Engine, record};
use crate::rejected::{Error, Rejected};

/// Alerts listed at a time.
const LIST_MAX: u32 = 200;

impl Engine {
    /// Alerts, the last to come first, at most two hundred.
    ///
    /// # Errors
    /// [`Rejected::RoleMissing`]; an operating fault.
    pub fn alerts(&self, staff: &StaffCaller) -> Result<Vec<AlertRow>, Error> {
        staff.must_be(duty::stopping_terminals())?;
        self.store.read(|tx| Ok(tx.alerts(LIST_MAX)?))
    }

    /// How many alerts of each kind are open.
    ///
    /// # Errors
    /// An operating fault.
    pub fn open_alerts(&self) -> Result<Vec<(risk::AlertKind, u32)>, Error> {
        self.store.read(|tx| {
            risk::AlertKind::ALL.into_iter().map(|kind| Ok((kind, tx.open_alerts(kind)?))).collect()
        })
    }

    /// Keeps that a request which a terminal's key had signed came again or was altered. Nothing for other keys.
    ///
    /// # Errors
    /// An operating fault.
    pub fn note_refused_request(
        &self,
        ctx: &mut Context<'_>,
        key: KeyId,
        kind: risk::AlertKind,
    ) -> Result<(), Error> {
        self.store.write(|tx| {
            let subject = tx.credential(key)?.and_then(|row| row.subject.parse::<TerminalId>().ok());
            let terminal = subject.map(|id| tx.terminal_locked(id)).transpose()?.flatten();
            match terminal {
                Some(terminal) => {
                    raise(tx, ctx, (kind, &terminal), (None, json!({ "key": key })))?;
                    Ok(())
                }
                None => Ok(()),
            }
        })
    }
}

/// Raises an alert about a terminal, which the caller has locked; in the log of records once while it is open.
pub(crate) fn raise(
    tx: &Tx<'_>,
    ctx: &mut Context<'_>,
    (kind, terminal): (risk::AlertKind, &TerminalRow),
    (session, facts): (Option<SessionId>, Value),
) -> Result<(), Error> {
    let row = AlertRow {
        id: AlertId::generate(ctx.now, ctx.random),
        kind,
        open: true,
        at: ctx.now,
        last_at: ctx.now,
        times: 1,
        terminal: Some(terminal.id),
        merchant: Some(terminal.merchant),
        session,
        payer: None,
        facts,
    };
    if tx.raise_alert(&row)? {
        tracing::warn!(alert = %row.id, kind = kind.code(), terminal = %terminal.id, "an alert was raised");
        let body = json!({ "event": "alert_raised", "alert": row.id, "kind": kind, "facts": row.facts });
        record(tx, ctx, "surety", &terminal.id, body)?;
    }
    Ok(())
}

impl Rejected {
    /// Was it a frame, or what its terminal said, that was refused? That is kept with the attempt.
    pub(crate) fn is_about_frames(&self) -> bool {
        matches!(self, Self::Frame { index: _, refusal: _ } | Self::FramesUnlike | Self::FramesSeenBefore)
    }
}
