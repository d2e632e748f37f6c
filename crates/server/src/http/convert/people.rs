//! Users, logins, and further roles taken for a while.

use engine::{
    BreakGlassRow, CredentialKind, CredentialRow, Invited, LoginView, Post, UserRow, UserState, UserView,
};
use types::{KeyId, MerchantId, MerchantRole, StaffRoles};

pub(crate) fn invited(invited: &Invited) -> api::Invited {
    api::Invited {
        user_id: invited.user,
        invitation: invited.invitation.to_string(),
        expires_at: invited.expires_at,
    }
}

/// Merchant, roles of staff, role at the merchant.
fn post(post: Post) -> (Option<MerchantId>, StaffRoles, Option<MerchantRole>) {
    match post {
        Post::Staff(roles) => (None, roles, None),
        Post::Merchant(merchant, role) => (Some(merchant), StaffRoles::empty(), Some(role)),
    }
}

pub(crate) fn user(view: UserView) -> api::UserView {
    let UserView { row, second_factor, linked, locked_until } = view;
    let (merchant_id, roles, role) = post(row.post);
    let UserRow { id, post: _, login, name, state, created_at, created_by } = row;
    let state = match state {
        UserState::Invited => api::UserState::Invited,
        UserState::Active => api::UserState::Active,
        UserState::Disabled => api::UserState::Disabled,
    };
    api::UserView {
        user_id: id,
        merchant_id,
        login,
        name,
        roles,
        role,
        state,
        second_factor,
        linked,
        locked_until,
        created_at,
        created_by,
    }
}

pub(crate) fn login(view: LoginView, csrf_token: Option<String>) -> api::LoginView {
    let LoginView { row, session: _, expires_at, taken } = view;
    let (merchant_id, own, role) = post(row.post);
    let roles = taken.iter().fold(own, |roles, taken| roles | taken.roles);
    let break_glass = taken.into_iter().map(|taken| break_glass(taken, row.login.clone())).collect();
    api::LoginView {
        user_id: row.id,
        login: row.login,
        name: row.name,
        merchant_id,
        roles,
        role,
        expires_at,
        csrf_token,
        break_glass,
    }
}

pub(crate) fn open_login(row: CredentialRow, asks: KeyId) -> api::OpenLogin {
    let carrier = match row.kind {
        CredentialKind::Cookie => api::Carrier::Cookie,
        CredentialKind::Bearer | CredentialKind::Signature => api::Carrier::Bearer,
    };
    api::OpenLogin {
        key_id: row.id,
        carrier,
        method: row.label,
        current: row.id == asks,
        created_at: row.created_at,
        expires_at: row.expires_at,
        seen_at: row.seen_at,
    }
}

pub(crate) fn break_glass(row: BreakGlassRow, login: String) -> api::BreakGlassView {
    let (ended_at, ended_by) = row.ended.unzip();
    api::BreakGlassView {
        break_glass_id: row.id,
        login,
        roles: row.roles,
        reason: row.reason,
        created_at: row.created_at,
        expires_at: row.expires_at,
        ended_at,
        ended_by,
    }
}
