//! People of the operator and of merchants: who makes them, and what they may do.
//!
//! A user is made with an invitation, whose secret is shown once to whoever made it; what is chosen with it is in
//! `invitations`. Whatever takes something away takes the open logins with it, in the same transaction.

use serde_json::json;
use store::{InvitationRow, Post, SecretsRow, Tx, UserRow, UserState};
use types::{
    MerchantId, MerchantRole, PhoneNumber, Right, SignedDuration, StaffRole, StaffRoles, Timestamp, UserId,
};
use zeroize::Zeroizing;

use crate::callers::{Caller, MerchantActor, MerchantCaller, StaffCaller, duty};
use crate::engine::{Context, Engine, record, text_field};
use crate::rejected::{Error, Rejected};

/// How long an invitation is open.
const INVITED_FOR: SignedDuration = SignedDuration::from_hours(72);
/// In records Surety itself has this name.
const OURS: &str = "surety";

/// A person to make a user of.
pub struct NewUser {
    /// What is typed to log in; an e-mail address where an OpenID provider is used.
    pub login: String,
    /// What others read.
    pub name: String,
    /// The own phone, so that nobody approves money to the own account as a payer.
    pub phone: Option<PhoneNumber>,
}

/// A user who has to choose a password.
pub struct Invited {
    /// Who.
    pub user: UserId,
    /// What the user shows once; not kept in the clear.
    pub invitation: Zeroizing<String>,
    /// Until when.
    pub expires_at: Timestamp,
}

/// A user, for whoever may make and end users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserView {
    /// The user.
    pub row: UserRow,
    /// Is a second factor active?
    pub second_factor: bool,
    /// Linked to an OpenID provider?
    pub linked: bool,
    /// Nothing is right until then, after too many wrong logins.
    pub locked_until: Option<Timestamp>,
}

/// Must this post log in with a second factor?
pub(crate) fn needs_second_factor(post: Post) -> bool {
    match post {
        Post::Staff(_) | Post::Merchant(_, MerchantRole::Owner | MerchantRole::Finance) => true,
        Post::Merchant(_, MerchantRole::Cashier) => false,
    }
}

impl Engine {
    /// Makes a user of the operator.
    ///
    /// # Errors
    /// [`Rejected::Field`], [`Rejected::LoginTaken`]; an operating fault.
    pub fn create_staff(
        &self,
        ctx: &mut Context<'_>,
        staff: &StaffCaller,
        new: &NewUser,
        roles: StaffRoles,
    ) -> Result<Invited, Error> {
        staff.must_be(duty::people())?;
        check_roles(roles)?;
        let user = user_row(ctx, &staff.name, new, Post::Staff(roles))?;
        self.store.write(|tx| self.create(tx, ctx, &user, new))
    }

    /// Makes the first owner of a merchant, who makes its other users.
    ///
    /// # Errors
    /// An unknown merchant, [`Rejected::OwnerExists`], [`Rejected::Field`], [`Rejected::LoginTaken`]; an operating
    /// fault.
    pub fn create_first_owner(
        &self,
        ctx: &mut Context<'_>,
        staff: &StaffCaller,
        merchant: MerchantId,
        new: &NewUser,
    ) -> Result<Invited, Error> {
        staff.must_be(duty::merchants())?;
        let user = user_row(ctx, &staff.name, new, Post::Merchant(merchant, MerchantRole::Owner))?;
        self.store.write(|tx| {
            tx.merchant(merchant)?.ok_or(Rejected::merchant())?;
            tx.lock_posts()?;
            let owns = |row: &UserRow| {
                row.post == Post::Merchant(merchant, MerchantRole::Owner) && row.state != UserState::Disabled
            };
            if tx.users(Some(merchant))?.iter().any(owns) {
                return Err(Rejected::OwnerExists.into());
            }
            self.create(tx, ctx, &user, new)
        })
    }

    /// Makes a user of the own merchant.
    ///
    /// # Errors
    /// [`Rejected::Field`], [`Rejected::LoginTaken`]; an operating fault.
    pub fn create_merchant_user(
        &self,
        ctx: &mut Context<'_>,
        merchant: MerchantCaller,
        new: &NewUser,
        role: MerchantRole,
    ) -> Result<Invited, Error> {
        merchant.may(Right::Manage)?;
        let user = user_row(ctx, &merchant.name(), new, Post::Merchant(merchant.merchant, role))?;
        self.store.write(|tx| self.create(tx, ctx, &user, new))
    }

    fn create(
        &self,
        tx: &Tx<'_>,
        ctx: &mut Context<'_>,
        user: &UserRow,
        new: &NewUser,
    ) -> Result<Invited, Error> {
        if !tx.insert_user(user)? {
            return Err(Rejected::LoginTaken.into());
        }
        let phone = new.phone.as_ref().map(|phone| self.keys.blind_index("phone", phone.reveal()));
        tx.insert_secrets(&SecretsRow::none(user.id, phone))?;
        let body = json!({ "event": "user_created", "roles": role_words(user.post) });
        record(tx, ctx, &user.created_by, &user.id, body)?;
        Ok(invite(tx, ctx, user.id)?)
    }

    /// Everybody who can log in, could, or was invited.
    ///
    /// # Errors
    /// An operating fault.
    pub fn users(&self, staff: &StaffCaller) -> Result<Vec<UserView>, Error> {
        staff.must_be(duty::reading_people())?;
        self.user_views(None)
    }

    /// The users of the own merchant.
    ///
    /// # Errors
    /// An operating fault.
    pub fn merchant_users(&self, merchant: MerchantCaller) -> Result<Vec<UserView>, Error> {
        merchant.may(Right::Manage)?;
        self.user_views(Some(merchant.merchant))
    }

    fn user_views(&self, merchant: Option<MerchantId>) -> Result<Vec<UserView>, Error> {
        self.store.read(|tx| {
            let rows = tx.users(merchant)?;
            rows.into_iter()
                .map(|row| {
                    let secrets = tx.secrets(row.id)?;
                    let attempts = tx.attempts(&self.login_index(&row.login))?;
                    Ok::<_, Error>(UserView {
                        second_factor: secrets.totp.is_some_and(|totp| totp.active),
                        linked: secrets.oidc.is_some(),
                        locked_until: attempts.locked_until,
                        row,
                    })
                })
                .collect()
        })
    }

    /// Gives a user of the operator other roles. Open logins end.
    ///
    /// # Errors
    /// An unknown user, [`Rejected::Field`], [`Rejected::OwnRoles`], [`Rejected::LastAdministrator`]; an operating
    /// fault.
    pub fn set_roles(
        &self,
        ctx: &mut Context<'_>,
        staff: &StaffCaller,
        id: UserId,
        roles: StaffRoles,
    ) -> Result<(), Error> {
        staff.must_be(duty::people())?;
        check_roles(roles)?;
        if id == staff.user {
            return Err(Rejected::OwnRoles.into());
        }
        self.store.write(|tx| {
            tx.lock_posts()?;
            let row = tx.user_to_change(id)?.filter(|row| matches!(row.post, Post::Staff(_)));
            let mut row = row.ok_or(Rejected::user())?;
            row.post = Post::Staff(roles);
            change(tx, ctx, &staff.name, &row, "roles_set")
        })
    }

    /// Gives a user of the own merchant another role. Open logins end.
    ///
    /// # Errors
    /// An unknown user, which includes other merchants'; [`Rejected::OwnRoles`]; [`Rejected::TotpMandatory`] when the
    /// new role needs a second factor that the user has not; an operating fault.
    pub fn set_merchant_role(
        &self,
        ctx: &mut Context<'_>,
        merchant: MerchantCaller,
        id: UserId,
        role: MerchantRole,
    ) -> Result<(), Error> {
        merchant.may(Right::Manage)?;
        if let MerchantActor::User { user, session: _ } = merchant.actor
            && user == id
        {
            return Err(Rejected::OwnRoles.into());
        }
        self.store.write(|tx| {
            let mut row = tx.user_to_change(id)?.ok_or(Rejected::user())?;
            match row.post {
                Post::Merchant(of, _) if of == merchant.merchant => row.post = Post::Merchant(of, role),
                Post::Merchant(_, _) | Post::Staff(_) => return Err(Rejected::user().into()),
            }
            let has_one = tx.secrets(id)?.totp.is_some_and(|totp| totp.active);
            if row.state == UserState::Active && needs_second_factor(row.post) && !has_one {
                return Err(Rejected::TotpMandatory.into());
            }
            change(tx, ctx, &merchant.name(), &row, "roles_set")
        })
    }

    /// Takes password, second factor, passkeys and logins from a user, and invites the user anew: for whoever lost one of them.
    ///
    /// # Errors
    /// An unknown user, [`Rejected::RoleMissing`], [`Rejected::LastAdministrator`]; an operating fault.
    pub fn reset_user(&self, ctx: &mut Context<'_>, caller: &Caller, id: UserId) -> Result<Invited, Error> {
        self.store.write(|tx| {
            let (by, mut row) = managed(tx, caller, id)?;
            row.state = UserState::Invited;
            change(tx, ctx, &by, &row, "user_reset")?;
            let secrets = tx.secrets(id)?;
            tx.update_secrets(&SecretsRow::none(id, secrets.phone_index))?;
            tx.delete_passkeys(&id.to_string())?;
            tx.forget_attempts(&self.login_index(&row.login))?;
            Ok(invite(tx, ctx, id)?)
        })
    }

    /// Ends a user: open logins, invitation and keys with it. What the user did stays on record.
    ///
    /// # Errors
    /// An unknown user, [`Rejected::RoleMissing`], [`Rejected::LastAdministrator`]; an operating fault.
    pub fn disable_user(&self, ctx: &mut Context<'_>, caller: &Caller, id: UserId) -> Result<(), Error> {
        self.store.write(|tx| {
            let (by, mut row) = managed(tx, caller, id)?;
            row.state = UserState::Disabled;
            tx.end_invitation(id)?;
            change(tx, ctx, &by, &row, "user_disabled")
        })
    }

    /// Lets a disabled user log in again as before; one who never chose a password needs a new invitation as well.
    ///
    /// # Errors
    /// An unknown user, [`Rejected::RoleMissing`]; an operating fault.
    pub fn enable_user(&self, ctx: &mut Context<'_>, caller: &Caller, id: UserId) -> Result<(), Error> {
        self.store.write(|tx| {
            let (by, mut row) = managed(tx, caller, id)?;
            if row.state != UserState::Disabled {
                return Ok(());
            }
            let secrets = tx.secrets(id)?;
            let proven = secrets.totp.is_some_and(|totp| totp.active) || !needs_second_factor(row.post);
            let whole = secrets.password_hash.is_some() && proven;
            row.state = if whole { UserState::Active } else { UserState::Invited };
            change(tx, ctx, &by, &row, "user_enabled")
        })
    }

    /// What guesses at a login are counted under.
    pub(crate) fn login_index(&self, login: &str) -> [u8; 32] {
        self.keys.blind_index("login", &login.trim().to_lowercase())
    }
}

fn user_row(ctx: &mut Context<'_>, by: &str, new: &NewUser, post: Post) -> Result<UserRow, Error> {
    Ok(UserRow {
        id: UserId::generate(ctx.now, ctx.random),
        post,
        login: check_login(&new.login)?,
        name: text_field("name", &new.name, 100, "a name of 1 to 100 characters")?,
        state: UserState::Invited,
        created_at: ctx.now,
        created_by: by.to_owned(),
    })
}

/// Writes what became of a user: open logins end, it is recorded, and an administrator is left.
fn change(
    tx: &Tx<'_>,
    ctx: &mut Context<'_>,
    by: &str,
    row: &UserRow,
    event: &'static str,
) -> Result<(), Error> {
    tx.update_user(row)?;
    tx.revoke_credentials(&row.id.to_string(), None, ctx.now)?;
    if matches!(row.post, Post::Staff(_)) && !tx.users(None)?.iter().any(administers) {
        return Err(Rejected::LastAdministrator.into());
    }
    record(tx, ctx, by, &row.id, json!({ "event": event, "roles": role_words(row.post) }))?;
    Ok(())
}

fn administers(row: &UserRow) -> bool {
    match row.post {
        Post::Staff(roles) => row.state == UserState::Active && roles.contains(StaffRole::Administrator),
        Post::Merchant(_, _) => false,
    }
}

/// The user, locked, and the name of who may make and end that user: administrators the operator's, merchant care
/// owners, and owners their own merchant's.
fn managed(tx: &Tx<'_>, caller: &Caller, id: UserId) -> Result<(String, UserRow), Error> {
    let by = match caller {
        Caller::Staff(staff) => staff.name.clone(),
        Caller::Merchant(merchant) => {
            merchant.may(Right::Manage)?;
            merchant.name()
        }
        Caller::Terminal(_) | Caller::Payer(_) => {
            return Err(Rejected::WrongRole { needed: "staff or merchant" }.into());
        }
    };
    if let Caller::Staff(staff) = caller {
        staff.must_be(duty::people() | duty::merchants())?;
    }
    tx.lock_posts()?;
    let row = tx.user_to_change(id)?.ok_or(Rejected::user())?;
    match (caller, row.post) {
        (Caller::Staff(staff), Post::Staff(_)) => staff.must_be(duty::people())?,
        (Caller::Staff(staff), Post::Merchant(_, MerchantRole::Owner)) => {
            staff.must_be(duty::merchants())?;
        }
        (Caller::Merchant(merchant), Post::Merchant(of, _)) if of == merchant.merchant => {}
        (Caller::Staff(_) | Caller::Merchant(_) | Caller::Terminal(_) | Caller::Payer(_), _) => {
            return Err(Rejected::user().into());
        }
    }
    Ok((by, row))
}

/// Draws an invitation and writes its fingerprint.
fn invite(tx: &Tx<'_>, ctx: &mut Context<'_>, user: UserId) -> anyhow::Result<Invited> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    ctx.random.fill_bytes(&mut *bytes);
    let invitation = Zeroizing::new(format!("inv_{}", hex::encode(*bytes)));
    let expires_at = ctx.now + INVITED_FOR;
    let row = InvitationRow { user, created_at: ctx.now, expires_at };
    tx.invite(&row, &evidence::digest(invitation.as_bytes()).0)?;
    Ok(Invited { user, invitation, expires_at })
}

fn check_roles(roles: StaffRoles) -> Result<(), Rejected> {
    if roles.is_empty() { Err(Rejected::Field { field: "roles", what: "at least one role" }) } else { Ok(()) }
}

/// Logins are names in records, so none may look like another actor's.
fn check_login(login: &str) -> Result<String, Rejected> {
    let login = login.trim().to_lowercase();
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | '@');
    if !(3..=64).contains(&login.len()) || !login.chars().all(known) || login == OURS {
        let what = "3 to 64 letters, digits and . - + @; an e-mail address is good";
        return Err(Rejected::Field { field: "login", what });
    }
    Ok(login)
}

/// Roles in records.
fn role_words(post: Post) -> serde_json::Value {
    match post {
        Post::Staff(roles) => json!(roles),
        Post::Merchant(_, role) => json!([role]),
    }
}
