//! The bound is a theorem, kernels agree, and galleries made to defeat the bound get the same answers.

use proptest::prelude::*;
use types::{PayerId, Template};

use super::{DIMENSION, Reference, apply, empty, empty_of, entry, template};
use crate::code::{Grid, Probe};
use crate::kernel::{self, Above, Isa, LINE, Panel};
use crate::{Filter, Query};

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
        kernel::gather(Isa::best(), 1, |_| &code, &made, &mut sums);
        let exact = row.similarity(&probe).value();
        prop_assert!((made.score(sums[0]) - exact).abs() <= made.bound(error), "{} {exact}", made.score(sums[0]));
        if error <= grid.ordinary {
            prop_assert!(made.bound(error) <= made.ordinary() + 1e-9);
            prop_assert!(sums[0] >= made.least_sum(exact));
        }
    }

    #[test]
    fn all_kernels_count_the_same(
        codes in proptest::collection::vec(1_u8..=255, 48 * 2 * LINE),
        probes in proptest::collection::vec(direction(100), 1..70),
        least in -400_000..400_000_i32,
    ) {
        let stride = 2 * LINE;
        let grid = Grid::new(100);
        let probes: Vec<Probe> = probes.iter().map(|probe| Probe::new(&grid, probe.values(), stride)).collect();
        let sum = |code: &[u8], probe: &Probe| -> i32 {
            code.iter().zip(probe.codes.iter()).map(|(r, p)| (i32::from(*r) - 128) * i32::from(*p)).sum()
        };
        // A different threshold for each, so that none is mixed up with another.
        let least: Vec<i32> = (0..).take(probes.len()).map(|n| least + 1_000 * n).collect();
        let expected: Vec<Vec<(u32, i32)>> = probes.iter().zip(&least).map(|(probe, least)| {
            let all = (0..).zip(codes.chunks_exact(stride)).map(|(row, code)| (row, sum(code, probe)));
            all.filter(|(_, sum)| sum >= least).collect()
        }).collect();
        for isa in Isa::all() {
            let mut found: Vec<Above> = probes.iter().map(|_| Above::new(48)).collect();
            for ((probe, least), found) in probes.iter().zip(&least).zip(&mut found) {
                kernel::scan(isa, &codes, probe, *least, found);
            }
            let listed = |found: &[Above]| found.iter().map(|f| f.iter().collect::<Vec<_>>()).collect::<Vec<_>>();
            prop_assert_eq!(&listed(&found), &expected, "{:?}", isa);
            found.iter_mut().for_each(Above::clear);
            Panel::new(probes.iter().collect()).scan(isa, &codes, &least, &mut found);
            prop_assert_eq!(&listed(&found), &expected, "{:?}", isa);
            for count in [1, 3, 4, 7] {
                let mut sums = Vec::new();
                kernel::gather(isa, count, |n| &codes[(47 - n) * stride..(48 - n) * stride], &probes[0], &mut sums);
                let expected: Vec<i32> =
                    codes.chunks_exact(stride).rev().take(count).map(|code| sum(code, &probes[0])).collect();
                prop_assert_eq!(sums, expected, "{:?}", isa);
            }
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
