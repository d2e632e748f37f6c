//! All enrolled faces: what is done with them, and who probably has two accounts.

use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::App;
use crate::http::body::Asked;
use crate::http::caller::Staff;
use crate::http::problem::Problem;
use crate::http::run::{blocking, run};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(gallery)).routes(routes!(duplicates))
}

/// The enrolled faces: which model recognises them, and how far work through all of them is.
#[utoipa::path(get, path = "/v1/gallery", tag = "staff", security(("key" = [])), responses(
    (status = 200, description = "As it is now", body = api::GalleryView),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn gallery(State(app): State<App>, Staff(staff): Staff) -> Result<Json<api::GalleryView>, Problem> {
    let state = blocking(&app, move |engine| engine.gallery_state(&staff)).await?;
    let engine::GalleryState { enrolled, model, calibration, successor, jobs } = state;
    let job = |job: engine::GalleryJob| {
        let engine::GalleryJob { name, done, left_out, wanted, started_at, finished_at } = job;
        api::GalleryJob { name, done, left_out, wanted, started_at, finished_at }
    };
    let jobs = jobs.into_iter().map(job).collect();
    Ok(Json(api::GalleryView { enrolled, model, calibration, successor, jobs }))
}

/// Accounts that probably belong to one person, in pairs. The look is logged, and shown to each payer. Until it is clear,
/// both need a PIN or their own device for every payment.
#[utoipa::path(get, path = "/v1/duplicate-accounts", tag = "staff", security(("key" = [])),
    params(api::Purpose), responses(
    (status = 200, description = "The latest found first", body = api::DuplicateAccountList),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn duplicates(
    State(app): State<App>,
    Staff(staff): Staff,
    Asked(purpose): Asked<api::Purpose>,
) -> Result<Json<api::DuplicateAccountList>, Problem> {
    let rows =
        run(&app, move |engine, ctx| engine.suspected_duplicates(ctx, &staff, &purpose.purpose)).await?;
    let pair = |row: engine::LookAlikeRow| api::DuplicateAccount {
        payers: [row.payer, row.other],
        score: row.score,
        found_at: row.found_at,
    };
    Ok(Json(api::DuplicateAccountList { duplicates: rows.into_iter().map(pair).collect() }))
}
