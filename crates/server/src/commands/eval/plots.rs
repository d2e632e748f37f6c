//! The report as pictures.

use anyhow::{Result, anyhow};
use identity::eval::{GalleryReport, Report};
use plotters::backend::SVGBackend;
use plotters::chart::ChartBuilder;
use plotters::coord::combinators::IntoLogRange;
use plotters::drawing::IntoDrawingArea;
use plotters::element::{Circle, PathElement};
use plotters::series::LineSeries;
use plotters::style::{BLACK, BLUE, Color, IntoFont, RED, RGBColor, WHITE};

const SIZE: (u32, u32) = (800, 560);
/// Rates below this are drawn here: a logarithm knows no zero.
const FLOOR: f64 = 1e-7;

/// A line of points.
struct Curve {
    name: String,
    colour: RGBColor,
    points: Vec<(f64, f64)>,
}

/// The axes of a plot.
struct Axes {
    title: &'static str,
    x: (&'static str, f64, f64),
    y: (&'static str, f64, f64),
}

/// File names and contents.
pub(super) fn plots(report: &Report) -> Result<Vec<(&'static str, String)>> {
    let mut plots = vec![("errors.svg", errors(report)?)];
    // The largest gallery with the most pictures says most.
    let key = |g: &&GalleryReport| (g.fusion.gallery_pictures, g.fusion.probe_frames, g.search.enrolled);
    if let Some(gallery) = report.galleries.iter().max_by_key(key) {
        plots.push(("reliability.svg", reliability(gallery)?));
        plots.push(("outcomes.svg", outcomes(gallery)?));
    }
    Ok(plots)
}

fn errors(report: &Report) -> Result<String> {
    let curve = |name: &str, colour, of: fn(&(f64, f64, f64)) -> f64| Curve {
        name: name.to_owned(),
        colour,
        points: report.errors.iter().map(|e| (e.0, of(e))).collect(),
    };
    let axes =
        Axes { title: "Errors of single comparisons", x: ("threshold", -0.2, 1.0), y: ("rate", FLOOR, 1.0) };
    draw(&axes, &[curve("false matches", RED, |e| e.1), curve("false non-matches", BLUE, |e| e.2)])
}

fn reliability(gallery: &GalleryReport) -> Result<String> {
    let bins = gallery.search.reliability.iter().flat_map(|r| &r.bins);
    let points = bins.map(|b| (b.stated.max(1e-12).log10(), b.observed)).collect();
    let honest = Curve {
        name: "honest".to_owned(),
        colour: BLACK,
        points: (-70..=0)
            .map(|tenth| (f64::from(tenth) / 10.0, 10.0_f64.powf(f64::from(tenth) / 10.0)))
            .collect(),
    };
    let found = Curve { name: "found".to_owned(), colour: BLUE, points };
    let axes = Axes {
        title: "Is the certainty honest? (below the line: more cautious than need be)",
        x: ("stated probability of a wrong person, power of ten", -12.0, 0.0),
        y: ("share that was wrong", FLOOR, 1.0),
    };
    draw(&axes, &[honest, found])
}

fn outcomes(gallery: &GalleryReport) -> Result<String> {
    let curve = |name: &str, colour, of: &[identity::eval::Outcomes]| Curve {
        name: name.to_owned(),
        colour,
        points: of.iter().map(|o| (o.debited.value, o.wrong_debit.value)).collect(),
    };
    let search = &gallery.search;
    let axes = Axes {
        title: "Wrong debits against payments that go through at once",
        x: ("share of enrolled payers debited at once", 0.0, 1.0),
        y: ("share of payments that debit somebody else", FLOOR, 1.0),
    };
    // The policy's own bound comes first in its list and again in its order.
    let policy = search.policy.get(1..).unwrap_or_default();
    draw(&axes, &[curve("policy", BLUE, policy), curve("fixed threshold", RED, &search.thresholds)])
}

/// A plot with a logarithmic y axis.
fn draw(axes: &Axes, curves: &[Curve]) -> Result<String> {
    let mut svg = String::new();
    paint(&mut svg, axes, curves).map_err(|error| anyhow!("drawing \"{}\": {error}", axes.title))?;
    Ok(svg)
}

fn paint(svg: &mut String, axes: &Axes, curves: &[Curve]) -> Result<(), Box<dyn std::error::Error>> {
    let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let (x, y) = (axes.x.1..axes.x.2, (axes.y.1..axes.y.2).log_scale());
    let mut chart = ChartBuilder::on(&area)
        .caption(axes.title, ("sans-serif", 20).into_font())
        .margin(16)
        .x_label_area_size(44)
        .y_label_area_size(64)
        .build_cartesian_2d(x, y)?;
    chart
        .configure_mesh()
        .x_desc(axes.x.0)
        .y_desc(axes.y.0)
        .y_label_formatter(&|v| format!("{v:.0e}"))
        .draw()?;
    for curve in curves {
        let points: Vec<(f64, f64)> = curve.points.iter().map(|(x, y)| (*x, y.max(axes.y.1))).collect();
        let colour = curve.colour;
        chart.draw_series(points.iter().map(|point| Circle::new(*point, 2, colour.filled())))?;
        chart
            .draw_series(LineSeries::new(points, &colour))?
            .label(&curve.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour));
    }
    chart.configure_series_labels().border_style(BLACK).background_style(WHITE).draw()?;
    area.present()?;
    Ok(())
}
