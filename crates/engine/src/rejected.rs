//! Every reason for which the engine refuses a caller.

use face::{AnalyseError, FrameRefusal};
use store::PostError;
use types::{Right, StaffRole, StaffRoles};

use crate::passkeys::PasskeyRefused;

mod kinds;

/// What kind of refusal it is; an edge turns it into its own terms (HTTP statuses, exit codes).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The request itself is wrong: sent again, it is wrong again.
    Invalid,
    /// Who asks is unknown.
    Unauthenticated,
    /// Who asks may not do this.
    Forbidden,
    /// What is asked for does not exist, or not for who asks.
    Unknown,
    /// It does not fit the state things are in.
    Conflict,
    /// Too much at once; later it may work.
    Busy,
    /// Too often; later it works.
    TooOften,
    /// Nothing that the caller can change; the operator can.
    Unavailable,
}

/// A refusal. The text says what is wrong and what to do; it never holds personal data.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Rejected {
    /// A field does not hold what it must.
    #[error("{field}: {what}")]
    Field {
        /// Its name.
        field: &'static str,
        /// What it must hold.
        what: &'static str,
    },
    /// No key was sent, or one that nobody has.
    #[error("this key is not known; check it, or ask the operator for a new one")]
    KeyUnknown,
    /// The key is of another role.
    #[error("this key may not do that; it needs a {needed} key")]
    WrongRole {
        /// Whose key it takes.
        needed: &'static str,
    },
    /// The member of staff has another role.
    #[error("your role may not do that; it needs {}", words(needed.iter().map(StaffRole::name)))]
    RoleMissing {
        /// One of these.
        needed: StaffRoles,
    },
    /// The merchant's key or user has no such right.
    #[error("this key or user may not do that; it needs the right `{}`", needed.name())]
    RightMissing {
        /// Which.
        needed: Right,
    },
    /// Nothing under this id that the caller may see.
    #[error("there is no such {what}")]
    Unknown {
        /// What was looked for.
        what: &'static str,
        /// The stable code.
        code: &'static str,
    },
    /// Nobody logs in with this; the same words for every reason.
    #[error(
        "that is not right: the login, the password or the code. After several wrong ones in a row a login is locked \
         for a while. Wait, or ask whoever invited you for a new invitation"
    )]
    LoginWrong,
    /// The login was opened too long ago for this.
    #[error("log in again: this needs a login of the last ten minutes")]
    LoginStale,
    /// The invitation opens nothing.
    #[error("this invitation is not known, was used, or has expired; ask for a new one")]
    InvitationWrong,
    /// The password would be guessed.
    #[error("choose another password: {what}")]
    PasswordWeak {
        /// Why.
        what: &'static str,
    },
    /// The role needs a second factor.
    #[error("this role needs a second factor; leave out without_totp and set it up")]
    TotpMandatory,
    /// The code does not fit.
    #[error("the code is wrong or was used before; read the current one from your authenticator")]
    TotpWrong,
    /// Somebody has this login.
    #[error("this login is taken; choose another")]
    LoginTaken,
    /// Nobody changes what they may do themselves.
    #[error("nobody changes the own roles; ask another person who may")]
    OwnRoles,
    /// Nobody could make users any more.
    #[error("this is the last active administrator; make another one first")]
    LastAdministrator,
    /// Owners make further users themselves.
    #[error("this merchant has an owner; owners make further users themselves")]
    OwnerExists,
    /// Nobody approves what they asked for, found, or gain by.
    #[error(
        "you asked for this, recorded the finding, or are the one who is paid: another person must approve it"
    )]
    OwnRequest,
    /// It ended before.
    #[error("this break-glass is over")]
    BreakGlassOver,
    /// The identity provider vouches for somebody whom nobody made a user.
    #[error(
        "there is no active user for this identity; an administrator makes users, with the e-mail address as login"
    )]
    IdentityUnknown,
    /// The provider checked one factor, and there is no other here.
    #[error(
        "this role needs a second factor; set one up with your identity provider or ask for a new invitation"
    )]
    SecondFactorMissing,
    /// The phone number has an account.
    #[error("this phone number already has an account")]
    PhoneTaken,
    /// Nobody can be sent a text message.
    #[error(
        "text messages cannot be sent from here; the operator names a way with --sms-gateway or --sms-spool"
    )]
    SmsUnavailable,
    /// So many codes went to this phone that no further one does yet.
    #[error("too many codes were sent to this phone; ask again in {seconds} seconds")]
    RateLimited {
        /// After how many.
        seconds: u64,
    },
    /// The phone code is too old.
    #[error("this code has expired; ask for a new one")]
    CodeExpired,
    /// The phone code was used, replaced, or guessed at too often.
    #[error("this code was used before, replaced by a newer one, or wrong too often; ask for a new one")]
    CodeOver,
    /// The PIN is one of those that are tried first.
    #[error(
        "this PIN is easily guessed; take six digits without a run or repetition that are no part of your phone number or birth date"
    )]
    PinWeak,
    /// A device that joined lately switches nothing on by itself.
    #[error("this device joined the account only lately; send the PIN as well")]
    DeviceYoung,
    /// A device that joined lately, after a recovery: its PIN proves no more than its code did.
    #[error("PIN and device are both new; this waits until the device has belonged to the account for a day")]
    DeviceWaits,
    /// More devices than anybody has.
    #[error("the account has as many devices as it may; log one of them out first")]
    DevicesTooMany,
    /// No PIN waits to be replaced.
    #[error("no PIN of this account waits to be replaced; ask for that first")]
    RecoveryUnknown,
    /// A PIN waits to be replaced.
    #[error("the PIN is being recovered; wait until that is done, or cancel it")]
    RecoveryWaiting,
    /// So young a holder needs a guardian first.
    #[error("the holder is so young that a guardian must agree first; ask one to add this account")]
    GuardianNeeded,
    /// Not everybody can be a guardian.
    #[error("only a holder who is of age, and whose document was seen, can be a guardian")]
    GuardianUnfit,
    /// Not everybody can have one.
    #[error("this phone has no account of a minor without a guardian")]
    WardUnfit,
    /// The guardian switched face payment off.
    #[error("the guardian switched face payment off; ask the guardian to allow it again")]
    GuardianHolds,
    /// A document that cannot be what it is said to be.
    #[error("{what}; compare with the document again")]
    DocumentWrong {
        /// Why.
        what: &'static str,
    },
    /// The words of a text are gone.
    #[error("a text message is wiped once it is sent or given up; the payer asks for a new one")]
    TextWiped,
    /// The pictures of a capture are gone.
    #[error("this picture was erased; the attempt's record has its digest and what was measured")]
    PictureErased,
    /// Face data needs a consent first.
    #[error("give the consent to the processing of face data first")]
    ConsentMissing,
    /// The consent is to another text.
    #[error("this is not the consent text in force; read the current one and agree to its version")]
    ConsentVersion,
    /// The consent was to an earlier text.
    #[error(
        "the consent text has changed since you agreed to it; read the one in force and agree to its version first"
    )]
    ConsentOutdated,
    /// A picture cannot be used.
    #[error("frame {index}: {refusal}")]
    Frame {
        /// Which, from 0.
        index: usize,
        /// Why.
        refusal: FrameRefusal,
    },
    /// The pictures do not show one and the same face.
    #[error("the pictures do not show the same face; take them again, of one person")]
    FramesUnlike,
    /// The pictures do not look like a living face.
    #[error(
        "the pictures do not look like a face in front of the camera; take them again, without a screen or print"
    )]
    EnrolmentNotLive,
    /// The enrolment's code is too old.
    #[error("the code has expired; enrol again")]
    EnrolmentExpired,
    /// The enrolment was confirmed or failed before.
    #[error("this enrolment is over; enrol again")]
    EnrolmentOver,
    /// Another code came.
    #[error("the code is wrong; read it from the message again")]
    CodeWrong,
    /// Nothing to switch on.
    #[error("no face is enrolled; enrol first")]
    FaceNotEnrolled,
    /// Wrong PIN.
    #[error("the PIN is wrong, or there is no such account")]
    PinWrong,
    /// Too many wrong PINs.
    #[error("the PIN is locked after too many wrong ones; try again later, or recover it")]
    PinLocked,
    /// There is money in the account.
    #[error("there is still money in the account; spend it or have it paid out first")]
    AccountNotEmpty,
    /// A case about one of the payer's payments is open.
    #[error("a dispute about one of your payments is still open; wait until it is closed")]
    DisputeOpen,
    /// A payment is authorised and not taken.
    #[error("money is set aside for a payment that is not taken yet; wait until it is taken or let go")]
    PaymentAuthorised,
    /// The terminal may not take payments.
    #[error("this terminal is suspended; ask the operator")]
    TerminalSuspended,
    /// No device was brought in yet.
    #[error("no device was brought in for this terminal yet; activate it with its onboarding code")]
    TerminalInactive,
    /// The terminal is over for good.
    #[error("this terminal was revoked for good; register another one")]
    TerminalRevoked,
    /// Nobody has this onboarding code now.
    #[error("this onboarding code is wrong, used or over; ask for a new one")]
    OnboardingCodeWrong,
    /// The device is in use at another terminal.
    #[error("a device with this serial number is in use at another terminal; revoke that one first")]
    SerialTaken,
    /// The key was shown before.
    #[error("this public key is or was in use; let the device make another one")]
    PublicKeyTaken,
    /// The terminal is to move already.
    #[error("a move of this terminal waits for its decision; have that one decided first")]
    RelocationOpen,
    /// Somebody decided before.
    #[error("this move was already decided")]
    RelocationDecided,
    /// Nobody could manage the merchant any more.
    #[error(
        "this is the last key that may manage, and the merchant has no active owner; create another one first"
    )]
    LastKey,
    /// The key is over, or has nothing to rotate.
    #[error("this key signs, so give the new public key; or it is a bearer key, so give none")]
    RotationKind,
    /// What was signed came before.
    #[error("this signed request was already received; sign every request with a new nonce")]
    SignatureReplayed,
    /// The merchant's number stands for another order.
    #[error("this out_trade_no was used for an order with another amount, terminal or description")]
    OrderConflict,
    /// The order is too large for the policy.
    #[error("the amount is above what one order may ask")]
    AmountTooLarge,
    /// The policy is in another currency.
    #[error("orders are taken in the operator's currency only")]
    CurrencyUnsupported,
    /// The order was paid.
    #[error("this order is already paid")]
    OrderPaid,
    /// The order was taken back.
    #[error("this order was reversed; create a new one")]
    OrderReversed,
    /// Nobody paid in time.
    #[error("this order has expired; create a new one")]
    OrderExpired,
    /// The attempt's secret is another.
    #[error("the nonce does not belong to this capture session; open a new one")]
    NonceWrong,
    /// The attempt is too old.
    #[error("this capture session has expired; open a new one")]
    SessionExpired,
    /// The challenge's time is over.
    #[error("the movements came too late; send the capture without them, or open a new session")]
    ChallengeExpired,
    /// The frames came before.
    #[error("this capture session already has its capture; ask for its state, or open a new one")]
    CaptureAlreadySubmitted,
    /// Nothing, or something else, was asked.
    #[error("this capture session does not ask for that now; ask for its state")]
    CheckNotAsked,
    /// It looks like the last purchase once more.
    #[error(
        "you paid this shop exactly this amount a moment ago; if a second purchase is meant, send it with `again`: true"
    )]
    LooksRepeated,
    /// The payer spent enough for a day.
    #[error("the day's limit is reached; pay another way, or tomorrow")]
    OverDayLimit,
    /// The payer is not of age.
    #[error("this is more than a minor may spend; pay a smaller amount, or let somebody who is of age pay")]
    MinorLimit,
    /// All of it was given back, so there is nothing to dispute.
    #[error("this payment was refunded in whole: the money is back")]
    PaymentRefunded,
    /// It was only set aside, and was let go because the payer does not know it.
    #[error(
        "the money was only set aside and is yours again: nothing was taken, so there is nothing to dispute"
    )]
    AuthorisationReleased,
    /// The merchant's number stands for another refund.
    #[error("this out_refund_no was used for a refund of another amount or payment")]
    RefundConflict,
    /// The day is not over.
    #[error("the bill of a day is made when the day is over; ask for an earlier day, or again tomorrow")]
    BillNotReady,
    /// Payments are still being added.
    #[error("this settlement is still running; run it to its end first")]
    SettlementRunning,
    /// The money left before.
    #[error("this settlement was paid out under another transfer id")]
    SettlementPaidOut,
    /// Nothing is left of it.
    #[error("nothing is left of this settlement to pay out")]
    NothingToPayOut,
    /// The question was answered before.
    #[error("this question was already answered")]
    ConfirmationAnswered,
    /// A passkey, or a challenge to one, is refused.
    #[error(transparent)]
    Passkey(#[from] PasskeyRefused),
    /// The books refuse.
    #[error(transparent)]
    Ledger(#[from] ledger::Rejected),
    /// The payment's state machine refuses.
    #[error(transparent)]
    Payment(#[from] payments::Rejected),
    /// The dispute's state machine refuses.
    #[error(transparent)]
    Dispute(#[from] disputes::Rejected),
    /// Two devices seem to have the terminal's key, or one was set back to a copy.
    #[error(
        "another device seems to have this terminal's key, or this one was set back to a copy; the terminal is \
         suspended: ask the operator for a new onboarding code"
    )]
    TerminalCloned,
    /// The terminal's clock is too far off.
    #[error("the terminal's clock is off by {seconds} seconds; set it, and take the frames again")]
    ClockSkew {
        /// Positive when it is ahead.
        seconds: i64,
    },
    /// The policy asks where the terminal is.
    #[error("send the terminal's position with the frames: the operator's policy asks for it")]
    PositionMissing,
    /// The terminal is not where it is installed.
    #[error(
        "this terminal is not where it is installed; bring it back, or let its merchant propose the move and have it \
         approved"
    )]
    OutsideGeofence,
    /// A camera never takes the same frame twice.
    #[error("these frames were sent before, or are the same; take new ones with the camera")]
    FramesSeenBefore,
    /// Too many captures at once.
    #[error("the recognition is busy; try again in a few seconds")]
    Busy,
}

impl Rejected {
    pub(crate) const fn merchant() -> Self {
        Self::Unknown { what: "merchant", code: "merchant_unknown" }
    }

    pub(crate) const fn terminal() -> Self {
        Self::Unknown { what: "terminal", code: "terminal_unknown" }
    }

    pub(crate) const fn relocation() -> Self {
        Self::Unknown { what: "move of a terminal", code: "relocation_unknown" }
    }

    pub(crate) const fn key() -> Self {
        Self::Unknown { what: "key", code: "key_id_unknown" }
    }

    pub(crate) const fn payer() -> Self {
        Self::Unknown { what: "payer", code: "payer_unknown" }
    }

    pub(crate) const fn order() -> Self {
        Self::Unknown { what: "order", code: "order_unknown" }
    }

    pub(crate) const fn consent_text() -> Self {
        Self::Unknown { what: "version of the consent text", code: "consent_text_unknown" }
    }

    pub(crate) const fn order_code() -> Self {
        Self::Unknown { what: "order code", code: "order_code_unknown" }
    }

    pub(crate) const fn session() -> Self {
        Self::Unknown { what: "capture session", code: "session_unknown" }
    }

    pub(crate) const fn picture() -> Self {
        Self::Unknown { what: "picture", code: "picture_unknown" }
    }

    pub(crate) const fn payment() -> Self {
        Self::Unknown { what: "payment", code: "payment_unknown" }
    }

    pub(crate) const fn settlement() -> Self {
        Self::Unknown { what: "settlement", code: "settlement_unknown" }
    }

    pub(crate) const fn delivery() -> Self {
        Self::Unknown { what: "delivery", code: "delivery_unknown" }
    }

    pub(crate) const fn dispute() -> Self {
        Self::Unknown { what: "dispute", code: "dispute_unknown" }
    }

    pub(crate) const fn enrolment() -> Self {
        Self::Unknown { what: "enrolment", code: "enrolment_unknown" }
    }

    pub(crate) const fn user() -> Self {
        Self::Unknown { what: "user", code: "user_unknown" }
    }

    pub(crate) const fn break_glass() -> Self {
        Self::Unknown { what: "break-glass", code: "break_glass_unknown" }
    }

    pub(crate) const fn challenge() -> Self {
        Self::Unknown { what: "code", code: "challenge_unknown" }
    }

    pub(crate) const fn device() -> Self {
        Self::Unknown { what: "device", code: "device_unknown" }
    }

    pub(crate) const fn ward() -> Self {
        Self::Unknown { what: "ward", code: "ward_unknown" }
    }

    pub(crate) const fn guardian() -> Self {
        Self::Unknown { what: "guardian", code: "guardian_unknown" }
    }

    pub(crate) const fn passkey() -> Self {
        Self::Unknown { what: "passkey", code: "passkey_unknown" }
    }

    pub(crate) const fn confirmation() -> Self {
        Self::Unknown { what: "question", code: "confirmation_unknown" }
    }
}

/// "one", "one or another".
fn words<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(" or ")
}

/// Why a use case did not happen. Nothing was written, except where a refusal itself is recorded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller's: a typed refusal.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// The world's: disk, database, models. For the operator's log, not for the caller.
    #[error(transparent)]
    Operating(#[from] anyhow::Error),
}

impl From<ledger::Rejected> for Error {
    fn from(rejected: ledger::Rejected) -> Self {
        Self::Rejected(rejected.into())
    }
}

impl From<payments::Rejected> for Error {
    fn from(rejected: payments::Rejected) -> Self {
        Self::Rejected(rejected.into())
    }
}

impl From<disputes::Rejected> for Error {
    fn from(rejected: disputes::Rejected) -> Self {
        Self::Rejected(rejected.into())
    }
}

impl From<PostError> for Error {
    fn from(error: PostError) -> Self {
        match error {
            PostError::Rejected(rejected) => rejected.into(),
            PostError::Operating(error) => Self::Operating(error),
        }
    }
}

impl Error {
    /// An analysis of frame `index` that gave no evidence.
    pub(crate) fn frame(index: usize, error: AnalyseError) -> Self {
        match error {
            AnalyseError::Refused(refusal) => Self::Rejected(Rejected::Frame { index, refusal }),
            AnalyseError::Busy { waited: _ } => Self::Rejected(Rejected::Busy),
            AnalyseError::Failed { stage: _, reason: _ } => Self::Operating(anyhow::Error::new(error)),
        }
    }
}
