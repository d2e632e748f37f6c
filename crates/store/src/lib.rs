//! The only crate that knows SQL: rows in, rows out, one database transaction per use case.
//!
//! Invariants: a write transaction commits whole or leaves nothing; what it read and decided by is still true when
//! it writes, because there is one writer (SQLite) or because the rows are locked (PostgreSQL). Rules about money and states live in the pure crates;
//! here they are only backed by constraints (`UNIQUE`, `CHECK`) as a second line.
#![forbid(unsafe_code)]

mod bills;
mod books;
mod credentials;
mod database;
mod devices;
mod disputes;
mod drift;
mod erasing;
mod face_search;
mod gallery_jobs;
mod holders;
mod installation;
mod keys;
mod logins;
mod merchants;
mod objects;
mod orders;
mod outbox;
mod passkeys;
mod payers;
mod payments;
mod phones;
mod records;
mod refunds;
mod settlements;
mod templates;
mod terminal_trust;
mod terminals;
mod users;
mod value;

pub use bills::{BillLineKind, BillLineRow, BilledOrder};
pub use books::PostError;
pub use credentials::{CredentialKind, CredentialRow, Scope};
pub use database::{Store, Tally, Tx, Unavailable, Use, is_unavailable};
pub use devices::{ConfirmationRow, MessageRow, TraceRow};
pub use disputes::{DisputeRow, EvidenceRow};
pub use drift::{DriftLook, DriftWatchRow};
pub use erasing::{Erased, ErasedKind, ErasureReason, KeptCapture, TombstoneRow};
pub use face_search::{FaceGroup, FaceQuery, FaceRow, FaceScope, FoundFace};
pub use gallery_jobs::GalleryJobRow;
pub use holders::{GuardianRow, IdentityRow, RecoveryRow};
pub use keys::{FirstValue, Holder};
pub use logins::{AttemptsRow, BreakGlassRow, InvitationRow, SecretsRow, TotpRow};
pub use merchants::{MerchantRow, WebhookRow};
pub use objects::{Objects, PictureOf, made_at};
pub use orders::{CaptureContent, CaptureRow, DecisionRow, OrderRow, OrderState, SessionRow};
pub use outbox::{DeliveryRow, DeliveryState, SealedText};
pub use passkeys::{CeremonyPurpose, CeremonyRow, PasskeyRow};
pub use payers::{ConsentRow, EnrolmentRow, EnrolmentState, FaceState, Language, PayerRow, Waiting};
pub use payments::PaymentRow;
pub use phones::{CodePurpose, CodeState, PastPhoneRow, PhoneCodeRow};
pub use records::{AccessRow, EventRow};
pub use refunds::RefundRow;
pub use settlements::{DuePayment, SettlementRow, SettlementState};
pub use templates::{LookAlikeKind, LookAlikeRow, PartRow, PartSource, TemplateRow};
pub use terminal_trust::{AlertRow, CaptureReportRow, FramePrintRow, TerminalWatchRow};
pub use terminals::{RelocationRow, RelocationState, StandRow, TerminalRow, TerminalState};
pub use users::{Post, UserRow, UserState};

#[cfg(test)]
mod tests;
