//! Phones and who holds an account: codes, former numbers, recoveries, documents, guardians, and texts on their way.

use evidence::WrappedKey;
use types::{ChallengeId, Tier};

use super::fixture::*;
use super::{Database, on_both, read, write};
use crate::{
    CodePurpose, CodeState, DeliveryRow, GuardianRow, IdentityRow, PastPhoneRow, PhoneCodeRow, RecoveryRow,
    SealedText,
};

on_both!(codes, former_numbers, recoveries, documents_and_guardians, texts_are_wiped);

fn key() -> WrappedKey {
    WrappedKey { generation: GENERATION.parse().unwrap(), bytes: bytes() }
}

const GENERATION: &str = "0123456789abcdef";

fn code(n: u128, purpose: CodePurpose, second: i64) -> PhoneCodeRow {
    PhoneCodeRow {
        id: ChallengeId::from_bits(n),
        phone_index: [1; 32],
        purpose,
        phone_sealed: bytes(),
        key: key(),
        code_hash: [9; 32],
        failures: 0,
        state: CodeState::Open,
        created_at: at(second),
        expires_at: at(second + 600),
    }
}

fn codes(database: &Database) {
    let store = database.open();
    let purposes = [
        CodePurpose::Register,
        CodePurpose::Login,
        CodePurpose::Change,
        CodePurpose::Recover,
        CodePurpose::Guardian,
    ];
    let all: Vec<PhoneCodeRow> = purposes
        .into_iter()
        .zip(1..)
        .map(|(purpose, n)| code(n, purpose, i64::try_from(n).unwrap()))
        .collect();
    let elsewhere = PhoneCodeRow { phone_index: [2; 32], ..code(8, CodePurpose::Login, 8) };
    let next = code(9, CodePurpose::Login, 9);
    write(&store, |tx| {
        tx.announce_generation(key().generation, at(0))?;
        all.iter().chain([&elsewhere, &next]).try_for_each(|row| tx.insert_phone_code(row))
    })
    .unwrap();
    read(&store, |tx| {
        for row in &all {
            let replaced = row.purpose == CodePurpose::Login;
            let state = if replaced { CodeState::Replaced } else { CodeState::Open };
            assert_eq!(
                tx.phone_code(row.id)?,
                Some(PhoneCodeRow { state, ..row.clone() }),
                "one open code each"
            );
        }
        assert_eq!(tx.phone_code(elsewhere.id)?, Some(elsewhere.clone()), "another phone's stays");
        assert_eq!(tx.phone_codes_since(&[1; 32], at(3), 2)?, [at(9), at(5)], "newest first, after the time");
        Ok(())
    });
    let failed = PhoneCodeRow { failures: 5, state: CodeState::Failed, ..next.clone() };
    write(&store, |tx| {
        tx.update_phone_code(&failed)?;
        assert_eq!(tx.delete_phone_codes(at(5))?, 4);
        Ok(())
    })
    .unwrap();
    read(&store, |tx| {
        assert_eq!(tx.phone_code(next.id)?, Some(failed.clone()));
        assert_eq!(tx.phone_code(all[0].id)?, None);
        Ok(())
    });
}

fn former_numbers(database: &Database) {
    let store = database.open();
    let past = |until: i64| PastPhoneRow {
        payer: payer_id(1),
        phone_index: [1; 32],
        phone_sealed: bytes(),
        since: at(until - 5),
        until: at(until),
    };
    write(&store, |tx| {
        people(tx)?;
        assert!(!tx.change_phone(&past(10), &[2; 32], &bytes())?, "somebody has it");
        assert!(tx.change_phone(&past(10), &[77; 32], &bytes())?);
        tx.set_contact(payer_id(1), &[5, 5], Tier::Verified)?;
        assert!(tx.change_phone(&past(20), &[78; 32], &[6])?);
        Ok(())
    })
    .unwrap();
    read(&store, |tx| {
        assert_eq!(tx.past_phones(payer_id(1))?, [past(10), past(20)]);
        assert_eq!(tx.past_phones(payer_id(2))?, []);
        let row = tx.payer_of_phone(&[78; 32])?.unwrap();
        assert_eq!((row.id, row.tier, row.contact_sealed), (payer_id(1), Tier::Verified, vec![6]));
        assert_eq!(tx.payer_of_phone(&[77; 32])?, None);
        Ok(())
    });
}

fn recoveries(database: &Database) {
    let store = database.open();
    let row = |payer: u128, pin_hash: Option<&str>, due: i64| RecoveryRow {
        payer: payer_id(payer),
        pin_hash: pin_hash.map(str::to_owned),
        asked_at: at(1),
        due_at: at(due),
        lapses_at: at(due + 10),
    };
    write(&store, |tx| {
        people(tx)?;
        tx.put_recovery(&row(1, Some("x"), 50))?;
        tx.put_recovery(&row(1, Some("y"), 20))?;
        tx.put_recovery(&row(2, None, 10))
    })
    .unwrap();
    read(&store, |tx| {
        assert_eq!(tx.recovery(payer_id(1))?, Some(row(1, Some("y"), 20)), "one at a time");
        assert_eq!(tx.due_recoveries(at(19), 9)?, [], "nobody's device asked for the other");
        assert_eq!(tx.due_recoveries(at(20), 9)?, [row(2, None, 10), row(1, Some("y"), 20)]);
        assert_eq!(tx.due_recoveries(at(20), 1)?.len(), 1);
        Ok(())
    });
    write(&store, |tx| {
        assert!(tx.delete_recovery(payer_id(1))? && !tx.delete_recovery(payer_id(1))?);
        Ok(())
    })
    .unwrap();
}

fn documents_and_guardians(database: &Database) {
    let store = database.open();
    let seen = |second: i64| IdentityRow {
        payer: payer_id(1),
        verified_at: at(second),
        verified_by: WORDS.to_owned(),
        provider: "staff".to_owned(),
        document_kind: "passport".to_owned(),
        document_sealed: bytes(),
    };
    let asked = GuardianRow {
        ward: payer_id(1),
        guardian: payer_id(2),
        asked_at: at(1),
        confirmed_at: None,
        held: false,
    };
    let confirmed = GuardianRow { confirmed_at: Some(at(2)), held: true, ..asked };
    write(&store, |tx| {
        people(tx)?;
        tx.insert_identity(&seen(4))?;
        tx.insert_identity(&seen(3))?;
        tx.put_guardian(&asked)?;
        assert_eq!(tx.guardian(payer_id(1))?, Some(asked));
        tx.put_guardian(&confirmed)
    })
    .unwrap();
    read(&store, |tx| {
        assert_eq!(tx.identities(payer_id(1))?, [seen(3), seen(4)]);
        assert_eq!(tx.guardian(payer_id(1))?, Some(confirmed));
        assert_eq!((tx.wards(payer_id(2))?, tx.wards(payer_id(1))?), (vec![confirmed], vec![]));
        Ok(())
    });
    write(&store, |tx| {
        assert!(!tx.delete_guardian(payer_id(1), payer_id(3))?, "somebody else's ward");
        assert!(tx.delete_guardian(payer_id(1), payer_id(2))?);
        Ok(())
    })
    .unwrap();
}

fn texts_are_wiped(database: &Database) {
    let store = database.open();
    let text = SealedText { sealed: bytes(), key: key() };
    let row = DeliveryRow { text: Some(text), ..delivery(1, "text:00") };
    write(&store, |tx| {
        tx.announce_generation(key().generation, at(0))?;
        tx.insert_delivery(&row)
    })
    .unwrap();
    assert_eq!(read(&store, |tx| tx.delivery(row.id)), Some(row.clone()));
    write(&store, |tx| tx.wipe_text(row.id)).unwrap();
    assert_eq!(read(&store, |tx| tx.delivery(row.id)), Some(DeliveryRow { text: None, ..row.clone() }));
}
