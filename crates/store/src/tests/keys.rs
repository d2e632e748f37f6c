//! Wrapped keys: the newest generation wraps, and none goes while it is needed.

use evidence::{DataKey, Generation, Keyring, MasterKey, WrappedKey};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::fixture::*;
use super::{Database, on_both, read, write};
use crate::{CaptureContent, CaptureRow, Holder, PayerRow};

on_both!(
    generations_are_announced_and_retired,
    keys_are_found_by_their_generation,
    a_closed_account_is_empty
);

fn wrapped(master: u8) -> WrappedKey {
    let ring = Keyring::new(&[MasterKey::new([master; 32])]).unwrap();
    let mut random = StdRng::seed_from_u64(master.into());
    ring.wrap(ring.newest(), "a label", &DataKey::draw(&mut random), &mut random).unwrap()
}

fn generation(master: u8) -> Generation {
    wrapped(master).generation
}

fn generations_are_announced_and_retired(database: &Database) {
    let store = database.open();
    for (master, second) in [(1, 1), (2, 0), (1, 3)] {
        write(&store, |tx| tx.announce_generation(generation(master), at(second))).unwrap();
    }
    // The order is that of the announcements, whatever a clock said; one that is known stays where it is.
    assert_eq!(read(&store, |tx| tx.generations()), [generation(2), generation(1)]);
    write(&store, |tx| tx.insert_payer(&PayerRow { contact_key: Some(wrapped(1)), ..payer(1) })).unwrap();
    let refused = write(&store, |tx| tx.retire_generations_but(generation(2))).unwrap_err();
    assert!(format!("{refused:#}").to_lowercase().contains("foreign key"), "{refused:#}");
    write(&store, |tx| {
        tx.set_key(Holder::Contact, &payer_id(1).to_string(), &wrapped(2))?;
        assert_eq!(tx.retire_generations_but(generation(2))?, 1);
        Ok(())
    })
    .unwrap();
    assert_eq!(read(&store, |tx| tx.generations()), [generation(2)]);
    let late = write(&store, |tx| tx.set_key(Holder::Contact, &payer_id(1).to_string(), &wrapped(1)));
    assert!(late.is_err(), "nothing is wrapped by a retired generation");
}

fn keys_are_found_by_their_generation(database: &Database) {
    let store = database.open();
    write(&store, |tx| {
        people(tx)?;
        for master in [1, 2] {
            tx.announce_generation(generation(master), at(0))?;
        }
        paid(tx, 1, 1)?;
        let content = CaptureContent::Kept { probe_sealed: bytes(), key: Some(wrapped(1)) };
        let row = CaptureRow { payer: Some(payer_id(1)), content, ..capture(1) };
        tx.insert_capture(&row)?;
        assert_eq!(tx.capture(session_id(1))?, Some(row.clone()));
        assert_eq!(tx.captures_of(payer_id(1))?, [row]);
        tx.insert_face_key(payer_id(1), &wrapped(1), at(1))?;
        tx.insert_face_key(payer_id(2), &wrapped(2), at(1))?;
        tx.keep_index_key(&wrapped(1))?;
        tx.keep_index_key(&wrapped(2))
    })
    .unwrap();
    let under_others = |holder| read(&store, |tx| tx.keys_under_others(holder, generation(2)));
    assert_eq!(Holder::ALL.map(under_others), [0, 1, 1, 0, 0, 1, 0, 0]);
    for holder in [Holder::Face, Holder::Capture, Holder::Index] {
        write(&store, |tx| {
            let found = tx.next_keys_under_others(holder, generation(2), ("", 9))?;
            assert_eq!(found.len(), 1);
            assert_eq!(found[0].1, wrapped(1), "the first one stays");
            assert!(tx.next_keys_under_others(holder, generation(2), (&found[0].0, 9))?.is_empty());
            tx.set_key(holder, &found[0].0, &wrapped(2))
        })
        .unwrap();
    }
    assert_eq!(Holder::ALL.map(under_others), [0; 8]);
    assert_eq!(read(&store, |tx| tx.index_key()), Some(wrapped(2)));
    assert_eq!(read(&store, |tx| tx.face_key(payer_id(1))), Some(wrapped(2)));
}

fn a_closed_account_is_empty(database: &Database) {
    let store = database.open();
    write(&store, |tx| {
        people(tx)?;
        tx.insert_trace(payer_id(1), trace(5, 1.0))?;
        tx.insert_trace(payer_id(2), trace(5, 1.0))?;
        tx.set_face(payer_id(1), crate::FaceState::None)?;
        tx.close_payer(payer_id(1), &[77; 32], at(50))
    })
    .unwrap();
    let closed = read(&store, |tx| tx.payer(payer_id(1))).unwrap();
    assert_eq!((closed.contact_sealed.len(), closed.contact_key, closed.pin_hash), (0, None, None));
    assert_eq!((closed.closed_at, closed.home_city.as_str()), (Some(at(50)), ""));
    assert_eq!(read(&store, |tx| tx.nearest_trace(payer_id(1), at(5))), None);
    assert_eq!(read(&store, |tx| tx.payer(payer_id(2))), Some(payer(2)), "nobody else changed");
    // The constraint behind it.
    let again = write(&store, |tx| tx.set_face(payer_id(1), crate::FaceState::Enabled));
    assert!(again.is_err());
}
