//! The first administrator: who holds the machine can always make one, and cannot do so without a trace.

use std::path::Path;

use anyhow::{Result, ensure};
use serde_json::json;
use store::{CredentialKind, Post, Scope, SecretsRow, Store, Tx, UserRow, UserState};
use types::{StaffRole, UserId};

use crate::callers::NewCredential;
use crate::engine::{Context, record};
use crate::installation::write_secret;

/// The login of whoever holds the machine. Nobody else gets it: it is taken from the first start on.
const LOGIN: &str = "operator";
/// Where the bearer key lies, in the data folder.
const FILE: &str = "staff.key";

/// Writes `staff.key` and makes its user, if nobody is there yet. The file comes first: a start that is cut off in
/// between leaves a key that opens nothing, and the next one makes another.
pub(crate) fn make_first_operator(store: &Store, folder: &Path, ctx: &mut Context<'_>) -> Result<()> {
    if store.read(|tx: &Tx<'_>| tx.has_users())? {
        return Ok(());
    }
    let row = first(ctx);
    let key = draw_key(ctx, row.id);
    write_secret(&folder.join(FILE), key.secret.as_bytes())?;
    store.write(|tx| {
        insert(tx, &row)?;
        key.keep(tx)
    })
}

/// Puts a new key into `staff.key` when the old one, or every administrator, is lost. All other logins of that user end,
/// he is an administrator again whatever became of him, and the records say that the machine's holder did it.
///
/// # Errors
/// The folder or the database cannot be written: the old key then still holds, or the file has a key that opens
/// nothing and the command is run again.
pub fn renew_operator_key(store: &Store, folder: &Path, ctx: &mut Context<'_>) -> Result<()> {
    ensure!(store.read(|tx: &Tx<'_>| tx.has_users())?, "this installation was never started; start it first");
    let known = store.read(|tx: &Tx<'_>| tx.user_of_login(LOGIN))?;
    let row = known.clone().unwrap_or_else(|| first(ctx));
    let key = draw_key(ctx, row.id);
    write_secret(&folder.join(FILE), key.secret.as_bytes())?;
    store.write(|tx| {
        tx.lock_posts()?;
        match tx.user_of_login(LOGIN)? {
            None => insert(tx, &row)?,
            Some(now) => {
                ensure!(now.id == row.id, "somebody else renews the key at this moment; run it again");
                let post = Post::Staff(StaffRole::Administrator.into());
                tx.update_user(&UserRow { post, state: UserState::Active, ..now })?;
            }
        }
        tx.revoke_credentials(&row.id.to_string(), None, ctx.now)?;
        key.keep(tx)?;
        record(tx, ctx, "surety", &row.id, json!({ "event": "operator_key_renewed" }))
    })
}

fn first(ctx: &mut Context<'_>) -> UserRow {
    UserRow {
        id: UserId::generate(ctx.now, ctx.random),
        post: Post::Staff(StaffRole::Administrator.into()),
        login: LOGIN.to_owned(),
        name: LOGIN.to_owned(),
        state: UserState::Active,
        created_at: ctx.now,
        created_by: "surety".to_owned(),
    }
}

fn insert(tx: &Tx<'_>, row: &UserRow) -> Result<()> {
    ensure!(tx.insert_user(row)?, "there is a user `{LOGIN}` already");
    tx.insert_secrets(&SecretsRow::none(row.id, None))
}

fn draw_key(ctx: &mut Context<'_>, user: UserId) -> NewCredential {
    NewCredential::draw(ctx, (CredentialKind::Bearer, Scope::User), &user, FILE)
}
