use std::time::{Duration, Instant};

use super::Stop;

#[test]
fn a_stop_ends_waiting_at_once_and_for_good() {
    let stop = Stop::default();
    assert!(!stop.wait(Duration::from_millis(1)) && !stop.is_asked());
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| stop.wait(Duration::from_secs(60)));
        stop.ask();
        assert!(waiting.join().unwrap());
    });
    assert!(stop.wait(Duration::from_secs(60)) && stop.is_asked());
    assert!(begun.elapsed() < Duration::from_secs(30));
}
