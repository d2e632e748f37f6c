//! `surety serve`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use clap::Args;
use engine::{Engine, RelyingParty};
use tokio::net::TcpListener;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt};
use url::Url;

use super::captures::liveness_at;
use super::listening::Listening;
use super::{Folders, say};
use crate::http;
use crate::http::listen::{House, Tls};
use crate::jobs::Jobs;
use crate::oidc;

mod duties;

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
    /// Where payers find this server, as `https://pay.example`; may be given several times. Codes of orders lead to
    /// `https://pay.example/pay/CODE` under the first, instead of `surety:pay?code=CODE`. Passkeys are made for the first
    /// one's host, and stop working when it changes; further ones lie on or below it. Without any, passkeys work on
    /// `localhost` if the address is loopback and no proxy stands before it, and are off otherwise.
    #[arg(long, value_name = "URL", env = "SURETY_PUBLIC_ORIGIN", value_delimiter = ',')]
    public_origin: Vec<http::PublicOrigin>,
    /// A liveness model, as `surety train-liveness` writes it, instead of the stock rule (docs/liveness.md).
    #[arg(long, value_name = "FILE")]
    liveness: Option<PathBuf>,
    /// What is logged, as `tracing` directives.
    #[arg(long, value_name = "FILTER", default_value = "info", env = "SURETY_LOG")]
    log: String,
}

impl Serve {
    pub(crate) fn run(self) -> Result<ExitCode> {
        log(&self.log)?;
        self.listening.check()?;
        let provider = self.oidc.provider()?;
        let (_installation, mut engine) = self.folders.open()?;
        if let Some(path) = &self.liveness {
            engine = engine.with_liveness(liveness_at(path)?).context("reading --liveness")?;
        }
        let health = engine.health()?;
        tracing::info!(enrolled = health.enrolled, liveness = health.liveness, "engine ready");
        if !health.liveness {
            tracing::warn!(
                "no liveness model is installed: the default policy asks every payer for a further factor"
            );
        }
        duties::tell(&engine)?;
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
        let first = self.public_origin.first().cloned();
        let (router, limits) = http::router(Arc::clone(&engine), oidc, first)?;
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
        let mut origins: Vec<Url> = self.public_origin.iter().map(|origin| origin.url().clone()).collect();
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

/// Libraries that log what they are given, and from which level on: the PostgreSQL driver a statement's parameters,
/// the passkeys' one the bytes of credentials. What becomes of a request is said by ourselves.
const TELL_TOO_MUCH: [(&str, LevelFilter); 2] =
    [("tokio_postgres", LevelFilter::INFO), ("webauthn_rs", LevelFilter::OFF)];

/// Logs to standard error what the directives ask for, but for what [`TELL_TOO_MUCH`] keeps quiet.
fn log(directives: &str) -> Result<()> {
    let asked = EnvFilter::try_new(directives).context("reading --log")?;
    let tellable = filter_fn(|event| {
        TELL_TOO_MUCH
            .iter()
            .all(|(library, most)| !event.target().starts_with(library) || event.level() <= most)
    });
    // A log that cannot be written, on a full disk for one, must not stop payments: its complaint would panic.
    let lines = fmt::layer().json().with_writer(std::io::stderr).log_internal_errors(false);
    tracing_subscriber::registry().with(lines.with_filter(tellable)).with(asked).init();
    Ok(())
}
