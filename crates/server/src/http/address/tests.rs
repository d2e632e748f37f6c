use axum::http::{HeaderName, HeaderValue};

use super::*;

const PROXY: &str = "10.0.0.7";

/// What becomes of a request from `peer` with these headers.
fn origin(header: ProxyHeader, peer: &str, headers: &[(&str, &str)]) -> String {
    let trusted = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap()).to_vec();
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    let proxies = Proxies { trusted, header };
    let (ClientAddress(address), scheme) = proxies.origin((peer.parse().unwrap(), Scheme::Http), &map);
    match scheme {
        Scheme::Http => format!("{address} http"),
        Scheme::Https => format!("{address} https"),
    }
}

#[test]
fn x_forwarded_for_is_read_from_the_right_and_only_from_our_proxies() {
    let check = |peer, list: &str, wanted: &str| {
        let headers = [("x-forwarded-for", list), ("x-forwarded-proto", "https")];
        assert_eq!(origin(ProxyHeader::XForwarded, peer, &headers), wanted, "{peer}, {list}");
    };
    check(PROXY, "198.51.100.4", "198.51.100.4 https");
    check("::ffff:10.0.0.7", "198.51.100.4", "198.51.100.4 https");
    check("192.0.2.1", "198.51.100.4", "192.0.2.1 http");
    check(PROXY, "1.1.1.1, 198.51.100.4", "198.51.100.4 https");
    check(PROXY, "1.1.1.1, 198.51.100.4, 10.9.9.9", "198.51.100.4 https");
    check(PROXY, "garbage, 198.51.100.4", "198.51.100.4 https");
    check(PROXY, "198.51.100.4, garbage", "10.0.0.7 http");
    check(PROXY, "", "10.0.0.7 http");
    check(PROXY, "198.51.100.4,", "10.0.0.7 http");
    check(PROXY, "10.1.1.1, 10.2.2.2", "10.1.1.1 https");
    check(PROXY, "198.51.100.4:4711", "198.51.100.4 https");
    check(PROXY, "[2001:db8::4]:4711", "2001:db8::4 https");
    check(PROXY, "2001:db8::4, fd00::1", "2001:db8::4 https");
    check(PROXY, "::ffff:198.51.100.4", "198.51.100.4 https");
    check(PROXY, "198.51.100.4.5", "10.0.0.7 http");
}

#[test]
fn lines_of_a_header_are_one_list() {
    let twice = [("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "198.51.100.4")];
    assert_eq!(origin(ProxyHeader::XForwarded, PROXY, &twice), "198.51.100.4 http");
    assert_eq!(origin(ProxyHeader::XForwarded, PROXY, &[]), "10.0.0.7 http");
}

#[test]
fn forwarded_is_read_as_the_rfc_has_it() {
    let check = |list: &str, wanted: &str| {
        assert_eq!(origin(ProxyHeader::Forwarded, PROXY, &[("forwarded", list)]), wanted, "{list}");
    };
    check("for=198.51.100.4;proto=https;by=10.0.0.7", "198.51.100.4 https");
    check("For=\"[2001:db8::4]:4711\";Proto=HTTPS", "2001:db8::4 https");
    check("for=\"[2001:db8::4]\"", "2001:db8::4 http");
    check("for=1.1.1.1;proto=https, for=198.51.100.4;proto=http", "198.51.100.4 http");
    check("for=198.51.100.4;proto=https, for=10.3.3.3", "198.51.100.4 https");
    check("for=1.1.1.1, for=unknown", "10.0.0.7 http");
    check("for=1.1.1.1, for=_hidden", "10.0.0.7 http");
    check("for=1.1.1.1, proto=https", "10.0.0.7 http");
    check("for=\"9.9.9.9, for=8.8.8.8\", for=198.51.100.4", "198.51.100.4 http");
    check("for=198.51.100.4;ext=\"a\\\", for=9.9.9.9\"", "198.51.100.4 http");
}

/// A client can send the header that our proxies do not write.
#[test]
fn the_other_header_is_not_read() {
    let both = [("forwarded", "for=1.1.1.1"), ("x-forwarded-for", "198.51.100.4")];
    assert_eq!(origin(ProxyHeader::XForwarded, PROXY, &both), "198.51.100.4 http");
    assert_eq!(origin(ProxyHeader::Forwarded, PROXY, &both), "1.1.1.1 http");
}

#[test]
fn an_ipv6_network_counts_as_one() {
    let counted = |text: &str| ClientAddress(text.parse().unwrap()).counted().to_string();
    assert_eq!(counted("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    assert_eq!(counted("198.51.100.4"), "198.51.100.4");
    assert_eq!(counted("::ffff:198.51.100.4"), "198.51.100.4");
}
