//! Use cases off the asynchronous threads, and what a panic in one means.

use std::sync::Arc;

use engine::{Context, Engine, Error};

use super::App;
use super::problem::Problem;
use crate::clock;

/// Runs blocking work on the engine. A panic in it is an assertion of ours that failed: payments stop until an
/// operator has looked.
pub(crate) async fn blocking<T: Send + 'static>(
    app: &App,
    work: impl FnOnce(&Engine) -> Result<T, Error> + Send + 'static,
) -> Result<T, Problem> {
    let engine = Arc::clone(&app.engine);
    match tokio::task::spawn_blocking(move || work(&engine)).await {
        Ok(result) => Ok(result?),
        Err(error) => {
            tracing::error!(%error, "an assertion failed: payments are stopped until `surety verify` and a restart");
            app.engine.mark_broken();
            Err(Problem::internal())
        }
    }
}

/// Runs a use case with the clock and the randomness of this moment.
pub(crate) async fn run<T: Send + 'static>(
    app: &App,
    work: impl FnOnce(&Engine, &mut Context<'_>) -> Result<T, Error> + Send + 'static,
) -> Result<T, Problem> {
    blocking(app, move |engine| clock::with_context(|ctx| work(engine, ctx))).await
}
