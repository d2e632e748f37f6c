//! The bound is a theorem, kernels agree, and galleries made to defeat the bound get the same answers.

use std::num::NonZeroUsize;

use proptest::prelude::*;
use types::{PayerId, Template};

use super::{DIMENSION, Reference, apply, empty, empty_of, entry, template};
use crate::block::Tag;
use crate::code::{Grid, Probe};
use crate::kernel::{self, CHUNK, Isa, LINE, Panel, Stretch, TILE};
use crate::sieve::{BANDS, Band, Ruler, Sieved, Wanted};
use crate::{Filter, Gallery, Query};

/// Some chunks, the last of which is not whole.
const ROWS: usize = 2 * CHUNK + 3 * TILE;
const GROUPS: u32 = 16_000;

fn sum(code: &[u8], probe: &Probe) -> i32 {
    code.iter().zip(probe.codes.iter()).map(|(r, p)| (i32::from(*r) - 128) * i32::from(*p)).sum()
}

/// What a sieve leaves.
#[derive(Debug, PartialEq)]
struct Found {
    counters: Vec<u32>,
    high: Vec<(u32, i32)>,
}

impl Found {
    fn of(found: &Sieved) -> Self {
        Self { counters: found.counters().to_vec(), high: found.high().collect() }
    }

    fn expected(codes: &[u8], tags: &[Tag], probe: &Probe, wanted: &Wanted) -> Self {
        let sums = codes.chunks_exact(probe.codes.len()).map(|code| sum(code, probe));
        let admitted: Vec<_> =
            (0..).zip(sums).zip(tags).filter(|(_, tag)| tag.is_among(wanted.states)).collect();
        let counter = |sum, tag: &Tag| {
            tag.group() * u32::try_from(BANDS).unwrap() + u32::from(wanted.ruler.band(sum).0)
        };
        let counted = admitted.iter().filter(|((_, sum), _)| *sum >= wanted.counted);
        Self {
            counters: counted.map(|((_, sum), tag)| counter(*sum, tag)).collect(),
            high: admitted.iter().map(|(seen, _)| *seen).filter(|(_, sum)| *sum >= wanted.floor).collect(),
        }
    }
}

/// Directions of all kinds: smooth, with few large numbers, with one alone, and near one another.
fn direction(dimension: usize) -> impl Strategy<Value = Template> {
    let smooth = proptest::collection::vec(-1.0_f32..1.0, dimension);
    let spiky =
        (0..dimension, proptest::collection::vec(-1e-3_f32..1e-3, dimension)).prop_map(|(at, mut values)| {
            values[at] += 1.0;
            values
        });
    let few = proptest::collection::vec(prop_oneof![9 => Just(0.0_f32), 1 => -1.0_f32..1.0], dimension);
    let tiny = proptest::collection::vec(prop_oneof![Just(1e-30_f32), Just(0.5), Just(-0.5)], dimension);
    prop_oneof![4 => smooth, 2 => spiky, 1 => few, 1 => tiny]
        .prop_filter_map("has no direction", |values| Template::normalised(values).ok())
}

fn pair() -> impl Strategy<Value = (Template, Template)> {
    (1_usize..300).prop_flat_map(|dimension| (direction(dimension), direction(dimension)))
}

proptest! {
    #[test]
    fn no_score_is_further_off_than_the_bound((row, probe) in pair()) {
        let dimension = row.values().len();
        let stride = dimension.next_multiple_of(LINE);
        let grid = Grid::new(dimension);
        let mut code = vec![0; stride];
        let error = f64::from(grid.encode(row.values(), &mut code));
        let made = Probe::new(&grid, probe.values(), stride);
        let mut sums = Vec::new();
        kernel::gather(Isa::best(), &[&code], &made, &mut sums);
        let exact = row.similarity(&probe).value();
        prop_assert!((made.score(sums[0]) - exact).abs() <= made.bound(error), "{} {exact}", made.score(sums[0]));
        if error <= grid.ordinary {
            prop_assert!(made.bound(error) <= made.ordinary() + 1e-9);
            prop_assert!(sums[0] >= made.least_sum(exact));
        }
    }

    #[test]
    fn all_kernels_count_the_same(
        codes in proptest::collection::vec(1_u8..=255, ROWS * 2 * LINE),
        people in proptest::collection::vec((0..GROUPS, 0..4_u8), ROWS),
        rows in (1..=ROWS / TILE).prop_map(|tiles| tiles * TILE),
        probes in proptest::collection::vec(direction(100), 1..70),
        (floor, states) in (-400_000..400_000_i32, 0..8_u8),
    ) {
        let stride = 2 * LINE;
        let grid = Grid::new(100);
        let probes: Vec<Probe> = probes.iter().map(|probe| Probe::new(&grid, probe.values(), stride)).collect();
        let tags: Vec<Tag> = people.iter().map(|(group, state)| Tag::of_number(*group, *state)).collect();
        let (codes, tags) = (&codes[..rows * stride], &tags[..rows]);
        // Different ones for each probe, so that none is mixed up with another.
        let wanted: Vec<Wanted> = (0..).zip(&probes).map(|(n, probe)| Wanted {
            ruler: Ruler::new(probe.score(1), probe.ordinary()),
            counted: floor / 2 - 500 * n,
            floor: floor + 1_000 * n,
            states: states << 1 ^ if n == 3 { 0b110 } else { 0 },
        }).collect();
        let expected: Vec<Found> = probes.iter().zip(&wanted).map(|(p, w)| Found::expected(codes, tags, p, w)).collect();
        for isa in Isa::all() {
            let mut found: Vec<Sieved> = probes.iter().map(|_| Sieved::new(rows)).collect();
            for ((probe, wanted), found) in probes.iter().zip(&wanted).zip(&mut found) {
                kernel::scan(isa, Stretch { codes, tags }, probe, wanted, found);
            }
            prop_assert_eq!(&found.iter().map(Found::of).collect::<Vec<_>>(), &expected, "{:?}", isa);
            found.iter_mut().for_each(Sieved::clear);
            Panel::new(probes.iter().collect()).scan(isa, Stretch { codes, tags }, &wanted, &mut found);
            prop_assert_eq!(&found.iter().map(Found::of).collect::<Vec<_>>(), &expected, "{:?}", isa);
        }
    }

    /// Runs of all lengths, of rows here and there.
    #[test]
    fn rows_that_lie_anywhere_are_seen_as_in_a_scan(
        codes in proptest::collection::vec(1_u8..=255, ROWS * 2 * LINE),
        runs in proptest::collection::vec((0..ROWS - 40, 1..40_usize), 1..40),
        probe in direction(128),
        (floor, states) in (-400_000..400_000_i32, 0..8_u8),
    ) {
        let stride = 2 * LINE;
        let probe = Probe::new(&Grid::new(128), probe.values(), stride);
        let parts: Vec<&[u8]> = runs.iter().map(|(from, many)| &codes[from * stride..][..many * stride]).collect();
        let rows: Vec<u8> = parts.concat();
        let tags: Vec<Tag> = (0..rows.len() / stride)
            .map(|row| Tag::of_number(u32::try_from(row).unwrap() * 7 % GROUPS, [1, 1, 2, 3, 0][row % 5]))
            .collect();
        let ruler = Ruler::new(probe.score(1), probe.ordinary());
        let wanted = Wanted { ruler, counted: i32::MIN, floor, states: states << 1 };
        let expected = Found::expected(&rows, &tags, &probe, &wanted);
        for isa in Isa::all() {
            let mut sums = Vec::new();
            kernel::gather(isa, &parts, &probe, &mut sums);
            prop_assert_eq!(&sums, &rows.chunks_exact(stride).map(|code| sum(code, &probe)).collect::<Vec<_>>());
            let mut found = Sieved::new(tags.len());
            kernel::sieve(isa, &sums, &tags, &wanted, &mut found);
            prop_assert_eq!(&Found::of(&found), &expected, "{:?}", isa);
        }
    }

    /// Whoever is not counted is in the first band, and no band ends below a score.
    #[test]
    fn bands_are_upper_bounds_and_what_is_not_counted_is_in_the_first(
        (row, probe) in pair(),
        sums in proptest::collection::vec(-2_100_000..2_100_000_i32, 20),
    ) {
        let (grid, stride) = (Grid::new(row.values().len()), row.values().len().next_multiple_of(LINE));
        let probe = Probe::new(&grid, probe.values(), stride);
        let ruler = Ruler::new(probe.score(1), probe.ordinary());
        let second = probe.least_sum(Ruler::SECOND);
        for sum in sums.into_iter().chain([0, 1, 2, 100].map(|less| second.saturating_sub(less))) {
            let upper = probe.score(sum) + probe.ordinary();
            let band = ruler.band(sum);
            prop_assert!(band == Band::of(2.0) || band.upper_end() >= upper, "{band:?} {upper}");
            prop_assert!(sum >= second || band == Band::of(0.0), "{band:?} {sum} {second}");
            prop_assert!(band == Band::of(0.0) || band.upper_end() < upper + 0.0201, "{band:?} {upper}");
        }
    }

    #[test]
    fn galleries_of_all_kinds_are_searched_exactly(
        rows in proptest::collection::vec(direction(40), 1..200),
        probe in direction(40),
        top in 0..20_usize,
        crowded in any::<bool>(),
    ) {
        for isa in Isa::all() {
            let (gallery, mut reference) = (empty_of(40, isa), Reference::default());
            for (number, row) in (0_u64..).zip(&rows) {
                // In a crowd everybody looks nearly alike, and the bound tells nobody apart.
                let mut values = if crowded { rows[0].values().to_vec() } else { row.values().to_vec() };
                values[0] += 1e-6 * number as f32;
                let row = Template::normalised(values).unwrap();
                gallery.insert(entry(number), &row).unwrap();
                reference.0.insert(entry(number).payer, (entry(number), row));
            }
            gallery.read().unwrap().check_invariants();
            let named = [3, 9, 150].map(PayerId::from_bits);
            for probe in [&probe, &rows[0]] {
                for last_four in [None, "0003".parse().ok()] {
                    let filter = Filter { last_four, ..Filter::default() };
                    reference.check(&gallery, &Query { probe, filter, top, named: &named });
                }
            }
        }
    }
}

#[test]
fn a_batch_answers_what_each_query_alone_would() {
    let (gallery, mut reference) = (empty(), Reference::default());
    for number in 0..700 {
        apply(&gallery, &mut reference, &super::Step::Insert(number));
    }
    let probes: Vec<Template> = (0..150).map(|number| template(number * 13 + 4)).collect();
    let named = [5, 77, 4_000].map(PayerId::from_bits);
    let mut queries: Vec<Query<'_>> = (0..)
        .zip(&probes)
        .map(|(top, probe)| Query { probe, filter: Filter::default(), top: top % 9, named: &named })
        .collect();
    queries[3].filter.status = Some(crate::Status::Paused);
    let alone: Vec<_> = queries.iter().map(|query| gallery.search(query).unwrap()).collect();
    assert_eq!(gallery.search_all(&queries).unwrap(), alone);
    queries[70].filter.region = Some("east");
    queries[71].filter.last_four = "0002".parse().ok();
    let alone: Vec<_> = queries.iter().map(|query| gallery.search(query).unwrap()).collect();
    assert_eq!(gallery.search_all(&queries).unwrap(), alone);
    assert_eq!(gallery.search_all(&[]).unwrap(), []);
    let foreign = Template::normalised(vec![1.0; DIMENSION + 1]).unwrap();
    queries[149].probe = &foreign;
    assert!(gallery.search_all(&queries).is_err());
}

/// A block is searched in parts, a short one first: nobody at their edges is left out.
#[test]
fn parts_of_a_block_leave_nobody_out() {
    let gallery = Gallery::new(NonZeroUsize::new(DIMENSION).unwrap());
    let mut reference = Reference::default();
    for number in 0..6_000 {
        apply(&gallery, &mut reference, &super::Step::Insert(number));
    }
    let probes: Vec<Template> =
        [0, 1_023, 1_024, 1_025, 1_039, 4_095, 4_096, 5_119, 5_120, 5_999].map(template).into();
    let queries: Vec<Query<'_>> =
        probes.iter().map(|probe| Query { probe, filter: Filter::default(), top: 7, named: &[] }).collect();
    queries.iter().for_each(|query| reference.check(&gallery, query));
    let alone: Vec<_> = queries.iter().map(|query| gallery.search(query).unwrap()).collect();
    assert!(gallery.search_all(&queries).unwrap() == alone, "the batch answers otherwise");
}

/// A region few live in is fetched row by row, one that many live in is scanned.
#[test]
fn regions_large_and_small_are_searched_exactly() {
    let (gallery, mut reference) = (empty(), Reference::default());
    for number in 0..600 {
        let mut entry = entry(number);
        entry.region = if number % 40 == 7 { "isle" } else { "main" }.into();
        gallery.insert(entry.clone(), &template(number)).unwrap();
        reference.0.insert(entry.payer, (entry, template(number)));
    }
    let named = [7, 8, 47].map(PayerId::from_bits);
    for region in ["isle", "main", "nowhere"] {
        for status in [None, Some(crate::Status::Live)] {
            let filter = Filter { last_four: None, status, region: Some(region) };
            for number in [7, 8, 300] {
                let probe = template(number);
                reference.check(&gallery, &Query { probe: &probe, filter, top: 6, named: &named });
            }
        }
    }
}
