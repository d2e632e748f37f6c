//! Times exact searches: `cargo run --release -p gallery --example scan`.
#![expect(clippy::print_stdout, reason = "a table for the person who runs it")]
#![expect(clippy::expect_used, reason = "a measurement that goes wrong may stop")]

use std::num::NonZeroUsize;
use std::time::Instant;

use gallery::{Entry, Filter, Gallery, Query, Status};
use types::{PayerId, Template};

const DIMENSION: NonZeroUsize = NonZeroUsize::new(128).expect("not zero");
const PAYERS: u64 = 100_000;
const QUERIES: u64 = 200;

fn main() {
    let gallery = Gallery::new(DIMENSION);
    for number in 0..PAYERS {
        let entry = Entry {
            payer: PayerId::from_bits(u128::from(number)),
            pictures: 3,
            last_four: format!("{:04}", number % 10_000).parse().expect("four digits"),
            status: Status::Live,
            region: format!("region {}", number % 30).into(),
        };
        gallery.insert(entry, &template(number)).expect("there is room");
    }
    let last_four = "0042".parse().ok();
    for (what, filter) in [("everybody", None), ("one bucket of ten", last_four)] {
        let mut micros = Vec::new();
        for query in 0..QUERIES {
            let probe = template(query * 7 + PAYERS);
            let filter = Filter { last_four: filter, status: None };
            let from = Instant::now();
            gallery.search(&Query { probe: &probe, filter, top: 10, named: &[] }).expect("a sound query");
            micros.push(from.elapsed().as_micros());
        }
        micros.sort_unstable();
        println!(
            "{what}: {} us median, {} us at worst of {QUERIES}",
            micros[micros.len() / 2],
            micros[micros.len() - 1]
        );
    }
}

fn template(seed: u64) -> Template {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let values = (0..DIMENSION.get()).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        f32::from(u8::try_from(state >> 56).unwrap_or(0)) - 127.5
    });
    Template::normalised(values.collect()).expect("not all zero")
}
