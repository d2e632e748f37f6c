//! Passkeys of payers: made and used by a real authenticator against the real server.

use std::collections::BTreeSet;

use api::{
    Ceremony, ConfirmAnswer, ConfirmEnrolment, DecisionList, EnrolmentView, Freeze, MessageList,
    NewChallenge, NewPasskey, PasskeyAnswer, PasskeyList, PasskeyView, PayerView, PaymentView, Stage,
    Unfreeze, WithPin,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scenario::{CallError, Client, Server, Start};
use serde_json::{Value, json};

use crate::database::tamper;
use crate::fixture::{Fixture, PIN, Setup, holder, models, start};
use crate::own_device::{Question, question};

mod device;
mod logins;

use device::Device;

/// Another payer.
fn stranger(fixture: &Fixture) -> Client {
    let person = fixture.server.phones().register(&fixture.anybody, &holder("+8613700010999")).unwrap();
    fixture.anybody.with_key(&person.device_key)
}

/// The page that the server shows on this machine.
fn origin(server: &Server) -> String {
    server.base_url().replace("127.0.0.1", "localhost")
}

fn code(error: CallError) -> String {
    error.code().unwrap_or_else(|| panic!("no problem document: {error}")).to_owned()
}

fn with_pin(pin: &str) -> WithPin {
    WithPin { pin: pin.to_owned() }
}

fn begin(payer: &Client) -> Result<Ceremony, String> {
    payer.post("/v1/me/passkeys/registrations", &with_pin(PIN)).map_err(code)
}

fn add(payer: &Client, new: &NewPasskey) -> Result<PasskeyView, String> {
    payer.post("/v1/me/passkeys", new).map_err(code)
}

/// A device with a passkey of this payer.
fn registered(server: &Server, payer: &Client, label: &str) -> Device {
    let mut device = Device::at(&origin(server));
    let new = device.make(&begin(payer).unwrap(), label).unwrap();
    add(payer, &new).unwrap();
    device
}

fn list(payer: &Client) -> Vec<PasskeyView> {
    payer.get::<PasskeyList>("/v1/me/passkeys").unwrap().passkeys
}

fn told(payer: &Client, kind: &str) -> Vec<String> {
    let inbox: MessageList = payer.get("/v1/me/messages").unwrap();
    inbox.messages.into_iter().filter(|message| message.kind == kind).map(|message| message.text).collect()
}

fn challenge(payer: &Client, path: &str) -> Result<Ceremony, String> {
    payer.post(&format!("{path}/challenge"), &NewChallenge {}).map_err(code)
}

impl Question {
    fn path(&self) -> String {
        format!("/v1/me/confirmations/{}", self.confirmation)
    }

    fn challenge(&self) -> Ceremony {
        challenge(&self.fixture.payer, &self.path()).unwrap()
    }

    fn yes(&self, passkey: PasskeyAnswer) -> Result<(), String> {
        self.answer_with(&ConfirmAnswer { yes: true, pin: None, passkey: Some(passkey) })
    }

    fn refuses(&self, passkey: PasskeyAnswer, code: &str) {
        assert_eq!(self.yes(passkey), Err(code.to_owned()));
    }
}

#[test]
fn a_passkey_is_added_listed_and_removed() {
    let fixture = Fixture::new();
    let payer = &fixture.payer;
    let wrong = payer.post::<Ceremony>("/v1/me/passkeys/registrations", &with_pin("000000")).map_err(code);
    assert_eq!(wrong.unwrap_err(), "pin_wrong");
    let asked = begin(payer).unwrap();
    let options = &asked.options["publicKey"];
    assert_eq!(options["rp"]["id"], "localhost");
    assert_eq!(options["attestation"], "none");
    assert_eq!(options["authenticatorSelection"]["userVerification"], "required");
    assert_eq!(options["authenticatorSelection"]["residentKey"], "preferred");
    assert_eq!(options["excludeCredentials"], json!([]));

    let mut phone = Device::at(&origin(&fixture.server));
    let new = phone.make(&asked, " my phone ").unwrap();
    let added = add(payer, &new).unwrap();
    assert_eq!((added.label.as_str(), added.used_at, added.blocked), ("my phone", None, false));
    assert_eq!(add(payer, &new), Err("ceremony_used".to_owned()));
    assert_eq!(list(payer), std::slice::from_ref(&added));
    assert!(told(payer, "passkey_added")[0].contains("\"my phone\""));

    // A browser with that passkey makes no second one; one without scruples is refused.
    let again = begin(payer).unwrap();
    assert_eq!(again.options["publicKey"]["excludeCredentials"].as_array().unwrap().len(), 1);
    assert!(phone.copied().make(&again, "twin").is_err());
    let replayed = NewPasskey { ceremony_id: again.ceremony_id, ..new };
    assert_eq!(add(payer, &replayed), Err("passkey_challenge_wrong".to_owned()));

    let remove = |pin| {
        payer
            .post::<()>(&format!("/v1/me/passkeys/{}/remove", added.passkey_id), &with_pin(pin))
            .map_err(code)
    };
    assert_eq!(remove("000000"), Err("pin_wrong".to_owned()));
    assert_eq!(remove(PIN), Ok(()));
    assert_eq!(remove(PIN), Err("passkey_unknown".to_owned()));
    assert_eq!(list(payer), []);
    assert_eq!(told(payer, "passkey_removed").len(), 1);
}

#[test]
fn a_registration_is_for_one_payer_and_ten_are_the_most() {
    let fixture = Fixture::new();
    let payer = &fixture.payer;
    let other = stranger(&fixture);
    let mut phone = Device::at(&origin(&fixture.server));
    let new = phone.make(&begin(payer).unwrap(), "phone").unwrap();
    assert_eq!(add(&other, &new), Err("ceremony_unknown".to_owned()), "somebody else's");

    let mut locked = Device { unlocks: false, ..Device::at(&origin(&fixture.server)) };
    let mut asked = begin(payer).unwrap();
    asked.options["publicKey"]["authenticatorSelection"]["userVerification"] = json!("discouraged");
    let unverified = locked.make(&asked, "phone").unwrap();
    assert_eq!(add(payer, &unverified), Err("passkey_user_unverified".to_owned()));

    let asked = begin(payer).unwrap();
    let late = Device::at(&origin(&fixture.server)).make(&asked, "phone").unwrap();
    expire(&fixture.server, &asked);
    assert_eq!(add(payer, &late), Err("ceremony_expired".to_owned()));

    let spare = begin(payer).unwrap();
    for number in 0..10 {
        registered(&fixture.server, payer, &format!("phone {number}"));
    }
    assert_eq!(begin(payer).unwrap_err(), "passkeys_too_many");
    let eleventh = Device::at(&origin(&fixture.server)).make(&spare, "phone").unwrap();
    assert_eq!(add(payer, &eleventh), Err("passkeys_too_many".to_owned()));
    assert_eq!(list(payer).len(), 10);
}

/// As if five minutes had gone by.
fn expire(server: &Server, asked: &Ceremony) {
    let sql = format!(
        "UPDATE ceremonies SET expires_at = expires_at - 300000000 WHERE id = '{}'",
        asked.ceremony_id
    );
    assert_eq!(tamper(server, &sql), 1);
}

#[test]
fn a_passkey_confirms_a_payment() {
    let question = question();
    let Question { fixture, attempt, confirmation: _ } = &question;
    assert_eq!(challenge(&fixture.payer, &question.path()).unwrap_err(), "passkey_missing");
    let mut phone = registered(&fixture.server, &fixture.payer, "phone");
    assert_eq!(question.answer(true), Err("passkey_needed".to_owned()));
    assert_eq!(question.ask(), Stage::AwaitingCheck { ask: api::Check::OwnDevice, repeated: false });

    let asked = question.challenge();
    assert_eq!(asked.options["publicKey"]["userVerification"], "required");
    question.yes(phone.sign(&asked)).unwrap();
    let Stage::Approved { payment_id, payer_name: _ } = question.ask() else { panic!("not approved") };

    let path = format!("/v1/me/payments/{payment_id}");
    let payment: PaymentView = fixture.payer.get(&path).unwrap();
    assert!(payment.recognised.passkey && payment.recognised.checks.contains(&api::Check::OwnDevice));
    let path = format!("/v1/capture-sessions/{}/decisions?purpose=dispute", attempt.session.session_id);
    let decisions: DecisionList = fixture.staff.get(&path).unwrap();
    let last = decisions.decisions.last().unwrap();
    let how = json!([{ "check": "own_device", "as_filter": false, "passkey": true }]);
    assert_eq!(last.case["passed"], how, "{}", last.case);
    assert!(list(&fixture.payer)[0].used_at.is_some());
    fixture.verify();
}

#[test]
fn a_no_needs_no_passkey() {
    let question = question();
    registered(&question.fixture.server, &question.fixture.payer, "phone");
    question.answer(false).unwrap();
    assert!(matches!(question.ask(), Stage::Refused { code, detail: _ } if code == "check_failed"));
}

#[test]
fn what_is_wrong_about_an_answer_is_refused() {
    let question = question();
    let (server, payer) = (&question.fixture.server, &question.fixture.payer);
    let mut phone = registered(server, payer, "phone");

    let mut elsewhere = Device { origin: "http://localhost:1".parse().unwrap(), ..phone.copied() };
    question.refuses(elsewhere.sign(&question.challenge()), "passkey_origin_wrong");
    question.refuses(phone.copied().sign_for_another_site(&question.challenge()), "passkey_rp_wrong");
    let mut locked = Device { unlocks: false, ..phone.copied() };
    let mut asked = question.challenge();
    asked.options["publicKey"]["userVerification"] = json!("discouraged");
    question.refuses(locked.sign(&asked), "passkey_user_unverified");

    let mut theirs = registered(server, &stranger(&question.fixture), "theirs");
    let mut asked = question.challenge();
    asked.options["publicKey"]["allowCredentials"] = json!([]);
    question.refuses(theirs.sign(&asked), "passkey_foreign");
    question.refuses(theirs.sign(&asked), "ceremony_used");

    let asked = question.challenge();
    let mut forged = phone.copied().sign(&asked);
    forged.credential["response"]["signature"] = json!(URL_SAFE_NO_PAD.encode([0x30; 70]));
    question.refuses(forged, "passkey_invalid");
    let mut half = phone.copied().sign(&asked);
    half.credential.remove("response");
    question.refuses(half, "passkey_malformed");

    let asked = question.challenge();
    let late = phone.sign(&asked);
    expire(server, &asked);
    question.refuses(late, "ceremony_expired");

    // Signed for something else, and sent under this question's ceremony or its own.
    payer.post::<PayerView>("/v1/me/face/freeze", &Freeze {}).unwrap();
    let unfreezing = phone.sign(&challenge(payer, "/v1/me/face/unfreeze").unwrap());
    question.refuses(unfreezing.clone(), "ceremony_other");
    let ceremony_id = question.challenge().ceremony_id;
    question.refuses(PasskeyAnswer { ceremony_id, ..unfreezing }, "passkey_challenge_wrong");

    assert_eq!(question.ask(), Stage::AwaitingCheck { ask: api::Check::OwnDevice, repeated: false });
    question.yes(phone.sign(&question.challenge())).unwrap();
    question.fixture.verify();
}

#[test]
fn an_answer_to_one_question_says_nothing_about_another() {
    let first = question();
    let mut phone = registered(&first.fixture.server, &first.fixture.payer, "phone");
    let signed = phone.sign(&first.challenge());
    let second = first.another();
    second.refuses(signed.clone(), "ceremony_other");
    let ceremony_id = second.challenge().ceremony_id;
    second.refuses(PasskeyAnswer { ceremony_id, ..signed }, "passkey_challenge_wrong");
    second.yes(phone.sign(&second.challenge())).unwrap();
    assert!(matches!(second.ask(), Stage::Approved { payment_id: _, payer_name: _ }));
}

#[test]
fn a_copied_passkey_is_noticed_and_blocked() {
    let question = question();
    let (server, payer) = (&question.fixture.server, &question.fixture.payer);
    let mut phone = registered(server, payer, "phone");
    let mut thief = phone.copied();
    // The holder goes first: the copy's counter is behind from then on.
    payer.post::<PayerView>("/v1/me/face/freeze", &Freeze {}).unwrap();
    let unfreeze =
        Unfreeze { pin: None, passkey: Some(phone.sign(&challenge(payer, "/v1/me/face/unfreeze").unwrap())) };
    payer.post::<PayerView>("/v1/me/face/unfreeze", &unfreeze).unwrap();
    question.refuses(thief.sign(&question.challenge()), "passkey_cloned");

    assert!(list(payer)[0].blocked);
    assert!(told(payer, "passkey_cloned")[0].contains("\"phone\""));
    assert_eq!(challenge(payer, &question.path()).unwrap_err(), "passkey_missing");
    assert_eq!(question.answer(true), Err("passkey_needed".to_owned()), "a blocked one still counts");
    let path = format!("/v1/me/passkeys/{}/remove", list(payer)[0].passkey_id);
    payer.post::<()>(&path, &with_pin(PIN)).unwrap();
    question.answer(true).unwrap();
}

/// Both answers were looked at with the same counter in the books; the second to be written is behind.
#[test]
fn two_copies_at_the_same_time_are_noticed() {
    let question = question();
    let (server, payer) = (&question.fixture.server, &question.fixture.payer);
    let mut phone = registered(server, payer, "phone");
    let mut thief = phone.copied();
    payer.post::<PayerView>("/v1/me/face/freeze", &Freeze {}).unwrap();
    let challenges = [
        challenge(payer, "/v1/me/face/unfreeze").unwrap(),
        challenge(payer, "/v1/me/face/unfreeze").unwrap(),
    ];
    let answers = [phone.sign(&challenges[0]), thief.sign(&challenges[1])];
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let send = |passkey: PasskeyAnswer| {
            let unfreeze = Unfreeze { pin: None, passkey: Some(passkey) };
            payer.post::<PayerView>("/v1/me/face/unfreeze", &unfreeze).map(drop).map_err(code)
        };
        let sent: Vec<_> = answers.into_iter().map(|answer| scope.spawn(move || send(answer))).collect();
        sent.into_iter().map(|sent| sent.join().unwrap()).collect()
    });
    let cloned = Err("passkey_cloned".to_owned());
    assert!(outcomes == [Ok(()), cloned.clone()] || outcomes == [cloned, Ok(())], "{outcomes:?}");
}

#[test]
fn a_passkey_unfreezes_and_confirms_an_enrolment() {
    let fixture = Fixture::new();
    let payer = &fixture.payer;
    let mut phone = registered(&fixture.server, payer, "phone");
    let path = format!("/v1/me/enrolments/{}", fixture.enrolment_id);
    let confirm = |code_: &str, passkey| {
        let confirm = ConfirmEnrolment { code: code_.to_owned(), pin: None, passkey };
        payer.post::<EnrolmentView>(&format!("{path}/confirm"), &confirm).map(drop).map_err(code)
    };
    let right = fixture.enrolment_code.as_str();
    assert_eq!(confirm(right, None), Err("passkey_needed".to_owned()));
    let signed = phone.sign(&challenge(payer, &path).unwrap());
    let wrong = if right == "000000" { "000001" } else { "000000" };
    assert_eq!(confirm(wrong, Some(signed.clone())), Err("code_wrong".to_owned()), "the code stays needed");
    assert_eq!(confirm(right, Some(signed)), Err("ceremony_used".to_owned()));
    confirm(right, Some(phone.sign(&challenge(payer, &path).unwrap()))).unwrap();
    assert_eq!(challenge(payer, &path).unwrap_err(), "enrolment_over");

    payer.post::<PayerView>("/v1/me/face/freeze", &Freeze {}).unwrap();
    let unfreeze = |pin: Option<&str>, passkey| {
        let unfreeze = Unfreeze { pin: pin.map(str::to_owned), passkey };
        payer.post::<PayerView>("/v1/me/face/unfreeze", &unfreeze).map(|view| view.face).map_err(code)
    };
    let signed = phone.sign(&challenge(payer, "/v1/me/face/unfreeze").unwrap());
    assert_eq!(unfreeze(None, None), Err("field_invalid".to_owned()));
    assert_eq!(unfreeze(Some(PIN), Some(signed.clone())), Err("field_invalid".to_owned()));
    assert_eq!(unfreeze(None, Some(signed)), Ok(api::Face::Enabled));
    payer.post::<PayerView>("/v1/me/face/freeze", &Freeze {}).unwrap();
    assert_eq!(unfreeze(Some(PIN), None), Ok(api::Face::Enabled), "the PIN goes on working");
}

#[test]
fn where_passkeys_belong_is_said_at_the_start() {
    let more = ["--public-origin", "https://pay.example", "--public-origin", "https://till.pay.example:8443"];
    let fixture = Fixture::with(&Setup { more: more.map(str::to_owned).into(), ..Setup::default() });
    let asked = begin(&fixture.payer).unwrap();
    assert_eq!(asked.options["publicKey"]["rp"]["id"], "pay.example");
    for page in ["https://pay.example", "https://till.pay.example:8443"] {
        let asked = begin(&fixture.payer).unwrap();
        add(&fixture.payer, &Device::at(page).make(&asked, page).unwrap()).unwrap();
    }
    for page in ["https://other.pay.example", "https://pay.example:444"] {
        let asked = begin(&fixture.payer).unwrap();
        let made = Device::at(page).make(&asked, page).unwrap();
        assert_eq!(add(&fixture.payer, &made), Err("passkey_origin_wrong".to_owned()), "{page}");
    }

    let wrong: [&[&str]; 5] = [
        &["http://pay.example"],
        &["https://203.0.113.7"],
        &["https://pay.example/wallet"],
        &["https://pay.example", "https://mypay.example"],
        &["ftp://localhost"],
    ];
    for origins in wrong {
        let folder = tempfile::tempdir().unwrap();
        let more = origins.iter().flat_map(|origin| ["--public-origin".to_owned(), (*origin).to_owned()]);
        let Err(error) = Server::start(&Start { more: more.collect(), ..start(folder.path(), &models()) })
        else {
            panic!("{origins:?} was taken")
        };
        let said = format!("{error:#}");
        assert!(said.contains("public origin") || said.contains("--public-origin"), "{origins:?}: {said}");
    }
}

#[test]
fn passkeys_are_off_where_nobody_said_where_they_belong() {
    let folder = tempfile::tempdir().unwrap();
    let more = vec!["--behind-proxy".to_owned()];
    let server = Server::start(&Start { more, ..start(folder.path(), &models()) }).unwrap();
    let person = server.phones().register(&server.client(), &holder("+8613700010999")).unwrap();
    let payer = server.client().with_key(&person.device_key);
    let error = payer.post::<Value>("/v1/me/passkeys/registrations", &with_pin(PIN)).unwrap_err();
    assert_eq!(code(error), "passkeys_off");
    assert_eq!(list(&payer), []);
}

/// A panic in the library would be taken for a failed assertion of ours, and stop all payments.
#[test]
fn damaged_answers_stop_nothing() {
    let fixture = Fixture::new();
    let payer = &fixture.payer;
    let base64 = |value: &Value| URL_SAFE_NO_PAD.decode(value.as_str().unwrap()).unwrap();
    let mut codes = BTreeSet::new();
    let page = origin(&fixture.server);
    let whole = Device::at(&page).make(&begin(payer).unwrap(), "phone").unwrap();
    let bytes = base64(&whole.credential["response"]["attestationObject"]);
    for damaged in damages(&bytes) {
        let asked = begin(payer).unwrap();
        let mut new = Device::at(&page).make(&asked, "phone").unwrap();
        new.credential["response"]["attestationObject"] = json!(URL_SAFE_NO_PAD.encode(damaged));
        codes.extend(add(payer, &new).err());
    }
    for passkey in list(payer) {
        // A changed byte of the name of its maker, which nobody signed.
        payer.post::<()>(&format!("/v1/me/passkeys/{}/remove", passkey.passkey_id), &with_pin(PIN)).unwrap();
    }
    payer.post::<PayerView>("/v1/me/face/freeze", &Freeze {}).unwrap();
    let mut phone = registered(&fixture.server, payer, "phone");
    for part in ["authenticatorData", "signature", "clientDataJSON"] {
        let signed = phone.sign(&challenge(payer, "/v1/me/face/unfreeze").unwrap());
        for damaged in damages(&base64(&signed.credential["response"][part])) {
            let mut signed = phone.sign(&challenge(payer, "/v1/me/face/unfreeze").unwrap());
            signed.credential["response"][part] = json!(URL_SAFE_NO_PAD.encode(damaged));
            let unfreeze = Unfreeze { pin: None, passkey: Some(signed) };
            codes.insert(code(payer.post::<PayerView>("/v1/me/face/unfreeze", &unfreeze).unwrap_err()));
        }
    }
    println!("{codes:?}");
    assert!(
        codes.contains("passkey_invalid") && codes.iter().all(|code| code.starts_with("passkey_")),
        "{codes:?}"
    );
    let health: Value = fixture.anybody.get("/health").unwrap();
    assert_eq!(health["healthy"], true);
    let log = std::fs::read_to_string(fixture.server.data().parent().unwrap().join("server.log")).unwrap();
    assert!(!log.contains("panicked"), "{log}");
}

/// Cut at several places, and with a byte changed at several places.
fn damages(bytes: &[u8]) -> Vec<Vec<u8>> {
    let places = (0..bytes.len()).step_by(bytes.len() / 12 + 1);
    let cut = places.clone().map(|at| bytes[..at].to_vec());
    let changed = places.map(|at| {
        let mut changed = bytes.to_vec();
        changed[at] ^= 0x41;
        changed
    });
    cut.chain(changed).collect()
}
