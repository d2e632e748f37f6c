//! Terminals: their life, the places they stood at, the codes they are brought in with, what they signed with.

use types::{KeyId, Place, RelocationId};

use super::fixture::*;
use super::{Database, on_both, read, write};
use crate::{RelocationRow, RelocationState, StandRow, TerminalRow, TerminalState};

on_both!(lives, places_and_moves, codes, nonces, payments_stay_where_they_were);

fn elsewhere() -> Place {
    Place { city: "北京".to_owned(), address: "1".to_owned(), point: point(-0.25) }
}

fn lives(database: &Database) {
    let store = database.open();
    write(&store, people).unwrap();
    let one = terminal(1, 1, "杭州");
    let serial = terminal(2, 1, "杭州").serial.unwrap();
    read(&store, |tx| {
        assert_eq!(tx.terminal_locked(one.id)?, Some(one.clone()));
        let of_one: Vec<_> = tx.terminals_of(merchant_id(1))?.into_iter().map(|row| row.id).collect();
        assert_eq!(of_one, [1, 2, 4].map(terminal_id));
        assert!(tx.is_serial_taken(&serial, one.id)? && !tx.is_serial_taken(&serial, terminal_id(2))?);
        assert!(!tx.is_serial_taken("nobody's", one.id)?);
        Ok(())
    });
    let taken = TerminalRow { serial: Some(serial.clone()), ..one.clone() };
    let error = write(&store, |tx| tx.update_terminal(&taken)).unwrap_err();
    assert!(format!("{error:#}").to_lowercase().contains("unique"), "{error:#}");
    // Revoked, it claims its serial number no longer.
    let revoked = TerminalRow {
        state: TerminalState::Revoked,
        reason: WORDS.to_owned(),
        serial: Some(serial.clone()),
        ..terminal(2, 1, "杭州")
    };
    write(&store, |tx| {
        tx.update_terminal(&revoked)?;
        assert!(!tx.is_serial_taken(&serial, one.id)?);
        tx.update_terminal(&taken)
    })
    .unwrap();
    read(&store, |tx| {
        assert_eq!(tx.terminal(one.id)?, Some(taken.clone()));
        assert_eq!(tx.terminal(terminal_id(2))?, Some(revoked.clone()));
        Ok(())
    });
}

fn places_and_moves(database: &Database) {
    let store = database.open();
    let row = terminal(1, 1, "杭州");
    let proposed = |n: u128| RelocationRow {
        id: RelocationId::from_bits(n),
        terminal: row.id,
        place: elsewhere(),
        reason: WORDS.to_owned(),
        proposed_by: "usr_1".to_owned(),
        proposed_at: at(i64::try_from(n).unwrap()),
        state: RelocationState::Proposed,
    };
    write(&store, |tx| {
        people(tx)?;
        tx.insert_relocation(&proposed(1))
    })
    .unwrap();
    let error = write(&store, |tx| tx.insert_relocation(&proposed(2))).unwrap_err();
    assert!(format!("{error:#}").to_lowercase().contains("unique"), "one at a time: {error:#}");
    let by = || "usr_2".to_owned();
    let rejected = RelocationRow { state: RelocationState::Rejected { by: by(), at: at(3) }, ..proposed(1) };
    let approved = RelocationRow { state: RelocationState::Approved { by: by(), at: at(4) }, ..proposed(2) };
    write(&store, |tx| {
        tx.decide_relocation(&rejected)?;
        tx.insert_relocation(&proposed(2))?;
        tx.move_terminal(row.id, &elsewhere(), at(4))?;
        tx.decide_relocation(&approved)
    })
    .unwrap();
    read(&store, |tx| {
        assert_eq!(tx.relocation(approved.id)?, Some(approved.clone()));
        assert_eq!(tx.relocations_of(row.id)?, [rejected.clone(), approved.clone()]);
        assert_eq!(tx.terminal(row.id)?.unwrap().place, elsewhere());
        let stands = [
            StandRow { from: row.created_at, until: Some(at(4)), place: row.place.clone() },
            StandRow { from: at(4), until: None, place: elsewhere() },
        ];
        assert_eq!(tx.terminal_places(row.id)?, stands);
        assert_eq!(tx.terminal_place(row.id, row.created_at - types::SignedDuration::from_micros(1))?, None);
        assert_eq!(tx.terminal_place(row.id, row.created_at)?, Some(row.place.clone()));
        assert_eq!(tx.terminal_place(row.id, at(3))?, Some(row.place.clone()));
        assert_eq!(tx.terminal_place(row.id, at(4))?, Some(elsewhere()));
        Ok(())
    });
}

fn codes(database: &Database) {
    let store = database.open();
    let id = terminal_id(1);
    write(&store, |tx| {
        people(tx)?;
        tx.put_terminal_code(id, &[1; 32], at(1))?;
        assert_eq!(tx.terminal_of_code(&[1; 32])?, Some((id, at(1))));
        tx.put_terminal_code(id, &[2; 32], at(2))?;
        assert_eq!(tx.terminal_of_code(&[1; 32])?, None);
        assert_eq!(tx.terminal_of_code(&[2; 32])?, Some((id, at(2))));
        assert_eq!(tx.terminal_code_expiry(id)?, Some(at(2)));
        tx.delete_terminal_code(id)?;
        tx.delete_terminal_code(id)?;
        assert_eq!(tx.terminal_of_code(&[2; 32])?, None);
        assert_eq!(tx.terminal_code_expiry(id)?, None);
        Ok(())
    })
    .unwrap();
}

fn nonces(database: &Database) {
    let store = database.open();
    let key = KeyId::from_bits;
    write(&store, |tx| {
        assert!(tx.use_nonce(key(1), "a", at(1))? && tx.use_nonce(key(1), "b", at(2))?);
        assert!(tx.use_nonce(key(2), "a", at(3))?, "each key has its own");
        assert!(!tx.use_nonce(key(1), "a", at(9))?);
        assert_eq!(tx.forget_nonces(at(2))?, 1);
        assert!(tx.use_nonce(key(1), "a", at(9))? && !tx.use_nonce(key(1), "b", at(9))?);
        Ok(())
    })
    .unwrap();
}

/// Habits and journeys are about where a terminal stood then.
fn payments_stay_where_they_were(database: &Database) {
    let store = database.open();
    let row = write(&store, |tx| {
        people(tx)?;
        paid(tx, 1, 1)
    })
    .unwrap();
    let (id, payer, when) = (row.terms().id, row.terms().payer, row.terms().at);
    let later = when + types::SignedDuration::from_secs(1);
    let terminal = read(&store, |tx| Ok(tx.terminal(row.terminal)?.unwrap()));
    let moved = TerminalRow { place: elsewhere(), ..terminal.clone() };
    write(&store, |tx| tx.move_terminal(terminal.id, &elsewhere(), later)).unwrap();
    read(&store, |tx| {
        let since = when - types::SignedDuration::from_hours(1);
        let until = later + types::SignedDuration::from_hours(1);
        assert_eq!(tx.visits_to_city(payer, &terminal, since, until)?, 1);
        assert_eq!(tx.visits_to_city(payer, &moved, since, until)?, 0);
        assert_eq!(tx.regulars(&terminal, since, until, 9)?, [(payer, [1, 0, 0])]);
        assert_eq!(tx.regulars(&moved, since, until, 9)?, []);
        let seen = tx.last_payment_place(payer, payment_id(99), until)?;
        assert_eq!(seen, Some((when, terminal.place.point)));
        assert_eq!(tx.payment(id)?.unwrap().terminal, terminal.id);
        Ok(())
    });
}
