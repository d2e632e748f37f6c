//! The use cases: enrol, pay, settle, dispute, compensate, verify.
//!
//! Shape of a use case: load rows, decide with a pure crate, write events and rows in one database
//! transaction. Clock and randomness come in a [`Context`]. The only refusals are [`Rejected`], each with a
//! stable code; everything else is an operating fault.
//!
//! Invariants:
//! - A face is enrolled and switched on only through [`OwnDevice`], which only a payer's own key yields. No
//!   function takes a [`TerminalCaller`] and changes a face: activation at a terminal is impossible by construction.
//! - One order is debited at most once; a debit, its transfer, its event and the payer's message commit together.
//! - On doubt about identity nobody is debited.
//! - Nothing needs a face: an order's code is paid on the payer's own device with the PIN.
#![forbid(unsafe_code)]

mod access;
mod alerts;
mod bills;
mod break_glass;
mod callers;
mod cases;
mod challenge;
mod codes;
mod cohorts;
mod consents;
mod debit;
mod decided;
mod devices;
mod drift;
mod duties;
mod engine;
mod enrolment;
mod erasure;
mod explained;
mod following;
mod four_eyes;
mod fresh;
mod gallery_jobs;
mod gathering;
mod identities;
mod installation;
mod invitations;
mod keys;
mod known;
mod learning;
mod life;
mod liveness;
mod logins;
mod look_alikes;
mod merchant_keys;
mod merchants;
mod messages;
mod minors;
mod operator;
mod order_codes;
mod orders;
mod outbox;
mod own_gallery;
mod passkeys;
mod passwords;
mod pay;
mod payers;
mod phones;
mod pictures;
mod pins;
mod probes;
mod processing;
mod recognise;
mod reconciling;
mod recovery;
mod refunds;
mod registration;
mod rejected;
mod rotation;
mod searching;
mod seed;
mod sessions;
mod settling;
mod successor;
mod sweeping;
mod templates;
mod terminal_trust;
mod terminals;
mod texts;
mod users;
mod verified_identity;
mod verify;

pub use access::{AccessFilter, PURPOSES};
pub use bills::BillView;
pub use break_glass::NewBreakGlass;
pub use callers::{Caller, MerchantCaller, OwnDevice, Person, SigningKey, StaffCaller, TerminalCaller};
pub use cases::CaseView;
pub use challenge::{Moved, Taken};
pub use codes::{PhoneProof, SentCode};
pub use consents::{ConsentText, consent_version};
pub use devices::{DeviceView, NewDevice, OpenedLogin, PayerLogin};
pub use disputes::{
    Assessment, Compensation, Dispute, Facts, FiledBy, Filing, Finding, InWords, Item, Outcome, Side, Stance,
    Statement,
};
pub use drift::{CalibrationHealth, DriftState};
pub use duties::{FaceDuty, FacesHeld};
pub use engine::{Context, Engine, FRAMES_ENROL, FRAMES_PAY, Health, Timings};
pub use enrolment::EnrolmentProof;
pub use explained::ExplainedDecision;
pub use gallery_jobs::{Advance, GalleryJob, GalleryState};
pub use identities::{Identity, Vouched};
pub use installation::{Installation, Model, Options};
pub use invitations::Choice;
pub use ledger::{Account, Purpose, Transfer};
pub use logins::{LoginView, Opened, Proof, SESSION};
pub use merchant_keys::{KeyView, NewKey, Rotation};
pub use merchants::NewMerchant;
pub use messages::render;
pub use minors::WardView;
pub use operator::renew_operator_key;
pub use order_codes::{CodePayment, CodedOrder, ORDER_CODE_RULE, OrderCode};
pub use orders::{NewOrder, OrderView};
pub use outbox::{Endpoint, Hold, Lease, Queue, Recorded};
pub use own_gallery::{GalleryPeople, OwnGallery, gallery_people};
pub use passkeys::{Begun, NewPasskey, PasskeyAnswer, PasskeyRefused, RelyingParty, UnfreezeWith};
pub use passwords::TotpSetup;
pub use pay::{Measured, StepUp};
pub use payers::{ConfirmationAnswer, PaymentView, Profile};
pub use payments::{
    Columns, Entry as BookEntry, EntryKind, ParseError, Report, Source, State as PaymentState,
    Sum as BillSum, Totals as BillLineTotals, parse_csv, reconcile,
};
pub use pictures::StoredPicture;
pub use processing::{
    Entry as ProcessingEntry, Held, NOT_PERSONAL, NotPersonal, REGISTER, Words, register_page,
};
pub use reconciling::{Against, Book, our_entries};
pub use recovery::Recovered;
pub use refunds::{MerchantPayment, NewRefund};
pub use registration::NewPayer;
pub use rejected::{Error, Kind, Rejected};
pub use risk::{
    Action, AlertKind, Challenge, Check, CohortArea, MOVE_FRAMES_MAX, MOVE_FRAMES_MIN, Operator, Policy,
    Rate, Rates, Refusal, Step, TerminalReport,
};
pub use rotation::{Place, Progress, Rotated, Until, rotate_master_key};
pub use searching::GalleryPlace;
pub use seed::{Seeded, SyntheticFace};
pub use sessions::{OpenedSession, Recognised, SessionState, SessionView};
pub use settling::SettlementView;
pub use store::{
    AccessRow, AlertRow, BreakGlassRow, CodePurpose, ConsentRow, CredentialKind, CredentialRow, DecisionRow,
    DeliveryRow, DeliveryState, EnrolmentRow, EnrolmentState, Erased, ErasedKind, ErasureReason, EvidenceRow,
    FaceState, KeptCapture, Language, LookAlikeRow, MessageRow, OrderState, PasskeyRow, Post, RefundRow,
    RelocationRow, RelocationState, SettlementState, StandRow, TerminalState, TombstoneRow, UserRow,
    UserState,
};
pub use terminal_trust::SentCapture;
pub use terminals::{Activated, Activation, NewTerminal, Onboarding, TerminalView};
pub use texts::{Route, Text, Texts};
pub use users::{Invited, NewUser, UserView};
pub use verified_identity::{Document, DocumentKind, IdentityProvider, StaffVerification, VerifiedIdentity};
pub use verify::{CheckResult, verify};
