//! `surety serve`.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use clap::Args;
use engine::{Engine, RelyingParty};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;
use url::Url;

use super::listening::Listening;
use super::{Folders, say};
use crate::http;
use crate::http::listen::{House, Tls};
use crate::jobs::Jobs;
use crate::oidc;

/// Take payments: serve the HTTP interface on one address.
///
/// The first start creates the data folder with a master key (keep a copy in a safe: without it every face and
/// name is lost) and `staff.key`, the bearer key of the first administrator, who invites everybody else.
#[derive(Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    folders: Folders,
    #[command(flatten)]
    listening: Listening,
    #[command(flatten)]
    oidc: oidc::Settings,
    /// Where browsers see this server, as `https://pay.example`; may be given several times. Passkeys are made for the
    /// first one's host, and stop working when it changes; further ones lie on or below it. Without any, passkeys work
    /// on `localhost` if the address is loopback and no proxy stands before it, and are off otherwise.
    #[arg(long, value_name = "URL")]
    public_origin: Vec<Url>,
    /// What is logged, as `tracing` directives.
    #[arg(long, value_name = "FILTER", default_value = "info", env = "SURETY_LOG")]
    log: String,
}

impl Serve {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let filter = EnvFilter::try_new(&self.log).context("reading --log")?;
        // A log that cannot be written, on a full disk for one, must not stop payments: its complaint would panic.
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).json();
        log.log_internal_errors(false).init();
        self.listening.check()?;
        let provider = self.oidc.provider()?;
        let (_installation, engine) = self.folders.open()?;
        let health = engine.health()?;
        tracing::info!(enrolled = health.enrolled, liveness = health.liveness, "engine ready");
        if !health.liveness {
            tracing::warn!(
                "no liveness model is installed: the default policy asks every payer for a further factor"
            );
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("starting the runtime")?;
        let door = runtime.block_on(self.open_door())?;
        let engine = Arc::new(match self.relying_party(&door)? {
            Some(relying_party) => engine.with_passkeys(relying_party),
            None => engine,
        });
        let served = runtime.block_on(self.listen(door, Arc::clone(&engine), provider));
        // What still runs goes first, then the engine, outside of the runtime: its database has a runtime of its own,
        // which must not end inside another.
        drop(runtime);
        drop(engine);
        served.map(|()| ExitCode::SUCCESS)
    }

    /// Takes the address, so that its port is known; nobody is let in yet.
    async fn open_door(&self) -> Result<Door> {
        let wanted = self.listening.address();
        let tls = self.listening.tls()?;
        let listener = TcpListener::bind(wanted).await.with_context(|| format!("listening on {wanted}"))?;
        let address = listener.local_addr().context("reading the address")?;
        Ok(Door { listener, address, tls })
    }

    async fn listen(&self, door: Door, engine: Arc<Engine>, oidc: Option<oidc::Provider>) -> Result<()> {
        let bounds = self.listening.bounds()?;
        let origin = door.origin();
        let Door { listener, address: _, tls } = door;
        let (router, limits) = http::router(Arc::clone(&engine), oidc)?;
        let jobs = Jobs::start(&engine)?;
        let stop = jobs.stop();
        let stopped = async move {
            stopped().await;
            stop.ask();
        };
        say(&format!("listening on {origin}"))?;
        House { router, limits, tls, proxies: self.listening.proxies(), bounds }
            .serve(listener, stopped)
            .await;
        jobs.finish();
        tracing::info!("stopped");
        Ok(())
    }

    /// Where passkeys belong; none where no browser could use them.
    fn relying_party(&self, door: &Door) -> Result<Option<RelyingParty>> {
        let mut origins = self.public_origin.clone();
        if origins.is_empty() {
            if !door.address.ip().to_canonical().is_loopback() || self.listening.is_behind_proxy() {
                tracing::warn!("passkeys are off: say with --public-origin where browsers see this server");
                return Ok(None);
            }
            let local = format!("{}://localhost:{}", door.scheme(), door.address.port());
            origins.push(Url::parse(&local).context("the address of this machine itself")?);
        }
        RelyingParty::new(&origins).map(Some).context("reading --public-origin")
    }
}

/// The address that was taken, and how it is spoken to.
struct Door {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<Arc<Tls>>,
}

impl Door {
    const fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    fn origin(&self) -> String {
        format!("{}://{}", self.scheme(), self.address)
    }
}

/// Until Ctrl-C or SIGTERM.
async fn stopped() {
    let mut terminate = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(terminate) => terminate,
        Err(error) => {
            tracing::warn!(%error, "SIGTERM is not heard");
            return std::future::pending().await;
        }
    };
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => if let Err(error) = pressed { tracing::warn!(%error, "Ctrl-C is not heard") },
        _ = terminate.recv() => {}
    }
}
