//! Codes to phones: what they do, how often they are sent, how they leave.

use std::os::unix::fs::PermissionsExt;

use api::{CodePurpose, Language, NewPayerReply, NewPhoneCode};
use scenario::{Client, Code, RawCall, Reply, Server, Sms, Start, new_payer};

use super::{House, OTHER, PHONE, answered, number, other_than};
use crate::database::{Dump, tamper};
use crate::fixture::{holder, models, start};
use crate::receiver::Receiver;

fn ask(client: &Client, phone: &str) -> Reply {
    let new = NewPhoneCode { phone: number(phone), purpose: CodePurpose::Login, language: Language::Zh };
    let body = serde_json::to_vec(&new).unwrap();
    let content_type = Some("application/json");
    client.send(RawCall { method: "POST", path: "/v1/phone-codes", content_type, body: &body }).unwrap()
}

fn register(house: &House, code: &Code, phone: &str) -> Result<NewPayerReply, String> {
    answered(house.anybody.post("/v1/payers", &new_payer(&holder(phone), code)))
}

#[test]
fn a_code_works_once_and_for_what_it_was_sent() {
    let house = House::new();
    let code = house.code(OTHER, CodePurpose::Register);
    let login = super::new_login(&code, "918204");
    let login = house.anybody.post::<api::Login>("/v1/logins/payer", &login);
    assert_eq!(answered(login).err(), Some("challenge_unknown".to_owned()), "sent for something else");
    assert_eq!(register(&house, &other_than(&code), OTHER).err(), Some("code_wrong".to_owned()));
    assert!(register(&house, &code, OTHER).is_ok());
    assert_eq!(register(&house, &code, OTHER).err(), Some("code_over".to_owned()));

    // Only whoever has the phone learns that it has an account.
    let again = house.code(OTHER, CodePurpose::Register);
    assert_eq!(register(&house, &other_than(&again), OTHER).err(), Some("code_wrong".to_owned()));
    assert_eq!(register(&house, &again, OTHER).err(), Some("phone_taken".to_owned()));
}

#[test]
fn a_code_is_guessed_at_five_times_and_replaced_by_the_next_and_expires() {
    let house = House::new();
    let code = house.code(OTHER, CodePurpose::Register);
    for _ in 0..5 {
        assert_eq!(register(&house, &other_than(&code), OTHER).err(), Some("code_wrong".to_owned()));
    }
    assert_eq!(register(&house, &code, OTHER).err(), Some("code_over".to_owned()));

    let first = house.code(OTHER, CodePurpose::Register);
    let second = house.code(OTHER, CodePurpose::Register);
    assert_eq!(register(&house, &first, OTHER).err(), Some("code_over".to_owned()));
    let late = "UPDATE phone_codes SET expires_at = created_at WHERE state = 'open'";
    assert_eq!(tamper(&house.server, late), 1);
    assert_eq!(register(&house, &second, OTHER).err(), Some("code_expired".to_owned()));
}

#[test]
fn what_waits_in_the_outbox_is_sealed_and_wiped_when_sent() {
    let house = House::new();
    let code = house.code(OTHER, CodePurpose::Register);
    let sent = (0..200).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        let books = Dump::of(&house.server);
        let texts: Vec<_> = books.table("outbox").iter().filter(|row| row.contains("\"text:")).collect();
        assert_eq!(texts.len(), 2);
        texts.iter().all(|row| row.contains("delivered") && row.contains("\"text_sealed\":null"))
    });
    assert!(sent, "sent and wiped");
    let books = Dump::of(&house.server);
    let log = std::fs::read_to_string(house.server.data().with_file_name("server.log")).unwrap();
    for secret in [OTHER, PHONE] {
        assert!(!books.text().contains(&secret[1..]) && !log.contains(&secret[1..]), "{secret}");
    }
    // Numbers of six digits come up by chance; a code by itself does not.
    let alone = |text: &str| text.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == code.code);
    assert!(!alone(&books.text()) && !alone(&log));
}

/// The same for a phone with an account and for one without; it survives a restart, and the time told is true.
#[test]
fn codes_to_one_phone_are_limited() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy.toml");
    let rates = [("phone = { per_minute = 2, burst = 10 }", "phone = { per_minute = 30000, burst = 30000 }")];
    std::fs::write(&policy, super::policy(&rates)).unwrap();
    let start = Start { policy: Some(policy), ..start(folder.path(), &models()) };
    let server = Server::start(&start).unwrap();
    let anybody = server.client();
    server.phones().register(&anybody, &holder(PHONE)).unwrap();
    assert_eq!(ask(&anybody, OTHER).status, 202);
    drop(server);
    let server = Server::start(&start).unwrap();
    let anybody = server.client();
    for phone in [PHONE, OTHER] {
        let refused = ask(&anybody, phone);
        let problem = refused.problem().unwrap();
        assert_eq!((refused.status, problem.code.as_str()), (429, "rate_limited"));
        assert!(problem.detail.starts_with("too many codes were sent to this phone"), "{problem:?}");
    }
    let later = |seconds: i64| {
        let moved = format!("UPDATE phone_codes SET created_at = created_at - {}", seconds * 1_000_000);
        assert!(tamper(&server, &moved) > 0);
    };
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let retry_after = || -> i64 {
        let body = serde_json::json!({ "phone": OTHER, "purpose": "login", "language": "en" });
        let answer = agent.post(format!("{}/v1/phone-codes", server.base_url())).send_json(&body).unwrap();
        assert_eq!(answer.status().as_u16(), 429);
        answer.headers()["retry-after"].to_str().unwrap().parse().unwrap()
    };
    let told = retry_after();
    assert!((20..=60).contains(&told), "{told}");
    later(told - 15);
    let told = retry_after();
    assert!((1..=15).contains(&told), "{told}");
    later(told);
    for minute in 0..4 {
        assert_eq!(ask(&anybody, OTHER).status, 202, "minute {minute}");
        later(60);
    }
    let told = retry_after();
    assert!(told > 3_000, "five in the last hour: {told}");
    later(told);
    assert_eq!(ask(&anybody, OTHER).status, 202);
}

#[test]
fn a_spooled_text_is_whole_and_its_owners() {
    let house = House::new();
    assert_eq!(ask(&house.anybody, OTHER).status, 202);
    let file = (0..1_000).find_map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(10));
        let entries = std::fs::read_dir(house.phones.folder()).unwrap();
        entries.map(|entry| entry.unwrap().path()).find(|path| path.is_file())
    });
    let file = file.expect("a text came");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("To: 8613700010399\nAlphabet: UTF-8\n\n在新设备登录的验证码："), "{text}");
    assert!(text.contains("请勿告诉任何人"), "{text}");
}

#[test]
fn a_gateway_gets_texts_signed() {
    let gateway = Receiver::willing();
    let folder = tempfile::tempdir().unwrap();
    let sms = Sms::Gateway(gateway.url());
    let server = Server::start(&Start { sms, ..start(folder.path(), &models()) }).unwrap();
    assert_eq!(ask(&server.client(), OTHER).status, 202);
    let got = gateway.wait_for(1).remove(0);
    let secret = std::fs::read_to_string(server.data().join("sms.key")).unwrap();
    got.assert_signed(secret.trim());
    let body = got.json();
    assert_eq!((&body["type"], &body["data"]["to"]), (&"text.message".into(), &OTHER.into()));
    assert!(body["data"]["text"].as_str().unwrap().contains("验证码"), "{body}");
}

#[test]
fn without_a_way_to_send_texts_a_code_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&Start { sms: Sms::Nowhere, ..start(folder.path(), &models()) }).unwrap();
    let refused = ask(&server.client(), OTHER);
    let problem = refused.problem().unwrap();
    assert_eq!((refused.status, problem.code.as_str()), (503, "sms_unavailable"));
    assert!(problem.detail.contains("--sms-spool"), "{problem:?}");
}
