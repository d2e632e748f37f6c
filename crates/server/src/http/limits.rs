//! How often, and how many at once. All counts are this process's own: two processes let through twice as much.
//!
//! What a request is charged to is decided in two steps, so that neither guessing nor a neighbour stops a till:
//!
//! 1. Before anything is looked up, a request without a key, to a public or unknown route, or with a key that was not
//!    yet right *from this address*, is charged to its address. So whoever guesses or enumerates spends his own
//!    address's rate, also when his hundredth guess would be right. A till behind the same address is charged there
//!    once, and from then on not at all.
//! 2. Once the key was looked up, [`Limits::looked_up`] charges the key itself. A key that turned out wrong is no
//!    longer known from that address.
//!
//! Keys are remembered as numbers of a hash that differs in every process; no key or phone number is kept. What is
//! idle is forgotten, and what is remembered has a bound: beyond it the newcomers share a few rates.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use engine::Rates;
use utoipa::openapi::OpenApi;

use self::known::Known;
use self::table::Table;
use super::address::ClientAddress;
use super::problem::Problem;

mod known;
mod table;

/// Longer than any path and query of the interface.
const URI_BYTES_MAX: usize = 8 * 1024;
/// More headers than any client or proxy sends.
pub(crate) const HEADERS_MAX: usize = 100;
/// Requests at work at the same time, each with at most a small body until its caller is known.
const AT_WORK_MAX: usize = 2_048;
/// Of these for one address, so that no address has them all.
const AT_WORK_PER_ADDRESS_MAX: usize = 512;

/// The limits of one process.
pub(crate) struct Limits {
    address: Table<IpAddr>,
    key: Table<u64>,
    phone: Table<u64>,
    device: Table<u64>,
    known: Known,
    /// Method and path of what takes a key.
    secured: BTreeSet<(Method, String)>,
    at_work: Mutex<AtWork>,
    hasher: RandomState,
}

#[derive(Default)]
struct AtWork {
    all: usize,
    by_address: BTreeMap<IpAddr, usize>,
}

/// A request at work, until dropped.
struct Place<'a> {
    limits: &'a Limits,
    address: IpAddr,
}

impl Limits {
    /// Limits with the policy's rates, for the operations of a document.
    pub(crate) fn new(rates: &Rates, document: &OpenApi) -> Self {
        Self {
            address: Table::new("address", rates.address),
            key: Table::new("key", rates.key),
            phone: Table::new("phone", rates.phone),
            device: Table::new("device", rates.device),
            known: Known::default(),
            secured: secured(document),
            at_work: Mutex::default(),
            hasher: RandomState::new(),
        }
    }

    /// Call it once, when the key of a request was looked up: `whose` names the key, the same each time; `found` is what
    /// came of it.
    ///
    /// # Errors
    /// 429 when a right key is used too often.
    pub(crate) fn looked_up<T>(
        &self,
        parts: &Parts,
        whose: &(impl Hash + ?Sized),
        found: &Result<T, Problem>,
    ) -> Result<(), Problem> {
        let shown = credential(&parts.headers);
        let pair = shown.map(|shown| self.pair(client(&parts.extensions), shown));
        match found {
            Ok(_) => {
                pair.inspect(|pair| self.known.learn(*pair));
                self.key.charge(&self.hasher.hash_one(whose))
            }
            Err(problem) if problem.is_unauthenticated() => {
                pair.inspect(|pair| self.known.forget(*pair));
                Ok(())
            }
            // The database is away, say: whether the key is right is not known.
            Err(_) => Ok(()),
        }
    }

    /// Charges a phone number that somebody typed; by its blind index or as it is: it is not kept.
    ///
    /// # Errors
    /// 429 when this number is typed too often.
    pub(crate) fn phone(&self, number: &(impl Hash + ?Sized)) -> Result<(), Problem> {
        self.phone.charge(&self.hasher.hash_one(number))
    }

    /// Charges an answer to a question (digits, PIN, code) to the device it was typed on.
    ///
    /// # Errors
    /// 429 when too much is tried there.
    pub(crate) fn device(&self, device: &(impl Hash + ?Sized)) -> Result<(), Problem> {
        self.device.charge(&self.hasher.hash_one(device))
    }

    /// Forgets what is idle. To be called every few seconds.
    pub(crate) fn forget_idle(&self) {
        self.address.forget_idle();
        self.key.forget_idle();
        self.phone.forget_idle();
        self.device.forget_idle();
        self.known.forget_idle();
    }

    /// Step 1 of what is charged.
    fn charge_address(&self, request: &Request) -> Result<(), Problem> {
        let client = client(request.extensions());
        let path = request.extensions().get::<MatchedPath>();
        let secured = path
            .is_some_and(|path| self.secured.contains(&(request.method().clone(), path.as_str().to_owned())));
        let key = credential(request.headers()).filter(|_| secured);
        if key.is_some_and(|key| self.known.contains(self.pair(client, key))) {
            return Ok(());
        }
        self.address.charge(&client.counted())
    }

    fn pair(&self, client: ClientAddress, key: &[u8]) -> u64 {
        self.hasher.hash_one((client.counted(), key))
    }

    fn enter(&self, client: ClientAddress) -> Result<Place<'_>, Problem> {
        let address = client.counted();
        let mut at_work = self.at_work.lock().unwrap_or_else(PoisonError::into_inner);
        let here = at_work.by_address.get(&address).copied().unwrap_or(0);
        if at_work.all >= AT_WORK_MAX || here >= AT_WORK_PER_ADDRESS_MAX {
            refused("at_work");
            let detail = "too many requests are at work; nothing was done, try again in a few seconds";
            return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail));
        }
        at_work.all += 1;
        at_work.by_address.insert(address, here + 1);
        Ok(Place { limits: self, address })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut at_work = self.limits.at_work.lock().unwrap_or_else(PoisonError::into_inner);
        at_work.all -= 1;
        match at_work.by_address.get_mut(&self.address) {
            Some(here) if *here > 1 => *here -= 1,
            Some(_) | None => drop(at_work.by_address.remove(&self.address)),
        }
    }
}

/// Lets a request in, or says what is too much about it.
pub(crate) async fn guard(State(limits): State<Arc<Limits>>, request: Request, next: Next) -> Response {
    let client = client(request.extensions());
    let entered =
        fits(&request).and_then(|()| limits.charge_address(&request)).and_then(|()| limits.enter(client));
    match entered {
        Ok(_place) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// What the HTTP library lets through and nothing here needs.
fn fits(request: &Request) -> Result<(), Problem> {
    if request.uri().to_string().len() > URI_BYTES_MAX {
        let detail = format!("path and query have more than {URI_BYTES_MAX} bytes; send less");
        return Err(Problem::new(StatusCode::URI_TOO_LONG, "uri_too_long", detail));
    }
    if request.headers().len() > HEADERS_MAX {
        let detail = format!("there are more than {HEADERS_MAX} headers; send fewer");
        return Err(Problem::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_many", detail));
    }
    Ok(())
}

/// Counts a refusal of the edge, by what was too much.
pub(crate) fn refused(reason: &'static str) {
    metrics::counter!("surety_refused_total", "reason" => reason).increment(1);
}

fn client(extensions: &axum::http::Extensions) -> ClientAddress {
    *extensions.get().expect("`listen` says of every request where it comes from")
}

/// What a request shows to prove who sends it: only to see whether the same came before. A signature is new each time,
/// so the name of its key stands for it.
fn credential(headers: &HeaderMap) -> Option<&[u8]> {
    if let Some(key) = headers.get(header::AUTHORIZATION) {
        return Some(key.as_bytes());
    }
    let signed = headers.get("signature-input").and_then(|input| input.to_str().ok());
    if let Some(name) = signed.and_then(|input| input.split("keyid=\"").nth(1)?.split('"').next()) {
        return Some(name.as_bytes());
    }
    headers.get(header::COOKIE).map(axum::http::HeaderValue::as_bytes)
}

fn secured(document: &OpenApi) -> BTreeSet<(Method, String)> {
    let paths = document.paths.paths.iter();
    paths
        .flat_map(|(path, item)| {
            let operations = [
                (Method::GET, &item.get),
                (Method::PUT, &item.put),
                (Method::POST, &item.post),
                (Method::DELETE, &item.delete),
                (Method::PATCH, &item.patch),
            ];
            operations.into_iter().filter_map(move |(method, operation)| {
                let takes_key = operation.as_ref()?.security.as_ref().is_some_and(|keys| !keys.is_empty());
                takes_key.then(|| (method, path.clone()))
            })
        })
        .collect()
}

#[cfg(test)]
mod tests;
