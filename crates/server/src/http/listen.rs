//! Connections: taking them, bounding them, ending them.
//!
//! - A connection without a request at work ends after [`Bounds::idle`], whether it is silent, makes no handshake, or
//!   sends its headers byte by byte.
//! - There is a most of connections, in all and for one address. At the bound the one that was idle longest makes
//!   room; one with a request at work never does. If all are at work, the new one reads 503.
//! - A request that arrives too slowly is ended by the bound on bodies and on requests ([`super::body`], [`super`]).

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use self::crowd::{Crowd, Over, Seat};
use self::linger::Lingering;
use super::address::{ClientAddress, Proxies, Scheme};
use super::limits::{HEADERS_MAX, Limits, refused};
use super::problem::Problem;

mod crowd;
mod linger;
mod tls;

pub(crate) use self::tls::Tls;

/// The most bytes of the head of a request; above, the answer is 431.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// The same for HTTP/2, whose measure counts 32 bytes for each header.
const HEADER_LIST_BYTES_MAX: u32 = 64 * 1024;
/// Requests at the same time on one HTTP/2 connection.
const STREAMS_MAX: u32 = 64;
/// Streams a client may open and reset before it is sent away (CVE-2023-44487 and those after it).
const RESETS_MAX: usize = 32;
/// How long after a failed accept the next one is tried: no file is free then.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// How often idle rates are forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(10);
/// How long a stop waits for requests at work: longer than any may take.
const STOP_PATIENCE: Duration = Duration::from_secs(35);
/// How long a connection that is sent away has for its last words.
const FAREWELL: Duration = Duration::from_secs(2);
/// How many connections are being sent away with words; more than that go without.
const FAREWELLS_MAX: usize = 64;

/// The operator's bounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Connections at the same time.
    pub(crate) connections: usize,
    /// Of these from one address, or one IPv6 network of 64 bits. Our own proxies carry everybody and have no such bound.
    pub(crate) per_address: usize,
    /// How long a connection may be without a request at work.
    pub(crate) idle: Duration,
}

/// What connections are served with.
pub(crate) struct House {
    pub(crate) router: Router,
    pub(crate) limits: Arc<Limits>,
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) proxies: Proxies,
    pub(crate) bounds: Bounds,
}

impl House {
    /// Serves until `stopped`, then finishes what is at work.
    pub(crate) async fn serve(self, listener: TcpListener, stopped: impl Future<Output = ()>) {
        let crowd = Crowd::new(self.bounds.connections, self.bounds.per_address);
        let (stop, stopping) = watch::channel(false);
        let door = Arc::new(Door { house: self, crowd, stopping, farewells: Semaphore::new(FAREWELLS_MAX) });
        let mut talks = JoinSet::new();
        let mut stopped = pin!(stopped);
        let mut forget = tokio::time::interval(FORGET_EVERY);
        loop {
            tokio::select! {
                () = &mut stopped => break,
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => drop(talks.spawn(Arc::clone(&door).talk(stream, peer))),
                    Err(error) if is_of_the_peer(&error) => {}
                    Err(error) => {
                        tracing::error!(%error, "a connection could not be taken");
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(_ended) = talks.join_next() => {}
                _ = forget.tick() => door.house.limits.forget_idle(),
            }
        }
        drop(listener);
        stop.send_replace(true);
        let all_ended = async { while talks.join_next().await.is_some() {} };
        if timeout(STOP_PATIENCE, all_ended).await.is_err() {
            tracing::warn!("connections were still open and are cut");
        }
    }
}

/// Faults of one connection, that say nothing about the next.
fn is_of_the_peer(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    [ConnectionAborted, ConnectionRefused, ConnectionReset].contains(&error.kind())
}

struct Door {
    house: House,
    crowd: Crowd,
    stopping: watch::Receiver<bool>,
    farewells: Semaphore,
}

impl Door {
    async fn talk(self: Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection stays slow");
        }
        let counted = ClientAddress(peer.ip()).counted();
        let bounded = !self.house.proxies.trust(peer.ip());
        let Some(seat) = self.crowd.enter(counted, bounded) else {
            refused("connections");
            return self.send_away(stream).await;
        };
        let stream = Lingering::new(stream);
        let Some(tls) = &self.house.tls else {
            return self.converse(stream, &seat, (peer, Scheme::Http)).await;
        };
        let accepted = tokio::select! {
            accepted = tls.accept(stream) => accepted,
            _ = seat.over(self.house.bounds.idle, Instant::now()) => return,
        };
        match accepted {
            Ok(stream) => self.converse(stream, &seat, (peer, Scheme::Https)).await,
            Err(error) => tracing::debug!(%error, "no TLS handshake"),
        }
    }

    async fn converse<S>(&self, stream: S, seat: &Seat<'_>, (peer, scheme): (SocketAddr, Scheme))
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let router = TowerToHyperService::new(self.house.router.clone());
        let seat_here = seat.state();
        let proxies = self.house.proxies.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            let at_work = seat_here.begin();
            let (client, scheme) = proxies.origin((peer.ip(), scheme), request.headers());
            request.extensions_mut().insert(client);
            request.extensions_mut().insert(scheme);
            let answer = router.call(request.map(axum::body::Body::new));
            async move {
                let Some(_at_work) = at_work else {
                    // This connection had to make room a moment ago: the request is as if it had not come.
                    return std::future::pending().await;
                };
                answer.await
            }
        });
        let builder = protocol();
        let mut talk = pin!(builder.serve_connection(TokioIo::new(stream), service));
        let mut stopping = self.stopping.clone();
        let ended = tokio::select! {
            ended = talk.as_mut() => Some(ended),
            over = seat.over(self.house.bounds.idle, Instant::now()) => match over {
                Over::Idle => None,
                Over::MadeRoom => return,
            },
            // An error means that the other end is gone, which is as good as a stop.
            _ = stopping.wait_for(|stopping| *stopping) => None,
        };
        let ended = match ended {
            Some(ended) => ended,
            None => {
                talk.as_mut().graceful_shutdown();
                tokio::select! {
                    ended = talk.as_mut() => ended,
                    _ = seat.over(FAREWELL, Instant::now()) => Ok(()),
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(error, "a connection ended badly");
        }
    }

    /// Says why there is no place. Under TLS it would cost a handshake, and is left out.
    async fn send_away(&self, stream: TcpStream) {
        let Ok(_one) = self.farewells.try_acquire() else { return };
        if self.house.tls.is_some() {
            return;
        }
        let detail =
            "too many connections are open and at work; nothing was done, try again in a few seconds";
        let answer = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail).into_response();
        let mut stream = Lingering::new(stream);
        let said = async {
            let mut text = format!("HTTP/1.1 {}\r\nconnection: close\r\n", answer.status()).into_bytes();
            for (name, value) in answer.headers() {
                text.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
            }
            let body = axum::body::to_bytes(answer.into_body(), HEAD_BYTES_MAX).await.unwrap_or_default();
            text.extend(format!("content-length: {}\r\n\r\n", body.len()).into_bytes());
            text.extend(body);
            stream.write_all(&text).await?;
            stream.shutdown().await
        };
        if !matches!(timeout(FAREWELL, said).await, Ok(Ok(()))) {
            tracing::debug!("a connection was sent away without a word");
        }
    }
}

/// HTTP/1.1 and HTTP/2 with our bounds. How long a head may take is bounded for both by [`Bounds::idle`].
fn protocol() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEADER_LIST_BYTES_MAX)
        .max_pending_accept_reset_streams(RESETS_MAX)
        .max_local_error_reset_streams(RESETS_MAX);
    builder
}
