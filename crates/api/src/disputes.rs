//! Disputes, as payer, merchant and staff see them.

use serde::{Deserialize, Serialize};
use types::{Amount, DisputeId, MerchantId, PayerId, PaymentId, SessionId, Timestamp, TransferId};
use utoipa::{IntoParams, ToSchema};

use crate::schema::AmountSchema;

/// "This was not me": one tap.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NotMe {
    /// The payer's own words; may be left out. At most 2,000 characters.
    #[serde(default)]
    #[schema(max_length = 2000)]
    pub words: String,
    /// Also switch face payment off.
    #[serde(default)]
    pub freeze: bool,
}

/// A step the payer was told about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TimelineEntry {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What kind of step, for programs.
    pub kind: String,
    /// The words, in the payer's language.
    pub text: String,
}

/// The payer's money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum CompensationView {
    /// Not decided yet.
    Undecided,
    /// Owed; a second person has to approve.
    AwaitingApproval {
        /// How much.
        #[schema(value_type = AmountSchema)]
        amount: Amount,
    },
    /// Paid from the reserve.
    Paid {
        /// How much.
        #[schema(value_type = AmountSchema)]
        amount: Amount,
        /// When.
        #[schema(value_type = String, format = DateTime)]
        at: Timestamp,
    },
    /// Not due: the payer's own authorisation is proven.
    NotDue,
}

/// A dispute, as its payer sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DisputeView {
    /// Its id.
    #[schema(value_type = String)]
    pub dispute_id: DisputeId,
    /// The debit in question.
    #[schema(value_type = String)]
    pub payment_id: PaymentId,
    /// How much was debited.
    #[schema(value_type = AmountSchema)]
    pub amount: Amount,
    /// `open`, `found` or `closed`.
    pub state: String,
    /// What happened, once a person decided.
    pub finding: Option<String>,
    /// The payer's money.
    pub compensation: CompensationView,
    /// Every step, oldest first.
    pub timeline: Vec<TimelineEntry>,
}

/// What the merchant says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StatementRequest {
    /// `accept` or `contest`.
    pub stance: String,
    /// The merchant's words; 1 to 2,000 characters.
    #[schema(min_length = 1, max_length = 2000)]
    pub text: String,
}

/// The merchant's side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum StatementView {
    /// Asked, not answered.
    Asked {
        /// A missing answer counts against the merchant after this.
        #[schema(value_type = String, format = DateTime)]
        due: Timestamp,
    },
    /// Answered.
    Received {
        /// `accept` or `contest`.
        stance: String,
        /// The merchant's words.
        text: String,
    },
}

/// A dispute, as staff sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DisputeStaffView {
    /// Its id.
    #[schema(value_type = String)]
    pub dispute_id: DisputeId,
    /// The debit in question.
    #[schema(value_type = String)]
    pub payment_id: PaymentId,
    /// The attempt behind it.
    #[schema(value_type = String)]
    pub session_id: SessionId,
    /// Who was debited.
    #[schema(value_type = String)]
    pub payer_id: PayerId,
    /// Who was paid.
    #[schema(value_type = String)]
    pub merchant_id: MerchantId,
    /// How much.
    #[schema(value_type = AmountSchema)]
    pub amount: Amount,
    /// What the payer said.
    pub words: String,
    /// `open`, `found` or `closed`.
    pub state: String,
    /// What happened, once a person decided.
    pub finding: Option<String>,
    /// Why, in words.
    pub note: Option<String>,
    /// The payer's money.
    pub compensation: CompensationView,
    /// The merchant's side.
    pub statement: Option<StatementView>,
    /// Goes up with every change.
    pub version: u32,
    /// When it was filed.
    #[schema(value_type = String, format = DateTime)]
    pub filed_at: Timestamp,
}

/// How a dispute stands, without what is in its file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DisputeSummary {
    /// Its id.
    #[schema(value_type = String)]
    pub dispute_id: DisputeId,
    /// Who was paid.
    #[schema(value_type = String)]
    pub merchant_id: MerchantId,
    /// How much.
    #[schema(value_type = AmountSchema)]
    pub amount: Amount,
    /// `open`, `found` or `closed`.
    pub state: String,
    /// What happened, once a person decided.
    pub finding: Option<String>,
    /// The payer's money.
    pub compensation: CompensationView,
    /// When it was filed.
    #[schema(value_type = String, format = DateTime)]
    pub filed_at: Timestamp,
}

/// Disputes, oldest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DisputeList {
    /// All of them.
    pub disputes: Vec<DisputeSummary>,
}

/// Why somebody looks at evidence. Logged, and shown to the payer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Purpose {
    /// `dispute`, `audit`, `security` or `authority_request`.
    pub purpose: String,
}

/// Which picture of an attempt, and why somebody looks at it. Logged, and shown to the payer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PictureAsked {
    /// Counted from 0, in the order in which the terminal sent them.
    #[param(maximum = 2)]
    pub frame: u32,
    /// `dispute`, `audit`, `security` or `authority_request`.
    pub purpose: String,
}

/// Which way an item points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The payer herself paid.
    ForAuthorisation,
    /// Somebody else paid.
    AgainstAuthorisation,
    /// Neither.
    Neutral,
}

/// One thing that weighs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AssessmentItem {
    /// A name that never changes, for programs.
    pub code: String,
    /// Which way it points.
    pub side: Side,
    /// The number behind it.
    pub detail: String,
}

/// What the facts amount to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AssessmentView {
    /// Everything that weighs.
    pub items: Vec<AssessmentItem>,
    /// Do the facts prove that the payer authorised the debit?
    pub authorisation_proven: bool,
    /// What to consider first.
    pub proposed: String,
}

/// What was gathered at one time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EvidenceView {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What the records say.
    pub facts: serde_json::Value,
    /// What that amounts to.
    pub assessment: AssessmentView,
}

/// What happened, as a person decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FindingRequest {
    /// `wrong_person`, `account_takeover`, `merchant_fault`, `authorised_by_payer`, `duplicate` or `other`.
    pub finding: String,
    /// Why, in words for the record; 1 to 2,000 characters.
    #[schema(min_length = 1, max_length = 2000)]
    pub note: String,
}

/// Take back from the merchant what the reserve paid, once per `transfer_id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Recovery {
    /// The caller's own id of this movement.
    #[schema(value_type = String)]
    pub transfer_id: TransferId,
}

/// A look at a payer's data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccessView {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who looked.
    pub actor: String,
    /// At what.
    pub subject: String,
    /// Why.
    pub purpose: String,
}

/// Which looks an auditor asks for; without anything, all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AccessFilter {
    /// Looks at this payer's data.
    #[param(value_type = Option<String>)]
    #[schema(value_type = Option<String>)]
    pub payer_id: Option<PayerId>,
    /// Looks of this person, by login.
    pub actor: Option<String>,
}

/// A look, as an auditor sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditedAccess {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who looked.
    pub actor: String,
    /// At what.
    pub subject: String,
    /// Whose data it is.
    #[schema(value_type = String)]
    pub payer_id: PayerId,
    /// Why.
    pub purpose: String,
}
