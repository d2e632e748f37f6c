//! Pictures that no record names are gone after the next start; those of a record stay.

use std::fs;
use std::time::{Duration, Instant};

use scenario::{Server, Start};
use types::{CaptureId, Timestamp};

use crate::fixture::{models, start};

/// A capture taken so many hours ago.
fn capture(hours: i64) -> CaptureId {
    #[expect(clippy::disallowed_methods, reason = "the server under test has the same clock")]
    let now = Timestamp::now();
    let milliseconds = u128::try_from(now.as_millisecond() - hours * 3_600_000).unwrap();
    CaptureId::from_bits((milliseconds << 80) | (7 << 76) | 99)
}

#[test]
fn lost_pictures_are_swept_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let how: Start = start(folder.path(), &models());
    Server::start(&how).unwrap().cut_power().unwrap();
    let file = |capture: CaptureId, name: &str| how.data.join("captures").join(format!("{capture}-{name}"));
    let [lost, young, old] = [capture(2), capture(0), capture(24 * 30)];
    for capture in [lost, young, old] {
        fs::write(file(capture, "0.sealed"), b"sealed").unwrap();
        fs::write(file(capture, "1.part"), b"sea").unwrap();
    }
    let _server = Server::start(&how).unwrap();
    let patience = Instant::now();
    while file(lost, "0.sealed").exists() || file(lost, "1.part").exists() {
        assert!(patience.elapsed() < Duration::from_secs(20), "the lost pictures are still there");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(file(young, "0.sealed").exists(), "it may still get its record");
    assert!(file(old, "0.sealed").exists(), "a person looks at those of a restored database");
}
