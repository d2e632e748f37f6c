//! Four eyes, and breaking the glass.

use api::{
    BreakGlassList, BreakGlassView, DisputeStaffView, EvidenceView, FindingRequest, Funding, Invited,
    NewBreakGlass, NewUser,
};
use scenario::{CallError, Client, Member};
use types::{Amount, StaffRole, StaffRoles};

use super::who;
use crate::database::{Dump, tamper};
use crate::fixture::{Fixture, PHONE, Setup, somebody, transfer, yuan};
use crate::money::refused;

/// A compensation that waits for a second person, because the reserve is short; the reserve is filled since.
fn waiting() -> Fixture {
    let fixture = Fixture::with(&Setup { reserve_fen: 1_999, ..Setup::default() });
    let funding = Funding { transfer_id: transfer(77), amount: yuan(10_000) };
    let _: Amount = fixture.staff.post("/v1/reserve/fundings", &funding).unwrap();
    fixture
}

fn approve(fixture: &Fixture, client: &Client) -> Result<DisputeStaffView, CallError> {
    client.post_empty(&format!("/v1/disputes/{}/compensation", fixture.dispute_id))
}

fn find(fixture: &Fixture, client: &Client) {
    let finding = FindingRequest { finding: "wrong_person".to_owned(), note: "another face".to_owned() };
    let path = format!("/v1/disputes/{}/finding", fixture.dispute_id);
    let _: DisputeStaffView = client.post(&path, &finding).unwrap();
}

fn take(client: &Client, roles: impl Into<StaffRoles>, minutes: u32) -> Result<BreakGlassView, CallError> {
    let reason = "nobody else can be reached tonight".to_owned();
    client.post("/v1/break-glass", &NewBreakGlass { reason, roles: roles.into(), minutes })
}

#[test]
fn who_found_does_not_approve() {
    let fixture = waiting();
    find(&fixture, &fixture.staff);
    refused(approve(&fixture, &fixture.staff), "own_request");
    let other = somebody(&fixture.admin, "wang");
    approve(&fixture, &other).unwrap();
    fixture.verify();
}

#[test]
fn who_asked_for_it_does_not_approve() {
    let fixture = Fixture::with(&Setup { reserve_fen: 1_999, ..Setup::default() });
    // As after a failure between filing and deciding.
    let sql = "UPDATE disputes SET state = replace(state, '\"awaiting_approval\"', '\"undecided\"')";
    assert_eq!(tamper(&fixture.server, sql), 1);
    let other = somebody(&fixture.admin, "wang");
    let _: EvidenceView = other.post_empty(&format!("/v1/disputes/{}/gather", fixture.dispute_id)).unwrap();
    let funding = Funding { transfer_id: transfer(77), amount: yuan(10_000) };
    let _: Amount = other.post("/v1/reserve/fundings", &funding).unwrap();
    refused(approve(&fixture, &other), "own_request");
    approve(&fixture, &fixture.staff).unwrap();
    fixture.verify();
}

#[test]
fn the_payer_in_person_does_not_approve() {
    let fixture = waiting();
    let login = "wang".to_owned();
    let new = NewUser {
        login: login.clone(),
        name: login,
        roles: StaffRole::Approver.into(),
        phone: Some(PHONE.parse().unwrap()),
    };
    let invited: Invited = fixture.admin.post("/v1/users", &new).unwrap();
    let payer = Member::join(&fixture.anybody, &invited).unwrap().log_in(&fixture.anybody).unwrap();
    refused(approve(&fixture, &payer), "own_request");
    let funding = Funding { transfer_id: transfer(78), amount: yuan(1) };
    let path = format!("/v1/payers/{}/top-ups", fixture.payer_id);
    refused(payer.post::<Amount>(&path, &funding), "own_request");
    approve(&fixture, &fixture.staff).unwrap();
}

#[test]
fn broken_glass_gives_roles_for_a_while_and_lifts_no_rule() {
    let fixture = waiting();
    let wang = scenario::staff(&fixture.admin, "wang", StaffRole::Investigator.into()).unwrap();
    find(&fixture, &wang);
    refused(approve(&fixture, &wang), "role_missing");
    for roles in
        [StaffRoles::empty(), StaffRole::Administrator.into(), StaffRole::Auditor | StaffRole::Approver]
    {
        refused(take(&wang, roles, 5), "field_invalid");
    }
    for minutes in [0, 61] {
        refused(take(&wang, StaffRole::Approver, minutes), "field_invalid");
    }
    let why = NewBreakGlass { reason: "too short".to_owned(), roles: StaffRole::Approver.into(), minutes: 5 };
    refused(wang.post::<BreakGlassView>("/v1/break-glass", &why), "field_invalid");

    let taken = take(&wang, StaffRole::Approver, 5).unwrap();
    assert_eq!(who(&wang).unwrap().roles, StaffRole::Investigator | StaffRole::Approver);
    refused(approve(&fixture, &wang), "own_request");
    let funding = Funding { transfer_id: transfer(79), amount: yuan(1) };
    let _: Amount = wang.post("/v1/reserve/fundings", &funding).unwrap();
    let events = Dump::of(&fixture.server).table("events").to_vec();
    let actor = format!("\"actor\":\"wang under {}\"", taken.break_glass_id);
    assert!(events.iter().any(|row| row.contains(&actor) && row.contains("money_in")), "{actor}");
    assert!(events.iter().any(|row| row.contains("glass_broken") && row.contains("nobody else can")));

    refused(wang.get::<BreakGlassList>("/v1/break-glass"), "role_missing");
    let seen: BreakGlassList = fixture.staff.get("/v1/break-glass").unwrap();
    assert_eq!((seen.break_glass.len(), seen.break_glass[0].login.as_str()), (1, "wang"));

    let end = |client: &Client| -> Result<(), CallError> {
        client.post_empty(&format!("/v1/break-glass/{}/end", taken.break_glass_id))
    };
    refused(end(&fixture.staff), "role_missing");
    end(&fixture.admin).unwrap();
    refused(end(&fixture.admin), "break_glass_over");
    refused(approve(&fixture, &wang), "role_missing");

    take(&wang, StaffRole::Approver, 1).unwrap();
    tamper(&fixture.server, "UPDATE break_glass SET expires_at = expires_at - 60000000");
    assert_eq!(who(&wang).unwrap().roles, StaffRole::Investigator, "it ends by itself");
}
