//! Logging in with an OpenID provider: a real one, panva's oidc-provider on Node, fetched by `cargo xtask oidc`.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};

use api::{Invited, LoginView, NewUser, OidcAnswer, OidcCode};
use scenario::Member;
use serde_json::{Value, json};
use types::{StaffRole, StaffRoles};

use super::browsers::{Browser, Page};
use super::{act, user};
use crate::database::Dump;
use crate::fixture::{Fixture, Setup, workspace};

const SECRET: &str = "known to the provider and to us";
/// Nobody listens there: the browser that the provider sends back is this test, which knows where the server is.
const BACK: &str = "http://127.0.0.1:9/v1/oidc/callback";
const EMAIL: &str = "wang.fang@example.org";

struct Provider {
    child: Child,
    issuer: String,
    // The provider says more later on, and dies when nobody holds the other end.
    _said: Lines<BufReader<ChildStdout>>,
}

impl Provider {
    fn start() -> Self {
        let folder = workspace().join("var/tools/oidc");
        assert!(
            folder.join("node_modules").is_dir(),
            "no provider in var/tools/oidc: run `cargo xtask oidc`"
        );
        let script = std::fs::read_to_string(workspace().join("tools/oidc/provider.mjs")).unwrap();
        let mut child = Command::new("node")
            .args(["--input-type=module", "--eval", &script, "--", SECRET, BACK])
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        let issuer = said.find_map(|line| Some(line.unwrap().strip_prefix("listening on ")?.to_owned()));
        Self { child, issuer: issuer.unwrap(), _said: said }
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        // It may have ended before.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A server that people reach from the provider, with one user whose login is an address.
struct World {
    provider: Provider,
    _secret: tempfile::TempDir,
    fixture: Fixture,
    invited: Invited,
    member: Member,
}

impl World {
    fn new() -> Self {
        let provider = Provider::start();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("client-secret");
        std::fs::write(&file, format!("{SECRET}\n")).unwrap();
        let more = [
            ("--oidc-issuer", provider.issuer.as_str()),
            ("--oidc-client-id", "surety"),
            ("--oidc-client-secret-file", file.to_str().unwrap()),
            ("--oidc-redirect-url", BACK),
            ("--oidc-acr", "two"),
        ];
        let more = more.iter().flat_map(|(name, value)| [(*name).to_owned(), (*value).to_owned()]).collect();
        let fixture = Fixture::with(&Setup { more, ..Setup::default() });
        let roles: StaffRoles = StaffRole::Auditor.into();
        let new = NewUser { login: EMAIL.to_owned(), name: "Wang Fang".to_owned(), roles, phone: None };
        let invited: Invited = fixture.admin.post("/v1/users", &new).unwrap();
        let member = Member::join(&fixture.anybody, &invited).unwrap();
        Self { provider, _secret: folder, fixture, invited, member }
    }

    /// Who logs in at the provider, and what goes wrong there.
    fn case(&self, case: &Value) {
        let url = format!("{}/case", self.provider.issuer);
        let page = Browser::new().send("PUT", &url, serde_json::to_vec(case).unwrap());
        assert_eq!(page.status, 204);
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.fixture.anybody.base_url())
    }

    /// Goes to the provider and logs in there; where the provider sends the browser back to, at our server.
    fn leave(&self, browser: &mut Browser) -> String {
        let mut page = browser.get(&self.url("/v1/oidc/start"));
        assert_eq!(page.status, 303, "{}", page.body);
        for _ in 0..10 {
            let next = page.location.unwrap_or_else(|| panic!("{} {}", page.status, page.body));
            if let Some(query) = next.strip_prefix(BACK) {
                return self.url(&format!("/v1/oidc/callback{query}"));
            }
            let next = if next.starts_with('/') { format!("{}{next}", self.provider.issuer) } else { next };
            page = browser.get(&next);
        }
        panic!("the provider sends us in a circle");
    }

    fn log_in(&self) -> (Browser, Page) {
        let mut browser = Browser::new();
        let back = self.leave(&mut browser);
        let page = browser.get(&back);
        (browser, page)
    }
}

fn wang() -> Value {
    json!({ "sub": "wang-1", "email": EMAIL, "email_verified": true, "amr": ["pwd", "otp"] })
}

fn with(mut case: Value, field: &str, value: Value) -> Value {
    case[field] = value;
    case
}

#[test]
fn the_provider_vouches_for_a_user_who_exists() {
    let world = World::new();
    world.case(&with(wang(), "email_verified", json!(false)));
    world.log_in().1.refused("identity_unknown");
    world.case(&with(wang(), "email", json!("nobody@example.org")));
    world.log_in().1.refused("identity_unknown");
    assert!(!user(&world.fixture.admin, world.invited.user_id).linked);

    world.case(&wang());
    let (mut browser, page) = world.log_in();
    let answer: OidcAnswer = page.read();
    assert!(!answer.code_needed && answer.csrf_token.is_some());
    let view: LoginView = browser.get(&world.url("/v1/login")).read();
    assert_eq!((view.login.as_str(), view.roles), (EMAIL, StaffRole::Auditor.into()));
    assert!(user(&world.fixture.admin, world.invited.user_id).linked);
    assert!(!browser.cookies.contains_key("__Host-surety-oidc"), "the flow is over");

    // From now on by the subject, whatever the address; and the address is nobody else's.
    world.case(&with(wang(), "email", json!("fang@example.org")));
    let _: OidcAnswer = world.log_in().1.read();
    world.case(&with(wang(), "sub", json!("wang-2")));
    world.log_in().1.refused("identity_unknown");
    act(&world.fixture.admin, world.invited.user_id, "disable").unwrap();
    world.case(&wang());
    world.log_in().1.refused("identity_unknown");
}

#[test]
fn one_factor_at_the_provider_is_not_enough() {
    let world = World::new();
    let pwd = with(wang(), "amr", json!(["pwd"]));
    world.case(&pwd);
    let (mut browser, page) = world.log_in();
    let answer: OidcAnswer = page.read();
    assert!(answer.code_needed && answer.csrf_token.is_none());
    browser.get(&world.url("/v1/login")).refused("key_missing");
    let code = world.url("/v1/oidc/code");
    browser.post(&code, &OidcCode { totp: "000000".to_owned() }).refused("login_wrong");
    let totp = world.member.authenticator.as_ref().unwrap().next_code();
    let mut stranger = Browser::new();
    stranger.post(&code, &OidcCode { totp: totp.clone() }).refused("oidc_not_begun");
    let answer: OidcAnswer = browser.post(&code, &OidcCode { totp }).read();
    assert!(answer.csrf_token.is_some());
    let _: LoginView = browser.get(&world.url("/v1/login")).read();

    // The context that was asked for counts as well, another one does not.
    world.case(&with(pwd.clone(), "acr", json!("two")));
    let answer: OidcAnswer = world.log_in().1.read();
    assert!(!answer.code_needed);
    world.case(&with(pwd, "acr", json!("one")));
    let answer: OidcAnswer = world.log_in().1.read();
    assert!(answer.code_needed);
}

#[test]
fn what_the_provider_did_not_sign_for_us_now_is_refused() {
    let world = World::new();
    let books = || Dump::of(&world.fixture.server);
    let before = books();
    let claims = |claims: Value| with(wang(), "claims", claims);
    let wrong = [
        ("a foreign nonce", claims(json!({ "nonce": "another" }))),
        ("no nonce", claims(json!({ "nonce": null }))),
        ("a foreign audience", claims(json!({ "aud": "somebody-else" }))),
        ("one more audience", claims(json!({ "aud": ["surety", "somebody-else"] }))),
        ("an expired token", claims(json!({ "exp": 1_700_000_000 }))),
        ("a foreign issuer", claims(json!({ "iss": "https://elsewhere.example.org" }))),
        ("a foreign signature", with(wang(), "foreign_key", json!(true))),
        ("another's access token", claims(json!({ "at_hash": "AAAAAAAAAAAAAAAAAAAAAA" }))),
    ];
    for (what, case) in &wrong {
        world.case(case);
        let page = world.log_in().1;
        println!("{what}: {}", page.body);
        page.refused("oidc_refused");
    }
    world.case(&wang());
    for (old, new) in [("state=", "state=0"), ("code=", "code=0")] {
        let mut browser = Browser::new();
        let back = world.leave(&mut browser);
        browser.get(&back.replace(old, new)).refused("oidc_refused");
        browser.get(&back).refused("oidc_not_begun");
    }
    let mut browser = Browser::new();
    let back = world.leave(&mut browser);
    let kept = browser.cookies.clone();
    let mut stranger = Browser::new();
    stranger.get(&back).refused("oidc_not_begun");
    // Another flow of another browser is not this one's.
    world.leave(&mut stranger);
    stranger.get(&back).refused("oidc_refused");
    let after = books();
    for table in ["credentials", "user_secrets", "events", "users"] {
        assert_eq!(before.table(table), after.table(table), "{table} after logins that nobody vouched for");
    }

    let _: OidcAnswer = browser.get(&back).read();
    browser.cookies = kept;
    browser.get(&back).refused("oidc_not_begun");
    // A replayed code in a flow of its own: the provider gives nothing for it twice.
    let mut again = Browser::new();
    let own = world.leave(&mut again);
    let query = |url: &str, name: &str| {
        let found = url.split(['?', '&']).find_map(|pair| pair.strip_prefix(name).map(str::to_owned));
        found.unwrap()
    };
    let replayed = own.replace(&query(&own, "code="), &query(&back, "code="));
    again.get(&replayed).refused("oidc_refused");
}

#[test]
fn a_provider_without_encryption_is_not_begun_with() {
    let folder = tempfile::tempdir().unwrap();
    let surety = env!("CARGO_BIN_EXE_surety");
    let serve = |more: &[&str]| {
        let data = folder.path().join("data");
        let said = Command::new(surety).arg("serve").arg("--data").arg(data).args(more).output().unwrap();
        assert!(!said.status.success());
        String::from_utf8(said.stderr).unwrap()
    };
    assert!(serve(&["--oidc-issuer", "https://id.example.org"]).contains("--oidc-client-id"));
    let all = [
        ["--oidc-issuer", "http://id.example.org"],
        ["--oidc-client-id", "surety"],
        ["--oidc-client-secret-file", "none"],
        ["--oidc-redirect-url", BACK],
    ];
    assert!(serve(all.as_flattened()).contains("must be https"));
}
