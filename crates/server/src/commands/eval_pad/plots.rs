//! The report as pictures.

use std::collections::BTreeMap;

use anyhow::{Result, anyhow};
use identity::eval::{Presentation, PresentationReport};
use plotters::backend::SVGBackend;
use plotters::chart::ChartBuilder;
use plotters::coord::combinators::IntoLogRange;
use plotters::drawing::IntoDrawingArea;
use plotters::element::{Circle, PathElement};
use plotters::series::LineSeries;
use plotters::style::{BLACK, BLUE, Color, GREEN, IntoFont, MAGENTA, RED, RGBColor, WHITE};

const SIZE: (u32, u32) = (800, 560);
/// Rates below this are drawn here: a logarithm knows no zero.
const FLOOR: f64 = 1e-4;
const BINS: usize = 20;
const COLOURS: [RGBColor; 5] = [BLUE, RED, GREEN, MAGENTA, RGBColor(160, 120, 0)];

/// Errors against each other, both on logarithmic axes: one line a species, and the worst of all.
pub(super) fn det(report: &PresentationReport) -> Result<String> {
    let mut svg = String::new();
    paint_det(&mut svg, report).map_err(|error| anyhow!("drawing the errors: {error}"))?;
    Ok(svg)
}

fn paint_det(svg: &mut String, report: &PresentationReport) -> Result<(), Box<dyn std::error::Error>> {
    let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption("Attacks accepted against living faces refused", ("sans-serif", 20).into_font())
        .margin(16)
        .x_label_area_size(44)
        .y_label_area_size(64)
        .build_cartesian_2d((FLOOR..1.0).log_scale(), (FLOOR..1.0).log_scale())?;
    chart
        .configure_mesh()
        .x_desc("APCER")
        .y_desc("BPCER")
        .x_label_formatter(&|v| format!("{v:.0e}"))
        .y_label_formatter(&|v| format!("{v:.0e}"))
        .draw()?;
    for ((species, points), colour) in report.curves.iter().zip(COLOURS.iter().cycle().copied()) {
        let points: Vec<(f64, f64)> =
            points.iter().map(|(_, apcer, bpcer)| (apcer.max(FLOOR), bpcer.max(FLOOR))).collect();
        chart.draw_series(points.iter().map(|point| Circle::new(*point, 2, colour.filled())))?;
        chart
            .draw_series(LineSeries::new(points, &colour))?
            .label(species)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour));
    }
    chart.configure_series_labels().border_style(BLACK).background_style(WHITE).draw()?;
    area.present()?;
    Ok(())
}

/// How often which score is given, to living faces and to each species.
pub(super) fn histograms(captures: &[Presentation]) -> Result<String> {
    let mut kinds: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for capture in captures {
        kinds.entry(capture.species.as_deref().unwrap_or("live")).or_default().extend(capture.score);
    }
    let mut svg = String::new();
    paint_histograms(&mut svg, &kinds).map_err(|error| anyhow!("drawing the scores: {error}"))?;
    Ok(svg)
}

fn paint_histograms(
    svg: &mut String,
    kinds: &BTreeMap<&str, Vec<f64>>,
) -> Result<(), Box<dyn std::error::Error>> {
    let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption("Scores of living faces and of attacks", ("sans-serif", 20).into_font())
        .margin(16)
        .x_label_area_size(44)
        .y_label_area_size(64)
        .build_cartesian_2d(0.0..1.0, 0.0..1.0)?;
    chart.configure_mesh().x_desc("score, 1 is alive").y_desc("share of captures").draw()?;
    for ((kind, scores), colour) in kinds.iter().zip(COLOURS.iter().cycle().copied()) {
        let mut counts = [0.0; BINS];
        for score in scores {
            let edge = |bin: usize| (bin + 1) as f64 / BINS as f64;
            let bin = (0..BINS).find(|bin| *score < edge(*bin)).unwrap_or(BINS - 1);
            counts[bin] += 1.0 / scores.len() as f64;
        }
        // Steps, as a histogram has them.
        let edges = (0..BINS).flat_map(|bin| [bin as f64, (bin + 1) as f64].map(|x| x / BINS as f64));
        let points: Vec<(f64, f64)> =
            edges.zip(counts.into_iter().flat_map(|share| [share, share])).collect();
        chart
            .draw_series(LineSeries::new(points, &colour))?
            .label(*kind)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour));
    }
    chart.configure_series_labels().border_style(BLACK).background_style(WHITE).draw()?;
    area.present()?;
    Ok(())
}
