//! People of the operator and of merchants.

use serde::{Deserialize, Serialize};
use types::{MerchantId, MerchantRole, PhoneNumber, StaffRoles, Timestamp, UserId};
use utoipa::ToSchema;

use crate::schema::{MerchantRoleSchema, StaffRoleSchema};

/// Somebody of the operator's staff.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// What is typed to log in: 3 to 64 letters, digits and `. - + @`; an e-mail address where people come from an
    /// OpenID provider.
    #[schema(example = "li.na@example.org")]
    pub login: String,
    /// What others read; 1 to 100 characters.
    pub name: String,
    /// What the user is trusted with; at least one.
    #[schema(value_type = Vec<StaffRoleSchema>)]
    pub roles: StaffRoles,
    /// The user's own phone number, so that nobody approves money to the own account. Only a fingerprint is kept.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub phone: Option<PhoneNumber>,
}

/// The first owner of a merchant.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOwner {
    /// What is typed to log in, as for [`NewUser`].
    pub login: String,
    /// What others read; 1 to 100 characters.
    pub name: String,
}

/// Somebody who works for the own merchant.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMerchantUser {
    /// What is typed to log in, as for [`NewUser`].
    pub login: String,
    /// What others read; 1 to 100 characters.
    pub name: String,
    /// What the user may do.
    #[schema(value_type = MerchantRoleSchema)]
    pub role: MerchantRole,
}

/// A user who has to choose a password. The invitation is shown once.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct Invited {
    /// The user.
    #[schema(value_type = String)]
    pub user_id: UserId,
    /// Hand it over on a way you trust; whoever has it becomes the user.
    pub invitation: String,
    /// Until when it opens anything.
    #[schema(value_type = String)]
    pub expires_at: Timestamp,
}

/// Whether a user can log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UserState {
    /// Not yet: the invitation is open or has expired.
    Invited,
    /// Yes.
    Active,
    /// Not any more.
    Disabled,
}

/// A user.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct UserView {
    /// The id.
    #[schema(value_type = String)]
    pub user_id: UserId,
    /// The merchant that the user works for; none: the operator.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(value_type = Option<String>)]
    pub merchant_id: Option<MerchantId>,
    /// What is typed to log in.
    pub login: String,
    /// What others read.
    pub name: String,
    /// What a member of staff is trusted with; empty for merchants' users.
    #[schema(value_type = Vec<StaffRoleSchema>)]
    pub roles: StaffRoles,
    /// What a merchant's user is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(value_type = Option<MerchantRoleSchema>)]
    pub role: Option<MerchantRole>,
    /// Can the user log in?
    pub state: UserState,
    /// Is a second factor active?
    pub second_factor: bool,
    /// Linked to the OpenID provider?
    pub linked: bool,
    /// After too many wrong logins: until when it is locked, or was.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(value_type = Option<String>)]
    pub locked_until: Option<Timestamp>,
    /// Since when.
    #[schema(value_type = String)]
    pub created_at: Timestamp,
    /// Who made the user.
    pub created_by: String,
}

/// Users, by login.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct UserList {
    /// Each.
    pub users: Vec<UserView>,
}

/// Other roles for a member of staff.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetRoles {
    /// What the user is trusted with from now on; at least one.
    #[schema(value_type = Vec<StaffRoleSchema>)]
    pub roles: StaffRoles,
}

/// Another role for a merchant's user.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetMerchantRole {
    /// What the user is from now on.
    #[schema(value_type = MerchantRoleSchema)]
    pub role: MerchantRole,
}
