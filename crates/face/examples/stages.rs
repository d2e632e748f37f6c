//! Median milliseconds of each stage on one thread, as JSON: `stages MODELS PICTURE...`. The counterpart of
//! `tests/golden/reference.py bench`. With `--each` as first argument it prints each picture's measurements.

use std::error::Error;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use face::{Concurrency, FaceModels, Manifest, StageTimings};
use serde_json::json;

const ROUNDS: usize = 15;

#[expect(clippy::print_stdout, reason = "printing is what this program is for")]
fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let each = arguments.first().is_some_and(|first| first == "--each");
    if each {
        arguments.remove(0);
    }
    let [folder, names @ ..] = arguments.as_slice() else {
        return Err("usage: stages [--each] MODELS PICTURE...".into());
    };
    let one = Concurrency { lanes: NonZeroUsize::MIN, wait: Duration::from_secs(60) };
    let models = FaceModels::load_with(Path::new(folder), &Manifest::embedded()?, one)?;
    let pictures = names.iter().map(std::fs::read).collect::<Result<Vec<_>, _>>()?;
    if each {
        for (name, picture) in names.iter().zip(&pictures) {
            match models.analyse(picture) {
                Ok(evidence) => println!("{name} {}", serde_json::to_string(&evidence.frame)?),
                Err(error) => println!("{name} {}", error.code()),
            }
        }
        return Ok(());
    }
    let mut spent = Vec::new();
    for round in 0..ROUNDS + 2 {
        for picture in &pictures {
            let timings = models.analyse(picture)?.timings;
            if round >= 2 {
                spent.push(timings);
            }
        }
    }
    let median = |stage: fn(&StageTimings) -> Duration| {
        let mut times: Vec<f64> = spent.iter().map(|t| stage(t).as_secs_f64() * 1000.0).collect();
        times.sort_by(f64::total_cmp);
        times.get(times.len() / 2).copied()
    };
    let medians = json!({
        "decode": median(|t| t.decode), "detect": median(|t| t.detect), "align": median(|t| t.align),
        "embed": median(|t| t.embed), "liveness": median(|t| t.liveness), "total": median(StageTimings::total),
    });
    println!("{}", json!({ "pictures": pictures.len(), "median_ms": medians }));
    Ok(())
}
