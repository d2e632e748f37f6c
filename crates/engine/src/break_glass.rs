//! Breaking the glass: somebody of staff takes further roles at once, for a while, with a reason.
//!
//! It is for the night when the one investigator cannot be reached. It needs nobody's leave, so everything done
//! under it carries its id in the actor's name, auditors and administrators see it, and it never lifts the rule that
//! nobody approves the own. Nobody becomes administrator or auditor by it: who watches stays who was trusted to.

use serde_json::json;
use store::BreakGlassRow;
use types::{BreakGlassId, SignedDuration, StaffRole, StaffRoles};

use crate::callers::{StaffCaller, duty};
use crate::engine::{Context, Engine, record, text_field};
use crate::rejected::{Error, Rejected};

const REASON_MIN: usize = 10;
const REASON_MAX: usize = 500;
const MINUTES_MAX: u32 = 60;
const LIST_MAX: u32 = 200;

/// What somebody takes.
#[derive(Clone, Debug)]
pub struct NewBreakGlass {
    /// Why: 10 to 500 characters.
    pub reason: String,
    /// Which roles.
    pub roles: StaffRoles,
    /// For how many minutes: 1 to 60.
    pub minutes: u32,
}

impl Engine {
    /// Takes further roles for a while, from the next call on.
    ///
    /// # Errors
    /// [`Rejected::Field`]; an operating fault.
    pub fn break_the_glass(
        &self,
        ctx: &mut Context<'_>,
        staff: &StaffCaller,
        new: &NewBreakGlass,
    ) -> Result<BreakGlassRow, Error> {
        let what = "10 to 500 characters that say why";
        let reason = text_field("reason", &new.reason, REASON_MAX, what)?;
        if reason.chars().count() < REASON_MIN {
            return Err(Rejected::Field { field: "reason", what }.into());
        }
        let never = StaffRole::Administrator | StaffRole::Auditor;
        if new.roles.is_empty() || !new.roles.is_disjoint(never) {
            let what = "at least one, and neither administrator nor auditor";
            return Err(Rejected::Field { field: "roles", what }.into());
        }
        if !(1..=MINUTES_MAX).contains(&new.minutes) {
            return Err(Rejected::Field { field: "minutes", what: "1 to 60" }.into());
        }
        let row = BreakGlassRow {
            id: BreakGlassId::generate(ctx.now, ctx.random),
            user: staff.user,
            roles: new.roles,
            reason,
            created_at: ctx.now,
            expires_at: ctx.now + SignedDuration::from_mins(new.minutes.into()),
            ended: None,
        };
        self.store.write(|tx| {
            tx.insert_break_glass(&row)?;
            let body = json!({
                "event": "glass_broken", "break_glass": row.id, "roles": row.roles, "reason": row.reason,
                "until": row.expires_at
            });
            record(tx, ctx, &staff.name, &staff.user, body).map_err(Error::from)
        })?;
        tracing::warn!(user = %staff.user, break_glass = %row.id, "somebody took further roles");
        Ok(row)
    }

    /// Who took further roles, newest first, with the login of each.
    ///
    /// # Errors
    /// An operating fault.
    pub fn broken_glass(&self, staff: &StaffCaller) -> Result<Vec<(BreakGlassRow, String)>, Error> {
        staff.must_be(duty::reading_people())?;
        self.store.read(|tx| {
            let rows = tx.all_break_glass(LIST_MAX)?;
            let with_login = |row: BreakGlassRow| {
                let user = tx.user(row.user)?.ok_or(Rejected::user())?;
                Ok::<_, Error>((row, user.login))
            };
            rows.into_iter().map(with_login).collect()
        })
    }

    /// Ends it before its time: an administrator, or whoever took it.
    ///
    /// # Errors
    /// An unknown one, [`Rejected::RoleMissing`], [`Rejected::BreakGlassOver`]; an operating fault.
    pub fn end_break_glass(
        &self,
        ctx: &mut Context<'_>,
        staff: &StaffCaller,
        id: BreakGlassId,
    ) -> Result<(), Error> {
        self.store.write(|tx| {
            let row = tx.break_glass(id)?;
            if row.as_ref().is_none_or(|row| row.user != staff.user) {
                staff.must_be(duty::people())?;
            }
            let row = row.ok_or(Rejected::break_glass())?;
            if row.ended.is_some() || row.expires_at <= ctx.now {
                return Err(Rejected::BreakGlassOver.into());
            }
            tx.end_break_glass(id, ctx.now, &staff.name)?;
            let body = json!({ "event": "glass_mended", "break_glass": id });
            record(tx, ctx, &staff.name, &row.user, body).map_err(Error::from)
        })
    }
}
