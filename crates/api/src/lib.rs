//! The words of the HTTP interface: what is sent and what comes back, with their OpenAPI descriptions.
//!
//! Invariant: plain data, no rules. Unknown fields are refused, so that a typing error is heard of.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod accounts;
mod challenge;
mod disputes;
mod erasure;
mod gallery;
mod logins;
mod merchants;
mod money;
mod order_codes;
mod passkeys;
mod payers;
mod payments;
mod problem;
mod processing;
mod schema;
mod terminal_trust;
mod terminals;
mod users;

pub use accounts::{
    AcceptGuardian, ChangePhone, ChangePin, CodePurpose, DeviceList, DeviceView, DocumentKind,
    FinishRecovery, IdentityView, LoggedOut, NewIdentity, NewPayer, NewPayerReply, NewPhoneCode, NewWard,
    PayerLogin, PhoneCodeReply, RecoverAccount, RecoverPin, RecoveryReply, WardList, WardView,
};
pub use challenge::{Challenge, ChallengeAction, ChallengeFrame, ChallengeFrames, ChallengeStep};
pub use disputes::{
    AccessFilter, AccessView, AssessmentItem, AssessmentView, AuditedAccess, CompensationView, DisputeList,
    DisputeStaffView, DisputeSummary, DisputeView, EvidenceView, FindingRequest, NotMe, PictureAsked,
    Purpose, Recovery, Side, StatementRequest, StatementView, TimelineEntry,
};
pub use erasure::{Closing, Erased, ErasedKind, ErasureReason, KeptCapture, Tombstone, Withdrawn};
pub use gallery::{DuplicateAccount, DuplicateAccountList, GalleryJob, GalleryView};
pub use logins::{
    AcceptInvitation, Accepted, BreakGlassList, BreakGlassView, Carrier, ChangePassword, ConfirmInvitation,
    Login, LoginView, NewBreakGlass, NewLogin, OidcAnswer, OidcCode, OpenLogin, OpenLoginList, TotpSetup,
};
pub use merchants::{
    Funding, KeyKind, MerchantKeyList, MerchantKeyView, NewMerchant, NewMerchantKey, NewMerchantReply,
    RotateKey,
};
pub use money::{
    BillDate, BillSum, BillTotals, BillView, CapturePayment, DeliveryFilter, DeliveryList, DeliveryState,
    DeliveryView, LeftOut, MerchantBalances, MerchantPaymentView, NewRefund, OrderNumber, PaymentState,
    Payout, RefundView, ReverseNumber, ReverseNumberReply, SettlementList, SettlementState, SettlementView,
    Terms, Webhook, WebhookReply,
};
pub use order_codes::{CodedOrderView, OrderCodePayment, OrderCodeView};
pub use passkeys::{
    Ceremony, NewChallenge, NewLoginChallenge, NewPasskey, NewPasskeyLogin, PasskeyAnswer, PasskeyList,
    PasskeyView, WithPin,
};
pub use payers::{
    ConfirmAnswer, ConfirmEnrolment, Consent, ConsentText, DeviceLocation, EnrolmentView, Face, Freeze,
    Language, Message, MessageList, NewEnrolment, PayerView, Unfreeze,
};
pub use payments::{
    Capture, CaptureMode, Check, Decision, DecisionList, Explanation, NewOrder, NewSession, NewSessionReply,
    OrderState, OrderView, PaymentList, PaymentView, Recognised, SessionView, Stage, StepUp,
};
pub use problem::Problem;
pub use processing::{
    HeldColumns, NotPersonal, OperatorView, ProcessingEntry, ProcessingRegister, ProcessingWords,
};
pub use schema::{AmountSchema, GeoPointSchema, MerchantRoleSchema, PlaceSchema, StaffRoleSchema};
pub use terminal_trust::{AlertList, AlertState, AlertView, TerminalReport};
pub use terminals::{
    Activated, NewActivation, NewRelocation, NewTerminal, Onboarding, Reason, RelocationState,
    RelocationView, Stand, TerminalList, TerminalState, TerminalView,
};
pub use users::{
    Invited, NewMerchantUser, NewOwner, NewUser, SetMerchantRole, SetRoles, UserList, UserState, UserView,
};
