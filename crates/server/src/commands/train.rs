//! `surety train`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use risk::{Growth, Origin, Plan, fit};

use super::calibrate::embedding::write_whole;
use super::{history, say};
use crate::clock;

const DAY: i64 = 86_400;

/// Train the risk model on payments of which it became known whether they were right.
///
/// The last days are held out: the model is measured on them and learns nothing of them. Before them lie days of delay, in
/// which no outcome was known yet, then those by which growing ends and scores become probabilities, then those learned
/// from. Days before count only in the histories of payers and terminals. Beside the model lies its card: what it was made
/// of, what it is worth, what it must not be used for.
///
/// A CSV file has the columns `at`, `utc_offset_minutes`, `amount_minor`, `payer`, `terminal`, `merchant`, `city`,
/// `latitude`, `longitude`, `home_latitude`, `home_longitude`, `wrong` (yes, no, or empty where nobody knows) and
/// `known_at`. Times are as in RFC 3339.
#[derive(Args)]
pub(crate) struct Train {
    /// A CSV file of payments, or a folder with the Fraud Detection Handbook's stream.
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    /// The model to write; its card lies beside it, with the ending `.md`.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// What payments these are, in words; they stand in the model and on its card.
    #[arg(long, value_name = "WORDS")]
    set: String,
    /// Days to measure on, the last of the data.
    #[arg(long, value_name = "N", default_value_t = Plan::default().held_out_days, value_parser = clap::value_parser!(u32).range(1..=365))]
    held_out_days: u32,
    /// Days until an outcome is known.
    #[arg(long, value_name = "N", default_value_t = Plan::default().delay_days, value_parser = clap::value_parser!(u32).range(0..=365))]
    delay_days: u32,
    /// Days by which growing ends and scores become probabilities.
    #[arg(long, value_name = "N", default_value_t = Plan::default().validation_days, value_parser = clap::value_parser!(u32).range(1..=365))]
    validation_days: u32,
    /// Days to learn from.
    #[arg(long, value_name = "N", default_value_t = Plan::default().learned_days, value_parser = clap::value_parser!(u32).range(1..=365))]
    learned_days: u32,
    /// Forests, each with its own seed, whose mean is the model.
    #[arg(long, value_name = "N", default_value_t = Growth::default().seeds, value_parser = clap::value_parser!(u32).range(1..=32))]
    seeds: u32,
    /// Most trees of each forest.
    #[arg(long, value_name = "N", default_value_t = 150, value_parser = clap::value_parser!(u32).range(1..=2_000))]
    trees: u32,
}

impl Train {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let card = self.out.with_extension("md");
        ensure!(
            card != self.out,
            "--out names the model, and its card would lie there: use another ending than .md"
        );
        let plan = Plan {
            held_out_days: self.held_out_days,
            delay_days: self.delay_days,
            validation_days: self.validation_days,
            learned_days: self.learned_days,
            growth: Growth { seeds: self.seeds, trees: self.trees as usize, ..Growth::default() },
        };
        let past = history::read(&self.data)?;
        let last = past.last().map_or(0, |past| past.payment.at);
        let days = plan.held_out_days + plan.delay_days + plan.validation_days + plan.learned_days;
        let examples = history::examples(&past, last - i64::from(days) * DAY);
        say(&format!(
            "{} payments, {} of the days in question with a known outcome",
            past.len(),
            examples.len()
        ))?;
        let origin = Origin {
            made_on: clock::now().to_zoned(jiff::tz::TimeZone::UTC).date().to_string(),
            command: self.command(),
            data: self.set.clone(),
        };
        let model = fit(&examples, &plan, origin).context("training the risk model")?;
        write_whole(&self.out, &model.to_text())?;
        write_whole(&card, &model.card())?;
        let worth = &model.provenance().worth;
        say(&format!(
            "held out: AUC ROC {:.4}, average precision {:.4}, log-loss {:.5} beside {:.5} without any feature",
            worth.auc_roc, worth.average_precision, worth.log_loss, worth.log_loss_of_nothing
        ))?;
        say(&format!("the model in {}, its card in {}", self.out.display(), card.display()))?;
        Ok(ExitCode::SUCCESS)
    }

    /// Without names of files: they may say whose they are.
    fn command(&self) -> String {
        format!(
            "surety train --data PATH --out FILE --set WORDS --held-out-days {} --delay-days {} --validation-days {} \
             --learned-days {} --seeds {} --trees {}",
            self.held_out_days,
            self.delay_days,
            self.validation_days,
            self.learned_days,
            self.seeds,
            self.trees
        )
    }
}
