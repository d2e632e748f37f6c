//! People of the operator and of merchants: invited, logging in, changed, ended; and what one person alone may not.

mod approvals;
mod browsers;
mod guessing;
mod merchants;
mod oidc;

use std::process::Command;

use api::{
    AcceptInvitation, Accepted, ChangePassword, ConfirmInvitation, Invited, LoginView, NewLogin, NewUser,
    OpenLoginList, SetRoles, UserList, UserState, UserView,
};
use scenario::{Authenticator, Client, Member, PASSWORD};
use types::{StaffRole, StaffRoles, UserId};

use crate::database::{Dump, tamper};
use crate::fixture::Fixture;
use crate::money::{put, refused};

pub(crate) fn invite(admin: &Client, login: &str, roles: impl Into<StaffRoles>) -> Invited {
    let new = NewUser { login: login.to_owned(), name: "Li Na".to_owned(), roles: roles.into(), phone: None };
    admin.post("/v1/users", &new).unwrap()
}

fn accept(anybody: &Client, invited: &Invited, password: &str) -> Result<Accepted, scenario::CallError> {
    let invitation = invited.invitation.clone();
    let accept = AcceptInvitation { invitation, password: password.to_owned(), without_totp: false };
    anybody.post("/v1/invitations/accept", &accept)
}

fn confirm(anybody: &Client, invited: &Invited, code: String) -> Result<(), scenario::CallError> {
    let invitation = invited.invitation.clone();
    anybody.post("/v1/invitations/confirm", &ConfirmInvitation { invitation, code })
}

fn who(client: &Client) -> Result<LoginView, scenario::CallError> {
    client.get("/v1/login")
}

pub(crate) fn user(admin: &Client, id: UserId) -> UserView {
    let list: UserList = admin.get("/v1/users").unwrap();
    list.users.into_iter().find(|user| user.user_id == id).unwrap()
}

/// Changes a user; the answer says nothing.
fn act(client: &Client, id: UserId, what: &str) -> Result<(), scenario::CallError> {
    client.post_empty(&format!("/v1/users/{id}/{what}"))
}

/// Changes what somebody may do.
fn try_put(client: &Client, path: &str, body: &impl serde::Serialize) -> Result<(), scenario::CallError> {
    let body = serde_json::to_vec(body).unwrap();
    let call = scenario::RawCall { method: "PUT", path, content_type: Some("application/json"), body: &body };
    client.send(call).unwrap().read()
}

#[test]
fn a_new_user_proves_the_second_factor_and_each_code_counts_once() {
    let fixture = Fixture::new();
    let (admin, anybody) = (&fixture.admin, &fixture.anybody);
    let invited = invite(admin, "Wang.Fang@Example.org", StaffRole::Auditor);
    assert_eq!(user(admin, invited.user_id).state, UserState::Invited);
    refused(admin.post::<Invited>("/v1/users", &again(&invited)), "login_taken");

    let login = "wang.fang@example.org";
    for weak in ["eleven char", "wang.fang@example.org", "passwordpassword", "zzzzzzzzzzzzzzzz"] {
        refused(accept(anybody, &invited, weak), "password_weak");
    }
    let first = accept(anybody, &invited, PASSWORD).unwrap();
    let second = accept(anybody, &invited, PASSWORD).unwrap();
    assert_eq!(second.login, login);
    let setup = second.totp.unwrap();
    assert!(setup.uri.starts_with("otpauth://totp/Surety:wang.fang") && setup.uri.contains(&setup.secret));
    let old = Authenticator::new(&first.totp.unwrap().secret).unwrap();
    let totp = Authenticator::new(&setup.secret).unwrap();

    let member = Member { login: login.to_owned(), authenticator: Some(totp.clone()) };
    refused(anybody.post::<api::Login>("/v1/logins", &member.proof()), "login_wrong");
    refused(confirm(anybody, &invited, "000000".to_owned()), "totp_wrong");
    refused(confirm(anybody, &invited, old.code()), "totp_wrong");
    let shown = totp.code();
    confirm(anybody, &invited, shown.clone()).unwrap();
    refused(confirm(anybody, &invited, totp.next_code()), "invitation_wrong");
    refused(accept(anybody, &invited, PASSWORD), "invitation_wrong");
    assert_eq!(user(admin, invited.user_id).state, UserState::Active);

    let proof = member.proof();
    let taken: NewLogin = NewLogin { totp: Some(shown), ..proof.clone() };
    refused(anybody.post::<api::Login>("/v1/logins", &taken), "login_wrong");
    let session = member.log_in(anybody).unwrap();
    refused(anybody.post::<api::Login>("/v1/logins", &proof), "login_wrong");
    let me = who(&session).unwrap();
    assert_eq!((me.login.as_str(), me.roles), (login, StaffRole::Auditor.into()));
    assert!(me.csrf_token.is_none() && me.expires_at.is_some());
    // The invitation and the password are nowhere in the books.
    let books = crate::database::Dump::of(&fixture.server).text();
    for secret in [&invited.invitation, PASSWORD, &setup.secret, session.key().unwrap()] {
        assert!(!books.contains(secret), "{secret}");
    }
}

fn again(invited: &Invited) -> NewUser {
    let login = "wang.fang@EXAMPLE.org".to_owned();
    NewUser { login, name: invited.user_id.to_string(), roles: StaffRole::Auditor.into(), phone: None }
}

#[test]
fn an_invitation_ends_after_three_days_and_by_a_new_one() {
    let fixture = Fixture::new();
    let (admin, anybody) = (&fixture.admin, &fixture.anybody);
    let first = invite(admin, "wang", StaffRole::Auditor);
    let second: Invited = admin.post_empty(&format!("/v1/users/{}/reset", first.user_id)).unwrap();
    refused(accept(anybody, &first, PASSWORD), "invitation_wrong");
    let hours = 72_u64 * 3_600 * 1_000_000;
    tamper(&fixture.server, &format!("UPDATE invitations SET expires_at = expires_at - {hours} + 60000000"));
    accept(anybody, &second, PASSWORD).unwrap();
    tamper(&fixture.server, "UPDATE invitations SET expires_at = expires_at - 60000000");
    refused(accept(anybody, &second, PASSWORD), "invitation_wrong");
}

/// Whoever holds the machine makes a new key while the server runs; the old one is shut, and the records tell of it.
#[test]
fn a_lost_first_key_is_made_anew_on_the_machine() {
    let fixture = Fixture::new();
    let id = who(&fixture.admin).unwrap().user_id;
    tamper(&fixture.server, &format!("UPDATE users SET state = 'disabled' WHERE id = '{id}'"));
    refused(who(&fixture.admin), "key_unknown");
    let mut command = Command::new(env!("CARGO_BIN_EXE_surety"));
    command.env_remove("SURETY_DATABASE").arg("renew-operator-key").arg("--data").arg(fixture.server.data());
    if let Some(url) = fixture.server.database() {
        command.args(["--database", url]);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    refused(who(&fixture.admin), "key_unknown");
    let key = std::fs::read_to_string(fixture.server.data().join("staff.key")).unwrap();
    assert_eq!(who(&fixture.anybody.with_key(&key)).unwrap().user_id, id);
    let events = Dump::of(&fixture.server);
    assert!(events.table("events").iter().any(|event| event.contains("operator_key_renewed")));
}

#[test]
fn what_is_taken_away_is_gone_at_once() {
    let fixture = Fixture::new();
    let (admin, anybody) = (&fixture.admin, &fixture.anybody);
    let invited = invite(admin, "wang", StaffRole::Administrator | StaffRole::Auditor);
    let id = invited.user_id;
    let member = Member::join(anybody, &invited).unwrap();
    let wang = member.log_in(anybody).unwrap();

    // Nobody changes the own roles, and somebody administers.
    let operator = who(admin).unwrap().user_id;
    let auditor = SetRoles { roles: StaffRole::Auditor.into() };
    for (client, own) in [(admin, operator), (&wang, id)] {
        refused(try_put(client, &format!("/v1/users/{own}/roles"), &auditor), "own_roles");
    }
    let () = put(admin, &format!("/v1/users/{id}/roles"), &auditor);
    refused(who(&wang), "key_unknown");
    refused(act(admin, operator, "disable"), "last_administrator");
    refused(act(admin, operator, "reset"), "last_administrator");
    who(admin).unwrap();

    next_step(&fixture);
    let wang = member.log_in(anybody).unwrap();
    assert_eq!(who(&wang).unwrap().roles, StaffRole::Auditor);
    refused(wang.post::<Invited>("/v1/users", &again(&invited)), "role_missing");
    act(admin, id, "disable").unwrap();
    refused(who(&wang), "key_unknown");
    next_step(&fixture);
    refused(member.log_in(anybody), "login_wrong");
    act(admin, id, "enable").unwrap();
    let wang = member.log_in(anybody).unwrap();

    // Who lost the second factor begins anew.
    let invited: Invited = admin.post_empty(&format!("/v1/users/{id}/reset")).unwrap();
    refused(who(&wang), "key_unknown");
    next_step(&fixture);
    refused(member.log_in(anybody), "login_wrong");
    Member::join(anybody, &invited).unwrap().log_in(anybody).unwrap();
}

/// Half a minute passes: codes that were taken lie a step further back.
pub(crate) fn next_step(fixture: &Fixture) {
    tamper(&fixture.server, "UPDATE user_secrets SET totp_step = totp_step - 1 WHERE totp_step IS NOT NULL");
}

#[test]
fn a_changed_password_ends_the_other_logins() {
    let fixture = Fixture::new();
    let anybody = &fixture.anybody;
    let member = Member::join(anybody, &invite(&fixture.admin, "wang", StaffRole::Auditor)).unwrap();
    let here = member.log_in(anybody).unwrap();
    next_step(&fixture);
    let elsewhere = member.log_in(anybody).unwrap();
    let open: OpenLoginList = here.get("/v1/logins").unwrap();
    assert_eq!(open.logins.iter().map(|login| login.current).collect::<Vec<_>>(), [true, false]);

    let change = |old: &str, new: &str| {
        let change = ChangePassword { old: old.to_owned(), new: new.to_owned() };
        try_put(&here, "/v1/login/password", &change)
    };
    refused(change("not this one at all", "another horse battery"), "login_wrong");
    refused(change(PASSWORD, "short"), "password_weak");
    change(PASSWORD, "another horse battery").unwrap();
    refused(who(&elsewhere), "key_unknown");
    who(&here).unwrap();
    next_step(&fixture);
    refused(member.log_in(anybody), "login_wrong");
    let proof = NewLogin { password: "another horse battery".to_owned(), ..member.proof() };
    let _: api::Login = anybody.post("/v1/logins", &proof).unwrap();

    let () = here.delete("/v1/logins").unwrap();
    refused(who(&here), "key_unknown");
}

#[test]
fn a_login_ends_after_twelve_hours() {
    let fixture = Fixture::new();
    let hours = 12_u64 * 3_600 * 1_000_000;
    let pass = |micros: u64| {
        let sql = "UPDATE credentials SET expires_at = expires_at - ";
        tamper(&fixture.server, &format!("{sql}{micros} WHERE expires_at IS NOT NULL"));
    };
    pass(hours - 60_000_000);
    who(&fixture.staff).unwrap();
    pass(60_000_000);
    refused(who(&fixture.staff), "key_unknown");
    who(&fixture.admin).unwrap();
}
