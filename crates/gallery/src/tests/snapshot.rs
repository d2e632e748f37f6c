//! Snapshots come back as they were, or not at all.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use sha2::{Digest as _, Sha256};
use types::PayerId;

use super::{DIMENSION, Reference, Step, apply, empty, entry, template};
use crate::{Entry, Filter, Gallery, GalleryError, Query, SnapshotError, SnapshotModel, Status};

const OF: SnapshotModel = SnapshotModel { dimension: NonZeroUsize::new(DIMENSION).unwrap(), model: [7; 32] };

fn filled(people: u64) -> (Gallery, Reference) {
    let (gallery, mut reference) = (empty(), Reference::default());
    for number in 0..people {
        apply(&gallery, &mut reference, &Step::Insert(number));
    }
    (gallery, reference)
}

fn written(gallery: &Gallery) -> Vec<u8> {
    let mut bytes = Vec::new();
    assert_eq!(gallery.snapshot(&OF.model, &mut bytes).unwrap(), gallery.len().unwrap() as u64);
    bytes
}

fn restore(bytes: &[u8]) -> Result<Gallery, SnapshotError> {
    Gallery::restore(bytes, &OF, |entry, _| Some(entry.clone())).map(|restored| restored.gallery)
}

#[test]
fn comes_back_as_it_was() {
    let (gallery, mut reference) = filled(300);
    for number in (0..300).step_by(7) {
        apply(&gallery, &mut reference, &Step::Remove(number));
    }
    let restored = restore(&written(&gallery)).unwrap();
    restored.read().unwrap().check_invariants();
    assert_eq!(restored.len().unwrap(), gallery.len().unwrap());
    for number in 0..300 {
        assert_eq!(restored.entry(entry(number).payer).unwrap(), gallery.entry(entry(number).payer).unwrap());
    }
    for number in 0..20 {
        let probe = template(number);
        reference.check(&restored, &Query { probe: &probe, filter: Filter::default(), top: 9, named: &[] });
    }
    assert_eq!(restore(&written(&empty())).unwrap().len().unwrap(), 0);
}

/// What the store says counts: who is gone stays gone, who has another face waits for it, who is paused is paused.
#[test]
fn only_who_is_confirmed_comes_back_and_as_the_store_knows_him() {
    let (gallery, _) = filled(40);
    let digest = |number| -> [u8; 32] { Sha256::digest(template(number).to_bytes()).into() };
    let store: BTreeMap<PayerId, [u8; 32]> = (0..40)
        .filter(|number| number % 4 != 1)
        .map(|number| (entry(number).payer, if number == 6 { digest(900) } else { digest(number) }))
        .collect();
    let confirm = |known: &Entry, digest: &[u8; 32]| {
        let same = store.get(&known.payer) == Some(digest);
        same.then(|| Entry { status: Status::Paused, region: "moved".into(), ..known.clone() })
    };
    let restored = Gallery::restore(written(&gallery).as_slice(), &OF, confirm).unwrap();
    assert_eq!(restored.dropped, 11);
    assert_eq!(restored.gallery.len().unwrap(), 29);
    assert_eq!(restored.gallery.entry(entry(6).payer).unwrap(), None);
    assert_eq!(restored.gallery.entry(entry(1).payer).unwrap(), None);
    let known = restored.gallery.entry(entry(2).payer).unwrap().unwrap();
    assert_eq!((known.status, &*known.region), (Status::Paused, "moved"));
    // An answer about somebody else is none; one of them is that somebody.
    let other = |known: &Entry, _: &[u8; 32]| Some(Entry { payer: PayerId::from_bits(1), ..known.clone() });
    assert_eq!(Gallery::restore(written(&gallery).as_slice(), &OF, other).unwrap().dropped, 39);
}

#[test]
fn whatever_is_damaged_is_refused() {
    let (gallery, _) = filled(6);
    let bytes = written(&gallery);
    assert!(restore(&bytes).is_ok());
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        assert!(restore(&changed).is_err(), "byte {at} was changed");
        let cut = restore(&bytes[..at]);
        assert!(matches!(cut, Err(SnapshotError::Damaged { what: "it ends early" })), "cut at {at}");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(matches!(restore(&longer), Err(SnapshotError::Damaged { what: "something follows its end" })));
    let mut last = bytes.clone();
    *last.last_mut().unwrap() ^= 1;
    assert!(matches!(restore(&last), Err(SnapshotError::Damaged { what: "the checksum is wrong" })));
}

#[test]
fn another_model_version_or_dimension_is_refused_by_name() {
    let (gallery, _) = filled(3);
    let bytes = written(&gallery);
    let with = |at: usize| {
        let mut changed = bytes.clone();
        changed[at] ^= 2;
        restore(&changed).unwrap_err()
    };
    assert!(matches!(with(0), SnapshotError::Foreign));
    assert!(matches!(with(15), SnapshotError::Version { found: 3 }));
    let wrong = GalleryError::Dimension { expected: DIMENSION, found: DIMENSION ^ 2 };
    assert!(matches!(with(19), SnapshotError::Gallery(error) if error == wrong));
    assert!(matches!(with(30), SnapshotError::Model));
    let endless = Entry { region: "x".repeat(5_000).into(), ..entry(1) };
    gallery.insert(endless, &template(1)).unwrap();
    assert!(matches!(gallery.snapshot(&OF.model, &mut Vec::new()), Err(SnapshotError::Region)));
}
