//! What can be said of the tail fit only by many simulations:
//!
//! ```text
//! cargo run --release -p identity --example tail -- table
//! cargo run --release -p identity --example tail -- coverage 300
//! ```
//!
//! `table` prints the critical values of the goodness of fit. `coverage` draws sets of comparisons whose truth is
//! known, people with something in common with everybody included, and counts how often the upper band lies below it.
#![expect(clippy::print_stdout, reason = "a table for the person who runs it")]

use anyhow::{Context, bail};
use identity::fit::{Comparison, Pareto, ShapePrior, SplitMix, Tail, anderson_darling, tail};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["table"] => {
            table();
            Ok(())
        }
        ["coverage", sets] => {
            coverage(sets.parse().context("how many sets")?);
            Ok(())
        }
        _ => bail!("say `table` or `coverage SETS`"),
    }
}

fn table() {
    const SAMPLES: usize = 100_000;
    for shape in [-0.5, -0.4, -0.3, -0.2, -0.1, 0.0] {
        let mut random = SplitMix::new(7);
        let truth = Pareto { shape, scale: 1.0 };
        let mut found: Vec<f64> = (0..SAMPLES)
            .map(|_| {
                let mut excesses: Vec<f64> = (0..500).map(|_| quantile(truth, random.uniform())).collect();
                excesses.sort_unstable_by(f64::total_cmp);
                anderson_darling(&excesses, Pareto::fit(&excesses, 500.0, None))
            })
            .collect();
        found.sort_unstable_by(f64::total_cmp);
        let at = |above: usize| found[SAMPLES - SAMPLES * above / 1_000];
        let row = [500, 250, 100, 50, 25, 10, 5, 1].map(|above| format!("{:.3}", at(above)));
        println!("({shape:.1}, [{}]),", row.join(", "));
    }
}

/// The excess that is exceeded with this probability.
fn quantile(p: Pareto, above: f64) -> f64 {
    if p.shape.abs() < 1e-9 {
        -p.scale * above.ln()
    } else {
        p.scale / p.shape * (above.powf(-p.shape) - 1.0)
    }
}

/// A population whose comparisons have a known distribution.
struct Truth {
    name: &'static str,
    /// A standard normal number to a score.
    score: fn(f64) -> f64,
    /// Share of the variance that two people bring with them.
    common: f64,
}

const TRUTHS: [Truth; 4] = [
    Truth { name: "normal, pairs independent", score: |z| 0.05 + 0.08 * z, common: 0.0 },
    Truth { name: "normal, people alike      ", score: |z| 0.05 + 0.08 * z, common: 0.3 },
    Truth { name: "exponential, independent  ", score: exponential, common: 0.0 },
    Truth { name: "exponential, people alike ", score: exponential, common: 0.3 },
];

/// An exponential tail as the shipped calibration's single pictures have it.
fn exponential(z: f64) -> f64 {
    -0.2 - 0.025 * ln_upper_normal(z)
}

fn coverage(sets: u64) {
    println!(
        "truth, people: mean shape, mean threshold rate; then, at FMR 1e-4..1e-8, how often the upper band is below the truth, and the median of band / truth"
    );
    let lean = Some(ShapePrior { mean: -0.02, sd: 0.05 });
    let free = [(350_u32, None), (700, None), (1_400, None)];
    for truth in &TRUTHS {
        for (people, prior) in [(150, lean), (350, lean)].into_iter().chain(free) {
            let fits: Vec<Tail> =
                (0..sets).filter_map(|seed| tail(draw(truth, people, seed), prior).ok()).collect();
            if fits.is_empty() {
                println!("{} {people:4}: every set is refused", truth.name);
                continue;
            }
            let mean = |of: &dyn Fn(&Tail) -> f64| fits.iter().map(of).sum::<f64>() / fits.len() as f64;
            let cells = [1e-4_f64, 1e-5, 1e-6, 1e-7, 1e-8].map(|rate| {
                let score = (truth.score)(upper_normal_quantile(rate));
                let mut over: Vec<f64> = fits.iter().map(|t| t.rate_upper(score) / rate).collect();
                over.sort_unstable_by(f64::total_cmp);
                let missed = over.iter().filter(|o| **o < 1.0).count() as f64 / over.len() as f64;
                format!("{missed:.3} x{:.2}", over[over.len() / 2])
            });
            println!(
                "{} {people:4}{}: {:3} fits {:+.3} {:.5}  {}",
                truth.name,
                prior.map_or("", |_| " leaning"),
                fits.len(),
                mean(&|t| t.facts().shape),
                mean(&|t| t.facts().tail_rate),
                cells.join("  ")
            );
        }
    }
}

/// Everybody against everybody.
fn draw(truth: &Truth, people: u32, seed: u64) -> Vec<Comparison> {
    let mut random = SplitMix::new(seed);
    let each: Vec<f64> = (0..people).map(|_| random.normal() * (truth.common / 2.0).sqrt()).collect();
    let own = (1.0 - truth.common).sqrt();
    let mut comparisons = Vec::new();
    for a in 0..people {
        for b in 0..a {
            let z = each[a as usize] + each[b as usize] + own * random.normal();
            comparisons.push(Comparison { score: (truth.score)(z), people: [a, b] });
        }
    }
    comparisons
}

/// ln of the probability that a standard normal number is larger.
fn ln_upper_normal(z: f64) -> f64 {
    use statrs::function::erf::erfc;
    (erfc(z / std::f64::consts::SQRT_2) / 2.0).ln()
}

fn upper_normal_quantile(above: f64) -> f64 {
    let (mut low, mut high) = (0.0, 10.0);
    for _ in 0..80 {
        let middle = f64::midpoint(low, high);
        if ln_upper_normal(middle) > above.ln() { low = middle } else { high = middle }
    }
    low
}
