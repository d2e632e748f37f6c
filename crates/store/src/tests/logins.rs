//! What people log in with.

use anyhow::Result;
use evidence::WrappedKey;
use types::{BreakGlassId, MerchantRole, StaffRole};

use super::fixture::*;
use super::{Database, on_both, read, write};
use crate::{
    AttemptsRow, BreakGlassRow, InvitationRow, Post, SecretsRow, Store, TotpRow, Tx, UserRow, UserState,
};

on_both!(secrets, invitations, guesses, flows, broken_glass, changed_users);

fn two_users(database: &Database) -> Store {
    let store = database.open();
    write(&store, |tx| {
        people(tx)?;
        tx.announce_generation(wrapped().generation, at(0))?;
        for n in [1, 2] {
            assert!(tx.insert_user(&user(n))?);
            tx.insert_secrets(&SecretsRow::none(user(n).id, None))?;
        }
        Ok(())
    })
    .unwrap();
    store
}

fn wrapped() -> WrappedKey {
    WrappedKey { generation: "0707070707070707".parse().unwrap(), bytes: bytes() }
}

fn totp() -> TotpRow {
    TotpRow { sealed: bytes(), key: wrapped(), active: true, step: Some(59_000_000) }
}

fn full(n: u8) -> SecretsRow {
    SecretsRow {
        user: user(n.into()).id,
        phone_index: Some([n; 32]),
        password_hash: Some(WORDS.to_owned()),
        totp: Some(totp()),
        oidc: Some((WORDS.to_owned(), format!("{WORDS}{n}"))),
    }
}

fn secrets(database: &Database) {
    let store = two_users(database);
    write(&store, |tx| tx.update_secrets(&full(1))).unwrap();
    let same =
        |tx: &Tx<'_>, expected: &SecretsRow| Ok::<_, anyhow::Error>(tx.secrets(expected.user)? == *expected);
    read(&store, |tx| {
        assert!(same(tx, &full(1))? && same(tx, &SecretsRow::none(user(2).id, None))?);
        let (issuer, subject) = full(1).oidc.unwrap();
        assert_eq!(tx.user_of_identity(&issuer, &subject)?, Some(user(1)));
        assert_eq!(tx.user_of_identity(&issuer, "another")?, None);
        assert!(tx.secrets(user(3).id).is_err());
        Ok(())
    });
    let taken = SecretsRow { oidc: full(1).oidc, ..SecretsRow::none(user(2).id, None) };
    write(&store, |tx| tx.update_secrets(&taken)).unwrap_err();
    let begun = SecretsRow {
        totp: Some(TotpRow { active: false, step: None, ..totp() }),
        ..SecretsRow::none(user(2).id, Some([9; 32]))
    };
    write(&store, |tx| tx.update_secrets(&begun)).unwrap();
    assert!(read(&store, |tx| same(tx, &begun)));
}

fn invitations(database: &Database) {
    let store = two_users(database);
    let row =
        |n, second| InvitationRow { user: user(n).id, created_at: at(second), expires_at: at(second + 9) };
    let found = |secret: u8| read(&store, |tx| tx.invitation(&[secret; 32]));
    write(&store, |tx| {
        tx.invite(&row(1, 0), &[1; 32])?;
        tx.invite(&row(2, 1), &[2; 32])?;
        tx.invite(&row(1, 2), &[3; 32])
    })
    .unwrap();
    assert_eq!([found(1), found(2), found(3)], [None, Some(row(2, 1)), Some(row(1, 2))]);
    write(&store, |tx| tx.end_invitation(user(2).id)).unwrap();
    assert_eq!([found(2), found(3)], [None, Some(row(1, 2))]);
}

fn guesses(database: &Database) {
    let store = database.open();
    let of = |n: u8| read(&store, |tx| tx.attempts(&[n; 32]));
    let none = AttemptsRow { failures: 0, locked_until: None };
    let locked = AttemptsRow { failures: 7, locked_until: Some(at(60)) };
    assert_eq!(of(1), none);
    write(&store, |tx| {
        tx.set_attempts(&[1; 32], AttemptsRow { failures: 1, ..none }, at(1))?;
        tx.set_attempts(&[1; 32], locked, at(2))?;
        tx.set_attempts(&[2; 32], AttemptsRow { failures: 2, ..none }, at(3))?;
        tx.set_attempts(&[3; 32], AttemptsRow { failures: 3, ..none }, at(4))?;
        tx.forget_attempts(&[3; 32])
    })
    .unwrap();
    assert_eq!((of(1), of(2).failures, of(3)), (locked, 2, none));
    assert_eq!(write(&store, |tx| tx.forget_old_attempts(at(3))).unwrap(), 1);
    assert_eq!((of(1), of(2).failures), (none, 2));
}

fn flows(database: &Database) {
    let store = database.open();
    let body = serde_json::json!({ "state": WORDS });
    let of = |n: u8, second| read(&store, |tx| tx.flow(&[n; 32], at(second)));
    write(&store, |tx| tx.insert_flow(&[1; 32], &body, (at(0), at(10)))).unwrap();
    assert_eq!([of(1, 9), of(1, 10), of(2, 9)], [Some(body.clone()), None, None]);
    write(&store, |tx| tx.insert_flow(&[2; 32], &body, (at(10), at(20)))).unwrap();
    assert!(!write(&store, |tx| tx.end_flow(&[1; 32])).unwrap(), "it was forgotten");
    assert!(write(&store, |tx| tx.end_flow(&[2; 32])).unwrap());
    assert_eq!(of(2, 11), None);
}

fn taken(n: u128, second: i64) -> BreakGlassRow {
    BreakGlassRow {
        id: BreakGlassId::from_bits(n),
        user: user(1).id,
        roles: StaffRole::Approver | StaffRole::Investigator,
        reason: WORDS.to_owned(),
        created_at: at(second),
        expires_at: at(second + 60),
        ended: None,
    }
}

fn broken_glass(database: &Database) {
    let store = two_users(database);
    let ended = BreakGlassRow { ended: Some((at(5), WORDS.to_owned())), ..taken(2, 2) };
    write(&store, |tx| {
        for row in [taken(1, 1), taken(2, 2), taken(3, 3)] {
            tx.insert_break_glass(&row)?;
        }
        tx.end_break_glass(taken(2, 2).id, at(5), WORDS)
    })
    .unwrap();
    read(&store, |tx| {
        assert_eq!(tx.all_break_glass(2)?, [taken(3, 3), ended.clone()], "the newest");
        assert_eq!(tx.break_glass(ended.id)?, Some(ended.clone()));
        assert_eq!(tx.open_break_glass(user(1).id, at(60))?, [taken(1, 1), taken(3, 3)]);
        assert_eq!(tx.open_break_glass(user(1).id, at(61))?, [taken(3, 3)]);
        assert_eq!(tx.open_break_glass(user(2).id, at(10))?, []);
        Ok(())
    });
}

fn changed_users(database: &Database) {
    let store = two_users(database);
    let changed =
        UserRow { post: Post::Staff(StaffRole::Investigator.into()), state: UserState::Disabled, ..user(1) };
    let cook = UserRow { post: Post::Merchant(merchant_id(1), MerchantRole::Finance), ..user(2) };
    write(&store, |tx| -> Result<()> {
        tx.lock_posts()?;
        assert_eq!(tx.user_to_change(user(1).id)?, Some(user(1)));
        tx.update_user(&changed)?;
        tx.update_user(&cook)
    })
    .unwrap();
    read(&store, |tx| {
        assert!(tx.has_users()?);
        assert_eq!(tx.users(None)?, [changed.clone(), cook.clone()]);
        assert_eq!(tx.users(Some(merchant_id(1)))?, std::slice::from_ref(&cook));
        assert_eq!(tx.users(Some(merchant_id(2)))?, []);
        assert_eq!(tx.user_of_login(&changed.login)?, Some(changed.clone()));
        assert_eq!(tx.user_of_login("nobody")?, None);
        Ok(())
    });
}
