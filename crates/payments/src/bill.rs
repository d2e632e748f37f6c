//! A merchant's daily bill: every payment, refund, reversal and recovery of one day, and their totals.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use types::{
    Amount, Currency, MerchantId, OrderId, PaymentId, RefundId, SettlementId, TerminalId, Timestamp,
};

use crate::cell::guarded;
use crate::decimal::decimal;

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// The merchant took money.
    Payment,
    /// The merchant gave money back.
    Refund,
    /// A payment was taken back whole before settlement.
    Reversal,
    /// The reserve took back what it paid to the payer.
    Recovery,
}

impl LineKind {
    /// The word in the bill.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::Refund => "refund",
            Self::Reversal => "reversal",
            Self::Recovery => "recovery",
        }
    }
}

/// One movement of a merchant's money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: LineKind,
    /// Where the order was paid.
    pub terminal: TerminalId,
    /// What was paid.
    pub order: OrderId,
    /// The merchant's number of the order.
    pub out_trade_no: String,
    /// The payment.
    pub payment: PaymentId,
    /// The refund, if it is one.
    pub refund: Option<RefundId>,
    /// The merchant's number of the refund.
    pub out_refund_no: Option<String>,
    /// How much; positive, the kind says in which direction.
    pub amount: Amount,
    /// What this line adds to the fee, in the same currency; negative where money went back.
    pub fee: Amount,
    /// What the merchant called the goods.
    pub description: String,
    /// With which settlement it was settled, if it was.
    pub settlement: Option<SettlementId>,
}

/// A merchant's lines of one day.
#[derive(Clone, Debug, PartialEq)]
pub struct Bill {
    /// Whose.
    pub merchant: MerchantId,
    /// Which day, as the merchant's calendar says.
    pub date: Date,
    /// Where that calendar hangs.
    pub time_zone: TimeZone,
    /// What happened; in any order.
    pub lines: Vec<Line>,
}

/// How many lines, and their sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sum {
    /// How many.
    pub count: u64,
    /// How much.
    pub amount: Amount,
}

/// The sums of one currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// What came in.
    pub payments: Sum,
    /// What the merchant gave back.
    pub refunds: Sum,
    /// What was taken back whole.
    pub reversals: Sum,
    /// What the reserve took back.
    pub recoveries: Sum,
    /// The sum of the lines' fees.
    pub fees: Amount,
    /// What the day added to the merchant's money: payments less all that went back, less the fees.
    pub net: Amount,
}

/// The columns of the lines, in the order of ideas of the large wallets' bills: when, who and where, numbers,
/// what, how much, what went back, goods, fee.
pub(crate) const COLUMNS: [&str; 14] = [
    "transaction_time",
    "merchant_id",
    "terminal_id",
    "payment_id",
    "order_id",
    OUT_TRADE_NO,
    TRANSACTION_TYPE,
    CURRENCY,
    AMOUNT,
    "refund_id",
    OUT_REFUND_NO,
    "description",
    "fee",
    "settlement_id",
];
pub(crate) const OUT_TRADE_NO: &str = "out_trade_no";
pub(crate) const OUT_REFUND_NO: &str = "out_refund_no";
pub(crate) const TRANSACTION_TYPE: &str = "transaction_type";
pub(crate) const CURRENCY: &str = "currency";
pub(crate) const AMOUNT: &str = "amount";

/// The columns of the totals. The first is no time, so that a reader sees where the lines end.
const TOTALS_COLUMNS: [&str; 13] = [
    TOTALS_CURRENCY,
    "bill_date",
    "time_zone",
    "payments_count",
    "payments_amount",
    "refunds_count",
    "refunds_amount",
    "reversals_count",
    "reversals_amount",
    "recoveries_count",
    "recoveries_amount",
    "fees",
    "net",
];
pub(crate) const TOTALS_CURRENCY: &str = "totals_currency";

impl Bill {
    /// The bill as text: a header and the lines by time, payment and kind, then a header and one row of totals
    /// for each currency. UTF-8 without a byte order mark, lines ended by a line feed.
    ///
    /// Amounts are in major units without a currency sign; a reversal, refund or recovery is positive too. Times
    /// are local, with their offset. What the merchant supplied (`out_trade_no`, `out_refund_no`,
    /// `description`) is preceded by an apostrophe where a spreadsheet would take it for a formula
    /// (`=`, `+`, `-`, `@`, their full-width forms, a control character), would change its digits (more than 15,
    /// or a leading zero), or where it begins with `'` or a backquote itself. [`parse_csv`](crate::parse_csv)
    /// takes it off again.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut lines: Vec<&Line> = self.lines.iter().collect();
        lines.sort_by_key(|line| (line.at, line.payment, line.kind, line.refund));
        let mut rows = vec![COLUMNS.map(str::to_owned).to_vec()];
        rows.extend(lines.into_iter().map(|line| self.row(line).to_vec()));
        rows.push(TOTALS_COLUMNS.map(str::to_owned).to_vec());
        rows.extend(self.totals().iter().map(|totals| self.totals_row(totals).to_vec()));
        written(&rows)
    }

    /// The sums, by currency code; a currency without lines has none.
    ///
    /// # Panics
    /// When a day's sum does not fit 64 bits or a fee is of another currency than its line: a bug.
    #[must_use]
    pub fn totals(&self) -> Vec<Totals> {
        let mut by_currency = BTreeMap::new();
        for line in &self.lines {
            let currency = line.amount.currency;
            by_currency.entry(currency.code()).or_insert_with(|| Totals::none(currency)).add(line);
        }
        by_currency.into_values().collect()
    }

    fn row(&self, line: &Line) -> [String; COLUMNS.len()] {
        let text = |text: &str| guarded(text).into_owned();
        [
            line.at.to_zoned(self.time_zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
            self.merchant.to_string(),
            line.terminal.to_string(),
            line.payment.to_string(),
            line.order.to_string(),
            text(&line.out_trade_no),
            line.kind.name().to_owned(),
            line.amount.currency.to_string(),
            major(line.amount),
            line.refund.map(|id| id.to_string()).unwrap_or_default(),
            text(line.out_refund_no.as_deref().unwrap_or_default()),
            text(&line.description),
            major(line.fee),
            line.settlement.map(|id| id.to_string()).unwrap_or_default(),
        ]
    }

    fn totals_row(&self, totals: &Totals) -> [String; TOTALS_COLUMNS.len()] {
        let Totals { payments, refunds, reversals, recoveries, fees, net } = totals;
        [
            net.currency.to_string(),
            self.date.to_string(),
            self.time_zone.iana_name().unwrap_or_default().to_owned(),
            payments.count.to_string(),
            major(payments.amount),
            refunds.count.to_string(),
            major(refunds.amount),
            reversals.count.to_string(),
            major(reversals.amount),
            recoveries.count.to_string(),
            major(recoveries.amount),
            major(*fees),
            major(*net),
        ]
    }
}

impl Totals {
    fn none(currency: Currency) -> Self {
        let amount = Amount::zero(currency);
        let sum = Sum { count: 0, amount };
        Self { payments: sum, refunds: sum, reversals: sum, recoveries: sum, fees: amount, net: amount }
    }

    fn add(&mut self, line: &Line) {
        let (sum, net) = match line.kind {
            LineKind::Payment => (&mut self.payments, self.net.checked_add(line.amount)),
            LineKind::Refund => (&mut self.refunds, self.net.checked_sub(line.amount)),
            LineKind::Reversal => (&mut self.reversals, self.net.checked_sub(line.amount)),
            LineKind::Recovery => (&mut self.recoveries, self.net.checked_sub(line.amount)),
        };
        let whole = "a merchant's day fits 64 bits, each line in one currency";
        sum.count = sum.count.saturating_add(1);
        sum.amount = sum.amount.checked_add(line.amount).expect(whole);
        self.fees = self.fees.checked_add(line.fee).expect(whole);
        self.net = net.and_then(|net| net.checked_sub(line.fee)).expect(whole);
    }
}

fn major(amount: Amount) -> String {
    decimal(i128::from(amount.minor), amount.currency)
}

/// Rows as CSV text; a cell is quoted where it must be.
pub(crate) fn written(rows: &[Vec<String>]) -> String {
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).expect("memory takes every row");
    }
    let bytes = writer.into_inner().expect("memory takes every row");
    String::from_utf8(bytes).expect("cells of text make text")
}
