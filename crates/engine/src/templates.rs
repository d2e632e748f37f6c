//! What a payer's template is made of: one part for each picture of the enrolment, and captures of payments that the
//! payer confirmed. The fused template that is searched is their weighted mean, one for each embedding model.
//!
//! Invariant: parts exist only under a consent in force, sealed under the key of the payer's face, and go with it.

use evidence::{DataKey, WrappedKey};
use face::FaceEvidence;
use store::{PartRow, PartSource, TemplateRow, Tx};
use types::{Digest, EnrolmentId, PayerId, Template};

use crate::engine::{Context, Engine, entry};
use crate::keys::KeyOf;
use crate::rejected::{Error, Rejected};

/// What each picture of an enrolment weighs. Weighing them by sharpness or size was measured not to help: what a picture
/// would lose by is refused before, and another light or angle is worth more than a sharp picture (decision 14;
/// `cargo run --release -p face --example fusion`).
const PICTURE: f64 = 1.0;

/// One of the templates that a fused template is the weighted mean of.
#[derive(Clone)]
pub(crate) struct Part {
    pub(crate) source: PartSource,
    pub(crate) position: u32,
    pub(crate) model: Digest,
    pub(crate) weight: f64,
    pub(crate) template: Template,
}

impl Part {
    /// The part that a picture gave.
    pub(crate) fn of(source: PartSource, position: usize, seen: &FaceEvidence) -> anyhow::Result<Self> {
        Ok(Self {
            source,
            position: u32::try_from(position)?,
            model: seen.frame.model,
            weight: PICTURE,
            template: seen.template.clone(),
        })
    }

    pub(crate) fn sealed(&self, ctx: &mut Context<'_>, payer: PayerId, key: &DataKey) -> PartRow {
        let Self { source, position, model, weight, template } = self;
        let (source, position, model, weight) = (*source, *position, *model, *weight);
        let template_sealed =
            key.seal(&part_label(source, position, model), &template.to_bytes(), ctx.random);
        PartRow { payer, source, position, model, weight, template_sealed, created_at: ctx.now }
    }
}

/// The weighted mean of the parts of one model; none without any.
pub(crate) fn fused(parts: &[Part], model: Digest) -> anyhow::Result<Option<Template>> {
    let mut of_model = parts.iter().filter(|part| part.model == model).peekable();
    if of_model.peek().is_none() {
        return Ok(None);
    }
    Ok(Some(Template::fuse_weighted(of_model.map(|part| (&part.template, part.weight)))?))
}

fn part_label(source: PartSource, position: u32, model: Digest) -> String {
    format!("template part {source} {position} {model}")
}

/// What a picture somebody enrolled with is bound to.
pub(crate) fn picture_label(enrolment: EnrolmentId, index: usize) -> String {
    format!("enrolment picture {enrolment} {index}")
}

impl Engine {
    /// Every part of a payer's templates, waiting ones included. The caller has locked the payer, or only reads.
    pub(crate) fn parts(&self, tx: &Tx<'_>, payer: PayerId) -> Result<Vec<Part>, Error> {
        let key = tx.face_key(payer)?;
        let open = |row: PartRow| {
            let PartRow { payer, source, position, model, weight, template_sealed, created_at: _ } = row;
            let label = part_label(source, position, model);
            let bytes = self.keys.open_value((KeyOf::Face(payer), key.as_ref()), &label, &template_sealed)?;
            let template = Template::from_bytes(&bytes)?;
            Ok::<_, anyhow::Error>(Part { source, position, model, weight, template })
        };
        let rows = tx.parts(payer)?;
        Ok(rows.into_iter().map(open).collect::<anyhow::Result<_>>()?)
    }

    /// Opens a stored template and puts it into the gallery, or replaces what was there. Whether it was erased meanwhile is
    /// the caller's question: [`Engine::readmit`] asks it.
    pub(crate) fn admit(&self, row: &TemplateRow) -> Result<Template, Error> {
        let template = self.open_template(row.payer, row.face_key.as_ref(), &row.template_sealed)?;
        let contact = self.open_contact(row.payer, row.contact_key.as_ref(), &row.contact_sealed)?;
        let entry = entry(row.payer, row.pictures, (&contact.phone, row.home), row.face);
        self.gallery.insert(entry, &template)?;
        Ok(template)
    }

    /// Brings what the gallery knows of a payer up to date with the database. Whether the payer is in it now.
    pub(crate) fn readmit(&self, payer: PayerId) -> Result<bool, Error> {
        let read = || self.store.read(|tx| tx.template(payer, self.faces.model_id()).map_err(Error::from));
        let Some(row) = read()? else {
            self.gallery.remove(payer)?;
            return Ok(false);
        };
        self.admit(&row)?;
        self.write_missing_rows()?;
        // Erased between reading and inserting: whoever erased it found nothing in memory.
        if read()?.is_none() {
            self.gallery.remove(payer)?;
            return Ok(false);
        }
        Ok(true)
    }

    /// The key of a face that has one.
    pub(crate) fn known_face_key(
        &self,
        payer: PayerId,
        wrapped: Option<&WrappedKey>,
    ) -> Result<DataKey, Error> {
        let wrapped = wrapped.ok_or(Rejected::payer())?;
        Ok(self.keys.unwrapped(KeyOf::Face(payer), wrapped)?)
    }

    /// Deletes the pictures of enrolments that are over. A failure is made good by the daily sweep.
    pub(crate) fn discard_pictures(&self, enrolments: &[EnrolmentId]) {
        for enrolment in enrolments {
            if let Err(error) = self.objects.discard(*enrolment, *crate::engine::FRAMES_ENROL.end()) {
                tracing::error!(
                    error = format!("{error:#}"),
                    "the pictures of an old enrolment are still there"
                );
            }
        }
    }
}
