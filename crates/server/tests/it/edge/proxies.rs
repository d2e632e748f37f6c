//! Whom to believe about the client's address. Two requests without a key from one address, and it has to wait.

use super::House;
use super::talk::{Answer, Line};

const TWO: &[(&str, &str)] = &[("address", "{ per_minute = 1, burst = 2 }")];

fn ask(house: &House, headers: &[(&str, &str)]) -> Answer {
    Line::to(&house.server).get("/v1/consent-text", headers)
}

fn statuses(house: &House, name: &str, values: [&str; 5]) -> [u16; 5] {
    values.map(|value| ask(house, &[(name, value)]).status)
}

#[test]
fn a_stranger_cannot_forge_its_address() {
    let house = House::with(&["--trusted-proxy", "10.0.0.0/8"], TWO);
    let forged = ["198.51.100.1", "198.51.100.2", "198.51.100.3", "198.51.100.4", "198.51.100.5"];
    assert_eq!(statuses(&house, "X-Forwarded-For", forged), [200, 200, 429, 429, 429]);
}

#[test]
fn nobody_is_a_proxy_unless_named() {
    let house = House::with(&[], TWO);
    let forged = ["198.51.100.1", "198.51.100.2", "198.51.100.3", "198.51.100.4", "198.51.100.5"];
    assert_eq!(statuses(&house, "X-Forwarded-For", forged), [200, 200, 429, 429, 429]);
    let house = House::with(&["--proxy-header", "forwarded"], TWO);
    let forged = forged.map(|address| format!("for={address}"));
    let forged = forged.each_ref().map(String::as_str);
    assert_eq!(statuses(&house, "Forwarded", forged), [200, 200, 429, 429, 429]);
}

#[test]
fn a_proxy_of_ours_speaks_for_its_clients() {
    let house = House::with(&["--trusted-proxy", "127.0.0.1", "--trusted-proxy", "10.0.0.0/8"], TWO);
    let one = ["198.51.100.1"; 5];
    assert_eq!(statuses(&house, "X-Forwarded-For", one), [200, 200, 429, 429, 429]);
    // What the client wrote itself stands further left, and is not believed.
    let forged = [
        "1.1.1.1, 198.51.100.2",
        "2.2.2.2, 198.51.100.2",
        "3.3.3.3, 198.51.100.2",
        "4.4.4.4, 198.51.100.2, 10.1.1.1",
        "x, 198.51.100.2",
    ];
    assert_eq!(statuses(&house, "X-Forwarded-For", forged), [200, 200, 429, 429, 429]);
    // An IPv6 client has a whole network of addresses.
    let network = ["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::ffff:4", "2001:db8:0:1::1"];
    assert_eq!(statuses(&house, "X-Forwarded-For", network), [200, 200, 429, 429, 200]);
    // Words that cannot be read are the proxy's own requests.
    let garbage = ["nonsense", "198.51.100.9, nonsense", "", "unknown", "198.51.100.256"];
    assert_eq!(statuses(&house, "X-Forwarded-For", garbage), [200, 200, 429, 429, 429]);
}

#[test]
fn the_header_of_the_rfc_where_it_is_chosen() {
    let house = House::with(&["--trusted-proxy", "127.0.0.0/8", "--proxy-header", "forwarded"], TWO);
    let chain = [
        "for=198.51.100.1",
        "For=\"198.51.100.1:99\"",
        "for=9.9.9.9, for=198.51.100.1;proto=https",
        "for=\"[2001:db8::1]\"",
        "for=198.51.100.1",
    ];
    assert_eq!(statuses(&house, "Forwarded", chain), [200, 200, 429, 200, 429]);
    let other = ["198.51.100.7", "198.51.100.8", "198.51.100.9", "198.51.100.10", "198.51.100.11"];
    assert_eq!(statuses(&house, "X-Forwarded-For", other), [200, 200, 429, 429, 429], "it is not read");
}

#[test]
fn strict_transport_security_where_the_client_came_over_tls() {
    let strict = |house: &House, headers: &[(&str, &str)]| {
        ask(house, headers).headers.get("strict-transport-security").cloned()
    };
    let over_tls = [("X-Forwarded-For", "198.51.100.1"), ("X-Forwarded-Proto", "https")];
    let house = House::with(&["--trusted-proxy", "127.0.0.1"], &[]);
    assert_eq!(strict(&house, &over_tls).as_deref(), Some("max-age=31536000"));
    assert_eq!(strict(&house, &[("X-Forwarded-For", "198.51.100.1"), ("X-Forwarded-Proto", "http")]), None);
    assert_eq!(strict(&house, &[("X-Forwarded-For", "198.51.100.1")]), None);
    assert_eq!(strict(&House::new(), &over_tls), None, "a stranger's word");
}
