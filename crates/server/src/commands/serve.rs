//! `surety serve`.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use clap::Args;
use tokio::net::TcpListener;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt};

use super::listening::Listening;
use super::{Folders, say};
use crate::http;
use crate::http::listen::House;
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
    /// Where payers' devices find this server, for example `https://pay.example`: the codes of orders then lead to
    /// `https://pay.example/pay/CODE` instead of `surety:pay?code=CODE`.
    #[arg(long, value_name = "URL", env = "SURETY_PUBLIC_ORIGIN")]
    public_origin: Option<http::PublicOrigin>,
    /// What is logged, as `tracing` directives.
    #[arg(long, value_name = "FILTER", default_value = "info", env = "SURETY_LOG")]
    log: String,
}

impl Serve {
    pub(crate) fn run(self) -> Result<ExitCode> {
        log(&self.log)?;
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
        duties::tell(&engine)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("starting the runtime")?;
        let engine = Arc::new(engine);
        let served = runtime.block_on(self.listen(Arc::clone(&engine), provider));
        // What still runs goes first, then the engine, outside of the runtime: its database has a runtime of its own,
        // which must not end inside another.
        drop(runtime);
        drop(engine);
        served.map(|()| ExitCode::SUCCESS)
    }

    async fn listen(&self, engine: Arc<engine::Engine>, oidc: Option<oidc::Provider>) -> Result<()> {
        let wanted = self.listening.address();
        let tls = self.listening.tls()?;
        let bounds = self.listening.bounds()?;
        let listener = TcpListener::bind(wanted).await.with_context(|| format!("listening on {wanted}"))?;
        let address = listener.local_addr().context("reading the address")?;
        let (router, limits) = http::router(Arc::clone(&engine), oidc, self.public_origin.clone())?;
        let jobs = Jobs::start(&engine)?;
        let stop = jobs.stop();
        let stopped = async move {
            stopped().await;
            stop.ask();
        };
        let scheme = if tls.is_some() { "https" } else { "http" };
        say(&format!("listening on {scheme}://{address}"))?;
        House { router, limits, tls, proxies: self.listening.proxies(), bounds }
            .serve(listener, stopped)
            .await;
        jobs.finish();
        tracing::info!("stopped");
        Ok(())
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

/// Logs to standard error what the directives ask for, and never what a statement's parameters are: the PostgreSQL
/// driver would tell them below `info`, secrets and all.
fn log(directives: &str) -> Result<()> {
    let asked = EnvFilter::try_new(directives).context("reading --log")?;
    let tellable = filter_fn(|event| {
        !event.target().starts_with("tokio_postgres") || *event.level() <= LevelFilter::INFO
    });
    // A log that cannot be written, on a full disk for one, must not stop payments: its complaint would panic.
    let lines = fmt::layer().json().with_writer(std::io::stderr).log_internal_errors(false);
    tracing_subscriber::registry().with(lines.with_filter(tellable)).with(asked).init();
    Ok(())
}
