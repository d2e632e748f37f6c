//! From where a request comes.
//!
//! That is the address at the other end of the connection. Only when that is a proxy of ours may it name another one
//! in a header; whatever a stranger writes into that header is not looked at.

use std::net::{IpAddr, Ipv6Addr};

use axum::http::HeaderMap;
use clap::ValueEnum;
use ipnet::IpNet;

/// More proxies than this do not stand in one row; what comes before them is not looked at.
const HOPS_MAX: usize = 16;
const FORWARDED: &str = "forwarded";
const X_FORWARDED_FOR: &str = "x-forwarded-for";
const X_FORWARDED_PROTO: &str = "x-forwarded-proto";

/// Who sent a request: an extension of every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);

impl ClientAddress {
    /// What limits count by. Whoever has one IPv6 address has the 64 bits of its network.
    pub(crate) fn counted(self) -> IpAddr {
        match self.0.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        }
    }
}

/// How the client speaks to us, or to the proxy in front: an extension of every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

/// The header in which our proxies say for whom they ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProxyHeader {
    /// `X-Forwarded-For` and `X-Forwarded-Proto`: nginx, `HAProxy`, Envoy and most others.
    XForwarded,
    /// `Forwarded`, as RFC 7239 has it.
    Forwarded,
}

/// Whom to believe about the client's address.
#[derive(Clone, Debug)]
pub(crate) struct Proxies {
    /// The networks our own proxies are in.
    pub(crate) trusted: Vec<IpNet>,
    /// The header that all of them add to. The other one is not read: a client may have sent it.
    pub(crate) header: ProxyHeader,
}

/// One hop as a proxy described it; none where it cannot be read.
struct Hop {
    address: Option<IpAddr>,
    scheme: Option<Scheme>,
}

impl Proxies {
    /// Whether an address is one of our proxies.
    pub(crate) fn trust(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted.iter().any(|network| network.contains(&address))
    }

    /// The client's address and scheme, of a request that came from `peer`. From the right, the first address that is
    /// no proxy of ours. Whatever cannot be read there gives the peer's own address.
    pub(crate) fn origin(
        &self,
        (peer, scheme): (IpAddr, Scheme),
        headers: &HeaderMap,
    ) -> (ClientAddress, Scheme) {
        let direct = (ClientAddress(peer.to_canonical()), scheme);
        if !self.trust(peer) {
            return direct;
        }
        let hops = match self.header {
            ProxyHeader::XForwarded => x_forwarded(headers),
            ProxyHeader::Forwarded => forwarded(headers),
        };
        let mut origin = direct;
        for hop in hops.iter().rev().take(HOPS_MAX) {
            let Some(address) = hop.address else { return direct };
            origin = (ClientAddress(address), hop.scheme.unwrap_or(origin.1));
            if !self.trust(address) {
                break;
            }
        }
        origin
    }
}

/// The header's lines as one list; none when a line is no text.
fn lines(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines: Result<Vec<&str>, _> = headers.get_all(name).iter().map(|line| line.to_str()).collect();
    lines.ok().filter(|lines| !lines.is_empty()).map(|lines| lines.join(","))
}

/// The scheme is the last one said: proxies write that header anew.
fn x_forwarded(headers: &HeaderMap) -> Vec<Hop> {
    let scheme = lines(headers, X_FORWARDED_PROTO)
        .and_then(|list| list.rsplit(',').next().and_then(|last| read_scheme(last.trim())));
    let Some(list) = lines(headers, X_FORWARDED_FOR) else { return Vec::new() };
    list.split(',').map(|item| Hop { address: read_address(item.trim()), scheme }).collect()
}

fn forwarded(headers: &HeaderMap) -> Vec<Hop> {
    let Some(list) = lines(headers, FORWARDED) else { return Vec::new() };
    split(&list, ',').into_iter().map(forwarded_element).collect()
}

fn forwarded_element(element: &str) -> Hop {
    let mut hop = Hop { address: None, scheme: None };
    for pair in split(element, ';') {
        let Some((name, value)) = pair.split_once('=') else { continue };
        let value = value.trim();
        let value = value.strip_prefix('"').and_then(|open| open.strip_suffix('"')).unwrap_or(value);
        if name.trim().eq_ignore_ascii_case("for") {
            hop.address = read_address(value);
        } else if name.trim().eq_ignore_ascii_case("proto") {
            hop.scheme = read_scheme(value);
        }
    }
    hop
}

/// Splits where the mark stands outside of quotes.
fn split(text: &str, mark: char) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(|letter| {
        let cuts = letter == mark && !quoted;
        if letter == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = quoted && letter == '\\' && !escaped;
        cuts
    })
    .collect()
}

/// An address with or without a port. Names and what RFC 7239 calls obfuscated are none.
fn read_address(text: &str) -> Option<IpAddr> {
    let address = text.parse::<IpAddr>().ok();
    let address =
        address.or_else(|| text.parse::<std::net::SocketAddr>().ok().map(|with_port| with_port.ip()));
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    address.or_else(bracketed).map(|address| address.to_canonical())
}

fn read_scheme(text: &str) -> Option<Scheme> {
    if text.eq_ignore_ascii_case("https") {
        Some(Scheme::Https)
    } else if text.eq_ignore_ascii_case("http") {
        Some(Scheme::Http)
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
