//! Payers: account, consent, enrolment.

use anyhow::{Result, bail};
use evidence::WrappedKey;
use types::{ConsentId, Digest, EnrolmentId, GeoPoint, PayerId, Tier, Timestamp};

use crate::Tx;
use crate::templates::PartSource;
use crate::value::{Row, Value, text};

/// The language a payer reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// Chinese.
    Zh,
    /// English.
    En,
}

/// What a payer's face may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaceState {
    /// Face payment was never switched on.
    None,
    /// It can be debited by face.
    Enabled,
    /// Switched off by its holder, staff or Surety.
    Frozen,
}

impl FaceState {
    const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Enabled => "enabled",
            Self::Frozen => "frozen",
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Self> {
        Ok(match text {
            "none" => Self::None,
            "enabled" => Self::Enabled,
            "frozen" => Self::Frozen,
            other => bail!("column face is damaged: {other:?}"),
        })
    }
}

/// A payer. Name and phone are sealed.
#[derive(Clone, Debug, PartialEq)]
pub struct PayerRow {
    /// The payer's id.
    pub id: PayerId,
    /// Name and phone, sealed.
    pub contact_sealed: Vec<u8>,
    /// Keyed fingerprint of the phone number.
    pub phone_index: [u8; 32],
    /// PHC string of the PIN; none for an account without one.
    pub pin_hash: Option<String>,
    /// Wrong PINs in a row.
    pub pin_failures: u32,
    /// Until when the PIN is not taken; none when it is.
    pub pin_locked_until: Option<Timestamp>,
    /// How often in a row the PIN was locked.
    pub pin_locks: u32,
    /// When a PIN was last set without the one before it.
    pub pin_recovered_at: Option<Timestamp>,
    /// How well the holder is known.
    pub tier: Tier,
    /// What the payer reads.
    pub language: Language,
    /// Where the payer lives.
    pub home_city: String,
    /// Where that is.
    pub home: GeoPoint,
    /// What the face may do.
    pub face: FaceState,
    /// Since when.
    pub created_at: Timestamp,
    /// What name and phone are sealed under; none for a value of the first version, which carries its own.
    pub contact_key: Option<WrappedKey>,
    /// When the account was closed; name and phone are gone then.
    pub closed_at: Option<Timestamp>,
}

/// A consent to the processing of face data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentRow {
    /// Its id.
    pub id: ConsentId,
    /// Whose.
    pub payer: PayerId,
    /// The version of the text that was shown.
    pub version: String,
    /// When it was given.
    pub given_at: Timestamp,
    /// When it was taken back.
    pub withdrawn_at: Option<Timestamp>,
}

/// How far an enrolment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnrolmentState {
    /// For the code from the holder's own device.
    Waiting,
    /// The holder confirmed; the template is live.
    Confirmed,
    /// Too many wrong codes.
    Failed,
}

impl EnrolmentState {
    const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Confirmed => "confirmed",
            Self::Failed => "failed",
        }
    }
}

/// Whose waiting enrolments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// One payer's.
    Of(PayerId),
    /// Everybody's whose code stopped working by this time.
    ExpiredBy(Timestamp),
}

/// A face waiting for its holder's confirmation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnrolmentRow {
    /// Its id.
    pub id: EnrolmentId,
    /// Whose.
    pub payer: PayerId,
    /// The consent it rests on.
    pub consent: ConsentId,
    /// How far it is.
    pub state: EnrolmentState,
    /// Keyed fingerprint of the code.
    pub code_hash: [u8; 32],
    /// Wrong codes so far.
    pub failures: u32,
    /// The fused template, sealed; wiped when the enrolment ends.
    pub template_sealed: Option<Vec<u8>>,
    /// How many pictures it was fused from.
    pub pictures: u32,
    /// SHA-256 of the embedding model.
    pub model: Digest,
    /// When the pictures were sent.
    pub created_at: Timestamp,
    /// When the code stops working.
    pub expires_at: Timestamp,
}

impl Tx<'_> {
    /// Adds a payer; `false` when the phone number is taken.
    ///
    /// # Errors
    /// The database fails.
    pub fn insert_payer(&self, row: &PayerRow) -> Result<bool> {
        let language = match row.language {
            Language::Zh => "zh",
            Language::En => "en",
        };
        let inserted = self.execute(
            "INSERT INTO payers (id, contact_sealed, phone_index, pin_hash, pin_failures, language, home_city,
                                 home_latitude, home_longitude, face, created_at, contact_key,
                                 contact_generation, tier)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) ON CONFLICT (phone_index) DO NOTHING",
            &[
                text(row.id),
                row.contact_sealed.as_slice().into(),
                row.phone_index.as_slice().into(),
                row.pin_hash.as_deref().into(),
                row.pin_failures.into(),
                language.into(),
                row.home_city.as_str().into(),
                row.home.latitude().into(),
                row.home.longitude().into(),
                row.face.name().into(),
                row.created_at.into(),
                row.contact_key.as_ref().map(|key| key.bytes.as_slice()).into(),
                row.contact_key.as_ref().map_or(Value::Null, |key| text(key.generation)),
                row.tier.name().into(),
            ],
        )?;
        Ok(inserted == 1)
    }

    /// The payer who has this phone now, if somebody does.
    ///
    /// # Errors
    /// The database fails.
    pub fn payer_of_phone(&self, phone_index: &[u8; 32]) -> Result<Option<PayerRow>> {
        let sql = "SELECT * FROM payers WHERE phone_index = ?1";
        self.first_locked(sql, &[phone_index.as_slice().into()], read_payer)
    }

    /// Sets what is sealed of a payer under his key, and how well he is known.
    ///
    /// # Errors
    /// The database fails.
    pub fn set_contact(&self, id: PayerId, sealed: &[u8], tier: Tier) -> Result<()> {
        self.execute_one(
            "UPDATE payers SET contact_sealed = ?2, tier = ?3 WHERE id = ?1",
            &[text(id), sealed.into(), tier.name().into()],
        )
    }

    /// The payer, if there is one.
    ///
    /// # Errors
    /// The database fails.
    pub fn payer(&self, id: PayerId) -> Result<Option<PayerRow>> {
        self.first_locked("SELECT * FROM payers WHERE id = ?1", &[text(id)], read_payer)
    }

    /// How many payers there are.
    ///
    /// # Errors
    /// The database fails.
    pub fn payer_count(&self) -> Result<i64> {
        self.number("SELECT count(*) AS n FROM payers", &[])
    }

    /// Switches face payment.
    ///
    /// # Errors
    /// The database fails.
    pub fn set_face(&self, id: PayerId, face: FaceState) -> Result<()> {
        self.execute_one("UPDATE payers SET face = ?2 WHERE id = ?1", &[text(id), face.name().into()])
    }

    /// Writes what is known of a payer's PIN: hash, wrong ones in a row, lock, when it was recovered.
    ///
    /// # Errors
    /// The database fails.
    pub fn update_pin(&self, row: &PayerRow) -> Result<()> {
        self.execute_one(
            "UPDATE payers SET pin_hash = ?2, pin_failures = ?3, pin_locked_until = ?4, pin_locks = ?5,
                               pin_recovered_at = ?6 WHERE id = ?1",
            &[
                text(row.id),
                row.pin_hash.as_deref().into(),
                row.pin_failures.into(),
                row.pin_locked_until.into(),
                row.pin_locks.into(),
                row.pin_recovered_at.into(),
            ],
        )
    }

    /// Adds a consent.
    ///
    /// # Errors
    /// The database fails.
    pub fn insert_consent(&self, row: &ConsentRow) -> Result<()> {
        self.execute_one(
            "INSERT INTO consents (id, payer_id, version, given_at, withdrawn_at) VALUES (?1, ?2, ?3, ?4, ?5)",
            &[
                text(row.id),
                text(row.payer),
                row.version.as_str().into(),
                row.given_at.into(),
                row.withdrawn_at.into(),
            ],
        )
    }

    /// The consent in force, if there is one.
    ///
    /// # Errors
    /// The database fails.
    pub fn consent(&self, payer: PayerId) -> Result<Option<ConsentRow>> {
        self.first(
            "SELECT * FROM consents WHERE payer_id = ?1 AND withdrawn_at IS NULL ORDER BY given_at DESC",
            &[text(payer)],
            |row| {
                Ok(ConsentRow {
                    id: row.parse("id")?,
                    payer: row.parse("payer_id")?,
                    version: row.string("version")?,
                    given_at: row.time("given_at")?,
                    withdrawn_at: row.optional_time("withdrawn_at")?,
                })
            },
        )
    }

    /// Takes back every consent in force; returns how many there were.
    ///
    /// # Errors
    /// The database fails.
    pub fn withdraw_consents(&self, payer: PayerId, now: Timestamp) -> Result<usize> {
        self.execute(
            "UPDATE consents SET withdrawn_at = ?2 WHERE payer_id = ?1 AND withdrawn_at IS NULL",
            &[text(payer), now.into()],
        )
    }

    /// Adds an enrolment.
    ///
    /// # Errors
    /// The database fails.
    pub fn insert_enrolment(&self, row: &EnrolmentRow) -> Result<()> {
        self.execute_one(
            "INSERT INTO enrolments (id, payer_id, consent_id, state, code_hash, failures, template_sealed, pictures,
                                     model, created_at, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            &[
                text(row.id),
                text(row.payer),
                text(row.consent),
                row.state.name().into(),
                row.code_hash.as_slice().into(),
                row.failures.into(),
                row.template_sealed.as_deref().into(),
                row.pictures.into(),
                text(row.model),
                row.created_at.into(),
                row.expires_at.into(),
            ],
        )
    }

    /// The enrolment, if there is one.
    ///
    /// # Errors
    /// The database fails.
    pub fn enrolment(&self, id: EnrolmentId) -> Result<Option<EnrolmentRow>> {
        self.first_locked("SELECT * FROM enrolments WHERE id = ?1", &[text(id)], read_enrolment)
    }

    /// Writes state, failures and sealed template of an enrolment.
    ///
    /// # Errors
    /// The database fails.
    pub fn update_enrolment(&self, row: &EnrolmentRow) -> Result<()> {
        self.execute_one(
            "UPDATE enrolments SET state = ?2, failures = ?3, template_sealed = ?4 WHERE id = ?1",
            &[
                text(row.id),
                row.state.name().into(),
                row.failures.into(),
                row.template_sealed.as_deref().into(),
            ],
        )
    }

    /// The enrolments that nobody will confirm any more: of one payer all that wait, of everybody those whose code
    /// stopped working by then. Their templates are wiped; their ids, whose pictures are to go, are returned.
    ///
    /// # Errors
    /// The database fails.
    pub fn discard_enrolments(&self, whose: Waiting) -> Result<Vec<EnrolmentId>> {
        let (condition, value) = match whose {
            Waiting::Of(payer) => ("payer_id = ?1", text(payer)),
            Waiting::ExpiredBy(now) => ("expires_at <= ?1", now.into()),
        };
        let sql = format!("SELECT id FROM enrolments WHERE state = 'waiting' AND {condition} ORDER BY id");
        let discarded: Vec<EnrolmentId> = self.all_locked(&sql, &[value], |row| row.parse("id"))?;
        for id in &discarded {
            self.execute_one(
                "UPDATE enrolments SET state = 'failed', template_sealed = NULL WHERE id = ?1",
                &[text(id)],
            )?;
            self.delete_parts_from(PartSource::Enrolment(*id))?;
        }
        Ok(discarded)
    }
}

fn read_payer(row: &Row<'_>) -> Result<PayerRow> {
    let language = match row.string("language")?.as_str() {
        "zh" => Language::Zh,
        "en" => Language::En,
        other => bail!("column language is damaged: {other:?}"),
    };
    let tier = match row.string("tier")?.as_str() {
        "basic" => Tier::Basic,
        "verified" => Tier::Verified,
        other => bail!("column tier is damaged: {other:?}"),
    };
    Ok(PayerRow {
        id: row.parse("id")?,
        contact_sealed: row.blob("contact_sealed")?,
        phone_index: row.fingerprint("phone_index")?,
        pin_hash: row.optional_string("pin_hash")?,
        pin_failures: row.count("pin_failures")?,
        pin_locked_until: row.optional_time("pin_locked_until")?,
        pin_locks: row.count("pin_locks")?,
        pin_recovered_at: row.optional_time("pin_recovered_at")?,
        tier,
        language,
        home_city: row.string("home_city")?,
        home: row.point("home_latitude", "home_longitude")?,
        face: FaceState::parse(&row.string("face")?)?,
        created_at: row.time("created_at")?,
        contact_key: row.wrapped_key("contact_key", "contact_generation")?,
        closed_at: row.optional_time("closed_at")?,
    })
}

fn read_enrolment(row: &Row<'_>) -> Result<EnrolmentRow> {
    let state = match row.string("state")?.as_str() {
        "waiting" => EnrolmentState::Waiting,
        "confirmed" => EnrolmentState::Confirmed,
        "failed" => EnrolmentState::Failed,
        other => bail!("column state is damaged: {other:?}"),
    };
    Ok(EnrolmentRow {
        id: row.parse("id")?,
        payer: row.parse("payer_id")?,
        consent: row.parse("consent_id")?,
        state,
        code_hash: row.fingerprint("code_hash")?,
        failures: row.count("failures")?,
        template_sealed: row.optional_blob("template_sealed")?,
        pictures: row.count("pictures")?,
        model: row.parse("model")?,
        created_at: row.time("created_at")?,
        expires_at: row.time("expires_at")?,
    })
}
