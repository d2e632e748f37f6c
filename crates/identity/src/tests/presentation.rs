use crate::eval::{Presentation, Share, presentation_difference, presentation_report};

fn capture(subject: usize, species: Option<&str>, score: Option<f64>) -> Presentation {
    Presentation { subject: format!("S{subject:02}"), species: species.map(str::to_owned), score }
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9, "{found}, not {expected}");
}

/// Twenty people with ten living captures, ten prints and ten replays each: living ones score 0.9 but for one in ten,
/// prints 0.1, three of ten replays 0.8 and the others 0.2.
fn captures() -> Vec<Presentation> {
    let mut all = Vec::new();
    for subject in 0..20 {
        for n in 0..10 {
            all.push(capture(subject, None, Some(if n == 0 { 0.4 } else { 0.9 })));
            all.push(capture(subject, Some("print"), Some(0.1)));
            all.push(capture(subject, Some("replay"), Some(if n < 3 { 0.8 } else { 0.2 })));
        }
    }
    all
}

fn around(share: Share, value: f64) {
    close(share.value, value);
    assert!(share.low <= value && value <= share.high && share.low >= 0.0 && share.high <= 1.0, "{share:?}");
}

#[test]
fn each_species_counts_by_itself_and_the_worst_counts() {
    let report = presentation_report(&captures(), &[0.3, 0.5, 0.85]).unwrap();
    let at = &report.at[1];
    assert_eq!(at.species[0].species, "print");
    around(at.species[0].apcer, 0.0);
    assert!(at.species[0].apcer.high > 0.0, "nothing seen is not nothing");
    around(at.species[1].apcer, 0.3);
    around(at.apcer_worst, 0.3);
    around(at.bpcer, 0.1);
    around(at.acer, 0.2);
    close(report.at[0].bpcer.value, 0.0);
    close(report.at[2].apcer_worst.value, 0.0);
    // A score of exactly the threshold is accepted.
    let exact = presentation_report(&captures(), &[0.9, 0.8]).unwrap();
    close(exact.at[0].bpcer.value, 0.1);
    close(exact.at[1].apcer_worst.value, 0.3);
    let [ten, twenty, hundred] = report.bpcer_at.as_slice() else { panic!("three points") };
    for at in [ten, twenty, hundred] {
        close(at.threshold, 0.9);
        around(at.bpcer, 0.1);
    }
    let equal = |name: &str| report.equal_error.iter().find(|e| e.species == name).unwrap();
    around(equal("print").rate, 0.0);
    close(equal("all").rate.value, 0.05);
    assert_eq!(report.curves["replay"].last().map(|(_, apcer, bpcer)| (*apcer, *bpcer)), Some((0.0, 1.0)));
}

#[test]
fn what_gave_no_score_is_counted_apart() {
    let mut all = captures();
    all.extend((0..20).map(|subject| capture(subject, Some("replay"), None)));
    let report = presentation_report(&all, &[0.5]).unwrap();
    let kind = |name: &str| report.answered.iter().find(|k| k.kind == name).unwrap();
    assert_eq!((kind("replay").captures, kind("replay").subjects), (220, 20));
    around(kind("replay").share, 20.0 / 220.0);
    around(kind("live").share, 0.0);
    around(report.at[0].species[1].apcer, 0.3);
    assert!(presentation_report(&[capture(1, None, Some(0.5))], &[0.5]).is_none());
    assert!(
        presentation_report(&[capture(1, None, Some(0.5)), capture(1, Some("a"), None)], &[0.5]).is_none()
    );
}

/// Captures of one person are no independent ones: few people with many captures show less than many with few.
#[test]
fn intervals_count_people() {
    let set = |people: usize, each: usize| {
        let mut all = Vec::new();
        for subject in 0..people {
            for _ in 0..each {
                // A person is always accepted or never.
                all.push(capture(subject, None, Some(if subject % 4 == 0 { 0.2 } else { 0.9 })));
                all.push(capture(subject, Some("print"), Some(0.1)));
            }
        }
        presentation_report(&all, &[0.5]).unwrap().at[0].bpcer
    };
    let (many, few) = (set(400, 1), set(20, 20));
    close(many.value, 0.25);
    close(few.value, 0.25);
    assert!(many.high - many.low < 0.1 && few.high - few.low > 0.25, "{many:?} {few:?}");
}

#[test]
fn two_scores_are_compared_on_the_same_people() {
    let first = captures();
    let better: Vec<_> = first
        .iter()
        .map(|c| Presentation { score: Some(if c.species.is_none() { 0.9 } else { 0.1 }), ..c.clone() })
        .collect();
    let gain = presentation_difference(&first, &better).unwrap();
    close(gain.value, -0.05);
    assert!(gain.high < 0.0);
    let none = presentation_difference(&first, &first).unwrap();
    close(none.value, 0.0);
    assert!(none.low <= 0.0 && none.high >= 0.0);
    let harm = presentation_difference(&better, &first).unwrap();
    assert!(harm.low > 0.0);
}
