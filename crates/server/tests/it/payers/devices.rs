//! Logging in on further devices, and out of them.

use api::{CodePurpose, ConfirmEnrolment, DeviceList, EnrolmentView, LoggedOut, Login, PayerView};
use scenario::Client;
use serde_json::json;
use ureq::Agent;

use super::{House, NOTHING, OTHER, PHONE, answered, done, number, told, with_code, with_pin};
use crate::database::tamper;
use crate::fixture::{Fixture, PIN, Setup, enrol, holder};

const DAY: i64 = 24 * 3_600 * 1_000_000;

fn devices(client: &Client) -> Vec<api::DeviceView> {
    let list: DeviceList = client.get("/v1/me/devices").unwrap();
    list.devices
}

fn is_out(client: &Client) -> bool {
    answered(client.get::<PayerView>("/v1/me")).err() == Some("key_unknown".to_owned())
}

#[test]
fn devices_are_told_of_each_other_and_logged_out() {
    let house = House::new();
    let tablet = house.log_in(PHONE, PIN).unwrap();
    assert_eq!(told(&house.payer, "device_added"), 1);
    let list = devices(&tablet);
    let shown: Vec<_> = list.iter().map(|device| (device.device.as_str(), device.this)).collect();
    assert_eq!(shown, [("phone", false), ("tablet", true)]);

    let first = format!("/v1/me/devices/{}", list[0].key_id);
    assert_eq!(done(&tablet, "DELETE", &first, NOTHING), Ok(()));
    assert_eq!(done(&tablet, "DELETE", &first, NOTHING), Err("device_unknown".to_owned()));
    assert!(is_out(&house.payer));

    let other = house.log_in(PHONE, PIN).unwrap();
    let out: LoggedOut = other.delete("/v1/me/devices").unwrap();
    assert_eq!(out.devices, 1);
    assert!(is_out(&tablet));
    assert_eq!(done(&other, "DELETE", "/v1/me/login", NOTHING), Ok(()));
    assert!(is_out(&other));

    // Somebody else's device is nobody's.
    let stranger = house.phones.register(&house.anybody, &holder(OTHER)).unwrap();
    let stranger = house.anybody.with_key(stranger.device_key);
    let mine = house.log_in(PHONE, PIN).unwrap();
    let path = format!("/v1/me/devices/{}", devices(&stranger)[0].key_id);
    assert_eq!(done(&mine, "DELETE", &path, NOTHING), Err("device_unknown".to_owned()));
}

/// Codes go to a stolen SIM card; the PIN does not.
#[test]
fn a_young_device_switches_nothing_on_without_the_pin() {
    let policy = super::policy(&super::OFTEN);
    let fixture = Fixture::with(&Setup { policy: Some(policy), ..Setup::default() });
    let phone = number(crate::fixture::PHONE);
    let code = fixture.server.phones().code(&fixture.anybody, &phone, CodePurpose::Login).unwrap();
    let login: Login = fixture.anybody.post("/v1/logins/payer", &super::new_login(&code, PIN)).unwrap();
    let tablet = fixture.anybody.with_key(login.key.unwrap());
    let path = format!("/v1/me/enrolments/{}/confirm", fixture.enrolment_id);
    let confirm = |pin: Option<&str>| {
        let body = ConfirmEnrolment {
            code: fixture.enrolment_code.clone(),
            pin: pin.map(str::to_owned),
            passkey: None,
        };
        answered(tablet.post::<EnrolmentView>(&path, &body)).map(|view| view.confirmed)
    };
    assert_eq!(confirm(None), Err("device_young".to_owned()));
    assert_eq!(confirm(Some("000000")), Err("pin_wrong".to_owned()));
    // A PIN that a code set proves no more than a code does.
    assert_eq!(tamper(&fixture.server, "UPDATE payers SET pin_recovered_at = created_at"), 1);
    assert_eq!(confirm(Some(PIN)), Err("device_waits".to_owned()));
    assert_eq!(tamper(&fixture.server, "UPDATE payers SET pin_recovered_at = NULL"), 1);
    assert_eq!(confirm(Some(PIN)), Ok(true));

    // A day later it is a device like any other.
    let older = format!("UPDATE payers SET created_at = created_at - {}", 2 * DAY);
    assert_eq!(tamper(&fixture.server, &older), 1);
    let older = format!("UPDATE credentials SET created_at = created_at - {DAY} WHERE label = 'tablet'");
    assert_eq!(tamper(&fixture.server, &older), 1);
    enrol(&tablet, true);
}

struct Browser<'a> {
    house: &'a House,
    agent: Agent,
    cookie: String,
}

impl Browser<'_> {
    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.house.server.base_url())
    }

    fn cookie(&self) -> String {
        format!("__Host-surety-payer={}", self.cookie)
    }

    fn look(&self, path: &str) -> (u16, Option<Login>) {
        let mut answer = self.agent.get(self.url(path)).header("cookie", self.cookie()).call().unwrap();
        (answer.status().as_u16(), answer.body_mut().read_json().ok())
    }

    fn freeze(&self, token: Option<&str>) -> u16 {
        let mut request = self.agent.post(self.url("/v1/me/face/freeze")).header("cookie", self.cookie());
        if let Some(token) = token {
            request = request.header("x-csrf-token", token);
        }
        request.send_json(json!({})).unwrap().status().as_u16()
    }
}

#[test]
fn a_browser_has_a_cookie_that_ends() {
    let house = House::new();
    let agent: Agent = Agent::config_builder().http_status_as_error(false).build().into();
    let code = house.code(PHONE, CodePurpose::Login);
    let login = with_code(&code, json!({ "pin": PIN, "device": "browser" }));
    let url = format!("{}/v1/logins/payer", house.server.base_url());
    let mut answer = agent.post(url).send_json(&login).unwrap();
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
    for attribute in ["HttpOnly", "SameSite=Strict", "Secure", "Path=/", "Max-Age=15552000"] {
        assert!(cookie.contains(attribute), "{attribute}: {cookie}");
    }
    let login: Login = answer.body_mut().read_json().unwrap();
    assert_eq!(login.key, None, "a browser gets no key that scripts can read");
    let token = login.csrf_token.unwrap();
    let cookie = cookie.strip_prefix("__Host-surety-payer=").unwrap().split(';').next().unwrap().to_owned();
    let browser = Browser { house: &house, agent, cookie };

    assert_eq!(browser.look("/v1/me").0, 200);
    assert_eq!(browser.look("/v1/me/csrf-token").1.unwrap().csrf_token.as_ref(), Some(&token));
    assert_eq!([None, Some("00")].map(|token| browser.freeze(token)), [403, 403]);
    assert_eq!(browser.freeze(Some(&token)), 200);

    let unused = |days: i64| {
        let moved = days * DAY;
        let older = format!(
            "UPDATE credentials SET seen_at = seen_at - {moved}, created_at = created_at - {moved} WHERE kind = 'cookie'"
        );
        assert_eq!(tamper(&house.server, &older), 1);
    };
    unused(29);
    assert_eq!(browser.look("/v1/me").0, 200, "used now and then");
    unused(31);
    assert_eq!(browser.look("/v1/me").0, 401, "not used for a month");
    assert_eq!(devices(&house.payer).len(), 1, "and not listed");

    let used =
        "UPDATE credentials SET seen_at = (SELECT max(created_at) FROM credentials) WHERE kind = 'cookie'";
    assert_eq!(tamper(&house.server, used), 1);
    assert_eq!(browser.look("/v1/me").0, 200);
    let request = browser.agent.delete(browser.url("/v1/me/login")).header("cookie", browser.cookie());
    let out = request.header("x-csrf-token", &token).call().unwrap();
    assert_eq!(out.status().as_u16(), 204);
    assert!(out.headers()["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(browser.look("/v1/me").0, 401);
}

#[test]
fn a_pin_is_not_guessed_by_logging_in() {
    let house = House::new();
    let code = house.code(PHONE, CodePurpose::Login);
    let login = |pin: &str| {
        answered(house.anybody.post::<Login>("/v1/logins/payer", &super::new_login(&code, pin))).err()
    };
    for pin in ["000000", "111111", "222222", "333333", "444444"] {
        assert_eq!(login(pin), Some("pin_wrong".to_owned()));
    }
    assert_eq!(login(PIN), Some("code_over".to_owned()), "each wrong PIN is a try of the code");
    assert_eq!(house.log_in(PHONE, PIN).err(), Some("pin_locked".to_owned()), "one count for everything");
    let change = json!({ "old": PIN, "new": "582913" });
    assert_eq!(done(&house.payer, "POST", "/v1/me/pin", Some(&change)), Err("pin_locked".to_owned()));
    let unfreeze = answered(house.payer.post::<PayerView>("/v1/me/face/unfreeze", &with_pin(PIN)));
    assert_eq!(unfreeze.err(), Some("face_not_enrolled".to_owned()));
}
