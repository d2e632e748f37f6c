//! Accounts: codes, devices, documents, wards.

use engine::{CodePurpose, CredentialKind, DeviceView, DocumentKind, WardView};

pub(crate) const fn code_purpose(purpose: api::CodePurpose) -> CodePurpose {
    match purpose {
        api::CodePurpose::Register => CodePurpose::Register,
        api::CodePurpose::Login => CodePurpose::Login,
        api::CodePurpose::Change => CodePurpose::Change,
        api::CodePurpose::Recover => CodePurpose::Recover,
        api::CodePurpose::Guardian => CodePurpose::Guardian,
    }
}

pub(crate) const fn document_kind(kind: api::DocumentKind) -> DocumentKind {
    match kind {
        api::DocumentKind::ResidentId => DocumentKind::ResidentId,
        api::DocumentKind::Passport => DocumentKind::Passport,
        api::DocumentKind::Other => DocumentKind::Other,
    }
}

pub(crate) fn device(view: DeviceView) -> api::DeviceView {
    let carrier = match view.kind {
        CredentialKind::Cookie => api::Carrier::Cookie,
        CredentialKind::Bearer | CredentialKind::Signature => api::Carrier::Bearer,
    };
    api::DeviceView {
        key_id: view.id,
        device: view.label,
        carrier,
        since: view.since,
        seen_at: view.seen_at,
        this: view.this,
    }
}

pub(crate) fn ward(view: WardView) -> api::WardView {
    api::WardView {
        payer_id: view.ward,
        name: view.name,
        asked_at: view.asked_at,
        confirmed_at: view.confirmed_at,
        held: view.held,
    }
}
