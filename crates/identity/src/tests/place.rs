use proptest::prelude::*;

use crate::{Crowd, DeviceSighting, PlaceModel, Trace, Visits};

/// A city of three: 33,337 payers at home here, 66,673 far away, and a few with traces of their own.
fn city(model: &PlaceModel, familiar: &[Trace]) -> (Crowd, Trace, Trace) {
    let local = Trace { home_km: Some(5.0), ..Trace::default() };
    let far = Trace { home_km: Some(1_300.0), ..Trace::default() };
    let mut crowd = Crowd::default();
    crowd.add(model, 33_337, &local);
    crowd.add(model, 66_673, &far);
    for trace in familiar {
        crowd.add(model, 1, trace);
    }
    (crowd, local, far)
}

fn habit(terminal: u32) -> Trace {
    Trace { home_km: Some(5.0), visits: Visits { terminal, merchant: 0, city: 0 }, ..Trace::default() }
}

fn seen(distance_km: f64, minutes_ago: f64) -> Trace {
    Trace {
        device: Some(DeviceSighting { distance_km, minutes_ago }),
        home_km: Some(5.0),
        ..Trace::default()
    }
}

#[test]
fn habit_and_a_device_at_hand_raise_the_prior_and_distance_lowers_it() {
    let model = PlaceModel::default();
    let (crowd, local, far) = city(&model, &[habit(40), habit(400), seen(0.1, 2.0), seen(1_300.0, 10.0)]);
    let prior = |trace: &Trace| model.prior(&crowd, trace);
    assert!((1e-5..5e-5).contains(&prior(&local)), "{}", prior(&local));
    assert!(prior(&far) < prior(&local) / 500.0 && prior(&far) > 1e-9, "{}", prior(&far));
    // Habit helps, more of it more, up to the ceiling.
    assert!(prior(&habit(2)) > 20.0 * prior(&local), "{}", prior(&habit(2)));
    assert!(prior(&habit(2)) < prior(&habit(9)) && prior(&habit(9)) < prior(&habit(400)));
    for familiar in [habit(400), seen(0.1, 2.0)] {
        assert!((prior(&familiar) - 0.02).abs() < 1e-15, "{}", prior(&familiar));
    }
    // 1,300 km away ten minutes ago: at most a hundredth, never nothing.
    let away = prior(&seen(1_300.0, 10.0));
    assert!(away > 0.0 && away <= prior(&local) / 99.0, "{away}");
    // A device left at home in the same city changes little.
    let at_home = prior(&seen(6.0, 20.0));
    assert!((0.9..40.0).contains(&(at_home / prior(&local))), "{}", at_home / prior(&local));
}

#[test]
fn the_priors_of_everybody_sum_to_one() {
    let text = serde_json::to_string(&PlaceModel::default())
        .unwrap()
        .replace("\"prior_max\":0.02", "\"prior_max\":1");
    let model: PlaceModel = serde_json::from_str(&text).unwrap();
    let familiar = [habit(40), habit(3), seen(0.1, 2.0), seen(0.4, 30.0)];
    let (crowd, local, far) = city(&model, &familiar);
    let familiar: f64 = familiar.iter().map(|trace| model.prior(&crowd, trace)).sum();
    let everybody = familiar + 33_337.0 * model.prior(&crowd, &local) + 66_673.0 * model.prior(&crowd, &far);
    assert!((everybody - 1.0).abs() < 1e-3, "{everybody}");
}

#[test]
fn settings_are_checked() {
    let text = serde_json::to_string(&PlaceModel::default()).unwrap();
    assert_eq!(serde_json::from_str::<PlaceModel>(&text).unwrap(), PlaceModel::default());
    for (from, to) in [
        ("\"share_device\":0.25", "\"share_device\":0.65"),
        ("\"share_device\":0.25", "\"share_device\":-0.1"),
        ("\"home_scale_km\":20.0", "\"home_scale_km\":0.0"),
        ("\"device_floor\":0.01", "\"device_floor\":2.0"),
        ("\"prior_max\":0.02", "\"prior_max\":1.5"),
        ("\"device_floor\"", "\"divice_floor\""),
    ] {
        assert!(text.contains(from), "{from} in {text}");
        assert!(serde_json::from_str::<PlaceModel>(&text.replacen(from, to, 1)).is_err(), "{to}");
    }
}

proptest! {
    #[test]
    fn is_a_positive_probability_for_anything(
        home in proptest::option::of(prop_oneof![Just(f64::NAN), Just(f64::INFINITY), -10.0..20_000.0_f64]),
        distance_km in prop_oneof![Just(f64::NAN), Just(f64::INFINITY), 0.0..20_000.0_f64],
        minutes_ago in prop_oneof![Just(f64::NAN), -100.0..1e6_f64],
        terminal: u32,
        counted: bool,
    ) {
        let model = PlaceModel::default();
        let device = Some(DeviceSighting { distance_km, minutes_ago });
        let trace = Trace { home_km: home, device, visits: Visits { terminal, merchant: 0, city: terminal } };
        let mut crowd = Crowd::default();
        if counted {
            crowd.add(&model, 1, &trace);
        }
        let prior = model.prior(&crowd, &trace);
        prop_assert!(prior > 0.0 && prior <= 1.0, "{}", prior);
    }
}
