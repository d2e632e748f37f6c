//! A confirmed payment renews the template; a disputed one does not, or no longer.

use api::{DisputeView, NotMe};
use types::PaymentId;

use super::{count, wait_for};
use crate::database::{Dump, tamper};
use crate::fixture::{Attempt, Fixture, Setup, attempt_at, new_order, pay, workspace, yuan};

/// The default policy, asking for a strong factor from 10 yuan on.
fn strict() -> Setup {
    let text = std::fs::read_to_string(workspace().join("policy/default.toml")).unwrap();
    let (low, high) = ("up_to_minor = 20000", "up_to_minor = 100000");
    assert!(text.contains(low) && text.contains(high), "the default policy changed");
    let policy = text.replace(low, "up_to_minor = 500").replace(high, "up_to_minor = 1000");
    Setup { policy: Some(policy), ..Setup::default() }
}

fn confirmed(fixture: &Fixture, number: &str) -> PaymentId {
    // Of various amounts, so that none looks like the same purchase again.
    let amount = yuan(1_100 + i64::from(number.bytes().map(u32::from).sum::<u32>()));
    let order = api::NewOrder { amount, ..new_order(fixture.terminal_id, number) };
    let attempt: Attempt = attempt_at(&fixture.merchant, &fixture.terminal, &order);
    pay(&fixture.terminal, &attempt)
}

/// So long ago that it may teach.
fn long_ago(fixture: &Fixture, payment: PaymentId) {
    let fifteen_days = 15 * 24 * 3_600 * 1_000_000_i64;
    let sql = format!("UPDATE payments SET at = at - {fifteen_days} WHERE id = '{payment}'");
    assert_eq!(tamper(&fixture.server, &sql), 1);
    // Where the terminal stood then.
    assert_eq!(tamper(&fixture.server, "UPDATE terminal_places SET from_at = 1"), 1);
}

fn learned(fixture: &Fixture) -> usize {
    Dump::of(&fixture.server).table("template_parts").iter().filter(|row| row.contains("cap_")).count()
}

fn template(fixture: &Fixture) -> Vec<String> {
    Dump::of(&fixture.server).table("templates").to_vec()
}

#[test]
fn a_confirmed_payment_renews_the_template_and_a_dispute_takes_it_out() {
    let fixture = Fixture::with(&strict());
    let (enrolled, before) = (count(&fixture.server, "template_parts"), template(&fixture));
    let payment = confirmed(&fixture, "large");
    long_ago(&fixture, payment);
    wait_for("the template is renewed", || learned(&fixture) == 1);
    let renewed = template(&fixture);
    assert_ne!(before, renewed);
    assert!(renewed[0].contains("\"pictures\":3"), "{}", renewed[0]);
    // The face is still found, by its renewed template.
    confirmed(&fixture, "again");
    fixture.verify();

    let not_me = NotMe { words: "not me".to_owned(), freeze: false };
    let _: DisputeView = fixture.payer.post(&format!("/v1/me/payments/{payment}/not-me"), &not_me).unwrap();
    assert_eq!((learned(&fixture), count(&fixture.server, "template_parts")), (0, enrolled));
    assert!(template(&fixture)[0].contains("\"pictures\":2"));
    let events = Dump::of(&fixture.server).table("events").join("\n");
    assert!(events.contains("template_renewed") && events.contains("template_unlearned"));
    fixture.verify();
}

#[test]
fn what_was_disputed_or_is_too_young_teaches_nothing() {
    let fixture = Fixture::with(&strict());
    confirmed(&fixture, "young");
    let disputed = confirmed(&fixture, "disputed");
    let not_me = NotMe { words: "not me".to_owned(), freeze: false };
    let _: DisputeView = fixture.payer.post(&format!("/v1/me/payments/{disputed}/not-me"), &not_me).unwrap();
    long_ago(&fixture, disputed);
    // A third one that teaches shows that the work went past both.
    let third = confirmed(&fixture, "third");
    long_ago(&fixture, third);
    wait_for("the third one is learned", || learned(&fixture) == 1);
    let events = Dump::of(&fixture.server).table("events").join("\n");
    assert_eq!(events.matches("template_renewed").count(), 1);
}

/// Consents that said nothing of it are respected, and so is a recorded look-alike.
#[test]
fn nobody_is_learned_from_without_having_been_told() {
    let fixture = Fixture::with(&strict());
    assert!(tamper(&fixture.server, "UPDATE consents SET version = '2026-12'") >= 1);
    let payment = confirmed(&fixture, "large");
    long_ago(&fixture, payment);
    let done = || {
        let view: api::GalleryView = fixture.staff.get("/v1/gallery").unwrap();
        view.jobs
            .into_iter()
            .find(|job| job.name == "learning")
            .is_some_and(|job| job.done == 1 && job.left_out == 1)
    };
    wait_for("the payment was looked at", done);
    assert_eq!(learned(&fixture), 0);
}
