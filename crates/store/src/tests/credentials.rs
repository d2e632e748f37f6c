//! Who may call: users, and what they show.

use types::KeyId;

use super::fixture::*;
use super::{Database, on_both, read, write};
use crate::{CredentialKind, CredentialRow, Scope};

on_both!(users, secrets_and_public_keys, over_is_over);

fn users(database: &Database) {
    let store = database.open();
    write(&store, |tx| {
        people(tx)?;
        assert!(tx.insert_user(&user(1))? && tx.insert_user(&user(2))?);
        assert!(!tx.insert_user(&user(2))?, "a login is one user's");
        Ok(())
    })
    .unwrap();
    read(&store, |tx| {
        assert_eq!(tx.user(user(1).id)?, Some(user(1)));
        assert_eq!(tx.user(user(2).id)?, Some(user(2)));
        assert_eq!(tx.user(user(3).id)?, None);
        Ok(())
    });
}

fn signing(n: u128) -> CredentialRow {
    CredentialRow { kind: CredentialKind::Signature, public_key: Some([7; 32]), ..key(n, Scope::Terminal) }
}

fn secrets_and_public_keys(database: &Database) {
    let store = database.open();
    write(&store, |tx| {
        tx.insert_credential(&key(1, Scope::User), Some(&[1; 32]))?;
        tx.insert_credential(&signing(2), None)
    })
    .unwrap();
    read(&store, |tx| {
        assert_eq!(tx.credential_of_secret(&[1; 32])?, Some(key(1, Scope::User)));
        assert_eq!(tx.credential_of_secret(&[7; 32])?, None, "a public key is no secret");
        assert_eq!(tx.credential(KeyId::from_bits(2))?, Some(signing(2)));
        assert!(tx.has_public_key(&[7; 32])? && !tx.has_public_key(&[1; 32])?);
        Ok(())
    });
    for (row, secret) in [(key(3, Scope::User), None), (signing(3), Some(&[3; 32]))] {
        write(&store, |tx| tx.insert_credential(&row, secret)).unwrap_err();
    }
}

fn over_is_over(database: &Database) {
    let store = database.open();
    let mine = |n| CredentialRow { subject: "mine".to_owned(), ..key(n, Scope::Payer) };
    write(&store, |tx| {
        for n in 1..=4 {
            tx.insert_credential(&mine(n), Some(&[n.try_into().unwrap(); 32]))?;
        }
        tx.insert_credential(&key(5, Scope::Payer), Some(&[5; 32]))?;
        assert!(!tx.revoke_credential("mine", KeyId::from_bits(5), at(9))?, "somebody else's");
        assert!(tx.revoke_credential("mine", KeyId::from_bits(1), at(9))?);
        assert!(!tx.revoke_credential("mine", KeyId::from_bits(1), at(10))?, "once");
        tx.expire_credential(KeyId::from_bits(2), at(20))?;
        tx.expire_credential(KeyId::from_bits(2), at(30))?;
        tx.see_credential(KeyId::from_bits(3), at(8))
    })
    .unwrap();
    let live = |now| read(&store, |tx| tx.live_credentials("mine", at(now)));
    assert_eq!(live(19).iter().map(|row| row.id).collect::<Vec<_>>(), [2, 3, 4].map(KeyId::from_bits));
    assert_eq!(live(20), [CredentialRow { seen_at: Some(at(8)), ..mine(3) }, mine(4)]);
    let over = read(&store, |tx| tx.credential_of_secret(&[1; 32])).unwrap();
    assert!(over.revoked_at == Some(at(9)) && !over.is_live(at(9)));
    let expiring = read(&store, |tx| tx.credential(KeyId::from_bits(2))).unwrap();
    assert!(expiring.is_live(at(19)) && !expiring.is_live(at(20)), "{expiring:?}");
    write(&store, |tx| tx.revoke_credentials("mine", Some(KeyId::from_bits(4)), at(11))).unwrap();
    assert_eq!(live(12), [mine(4)]);
    assert!(read(&store, |tx| tx.credential(KeyId::from_bits(5))).unwrap().is_live(at(12)));
}
