//! What is told about the processing of personal data, to anybody.

use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::App;
use crate::http::body::Id;
use crate::http::problem::Problem;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(consent_text))
        .routes(routes!(consent_text_of))
        .routes(routes!(processing_register))
}

/// The consent text in force.
#[utoipa::path(get, path = "/v1/consent-text", tag = "public", responses(
    (status = 200, description = "The text", body = api::ConsentText),
))]
async fn consent_text(State(app): State<App>) -> Json<api::ConsentText> {
    Json(text(app.engine.consent_text()))
}

/// A consent text that is or was in force: what a consent of that version agreed to.
#[utoipa::path(get, path = "/v1/consent-texts/{version}", tag = "public",
    params(("version" = String, Path, description = "Which")), responses(
    (status = 200, description = "The text", body = api::ConsentText),
    (status = "4XX", description = "Refused", body = api::Problem),
))]
async fn consent_text_of(
    State(app): State<App>,
    Id(version): Id<String>,
) -> Result<Json<api::ConsentText>, Problem> {
    Ok(Json(text(app.engine.consent_text_of(&version)?)))
}

fn text(text: engine::ConsentText) -> api::ConsentText {
    api::ConsentText { version: text.version.to_owned(), zh: text.zh, en: text.en }
}

/// The register of processing: which personal data, why, on what basis, who sees it, how long, how it ends.
#[utoipa::path(get, path = "/v1/processing-register", tag = "public", responses(
    (status = 200, description = "The register, in Chinese and English", body = api::ProcessingRegister),
))]
async fn processing_register(State(app): State<App>) -> Json<api::ProcessingRegister> {
    let operator = app
        .engine
        .operator()
        .map(|operator| api::OperatorView { name: operator.name.clone(), contact: operator.contact.clone() });
    let not_personal = engine::NOT_PERSONAL.iter().map(|line| api::NotPersonal {
        table: line.table.to_owned(),
        columns: names(line.columns),
        why: line.why.to_owned(),
    });
    Json(api::ProcessingRegister {
        operator,
        entries: engine::REGISTER.iter().map(entry).collect(),
        not_personal: not_personal.collect(),
    })
}

fn entry(entry: &engine::ProcessingEntry) -> api::ProcessingEntry {
    let mut view = api::ProcessingEntry {
        code: entry.code.to_owned(),
        columns: Vec::new(),
        files: Vec::new(),
        zh: words(&entry.zh),
        en: words(&entry.en),
    };
    for held in entry.held {
        match held {
            engine::Held::Columns(table, columns) => {
                let table = (*table).to_owned();
                view.columns.push(api::HeldColumns { table, columns: names(columns) });
            }
            engine::Held::Files(beginning) => view.files.push((*beginning).to_owned()),
        }
    }
    view
}

fn words(words: &engine::Words) -> api::ProcessingWords {
    let [what, why, basis, seen_by, kept, protected, ended] = words.parts().map(str::to_owned);
    api::ProcessingWords { what, why, basis, seen_by, kept, protected, ended }
}

fn names(columns: &str) -> Vec<String> {
    columns.split_whitespace().map(str::to_owned).collect()
}
