//! What one client was told, and what should therefore be in the books.

use std::collections::{BTreeMap, BTreeSet};

use api::NewSessionReply;
use types::{DisputeId, OrderId, PaymentId, RefundId, SettlementId, TransferId};

use crate::city::{BEGINNING, Till};

/// Something a client asks for. Each has a key of its own, so that it can be asked for again.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Order { number: String, minor: i64, manual: bool },
    Reverse { number: String },
    ReverseNumber { number: String },
    Pay { number: String },
    Capture { payment: PaymentId, minor: i64 },
    Void { payment: PaymentId },
    Refund { payment: PaymentId, number: String, minor: i64 },
    NotMe { payment: PaymentId },
    TopUp { transfer: TransferId, minor: i64 },
    Fund { transfer: TransferId, minor: i64 },
    Settle,
    PayOut { settlement: SettlementId, transfer: TransferId },
}

pub(crate) struct Order {
    pub(crate) id: OrderId,
    pub(crate) minor: i64,
    pub(crate) manual: bool,
    pub(crate) reversed: bool,
    pub(crate) session: Option<NewSessionReply>,
    /// What the payer's device scanned, where no face pays.
    pub(crate) code: Option<String>,
    pub(crate) payment: Option<PaymentId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Authorised,
    Captured(i64),
    Voided,
    /// With what had been captured.
    Reversed(Option<i64>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) id: DisputeId,
    pub(crate) compensated: i64,
}

pub(crate) struct Payment {
    pub(crate) order: String,
    pub(crate) authorised: i64,
    pub(crate) standing: Standing,
    pub(crate) refunded: i64,
    pub(crate) case: Option<Case>,
    /// What the merchant is told, in order.
    pub(crate) told: Vec<String>,
}

pub(crate) struct Refund {
    pub(crate) id: RefundId,
    pub(crate) payment: PaymentId,
    pub(crate) minor: i64,
}

#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) requests: u64,
    pub(crate) lost: u64,
    /// Of the lost ones, those that had happened.
    pub(crate) had_happened: u64,
    pub(crate) unavailable: u64,
}

/// One client's.
pub(crate) struct Journal {
    pub(crate) till: Till,
    pub(crate) orders: BTreeMap<String, Order>,
    pub(crate) payments: BTreeMap<PaymentId, Payment>,
    pub(crate) refunds: BTreeMap<String, Refund>,
    pub(crate) top_ups: BTreeMap<TransferId, i64>,
    pub(crate) fundings: BTreeMap<TransferId, i64>,
    pub(crate) payouts: BTreeMap<SettlementId, TransferId>,
    pub(crate) reversed_numbers: BTreeSet<String>,
    /// What was sent and not answered.
    pub(crate) pending: Option<Op>,
    pub(crate) counts: Counts,
}

/// What is in the books by what it is about: an order, refund or transfer, or the payer's balance.
pub(crate) type Lines = BTreeSet<(String, String)>;

pub(crate) const BALANCE: &str = "balance";

impl Journal {
    pub(crate) fn new(till: Till) -> Self {
        let beginning = TransferId::from_bits(10 + till.number as u128);
        Self {
            till,
            orders: BTreeMap::new(),
            payments: BTreeMap::new(),
            refunds: BTreeMap::new(),
            top_ups: BTreeMap::from([(beginning, BEGINNING)]),
            fundings: BTreeMap::new(),
            payouts: BTreeMap::new(),
            reversed_numbers: BTreeSet::new(),
            pending: None,
            counts: Counts::default(),
        }
    }

    /// What the payer has, and how much more is set aside.
    pub(crate) fn balance(&self) -> (i64, i64) {
        let (mut has, mut held) = (self.top_ups.values().sum::<i64>(), 0);
        for payment in self.payments.values() {
            match payment.standing {
                Standing::Captured(minor) => has -= minor - payment.refunded,
                Standing::Authorised => (has, held) = (has - payment.authorised, held + payment.authorised),
                Standing::Voided | Standing::Reversed(_) => {}
            }
            has += payment.case.map_or(0, |case| case.compensated);
        }
        (has, held)
    }

    /// What the answers say.
    pub(crate) fn lines(&self) -> Lines {
        let mut lines = Lines::new();
        let mut line = |about: &str, text: String| assert!(lines.insert((about.to_owned(), text)));
        for (number, order) in &self.orders {
            let state = match (order.reversed, order.payment) {
                (true, _) => "reversed",
                (false, Some(_)) => "paid",
                (false, None) => "open",
            };
            let capture = if order.manual { "manual" } else { "automatic" };
            line(number, format!("order {} {} {state} {capture}", order.id, order.minor));
        }
        for (id, payment) in &self.payments {
            line(&payment.order, payment_line(*id, payment));
            line(&payment.order, format!("webhooks of {id}: {}", payment.told.join(" ")));
            if let Some(case) = payment.case {
                line(&payment.order, format!("dispute {} of {id} compensated {}", case.id, case.compensated));
            }
        }
        for (number, refund) in &self.refunds {
            line(number, format!("refund {} of {} {}", refund.id, refund.payment, refund.minor));
        }
        for (transfer, minor) in &self.top_ups {
            line(&transfer.to_string(), format!("in {minor}"));
        }
        for number in &self.reversed_numbers {
            line(number, "number reversed".to_owned());
        }
        let (has, held) = self.balance();
        line(BALANCE, format!("{} posted, {held} held", has + held));
        lines
    }

    /// May a line about this differ while the unanswered request is not resolved?
    pub(crate) fn in_question(&self, about: &str) -> bool {
        let order_of = |payment: &PaymentId| self.payments[payment].order == about;
        match &self.pending {
            None => false,
            Some(Op::Order { number, minor: _, manual: _ }) => about == number,
            Some(Op::Reverse { number } | Op::ReverseNumber { number } | Op::Pay { number }) => {
                about == number || about == BALANCE
            }
            Some(Op::Refund { payment, number, minor: _ }) => {
                about == number || about == BALANCE || order_of(payment)
            }
            Some(Op::Capture { payment, minor: _ } | Op::Void { payment } | Op::NotMe { payment }) => {
                about == BALANCE || order_of(payment)
            }
            Some(Op::TopUp { transfer, minor: _ }) => about == BALANCE || about == transfer.to_string(),
            Some(Op::Fund { transfer: _, minor: _ } | Op::Settle)
            | Some(Op::PayOut { settlement: _, transfer: _ }) => false,
        }
    }
}

/// A settled payment is a captured one to the payer, and to what a client was told.
fn payment_line(id: PaymentId, payment: &Payment) -> String {
    let (state, captured) = match payment.standing {
        Standing::Authorised => ("authorised", None),
        Standing::Captured(minor) => ("captured", Some(minor)),
        Standing::Voided => ("voided", None),
        Standing::Reversed(minor) => ("reversed", minor),
    };
    let captured = captured.map(|minor| minor.to_string()).unwrap_or_default();
    format!("payment {id} {} {state} {captured} {}", payment.authorised, payment.refunded)
}
