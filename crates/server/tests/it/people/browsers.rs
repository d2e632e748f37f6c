//! A browser: it shows cookies, keeps what it is told to, and follows nothing by itself.

use std::collections::BTreeMap;

use api::{Carrier, Login, LoginView, NewLogin, Problem};
use scenario::Member;
use serde::Serialize;
use serde::de::DeserializeOwned;
use types::StaffRole;
use ureq::Agent;
use ureq::http::{Method, Request};

use super::invite;
use crate::fixture::Fixture;

/// A browser with its cookies, of whatever host: they are told apart by their names.
pub(super) struct Browser {
    agent: Agent,
    pub(super) cookies: BTreeMap<String, String>,
    pub(super) headers: BTreeMap<&'static str, String>,
}

/// What came back.
pub(super) struct Page {
    pub(super) status: u16,
    pub(super) location: Option<String>,
    /// As they were set, with all that was said about them.
    pub(super) set: Vec<String>,
    pub(super) body: String,
}

impl Page {
    #[track_caller]
    pub(super) fn read<T: DeserializeOwned>(&self) -> T {
        assert!((200..300).contains(&self.status), "{} {}", self.status, self.body);
        serde_json::from_str(&self.body).unwrap()
    }

    #[track_caller]
    pub(super) fn refused(&self, code: &str) {
        let problem: Problem = serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{}", self.body));
        assert_eq!(problem.code, code, "{}", problem.detail);
    }
}

impl Browser {
    pub(super) fn new() -> Self {
        let config = Agent::config_builder().http_status_as_error(false).proxy(None).max_redirects(0).build();
        Self { agent: config.new_agent(), cookies: BTreeMap::new(), headers: BTreeMap::new() }
    }

    pub(super) fn get(&mut self, url: &str) -> Page {
        self.send("GET", url, Vec::new())
    }

    pub(super) fn post(&mut self, url: &str, body: &impl Serialize) -> Page {
        self.send("POST", url, serde_json::to_vec(body).unwrap())
    }

    pub(super) fn send(&mut self, method: &str, url: &str, body: Vec<u8>) -> Page {
        let method: Method = method.parse().unwrap();
        let mut request = Request::builder().method(method).uri(url);
        if !self.cookies.is_empty() {
            let cookies: Vec<String> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header("cookie", cookies.join("; "));
        }
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let mut response = if body.is_empty() {
            let request = request.body(()).unwrap();
            self.agent.run(self.agent.configure_request(request).allow_non_standard_methods(true).build())
        } else {
            self.agent.run(request.header("content-type", "application/json").body(body).unwrap())
        }
        .unwrap();
        let text = |value: &ureq::http::HeaderValue| value.to_str().unwrap().to_owned();
        let set: Vec<String> = response.headers().get_all("set-cookie").iter().map(text).collect();
        for cookie in &set {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if value.is_empty() || cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let location = response.headers().get("location").map(text);
        let status = response.status().as_u16();
        Page { status, location, set, body: response.body_mut().read_to_string().unwrap() }
    }
}

#[test]
fn a_browser_logs_in_with_a_cookie_and_changes_things_with_its_token() {
    let fixture = Fixture::new();
    let base = fixture.anybody.base_url().to_owned();
    let member = Member::join(&fixture.anybody, &invite(&fixture.admin, "wang", StaffRole::Auditor)).unwrap();
    let mut browser = Browser::new();
    let proof = NewLogin { carrier: Carrier::Cookie, ..member.proof() };
    let page = browser.post(&format!("{base}/v1/logins"), &proof);
    let [set] = page.set.as_slice() else { panic!("{:?}", page.set) };
    for word in ["__Host-surety-user=", "HttpOnly", "Secure", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
        assert!(set.contains(word), "{set}");
    }
    let login: Login = page.read();
    let token = login.csrf_token.unwrap();
    assert!(login.key.is_none() && !set.contains(&token));

    let view: LoginView = browser.get(&format!("{base}/v1/login")).read();
    assert_eq!((view.login.as_str(), view.csrf_token.as_ref()), ("wang", Some(&token)));
    browser.send("DELETE", &format!("{base}/v1/login"), Vec::new()).refused("csrf_token_wrong");
    browser.headers.insert("x-csrf-token", token);
    browser.headers.insert("origin", "http://elsewhere.example.org".to_owned());
    browser.send("DELETE", &format!("{base}/v1/login"), Vec::new()).refused("origin_foreign");
    browser.headers.insert("origin", base.clone());
    let kept = browser.cookies.clone();
    let page = browser.send("DELETE", &format!("{base}/v1/login"), Vec::new());
    assert_eq!((page.status, browser.cookies.len()), (204, 0));
    browser.get(&format!("{base}/v1/login")).refused("key_missing");
    // Whoever kept the cookie has nothing.
    browser.cookies = kept;
    browser.get(&format!("{base}/v1/login")).refused("key_unknown");
}
