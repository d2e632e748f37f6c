//! The consent to face data: what it says, which versions there are, and what an outdated one is worth.

use api::{Consent, ConsentText, EnrolmentView, NewEnrolment};

use crate::database::{Dump, tamper};
use crate::fixture::{enrol, picture};
use crate::money::{Shop, refused};

const OLD: &str = "2026-11";

#[test]
fn every_text_that_was_agreed_to_stays_readable() {
    let shop = Shop::with_policy(&[(
        "[duties]",
        "[operator]\nname = \"Lakeside Campus 湖畔校园\"\ncontact = \"400-800-0000\"\n\n[duties]",
    )]);
    let anybody = shop.server().client();
    let now: ConsentText = anybody.get("/v1/consent-text").unwrap();
    let same: ConsentText = anybody.get(&format!("/v1/consent-texts/{}", now.version)).unwrap();
    assert_eq!(now, same);
    for text in [&now.zh, &now.en] {
        assert!(text.contains("Lakeside Campus 湖畔校园") && text.contains("400-800-0000"), "{text}");
        assert!(!text.contains('{'), "{text}");
    }
    let old: ConsentText = anybody.get(&format!("/v1/consent-texts/{OLD}")).unwrap();
    assert!(old.version == OLD && old.zh != now.zh && old.en.contains("Your choice"));
    for version in ["2026-1", "2026-13", "latest", "2026-11 "] {
        let path = format!("/v1/consent-texts/{}", version.replace(' ', "%20"));
        refused(anybody.get::<ConsentText>(&path), "consent_text_unknown");
    }
}

/// Without a name in the policy the text says so, in both languages, and the log asks for one.
#[test]
fn an_operator_without_a_name_is_asked_for_one() {
    let shop = Shop::new();
    let text: ConsentText = shop.server().client().get("/v1/consent-text").unwrap();
    assert!(text.zh.contains("尚未") && text.en.contains("names nobody yet"));
    let log = std::fs::read_to_string(shop.folder.path().join("server.log")).unwrap();
    assert!(log.contains("the policy names no operator"), "{log}");
}

#[test]
fn an_outdated_consent_asks_for_the_new_text() {
    let shop = Shop::new();
    let pictures = || NewEnrolment { frames: vec![picture("studio_portrait"), picture("amateur_posture")] };
    tamper(shop.server(), &format!("UPDATE consents SET version = '{OLD}'"));
    shop.unchanged("an outdated consent", || {
        refused(shop.payer.post::<EnrolmentView>("/v1/me/enrolments", &pictures()), "consent_outdated");
        let old = Consent { version: OLD.to_owned() };
        refused(shop.payer.post::<Consent>("/v1/me/consent", &old), "consent_version");
    });
    // The face that is enrolled goes on paying until it is enrolled anew or withdrawn.
    shop.pay("noodles", 2_300);
    enrol(&shop.payer, true);
    let given = Dump::of(shop.server()).table("consents").join("\n");
    assert!(given.contains("2027-01") && given.contains(OLD), "both are on record: {given}");
    let events = Dump::of(shop.server()).table("events").join("\n");
    assert!(events.contains("consent_given") && events.contains("sha256"), "the words shown are on record");
    // A withdrawal ends them all.
    let _: api::PayerView = shop.payer.delete("/v1/me/consent").unwrap();
    refused(shop.payer.post::<EnrolmentView>("/v1/me/enrolments", &pictures()), "consent_missing");
}
