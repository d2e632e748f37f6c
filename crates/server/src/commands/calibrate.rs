//! `surety calibrate`.

pub(crate) mod embedding;
mod gallery;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use identity::eval::Part;
use identity::fit::{Fitted, fit_all};
use identity::{Calibration, CohortModels, Fusion, Provenance};
use types::Template;

use self::embedding::{Embedding, People, progress, write_whole};
use self::gallery::FromGallery;
use super::say;
use crate::clock;

/// Make a calibration from a folder of people: what a score of the embedding model means.
///
/// The folder holds a folder for each person with that person's pictures in it, as Labeled Faces in the Wild has it.
/// The more people the better: some 400 are the least, and small error rates want thousands. Take people and
/// cameras like yours; the same threshold was measured to give eight to nine times the false matches on another
/// continent's faces.
///
/// With `--gallery` no picture is needed: everybody enrolled is compared with everybody else.
#[derive(Args)]
pub(crate) struct Calibrate {
    /// The folder of people.
    #[arg(value_name = "FOLDER", required_unless_present = "gallery")]
    people: Option<PathBuf>,
    /// The calibration file to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The calibration's name in records; never the name of another one.
    #[arg(long, value_name = "NAME")]
    id: String,
    /// What pictures these are, in words.
    #[arg(long, value_name = "WORDS", required_unless_present = "gallery")]
    set: Option<String>,
    /// A cohort with a folder of people of its own: strangers of one cohort resemble each other more. May be repeated.
    #[arg(long = "cohort", value_name = "NAME=FOLDER", value_parser = cohort)]
    cohorts: Vec<(String, PathBuf)>,
    /// Only those people whom `surety eval` does not test.
    #[arg(long)]
    half: bool,
    /// Enrolment pictures that are fused, at most.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=5))]
    pictures_max: u32,
    /// Frames of a capture that are fused, at most.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=3))]
    frames_max: u32,
    #[command(flatten)]
    embedding: Embedding,
    #[command(flatten)]
    gallery: FromGallery,
}

/// Writes a calibration that can be read again.
fn keep(calibration: &Calibration, out: &Path) -> Result<()> {
    let text = calibration.to_text();
    Calibration::parse(&text).context("the file that was about to be written cannot be read")?;
    write_whole(out, &text)
}

fn cohort(text: &str) -> Result<(String, PathBuf), String> {
    let (name, folder) = text.split_once('=').ok_or("write NAME=FOLDER")?;
    Ok((name.to_owned(), PathBuf::from(folder)))
}

impl Calibrate {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let (Some(folder), Some(set)) = (&self.people, &self.set) else {
            return self.gallery.run(&self.id, &self.out);
        };
        let people = self.chosen(self.embedding.people(folder, &self.out)?);
        people.say()?;
        let fitted = self.fit(&people)?;
        let provenance = Provenance {
            id: self.id.clone(),
            embedder: people.embedder,
            set: set.clone(),
            people: people.subjects.len() as u64,
            templates: people.files.iter().map(|files| files.len() as u64).sum(),
            comparisons: fitted.comparisons,
            made_on: clock::now().to_zoned(jiff::tz::TimeZone::UTC).date(),
            command: self.command(),
            builds_on: None,
        };
        let covered: Vec<Fusion> = fitted.models.iter().map(identity::ScoreModel::fusion).collect();
        let mut cohorts = Vec::new();
        for (name, folder) in &self.cohorts {
            let people = self.chosen(self.embedding.people(folder, &self.out)?);
            people.say()?;
            let mut models = self.fit(&people)?.models;
            models.retain(|model| covered.contains(&model.fusion()));
            cohorts.push(CohortModels { name: name.clone(), models });
        }
        let calibration = Calibration::new(provenance, fitted.models)?
            .with_cohorts(cohorts)
            .context("a cohort needs as many pictures of each person as everybody has")?;
        keep(&calibration, &self.out)?;
        say(&format!("{} score models in {}", covered.len(), self.out.display()))?;
        Ok(ExitCode::SUCCESS)
    }

    fn chosen(&self, mut people: People) -> People {
        if self.half {
            let (subjects, files) = people
                .subjects
                .into_iter()
                .zip(people.files)
                .filter(|(subject, _)| Part::of(&subject.name) == Part::Calibration)
                .unzip();
            people = People { subjects, files, ..people };
        }
        people
    }

    fn fit(&self, people: &People) -> Result<Fitted> {
        let templates: Vec<Vec<Template>> = people.subjects.iter().map(|s| s.templates.clone()).collect();
        let most = Fusion { gallery_pictures: self.pictures_max, probe_frames: self.frames_max };
        let bar = progress(u64::from(self.pictures_max * self.frames_max), "score models");
        let fitted = fit_all(&templates, most, |_| bar.inc(1))?;
        bar.finish_and_clear();
        for (fusion, error) in &fitted.refused {
            let Fusion { gallery_pictures, probe_frames } = fusion;
            say(&format!("no model of {gallery_pictures} pictures against {probe_frames} frames: {error}"))?;
        }
        ensure!(
            !fitted.models.is_empty(),
            "the pictures do not suffice for a calibration; the reasons are above"
        );
        Ok(fitted)
    }

    fn command(&self) -> String {
        let half = if self.half { " --half" } else { "" };
        let cohorts: String =
            self.cohorts.iter().map(|(name, _)| format!(" --cohort {name}=FOLDER")).collect();
        format!(
            "surety calibrate FOLDER --id {} --pictures-max {} --frames-max {}{half}{cohorts}",
            self.id, self.pictures_max, self.frames_max
        )
    }
}
