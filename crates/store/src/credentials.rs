//! What callers show: bearer keys, cookies, public keys of signatures. Of a secret only its SHA-256 comes here.

use anyhow::{Result, bail, ensure};
use types::{KeyId, Rights, Timestamp};

use crate::Tx;
use crate::value::{Row, json, text};

/// How a credential is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialKind {
    /// A secret in the header `Authorization`.
    Bearer,
    /// A secret in a cookie that scripts cannot read.
    Cookie,
    /// A signature over each request (RFC 9421).
    Signature,
}

impl CredentialKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
            Self::Cookie => "cookie",
            Self::Signature => "signature",
        }
    }

    fn parse(text: &str) -> Result<Self> {
        Ok(match text {
            "bearer" => Self::Bearer,
            "cookie" => Self::Cookie,
            "signature" => Self::Signature,
            other => bail!("column kind is damaged: {other:?}"),
        })
    }
}

/// Whom a credential speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// A person who works for the operator or for a merchant.
    User,
    /// One merchant's systems.
    Merchant,
    /// One terminal.
    Terminal,
    /// One payer's own device.
    Payer,
}

impl Scope {
    const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Merchant => "merchant",
            Self::Terminal => "terminal",
            Self::Payer => "payer",
        }
    }

    fn parse(text: &str) -> Result<Self> {
        Ok(match text {
            "user" => Self::User,
            "merchant" => Self::Merchant,
            "terminal" => Self::Terminal,
            "payer" => Self::Payer,
            other => bail!("column scope is damaged: {other:?}"),
        })
    }
}

/// A credential without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialRow {
    /// Its public id.
    pub id: KeyId,
    /// How it is shown.
    pub kind: CredentialKind,
    /// Whom it speaks for.
    pub scope: Scope,
    /// The id of that user, merchant, terminal or payer.
    pub subject: String,
    /// The Ed25519 public key of a signing credential.
    pub public_key: Option<[u8; 32]>,
    /// What a merchant's key may do; empty for everybody else, whose roles say it.
    pub rights: Rights,
    /// What its owner calls it: a device, a browser, a system.
    pub label: String,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when; none: until it is revoked.
    pub expires_at: Option<Timestamp>,
    /// When it was last shown, to the hour.
    pub seen_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl CredentialRow {
    /// Does it still open anything?
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|until| now < until)
    }
}

impl Tx<'_> {
    /// Adds a credential; one with a secret by the secret's SHA-256.
    ///
    /// # Errors
    /// The database fails; secret and public key do not fit the kind.
    pub fn insert_credential(&self, row: &CredentialRow, secret_hash: Option<&[u8; 32]>) -> Result<()> {
        let signs = row.kind == CredentialKind::Signature;
        ensure!(
            signs == row.public_key.is_some() && signs == secret_hash.is_none(),
            "a credential has either a secret or a public key"
        );
        self.execute_one(
            "INSERT INTO credentials (id, kind, scope, subject, secret_hash, public_key, rights, label, created_at,
                                      expires_at, seen_at, revoked_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            &[
                text(row.id),
                row.kind.name().into(),
                row.scope.name().into(),
                row.subject.as_str().into(),
                secret_hash.map(<[u8; 32]>::as_slice).into(),
                row.public_key.as_ref().map(<[u8; 32]>::as_slice).into(),
                json(&row.rights)?,
                row.label.as_str().into(),
                row.created_at.into(),
                row.expires_at.into(),
                row.seen_at.into(),
                row.revoked_at.into(),
            ],
        )
    }

    /// The credential whose secret has this SHA-256, also when it is over.
    ///
    /// # Errors
    /// The database fails.
    pub fn credential_of_secret(&self, secret_hash: &[u8; 32]) -> Result<Option<CredentialRow>> {
        let sql = "SELECT * FROM credentials WHERE secret_hash = ?1";
        self.first(sql, &[secret_hash.as_slice().into()], read)
    }

    /// The credential, also when it is over.
    ///
    /// # Errors
    /// The database fails.
    pub fn credential(&self, id: KeyId) -> Result<Option<CredentialRow>> {
        self.first("SELECT * FROM credentials WHERE id = ?1", &[text(id)], read)
    }

    /// Has a terminal or key of somebody this public key?
    ///
    /// # Errors
    /// The database fails.
    pub fn has_public_key(&self, public_key: &[u8; 32]) -> Result<bool> {
        let sql = "SELECT count(*) AS n FROM credentials WHERE public_key = ?1";
        Ok(self.number(sql, &[public_key.as_slice().into()])? != 0)
    }

    /// The credentials of one subject that still open something, oldest first.
    ///
    /// # Errors
    /// The database fails.
    pub fn live_credentials(&self, subject: &str, now: Timestamp) -> Result<Vec<CredentialRow>> {
        self.all(
            "SELECT * FROM credentials
             WHERE subject = ?1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?2)
             ORDER BY created_at, id",
            &[subject.into(), now.into()],
            read,
        )
    }

    /// Ends a credential; `false` when it was over or is another subject's.
    ///
    /// # Errors
    /// The database fails.
    pub fn revoke_credential(&self, subject: &str, id: KeyId, now: Timestamp) -> Result<bool> {
        let sql =
            "UPDATE credentials SET revoked_at = ?3 WHERE id = ?1 AND subject = ?2 AND revoked_at IS NULL";
        Ok(self.execute(sql, &[text(id), subject.into(), now.into()])? == 1)
    }

    /// Ends every credential of a subject but `except`; returns how many there were.
    ///
    /// # Errors
    /// The database fails.
    pub fn revoke_credentials(&self, subject: &str, except: Option<KeyId>, now: Timestamp) -> Result<usize> {
        let except = except.map_or_else(String::new, |id| id.to_string());
        let sql =
            "UPDATE credentials SET revoked_at = ?3 WHERE subject = ?1 AND id <> ?2 AND revoked_at IS NULL";
        self.execute(sql, &[subject.into(), except.as_str().into(), now.into()])
    }

    /// Lets a credential end at a time, if it does not end earlier.
    ///
    /// # Errors
    /// The database fails.
    pub fn expire_credential(&self, id: KeyId, at: Timestamp) -> Result<()> {
        let sql = "UPDATE credentials SET expires_at = ?2 WHERE id = ?1 AND (expires_at IS NULL OR expires_at > ?2)";
        self.execute(sql, &[text(id), at.into()]).map(drop)
    }

    /// Notes that a credential was shown.
    ///
    /// # Errors
    /// The database fails.
    pub fn see_credential(&self, id: KeyId, at: Timestamp) -> Result<()> {
        let sql = "UPDATE credentials SET seen_at = ?2 WHERE id = ?1";
        self.execute(sql, &[text(id), at.into()]).map(drop)
    }
}

fn read(row: &Row<'_>) -> Result<CredentialRow> {
    Ok(CredentialRow {
        id: row.parse("id")?,
        kind: CredentialKind::parse(&row.string("kind")?)?,
        scope: Scope::parse(&row.string("scope")?)?,
        subject: row.string("subject")?,
        public_key: row.optional_fingerprint("public_key")?,
        rights: row.json("rights")?,
        label: row.string("label")?,
        created_at: row.time("created_at")?,
        expires_at: row.optional_time("expires_at")?,
        seen_at: row.optional_time("seen_at")?,
        revoked_at: row.optional_time("revoked_at")?,
    })
}
