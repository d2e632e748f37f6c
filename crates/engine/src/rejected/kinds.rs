//! What programs read of a refusal: its stable code, and what kind it is.

use super::{Kind, Rejected};

impl Rejected {
    /// A name that never changes, for programs.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "a flat table, one line for each refusal")]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Field { field: _, what: _ } => "field_invalid",
            Self::KeyUnknown => "key_unknown",
            Self::WrongRole { needed: _ } => "wrong_role",
            Self::RoleMissing { needed: _ } => "role_missing",
            Self::RightMissing { needed: _ } => "right_missing",
            Self::Unknown { what: _, code } => code,
            Self::LoginWrong => "login_wrong",
            Self::LoginStale => "login_stale",
            Self::InvitationWrong => "invitation_wrong",
            Self::PasswordWeak { what: _ } => "password_weak",
            Self::TotpMandatory => "totp_mandatory",
            Self::TotpWrong => "totp_wrong",
            Self::LoginTaken => "login_taken",
            Self::OwnRoles => "own_roles",
            Self::LastAdministrator => "last_administrator",
            Self::OwnerExists => "owner_exists",
            Self::OwnRequest => "own_request",
            Self::BreakGlassOver => "break_glass_over",
            Self::IdentityUnknown => "identity_unknown",
            Self::SecondFactorMissing => "second_factor_missing",
            Self::PhoneTaken => "phone_taken",
            Self::SmsUnavailable => "sms_unavailable",
            Self::RateLimited { seconds: _ } => "rate_limited",
            Self::CodeExpired => "code_expired",
            Self::CodeOver => "code_over",
            Self::PinWeak => "pin_weak",
            Self::DeviceYoung => "device_young",
            Self::DeviceWaits => "device_waits",
            Self::DevicesTooMany => "devices_too_many",
            Self::RecoveryUnknown => "recovery_unknown",
            Self::RecoveryWaiting => "recovery_waiting",
            Self::GuardianNeeded => "guardian_needed",
            Self::GuardianUnfit => "guardian_unfit",
            Self::WardUnfit => "ward_unfit",
            Self::GuardianHolds => "guardian_holds",
            Self::DocumentWrong { what: _ } => "document_wrong",
            Self::TextWiped => "text_wiped",
            Self::PictureErased => "picture_erased",
            Self::ConsentMissing => "consent_missing",
            Self::ConsentVersion => "consent_version",
            Self::ConsentOutdated => "consent_outdated",
            Self::Frame { index: _, refusal } => refusal.code(),
            Self::FramesUnlike => "frames_unlike",
            Self::EnrolmentNotLive => "enrolment_not_live",
            Self::EnrolmentExpired => "enrolment_expired",
            Self::EnrolmentOver => "enrolment_over",
            Self::CodeWrong => "code_wrong",
            Self::FaceNotEnrolled => "face_not_enrolled",
            Self::PinWrong => "pin_wrong",
            Self::PinLocked => "pin_locked",
            Self::AccountNotEmpty => "account_not_empty",
            Self::DisputeOpen => "dispute_open",
            Self::PaymentAuthorised => "payment_authorised",
            Self::TerminalSuspended => "terminal_suspended",
            Self::TerminalInactive => "terminal_inactive",
            Self::TerminalRevoked => "terminal_revoked",
            Self::OnboardingCodeWrong => "onboarding_code_wrong",
            Self::SerialTaken => "serial_taken",
            Self::PublicKeyTaken => "public_key_taken",
            Self::RelocationOpen => "relocation_open",
            Self::RelocationDecided => "relocation_decided",
            Self::LastKey => "last_key",
            Self::RotationKind => "rotation_kind",
            Self::SignatureReplayed => "signature_replayed",
            Self::OrderConflict => "order_conflict",
            Self::AmountTooLarge => "amount_too_large",
            Self::CurrencyUnsupported => "currency_unsupported",
            Self::OrderPaid => "order_already_paid",
            Self::OrderReversed => "order_reversed",
            Self::OrderExpired => "order_expired",
            Self::NonceWrong => "nonce_wrong",
            Self::SessionExpired => "session_expired",
            Self::ChallengeExpired => "challenge_expired",
            Self::CaptureAlreadySubmitted => "capture_already_submitted",
            Self::CheckNotAsked => "check_not_asked",
            Self::LooksRepeated => "looks_repeated",
            Self::OverDayLimit => "over_day_limit",
            Self::MinorLimit => "minor_limit",
            Self::PaymentRefunded => "payment_refunded",
            Self::AuthorisationReleased => "authorisation_released",
            Self::RefundConflict => "refund_conflict",
            Self::BillNotReady => "bill_not_ready",
            Self::SettlementRunning => "settlement_running",
            Self::SettlementPaidOut => "settlement_paid_out",
            Self::NothingToPayOut => "nothing_to_pay_out",
            Self::ConfirmationAnswered => "confirmation_answered",
            Self::Passkey(refused) => refused.code(),
            Self::Ledger(rejected) => rejected.code(),
            Self::Payment(rejected) => rejected.code(),
            Self::Dispute(rejected) => rejected.code(),
            Self::TerminalCloned => "terminal_cloned",
            Self::ClockSkew { seconds: _ } => "clock_skew",
            Self::PositionMissing => "position_missing",
            Self::OutsideGeofence => "outside_geofence",
            Self::FramesSeenBefore => "frames_seen_before",
            Self::Busy => "busy",
        }
    }

    /// What kind of refusal it is.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "a flat table, one line for each refusal")]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Field { field: _, what: _ }
            | Self::PasswordWeak { what: _ }
            | Self::TotpMandatory
            | Self::ConsentVersion
            | Self::Frame { index: _, refusal: _ }
            | Self::FramesUnlike
            | Self::ClockSkew { seconds: _ }
            | Self::PositionMissing
            | Self::FramesSeenBefore
            | Self::EnrolmentNotLive
            | Self::PinWeak
            | Self::DocumentWrong { what: _ }
            | Self::AmountTooLarge
            | Self::RotationKind
            | Self::CurrencyUnsupported => Kind::Invalid,
            Self::KeyUnknown | Self::LoginWrong | Self::SignatureReplayed => Kind::Unauthenticated,
            Self::WrongRole { needed: _ }
            | Self::RoleMissing { needed: _ }
            | Self::RightMissing { needed: _ }
            | Self::LoginStale
            | Self::InvitationWrong
            | Self::TotpWrong
            | Self::OwnRoles
            | Self::OwnRequest
            | Self::IdentityUnknown
            | Self::SecondFactorMissing
            | Self::CodeWrong
            | Self::DeviceYoung
            | Self::DeviceWaits
            | Self::GuardianNeeded
            | Self::GuardianUnfit
            | Self::GuardianHolds
            | Self::PinWrong
            | Self::PinLocked
            | Self::NonceWrong
            | Self::OnboardingCodeWrong
            | Self::TerminalCloned
            | Self::OutsideGeofence
            | Self::TerminalSuspended => Kind::Forbidden,
            Self::Unknown { what: _, code: _ } => Kind::Unknown,
            Self::LoginTaken
            | Self::LastAdministrator
            | Self::OwnerExists
            | Self::BreakGlassOver
            | Self::PhoneTaken
            | Self::TerminalInactive
            | Self::TerminalRevoked
            | Self::SerialTaken
            | Self::PublicKeyTaken
            | Self::RelocationOpen
            | Self::RelocationDecided
            | Self::LastKey
            | Self::CodeExpired
            | Self::CodeOver
            | Self::DevicesTooMany
            | Self::RecoveryUnknown
            | Self::RecoveryWaiting
            | Self::WardUnfit
            | Self::PictureErased
            | Self::TextWiped
            | Self::ConsentMissing
            | Self::ConsentOutdated
            | Self::EnrolmentExpired
            | Self::EnrolmentOver
            | Self::FaceNotEnrolled
            | Self::AccountNotEmpty
            | Self::DisputeOpen
            | Self::PaymentAuthorised
            | Self::OrderConflict
            | Self::OrderPaid
            | Self::OrderReversed
            | Self::OrderExpired
            | Self::SessionExpired
            | Self::ChallengeExpired
            | Self::CaptureAlreadySubmitted
            | Self::CheckNotAsked
            | Self::LooksRepeated
            | Self::OverDayLimit
            | Self::MinorLimit
            | Self::PaymentRefunded
            | Self::AuthorisationReleased
            | Self::RefundConflict
            | Self::BillNotReady
            | Self::SettlementRunning
            | Self::SettlementPaidOut
            | Self::NothingToPayOut
            | Self::ConfirmationAnswered
            | Self::Dispute(_) => Kind::Conflict,
            Self::Passkey(refused) => refused.kind(),
            Self::Payment(rejected) => kind_of_payment(*rejected),
            Self::Ledger(rejected) => kind_of_ledger(*rejected),
            Self::Busy => Kind::Busy,
            Self::RateLimited { seconds: _ } => Kind::TooOften,
            Self::SmsUnavailable => Kind::Unavailable,
        }
    }

    /// After how many seconds the same request has a chance; none where time alone changes nothing.
    #[must_use]
    pub const fn retry_after_seconds(&self) -> Option<u64> {
        if let Self::RateLimited { seconds } = self {
            return Some(*seconds);
        }
        if matches!(self.kind(), Kind::Busy) { Some(2) } else { None }
    }
}

/// An amount that can never be right is the caller's mistake; what does not fit the payment is a conflict.
const fn kind_of_payment(rejected: payments::Rejected) -> Kind {
    use payments::Rejected as R;
    match rejected {
        R::CurrencyMixed | R::AmountNotPositive | R::FeeOutOfRange => Kind::Invalid,
        R::AmountAboveAuthorised
        | R::AuthorisationExpired
        | R::NotExpired
        | R::AlreadyCaptured
        | R::NotCaptured
        | R::Voided
        | R::Reversed
        | R::Settled
        | R::AlreadySettled
        | R::PartlyRefunded
        | R::PartlyRecovered
        | R::RefundAbovePaid
        | R::RecoveryAbovePaid
        | R::Disputed
        | R::Compensated => Kind::Conflict,
    }
}

/// A command that can never be right is the caller's mistake; one that does not fit the books is a conflict.
const fn kind_of_ledger(rejected: ledger::Rejected) -> Kind {
    use ledger::Rejected as R;
    match rejected {
        R::BatchSize | R::IdRepeated | R::SameAccount | R::NotPositive | R::ExpiryPast | R::Amount(_) => {
            Kind::Invalid
        }
        R::HoldUnknown => Kind::Unknown,
        R::IdReused
        | R::PartlyApplied
        | R::HoldClosed
        | R::HoldExpired
        | R::HoldNotExpired
        | R::AboveHold
        | R::InsufficientFunds { account: _ }
        | R::AboveCeiling { account: _ } => Kind::Conflict,
    }
}
