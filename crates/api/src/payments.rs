//! Orders, attempts to pay with a face, and the debits they become.

use serde::{Deserialize, Serialize};
use types::{Amount, DisputeId, OrderId, PaymentId, Place, Probability, SessionId, TerminalId, Timestamp};
use utoipa::ToSchema;

use crate::challenge::{Challenge, ChallengeFrames};
use crate::money::PaymentState;
use crate::schema::{AmountSchema, PlaceSchema};
use crate::terminal_trust::TerminalReport;

/// An order to create, once per `out_trade_no`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOrder {
    /// The merchant's own number: 1 to 64 characters. Sent twice with the same content, it is one order.
    #[schema(min_length = 1, max_length = 64)]
    pub out_trade_no: String,
    /// Where it may be paid.
    #[schema(value_type = String)]
    pub terminal_id: TerminalId,
    /// How much; positive.
    #[schema(value_type = AmountSchema)]
    pub amount: Amount,
    /// What the payer reads; 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100)]
    pub description: String,
    /// When the money is taken.
    #[serde(default)]
    pub capture: CaptureMode,
}

/// When the money of an order is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CaptureMode {
    /// At once, when the payer is recognised.
    #[default]
    Automatic,
    /// By the merchant, later and perhaps less: it is only set aside. For transit, fuel, hotels.
    Manual,
}

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// Nobody paid yet.
    Open,
    /// Paid once.
    Paid,
    /// Taken back.
    Reversed,
    /// Nobody paid in time.
    Expired,
}

/// An order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderView {
    /// Its id.
    #[schema(value_type = String)]
    pub order_id: OrderId,
    /// The merchant's own number.
    pub out_trade_no: String,
    /// Where it may be paid.
    #[schema(value_type = String)]
    pub terminal_id: TerminalId,
    /// How much.
    #[schema(value_type = AmountSchema)]
    pub amount: Amount,
    /// What became of it.
    pub state: OrderState,
    /// The debit, once paid.
    #[schema(value_type = Option<String>)]
    pub payment_id: Option<PaymentId>,
    /// Until when it can be paid.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// When the money is taken.
    pub capture: CaptureMode,
}

/// Open an attempt to pay an order with a face.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSession {
    /// What is to be paid.
    #[schema(value_type = String)]
    pub order_id: OrderId,
}

/// The attempt. The nonce is shown once; every later call of the attempt carries it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewSessionReply {
    /// Its id.
    #[schema(value_type = String)]
    pub session_id: SessionId,
    /// 64 hexadecimal digits.
    pub nonce: String,
    /// When the attempt ends.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// The fewest frames a capture holds.
    pub frames_min: u32,
    /// The most frames a capture holds.
    pub frames_max: u32,
    /// Movements that the terminal may ask of the payer; none where the operator's rules know none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenge: Option<Challenge>,
}

/// What the terminal's camera took.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Capture {
    /// The nonce of the attempt.
    pub nonce: String,
    /// 1 to 3 JPEG or PNG frames, base64.
    #[schema(min_items = 1, max_items = 3)]
    pub frames: Vec<String>,
    /// The frames of each movement of the challenge, in its order; left out where it was not run. They come beside
    /// `frames`, which show the payer looking at the camera before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1, max_items = 4)]
    pub challenge: Option<Vec<ChallengeFrames>>,
    /// What the terminal says of itself.
    pub report: TerminalReport,
}

/// A further proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// The last four digits of the phone.
    LastFour,
    /// The full phone number, E.164.
    FullPhone,
    /// The payment PIN.
    Pin,
    /// A confirmation on the payer's own device.
    OwnDevice,
}

/// An answer to what was asked.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StepUp {
    /// The nonce of the attempt.
    pub nonce: String,
    /// What was asked.
    pub check: Check,
    /// What the payer typed; none for `own_device`, which looks whether the payer has answered there.
    #[serde(default)]
    pub answer: Option<String>,
}

/// How far an attempt is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum Stage {
    /// For the terminal's frames.
    AwaitingCapture,
    /// For a further proof.
    AwaitingCheck {
        /// Which.
        ask: Check,
        /// The payer just paid this shop exactly this amount: say so before asking, it may be a mistake.
        #[serde(default)]
        repeated: bool,
    },
    /// Debited.
    Approved {
        /// The debit.
        #[schema(value_type = String)]
        payment_id: PaymentId,
        /// The payer's name with all but the last character hidden.
        payer_name: String,
    },
    /// Nobody was debited.
    Refused {
        /// A name that never changes, for programs.
        code: String,
        /// What to do, for the person at the terminal.
        detail: String,
    },
    /// Nobody was debited in time.
    Expired,
}

/// An attempt to pay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SessionView {
    /// Its id.
    #[schema(value_type = String)]
    pub session_id: SessionId,
    /// What is to be paid.
    #[schema(value_type = String)]
    pub order_id: OrderId,
    /// How far it is.
    pub state: Stage,
}

/// How the payer was recognised, in words for the payer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Recognised {
    /// `posterior`, or `narrowed_by_last_four` under the old rules; `order_code` where no face was looked at.
    pub rule: String,
    /// What was asked besides the face, or instead of it.
    pub checks: Vec<Check>,
    /// Did a passkey confirm it on the own device?
    #[serde(default)]
    pub passkey: bool,
    /// The chance that it was somebody else; none under the old rules and without a face.
    #[schema(value_type = Option<f64>)]
    pub p_wrong: Option<Probability>,
    /// How many faces were compared.
    pub searched: u64,
}

/// A debit, as its payer sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PaymentView {
    /// Its id.
    #[schema(value_type = String)]
    pub payment_id: PaymentId,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// How much.
    #[schema(value_type = AmountSchema)]
    pub amount: Amount,
    /// Who was paid.
    pub merchant: String,
    /// Where.
    #[schema(value_type = PlaceSchema)]
    pub place: Place,
    /// What for.
    pub description: String,
    /// How the payer was recognised.
    pub recognised: Recognised,
    /// Where it stands.
    pub state: PaymentState,
    /// How much came back from the shop so far.
    #[schema(value_type = AmountSchema)]
    pub refunded: Amount,
    /// Taken back whole.
    pub reversed: bool,
    /// The case about it, if there is one.
    #[schema(value_type = Option<String>)]
    pub dispute_id: Option<DisputeId>,
}

/// Debits, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PaymentList {
    /// At most 100.
    pub payments: Vec<PaymentView>,
}

/// One decision about an attempt with everything it depended on. For investigators; every look is logged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Decision {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// SHA-256 of the policy that decided.
    pub policy: String,
    /// The calibration's id.
    pub calibration: String,
    /// What the search and the posterior gave: candidates, scores, priors, terms.
    pub recognition: serde_json::Value,
    /// The input of the verdict.
    pub case: serde_json::Value,
    /// The verdict with its reasons.
    pub verdict: serde_json::Value,
    /// How sure it was and why, in words; none where no face was compared with everybody.
    pub explanation: Option<Explanation>,
}

/// How sure a decision was and why. It names nobody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
}

/// The decisions about an attempt, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DecisionList {
    /// The decisions.
    pub decisions: Vec<Decision>,
}
