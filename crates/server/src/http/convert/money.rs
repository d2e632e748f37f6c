//! Payments, refunds, settlements, bills and deliveries, from the engine's words to the interface's.

use engine::{
    BillLineTotals, BillView, DeliveryRow, DeliveryState, MerchantPayment, PaymentState, RefundRow,
    SettlementState, SettlementView,
};
use types::Amount;

pub(crate) const fn payment_state(state: &PaymentState) -> api::PaymentState {
    match state {
        PaymentState::Authorised { expires_at: _ } => api::PaymentState::Authorised,
        PaymentState::Captured { captured: _ } => api::PaymentState::Captured,
        PaymentState::Settled { captured: _, settlement: _, settled_at: _ } => api::PaymentState::Settled,
        PaymentState::Voided { at: _ } => api::PaymentState::Voided,
        PaymentState::Expired { at: _ } => api::PaymentState::Expired,
        PaymentState::Reversed { at: _, captured: _ } => api::PaymentState::Reversed,
    }
}

pub(crate) fn payment(view: MerchantPayment) -> api::MerchantPaymentView {
    let payment = &view.row.payment;
    let captured = payment.captured();
    let settlement_id = match &payment.state {
        PaymentState::Settled { captured: _, settlement, settled_at: _ } => Some(*settlement),
        PaymentState::Authorised { expires_at: _ }
        | PaymentState::Captured { captured: _ }
        | PaymentState::Voided { at: _ }
        | PaymentState::Expired { at: _ }
        | PaymentState::Reversed { at: _, captured: _ } => None,
    };
    api::MerchantPaymentView {
        payment_id: payment.terms.id,
        order_id: view.order.id,
        out_trade_no: view.order.out_trade_no,
        terminal_id: view.row.terminal,
        at: payment.terms.at,
        state: payment_state(&payment.state),
        authorised: payment.terms.authorised,
        captured: captured.map(|captured| captured.amount),
        refunded: captured.map(|captured| captured.refunded),
        recovered: captured.map(|captured| captured.recovered),
        fee_bps: payment.terms.fee_bps,
        settlement_id,
        disputed: view.disputed,
        refunds: view.refunds.into_iter().map(refund).collect(),
    }
}

pub(crate) fn refund(row: RefundRow) -> api::RefundView {
    api::RefundView {
        refund_id: row.id,
        payment_id: row.payment,
        out_refund_no: row.out_refund_no,
        amount: row.amount,
        reason: row.reason,
        at: row.at,
    }
}

pub(crate) fn settlements(views: Vec<SettlementView>) -> api::SettlementList {
    api::SettlementList { settlements: views.into_iter().map(settlement).collect() }
}

pub(crate) fn settlement(view: SettlementView) -> api::SettlementView {
    let row = view.settlement;
    let amount = |minor| Amount::new(minor, row.currency);
    let left_out = |(payment_id, amount, reason)| api::LeftOut { payment_id, amount, reason };
    api::SettlementView {
        settlement_id: row.id,
        merchant_id: row.merchant,
        date: row.date,
        state: match row.state {
            SettlementState::Running => api::SettlementState::Running,
            SettlementState::Complete { at: _ } => api::SettlementState::Complete,
            SettlementState::PaidOut { at: _, transfer: _ } => api::SettlementState::PaidOut,
        },
        payments: row.payments,
        net: amount(row.net_minor),
        fee: amount(row.fee_minor),
        repaid: amount(row.repaid_minor),
        settled: amount(row.settled_minor),
        left_out: view.left_out.into_iter().map(left_out).collect(),
    }
}

pub(crate) fn bill(view: &BillView) -> api::BillView {
    api::BillView {
        date: view.date.clone(),
        lines: view.totals.iter().map(count).sum(),
        totals: view.totals.iter().map(totals).collect(),
        sha256: view.sha256.to_string(),
    }
}

const fn count(totals: &BillLineTotals) -> u64 {
    totals.payments.count + totals.refunds.count + totals.reversals.count + totals.recoveries.count
}

const fn totals(totals: &BillLineTotals) -> api::BillTotals {
    const fn sum(sum: engine::BillSum) -> api::BillSum {
        api::BillSum { count: sum.count, amount: sum.amount }
    }
    api::BillTotals {
        payments: sum(totals.payments),
        refunds: sum(totals.refunds),
        reversals: sum(totals.reversals),
        recoveries: sum(totals.recoveries),
        fees: totals.fees,
        net: totals.net,
    }
}

pub(crate) const fn delivery_state_in(state: api::DeliveryState) -> DeliveryState {
    match state {
        api::DeliveryState::Waiting => DeliveryState::Waiting,
        api::DeliveryState::Delivered => DeliveryState::Delivered,
        api::DeliveryState::Dead => DeliveryState::Dead,
    }
}

pub(crate) fn deliveries(rows: Vec<DeliveryRow>) -> api::DeliveryList {
    api::DeliveryList { deliveries: rows.into_iter().map(delivery).collect() }
}

pub(crate) fn delivery(row: DeliveryRow) -> api::DeliveryView {
    api::DeliveryView {
        delivery_id: row.id,
        recipient: row.recipient,
        kind: row.kind,
        state: match row.state {
            DeliveryState::Waiting => api::DeliveryState::Waiting,
            DeliveryState::Delivered => api::DeliveryState::Delivered,
            DeliveryState::Dead => api::DeliveryState::Dead,
        },
        attempts: row.attempts,
        last_error: row.last_error,
        created_at: row.created_at,
        done_at: row.done_at,
    }
}
