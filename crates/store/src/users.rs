//! People who work for the operator or for a merchant.

use anyhow::{Context, Result, bail};
use types::{MerchantId, MerchantRole, StaffRoles, Timestamp, UserId};

use crate::Tx;
use crate::value::{Row, json, text};

/// For whom somebody works, and as what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Post {
    /// For the operator.
    Staff(StaffRoles),
    /// For a merchant.
    Merchant(MerchantId, MerchantRole),
}

/// Whether a user can log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserState {
    /// Not yet: the invitation is open.
    Invited,
    /// Yes.
    Active,
    /// Not any more.
    Disabled,
}

impl UserState {
    /// As stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Invited => "invited",
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
    }

    fn parse(text: &str) -> Result<Self> {
        Ok(match text {
            "invited" => Self::Invited,
            "active" => Self::Active,
            "disabled" => Self::Disabled,
            other => bail!("column state is damaged: {other:?}"),
        })
    }
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRow {
    /// The id.
    pub id: UserId,
    /// For whom, and as what.
    pub post: Post,
    /// What is typed to log in; one user's only.
    pub login: String,
    /// What others read.
    pub name: String,
    /// Can the user log in?
    pub state: UserState,
    /// Since when.
    pub created_at: Timestamp,
    /// Who made the user.
    pub created_by: String,
}

impl Tx<'_> {
    /// Adds a user; `false` when the login is taken.
    ///
    /// # Errors
    /// The database fails.
    pub fn insert_user(&self, row: &UserRow) -> Result<bool> {
        let (merchant, roles) = match row.post {
            Post::Staff(roles) => (None, json(&roles)?),
            Post::Merchant(merchant, role) => (Some(merchant.to_string()), json(&[role])?),
        };
        let inserted = self.execute(
            "INSERT INTO users (id, merchant_id, login, name, roles, state, created_at, created_by)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (login) DO NOTHING",
            &[
                text(row.id),
                merchant.as_deref().into(),
                row.login.as_str().into(),
                row.name.as_str().into(),
                roles,
                row.state.name().into(),
                row.created_at.into(),
                row.created_by.as_str().into(),
            ],
        )?;
        Ok(inserted == 1)
    }

    /// Has the merchant somebody who can log in and may do everything?
    ///
    /// # Errors
    /// The database fails.
    pub fn has_active_owner(&self, merchant: MerchantId) -> Result<bool> {
        let sql =
            "SELECT count(*) AS n FROM users WHERE merchant_id = ?1 AND state = 'active' AND roles = ?2";
        Ok(self.number(sql, &[text(merchant), json(&[MerchantRole::Owner])?])? != 0)
    }

    /// The user, if there is one.
    ///
    /// # Errors
    /// The database fails.
    pub fn user(&self, id: UserId) -> Result<Option<UserRow>> {
        self.first("SELECT * FROM users WHERE id = ?1", &[text(id)], read_user)
    }

    /// The user, if there is one, locked: for whoever decides by it.
    ///
    /// # Errors
    /// The database fails.
    pub fn user_to_change(&self, id: UserId) -> Result<Option<UserRow>> {
        self.first_locked("SELECT * FROM users WHERE id = ?1", &[text(id)], read_user)
    }

    /// The user who types this to log in, if there is one.
    ///
    /// # Errors
    /// The database fails.
    pub fn user_of_login(&self, login: &str) -> Result<Option<UserRow>> {
        self.first("SELECT * FROM users WHERE login = ?1", &[login.into()], read_user)
    }

    /// Users by login: everybody, or those of one merchant.
    ///
    /// # Errors
    /// The database fails.
    pub fn users(&self, merchant: Option<MerchantId>) -> Result<Vec<UserRow>> {
        match merchant {
            None => self.all("SELECT * FROM users ORDER BY login", &[], read_user),
            Some(merchant) => {
                let sql = "SELECT * FROM users WHERE merchant_id = ?1 ORDER BY login";
                self.all(sql, &[text(merchant)], read_user)
            }
        }
    }

    /// Is there anybody who could log in or be invited?
    ///
    /// # Errors
    /// The database fails.
    pub fn has_users(&self) -> Result<bool> {
        Ok(self.number("SELECT count(*) AS n FROM users", &[])? != 0)
    }

    /// Waits until nobody else changes who is an administrator or owner, and keeps others waiting until this
    /// transaction ends: for rules about the last one of them.
    ///
    /// # Errors
    /// The database fails.
    pub fn lock_posts(&self) -> Result<()> {
        self.lock_name("posts")
    }

    /// Writes the post and the state of a user.
    ///
    /// # Errors
    /// The database fails.
    pub fn update_user(&self, row: &UserRow) -> Result<()> {
        let roles = match row.post {
            Post::Staff(roles) => json(&roles)?,
            Post::Merchant(_, role) => json(&[role])?,
        };
        let sql = "UPDATE users SET roles = ?2, state = ?3 WHERE id = ?1";
        self.execute_one(sql, &[text(row.id), roles, row.state.name().into()])
    }
}

pub(crate) fn read_user(row: &Row<'_>) -> Result<UserRow> {
    let post = match row.optional_parse("merchant_id")? {
        None => Post::Staff(row.json("roles")?),
        Some(merchant) => {
            let [role]: [MerchantRole; 1] = row.json("roles").context("a merchant's user has one role")?;
            Post::Merchant(merchant, role)
        }
    };
    Ok(UserRow {
        id: row.parse("id")?,
        post,
        login: row.string("login")?,
        name: row.string("name")?,
        state: UserState::parse(&row.string("state")?)?,
        created_at: row.time("created_at")?,
        created_by: row.string("created_by")?,
    })
}
