//! Passkeys, and what confirms with them.

use axum::http::StatusCode;
use engine::{
    Begun, ConfirmationAnswer, EnrolmentProof, NewPasskey, PasskeyAnswer, PasskeyRow, UnfreezeWith,
};
use zeroize::Zeroizing;

use crate::http::problem::Problem;

pub(crate) fn begun(begun: Begun) -> api::Ceremony {
    api::Ceremony { ceremony_id: begun.ceremony, options: begun.options, expires_at: begun.expires_at }
}

pub(crate) fn view(row: PasskeyRow) -> api::PasskeyView {
    api::PasskeyView {
        passkey_id: row.id,
        label: row.label,
        created_at: row.created_at,
        used_at: row.used_at,
        blocked: row.blocked_at.is_some(),
    }
}

pub(crate) fn list(rows: Vec<PasskeyRow>) -> api::PasskeyList {
    api::PasskeyList { passkeys: rows.into_iter().map(view).collect() }
}

pub(crate) fn answer(answer: api::PasskeyAnswer) -> PasskeyAnswer {
    PasskeyAnswer { ceremony: answer.ceremony_id, credential: answer.credential.into() }
}

pub(crate) fn new(new: api::NewPasskey) -> NewPasskey {
    let answer = PasskeyAnswer { ceremony: new.ceremony_id, credential: new.credential.into() };
    NewPasskey { label: new.label, answer }
}

pub(crate) fn confirmation(given: api::ConfirmAnswer) -> ConfirmationAnswer {
    if given.yes {
        ConfirmationAnswer::Yes { pin: given.pin.map(Zeroizing::new), passkey: given.passkey.map(answer) }
    } else {
        ConfirmationAnswer::No
    }
}

pub(crate) fn enrolment(given: api::ConfirmEnrolment) -> EnrolmentProof {
    EnrolmentProof {
        code: given.code,
        pin: given.pin.map(Zeroizing::new),
        passkey: given.passkey.map(answer),
    }
}

/// Exactly one of the two.
pub(crate) fn unfreeze(given: api::Unfreeze) -> Result<UnfreezeWith, Problem> {
    match (given.pin.map(Zeroizing::new), given.passkey.map(answer)) {
        (Some(pin), None) => Ok(UnfreezeWith::Pin(pin)),
        (None, Some(answer)) => Ok(UnfreezeWith::Passkey(answer)),
        (Some(_), Some(_)) | (None, None) => Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "field_invalid",
            "send either pin or passkey, and not both",
        )),
    }
}
