//! Payments as merchants see them: captures, refunds, settlements, bills, webhooks.

use serde::{Deserialize, Serialize};
use types::{
    Amount, DeliveryId, MerchantId, OrderId, PaymentId, RefundId, SettlementId, TerminalId, Timestamp,
    TransferId,
};
use utoipa::{IntoParams, ToSchema};

use crate::payments::OrderView;
use crate::schema::AmountSchema;

/// Where a payment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentState {
    /// Set aside, not taken.
    Authorised,
    /// Taken; pending until it is settled.
    Captured,
    /// Payable to the merchant.
    Settled,
    /// The merchant let it go.
    Voided,
    /// Nobody took it in time.
    Expired,
    /// Taken back whole.
    Reversed,
}

/// A payment, as its merchant sees it. Who paid is not the merchant's to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MerchantPaymentView {
    /// Its id.
    #[schema(value_type = String)]
    pub payment_id: PaymentId,
    /// What was paid.
    #[schema(value_type = String)]
    pub order_id: OrderId,
    /// The merchant's own number of the order.
    pub out_trade_no: String,
    /// Where.
    #[schema(value_type = String)]
    pub terminal_id: TerminalId,
    /// When it was authorised.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Where it stands.
    pub state: PaymentState,
    /// How much was set aside.
    #[schema(value_type = AmountSchema)]
    pub authorised: Amount,
    /// How much was taken.
    #[schema(value_type = Option<AmountSchema>)]
    pub captured: Option<Amount>,
    /// How much of it the merchant gave back.
    #[schema(value_type = Option<AmountSchema>)]
    pub refunded: Option<Amount>,
    /// How much of it the reserve took back.
    #[schema(value_type = Option<AmountSchema>)]
    pub recovered: Option<Amount>,
    /// The merchant's fee then, in basis points.
    pub fee_bps: u32,
    /// With which settlement it became payable.
    #[schema(value_type = Option<String>)]
    pub settlement_id: Option<SettlementId>,
    /// Is or was there a dispute about it?
    pub disputed: bool,
    /// What was given back, oldest first.
    pub refunds: Vec<RefundView>,
}

/// Take what was set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CapturePayment {
    /// How much; positive, at most what was authorised. The rest is the payer's again.
    #[schema(value_type = AmountSchema)]
    pub amount: Amount,
}

/// Give money back, once per `out_refund_no`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRefund {
    /// The merchant's own number: 1 to 64 characters. Sent twice with the same content, it is one refund.
    #[schema(min_length = 1, max_length = 64)]
    pub out_refund_no: String,
    /// How much; positive, at most what is left of the payment.
    #[schema(value_type = AmountSchema)]
    pub amount: Amount,
    /// Why, for the payer to read; 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    pub reason: String,
}

/// Money that was given back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefundView {
    /// Its id.
    #[schema(value_type = String)]
    pub refund_id: RefundId,
    /// Of which payment.
    #[schema(value_type = String)]
    pub payment_id: PaymentId,
    /// The merchant's own number.
    pub out_refund_no: String,
    /// How much.
    #[schema(value_type = AmountSchema)]
    pub amount: Amount,
    /// Why.
    pub reason: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// Take back whatever stands under a number, also before its order comes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReverseNumber {
    /// The merchant's own number of the order.
    pub out_trade_no: String,
}

/// What stands under a number that was taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReverseNumberReply {
    /// The order, reversed; none when none came yet. One that comes later is refused.
    pub order: Option<OrderView>,
}

/// Which order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct OrderNumber {
    /// The merchant's own number of the order.
    pub out_trade_no: String,
}

/// Which day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct BillDate {
    /// A business day that is over, as `YYYY-MM-DD`.
    pub date: String,
}

/// Lines of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BillSum {
    /// How many.
    pub count: u64,
    /// How much.
    #[schema(value_type = AmountSchema)]
    pub amount: Amount,
}

/// The sums of a bill in one currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BillTotals {
    /// Money that came in.
    pub payments: BillSum,
    /// Money the merchant gave back.
    pub refunds: BillSum,
    /// Payments that were taken back whole.
    pub reversals: BillSum,
    /// Money the reserve took back.
    pub recoveries: BillSum,
    /// The operator's fee for what is left.
    #[schema(value_type = AmountSchema)]
    pub fees: Amount,
    /// What is left for the merchant.
    #[schema(value_type = AmountSchema)]
    pub net: Amount,
}

/// A merchant's bill of one business day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BillView {
    /// Which day.
    pub date: String,
    /// Number of lines.
    pub lines: u64,
    /// Sums, one per currency.
    pub totals: Vec<BillTotals>,
    /// SHA-256 of the CSV file, hexadecimal.
    pub sha256: String,
}

/// How far a settlement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SettlementState {
    /// Payments are being added.
    Running,
    /// The money is payable.
    Complete,
    /// The money left for the merchant's bank.
    PaidOut,
}

/// A payment that was due and is not in a settlement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeftOut {
    /// Which.
    #[schema(value_type = String)]
    pub payment_id: PaymentId,
    /// How much.
    #[schema(value_type = AmountSchema)]
    pub amount: Amount,
    /// Why: `dispute` or `hold`.
    pub reason: String,
}

/// One merchant's money of one business day and currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SettlementView {
    /// Its id.
    #[schema(value_type = String)]
    pub settlement_id: SettlementId,
    /// Whose.
    #[schema(value_type = String)]
    pub merchant_id: MerchantId,
    /// The business day it was made on.
    pub date: String,
    /// How far it is.
    pub state: SettlementState,
    /// How many payments are in it.
    pub payments: u32,
    /// What left the pending money.
    #[schema(value_type = AmountSchema)]
    pub net: Amount,
    /// What of it is the operator's fee.
    #[schema(value_type = AmountSchema)]
    pub fee: Amount,
    /// What of it repaid the merchant's debt.
    #[schema(value_type = AmountSchema)]
    pub repaid: Amount,
    /// What of it became payable.
    #[schema(value_type = AmountSchema)]
    pub settled: Amount,
    /// What was due and is not in it.
    pub left_out: Vec<LeftOut>,
}

/// Settlements.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SettlementList {
    /// The settlements.
    pub settlements: Vec<SettlementView>,
}

/// A settlement's money leaves for the merchant's bank, once per `transfer_id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Payout {
    /// The caller's own id of this movement: `tr_` and 32 hexadecimal digits.
    #[schema(value_type = String)]
    pub transfer_id: TransferId,
}

/// What a merchant has, per currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MerchantBalances {
    /// Paid, not settled.
    #[schema(value_type = Vec<AmountSchema>)]
    pub pending: Vec<Amount>,
    /// Settled, not paid out.
    #[schema(value_type = Vec<AmountSchema>)]
    pub settled: Vec<Amount>,
    /// What the merchant owes, as negative amounts; the next settlements repay it.
    #[schema(value_type = Vec<AmountSchema>)]
    pub owed: Vec<Amount>,
}

/// A merchant's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// The n of T+n: 1 to 90 days from a payment's business day to its settlement.
    #[schema(minimum = 1, maximum = 90)]
    pub settle_after_days: u32,
    /// The operator's fee, 0 to 10,000 basis points of what the merchant keeps. Holds for payments from now on.
    #[schema(minimum = 0, maximum = 10000)]
    pub fee_bps: u32,
}

/// Where a merchant's webhooks go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// An https address, or http to this machine.
    pub url: String,
}

/// The secret that signs webhooks, shown once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WebhookReply {
    /// `whsec_` and base64, as the Standard Webhooks specification writes it.
    pub secret: String,
}

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It will be tried, or tried again.
    Waiting,
    /// The recipient took it.
    Delivered,
    /// Given up, until somebody sends it again.
    Dead,
}

/// Which deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct DeliveryFilter {
    /// Only those in this state.
    #[param(inline)]
    pub state: Option<DeliveryState>,
}

/// Something that leaves for somebody else's machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryView {
    /// Its id, which is the header `webhook-id` of every attempt.
    #[schema(value_type = String)]
    pub delivery_id: DeliveryId,
    /// To whom: `merchant:` or `payer:` and the id.
    pub recipient: String,
    /// What it tells.
    pub kind: String,
    /// What became of it.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: u32,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// When it was written.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was taken or given up.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub done_at: Option<Timestamp>,
}

/// Deliveries, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryList {
    /// At most 100.
    pub deliveries: Vec<DeliveryView>,
}
