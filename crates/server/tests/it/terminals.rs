//! Terminals from the code that brings their device in to the end: one device a code, one terminal a serial number, and
//! every payment at the place where its terminal stood then.

use api::{
    Activated, MessageList, NewActivation, NewMerchant, NewMerchantReply, NewRelocation, NewTerminal,
    Onboarding, PaymentList, PaymentView, Reason, RelocationState, RelocationView, TerminalList,
    TerminalState, TerminalView,
};
use scenario::{CallError, Client, DeviceKey, activate, onboard};
use types::{GeoPoint, Place};

use crate::database::tamper;
use crate::fixture::{Fixture, answer_all, attempt, home, pay};
use crate::money::{at_once, refused};
use crate::signatures::Signers;

fn reason() -> Reason {
    Reason { reason: "it was stolen".to_owned() }
}

fn shanghai() -> Place {
    let point = GeoPoint::new(31.2304, 121.4737).unwrap();
    Place { city: "Shanghai".to_owned(), address: "1 Bund".to_owned(), point }
}

/// What a device sends that shows this key.
fn show(anybody: &Client, key: &DeviceKey, code: &str, serial: &str) -> Result<Activated, CallError> {
    let activation =
        NewActivation { code: code.to_owned(), public_key: key.public_key(), serial: serial.to_owned() };
    anybody.with_signature(key.clone()).post("/v1/terminal-activations", &activation)
}

fn register(signers: &Signers) -> Onboarding {
    let path = format!("/v1/merchants/{}/terminals", signers.merchant_id);
    let new = NewTerminal { label: "till 2".to_owned(), place: home() };
    signers.staff.post(&path, &new).unwrap()
}

#[test]
fn a_code_brings_one_device_in() {
    let signers = Signers::new();
    let anybody = signers.server.client();
    let onboarding = register(&signers);
    let code = &onboarding.onboarding_code;
    let groups: Vec<&str> = code.split('-').collect();
    assert!(groups.len() == 8 && groups.iter().all(|group| group.len() == 3), "{code}");

    // Six devices with one code at the same moment.
    let tries: Vec<_> = (0..6)
        .map(|n| {
            let anybody = anybody.clone();
            move || show(&anybody, &DeviceKey::generate(), code, &format!("SN {n}"))
        })
        .collect();
    let (mut won, mut lost) = (Vec::new(), 0);
    for result in at_once(tries) {
        match result {
            Ok(activated) => won.push(activated),
            Err(error) => {
                assert_eq!(error.code(), Some("onboarding_code_wrong"), "{error}");
                lost += 1;
            }
        }
    }
    assert_eq!((won.len(), lost), (1, 5));
    assert_eq!((won[0].terminal_id, won[0].merchant_id), (onboarding.terminal_id, signers.merchant_id));
    refused(activate(&anybody, code), "onboarding_code_wrong");

    // A new code makes the earlier one worth nothing; typed with spaces it is the same code.
    let path = format!("/v1/terminals/{}/onboarding-codes", onboarding.terminal_id);
    let first: Onboarding = signers.merchant.post_empty(&path).unwrap();
    let second: Onboarding = signers.staff.post_empty(&path).unwrap();
    refused(activate(&anybody, &first.onboarding_code), "onboarding_code_wrong");
    let replaced = activate(&anybody, &second.onboarding_code.replace('-', " ")).unwrap();
    assert_eq!(replaced.terminal_id, onboarding.terminal_id);

    // After a day it is over.
    let late: Onboarding = signers.staff.post_empty(&path).unwrap();
    assert_eq!(tamper(&signers.server, "UPDATE terminal_codes SET expires_at = 1"), 1);
    refused(activate(&anybody, &late.onboarding_code), "onboarding_code_wrong");
}

#[test]
fn a_device_shows_that_it_has_the_key() {
    let signers = Signers::new();
    let anybody = signers.server.client();
    let code = register(&signers).onboarding_code;
    let (own, other) = (DeviceKey::generate(), DeviceKey::generate());
    let activation = |key: &DeviceKey| NewActivation {
        code: code.clone(),
        public_key: key.public_key(),
        serial: "SN 7".to_owned(),
    };
    let path = "/v1/terminal-activations";
    refused(anybody.post::<Activated>(path, &activation(&own)), "signature_missing");
    refused(anybody.with_signature(other).post::<Activated>(path, &activation(&own)), "signature_wrong");
    // A key that the server knows proves nothing about another one.
    let known = anybody.with_signature(signers.till.key.clone());
    refused(known.post::<Activated>(path, &activation(&own)), "signature_missing");
    let taken = DeviceKey { id: None, ..signers.till.key.clone() };
    refused(show(&anybody, &taken, &code, "SN 7"), "public_key_taken");
    refused(show(&anybody, &own, &code, "  "), "field_invalid");
    show(&anybody, &own, &code, "SN 7").unwrap();
}

#[test]
fn a_serial_number_is_one_terminal() {
    let signers = Signers::new();
    let anybody = signers.server.client();
    let codes: Vec<Onboarding> = (0..4).map(|_| register(&signers)).collect();
    let tries: Vec<_> = codes
        .iter()
        .map(|new| {
            let anybody = anybody.clone();
            move || show(&anybody, &DeviceKey::generate(), &new.onboarding_code, "SN 1")
        })
        .collect();
    let results = at_once(tries);
    let won: Vec<&Activated> = results.iter().filter_map(|result| result.as_ref().ok()).collect();
    assert_eq!(won.len(), 1);
    for error in results.iter().filter_map(|result| result.as_ref().err()) {
        assert_eq!(error.code(), Some("serial_taken"), "{error}");
    }
    // Revoked, its device can be another terminal. A refused code is still good.
    let path = format!("/v1/terminals/{}/revoke", won[0].terminal_id);
    let _: TerminalView = signers.staff.post(&path, &reason()).unwrap();
    let next = codes.iter().find(|code| code.terminal_id != won[0].terminal_id).unwrap();
    show(&anybody, &DeviceKey::generate(), &next.onboarding_code, "SN 1").unwrap();
}

#[test]
fn a_terminal_is_its_merchants_and_the_operators() {
    let signers = Signers::new();
    let shop = NewMerchant { name: "Panda Toys".to_owned(), city: "Chengdu".to_owned() };
    let shop: NewMerchantReply = signers.staff.post("/v1/merchants", &shop).unwrap();
    let stranger = signers.server.client().with_key(&shop.api_key);
    let path = format!("/v1/terminals/{}", signers.till.terminal_id);
    let list = format!("/v1/merchants/{}/terminals", signers.merchant_id);

    refused(stranger.get::<TerminalView>(&path), "terminal_unknown");
    refused(stranger.get::<TerminalList>(&list), "merchant_unknown");
    refused(stranger.post::<TerminalView>(&format!("{path}/suspend"), &reason()), "terminal_unknown");
    refused(stranger.post_empty::<Onboarding>(&format!("{path}/onboarding-codes")), "terminal_unknown");
    let new = NewTerminal { label: "mine".to_owned(), place: home() };
    refused(stranger.post::<Onboarding>(&list, &new), "merchant_unknown");
    let move_it = NewRelocation { place: shanghai(), reason: "mine now".to_owned() };
    refused(stranger.post::<RelocationView>(&format!("{path}/relocations"), &move_it), "terminal_unknown");

    let own: TerminalView = signers.merchant.get(&path).unwrap();
    assert_eq!((own.state, own.key_id), (TerminalState::Active, signers.till.key.id));
    let listed: TerminalList = signers.merchant.get(&list).unwrap();
    assert_eq!(listed.terminals, std::slice::from_ref(&own));
    let till = signers.server.client().with_signature(signers.till.key.clone());
    assert_eq!(till.get::<TerminalView>(&path).unwrap(), own);

    // The merchant can stop it, and not let it go on: whoever else stopped it may have had a reason.
    let stopped: TerminalView = signers.merchant.post(&format!("{path}/suspend"), &reason()).unwrap();
    assert_eq!((stopped.state, stopped.reason.as_str()), (TerminalState::Suspended, "it was stolen"));
    refused(signers.merchant.post::<TerminalView>(&format!("{path}/resume"), &reason()), "wrong_role");
    refused(signers.merchant.post::<TerminalView>(&format!("{path}/revoke"), &reason()), "wrong_role");
    // A key without the right cannot either.
    let weak = signers.server.client().with_signature(signers.system.clone());
    refused(weak.post::<TerminalView>(&format!("{path}/suspend"), &reason()), "right_missing");
}

#[test]
fn a_terminal_that_waits_for_its_device_takes_nothing() {
    let signers = Signers::new();
    let onboarding = register(&signers);
    let path = format!("/v1/terminals/{}", onboarding.terminal_id);
    let view: TerminalView = signers.staff.get(&path).unwrap();
    assert_eq!((view.state, view.serial, view.key_id), (TerminalState::Inactive, None, None));
    assert_eq!(view.code_expires_at, Some(onboarding.expires_at));
    refused(signers.staff.post::<TerminalView>(&format!("{path}/suspend"), &reason()), "terminal_inactive");
    refused(signers.staff.post::<TerminalView>(&format!("{path}/resume"), &reason()), "terminal_inactive");
    let revoked: TerminalView = signers.staff.post(&format!("{path}/revoke"), &reason()).unwrap();
    assert_eq!((revoked.state, revoked.code_expires_at), (TerminalState::Revoked, None));
    refused(activate(&signers.server.client(), &onboarding.onboarding_code), "onboarding_code_wrong");
    refused(signers.staff.post_empty::<Onboarding>(&format!("{path}/onboarding-codes")), "terminal_revoked");
}

/// Suspended between the attempt and its capture: nobody is debited until it works again.
#[test]
fn a_terminal_is_stopped_in_the_middle_of_a_payment() {
    let fixture = Fixture::new();
    let path = format!("/v1/terminals/{}", fixture.terminal_id);
    for _ in 0..2 {
        let view: TerminalView = fixture.staff.post(&format!("{path}/suspend"), &reason()).unwrap();
        assert_eq!(view.state, TerminalState::Suspended);
    }
    let payments = || fixture.payer.get::<PaymentList>("/v1/me/payments").unwrap().payments.len();
    let before = payments();
    refused(answer_all(&fixture.terminal, &fixture.open), "terminal_suspended");
    // A new device does not help a suspended terminal.
    let onboarding: Onboarding = fixture.staff.post_empty(&format!("{path}/onboarding-codes")).unwrap();
    let other = activate(&fixture.anybody, &onboarding.onboarding_code).unwrap();
    let replacement = fixture.anybody.with_signature(other.key);
    refused(answer_all(&replacement, &fixture.open), "terminal_suspended");
    assert_eq!(payments(), before);

    let _: TerminalView = fixture.staff.post(&format!("{path}/resume"), &reason()).unwrap();
    refused(answer_all(&fixture.terminal, &fixture.open), "key_unknown");
    pay(&replacement, &fixture.open);
    assert_eq!(payments(), before + 1);

    let next = attempt(&fixture.merchant, &replacement, fixture.terminal_id, "last");
    let view: TerminalView = fixture.staff.post(&format!("{path}/revoke"), &reason()).unwrap();
    assert_eq!((view.state, view.key_id), (TerminalState::Revoked, None));
    refused(answer_all(&replacement, &next), "key_unknown");
    let order = crate::fixture::new_order(fixture.terminal_id, "never");
    refused(fixture.merchant.post::<api::OrderView>("/v1/orders", &order), "terminal_revoked");
    fixture.verify();
}

/// Moved between the attempt and its capture: the old payment stays where it was, the new one is where it stands now.
#[test]
fn a_terminal_moves_in_the_middle_of_a_payment() {
    let fixture = Fixture::new();
    let path = format!("/v1/terminals/{}", fixture.terminal_id);
    let move_it = NewRelocation { place: shanghai(), reason: "a larger shop".to_owned() };
    let proposed: RelocationView = fixture.staff.post(&format!("{path}/relocations"), &move_it).unwrap();
    assert_eq!(proposed.state, RelocationState::Proposed);
    let decide = |id: types::RelocationId, verdict: &str| {
        fixture.staff.post_empty::<RelocationView>(&format!("/v1/relocations/{id}/{verdict}"))
    };
    // Nobody decides about the own request, and one at a time is enough.
    refused(decide(proposed.relocation_id, "approve"), "own_request");
    refused(decide(proposed.relocation_id, "reject"), "own_request");
    let second = fixture.merchant.post::<RelocationView>(&format!("{path}/relocations"), &move_it);
    refused(second, "relocation_open");
    // A second person of the operator rejects it, for all the test can do about it.
    let by = "UPDATE terminal_relocations SET proposed_by = 'usr_00000000000070008000000000000099'";
    assert_eq!(tamper(&fixture.server, by), 1);
    assert_eq!(decide(proposed.relocation_id, "reject").unwrap().state, RelocationState::Rejected);
    refused(decide(proposed.relocation_id, "approve"), "relocation_decided");
    let view: TerminalView = fixture.staff.get(&path).unwrap();
    assert_eq!((view.place, view.places.len()), (home(), 1));

    let proposed: RelocationView = fixture.merchant.post(&format!("{path}/relocations"), &move_it).unwrap();
    refused(
        fixture
            .merchant
            .post_empty::<RelocationView>(&format!("/v1/relocations/{}/approve", proposed.relocation_id)),
        "wrong_role",
    );
    let approved = decide(proposed.relocation_id, "approve").unwrap();
    assert_eq!(approved.state, RelocationState::Approved);
    let view: TerminalView = fixture.merchant.get(&path).unwrap();
    assert_eq!((view.place.clone(), view.places.len(), view.relocations.len()), (shanghai(), 2, 2));
    assert_eq!(view.places[0].until, Some(view.places[1].from));
    assert_eq!((view.places[0].place.clone(), view.places[1].until), (home(), None));

    let payment = pay(&fixture.terminal, &fixture.open);
    let place = |id| fixture.payer.get::<PaymentView>(&format!("/v1/me/payments/{id}")).unwrap().place;
    assert_eq!(place(fixture.payment_id), home(), "an old payment stays where it was");
    assert_eq!(place(payment), shanghai());
    let inbox: MessageList = fixture.payer.get("/v1/me/messages").unwrap();
    let told = inbox.messages.iter().find(|message| message.reference == payment.to_string()).unwrap();
    assert!(told.text.contains("Shanghai"), "{}", told.text);
    fixture.verify();
}

/// A bearer key of a terminal from before opens what it did, until a device is brought in.
#[test]
fn a_bearer_key_from_before_works_until_a_device_comes() {
    let signers = Signers::new();
    let old = signers.merchant.key().unwrap().to_owned();
    let device = onboard(
        &signers.staff,
        signers.merchant_id,
        &NewTerminal { label: "old till".to_owned(), place: home() },
    )
    .unwrap();
    // As it was: the key of this terminal is a bearer key.
    let first: api::MerchantKeyList = signers.merchant.get("/v1/merchant/keys").unwrap();
    let (merchant_key, terminal) = (first.keys[0].key_id, device.terminal_id);
    let bearer = format!(
        "UPDATE credentials SET scope = 'terminal', subject = '{terminal}' WHERE id = '{merchant_key}'"
    );
    assert_eq!(tamper(&signers.server, &bearer), 1);
    let till = signers.server.client().with_key(old);
    let path = format!("/v1/terminals/{terminal}");
    let _: TerminalView = till.get(&path).unwrap();
    let onboarding: Onboarding = signers.staff.post_empty(&format!("{path}/onboarding-codes")).unwrap();
    let _: TerminalView = till.get(&path).unwrap();
    activate(&signers.server.client(), &onboarding.onboarding_code).unwrap();
    refused(till.get::<TerminalView>(&path), "key_unknown");
}
