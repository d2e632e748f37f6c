//! What people log in with: passwords, second factors, invitations, and how often somebody guessed.

use anyhow::{Context, Result};
use evidence::WrappedKey;
use types::{BreakGlassId, StaffRoles, Timestamp, UserId};

use crate::Tx;
use crate::users::{UserRow, read_user};
use crate::value::{Row, Value, json, text};

/// What a user proves a login with.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretsRow {
    /// Whose.
    pub user: UserId,
    /// A keyed fingerprint of the user's phone number, if it was given.
    pub phone_index: Option<[u8; 32]>,
    /// The Argon2id hash of the password, once one was set.
    pub password_hash: Option<String>,
    /// The second factor, if there is one or one is being set up.
    pub totp: Option<TotpRow>,
    /// Issuer and subject at an OpenID provider, once they were linked.
    pub oidc: Option<(String, String)>,
}

/// A second factor: time-based one-time passwords (RFC 6238).
#[derive(Clone, PartialEq, Eq)]
pub struct TotpRow {
    /// The shared secret, sealed.
    pub sealed: Vec<u8>,
    /// Under what.
    pub key: WrappedKey,
    /// Was a first code right?
    pub active: bool,
    /// The last time step whose code was taken.
    pub step: Option<u64>,
}

impl SecretsRow {
    /// Nobody can log in with these.
    #[must_use]
    pub const fn none(user: UserId, phone_index: Option<[u8; 32]>) -> Self {
        Self { user, phone_index, password_hash: None, totp: None, oidc: None }
    }
}

/// Somebody who may choose a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvitationRow {
    /// Who.
    pub user: UserId,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
}

/// How often somebody guessed in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptsRow {
    /// Wrong logins since the last right one.
    pub failures: u32,
    /// Nothing is right until then.
    pub locked_until: Option<Timestamp>,
}

/// Further roles that somebody took for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakGlassRow {
    /// Its id.
    pub id: BreakGlassId,
    /// Who took them.
    pub user: UserId,
    /// Which.
    pub roles: StaffRoles,
    /// Why.
    pub reason: String,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when at the latest.
    pub expires_at: Timestamp,
    /// When somebody ended it earlier, and who.
    pub ended: Option<(Timestamp, String)>,
}

impl Tx<'_> {
    /// The secrets of a user, locked.
    ///
    /// # Errors
    /// The database fails, or the user has vanished.
    pub fn secrets(&self, user: UserId) -> Result<SecretsRow> {
        let sql = "SELECT * FROM user_secrets WHERE user_id = ?1";
        self.first_locked(sql, &[text(user)], read_secrets)?
            .with_context(|| format!("{user} has no row of secrets"))
    }

    /// Adds the secrets of a new user.
    ///
    /// # Errors
    /// The database fails.
    pub fn insert_secrets(&self, row: &SecretsRow) -> Result<()> {
        self.execute_one(
            "INSERT INTO user_secrets (user_id, phone_index, password_hash, totp_sealed, totp_active, totp_step,
                                       oidc_issuer, oidc_subject, totp_key, totp_generation)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            &secrets_values(row)?,
        )
    }

    /// Writes the secrets of a user.
    ///
    /// # Errors
    /// The database fails.
    pub fn update_secrets(&self, row: &SecretsRow) -> Result<()> {
        self.execute_one(
            "UPDATE user_secrets SET phone_index = ?2, password_hash = ?3, totp_sealed = ?4, totp_active = ?5,
                totp_step = ?6, oidc_issuer = ?7, oidc_subject = ?8, totp_key = ?9, totp_generation = ?10
             WHERE user_id = ?1",
            &secrets_values(row)?,
        )
    }

    /// The user whom an OpenID provider calls this.
    ///
    /// # Errors
    /// The database fails.
    pub fn user_of_identity(&self, issuer: &str, subject: &str) -> Result<Option<UserRow>> {
        let sql = "SELECT u.* FROM users u JOIN user_secrets s ON s.user_id = u.id
                   WHERE s.oidc_issuer = ?1 AND s.oidc_subject = ?2";
        self.first(sql, &[issuer.into(), subject.into()], read_user)
    }

    /// Invites a user; an earlier invitation ends.
    ///
    /// # Errors
    /// The database fails.
    pub fn invite(&self, row: &InvitationRow, secret_hash: &[u8; 32]) -> Result<()> {
        self.end_invitation(row.user)?;
        self.execute_one(
            "INSERT INTO invitations (user_id, secret_hash, created_at, expires_at) VALUES (?1, ?2, ?3, ?4)",
            &[text(row.user), secret_hash.as_slice().into(), row.created_at.into(), row.expires_at.into()],
        )
    }

    /// The invitation with this secret, locked; also when it has expired.
    ///
    /// # Errors
    /// The database fails.
    pub fn invitation(&self, secret_hash: &[u8; 32]) -> Result<Option<InvitationRow>> {
        let sql = "SELECT * FROM invitations WHERE secret_hash = ?1";
        self.first_locked(sql, &[secret_hash.as_slice().into()], |row| {
            Ok(InvitationRow {
                user: row.parse("user_id")?,
                created_at: row.time("created_at")?,
                expires_at: row.time("expires_at")?,
            })
        })
    }

    /// Ends the invitation of a user, if there is one.
    ///
    /// # Errors
    /// The database fails.
    pub fn end_invitation(&self, user: UserId) -> Result<()> {
        self.execute("DELETE FROM invitations WHERE user_id = ?1", &[text(user)]).map(drop)
    }

    /// How often somebody guessed at a login, which stays locked until this transaction ends: parallel guesses share
    /// one counter, also the first ones.
    ///
    /// # Errors
    /// The database fails.
    pub fn attempts(&self, login_index: &[u8; 32]) -> Result<AttemptsRow> {
        self.lock_name(&format!("login {:?}", login_index))?;
        let sql = "SELECT * FROM login_attempts WHERE login_index = ?1";
        let found = self.first(sql, &[login_index.as_slice().into()], |row| {
            Ok(AttemptsRow {
                failures: row.count("failures")?,
                locked_until: row.optional_time("locked_until")?,
            })
        })?;
        Ok(found.unwrap_or(AttemptsRow { failures: 0, locked_until: None }))
    }

    /// Writes how often somebody guessed at a login. A right login leaves none.
    ///
    /// # Errors
    /// The database fails.
    pub fn set_attempts(&self, login_index: &[u8; 32], row: AttemptsRow, now: Timestamp) -> Result<()> {
        self.execute_one(
            "INSERT INTO login_attempts (login_index, failures, failed_at, locked_until) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (login_index)
             DO UPDATE SET failures = excluded.failures, failed_at = excluded.failed_at,
                locked_until = excluded.locked_until",
            &[login_index.as_slice().into(), row.failures.into(), now.into(), row.locked_until.into()],
        )
    }

    /// Forgets the guesses at one login.
    ///
    /// # Errors
    /// The database fails.
    pub fn forget_attempts(&self, login_index: &[u8; 32]) -> Result<()> {
        let sql = "DELETE FROM login_attempts WHERE login_index = ?1";
        self.execute(sql, &[login_index.as_slice().into()]).map(drop)
    }

    /// Forgets guesses that were last made before `then`; returns at how many logins.
    ///
    /// # Errors
    /// The database fails.
    pub fn forget_old_attempts(&self, then: Timestamp) -> Result<usize> {
        self.execute("DELETE FROM login_attempts WHERE failed_at < ?1", &[then.into()])
    }

    /// Keeps what a browser began, and forgets what others never ended.
    ///
    /// # Errors
    /// The database fails.
    pub fn insert_flow(
        &self,
        secret_hash: &[u8; 32],
        body: &serde_json::Value,
        (now, expires_at): (Timestamp, Timestamp),
    ) -> Result<()> {
        self.execute("DELETE FROM login_flows WHERE expires_at <= ?1", &[now.into()])?;
        self.execute_one(
            "INSERT INTO login_flows (secret_hash, body, expires_at) VALUES (?1, ?2, ?3)",
            &[secret_hash.as_slice().into(), text(body), expires_at.into()],
        )
    }

    /// What a browser began, locked, if it is not too old.
    ///
    /// # Errors
    /// The database fails.
    pub fn flow(&self, secret_hash: &[u8; 32], now: Timestamp) -> Result<Option<serde_json::Value>> {
        let sql = "SELECT body FROM login_flows WHERE secret_hash = ?1 AND expires_at > ?2";
        self.first_locked(sql, &[secret_hash.as_slice().into(), now.into()], |row| row.json("body"))
    }

    /// Ends what a browser began; `false` when it was ended before.
    ///
    /// # Errors
    /// The database fails.
    pub fn end_flow(&self, secret_hash: &[u8; 32]) -> Result<bool> {
        let sql = "DELETE FROM login_flows WHERE secret_hash = ?1";
        Ok(self.execute(sql, &[secret_hash.as_slice().into()])? == 1)
    }

    /// Notes that somebody took further roles.
    ///
    /// # Errors
    /// The database fails.
    pub fn insert_break_glass(&self, row: &BreakGlassRow) -> Result<()> {
        let (ended_at, ended_by) = row.ended.clone().unzip();
        self.execute_one(
            "INSERT INTO break_glass (id, user_id, roles, reason, created_at, expires_at, ended_at, ended_by)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            &[
                text(row.id),
                text(row.user),
                json(&row.roles)?,
                row.reason.as_str().into(),
                row.created_at.into(),
                row.expires_at.into(),
                ended_at.into(),
                ended_by.as_deref().into(),
            ],
        )
    }

    /// What a user took and still has, oldest first.
    ///
    /// # Errors
    /// The database fails.
    pub fn open_break_glass(&self, user: UserId, now: Timestamp) -> Result<Vec<BreakGlassRow>> {
        self.all(
            "SELECT * FROM break_glass WHERE user_id = ?1 AND expires_at > ?2 AND ended_at IS NULL
             ORDER BY created_at, id",
            &[text(user), now.into()],
            read_break_glass,
        )
    }

    /// One taking of further roles, locked.
    ///
    /// # Errors
    /// The database fails.
    pub fn break_glass(&self, id: BreakGlassId) -> Result<Option<BreakGlassRow>> {
        self.first_locked("SELECT * FROM break_glass WHERE id = ?1", &[text(id)], read_break_glass)
    }

    /// The newest of all that were taken.
    ///
    /// # Errors
    /// The database fails.
    pub fn all_break_glass(&self, most: u32) -> Result<Vec<BreakGlassRow>> {
        let sql = "SELECT * FROM break_glass ORDER BY created_at DESC, id DESC LIMIT ?1";
        self.all(sql, &[most.into()], read_break_glass)
    }

    /// Notes that somebody ended it early.
    ///
    /// # Errors
    /// The database fails.
    pub fn end_break_glass(&self, id: BreakGlassId, at: Timestamp, by: &str) -> Result<()> {
        let sql = "UPDATE break_glass SET ended_at = ?2, ended_by = ?3 WHERE id = ?1 AND ended_at IS NULL";
        self.execute_one(sql, &[text(id), at.into(), by.into()])
    }
}

fn secrets_values(row: &SecretsRow) -> Result<[Value; 10]> {
    let (issuer, subject) = row.oidc.clone().unzip();
    let (sealed, key, active, step) = match &row.totp {
        Some(TotpRow { sealed, key, active, step }) => (Some(sealed.as_slice()), Some(key), *active, *step),
        None => (None, None, false, None),
    };
    let step = step.map(i64::try_from).transpose().context("a time step is small")?;
    Ok([
        text(row.user),
        row.phone_index.as_ref().map(<[u8; 32]>::as_slice).into(),
        row.password_hash.as_deref().into(),
        sealed.into(),
        active.into(),
        step.into(),
        issuer.as_deref().into(),
        subject.as_deref().into(),
        key.map(|key| key.bytes.as_slice()).into(),
        key.map(|key| key.generation.to_string()).as_deref().into(),
    ])
}

fn read_secrets(row: &Row<'_>) -> Result<SecretsRow> {
    let step = row.optional_integer("totp_step")?.map(u64::try_from).transpose();
    let step = step.context("column totp_step is damaged")?;
    let active = row.boolean("totp_active")?;
    let sealed = row.optional_blob("totp_sealed")?;
    let key = row.wrapped_key("totp_key", "totp_generation")?;
    Ok(SecretsRow {
        user: row.parse("user_id")?,
        phone_index: row.optional_fingerprint("phone_index")?,
        password_hash: row.optional_string("password_hash")?,
        totp: sealed.zip(key).map(|(sealed, key)| TotpRow { sealed, key, active, step }),
        oidc: row.optional_string("oidc_issuer")?.zip(row.optional_string("oidc_subject")?),
    })
}

fn read_break_glass(row: &Row<'_>) -> Result<BreakGlassRow> {
    Ok(BreakGlassRow {
        id: row.parse("id")?,
        user: row.parse("user_id")?,
        roles: row.json("roles")?,
        reason: row.string("reason")?,
        created_at: row.time("created_at")?,
        expires_at: row.time("expires_at")?,
        ended: row.optional_time("ended_at")?.zip(row.optional_string("ended_by")?),
    })
}
