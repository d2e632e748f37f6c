//! The refusals of the state machine.

/// Why a command is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// The command's amount is of another currency than the payment's.
    #[error("the amount must be in the currency of the payment")]
    CurrencyMixed,
    /// Zero or less.
    #[error("the amount must be greater than zero")]
    AmountNotPositive,
    /// More than was authorised.
    #[error("the amount exceeds what was authorised; capture at most that, or authorise again")]
    AmountAboveAuthorised,
    /// More than 100 %.
    #[error("a fee is at most 10000 basis points; correct the merchant's fee")]
    FeeOutOfRange,
    /// Too late to capture, and nothing was paid.
    #[error("the authorisation expired and nothing was paid; let the payer authorise again")]
    AuthorisationExpired,
    /// Too early to expire.
    #[error("the authorisation is still good; void it to let it go before its time")]
    NotExpired,
    /// Captured with another amount, or no authorisation any more that could end.
    #[error("the payment was already captured; reverse or refund it to give money back")]
    AlreadyCaptured,
    /// Nothing was captured yet.
    #[error("the payment is only authorised; capture it first, or void it to let it go")]
    NotCaptured,
    /// Nothing was paid.
    #[error("the authorisation was voided and nothing was paid; let the payer authorise again")]
    Voided,
    /// All went back.
    #[error("the payment was reversed and all went back; let the payer pay again")]
    Reversed,
    /// Too late to take it back whole.
    #[error("the payment is settled; use a refund")]
    Settled,
    /// There is one settlement per payment.
    #[error("the payment was settled with another settlement; leave it out of this one")]
    AlreadySettled,
    /// A part went back to the payer.
    #[error("a part was already refunded; refund the rest instead of reversing")]
    PartlyRefunded,
    /// A part went back to the reserve.
    #[error("the reserve already took money of this payment back; refund what is left instead of reversing")]
    PartlyRecovered,
    /// More than is left.
    #[error("the refund exceeds what is left of the payment; refund at most that")]
    RefundAbovePaid,
    /// More than is left.
    #[error("the recovery exceeds what is left of the payment; recover at most that")]
    RecoveryAbovePaid,
    /// A dispute is open.
    #[error("a dispute about this payment is open; answer it, and wait until it is closed")]
    Disputed,
    /// The payer has the money already, from the reserve.
    #[error("the payer was already compensated for this payment; nothing more is to be given back")]
    Compensated,
}

impl Rejected {
    /// A name that never changes, for programs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::CurrencyMixed => "currency_mixed",
            Self::AmountNotPositive => "amount_not_positive",
            Self::AmountAboveAuthorised => "amount_above_authorised",
            Self::FeeOutOfRange => "fee_out_of_range",
            Self::AuthorisationExpired => "authorisation_expired",
            Self::NotExpired => "authorisation_not_expired",
            Self::AlreadyCaptured => "payment_already_captured",
            Self::NotCaptured => "payment_not_captured",
            Self::Voided => "payment_voided",
            Self::Reversed => "payment_reversed",
            Self::Settled => "payment_settled",
            Self::AlreadySettled => "payment_already_settled",
            Self::PartlyRefunded => "payment_refunded",
            Self::PartlyRecovered => "payment_recovered",
            Self::RefundAbovePaid => "refund_above_paid",
            Self::RecoveryAbovePaid => "recovery_above_paid",
            Self::Disputed => "payment_disputed",
            Self::Compensated => "payment_compensated",
        }
    }
}
