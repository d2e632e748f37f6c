//! Terminals and keys, as they are sent.

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::CredentialKind;
use signing::PublicKey;

use crate::http::problem::Problem;

pub(crate) fn public_key(text: &str) -> Result<PublicKey, Problem> {
    let problem =
        |detail: String| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "public_key_invalid", detail);
    let bytes = STANDARD.decode(text).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let bytes = bytes.ok_or_else(|| problem("public_key: 32 bytes in standard base64".to_owned()))?;
    PublicKey::from_bytes(&bytes).map_err(|error| problem(error.to_string()))
}

pub(crate) fn optional_public_key(text: Option<&str>) -> Result<Option<[u8; 32]>, Problem> {
    text.map(|text| public_key(text).map(PublicKey::to_bytes)).transpose()
}

pub(crate) fn onboarding(new: &engine::Onboarding) -> api::Onboarding {
    api::Onboarding {
        terminal_id: new.terminal,
        onboarding_code: new.code.to_string(),
        expires_at: new.expires_at,
    }
}

pub(crate) fn activated(activated: engine::Activated) -> api::Activated {
    api::Activated {
        key_id: activated.key,
        terminal_id: activated.terminal.id,
        merchant_id: activated.terminal.merchant,
        label: activated.terminal.label,
        place: activated.terminal.place,
    }
}

pub(crate) fn terminal(view: engine::TerminalView) -> api::TerminalView {
    let stand = |row: engine::StandRow| api::Stand { from: row.from, until: row.until, place: row.place };
    api::TerminalView {
        terminal_id: view.row.id,
        merchant_id: view.row.merchant,
        label: view.row.label,
        state: match view.row.state {
            engine::TerminalState::Inactive => api::TerminalState::Inactive,
            engine::TerminalState::Active => api::TerminalState::Active,
            engine::TerminalState::Suspended => api::TerminalState::Suspended,
            engine::TerminalState::Revoked => api::TerminalState::Revoked,
        },
        reason: view.row.reason,
        serial: view.row.serial,
        key_id: view.key,
        code_expires_at: view.code_expires_at,
        place: view.row.place,
        places: view.places.into_iter().map(stand).collect(),
        relocations: view.relocations.into_iter().map(relocation).collect(),
    }
}

pub(crate) fn relocation(row: engine::RelocationRow) -> api::RelocationView {
    let (state, decided) = match row.state {
        engine::RelocationState::Proposed => (api::RelocationState::Proposed, None),
        engine::RelocationState::Approved { by, at } => (api::RelocationState::Approved, Some((by, at))),
        engine::RelocationState::Rejected { by, at } => (api::RelocationState::Rejected, Some((by, at))),
    };
    let (decided_by, decided_at) = decided.unzip();
    api::RelocationView {
        relocation_id: row.id,
        terminal_id: row.terminal,
        place: row.place,
        reason: row.reason,
        proposed_by: row.proposed_by,
        proposed_at: row.proposed_at,
        state,
        decided_by,
        decided_at,
    }
}

pub(crate) fn key(view: engine::KeyView) -> api::MerchantKeyView {
    let api_key = view.secret.map(|secret| secret.to_string());
    api::MerchantKeyView { api_key, ..key_row(view.row) }
}

pub(crate) fn key_row(row: engine::CredentialRow) -> api::MerchantKeyView {
    api::MerchantKeyView {
        key_id: row.id,
        kind: match row.kind {
            CredentialKind::Signature => api::KeyKind::Signature,
            CredentialKind::Bearer | CredentialKind::Cookie => api::KeyKind::Bearer,
        },
        label: row.label,
        rights: row.rights,
        created_at: row.created_at,
        expires_at: row.expires_at,
        api_key: None,
    }
}

pub(crate) fn report_in(report: api::TerminalReport) -> engine::TerminalReport {
    let api::TerminalReport { counter, taken_at, point, accuracy_m, camera } = report;
    engine::TerminalReport { counter, taken_at, point, accuracy_m, camera }
}

pub(crate) fn alert(row: engine::AlertRow) -> api::AlertView {
    api::AlertView {
        alert_id: row.id,
        kind: row.kind.code().to_owned(),
        zh: row.kind.zh().to_owned(),
        en: row.kind.en().to_owned(),
        state: if row.open { api::AlertState::Open } else { api::AlertState::Closed },
        at: row.at,
        last_at: row.last_at,
        times: row.times,
        terminal_id: row.terminal,
        merchant_id: row.merchant,
        session_id: row.session,
        facts: row.facts,
    }
}
