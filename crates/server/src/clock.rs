//! The one place that reads the clock and the operating system's randomness.

use engine::Context;
use types::Timestamp;

/// The time, to the microsecond: what the database keeps.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub(crate) fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_microsecond(now.as_microsecond())
        .expect("the clock shows a time that timestamps can hold")
}

/// Runs a use case with the time and the randomness of this moment.
#[expect(clippy::disallowed_methods, reason = "the one place that draws randomness")]
pub(crate) fn with_context<T>(work: impl FnOnce(&mut Context<'_>) -> T) -> T {
    let mut random = rand::rng();
    work(&mut Context { now: now(), random: &mut random })
}
