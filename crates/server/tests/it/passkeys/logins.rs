//! Logging in with a passkey: people of the operator and of merchants.

use api::{
    Ceremony, Login, LoginView, NewChallenge, NewLoginChallenge, NewPasskey, NewPasskeyLogin, PasskeyList,
    PasskeyView,
};
use scenario::{Client, Server};
use serde_json::{Value, json};

use super::device::Device;
use super::{code, expire, origin, registered};
use crate::database::tamper;
use crate::fixture::Fixture;

const LOGIN: &str = "li.na";

fn begin(person: &Client) -> Result<Ceremony, String> {
    person.post("/v1/login/passkeys/registrations", &NewChallenge {}).map_err(code)
}

fn add(person: &Client, new: &NewPasskey) -> Result<PasskeyView, String> {
    person.post("/v1/login/passkeys", new).map_err(code)
}

fn list(person: &Client) -> Vec<PasskeyView> {
    person.get::<PasskeyList>("/v1/login/passkeys").unwrap().passkeys
}

fn challenge(anybody: &Client, login: Option<&str>) -> Ceremony {
    let new = NewLoginChallenge { login: login.map(str::to_owned) };
    anybody.post("/v1/logins/passkey/challenge", &new).unwrap()
}

fn log_in(anybody: &Client, device: &mut Device, asked: &Ceremony) -> Result<Client, String> {
    let signed = device.sign(asked);
    let login = NewPasskeyLogin {
        ceremony_id: signed.ceremony_id,
        credential: signed.credential,
        carrier: api::Carrier::Bearer,
    };
    let opened: Login = anybody.post("/v1/logins/passkey", &login).map_err(code)?;
    Ok(anybody.with_key(opened.key.unwrap()))
}

fn with_passkey(server: &Server, person: &Client) -> Device {
    let mut device = Device::at(&origin(server));
    let new = device.make(&begin(person).unwrap(), "laptop").unwrap();
    add(person, &new).unwrap();
    device
}

fn ids(asked: &Ceremony) -> Vec<String> {
    let ids = asked.options["publicKey"]["allowCredentials"].as_array().unwrap();
    ids.iter().map(|id| id["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_passkey_logs_in_by_name_and_without_one() {
    let fixture = Fixture::new();
    let (staff, anybody) = (&fixture.staff, &fixture.anybody);
    let mut laptop = with_passkey(&fixture.server, staff);
    for login in [Some(" Li.Na "), None] {
        let person = log_in(anybody, &mut laptop, &challenge(anybody, login)).unwrap();
        let who: LoginView = person.get("/v1/login").unwrap();
        assert_eq!(who.login, LOGIN);
        assert!(who.expires_at.is_some(), "it ends by itself");
    }
    let used = list(staff);
    assert_eq!((used.len(), used[0].label.as_str(), used[0].used_at.is_some()), (1, "laptop", true));

    let path = format!("/v1/login/passkeys/{}", used[0].passkey_id);
    assert_eq!(
        fixture.admin.delete::<()>(&path).map_err(code),
        Err("passkey_unknown".to_owned()),
        "not hers"
    );
    staff.delete::<()>(&path).unwrap();
    assert_eq!(log_in(anybody, &mut laptop, &challenge(anybody, None)).err().unwrap(), "login_wrong");
}

#[test]
fn a_login_of_long_ago_adds_and_removes_nothing() {
    let fixture = Fixture::new();
    let staff = &fixture.staff;
    with_passkey(&fixture.server, staff);
    let asked = begin(staff).unwrap();
    let new = Device::at(&origin(&fixture.server)).make(&asked, "second").unwrap();
    let sql = "UPDATE credentials SET created_at = created_at - 660000000 WHERE scope = 'user'";
    assert!(tamper(&fixture.server, sql) > 0);
    assert_eq!(begin(staff).unwrap_err(), "login_stale");
    assert_eq!(add(staff, &new), Err("login_stale".to_owned()));
    let path = format!("/v1/login/passkeys/{}", list(staff)[0].passkey_id);
    assert_eq!(staff.delete::<()>(&path).map_err(code), Err("login_stale".to_owned()));
}

#[test]
fn nobody_learns_who_has_a_login_or_a_passkey() {
    let fixture = Fixture::new();
    let anybody = &fixture.anybody;
    let shape = |asked: &Ceremony| {
        let mut options = asked.options.clone();
        options["publicKey"]["challenge"] = Value::Null;
        for id in options["publicKey"]["allowCredentials"].as_array_mut().unwrap() {
            id["id"] = Value::Null;
        }
        options["publicKey"]["allowCredentials"].as_array_mut().unwrap().truncate(1);
        options
    };
    let without = challenge(anybody, Some(LOGIN));
    let unknown = challenge(anybody, Some("nobody"));
    assert_eq!(ids(&without), ids(&challenge(anybody, Some(LOGIN))), "the same from call to call");
    assert_eq!(ids(&unknown), ids(&challenge(anybody, Some("NoBody"))));
    assert_ne!(ids(&without), ids(&unknown));
    for name in 0..30 {
        assert!(!ids(&challenge(anybody, Some(&format!("nobody.{name}")))).is_empty(), "nobody.{name}");
    }

    let mut laptop = with_passkey(&fixture.server, &fixture.staff);
    let known = challenge(anybody, Some(LOGIN));
    assert_eq!(ids(&known).len(), 1);
    assert_eq!(shape(&known), shape(&without));
    assert_eq!(shape(&known), shape(&unknown));

    // Whatever is wrong reads the same.
    let wrong = |device: &mut Device, asked: &Ceremony| log_in(anybody, device, asked).err().unwrap();
    let mut asked = unknown.clone();
    asked.options["publicKey"]["allowCredentials"] = known.options["publicKey"]["allowCredentials"].clone();
    let mut without_handle = laptop.copied();
    without_handle.passkey.as_mut().unwrap().user_handle = None;
    assert_eq!(wrong(&mut without_handle, &asked), "login_wrong", "a device must say whose it is");
    let mut elsewhere = Device { origin: "http://localhost:1".parse().unwrap(), ..laptop.copied() };
    assert_eq!(wrong(&mut elsewhere, &challenge(anybody, Some(LOGIN))), "login_wrong");
    let late = challenge(anybody, Some(LOGIN));
    expire(&fixture.server, &late);
    assert_eq!(wrong(&mut laptop, &late), "login_wrong");
    log_in(anybody, &mut laptop, &known).unwrap();
    assert_eq!(wrong(&mut laptop, &known), "login_wrong", "once");
    let forgotten = Ceremony { ceremony_id: types::CeremonyId::from_bits(7), ..known.clone() };
    assert_eq!(wrong(&mut laptop, &forgotten), "login_wrong");
}

#[test]
fn a_passkey_of_a_payer_or_of_somebody_ended_opens_nothing() {
    let fixture = Fixture::new();
    let (anybody, admin, staff) = (&fixture.anybody, &fixture.admin, &fixture.staff);
    let mut phone = registered(&fixture.server, &fixture.payer, "phone");
    let refused = Some("login_wrong".to_owned());
    assert_eq!(log_in(anybody, &mut phone, &challenge(anybody, None)).err(), refused, "a payer's");

    let mut laptop = with_passkey(&fixture.server, staff);
    let mut asked = challenge(anybody, Some("nobody"));
    asked.options["publicKey"]["allowCredentials"] = json!([]);
    // The device knows its owner, so a challenge that was meant for nobody is as good as one without a name.
    log_in(anybody, &mut laptop, &asked).unwrap();

    let mut thief = laptop.copied();
    log_in(anybody, &mut laptop, &challenge(anybody, None)).unwrap();
    assert_eq!(log_in(anybody, &mut thief, &challenge(anybody, None)).err(), refused, "a copy");
    assert!(list(staff)[0].blocked);
    let mut second = with_passkey(&fixture.server, staff);

    let user = |what: &str| format!("/v1/users/{}/{what}", fixture.user_id);
    let () = admin.post_empty(&user("disable")).unwrap();
    assert_eq!(log_in(anybody, &mut second, &challenge(anybody, None)).err(), refused, "disabled");
    let () = admin.post_empty(&user("enable")).unwrap();
    let back = log_in(anybody, &mut second, &challenge(anybody, None)).unwrap();
    assert_eq!(list(&back).len(), 2);
    let _: Value = admin.post_empty(&user("reset")).unwrap();
    assert_eq!(log_in(anybody, &mut second, &challenge(anybody, None)).err(), refused, "reset");
    assert_eq!(
        tamper(&fixture.server, &format!("DELETE FROM passkeys WHERE subject = '{}'", fixture.user_id)),
        0
    );
}
