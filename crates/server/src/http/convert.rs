//! From the engine's words to the interface's, and back.

use axum::http::StatusCode;
use engine::{
    AccessRow, CaseView, Compensation, EnrolmentRow, EnrolmentState, Erased, ErasedKind, ErasureReason,
    EvidenceRow, ExplainedDecision, FaceState, Finding, KeptCapture, Language, MessageRow, OpenedSession,
    Outcome, PaymentView, Profile, SessionState, SessionView, Side, Stance, Statement, TombstoneRow,
};

use super::problem::Problem;

pub(crate) mod accounts;
pub(crate) mod money;
pub(crate) mod passkeys;
pub(crate) mod people;
pub(crate) mod terminals;

pub(crate) use self::accounts::{code_purpose, device, document_kind, ward};

pub(crate) const fn language(language: api::Language) -> Language {
    match language {
        api::Language::Zh => Language::Zh,
        api::Language::En => Language::En,
    }
}

pub(crate) const fn check_in(check: api::Check) -> engine::Check {
    match check {
        api::Check::LastFour => engine::Check::LastFour,
        api::Check::FullPhone => engine::Check::FullPhone,
        api::Check::Pin => engine::Check::Pin,
        api::Check::OwnDevice => engine::Check::OwnDevice,
    }
}

const fn check_out(check: engine::Check) -> api::Check {
    match check {
        engine::Check::LastFour => api::Check::LastFour,
        engine::Check::FullPhone => api::Check::FullPhone,
        engine::Check::Pin => api::Check::Pin,
        engine::Check::OwnDevice => api::Check::OwnDevice,
    }
}

pub(crate) fn stance_in(text: &str) -> Result<Stance, Problem> {
    match text {
        "accept" => Ok(Stance::Accept),
        "contest" => Ok(Stance::Contest),
        _ => Err(field("stance: accept or contest")),
    }
}

pub(crate) fn finding_in(text: &str) -> Result<Finding, Problem> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).or(Err(field(
        "finding: wrong_person, account_takeover, merchant_fault, authorised_by_payer, duplicate or other",
    )))
}

fn field(detail: &str) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "field_invalid", detail)
}

pub(crate) fn profile(profile: Profile) -> api::PayerView {
    let face = match profile.face {
        FaceState::None => api::Face::None,
        FaceState::Enabled => api::Face::Enabled,
        FaceState::Frozen => api::Face::Frozen,
    };
    api::PayerView {
        payer_id: profile.payer,
        name: profile.name,
        face,
        balances: profile.balances,
        tier: profile.tier,
    }
}

pub(crate) fn tombstone(row: TombstoneRow) -> api::Tombstone {
    let kind = |kind: ErasedKind| match kind {
        ErasedKind::Template => api::ErasedKind::Template,
        ErasedKind::Enrolment => api::ErasedKind::Enrolment,
        ErasedKind::TemplatePart => api::ErasedKind::TemplatePart,
        ErasedKind::FaceKey => api::ErasedKind::FaceKey,
        ErasedKind::Capture => api::ErasedKind::Capture,
        ErasedKind::Contact => api::ErasedKind::Contact,
    };
    let erased = |erased: Erased| api::Erased {
        kind: kind(erased.kind),
        id: erased.id,
        sealed_sha256: erased.sealed.map(|digest| digest.to_string()),
        key_sha256: erased.key.map(|digest| digest.to_string()),
    };
    let kept = |kept: &KeptCapture| api::KeptCapture { capture_id: kept.capture, dispute_id: kept.dispute };
    api::Tombstone {
        tombstone_id: row.id,
        at: row.at,
        reason: match row.reason {
            ErasureReason::ConsentWithdrawn => api::ErasureReason::ConsentWithdrawn,
            ErasureReason::AccountClosed => api::ErasureReason::AccountClosed,
            ErasureReason::DisputeClosed => api::ErasureReason::DisputeClosed,
        },
        erased: row.erased.into_iter().map(erased).collect(),
        kept: row.kept.iter().map(kept).collect(),
    }
}

pub(crate) fn message(row: MessageRow, language: Language) -> api::Message {
    let text = engine::render(&row, language);
    let value =
        row.args.get("code").or_else(|| row.args.get("confirmation")).and_then(serde_json::Value::as_str);
    let value = value.map(str::to_owned);
    api::Message { message_id: row.id, at: row.at, kind: row.kind, reference: row.reference, text, value }
}

pub(crate) fn payment(view: PaymentView) -> api::PaymentView {
    let recognised = api::Recognised {
        rule: view.recognised.rule,
        checks: view.recognised.checks.into_iter().map(check_out).collect(),
        passkey: view.recognised.passkey,
        p_wrong: view.recognised.p_wrong,
        searched: view.recognised.searched,
    };
    api::PaymentView {
        payment_id: view.payment,
        at: view.at,
        amount: view.amount,
        merchant: view.merchant,
        place: view.place,
        description: view.description,
        recognised,
        state: money::payment_state(&view.state),
        refunded: view.refunded,
        reversed: matches!(view.state, engine::PaymentState::Reversed { at: _, captured: _ }),
        dispute_id: view.dispute,
    }
}

pub(crate) fn enrolment(row: &EnrolmentRow) -> api::EnrolmentView {
    api::EnrolmentView {
        enrolment_id: row.id,
        consent_id: row.consent,
        confirmed: row.state == EnrolmentState::Confirmed,
        expires_at: row.expires_at,
    }
}

pub(crate) fn access(row: AccessRow) -> api::AccessView {
    api::AccessView { at: row.at, actor: row.actor, subject: row.subject, purpose: row.purpose }
}

pub(crate) fn audited_access(row: AccessRow) -> api::AuditedAccess {
    let AccessRow { id: _, at, actor, subject, payer, purpose } = row;
    api::AuditedAccess { at, actor, subject, payer_id: payer, purpose }
}

pub(crate) fn order(view: engine::OrderView) -> api::OrderView {
    let state = match view.state {
        Some(engine::OrderState::Open) => api::OrderState::Open,
        Some(engine::OrderState::Paid) => api::OrderState::Paid,
        Some(engine::OrderState::Reversed) => api::OrderState::Reversed,
        None => api::OrderState::Expired,
    };
    api::OrderView {
        order_id: view.id,
        out_trade_no: view.out_trade_no,
        terminal_id: view.terminal,
        amount: view.amount,
        state,
        payment_id: view.payment,
        expires_at: view.expires_at,
        capture: capture_mode(view.capture_later),
    }
}

pub(crate) const fn capture_mode(later: bool) -> api::CaptureMode {
    if later { api::CaptureMode::Manual } else { api::CaptureMode::Automatic }
}

pub(crate) fn opened(opened: &OpenedSession) -> api::NewSessionReply {
    let count = |n: &usize| u32::try_from(*n).expect("a handful of frames");
    api::NewSessionReply {
        session_id: opened.id,
        nonce: opened.nonce.to_string(),
        expires_at: opened.expires_at,
        frames_min: count(engine::FRAMES_PAY.start()),
        frames_max: count(engine::FRAMES_PAY.end()),
        challenge: opened.challenge.as_ref().map(|asked| challenge(asked, opened.challenge_needed)),
    }
}

fn challenge(asked: &engine::Challenge, needed: bool) -> api::Challenge {
    let action = |action| match action {
        engine::Action::TurnLeft => api::ChallengeAction::TurnLeft,
        engine::Action::TurnRight => api::ChallengeAction::TurnRight,
        engine::Action::Nod => api::ChallengeAction::Nod,
        engine::Action::ComeCloser => api::ChallengeAction::ComeCloser,
    };
    let step = |step: &engine::Step| api::ChallengeStep {
        action: action(step.action),
        begin_after_ms: step.begin_after_ms,
        frames_min: engine::MOVE_FRAMES_MIN,
        frames_max: engine::MOVE_FRAMES_MAX,
        within_seconds: step.within_seconds,
    };
    api::Challenge {
        steps: asked.steps.iter().map(step).collect(),
        finish_within_seconds: asked.finish_within_seconds,
        needed,
    }
}

pub(crate) fn session(view: SessionView) -> api::SessionView {
    let state = match view.state {
        None => api::Stage::Expired,
        Some(SessionState::AwaitingCapture) => api::Stage::AwaitingCapture,
        Some(SessionState::AwaitingCheck { ask, passed: _, repeated }) => {
            api::Stage::AwaitingCheck { ask: check_out(ask), repeated }
        }
        Some(SessionState::Approved { payment, payer: _, payer_name }) => {
            api::Stage::Approved { payment_id: payment, payer_name }
        }
        Some(SessionState::Refused { why }) => refused(why),
        Some(SessionState::InsufficientFunds) => api::Stage::Refused {
            code: "insufficient_funds".to_owned(),
            detail: "the account does not hold enough; pay another way".to_owned(),
        },
    };
    api::SessionView { session_id: view.id, order_id: view.order, state }
}

/// What the terminal shows. Whether a face is known, frozen or nobody's is not a stranger's business: all of
/// these read the same.
fn refused(why: engine::Refusal) -> api::Stage {
    use engine::Refusal;
    let (code, detail) = match why {
        Refusal::NotRecognised | Refusal::NotEnabled => {
            ("not_recognised", "the face was not recognised; pay another way")
        }
        Refusal::NotLive => {
            ("not_live", "look into the camera yourself, without a picture or screen, and try again")
        }
        Refusal::ChallengeFailed => (
            "challenge_failed",
            "the movements were not seen as they were asked; try again, or pay another way",
        ),
        Refusal::StillUnsure => ("still_unsure", "that was not sure enough; pay another way"),
        Refusal::CheckFailed => ("check_failed", "what was typed does not fit; pay another way"),
        Refusal::OverDayLimit => ("over_day_limit", "the day's limit is reached; pay another way"),
        Refusal::GuardianNeeded => ("guardian_needed", "a guardian must agree first; pay another way"),
        Refusal::MinorLimit => ("minor_limit", "this is more than a minor may spend; pay another way"),
        Refusal::LooksRepeated => (
            "looks_repeated",
            "this shop was just paid exactly this amount; make a new order if that is meant",
        ),
    };
    api::Stage::Refused { code: code.to_owned(), detail: detail.to_owned() }
}

pub(crate) fn decision(decision: ExplainedDecision) -> api::Decision {
    let ExplainedDecision { row, explanation } = decision;
    api::Decision {
        explanation: explanation.map(|engine::InWords { zh, en }| api::Explanation { zh, en }),
        at: row.at,
        policy: row.policy.to_string(),
        calibration: row.calibration,
        recognition: row.recognition,
        case: row.case,
        verdict: row.verdict,
    }
}

fn compensation(compensation: &Compensation) -> api::CompensationView {
    match compensation {
        Compensation::Undecided => api::CompensationView::Undecided,
        Compensation::AwaitingApproval { amount, since: _, by: _ } => {
            api::CompensationView::AwaitingApproval { amount: *amount }
        }
        Compensation::Paid { amount, transfer: _, at } => {
            api::CompensationView::Paid { amount: *amount, at: *at }
        }
        Compensation::NotDue { at: _ } => api::CompensationView::NotDue,
    }
}

/// State, finding and note.
fn outcome(outcome: &Outcome) -> (&'static str, Option<String>, Option<String>) {
    match outcome {
        Outcome::Open => ("open", None, None),
        Outcome::Found { finding, note, at: _, by: _ } => {
            ("found", Some(finding_out(*finding)), Some(note.clone()))
        }
        Outcome::Closed { finding, note, at: _ } => {
            ("closed", Some(finding_out(*finding)), Some(note.clone()))
        }
    }
}

fn finding_out(finding: Finding) -> String {
    let name = match finding {
        Finding::WrongPerson => "wrong_person",
        Finding::AccountTakeover => "account_takeover",
        Finding::MerchantFault => "merchant_fault",
        Finding::AuthorisedByPayer => "authorised_by_payer",
        Finding::Duplicate => "duplicate",
        Finding::Other => "other",
    };
    name.to_owned()
}

pub(crate) fn statement(statement: &Statement) -> api::StatementView {
    match statement {
        Statement::Asked { due } => api::StatementView::Asked { due: *due },
        Statement::Received { at: _, stance, text } => {
            let stance = match stance {
                Stance::Accept => "accept",
                Stance::Contest => "contest",
            };
            api::StatementView::Received { stance: stance.to_owned(), text: text.clone() }
        }
    }
}

pub(crate) fn own_case(view: CaseView) -> api::DisputeView {
    let (state, finding, _note) = outcome(&view.dispute.outcome);
    let entry = |row: MessageRow| {
        let text = engine::render(&row, view.language);
        api::TimelineEntry { at: row.at, kind: row.kind, text }
    };
    api::DisputeView {
        dispute_id: view.dispute.filing.id,
        payment_id: view.dispute.filing.payment,
        amount: view.dispute.filing.amount,
        state: state.to_owned(),
        finding,
        compensation: compensation(&view.dispute.compensation),
        timeline: view.timeline.into_iter().map(entry).collect(),
    }
}

pub(crate) fn case(view: CaseView) -> api::DisputeStaffView {
    let (state, finding, note) = outcome(&view.dispute.outcome);
    let filing = view.dispute.filing;
    api::DisputeStaffView {
        dispute_id: filing.id,
        payment_id: filing.payment,
        session_id: view.session,
        payer_id: filing.payer,
        merchant_id: filing.merchant,
        amount: filing.amount,
        words: filing.words,
        state: state.to_owned(),
        finding,
        note,
        compensation: compensation(&view.dispute.compensation),
        statement: view.dispute.statement.as_ref().map(statement),
        version: view.version,
        filed_at: filing.at,
    }
}

pub(crate) fn case_summary(view: &CaseView) -> api::DisputeSummary {
    let (state, finding, _note) = outcome(&view.dispute.outcome);
    let filing = &view.dispute.filing;
    api::DisputeSummary {
        dispute_id: filing.id,
        merchant_id: filing.merchant,
        amount: filing.amount,
        state: state.to_owned(),
        finding,
        compensation: compensation(&view.dispute.compensation),
        filed_at: filing.at,
    }
}

pub(crate) fn evidence(row: EvidenceRow) -> Result<api::EvidenceView, Problem> {
    let facts = serde_json::to_value(&row.facts).map_err(|error| {
        tracing::error!(%error, "facts are plain data");
        Problem::internal()
    })?;
    let item = |item: engine::Item| api::AssessmentItem {
        code: item.code,
        side: match item.side {
            Side::ForAuthorisation => api::Side::ForAuthorisation,
            Side::AgainstAuthorisation => api::Side::AgainstAuthorisation,
            Side::Neutral => api::Side::Neutral,
        },
        detail: item.detail,
    };
    let assessment = api::AssessmentView {
        items: row.assessment.items.into_iter().map(item).collect(),
        authorisation_proven: row.assessment.authorisation_proven,
        proposed: finding_out(row.assessment.proposed),
    };
    Ok(api::EvidenceView { at: row.at, facts, assessment })
}
