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
use identity::fit::{ShapePrior, SplitMix, compare, fit};
use identity::{Calibration, Fusion, Provenance, ScoreModel};
use ndarray::{Array1, Array2};
use ndarray_npy::NpzReader;
use types::{Probability, Template};

/// SHA-256 of `face_recognition_sface_2021dec.onnx`.
const EMBEDDER: &str = "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79";
const GALLERY_PICTURES_MAX: u32 = 5;
const PROBE_FRAMES_MAX: u32 = 3;
/// How often each person's pictures are shuffled into a gallery and a probe set.
const DRAWS: usize = 8;
/// No further draws of impostors beyond this many scores.
const IMPOSTORS_MAX: usize = 8_000_000;
/// Small samples borrow the tail shape of the single-picture comparisons, loosely: about as strongly as 400
/// excesses of their own would speak.
const SHAPE_SD: f64 = 0.05;
const COMMAND: &str = "cargo run --release -p identity --example calibrate -- lfw-dev-templates.npz \
                       policy/calibration/sface-lfw-dev.json";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [set, out, date] = arguments.as_slice() else { bail!("give TEMPLATES.npz OUT.json YYYY-MM-DD") };
    let people = read(set)?;
    let templates = people.iter().map(Vec::len).sum::<usize>();
    println!("{} people, {templates} templates", people.len());
    println!(
        "k m  people  pairs  genuine  median  shape (upper)    FNMR at FMR 1e-4..1e-8, best | upper band        thresholds, best | upper band         ln LR cap at"
    );
    let mut models: Vec<ScoreModel> = Vec::new();
    let mut comparisons = 0;
    for gallery_pictures in 1..=GALLERY_PICTURES_MAX {
        for probe_frames in 1..=PROBE_FRAMES_MAX {
            let fusion = Fusion { gallery_pictures, probe_frames };
            let scores = compare(&people, fusion)?;
            let shape = models.first().map(|m| ShapePrior { mean: m.impostor().shape, sd: SHAPE_SD });
            let impostor = Sample { scores: &scores.impostor, independent: scores.pairs };
            let genuine = Sample { scores: &scores.genuine, independent: scores.people };
            let model = fit(fusion, impostor, genuine, shape).with_context(|| format!("{fusion:?}"))?;
            comparisons += (scores.impostor.len() + scores.genuine.len()) as u64;
            println!("{}", row(&model));
            models.push(model);
        }
    }
    let provenance = Provenance {
        id: "sface-lfw-dev-1".to_owned(),
        embedder: EMBEDDER.parse()?,
        set: "half of Labeled Faces in the Wild by hash of the name, label faults removed, one template a picture; \
              tail shapes of all fusions but the first lean on that of single pictures"
            .to_owned(),
        people: people.len() as u64,
        templates: templates as u64,
        comparisons,
        made_on: date.parse().context("the date is YYYY-MM-DD")?,
        command: format!("{COMMAND} {date}"),
    };
    let text = write(&Calibration::new(provenance, models)?)?;
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

struct Scores {
    impostor: Vec<f64>,
    pairs: usize,
    genuine: Vec<f64>,
    people: usize,
}

/// Fuses, compares everybody with everybody, several times over.
fn compare(people: &[Vec<Template>], fusion: Fusion) -> anyhow::Result<Scores> {
    let (k, m) = (fusion.gallery_pictures as usize, fusion.probe_frames as usize);
    let mut scores = Scores { impostor: Vec::new(), pairs: 0, genuine: Vec::new(), people: 0 };
    let mut random = SplitMix(0x5EED);
    for draw in 0..DRAWS {
        let (mut gallery, mut probes) = (Vec::new(), Vec::new());
        for (person, pictures) in people.iter().enumerate() {
            let mut pictures = pictures.clone();
            random.shuffle(&mut pictures);
            if pictures.len() >= k {
                gallery.push((person, Template::fuse(&pictures[..k])?));
            }
            // From the other end, so that the two overlap only where a person has too few pictures.
            if pictures.len() >= m {
                probes.push((person, pictures.len(), Template::fuse(&pictures[pictures.len() - m..])?));
            }
        }
        let impostors_wanted = draw == 0 || scores.impostor.len() < IMPOSTORS_MAX;
        let (mut genuine, mut impostor) = (0, 0);
        for (owner, template) in &gallery {
            for (person, pictures, probe) in &probes {
                if owner == person && *pictures >= k + m {
                    scores.genuine.push(template.similarity(probe).value());
                    genuine += 1;
                } else if owner != person && impostors_wanted {
                    scores.impostor.push(template.similarity(probe).value());
                    impostor += 1;
                }
            }
        }
        if draw == 0 {
            // Two people who are both in gallery and probes met twice: one pair. The smaller set lies in the larger.
            let both = gallery.len().min(probes.len());
            scores.pairs = impostor - both * (both - 1) / 2;
            scores.people = genuine;
        }
    }
    Ok(scores)
}

/// One line per score model, so that a new calibration can be read as a difference.
fn write(calibration: &Calibration) -> anyhow::Result<String> {
    let provenance = serde_json::to_string_pretty(calibration.provenance())?.replace('\n', "\n  ");
    let models: Result<Vec<String>, serde_json::Error> =
        calibration.models().iter().map(serde_json::to_string).collect();
    let models = models?.join(",\n").replace("],[", "],\n[").replace("\"knots\":[[", "\"knots\":[\n[");
    Ok(format!("{{\n  \"version\": 1,\n  \"provenance\": {provenance},\n  \"models\": [\n{models}\n]}}\n"))
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
        "{k} {m}  {:4} {:8} {:5}  {:.3}  {:+.3} ({:+.3})  {best_fnmr} | {upper_fnmr}  {best} | {upper}  {cap:.1} {at:.2}",
        g.people, i.pairs, g.scores, g.median, i.shape, i.shape_upper
    )
}

/// Vigna's `SplitMix64`: here so that the shuffles never change with a library's version.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Fisher and Yates; the bias of the remainder is below 1e-16 for so few pictures.
    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = usize::try_from(self.next() % (last as u64 + 1)).unwrap_or(last);
            items.swap(last, other);
        }
    }
}
