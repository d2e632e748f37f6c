//! `surety calibrate --gallery`: strangers from everybody enrolled, without a photograph.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use engine::{CohortArea, Installation, OwnGallery, Policy, gallery_people};
use identity::fit::{Enrolled, GALLERY_PEOPLE_MIN, GalleryError, Recalibrated, recalibrate};
use identity::{Calibration, CohortModels, Provenance, ScoreModel};

use super::embedding::progress;
use super::keep;
use crate::clock;
use crate::commands::{Database, Master, read_calibration, say};

/// How a deployment recalibrates from its own gallery.
#[derive(Args)]
pub(super) struct FromGallery {
    /// Compare everybody enrolled with everybody else, instead of a folder of people: different payers are different
    /// people. How owners score is carried over from the calibration in force. No picture is opened, the templates
    /// stay in memory, and the look at them is recorded. May run while the server runs.
    #[arg(long, requires = "data", conflicts_with_all = ["people", "set", "cohorts", "half"])]
    gallery: bool,
    /// The data folder whose gallery it is.
    #[arg(long, value_name = "FOLDER", requires = "gallery")]
    data: Option<PathBuf>,
    #[command(flatten)]
    database: Database,
    #[command(flatten)]
    master: Master,
    /// The policy, if not the built-in default: each of its cohorts gets models of its own people.
    #[arg(long, value_name = "FILE", requires = "gallery")]
    policy: Option<PathBuf>,
    /// The calibration in force, which the new one builds on, if not the one that comes with Surety.
    #[arg(long, value_name = "FILE", requires = "gallery")]
    calibration: Option<PathBuf>,
    /// Compare at most so many people, drawn at random: their pairs grow with the square.
    #[arg(long, value_name = "N", requires = "gallery", default_value_t = 4_000,
          value_parser = clap::value_parser!(u32).range(400..=20_000))]
    people_max: u32,
}

impl FromGallery {
    pub(super) fn run(&self, id: &str, out: &Path) -> Result<ExitCode> {
        let folder = self.data.as_deref().context("--gallery needs --data")?;
        let base = match &self.calibration {
            Some(path) => Calibration::parse(&read_calibration(path)?)?,
            None => Installation::shipped_calibration()?,
        };
        let cohorts = self.cohorts()?;
        let people = clock::with_context(|ctx| {
            let of = OwnGallery {
                folder,
                store: &self.database.open(folder)?,
                master_keys: self.master.keys.as_deref(),
                base: &base,
                cohorts: &cohorts,
                id,
                people_max: usize::try_from(self.people_max)?,
            };
            gallery_people(&of, ctx)
        })?;
        let compared = people.everybody.len();
        say(&format!("{} people are enrolled, {compared} are compared", people.enrolled))?;
        let made = fitted(base.models(), &people.everybody, "the gallery")?;
        let mut models = Vec::new();
        for (name, people) in &people.cohorts {
            let own = base.cohorts().iter().find(|cohort| cohort.name == *name);
            let base = own.map_or(base.models(), |cohort| &cohort.models);
            let made = fitted(base, people, &format!("the cohort {name}"))?;
            models.push(CohortModels { name: name.clone(), models: made.models });
        }
        let builds_on = base.provenance().id.clone();
        let provenance = Provenance {
            id: id.to_owned(),
            embedder: base.provenance().embedder,
            set: format!("own gallery; owners as in {builds_on}"),
            people: compared as u64,
            templates: compared as u64,
            comparisons: made.comparisons,
            made_on: clock::now().to_zoned(jiff::tz::TimeZone::UTC).date(),
            command: format!("surety calibrate --gallery --data FOLDER --id {id}"),
            builds_on: Some(builds_on),
        };
        let calibration = Calibration::new(provenance, made.models)?.with_cohorts(models)?;
        keep(&calibration, out)?;
        say(&format!("{} score models in {}", calibration.models().len(), out.display()))?;
        say("start with --calibration and this file to decide by it")?;
        Ok(ExitCode::SUCCESS)
    }

    fn cohorts(&self) -> Result<Vec<CohortArea>> {
        let text = Installation::policy_text(self.policy.as_deref())?;
        Ok(Policy::parse(&text)?.cohorts)
    }
}

/// The models of a calibration with these strangers.
fn fitted(base: &[ScoreModel], people: &[Enrolled], whose: &str) -> Result<Recalibrated> {
    let bar = progress(base.len() as u64, "score models");
    let made = match recalibrate(base, people, |_| bar.inc(1)) {
        Ok(made) => made,
        Err(GalleryError::TooFewPeople { found }) => bail!(
            "{whose} has {found} people, and {GALLERY_PEOPLE_MIN} at least are needed: error rates of one in millions \
             are extrapolated from their pairs; until then keep the calibration in force and its inflation"
        ),
        Err(error @ GalleryError::Fit(_)) => {
            return Err(error).with_context(|| {
                format!("{} people of {whose} do not suffice: they are much alike, or few", people.len())
            });
        }
    };
    bar.finish_and_clear();
    for fusion in &made.carried {
        say(&format!(
            "too few people of {whose} have as many pictures for {} pictures against {} frames: the strangers of the \
             calibration in force stay, no bolder than the gallery's of fewer pictures",
            fusion.gallery_pictures, fusion.probe_frames
        ))?;
    }
    Ok(made)
}
