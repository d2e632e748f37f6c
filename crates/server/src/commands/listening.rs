//! Where the server listens, and for whom.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use ipnet::IpNet;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

use crate::http::address::{Proxies, ProxyHeader};
use crate::http::listen::{Bounds, Tls};

/// Files that are open besides connections: database, captures, webhooks.
const OTHER_FILES: u64 = 512;

/// Where to listen, TLS, proxies, connections.
#[derive(Args)]
pub(crate) struct Listening {
    /// The address to listen on. Anything but loopback needs TLS here or a proxy that speaks it.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8470")]
    listen: SocketAddr,
    /// Speak TLS with this certificate: a chain in PEM, the server's own first. SIGHUP reads both files again.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// The certificate's private key, in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// A proxy that speaks TLS stands before this address, and nobody else reaches it: plain HTTP is in order.
    #[arg(long, conflicts_with = "tls_certificate")]
    behind_proxy: bool,
    /// A network your proxies are in, as `10.1.0.0/16` or one address; may be given several times. What a request from
    /// there says about its client's address is believed; from anywhere else it is not looked at.
    #[arg(long, value_name = "NETWORK", value_parser = network)]
    trusted_proxy: Vec<IpNet>,
    /// The header your proxies write the client's address into. Only this one is read.
    #[arg(long, value_name = "HEADER", value_enum, default_value = "x-forwarded")]
    proxy_header: ProxyHeader,
    /// Connections at the same time. Beyond it the one that was idle longest is closed, and if none is idle the new one
    /// reads 503.
    #[arg(long, value_name = "N", default_value_t = 4_096, value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,
    /// Of these from one address; proxies excepted.
    #[arg(long, value_name = "N", default_value_t = 1_024, value_parser = clap::value_parser!(u32).range(1..))]
    connections_per_address: u32,
    /// A connection without a request at work is closed after so many seconds, also one that sends its headers slowly.
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    idle_seconds: u32,
}

impl Listening {
    /// Refuses what would show faces and keys to the network.
    ///
    /// # Errors
    /// An address that others reach, without TLS.
    pub(crate) fn check(&self) -> Result<()> {
        if self.listen.ip().to_canonical().is_loopback()
            || self.behind_proxy
            || self.tls_certificate.is_some()
        {
            if self.behind_proxy && self.trusted_proxy.is_empty() {
                tracing::warn!(
                    "--behind-proxy without --trusted-proxy: all clients count as one address, the proxy's, and \
                     share its limits"
                );
            }
            return Ok(());
        }
        bail!(
            "{} can be reached by others, and faces and keys would pass in the clear: name a certificate with \
             --tls-certificate and --tls-key, or say --behind-proxy if only a proxy that speaks TLS reaches it",
            self.listen
        )
    }

    /// The address.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.listen
    }

    /// Does only a proxy reach the address?
    pub(crate) const fn is_behind_proxy(&self) -> bool {
        self.behind_proxy
    }

    /// TLS, if it is wanted; read again with each SIGHUP from now on.
    ///
    /// # Errors
    /// Files that cannot be used.
    pub(crate) fn tls(&self) -> Result<Option<Arc<Tls>>> {
        let (Some(certificate), Some(key)) = (&self.tls_certificate, &self.tls_key) else { return Ok(None) };
        let tls = Arc::new(Tls::load(certificate, key)?);
        let mut hangups = signal(SignalKind::hangup()).context("listening for SIGHUP")?;
        let again = Arc::clone(&tls);
        tokio::spawn(async move {
            while hangups.recv().await.is_some() {
                match again.reload() {
                    Ok(()) => tracing::info!("the certificate was read again"),
                    Err(error) => {
                        let error = format!("{error:#}");
                        tracing::error!(error, "the certificate was not read again; the old one stays");
                    }
                }
            }
        });
        Ok(Some(tls))
    }

    /// Whom to believe.
    pub(crate) fn proxies(&self) -> Proxies {
        Proxies { trusted: self.trusted_proxy.clone(), header: self.proxy_header }
    }

    /// How many connections, as far as the system gives that many files.
    ///
    /// # Errors
    /// A system that gives hardly any.
    pub(crate) fn bounds(&self) -> Result<Bounds> {
        let wanted = u64::from(self.connections);
        let files = open_files(wanted + OTHER_FILES);
        let connections = wanted.min(files.saturating_sub(OTHER_FILES.min(files / 2)));
        ensure!(
            connections > 0,
            "the system lets this process open {files} files; raise that limit (ulimit -n)"
        );
        if connections < wanted {
            tracing::warn!(
                connections,
                files,
                "fewer connections than wanted: the system's limit on files is low"
            );
        }
        Ok(Bounds {
            connections: usize::try_from(connections)?,
            per_address: usize::try_from(self.connections_per_address)?,
            idle: Duration::from_secs(self.idle_seconds.into()),
        })
    }
}

/// How many files may be open, after asking for so many.
fn open_files(wanted: u64) -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let now = limit.current.unwrap_or(u64::MAX);
    let possible = limit.maximum.unwrap_or(u64::MAX).min(wanted);
    if possible <= now {
        return now;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: Some(possible), maximum: limit.maximum }) {
        Ok(()) => possible,
        Err(error) => {
            tracing::warn!(%error, "the limit on open files stays");
            now
        }
    }
}

/// A network, or one address as a network of its own.
fn network(text: &str) -> Result<IpNet, String> {
    let network = text.parse::<IpNet>().or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from));
    network.map_err(|_neither| {
        "no network; write one as 10.1.0.0/16 or fd00::/8, or a single address".to_owned()
    })
}
