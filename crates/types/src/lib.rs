//! The vocabulary every other crate speaks: money, ids, time, place, phone numbers, scores, templates.
//!
//! Invariant: nothing here does I/O, reads a clock or draws randomness; both are arguments.
//! Values that identify a person ([`Template`], [`PhoneNumber`], [`LastFour`]) never show in `Debug`.
#![forbid(unsafe_code)]
#![warn(missing_docs, clippy::arithmetic_side_effects, clippy::as_conversions)]

mod amount;
mod digest;
mod holder;
mod id;
mod phone;
mod place;
mod role;
mod score;
mod template;

pub use amount::{Amount, AmountError, Currency};
pub use digest::{Digest, DigestError};
pub use holder::Tier;
pub use id::{
    AlertId, BreakGlassId, CaptureId, CeremonyId, ChallengeId, ConfirmationId, ConsentId, DeliveryId,
    DisputeId, EnrolmentId, EventId, IdError, KeyId, MerchantId, MessageId, OrderId, PasskeyId, PayerId,
    PaymentId, RefundId, RelocationId, SessionId, SettlementId, TemplateId, TerminalId, TombstoneId,
    TransferId, UserId,
};
pub use jiff::civil::Date;
pub use jiff::{SignedDuration, Timestamp};
pub use phone::{LastFour, PhoneError, PhoneNumber};
pub use place::{GeoPoint, Place, PlaceError};
pub use role::{MerchantRole, Right, Rights, StaffRole, StaffRoles};
pub use score::{Probability, Score};
pub use template::{Template, TemplateError};
