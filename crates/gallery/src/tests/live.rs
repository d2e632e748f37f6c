//! Searches and changes at the same time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use types::PayerId;

use super::{DIMENSION, empty, entry, template};
use crate::{Filter, Gallery, Query, Search};

fn find(gallery: &Gallery, number: u64) -> Search {
    let named = [entry(number).payer];
    let query = Query { probe: &template(number), filter: Filter::default(), top: 5, named: &named };
    gallery.search(&query).unwrap()
}

/// Whatever happens meanwhile: everybody once, nobody twice.
fn check(found: &Search) {
    let people: u64 = found.unlisted.iter().map(|band| band.people).sum();
    assert_eq!(people + (found.hits.len() + found.named.len()) as u64, found.searched);
    assert_eq!(found.searched_by_region.iter().map(|(_, n)| n).sum::<u64>(), found.searched);
    let mut named: Vec<PayerId> = found.hits.iter().chain(&found.named).map(|hit| hit.payer).collect();
    named.sort();
    assert!(named.windows(2).all(|pair| pair[0] != pair[1]));
    assert!(found.hits.is_sorted_by(|a, b| a.score >= b.score));
}

/// Tells the workers to end.
struct SetAtTheEnd<'a>(&'a AtomicBool);

impl Drop for SetAtTheEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Each worker has payers of its own, so that it knows what must be found at any time.
#[test]
fn who_was_removed_is_not_found_and_who_was_enrolled_is() {
    let gallery = empty();
    for number in 0..500 {
        gallery.insert(entry(number), &template(number)).unwrap();
    }
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..3_u64)
            .map(|worker| {
                let gallery = &gallery;
                scope.spawn(move || {
                    for turn in 0..250 {
                        let number = 500 + worker * 100 + turn % 17;
                        let payer = entry(number).payer;
                        gallery.insert(entry(number), &template(number)).unwrap();
                        let found = find(gallery, number);
                        check(&found);
                        assert!(found.hits.iter().any(|hit| hit.payer == payer), "enrolled, and not found");
                        assert!(gallery.remove(payer).unwrap());
                        let found = find(gallery, number);
                        check(&found);
                        let named = found.hits.iter().chain(&found.named);
                        assert!(named.clone().all(|hit| hit.payer != payer), "removed, and found");
                    }
                })
            })
            .collect();
        let (gallery, done) = (&gallery, &done);
        let searcher = scope.spawn(move || {
            let mut searches = 0;
            while !done.load(Ordering::Relaxed) {
                let found = find(gallery, searches % 500);
                check(&found);
                // Those who stay are all there. Of the workers' payers any number passes by.
                assert!(found.searched >= 500, "{}", found.searched);
                assert_eq!(found.hits[0].payer, entry(searches % 500).payer);
                searches += 1;
            }
        });
        let ended: Vec<bool> = workers.into_iter().map(|worker| worker.join().is_ok()).collect();
        done.store(true, Ordering::Relaxed);
        assert!(ended.iter().all(|well| *well) && searcher.join().is_ok());
    });
    gallery.read().unwrap().check_invariants();
    assert_eq!(gallery.len().unwrap(), 500);
}

/// Payers who leave and come back elsewhere while a search runs are named once at most.
#[test]
fn nobody_is_named_twice_who_moves_meanwhile() {
    /// Few, so that they move all the time.
    const MOVING: u64 = 4;
    let gallery = empty();
    for number in 0..400 {
        gallery.insert(entry(number), &template(number)).unwrap();
    }
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let (gallery, done) = (&gallery, &done);
        for worker in 0..2_u64 {
            scope.spawn(move || {
                let mut turn = worker;
                while !done.load(Ordering::Relaxed) {
                    // Two leave, and come back in the other's place.
                    let (a, b) = (turn % MOVING, 200 + turn % MOVING);
                    for number in [a, b] {
                        gallery.remove(entry(number).payer).unwrap();
                    }
                    for number in [a, b] {
                        gallery.insert(entry(number), &template(number)).unwrap();
                    }
                    turn += 2;
                }
            });
        }
        // Also when a check fails: the workers would go on for ever.
        let _done = SetAtTheEnd(done);
        for search in 0..5_000 {
            check(&find(gallery, search % MOVING + 200 * (search / MOVING % 2)));
        }
    });
    gallery.read().unwrap().check_invariants();
}

#[test]
fn memory_is_wiped() {
    let gallery = empty();
    for number in 0..90 {
        gallery.insert(entry(number), &template(number)).unwrap();
    }
    for number in 0..90 {
        assert!(gallery.remove(entry(number).payer).unwrap());
        // Looks at every byte of rows in which nobody is.
        gallery.read().unwrap().check_invariants();
        gallery.insert(entry(number + 1_000), &template(number + 1_000)).unwrap();
    }
    let mut rows = gallery.write().unwrap();
    let mut used: Vec<_> = rows.blocks_mut().iter_mut().filter(|block| block.scanned() > 0).collect();
    assert!(used.len() >= 3);
    assert!(used.iter_mut().all(|block| block.is_blank_after_wiping()));
    assert_eq!(rows.shape.dimension, DIMENSION);
}
