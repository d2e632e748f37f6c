//! Wrapped keys and the generations of the master key that wrap them: what a rotation reads and writes.

use anyhow::Result;
use evidence::{Generation, Version, WrappedKey};
use types::{CaptureId, Digest, EnrolmentId, MerchantId, PayerId, SessionId, Timestamp};

use crate::Tx;
use crate::value::{Row, text};

/// The name under which the key of the blind index is kept.
const INDEX_KEY: &str = "index_key";

/// What a wrapped key is for; its id is the payer's, capture's, merchant's or value's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A payer's name and phone.
    Contact,
    /// A payer's template and waiting enrolments.
    Face,
    /// A capture's probe and pictures.
    Capture,
    /// The secret that signs a merchant's webhooks.
    Webhook,
    /// The secret of a user's second factor.
    Totp,
    /// The key of the blind index.
    Index,
    /// The number that a code was sent to.
    PhoneCode,
    /// A text message.
    Text,
}

impl Holder {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Contact,
        Self::Face,
        Self::Capture,
        Self::Webhook,
        Self::Totp,
        Self::Index,
        Self::PhoneCode,
        Self::Text,
    ];

    /// Table, and the columns of id, key and generation.
    const fn columns(self) -> [&'static str; 4] {
        match self {
            Self::Contact => ["payers", "id", "contact_key", "contact_generation"],
            Self::Face => ["face_keys", "payer_id", "key_wrapped", "generation"],
            Self::Capture => ["captures", "id", "key_wrapped", "generation"],
            Self::Webhook => ["merchants", "id", "webhook_key", "webhook_generation"],
            Self::Totp => ["user_secrets", "user_id", "totp_key", "totp_generation"],
            Self::Index => ["installation", "name", "value", "generation"],
            Self::PhoneCode => ["phone_codes", "id", "key_wrapped", "generation"],
            Self::Text => ["outbox", "id", "text_key", "text_generation"],
        }
    }
}

/// A value of the first version, which carries its own key, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstValue<Id> {
    /// Whose.
    pub id: Id,
    /// The value.
    pub sealed: Vec<u8>,
}

impl Tx<'_> {
    /// The generations that may wrap, newest first. None of them goes before this transaction ends.
    ///
    /// # Errors
    /// The database fails.
    pub fn generations(&self) -> Result<Vec<Generation>> {
        self.all_pinned("SELECT id FROM master_generations ORDER BY seq DESC", &[], |row| row.parse("id"))
    }

    /// Makes a generation the one that wraps. Whoever wraps under an older one has ended when this returns, and
    /// whoever begins afterwards knows the new one. A known one is left where it is.
    ///
    /// # Errors
    /// The database fails.
    pub fn announce_generation(&self, generation: Generation, now: Timestamp) -> Result<()> {
        self.lock_table("master_generations")?;
        self.execute(
            "INSERT INTO master_generations (id, announced_at) VALUES (?1, ?2) ON CONFLICT (id) DO NOTHING",
            &[text(generation), now.into()],
        )?;
        Ok(())
    }

    /// Takes every generation but this one away. The database refuses it while a key is wrapped by one of them.
    ///
    /// # Errors
    /// A key is still wrapped by one of them; the database fails.
    pub fn retire_generations_but(&self, newest: Generation) -> Result<usize> {
        self.lock_table("master_generations")?;
        self.execute("DELETE FROM master_generations WHERE id <> ?1", &[text(newest)])
    }

    /// How many keys of this kind are wrapped by another generation.
    ///
    /// # Errors
    /// The database fails.
    pub fn keys_under_others(&self, holder: Holder, newest: Generation) -> Result<u64> {
        let [table, _, _, generation] = holder.columns();
        let sql = format!("SELECT count(*) AS n FROM {table} WHERE {generation} <> ?1");
        Ok(u64::try_from(self.number(&sql, &[text(newest)])?)?)
    }

    /// The next keys of this kind that are wrapped by another generation, behind `after`, in the order of their ids.
    ///
    /// # Errors
    /// The database fails.
    pub fn next_keys_under_others(
        &self,
        holder: Holder,
        newest: Generation,
        (after, limit): (&str, u32),
    ) -> Result<Vec<(String, WrappedKey)>> {
        let [table, id, key, generation] = holder.columns();
        let sql = format!(
            "SELECT {id} AS id, {key} AS wrapped, {generation} AS generation FROM {table}
             WHERE {generation} <> ?1 AND {id} > ?2 ORDER BY {id} LIMIT ?3"
        );
        self.all_locked(&sql, &[text(newest), after.into(), limit.into()], |row| {
            let bytes = row.blob("wrapped")?;
            Ok((row.string("id")?, WrappedKey { generation: row.parse("generation")?, bytes }))
        })
    }

    /// Writes a key of this kind in place of the one that is there.
    ///
    /// # Errors
    /// The database fails.
    pub fn set_key(&self, holder: Holder, id: &str, wrapped: &WrappedKey) -> Result<()> {
        let [table, name, key, generation] = holder.columns();
        self.execute_one(
            &format!("UPDATE {table} SET {key} = ?2, {generation} = ?3 WHERE {name} = ?1"),
            &[id.into(), wrapped.bytes.as_slice().into(), text(wrapped.generation)],
        )
    }

    /// The key of the blind index, if it is kept.
    ///
    /// # Errors
    /// The database fails.
    pub fn index_key(&self) -> Result<Option<WrappedKey>> {
        let sql = "SELECT value, generation FROM installation WHERE name = ?1";
        let found = self.first(sql, &[INDEX_KEY.into()], |row| row.wrapped_key("value", "generation"))?;
        Ok(found.flatten())
    }

    /// Keeps the key of the blind index; one that is there stays.
    ///
    /// # Errors
    /// The database fails.
    pub fn keep_index_key(&self, wrapped: &WrappedKey) -> Result<()> {
        self.execute(
            "INSERT INTO installation (name, value, generation) VALUES (?1, ?2, ?3) ON CONFLICT (name) DO NOTHING",
            &[INDEX_KEY.into(), wrapped.bytes.as_slice().into(), text(wrapped.generation)],
        )?;
        Ok(())
    }

    /// The key of a payer's face, if there is one.
    ///
    /// # Errors
    /// The database fails.
    pub fn face_key(&self, payer: PayerId) -> Result<Option<WrappedKey>> {
        let sql = "SELECT key_wrapped, generation FROM face_keys WHERE payer_id = ?1";
        let found =
            self.first_locked(sql, &[text(payer)], |row| row.wrapped_key("key_wrapped", "generation"))?;
        Ok(found.flatten())
    }

    /// Adds the key of a payer's face.
    ///
    /// # Errors
    /// The database fails.
    pub fn insert_face_key(&self, payer: PayerId, wrapped: &WrappedKey, now: Timestamp) -> Result<()> {
        self.execute_one(
            "INSERT INTO face_keys (payer_id, key_wrapped, generation, created_at) VALUES (?1, ?2, ?3, ?4)",
            &[text(payer), wrapped.bytes.as_slice().into(), text(wrapped.generation), now.into()],
        )
    }

    /// How many values of the first version the tables hold.
    ///
    /// # Errors
    /// The database fails.
    pub fn first_values(&self) -> Result<u64> {
        let n = self.number(
            "SELECT (SELECT count(*) FROM payers WHERE substr(contact_sealed, 1, 1) = ?1)
                  + (SELECT count(*) FROM templates WHERE substr(template_sealed, 1, 1) = ?1)
                  + (SELECT count(*) FROM enrolments WHERE substr(template_sealed, 1, 1) = ?1)
                  + (SELECT count(*) FROM captures WHERE substr(probe_sealed, 1, 1) = ?1)
                  + (SELECT count(*) FROM merchants WHERE substr(webhook_secret_sealed, 1, 1) = ?1) AS n",
            &[first()],
        )?;
        Ok(u64::try_from(n)?)
    }

    /// The next payers whose name and phone are of the first version.
    ///
    /// # Errors
    /// The database fails.
    pub fn next_first_contacts(&self, limit: u32) -> Result<Vec<FirstValue<PayerId>>> {
        self.all_locked(
            "SELECT id, contact_sealed AS sealed FROM payers WHERE substr(contact_sealed, 1, 1) = ?1
             ORDER BY id LIMIT ?2",
            &[first(), limit.into()],
            read_first,
        )
    }

    /// Writes name and phone of a payer under a key of their own.
    ///
    /// # Errors
    /// The database fails.
    pub fn reseal_contact(&self, payer: PayerId, sealed: &[u8], key: &WrappedKey) -> Result<()> {
        self.execute_one(
            "UPDATE payers SET contact_sealed = ?2 WHERE id = ?1",
            &[text(payer), sealed.into()],
        )?;
        self.set_key(Holder::Contact, &payer.to_string(), key)
    }

    /// The next payers whose template, live or waiting, is of the first version.
    ///
    /// # Errors
    /// The database fails.
    pub fn next_first_faces(&self, limit: u32) -> Result<Vec<PayerId>> {
        self.all(
            "SELECT payer_id FROM templates WHERE substr(template_sealed, 1, 1) = ?1
             UNION SELECT payer_id FROM enrolments WHERE substr(template_sealed, 1, 1) = ?1 ORDER BY 1 LIMIT ?2",
            &[first(), limit.into()],
            |row| row.parse("payer_id"),
        )
    }

    /// The waiting templates of a payer that are of the first version.
    ///
    /// # Errors
    /// The database fails.
    pub fn first_enrolments(&self, payer: PayerId) -> Result<Vec<FirstValue<EnrolmentId>>> {
        self.all_locked(
            "SELECT id, template_sealed AS sealed FROM enrolments
             WHERE payer_id = ?2 AND substr(template_sealed, 1, 1) = ?1 ORDER BY id",
            &[first(), text(payer)],
            read_first,
        )
    }

    /// Writes the live template of a payer and a model, sealed anew.
    ///
    /// # Errors
    /// The database fails.
    pub fn reseal_template(&self, payer: PayerId, model: Digest, sealed: &[u8]) -> Result<()> {
        self.execute_one(
            "UPDATE templates SET template_sealed = ?3 WHERE payer_id = ?1 AND model = ?2",
            &[text(payer), text(model), sealed.into()],
        )
    }

    /// Writes a waiting template, sealed anew.
    ///
    /// # Errors
    /// The database fails.
    pub fn reseal_enrolment(&self, id: EnrolmentId, sealed: &[u8]) -> Result<()> {
        self.execute_one(
            "UPDATE enrolments SET template_sealed = ?2 WHERE id = ?1",
            &[text(id), sealed.into()],
        )
    }

    /// The next captures whose probe is of the first version, with their sessions.
    ///
    /// # Errors
    /// The database fails.
    pub fn next_first_captures(&self, limit: u32) -> Result<Vec<(CaptureId, FirstValue<SessionId>)>> {
        self.all_locked(
            "SELECT id, session_id, probe_sealed FROM captures WHERE substr(probe_sealed, 1, 1) = ?1
             ORDER BY id LIMIT ?2",
            &[first(), limit.into()],
            |row| {
                let value = FirstValue { id: row.parse("session_id")?, sealed: row.blob("probe_sealed")? };
                Ok((row.parse("id")?, value))
            },
        )
    }

    /// Writes the probe of a capture under a key of the capture's own.
    ///
    /// # Errors
    /// The database fails.
    pub fn reseal_probe(&self, id: CaptureId, sealed: &[u8], key: &WrappedKey) -> Result<()> {
        self.execute_one("UPDATE captures SET probe_sealed = ?2 WHERE id = ?1", &[text(id), sealed.into()])?;
        self.set_key(Holder::Capture, &id.to_string(), key)
    }

    /// The key of a capture, if it has one of its own: pictures are not resealed without it.
    ///
    /// # Errors
    /// The database fails.
    pub fn capture_key(&self, id: CaptureId) -> Result<Option<WrappedKey>> {
        let sql = "SELECT key_wrapped, generation FROM captures WHERE id = ?1";
        let found =
            self.first_locked(sql, &[text(id)], |row| row.wrapped_key("key_wrapped", "generation"))?;
        Ok(found.flatten())
    }

    /// The next merchants whose webhook secret is of the first version.
    ///
    /// # Errors
    /// The database fails.
    pub fn next_first_webhooks(&self, limit: u32) -> Result<Vec<FirstValue<MerchantId>>> {
        self.all_locked(
            "SELECT id, webhook_secret_sealed AS sealed FROM merchants
             WHERE substr(webhook_secret_sealed, 1, 1) = ?1 ORDER BY id LIMIT ?2",
            &[first(), limit.into()],
            read_first,
        )
    }

    /// Writes the webhook secret of a merchant under a key of its own.
    ///
    /// # Errors
    /// The database fails.
    pub fn reseal_webhook(&self, id: MerchantId, sealed: &[u8], key: &WrappedKey) -> Result<()> {
        self.execute_one(
            "UPDATE merchants SET webhook_secret_sealed = ?2 WHERE id = ?1",
            &[text(id), sealed.into()],
        )?;
        self.set_key(Holder::Webhook, &id.to_string(), key)
    }
}

/// The byte that values of the first version begin with.
fn first() -> crate::value::Value {
    [Version::First.byte()].as_slice().into()
}

fn read_first<Id: std::str::FromStr<Err: std::fmt::Display>>(row: &Row<'_>) -> Result<FirstValue<Id>> {
    Ok(FirstValue { id: row.parse("id")?, sealed: row.blob("sealed")? })
}
