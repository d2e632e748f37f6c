//! Makes a calibration file from a set of templates:
//!
//! ```text
//! cargo run --release -p identity --example calibrate -- TEMPLATES.npz OUT.json 2026-11-23
//! ```
//!
//! The set is a NumPy archive with `template` (n x d, f32, unit rows) and `identity` (n, i32). It is not part of
//! the repository. The same set gives the same file, byte for byte.
#![expect(clippy::print_stdout, reason = "a table for the person who runs it")]

use std::fs::{self, File};

use anyhow::{Context, bail};
use identity::fit::fit_all;
use identity::{Calibration, Fusion, Provenance, ScoreModel};
use ndarray::{Array1, Array2};
use ndarray_npy::NpzReader;
use types::{Probability, Template};

/// SHA-256 of `face_recognition_sface_2021dec.onnx`.
const EMBEDDER: &str = "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79";
const GALLERY_PICTURES_MAX: u32 = 5;
const PROBE_FRAMES_MAX: u32 = 3;
const COMMAND: &str = "cargo run --release -p identity --example calibrate -- lfw-dev-templates.npz \
                       policy/calibration/sface-lfw-dev-2.json";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [set, out, date] = arguments.as_slice() else { bail!("give TEMPLATES.npz OUT.json YYYY-MM-DD") };
    let people = read(set)?;
    let templates = people.iter().map(Vec::len).sum::<usize>();
    println!("{} people, {templates} templates", people.len());
    println!(
        "k m  people  pairs  genuine  median  rate, scores per independent, p  shape (upper)    FNMR at FMR 1e-4..1e-8, best | upper band        thresholds, best | upper band         ln LR cap at"
    );
    let most = Fusion { gallery_pictures: GALLERY_PICTURES_MAX, probe_frames: PROBE_FRAMES_MAX };
    let fitted = fit_all(&people, most, |_| ())?;
    if let Some((fusion, error)) = fitted.refused.first() {
        bail!("{fusion:?}: {error}");
    }
    for model in &fitted.models {
        println!("{}", row(model));
    }
    let provenance = Provenance {
        id: "sface-lfw-dev-2".to_owned(),
        embedder: EMBEDDER.parse()?,
        set: "half of Labeled Faces in the Wild by hash of the name, label faults removed, one template a picture; \
              tail shapes of all fusions but the first lean on that of single pictures"
            .to_owned(),
        people: people.len() as u64,
        templates: templates as u64,
        comparisons: fitted.comparisons,
        made_on: date.parse().context("the date is YYYY-MM-DD")?,
        command: format!("{COMMAND} {date}"),
        builds_on: None,
    };
    let text = Calibration::new(provenance, fitted.models)?.to_text();
    Calibration::parse(&text).context("the file that was about to be written cannot be read")?;
    fs::write(out, text).with_context(|| format!("writing {out}"))
}

/// Templates by person.
fn read(path: &str) -> anyhow::Result<Vec<Vec<Template>>> {
    let mut archive = NpzReader::new(File::open(path).with_context(|| format!("opening {path}"))?)?;
    let rows: Array2<f32> = archive.by_name("template")?;
    let identities: Array1<i32> = archive.by_name("identity")?;
    if rows.nrows() != identities.len() {
        bail!("{} templates but {} identities", rows.nrows(), identities.len());
    }
    let mut people: Vec<Vec<Template>> = Vec::new();
    for (row, identity) in rows.rows().into_iter().zip(&identities) {
        let person = usize::try_from(*identity).context("identities count from 0")?;
        people.resize_with(people.len().max(person + 1), Vec::new);
        people[person].push(Template::normalised(row.to_vec())?);
    }
    Ok(people)
}

fn row(model: &ScoreModel) -> String {
    let Fusion { gallery_pictures: k, probe_frames: m } = model.fusion();
    let (i, g) = (model.impostor(), model.genuine());
    let rates = [1e-4, 1e-5, 1e-6, 1e-7, 1e-8].map(|p| Probability::new(p).unwrap_or(Probability::ZERO));
    let thresholds = |find: &dyn Fn(Probability) -> Option<types::Score>| {
        let found = rates.map(find);
        let show =
            |text: &dyn Fn(types::Score) -> String| found.map(|s| s.map_or("-".into(), text)).join(" ");
        (show(&|s| format!("{:.4}", model.fnmr(s).value())), show(&|s| format!("{:.3}", s.value())))
    };
    let (best_fnmr, best) = thresholds(&|p| model.threshold_estimate(p));
    let (upper_fnmr, upper) = thresholds(&|p| model.threshold(p));
    let cap = model.ln_lr_cap();
    let at = model.knots().iter().find(|knot| knot.ln_lr >= cap).map_or(1.0, |knot| knot.score);
    format!(
        "{k} {m}  {:4} {:8} {:5}  {:.3}  {:.5} {:4.1} {:.2} {:+.3} ({:+.3})  {best_fnmr} | {upper_fnmr}  {best} | {upper}  {cap:.1} {at:.2}",
        g.people,
        i.pairs,
        g.scores,
        g.median,
        i.tail_rate,
        i.resampling.map_or(0.0, |r| r.scores_per_independent),
        i.resampling.map_or(0.0, |r| r.p_value),
        i.shape,
        i.shape_upper
    )
}
