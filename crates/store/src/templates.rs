//! Templates, what they are made of, and who looks like whom.

use std::fmt;
use std::str::FromStr;

use anyhow::{Result, bail};
use evidence::WrappedKey;
use types::{CaptureId, Digest, EnrolmentId, GeoPoint, IdError, PayerId, Timestamp};

use crate::Tx;
use crate::payers::FaceState;
use crate::value::{Row, text};

/// A live template, with what search needs to know about its owner.
#[derive(Clone, Debug, PartialEq)]
pub struct TemplateRow {
    /// Whose.
    pub payer: PayerId,
    /// The fused template, sealed.
    pub template_sealed: Vec<u8>,
    /// How many pictures it was fused from.
    pub pictures: u32,
    /// SHA-256 of the embedding model.
    pub model: Digest,
    /// When it was made, which includes every change.
    pub created_at: Timestamp,
    /// What it is sealed under; none for a value of the first version.
    pub face_key: Option<WrappedKey>,
    /// The owner's name and phone, sealed.
    pub contact_sealed: Vec<u8>,
    /// What those are sealed under; none for a value of the first version.
    pub contact_key: Option<WrappedKey>,
    /// What the owner's face may do.
    pub face: FaceState,
    /// Where the owner lives.
    pub home_city: String,
    /// Where that is.
    pub home: GeoPoint,
}

/// Where a part of a template comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PartSource {
    /// A picture of this enrolment.
    Enrolment(EnrolmentId),
    /// The capture of a payment that the payer confirmed.
    Capture(CaptureId),
}

impl fmt::Display for PartSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Enrolment(id) => id.fmt(f),
            Self::Capture(id) => id.fmt(f),
        }
    }
}

impl FromStr for PartSource {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        text.parse().map(Self::Enrolment).or_else(|_| text.parse().map(Self::Capture))
    }
}

/// One of the templates that a fused template is the weighted mean of.
#[derive(Clone, Debug, PartialEq)]
pub struct PartRow {
    /// Whose.
    pub payer: PayerId,
    /// Where it comes from.
    pub source: PartSource,
    /// Which picture of its source, from 0.
    pub position: u32,
    /// SHA-256 of the embedding model.
    pub model: Digest,
    /// How much it weighs against the others; above 0.
    pub weight: f64,
    /// The template, sealed.
    pub template_sealed: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a likeness is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LookAlikeKind {
    /// Two people.
    LookAlike,
    /// Probably one person with two accounts: staff look at it.
    SamePerson,
}

impl LookAlikeKind {
    const fn name(self) -> &'static str {
        match self {
            Self::LookAlike => "look_alike",
            Self::SamePerson => "same_person",
        }
    }

    fn parse(text: &str) -> Result<Self> {
        Ok(match text {
            "look_alike" => Self::LookAlike,
            "same_person" => Self::SamePerson,
            other => bail!("column kind is damaged: {other:?}"),
        })
    }
}

/// Two payers whose templates are close. Stored both ways.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LookAlikeRow {
    /// One of them.
    pub payer: PayerId,
    /// The other.
    pub other: PayerId,
    /// How similar they are.
    pub score: f64,
    /// What it is taken for.
    pub kind: LookAlikeKind,
    /// Since when it is known.
    pub found_at: Timestamp,
}

/// Of a model; more conditions may follow.
pub(crate) const TEMPLATES: &str = "SELECT t.payer_id, t.template_sealed, t.pictures, t.model, t.created_at, p.contact_sealed,
        p.contact_key, p.contact_generation, p.face, p.home_city, p.home_latitude, p.home_longitude, k.key_wrapped,
        k.generation
 FROM templates t JOIN payers p ON p.id = t.payer_id LEFT JOIN face_keys k ON k.payer_id = t.payer_id
 WHERE t.model = ?1";

impl Tx<'_> {
    /// Stores the live template of a payer and a model in place of an older one.
    ///
    /// # Errors
    /// The database fails.
    pub fn put_template(
        &self,
        payer: PayerId,
        sealed: &[u8],
        made: (u32, Digest),
        now: Timestamp,
    ) -> Result<()> {
        let (pictures, model) = made;
        self.execute_one(
            "INSERT INTO templates (payer_id, template_sealed, pictures, model, created_at) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (payer_id, model) DO UPDATE SET template_sealed = excluded.template_sealed,
                pictures = excluded.pictures, created_at = excluded.created_at",
            &[text(payer), sealed.into(), pictures.into(), text(model), now.into()],
        )
    }

    /// Deletes the live templates of a payer, all they are made of, and who looks like him; returns how many templates
    /// there were.
    ///
    /// # Errors
    /// The database fails.
    pub fn delete_templates(&self, payer: PayerId) -> Result<usize> {
        self.execute("DELETE FROM look_alikes WHERE payer_id = ?1 OR other_id = ?1", &[text(payer)])?;
        self.execute("DELETE FROM template_parts WHERE payer_id = ?1", &[text(payer)])?;
        self.execute("DELETE FROM templates WHERE payer_id = ?1", &[text(payer)])
    }

    /// Every live template of a model, by payer.
    ///
    /// # Errors
    /// The database fails.
    pub fn templates(&self, model: Digest) -> Result<Vec<TemplateRow>> {
        self.all(&format!("{TEMPLATES} ORDER BY t.payer_id"), &[text(model)], read_template)
    }

    /// The next live templates of a model after a payer's, by payer.
    ///
    /// # Errors
    /// The database fails.
    pub fn templates_after(&self, model: Digest, (after, limit): (&str, u32)) -> Result<Vec<TemplateRow>> {
        let sql = format!("{TEMPLATES} AND t.payer_id > ?2 ORDER BY t.payer_id LIMIT ?3");
        self.all(&sql, &[text(model), after.into(), limit.into()], read_template)
    }

    /// Whose live templates of a model were made or changed at this time or later, and when.
    ///
    /// # Errors
    /// The database fails.
    pub fn templates_since(&self, model: Digest, since: Timestamp) -> Result<Vec<(PayerId, Timestamp)>> {
        self.all(
            "SELECT payer_id, created_at FROM templates WHERE model = ?1 AND created_at >= ?2 ORDER BY payer_id",
            &[text(model), since.into()],
            |row| Ok((row.parse("payer_id")?, row.time("created_at")?)),
        )
    }

    /// The live template of a payer and a model.
    ///
    /// # Errors
    /// The database fails.
    pub fn template(&self, payer: PayerId, model: Digest) -> Result<Option<TemplateRow>> {
        let sql = format!("{TEMPLATES} AND t.payer_id = ?2");
        self.first(&sql, &[text(model), text(payer)], read_template)
    }

    /// The live templates of a payer, sealed: of which model, and when each was made.
    ///
    /// # Errors
    /// The database fails.
    pub fn templates_sealed(&self, payer: PayerId) -> Result<Vec<(Digest, Vec<u8>, Timestamp)>> {
        self.all_locked(
            "SELECT model, template_sealed, created_at FROM templates WHERE payer_id = ?1 ORDER BY model",
            &[text(payer)],
            |row| Ok((row.parse("model")?, row.blob("template_sealed")?, row.time("created_at")?)),
        )
    }

    /// How many payers have a live template, and none of this model.
    ///
    /// # Errors
    /// The database fails.
    pub fn faces_without(&self, model: Digest) -> Result<u64> {
        let n = self.number(
            "SELECT count(DISTINCT payer_id) AS n FROM templates
             WHERE payer_id NOT IN (SELECT payer_id FROM templates WHERE model = ?1)",
            &[text(model)],
        )?;
        Ok(u64::try_from(n)?)
    }

    /// The next payers after this one who have a live template and none of this model.
    ///
    /// # Errors
    /// The database fails.
    pub fn next_faces_without(&self, model: Digest, (after, limit): (&str, u32)) -> Result<Vec<PayerId>> {
        self.all(
            "SELECT DISTINCT payer_id FROM templates WHERE payer_id > ?2
             AND payer_id NOT IN (SELECT payer_id FROM templates WHERE model = ?1) ORDER BY payer_id LIMIT ?3",
            &[text(model), after.into(), limit.into()],
            |row| row.parse("payer_id"),
        )
    }

    /// Adds a part of a template, in place of the same part made before.
    ///
    /// # Errors
    /// The database fails.
    pub fn put_part(&self, row: &PartRow) -> Result<()> {
        self.execute_one(
            "INSERT INTO template_parts (payer_id, source, position, model, weight, template_sealed, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (source, position, model) DO UPDATE SET weight = excluded.weight,
                template_sealed = excluded.template_sealed, created_at = excluded.created_at",
            &[
                text(row.payer),
                text(row.source),
                row.position.into(),
                text(row.model),
                row.weight.into(),
                row.template_sealed.as_slice().into(),
                row.created_at.into(),
            ],
        )
    }

    /// All parts of a payer's templates, waiting ones included, by source and position.
    ///
    /// # Errors
    /// The database fails.
    pub fn parts(&self, payer: PayerId) -> Result<Vec<PartRow>> {
        let sql = "SELECT * FROM template_parts WHERE payer_id = ?1 ORDER BY source, position, model";
        self.all_locked(sql, &[text(payer)], read_part)
    }

    /// Does any template, live or waiting, have a part from there?
    ///
    /// # Errors
    /// The database fails.
    pub fn has_parts_from(&self, source: PartSource) -> Result<bool> {
        let sql = "SELECT count(*) AS n FROM template_parts WHERE source = ?1";
        Ok(self.number(sql, &[text(source)])? != 0)
    }

    /// Deletes the parts that come from there.
    ///
    /// # Errors
    /// The database fails.
    pub fn delete_parts_from(&self, source: PartSource) -> Result<usize> {
        self.execute("DELETE FROM template_parts WHERE source = ?1", &[text(source)])
    }

    /// Deletes templates and parts of all models but this one; returns how many templates there were.
    ///
    /// # Errors
    /// The database fails.
    pub fn delete_other_models(&self, model: Digest) -> Result<usize> {
        self.execute("DELETE FROM template_parts WHERE model <> ?1", &[text(model)])?;
        self.execute("DELETE FROM templates WHERE model <> ?1", &[text(model)])
    }

    /// Records that two payers look alike, both ways. Since when it is known stays.
    ///
    /// # Errors
    /// The database fails.
    pub fn put_look_alike(&self, row: &LookAlikeRow) -> Result<()> {
        for (payer, other) in [(row.payer, row.other), (row.other, row.payer)] {
            self.execute_one(
                "INSERT INTO look_alikes (payer_id, other_id, score, kind, found_at) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (payer_id, other_id) DO UPDATE SET score = excluded.score, kind = excluded.kind",
                &[text(payer), text(other), row.score.into(), row.kind.name().into(), row.found_at.into()],
            )?;
        }
        Ok(())
    }

    /// Takes back that two payers look alike, both ways.
    ///
    /// # Errors
    /// The database fails.
    pub fn delete_look_alike(&self, one: PayerId, other: PayerId) -> Result<()> {
        self.execute(
            "DELETE FROM look_alikes WHERE (payer_id = ?1 AND other_id = ?2) OR (payer_id = ?2 AND other_id = ?1)",
            &[text(one), text(other)],
        )?;
        Ok(())
    }

    /// Who looks like this payer.
    ///
    /// # Errors
    /// The database fails.
    pub fn look_alikes_of(&self, payer: PayerId) -> Result<Vec<LookAlikeRow>> {
        let sql = "SELECT * FROM look_alikes WHERE payer_id = ?1 ORDER BY other_id";
        self.all(sql, &[text(payer)], read_look_alike)
    }

    /// Pairs of one kind, each once, the latest found first.
    ///
    /// # Errors
    /// The database fails.
    pub fn look_alikes(&self, kind: LookAlikeKind, limit: u32) -> Result<Vec<LookAlikeRow>> {
        let sql = "SELECT * FROM look_alikes WHERE kind = ?1 AND payer_id < other_id
                   ORDER BY found_at DESC, payer_id, other_id LIMIT ?2";
        self.all(sql, &[kind.name().into(), limit.into()], read_look_alike)
    }

    /// Has this payer a recorded look-alike?
    ///
    /// # Errors
    /// The database fails.
    pub fn has_look_alike(&self, payer: PayerId) -> Result<bool> {
        Ok(self.number("SELECT count(*) AS n FROM look_alikes WHERE payer_id = ?1", &[text(payer)])? != 0)
    }
}

pub(crate) fn read_template(row: &Row<'_>) -> Result<TemplateRow> {
    Ok(TemplateRow {
        payer: row.parse("payer_id")?,
        template_sealed: row.blob("template_sealed")?,
        pictures: row.count("pictures")?,
        model: row.parse("model")?,
        created_at: row.time("created_at")?,
        face_key: row.wrapped_key("key_wrapped", "generation")?,
        contact_sealed: row.blob("contact_sealed")?,
        contact_key: row.wrapped_key("contact_key", "contact_generation")?,
        face: FaceState::parse(&row.string("face")?)?,
        home_city: row.string("home_city")?,
        home: row.point("home_latitude", "home_longitude")?,
    })
}

fn read_part(row: &Row<'_>) -> Result<PartRow> {
    Ok(PartRow {
        payer: row.parse("payer_id")?,
        source: row.parse("source")?,
        position: row.count("position")?,
        model: row.parse("model")?,
        weight: row.real("weight")?,
        template_sealed: row.blob("template_sealed")?,
        created_at: row.time("created_at")?,
    })
}

fn read_look_alike(row: &Row<'_>) -> Result<LookAlikeRow> {
    Ok(LookAlikeRow {
        payer: row.parse("payer_id")?,
        other: row.parse("other_id")?,
        score: row.real("score")?,
        kind: LookAlikeKind::parse(&row.string("kind")?)?,
        found_at: row.time("found_at")?,
    })
}
