//! Two who look alike always show more than a face; one person with two accounts is noticed.

use api::{Check, DuplicateAccountList, SessionView, Stage};
use types::StaffRole;

use super::{another, count, named, portraits, snapshots, wait_for};
use crate::database::{Dump, tamper};
use crate::fixture::{Fixture, attempt_at, capture, enrol_with};

#[test]
fn a_second_account_of_one_person_is_noticed() {
    let fixture = Fixture::new();
    assert_eq!(count(&fixture.server, "look_alikes"), 0);
    let asked = "/v1/duplicate-accounts?purpose=security";
    let found: DuplicateAccountList = fixture.staff.get(asked).unwrap();
    assert_eq!(found.duplicates, []);

    let (twice, client) = named(&fixture, "+8613700010399", "Li Hua");
    enrol_with(&client, snapshots("P001"), true);
    let found: DuplicateAccountList = fixture.staff.get(asked).unwrap();
    let mut pair = [fixture.payer_id, twice];
    pair.sort_unstable();
    assert_eq!(found.duplicates.len(), 1);
    assert_eq!(found.duplicates[0].payers, pair);
    assert!(found.duplicates[0].score > 0.7, "{}", found.duplicates[0].score);
    let looks = Dump::of(&fixture.server).table("access_log").join("\n");
    assert!(looks.contains("duplicate accounts") && looks.contains(&twice.to_string()), "the look is logged");
    let events = Dump::of(&fixture.server).table("events").join("\n");
    assert_eq!(events.matches("duplicate_account_suspected").count(), 1, "said once");
    let clerk = scenario::staff(&fixture.admin, "care", StaffRole::MerchantCare.into()).unwrap();
    assert!(clerk.get::<DuplicateAccountList>(asked).is_err());
}

#[test]
fn look_alikes_are_recorded_both_ways() {
    let fixture = Fixture::new();
    // P004 and P010 are look-alikes of each other, not of P001.
    let (one, client) = another(&fixture, "+8613700010321");
    enrol_with(&client, portraits("P004"), true);
    let (other, client) = named(&fixture, "+8613700010322", "Li Hua");
    enrol_with(&client, portraits("P010"), true);
    let rows = Dump::of(&fixture.server).table("look_alikes").join("\n");
    assert!(rows.contains(&one.to_string()) && rows.contains(&other.to_string()), "{rows}");
    assert!(!rows.contains(&fixture.payer_id.to_string()) && rows.contains("\"look_alike\""), "{rows}");
    assert_eq!(count(&fixture.server, "look_alikes"), 2, "both ways");
}

/// As alike as two people may be, but both accounts bear one name and one birth date.
#[test]
fn a_namesake_born_on_the_same_day_is_taken_for_one_person() {
    let fixture = Fixture::new();
    let (_, client) = another(&fixture, "+8613700010321");
    enrol_with(&client, portraits("P004"), true);
    let (_, client) = another(&fixture, "+8613700010322");
    enrol_with(&client, portraits("P010"), true);
    let rows = Dump::of(&fixture.server).table("look_alikes").join("\n");
    assert!(rows.contains("same_person") && !rows.contains("\"look_alike\""), "{rows}");
}

/// Forgotten pairs are found again, and pairs that are none any more are forgotten.
#[test]
fn the_background_looks_again() {
    let mut fixture = Fixture::new();
    let (one, client) = another(&fixture, "+8613700010321");
    enrol_with(&client, portraits("P004"), true);
    let (_, client) = another(&fixture, "+8613700010322");
    enrol_with(&client, portraits("P010"), true);
    assert_eq!(count(&fixture.server, "look_alikes"), 2);
    let finished = |fixture: &Fixture| {
        let view: api::GalleryView = fixture.staff.get("/v1/gallery").unwrap();
        let job = view.jobs.into_iter().find(|job| job.name == "look_alikes");
        job.filter(|job| job.finished_at.is_some()).map(|job| (job.done, job.wanted))
    };
    wait_for("a search over all three", || finished(&fixture) == Some((3, 3)));
    let none = format!("UPDATE look_alikes SET other_id = '{}' WHERE payer_id = '{one}'", fixture.payer_id);
    assert_eq!(tamper(&fixture.server, &none), 1);
    assert_eq!(tamper(&fixture.server, &format!("DELETE FROM look_alikes WHERE other_id = '{one}'")), 1);
    assert_eq!(
        tamper(
            &fixture.server,
            "UPDATE gallery_jobs SET purpose = 'another calibration' WHERE name = 'look_alikes'"
        ),
        1
    );
    fixture.restart(None).unwrap();
    wait_for("the pair is found again", || {
        let rows = Dump::of(&fixture.server).table("look_alikes").join("\n");
        !rows.contains(&fixture.payer_id.to_string()) && rows.lines().count() == 2
    });
    wait_for("and the work is over", || finished(&fixture) == Some((3, 3)));
}

/// A payer with a look-alike has to show a strong factor even where the face alone would do.
#[test]
fn a_recorded_look_alike_asks_for_a_strong_factor() {
    let fixture = Fixture::new();
    let (twice, client) = another(&fixture, "+8613700010399");
    enrol_with(&client, portraits("P003"), true);
    let pay = |number: &str| {
        let order = crate::fixture::new_order(fixture.terminal_id, number);
        let order = api::NewOrder {
            amount: crate::fixture::yuan(1_000 + i64::try_from(number.len()).unwrap()),
            ..order
        };
        let attempt = attempt_at(&fixture.merchant, &fixture.terminal, &order);
        let path = format!("/v1/capture-sessions/{}/capture", attempt.session.session_id);
        fixture.terminal.post::<SessionView>(&path, &capture(&attempt)).unwrap().state
    };
    let before = pay("before");
    let row = format!(
        "INSERT INTO look_alikes (payer_id, other_id, score, kind, found_at)
         VALUES ('{}', '{twice}', 0.6, 'look_alike', 1)",
        fixture.payer_id
    );
    assert_eq!(tamper(&fixture.server, &row), 1);
    let after = pay("afterwards");
    let strong = |stage: &Stage| {
        matches!(stage, Stage::AwaitingCheck { ask: Check::Pin | Check::OwnDevice, repeated: _ })
    };
    assert!(!strong(&before), "{before:?}");
    assert!(matches!(after, Stage::AwaitingCheck { ask: _, repeated: _ }), "{after:?}");
}
