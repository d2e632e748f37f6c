//! From payments of which it became known whether they were right, to a model.

use std::ops::Range;

use boosting::{Forest, Platt, Ranking, Settings, Table, TableError, log_loss, train};

use super::{Band, Growth, Period, Provenance, RiskModel, Worth, raw};
use crate::features::{CATALOGUE, Seconds};

const DAY: Seconds = 86_400;
/// Fewer wrong payments in a part say nothing.
const WRONG_MIN: usize = 10;
/// Payments of either kind whose contributions are looked at for the most important features.
const LOOKED_AT: usize = 100;
/// Where bands of probabilities end.
const BANDS: [f64; 8] = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 0.6, 1.0];

/// A payment of which the outcome is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// When it was paid.
    pub at: Seconds,
    /// Its features, as they were before it.
    pub row: Vec<f32>,
    /// It was wrong.
    pub wrong: bool,
}

/// How the days are parted, from the last back: held out, waited, validated, learned from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// Days to measure on.
    pub held_out_days: u32,
    /// Days in which outcomes are not known yet.
    pub delay_days: u32,
    /// Days by which growing ends and scores become probabilities.
    pub validation_days: u32,
    /// Days to learn from.
    pub learned_days: u32,
    /// How to grow.
    pub growth: Growth,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            held_out_days: 7,
            delay_days: 7,
            validation_days: 7,
            learned_days: 14,
            growth: Growth::default(),
        }
    }
}

/// What the model's file says of how it came about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The day, in UTC.
    pub made_on: String,
    /// The command.
    pub command: String,
    /// Which payments, in words.
    pub data: String,
}

/// There is no model in these payments.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FitError {
    /// Nothing can be learned from a part, or nothing shown by it.
    #[error(
        "the {part} payments are {payments}, {wrong} of them wrong; at least {WRONG_MIN} of either kind are needed: bring \
         more days, or part them otherwise"
    )]
    TooFew {
        /// Which part.
        part: Part,
        /// Payments in it.
        payments: usize,
        /// Wrong ones among them.
        wrong: usize,
    },
    /// Rows or settings do not fit.
    #[error("the payments cannot be learned from: {0}")]
    Table(#[from] TableError),
    /// Nothing that was learned held for the validation payments.
    #[error(
        "what was learned does not hold for the validation payments: there is no pattern, or it changes too fast"
    )]
    NoPattern,
}

/// A part of the payments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Learned from.
    Learned,
    /// Growing ended by them.
    Validation,
    /// Measured on.
    HeldOut,
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Learned => "learned",
            Self::Validation => "validation",
            Self::HeldOut => "held-out",
        })
    }
}

/// Learns a model: grows each seed's forest until the validation payments are told no better, calibrates their mean on
/// the same payments, and measures it on the held-out ones, which come last and were used for nothing.
///
/// # Errors
/// [`FitError`]: too few payments of either kind, settings that make no sense, or nothing that could be learned.
pub fn fit(examples: &[Example], plan: &Plan, origin: Origin) -> Result<RiskModel, FitError> {
    let [learned, validation, held_out] = parts(examples, plan)?;
    let (table, labels) = table(&learned.0)?;
    let (apart, truth) = self::table(&validation.0)?;
    let mut forests = Vec::new();
    for seed in 0..plan.growth.seeds.max(1) {
        let settings = settings(&plan.growth, seed);
        forests.push(train((&table, &labels), Some((&apart, &truth)), &settings)?.forest);
    }
    let calibration = Platt::fit(&scored(&forests, &validation.0)).ok_or(FitError::NoPattern)?;
    let worth = worth((&forests, calibration), &held_out.0, learned.1);
    let provenance = Provenance {
        made_on: origin.made_on,
        command: origin.command,
        data: origin.data,
        delay_days: plan.delay_days,
        learned: learned.1,
        validation: validation.1,
        held_out: held_out.1,
        growth: plan.growth,
        trees: forests.iter().map(Forest::trees).collect(),
        worth,
        important: Vec::new(),
    };
    let mut model = RiskModel { provenance, calibration, forests };
    model.provenance.important = important(&model, &held_out.0);
    Ok(model)
}

/// The settings of one seed's forest.
fn settings(growth: &Growth, seed: u32) -> Settings {
    let Growth { seeds: _, trees, depth, learning_rate, cover_min, row_share, column_share, patience } =
        *growth;
    Settings {
        trees,
        depth,
        learning_rate,
        cover_min,
        row_share,
        column_share,
        patience,
        seed: u64::from(seed),
        ..Settings::default()
    }
}

type Chosen<'a> = (Vec<&'a Example>, Period);

fn parts<'a>(examples: &'a [Example], plan: &Plan) -> Result<[Chosen<'a>; 3], FitError> {
    let last = examples.iter().map(|example| example.at).max().unwrap_or_default();
    let end = last.saturating_add(1);
    let before = |end: Seconds, days: u32| end.saturating_sub(i64::from(days) * DAY);
    let held_out = before(end, plan.held_out_days);
    let waited = before(held_out, plan.delay_days);
    let validation = before(waited, plan.validation_days);
    let learned = before(validation, plan.learned_days);
    Ok([
        chosen(examples, learned..validation, Part::Learned)?,
        chosen(examples, validation..waited, Part::Validation)?,
        chosen(examples, held_out..end, Part::HeldOut)?,
    ])
}

fn chosen(examples: &[Example], days: Range<Seconds>, part: Part) -> Result<Chosen<'_>, FitError> {
    let some: Vec<&Example> = examples.iter().filter(|example| days.contains(&example.at)).collect();
    let (payments, wrong) = (some.len(), some.iter().filter(|example| example.wrong).count());
    if wrong < WRONG_MIN || payments - wrong < WRONG_MIN {
        return Err(FitError::TooFew { part, payments, wrong });
    }
    Ok((some, Period { from: days.start, until: days.end, payments, wrong }))
}

fn table(examples: &[&Example]) -> Result<(Table, Vec<bool>), TableError> {
    let mut table = Table::new(CATALOGUE.len());
    for example in examples {
        table.push(&example.row)?;
    }
    Ok((table, examples.iter().map(|example| example.wrong).collect()))
}

fn scored(forests: &[Forest], examples: &[&Example]) -> Vec<(f64, bool)> {
    examples.iter().map(|example| (raw(forests, &example.row), example.wrong)).collect()
}

fn worth((forests, calibration): (&[Forest], Platt), held_out: &[&Example], learned: Period) -> Worth {
    let scored = scored(forests, held_out);
    let odds: Vec<f64> = scored.iter().map(|(score, _)| calibration.log_odds(*score)).collect();
    let labels: Vec<bool> = scored.iter().map(|(_, wrong)| *wrong).collect();
    let share = (learned.wrong as f64 / (learned.payments - learned.wrong) as f64).ln();
    let ranking = Ranking::of(&scored).expect("both kinds were counted");
    let mut from = 0.0;
    let bands = BANDS.map(|until| {
        let within = |score: f64| (from..until).contains(&calibration.probability(score));
        let those: Vec<&(f64, bool)> = scored.iter().filter(|(score, _)| within(*score)).collect();
        let said: f64 = those.iter().map(|(score, _)| calibration.probability(*score)).sum();
        let band = Band {
            from,
            until,
            said: said / those.len().max(1) as f64,
            payments: those.len(),
            wrong: those.iter().filter(|(_, wrong)| *wrong).count(),
        };
        from = until;
        band
    });
    Worth {
        auc_roc: ranking.auc_roc,
        average_precision: ranking.average_precision,
        log_loss: log_loss(&odds, &labels),
        log_loss_of_nothing: log_loss(&vec![share; labels.len()], &labels),
        bands: bands.to_vec(),
    }
}

/// By the mean contribution, either way, over as many wrong payments as right ones, evenly spread over the days.
fn important(model: &RiskModel, held_out: &[&Example]) -> Vec<(String, f64)> {
    const MOST: usize = 10;
    let mut sums = vec![0.0; CATALOGUE.len()];
    let mut looked_at = 0;
    for kind in [false, true] {
        let those: Vec<&&Example> = held_out.iter().filter(|example| example.wrong == kind).collect();
        for example in those.iter().step_by(those.len().div_ceil(LOOKED_AT).max(1)) {
            looked_at += 1;
            for contribution in model.explain(&example.row).contributions {
                let place = CATALOGUE.iter().position(|feature| feature == contribution.feature);
                sums[place.expect("it comes from the catalogue")] += contribution.log_odds.abs();
            }
        }
    }
    let means = CATALOGUE.iter().zip(sums);
    let mut means: Vec<(String, f64)> =
        means.map(|(feature, sum)| (feature.name.to_owned(), sum / f64::from(looked_at))).collect();
    means.sort_by(|a, b| b.1.total_cmp(&a.1));
    means.truncate(MOST);
    means
}
