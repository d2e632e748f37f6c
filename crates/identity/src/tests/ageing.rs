//! A template that is renewed stays near the face that was enrolled.

use proptest::prelude::*;
use types::{Probability, Template};

use crate::Ageing;

const DIMENSION: usize = 16;

fn ageing(captures_max: u32) -> Ageing {
    Ageing { fmr_max: Probability::new(1e-6).unwrap(), captures_max }
}

fn template() -> impl Strategy<Value = Template> {
    proptest::collection::vec(-1.0_f32..1.0, DIMENSION)
        .prop_filter_map("no direction", |values| Template::normalised(values).ok())
}

/// A face at this similarity to `from`, on the way to `to`: what an impostor would like to be admitted.
fn towards(from: &Template, to: &Template, similarity: f64) -> Option<Template> {
    let along = from.similarity(to).value();
    let away: Vec<f64> =
        to.values().iter().zip(from.values()).map(|(t, f)| f64::from(*t) - along * f64::from(*f)).collect();
    let length = away.iter().map(|v| v * v).sum::<f64>().sqrt();
    if length < 1e-3 {
        return None;
    }
    let sine = (1.0 - similarity * similarity).sqrt();
    let mix = |f: &f32, a: &f64| {
        #[expect(clippy::cast_possible_truncation, reason = "templates are 32-bit floats")]
        let mixed = f64::from(*f).mul_add(similarity, a / length * sine) as f32;
        mixed
    };
    let mixed = from.values().iter().zip(&away).map(|(f, a)| mix(f, a));
    Template::normalised(mixed.collect()).ok()
}

proptest! {
    #[test]
    fn no_impostor_walks_a_template_over(
        enrolled in template(), impostor in template(), bound in 0.3..0.95_f64, visits in 1_u32..40,
    ) {
        let rule = ageing(visits.min(5));
        let parts = [(&enrolled, 1.0)];
        // Each time as far towards the impostor as the bound admits, from the enrolled face and from the renewed one.
        let mut live = enrolled.clone();
        let mut kept: Vec<Template> = Vec::new();
        for _ in 0..visits {
            let reach = [&live, &enrolled].map(|from| towards(from, &impostor, bound));
            let Some(next) = reach.into_iter().flatten().find(|t| t.similarity(&enrolled).value() >= bound - 1e-6) else { break };
            kept.push(next);
            let newest = kept.len().saturating_sub(rule.captures_max as usize);
            kept.drain(..newest);
            let captures: Vec<&Template> = kept.iter().collect();
            live = rule.renewed(&parts, &captures).unwrap();
            prop_assert!(live.similarity(&enrolled).value() >= bound - 1e-5);
            // Half the weight: never further than half way.
            prop_assert!(live.similarity(&enrolled).value() >= 0.5_f64.mul_add(bound, 1.0) / (0.25 + 1.0 + bound).sqrt() - 1e-4);
        }
    }

    #[test]
    fn renewing_brings_a_template_nearer_to_the_changed_face(enrolled in template(), other in template()) {
        let Some(older) = towards(&enrolled, &other, 0.8) else { return Ok(()) };
        let renewed = ageing(3).renewed(&[(&enrolled, 1.0)], &[&older, &older, &older]).unwrap();
        prop_assert!(renewed.similarity(&older).value() > enrolled.similarity(&older).value() + 0.05);
    }
}

#[test]
fn captures_weigh_half_as_much_as_the_enrolment_at_most() {
    let rule = ageing(3);
    assert!((rule.weight([1.0, 0.5, 1.5]) * 3.0 - 1.5).abs() < 1e-12);
    assert!(rule.renewed(&[], &[]).is_err(), "a capture alone is no template");
}
