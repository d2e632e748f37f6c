//! Passkeys and the challenges to them.

use serde_json::json;
use types::{CeremonyId, PasskeyId};

use super::fixture::at;
use super::{Database, on_both, read, write};
use crate::{CeremonyPurpose, CeremonyRow, PasskeyRow};

on_both!(passkeys, ceremonies);

fn passkey(n: u8) -> PasskeyRow {
    PasskeyRow {
        id: PasskeyId::from_bits(u128::from(n)),
        subject: "mine".to_owned(),
        credential_id: vec![n; 20],
        credential: json!({ "n": n }),
        label: format!("钥匙 {n}"),
        counter: u32::from(n),
        created_at: at(i64::from(n)),
        used_at: None,
        blocked_at: None,
    }
}

fn passkeys(database: &Database) {
    let store = database.open();
    let theirs = PasskeyRow { subject: "theirs".to_owned(), ..passkey(3) };
    let twin = PasskeyRow { credential_id: passkey(1).credential_id, ..passkey(9) };
    write(&store, |tx| {
        tx.lock_passkeys("mine")?;
        for row in [passkey(2), passkey(1), theirs.clone()] {
            assert!(tx.insert_passkey(&row)?);
        }
        assert!(!tx.insert_passkey(&twin)?, "it is somebody's");
        Ok(())
    })
    .unwrap();
    read(&store, |tx| {
        assert_eq!(tx.passkeys("mine")?, [passkey(1), passkey(2)], "oldest first");
        assert_eq!(tx.passkey_of_credential(&[3; 20])?, Some(theirs.clone()));
        assert_eq!(tx.passkey_of_credential(&[4; 20])?, None);
        Ok(())
    });
    write(&store, |tx| {
        tx.use_passkey(passkey(1).id, &json!({ "n": "new" }), u32::MAX, at(8))?;
        tx.block_passkey(passkey(2).id, at(9))?;
        assert!(!tx.delete_passkey("mine", theirs.id)?, "somebody else's");
        assert!(tx.delete_passkey("theirs", theirs.id)? && !tx.delete_passkey("theirs", theirs.id)?);
        Ok(())
    })
    .unwrap();
    let used = PasskeyRow {
        credential: json!({ "n": "new" }),
        counter: u32::MAX,
        used_at: Some(at(8)),
        ..passkey(1)
    };
    let blocked = PasskeyRow { blocked_at: Some(at(9)), ..passkey(2) };
    assert_eq!(read(&store, |tx| tx.passkeys("mine")), [used, blocked]);
    write(&store, |tx| {
        assert_eq!(tx.delete_passkeys("mine")?, 2);
        Ok(())
    })
    .unwrap();
    assert_eq!(read(&store, |tx| tx.passkeys("mine")), []);
}

fn ceremonies(database: &Database) {
    let store = database.open();
    let row = |n: u8, purpose, subject: Option<&str>| CeremonyRow {
        id: CeremonyId::from_bits(u128::from(n)),
        purpose,
        subject: subject.map(str::to_owned),
        target: "cnf".to_owned(),
        state: json!({ "challenge": n }),
        expires_at: at(i64::from(n)),
        used_at: None,
    };
    let all = [
        row(1, CeremonyPurpose::Registration, Some("mine")),
        row(2, CeremonyPurpose::Answer, Some("mine")),
        row(3, CeremonyPurpose::Unfreeze, Some("mine")),
        row(4, CeremonyPurpose::Enrolment, Some("mine")),
        row(5, CeremonyPurpose::Login, None),
    ];
    write(&store, |tx| all.iter().try_for_each(|row| tx.insert_ceremony(row))).unwrap();
    read(&store, |tx| {
        for row in &all {
            assert_eq!(tx.ceremony(row.id)?.as_ref(), Some(row));
        }
        Ok(())
    });
    write(&store, |tx| tx.use_ceremony(all[4].id, at(9))).unwrap();
    assert_eq!(read(&store, |tx| tx.ceremony(all[4].id)).unwrap().used_at, Some(at(9)));
    write(&store, |tx| {
        assert_eq!(tx.delete_ceremonies(at(3))?, 2);
        Ok(())
    })
    .unwrap();
    assert_eq!(read(&store, |tx| tx.ceremony(all[1].id)), None);
    assert!(read(&store, |tx| tx.ceremony(all[2].id)).is_some());
}
