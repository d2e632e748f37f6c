use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;

use proptest::prelude::*;
use types::{LastFour, PayerId, Score, Template};

use crate::block::Shape;
use crate::kernel::Isa;
use crate::{
    CANDIDATES_MAX, Entry, Filter, Gallery, GalleryError, Hit, NAMED_MAX, Pages, Query, Search, Status,
};

mod live;
mod scan;
mod snapshot;

const DIMENSION: usize = 19;

/// A fixed direction for every seed; seeds that differ by 1,000 give nearly the same one.
fn template(seed: u64) -> Template {
    let wave = |x: u64, i: usize| ((x * 37 + 11) as f64 * (i as f64 + 1.3) * 0.618).sin();
    let values = (0..DIMENSION).map(|i| wave(seed % 1_000, i) + 1e-4 * wave(seed, i));
    #[expect(clippy::cast_possible_truncation, reason = "test vectors")]
    Template::normalised(values.map(|v| v as f32).collect()).unwrap()
}

fn digits(number: u64) -> LastFour {
    format!("{:04}", number % 10_000).parse().unwrap()
}

fn entry(number: u64) -> Entry {
    Entry {
        payer: PayerId::from_bits(u128::from(number)),
        pictures: u32::try_from(number % 3 + 1).unwrap(),
        last_four: digits(number % 5),
        status: if number.is_multiple_of(4) { Status::Paused } else { Status::Live },
        region: ["east", "north", "west"][usize::try_from(number % 7 / 3).unwrap()].into(),
    }
}

/// With small blocks, so that few rows fill several.
fn empty() -> Gallery {
    empty_of(DIMENSION, Isa::best())
}

fn empty_of(dimension: usize, isa: Isa) -> Gallery {
    Gallery::of_shape(Shape { rows: 32, ..Shape::new(dimension, Pages::Huge) }, isa)
}

/// What a gallery should be: everybody in a map, compared with `Template::similarity`.
#[derive(Default)]
struct Reference(BTreeMap<PayerId, (Entry, Template)>);

impl Reference {
    fn ranked(&self, probe: &Template, filter: Filter<'_>) -> Vec<Hit> {
        let admits = |e: &Entry| {
            filter.last_four.is_none_or(|d| d == e.last_four)
                && filter.status.is_none_or(|s| s == e.status)
                && filter.region.is_none_or(|r| *e.region == *r)
        };
        let mut all: Vec<Hit> = self
            .0
            .values()
            .filter(|(e, _)| admits(e))
            .map(|(e, t)| Hit {
                payer: e.payer,
                score: t.similarity(probe),
                pictures: e.pictures,
                status: e.status,
                region: Arc::clone(&e.region),
            })
            .collect();
        all.sort_by(|a, b| b.score.value().total_cmp(&a.score.value()).then(a.payer.cmp(&b.payer)));
        all
    }

    fn check(&self, gallery: &Gallery, query: &Query<'_>) {
        let found = gallery.search(query).unwrap();
        let ranked = self.ranked(query.probe, query.filter);
        let (hits, others) = ranked.split_at(query.top.min(ranked.len()));
        assert_eq!(found.hits, hits);
        assert_eq!(found.searched, ranked.len() as u64);
        let (named, unlisted): (Vec<Hit>, Vec<Hit>) =
            others.iter().cloned().partition(|hit| query.named.contains(&hit.payer));
        assert_eq!(found.named, named);
        match (others.first(), found.rest_best_score) {
            (Some(best), Some(bound)) => {
                assert!(best.score <= bound && bound.value() - best.score.value() < 1e-4);
            }
            (None, None) => {}
            mismatch => panic!("{mismatch:?}"),
        }
        check_bands(&found, &unlisted);
        check_regions(&found, &ranked);
    }
}

/// Every unlisted payer is counted in a band of the right region and pictures that bounds his score.
fn check_bands(found: &Search, unlisted: &[Hit]) {
    assert_eq!(found.unlisted.iter().map(|band| band.people).sum::<u64>(), unlisted.len() as u64);
    for band in &found.unlisted {
        let here = |hit: &&Hit| hit.region == band.region && hit.pictures == band.pictures;
        let below =
            |bound: Score| unlisted.iter().filter(here).filter(|hit| hit.score <= bound).count() as u64;
        let counted: u64 = found
            .unlisted
            .iter()
            .filter(|b| {
                b.region == band.region && b.pictures == band.pictures && b.best_score <= band.best_score
            })
            .map(|b| b.people)
            .sum();
        assert!(band.people > 0 && below(band.best_score) >= counted, "{band:?}");
    }
}

fn check_regions(found: &Search, ranked: &[Hit]) {
    for (region, people) in &found.searched_by_region {
        assert_eq!(ranked.iter().filter(|hit| hit.region == *region).count() as u64, *people);
    }
    assert_eq!(found.searched_by_region.iter().map(|(_, n)| n).sum::<u64>(), found.searched);
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u64),
    /// The same payer with another face, bucket and region.
    Replace(u64, u64),
    Remove(u64),
    SetStatus(u64, bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..60_u64).prop_map(Step::Insert),
        1 => (0..60_u64, 0..60_u64).prop_map(|(a, b)| Step::Replace(a, b)),
        2 => (0..60_u64).prop_map(Step::Remove),
        1 => (0..60_u64, any::<bool>()).prop_map(|(a, b)| Step::SetStatus(a, b)),
    ];
    proptest::collection::vec(step, 0..120)
}

fn apply(gallery: &Gallery, reference: &mut Reference, step: &Step) {
    match *step {
        Step::Insert(number) | Step::Replace(_, number) => {
            let mut entry = entry(number);
            if let Step::Replace(payer, _) = step {
                entry.payer = PayerId::from_bits(u128::from(*payer));
            }
            let new = gallery.insert(entry.clone(), &template(number)).unwrap();
            assert_eq!(new, reference.0.insert(entry.payer, (entry, template(number))).is_none());
        }
        Step::Remove(number) => {
            let payer = PayerId::from_bits(u128::from(number));
            assert_eq!(gallery.remove(payer).unwrap(), reference.0.remove(&payer).is_some());
        }
        Step::SetStatus(number, live) => {
            let payer = PayerId::from_bits(u128::from(number));
            let status = if live { Status::Live } else { Status::Paused };
            let there = reference.0.get_mut(&payer).map(|(entry, _)| entry.status = status).is_some();
            assert_eq!(gallery.set_status(payer, status).unwrap(), there);
        }
    }
}

proptest! {
    #[test]
    fn finds_what_comparing_everybody_finds(steps in steps(), probe in 0..60_u64, top in 0..12_usize, four in 0..6_u64) {
        let (gallery, mut reference) = (empty(), Reference::default());
        for step in &steps {
            apply(&gallery, &mut reference, step);
        }
        gallery.read().unwrap().check_invariants();
        prop_assert_eq!(gallery.len().unwrap(), reference.0.len());
        let probe = template(probe);
        let named: Vec<PayerId> = (0..60).step_by(7).chain([7, 999]).map(PayerId::from_bits).collect();
        for last_four in [None, Some(digits(four))] {
            for (status, region) in [(None, None), (Some(Status::Live), None), (None, Some("north"))] {
                let filter = Filter { last_four, status, region };
                reference.check(&gallery, &Query { probe: &probe, filter, top, named: &named });
            }
        }
    }
}

/// Templates that differ by less than `f32` can tell are still ranked by the exact score, then by id.
#[test]
fn near_ties_are_ranked_exactly() {
    let (gallery, mut reference) = (empty(), Reference::default());
    for number in 0..200 {
        // Twenty faces that are nearly the probe's, and every one of them twice.
        let mut entry = entry(number);
        entry.payer = PayerId::from_bits(u128::from(1_000 - number));
        let face = template(5 + number / 2 % 20 * 1_000);
        gallery.insert(entry.clone(), &face).unwrap();
        reference.0.insert(entry.payer, (entry, face));
    }
    let probe = template(5);
    for top in [1, 2, 7, 50, CANDIDATES_MAX] {
        reference.check(&gallery, &Query { probe: &probe, filter: Filter::default(), top, named: &[] });
    }
}

/// Rows move when others are removed, blocks are added when they fill up.
#[test]
fn grows_over_blocks_and_shrinks_again() {
    let gallery = Gallery::new(NonZeroUsize::new(DIMENSION).unwrap());
    let mut reference = Reference::default();
    for number in 0..9_000 {
        apply(&gallery, &mut reference, &Step::Insert(number));
    }
    for number in (0..9_000).filter(|n| n % 9 != 4) {
        apply(&gallery, &mut reference, &Step::Remove(number));
    }
    gallery.read().unwrap().check_invariants();
    let probe = template(13);
    reference.check(&gallery, &Query { probe: &probe, filter: Filter::default(), top: 10, named: &[] });
    assert_eq!(gallery.entry(PayerId::from_bits(4)).unwrap(), Some(entry(4)));
    assert_eq!(gallery.entry(PayerId::from_bits(5)).unwrap(), None);
}

#[test]
fn refuses_what_it_cannot_hold_and_hides_the_rest() {
    let gallery = empty();
    let foreign = Template::normalised(vec![1.0; DIMENSION + 1]).unwrap();
    let wrong = GalleryError::Dimension { expected: DIMENSION, found: DIMENSION + 1 };
    assert_eq!(gallery.insert(entry(1), &foreign), Err(wrong));
    let probe = template(1);
    let ask = |probe, top, named| gallery.search(&Query { probe, filter: Filter::default(), top, named });
    assert_eq!(ask(&foreign, 1, &[]), Err(wrong));
    assert_eq!(ask(&probe, CANDIDATES_MAX + 1, &[]), Err(GalleryError::TooMany));
    let crowd = vec![entry(1).payer; NAMED_MAX + 1];
    assert_eq!(ask(&probe, 1, &crowd), Err(GalleryError::TooMany));
    let none = Entry { pictures: 0, ..entry(1) };
    assert_eq!(gallery.insert(none, &probe), Err(GalleryError::Pictures));
    assert!(gallery.is_empty().unwrap());
    assert_eq!(ask(&probe, 3, &[]).unwrap().hits, []);
    assert_eq!(format!("{gallery:?}"), format!("Gallery {{ dimension: {DIMENSION}, .. }}"));
}

#[test]
fn searches_while_others_change_it() {
    let gallery = empty();
    for number in 0..500 {
        gallery.insert(entry(number), &template(number)).unwrap();
    }
    thread::scope(|scope| {
        for worker in 0..2_u64 {
            let gallery = &gallery;
            scope.spawn(move || {
                for number in (1_000 + worker..2_000).step_by(2) {
                    gallery.insert(entry(number), &template(number)).unwrap();
                    assert!(gallery.remove(entry(number).payer).unwrap());
                }
            });
        }
        for probe in 0..300 {
            let probe = template(probe);
            let query = Query { probe: &probe, filter: Filter::default(), top: 5, named: &[] };
            let found = gallery.search(&query).unwrap();
            assert!((500..=502).contains(&found.searched), "{}", found.searched);
            assert!(found.hits[0].score.value() > 0.999);
        }
    });
    gallery.read().unwrap().check_invariants();
    assert_eq!(gallery.len().unwrap(), 500);
}

#[test]
fn stays_shut_after_a_writer_panicked() {
    let gallery = empty();
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let _guard = gallery.write().unwrap();
            panic!("in the middle of a change");
        });
        assert!(writer.join().is_err());
    });
    assert_eq!(gallery.len(), Err(GalleryError::Poisoned));
    assert_eq!(gallery.insert(entry(1), &template(1)), Err(GalleryError::Poisoned));
}
