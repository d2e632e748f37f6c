//! The templates of a deployment's own gallery, for a calibration of its own: strangers come free, since different
//! payers are different people. Only templates are opened, never a photograph, and only in memory; that it was done is
//! recorded before it is.

use std::path::Path;

use anyhow::{Result, ensure};
use identity::Calibration;
use identity::fit::{Enrolled, SplitMix};
use risk::CohortArea;
use serde_json::json;
use store::{Store, TemplateRow, Tx};
use types::Template;

use crate::cohorts::first_holding;
use crate::engine::{Context, record, region, template_label};
use crate::keys::{KeyOf, Keys, Source};

/// Whose templates, and what for.
pub struct OwnGallery<'a> {
    /// The data folder.
    pub folder: &'a Path,
    /// The database.
    pub store: &'a Store,
    /// The generations of the master key, as for a start.
    pub master_keys: Option<&'a str>,
    /// The calibration that is built on: its embedding model made the templates.
    pub base: &'a Calibration,
    /// The policy's cohorts.
    pub cohorts: &'a [CohortArea],
    /// The new calibration's id.
    pub id: &'a str,
    /// At most so many people are drawn, of everybody and of each cohort.
    pub people_max: usize,
}

/// Who is compared.
pub struct GalleryPeople {
    /// How many are enrolled.
    pub enrolled: usize,
    /// All of them, or so many drawn at random.
    pub everybody: Vec<Enrolled>,
    /// The same for each of the policy's cohorts, by name, in the policy's order.
    pub cohorts: Vec<(String, Vec<Enrolled>)>,
}

/// Opens the templates, and records that they were opened to be compared.
///
/// # Errors
/// The master key is not that of the database; all templates were made by another model than the calibration's; an
/// operating fault.
pub fn gallery_people(of: &OwnGallery<'_>, ctx: &mut Context<'_>) -> Result<GalleryPeople> {
    let source = Source::new(of.folder, of.master_keys)?;
    let masters = source.masters()?;
    let keys = Keys::open(source, &masters, of.store, ctx)?;
    let (rows, faces) =
        of.store.read(|tx| anyhow::Ok((tx.templates(of.base.provenance().embedder)?, tx.face_count()?)))?;
    ensure!(
        faces == 0 || !rows.is_empty(),
        "all {faces} templates were made by another embedding model than calibration {} is for; build on a \
         calibration of that model with --calibration",
        of.base.provenance().id
    );
    let mut homes: Vec<Vec<&TemplateRow>> = vec![Vec::new(); of.cohorts.len()];
    for row in &rows {
        if let Some(at) = first_holding(of.cohorts.iter(), &region(row.home))? {
            homes[at].push(row);
        }
    }
    let everybody = drawn(rows.iter().collect(), of.people_max);
    let homes: Vec<Vec<&TemplateRow>> =
        homes.into_iter().map(|people| drawn(people, of.people_max)).collect();
    let event = json!({
        "event": "templates_compared", "purpose": "calibration", "calibration": of.id,
        "enrolled": rows.len(), "people": everybody.len(),
    });
    of.store.write(|tx: &Tx<'_>| record(tx, ctx, "operator", &"installation", event.clone()))?;
    let open = |people: Vec<&TemplateRow>| {
        people.into_iter().map(|row| opened(&keys, row)).collect::<Result<Vec<_>>>()
    };
    let names = of.cohorts.iter().map(|area| area.name.clone());
    Ok(GalleryPeople {
        enrolled: rows.len(),
        everybody: open(everybody)?,
        cohorts: names.zip(homes).map(|(name, people)| Ok((name, open(people)?))).collect::<Result<_>>()?,
    })
}

/// At most so many, each as likely as any other; a function of the arguments.
fn drawn<T>(mut people: Vec<T>, most: usize) -> Vec<T> {
    if people.len() > most {
        SplitMix::new(0x5EED).shuffle(&mut people);
        people.truncate(most);
    }
    people
}

fn opened(keys: &Keys, row: &TemplateRow) -> Result<Enrolled> {
    let label = template_label(row.payer);
    let bytes =
        keys.open_value((KeyOf::Face(row.payer), row.face_key.as_ref()), &label, &row.template_sealed)?;
    Ok(Enrolled { template: Template::from_bytes(&bytes)?, pictures: row.pictures })
}
