use std::thread;
use std::time::{Duration, Instant};

use engine::Rate;

use super::*;

#[test]
fn idle_keys_are_forgotten_and_many_share() {
    let table = Table::new("address", Rate { per_minute: 6_000_000, burst: 1 });
    for key in 0..300_000_u32 {
        // Charged to be remembered; some are refused where rates are shared.
        table.charge(&key).ok();
    }
    assert!(table.len() <= 101_024, "{} keys are remembered", table.len());
    let begun = Instant::now();
    while table.len() > 0 {
        assert!(begun.elapsed() < Duration::from_secs(60), "{} keys are not forgotten", table.len());
        thread::yield_now();
        table.forget_idle();
    }
}

#[test]
fn a_key_is_known_from_the_address_where_it_was_right() {
    let known = Known::default();
    known.learn(1);
    assert!(known.contains(1) && !known.contains(2));
    known.forget(1);
    assert!(!known.contains(1));
}

#[test]
fn only_routes_with_a_key_are_charged_to_it() {
    let secured = secured(&crate::http::openapi());
    let is = |method: Method, path: &str| secured.contains(&(method, path.to_owned()));
    assert!(is(Method::GET, "/v1/me") && is(Method::POST, "/v1/orders/{order_id}/reverse"));
    assert!(!is(Method::GET, "/health") && !is(Method::POST, "/v1/payers") && !is(Method::POST, "/v1/me"));
}

#[test]
fn places_are_given_back() {
    let limits = Limits::new(&Rates::default(), &crate::http::openapi());
    let one = ClientAddress("192.0.2.1".parse().unwrap());
    let other = ClientAddress("192.0.2.2".parse().unwrap());
    let places: Vec<_> = (0..AT_WORK_PER_ADDRESS_MAX).map(|_| limits.enter(one).unwrap()).collect();
    assert!(limits.enter(one).is_err());
    assert!(limits.enter(other).is_ok());
    drop(places);
    assert!(limits.enter(one).is_ok());
    assert!(limits.at_work.lock().unwrap().by_address.is_empty());
}
