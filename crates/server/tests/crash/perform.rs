//! What each request must be answered with, given all answers before, and what the answer then changes.

use api::{
    CapturePayment, CompensationView, DisputeView, Funding, MerchantPaymentView, NewOrder, NewRefund, NotMe,
    OrderState, OrderView, PaymentState, Payout, RefundView, ReverseNumber, ReverseNumberReply,
    SettlementList, SettlementState, SettlementView,
};
use types::{Amount, PaymentId, SettlementId, TransferId};

use crate::city::yuan;
use crate::journal::{Case, Journal, Op, Order, Payment, Refund, Standing};
use crate::worker::{Keys, Unanswered, Worker, answer};

impl Worker {
    /// Sends one request and checks the answer; no answer leaves everything as it was.
    pub(crate) fn perform(&mut self, keys: &Keys, op: &Op) -> Result<(), Unanswered> {
        match op {
            Op::Order { number, minor, manual } => self.order(keys, number, *minor, *manual),
            Op::Reverse { number } => self.reverse(keys, number),
            Op::ReverseNumber { number } => self.reverse_number(keys, number),
            Op::Pay { number } => self.pay(keys, number),
            Op::Capture { payment, minor } => self.capture(keys, *payment, *minor),
            Op::Void { payment } => self.void(keys, *payment),
            Op::Refund { payment, number, minor } => self.refund(keys, *payment, (number, *minor)),
            Op::NotMe { payment } => self.not_me(keys, *payment),
            Op::TopUp { transfer, minor } => self.top_up(keys, *transfer, *minor),
            Op::Fund { transfer, minor } => self.fund(keys, *transfer, *minor),
            Op::Settle => self.settle(keys),
            Op::PayOut { settlement, transfer } => self.pay_out(keys, *settlement, *transfer),
        }
    }

    fn order(&mut self, keys: &Keys, number: &str, minor: i64, manual: bool) -> Result<(), Unanswered> {
        let capture = if manual { api::CaptureMode::Manual } else { api::CaptureMode::Automatic };
        let new = NewOrder {
            out_trade_no: number.to_owned(),
            terminal_id: self.journal.till.terminal_id,
            amount: yuan(minor),
            description: "noodles".to_owned(),
            capture,
        };
        let told = answer(keys.merchant.post::<OrderView>("/v1/orders", &new))?;
        let reversed = self.journal.reversed_numbers.contains(number);
        match (told, self.journal.orders.get(number)) {
            (Err(code), _) if reversed => assert_eq!(code, "order_reversed", "{number}"),
            (Err(code), Some(order)) => {
                assert_eq!(code, "order_conflict", "{number}");
                assert_ne!(order.minor, minor, "{number} conflicts with itself");
            }
            (Err(code), None) => panic!("a new order {number} was refused: {code}"),
            (Ok(view), known) => {
                assert!(!reversed, "{number} was taken back before");
                assert_eq!(
                    (view.out_trade_no.as_str(), view.amount, view.capture),
                    (number, yuan(minor), capture)
                );
                if let Some(order) = known {
                    assert_eq!((view.order_id, minor), (order.id, order.minor), "{number} is one order");
                    check_order(&view, order);
                    return Ok(());
                }
                let (session, code, payment) = (None, None, None);
                let order =
                    Order { id: view.order_id, minor, manual, reversed: false, session, code, payment };
                self.journal.orders.insert(number.to_owned(), order);
            }
        }
        Ok(())
    }

    fn reverse(&mut self, keys: &Keys, number: &str) -> Result<(), Unanswered> {
        let path = format!("/v1/orders/{}/reverse", self.journal.orders[number].id);
        match answer(keys.merchant.post_empty::<OrderView>(&path))? {
            Ok(view) => self.reversed(number, &view),
            Err(code) => self.not_reversed(number, &code),
        }
        Ok(())
    }

    fn reverse_number(&mut self, keys: &Keys, number: &str) -> Result<(), Unanswered> {
        let wanted = ReverseNumber { out_trade_no: number.to_owned() };
        match answer(keys.merchant.post::<ReverseNumberReply>("/v1/reversals", &wanted))? {
            Ok(reply) => {
                self.journal.reversed_numbers.insert(number.to_owned());
                assert_eq!(reply.order.is_some(), self.journal.orders.contains_key(number), "{number}");
                if let Some(view) = reply.order {
                    self.reversed(number, &view);
                }
            }
            Err(code) => self.not_reversed(number, &code),
        }
        Ok(())
    }

    fn reversed(&mut self, number: &str, view: &OrderView) {
        assert_eq!(view.state, OrderState::Reversed, "{number}");
        let order = self.journal.orders.get_mut(number).unwrap();
        assert_eq!((view.order_id, view.payment_id), (order.id, order.payment), "{number}");
        order.reversed = true;
        let Some(payment) = order.payment.and_then(|id| self.journal.payments.get_mut(&id)) else { return };
        payment.standing = match payment.standing {
            Standing::Authorised => Standing::Reversed(None),
            Standing::Captured(minor) => {
                assert!(
                    payment.refunded == 0 && payment.case.is_none(),
                    "{number} cannot be reversed any more"
                );
                Standing::Reversed(Some(minor))
            }
            ended @ (Standing::Voided | Standing::Reversed(_)) => {
                payment.standing = ended;
                return;
            }
        };
        payment.told.push("payment.reversed".to_owned());
    }

    /// A refusal needs a reason that the answers before it give; whether a payment is settled, only the books know.
    fn not_reversed(&self, number: &str, code: &str) {
        let payment = self.journal.orders[number].payment.map(|id| &self.journal.payments[&id]);
        let payment = payment.unwrap_or_else(|| panic!("nothing speaks against reversing {number}: {code}"));
        assert!(matches!(payment.standing, Standing::Captured(_)), "{number}: {code}");
        match code {
            "payment_settled" => {}
            "payment_refunded" => assert!(payment.refunded > 0, "{number}"),
            "payment_disputed" | "payment_compensated" => assert!(payment.case.is_some(), "{number}"),
            other => panic!("{number} was not reversed: {other}"),
        }
    }

    fn capture(&mut self, keys: &Keys, id: PaymentId, minor: i64) -> Result<(), Unanswered> {
        let path = format!("/v1/payments/{id}/capture");
        let told = answer(
            keys.merchant.post::<MerchantPaymentView>(&path, &CapturePayment { amount: yuan(minor) }),
        )?;
        let payment = self.journal.payments.get_mut(&id).unwrap();
        match (told, payment.standing) {
            (Ok(view), Standing::Authorised) => {
                payment.standing = Standing::Captured(minor);
                payment.told.push("payment.captured".to_owned());
                check_payment(&view, payment);
            }
            (Ok(view), Standing::Captured(before)) => {
                assert_eq!(before, minor, "{id} is captured once");
                check_payment(&view, payment);
            }
            (Err(code), standing) => assert_eq!(code, stands_against(standing, minor), "{id}"),
            (Ok(_), Standing::Voided | Standing::Reversed(_)) => panic!("{id} was let go and is captured"),
        }
        Ok(())
    }

    fn void(&mut self, keys: &Keys, id: PaymentId) -> Result<(), Unanswered> {
        let told =
            answer(keys.merchant.post_empty::<MerchantPaymentView>(&format!("/v1/payments/{id}/void")))?;
        let payment = self.journal.payments.get_mut(&id).unwrap();
        match (told, payment.standing) {
            (Ok(view), Standing::Authorised) => {
                payment.standing = Standing::Voided;
                payment.told.push("payment.voided".to_owned());
                check_payment(&view, payment);
            }
            (Ok(view), Standing::Voided) => check_payment(&view, payment),
            (Ok(_), Standing::Captured(_) | Standing::Reversed(_)) => panic!("{id} was not there to let go"),
            (Err(code), Standing::Captured(_)) => {
                assert!(
                    ["payment_already_captured", "payment_settled"].contains(&code.as_str()),
                    "{id}: {code}"
                );
            }
            (Err(code), Standing::Reversed(_)) => assert_eq!(code, "payment_reversed", "{id}"),
            (Err(code), Standing::Authorised | Standing::Voided) => panic!("{id} was not let go: {code}"),
        }
        Ok(())
    }

    fn refund(&mut self, keys: &Keys, id: PaymentId, (number, minor): (&str, i64)) -> Result<(), Unanswered> {
        let new = NewRefund {
            out_refund_no: number.to_owned(),
            amount: yuan(minor),
            reason: "cold noodles".to_owned(),
        };
        let told = answer(keys.merchant.post::<RefundView>(&format!("/v1/payments/{id}/refunds"), &new))?;
        let known = self.journal.refunds.get(number);
        let payment = self.journal.payments.get_mut(&id).unwrap();
        match (told, known) {
            (Ok(view), Some(refund)) => {
                assert_eq!((view.refund_id, minor), (refund.id, refund.minor), "{number} is one refund");
            }
            (Err(code), Some(refund)) => {
                assert_eq!(code, "refund_conflict", "{number}");
                assert_ne!(minor, refund.minor, "{number} conflicts with itself");
            }
            (Ok(view), None) => {
                assert_eq!((view.payment_id, view.out_refund_no.as_str()), (id, number));
                assert_eq!(view.amount, yuan(minor), "{number}");
                let Standing::Captured(captured) = payment.standing else { panic!("{id} was not paid") };
                payment.refunded += minor;
                assert!(payment.refunded <= captured && payment.case.is_none(), "{id}: too much went back");
                payment.told.push(format!("refund.succeeded({})", view.refund_id));
                self.journal
                    .refunds
                    .insert(number.to_owned(), Refund { id: view.refund_id, payment: id, minor });
            }
            (Err(code), None) => not_refunded(payment, minor, &code),
        }
        Ok(())
    }

    fn not_me(&mut self, keys: &Keys, id: PaymentId) -> Result<(), Unanswered> {
        let words = NotMe { words: "not me".to_owned(), freeze: false };
        let told = answer(keys.payer.post::<DisputeView>(&format!("/v1/me/payments/{id}/not-me"), &words))?;
        let payment = self.journal.payments.get_mut(&id).unwrap();
        match (told, payment.standing) {
            (Ok(view), Standing::Captured(captured)) => {
                let loss = captured - payment.refunded;
                assert_eq!((view.payment_id, view.amount), (id, yuan(loss)), "{id}");
                let compensated = match view.compensation {
                    CompensationView::Paid { amount, at: _ } => amount.minor,
                    CompensationView::NotDue => 0,
                    other @ (CompensationView::Undecided
                    | CompensationView::AwaitingApproval { amount: _ }) => {
                        panic!("{id}: the case ended with {other:?}")
                    }
                };
                assert!([0, loss].contains(&compensated), "{id}");
                let case = Case { id: view.dispute_id, compensated };
                if let Some(known) = payment.case.replace(case) {
                    assert_eq!(known, case, "{id} has one case");
                } else {
                    payment.told.push("dispute.opened".to_owned());
                }
            }
            // Sent again after a lost answer it says what became of it.
            (Err(code), Standing::Authorised) => {
                assert!(
                    ["authorisation_released", "payment_voided"].contains(&code.as_str()),
                    "{id}: {code}"
                );
                payment.standing = Standing::Voided;
                payment.told.push("payment.voided".to_owned());
            }
            (Err(code), Standing::Voided) => assert_eq!(code, "payment_voided", "{id}"),
            (Err(code), Standing::Reversed(_)) => assert_eq!(code, "payment_reversed", "{id}"),
            (Err(code), Standing::Captured(captured)) => {
                assert_eq!((code.as_str(), payment.refunded), ("payment_refunded", captured), "{id}");
            }
            (Ok(_), Standing::Authorised | Standing::Voided | Standing::Reversed(_)) => {
                panic!("{id}: nothing was paid, and yet there is a case")
            }
        }
        Ok(())
    }

    fn top_up(&mut self, keys: &Keys, transfer: TransferId, minor: i64) -> Result<(), Unanswered> {
        let funding = Funding { transfer_id: transfer, amount: yuan(minor) };
        let path = format!("/v1/payers/{}/top-ups", self.journal.till.payer_id);
        let balance: Amount = answer(keys.staff.post(&path, &funding))?.unwrap();
        self.journal.top_ups.insert(transfer, minor);
        assert_eq!(balance.minor, self.journal.balance().0, "the balance after {transfer}");
        Ok(())
    }

    fn fund(&mut self, keys: &Keys, transfer: TransferId, minor: i64) -> Result<(), Unanswered> {
        let funding = Funding { transfer_id: transfer, amount: yuan(minor) };
        let _: Amount = answer(keys.staff.post("/v1/reserve/fundings", &funding))?.unwrap();
        self.journal.fundings.insert(transfer, minor);
        Ok(())
    }

    fn settle(&mut self, keys: &Keys) -> Result<(), Unanswered> {
        let list: SettlementList = answer(keys.staff.post_empty("/v1/settlement-runs"))?.unwrap();
        let own = |one: &SettlementView| one.merchant_id == self.journal.till.merchant_id;
        let complete = |one: &SettlementView| one.state == SettlementState::Complete && one.settled.minor > 0;
        let Some(found) = list.settlements.iter().find(|one| own(one) && complete(one)) else {
            return Ok(());
        };
        // Half of them leave for the bank; refunds then come out of what the shop will owe.
        let (transfer, minor) = self.new_transfer();
        let settlement = found.settlement_id;
        if minor % 2 == 0 {
            self.journal.pending = Some(Op::PayOut { settlement, transfer });
            self.pay_out(keys, settlement, transfer)?;
        }
        Ok(())
    }

    fn pay_out(&mut self, keys: &Keys, id: SettlementId, transfer: TransferId) -> Result<(), Unanswered> {
        let payout = Payout { transfer_id: transfer };
        match answer(keys.staff.post::<SettlementView>(&format!("/v1/settlements/{id}/payout"), &payout))? {
            Ok(view) => {
                assert_eq!((view.settlement_id, view.state), (id, SettlementState::PaidOut));
                assert!(self.journal.payouts.insert(id, transfer).is_none(), "{id} is paid out once");
            }
            Err(code) => assert_eq!(code, "nothing_to_pay_out", "{id}"),
        }
        Ok(())
    }

    /// Asks for everything that was answered once more, and for the payer's own balance.
    pub(crate) fn check_by_asking(&mut self, keys: &Keys) {
        let view: api::PayerView = keys.payer.get("/v1/me").unwrap();
        assert_eq!(view.balances, [yuan(self.journal.balance().0)], "client {}", self.journal.till.number);
        let Journal { payments, orders, .. } = &self.journal;
        for (number, order) in orders.iter().filter(|(_, order)| order.payment.is_some()) {
            let view: OrderView = keys.merchant.get(&format!("/v1/orders?out_trade_no={number}")).unwrap();
            check_order(&view, order);
        }
        for (id, payment) in payments {
            let view: MerchantPaymentView = keys.merchant.get(&format!("/v1/payments/{id}")).unwrap();
            check_payment(&view, payment);
        }
        for (id, transfer) in self.journal.payouts.clone() {
            let payout = Payout { transfer_id: transfer };
            let view: SettlementView =
                keys.staff.post(&format!("/v1/settlements/{id}/payout"), &payout).unwrap();
            assert_eq!((view.settlement_id, view.state), (id, SettlementState::PaidOut));
        }
    }
}

fn check_order(view: &OrderView, order: &Order) {
    let state = match (order.reversed, order.payment) {
        (true, _) => OrderState::Reversed,
        (false, Some(_)) => OrderState::Paid,
        (false, None) => OrderState::Open,
    };
    assert_eq!((view.order_id, view.amount), (order.id, yuan(order.minor)));
    assert_eq!((view.state, view.payment_id), (state, order.payment), "{}", order.id);
}

fn check_payment(view: &MerchantPaymentView, payment: &Payment) {
    let id = view.payment_id;
    assert_eq!(view.authorised, yuan(payment.authorised), "{id}");
    match payment.standing {
        Standing::Authorised => assert_eq!(view.state, PaymentState::Authorised, "{id}"),
        Standing::Captured(minor) => {
            assert!([PaymentState::Captured, PaymentState::Settled].contains(&view.state), "{id}");
            assert_eq!(view.captured, Some(yuan(minor)), "{id}");
            assert_eq!(view.refunded, Some(yuan(payment.refunded)), "{id}");
            assert_eq!(
                view.refunds.iter().map(|refund| refund.amount.minor).sum::<i64>(),
                payment.refunded,
                "{id}"
            );
        }
        Standing::Voided => assert_eq!(view.state, PaymentState::Voided, "{id}"),
        Standing::Reversed(_) => assert_eq!(view.state, PaymentState::Reversed, "{id}"),
    }
}

/// Why a capture of this much is refused.
fn stands_against(standing: Standing, minor: i64) -> &'static str {
    match standing {
        Standing::Captured(before) if before != minor => "payment_already_captured",
        Standing::Authorised | Standing::Captured(_) => "nothing",
        Standing::Voided => "payment_voided",
        Standing::Reversed(_) => "payment_reversed",
    }
}

fn not_refunded(payment: &Payment, minor: i64, code: &str) {
    let why = match (payment.standing, payment.case) {
        (Standing::Authorised, _) => "payment_not_captured",
        (Standing::Voided, _) => "payment_voided",
        (Standing::Reversed(_), _) => "payment_reversed",
        (Standing::Captured(_), Some(Case { id: _, compensated: 0 })) => "payment_disputed",
        (Standing::Captured(_), Some(_)) => "payment_compensated",
        (Standing::Captured(captured), None) if minor > captured - payment.refunded => "refund_above_paid",
        (Standing::Captured(_), None) => "nothing",
    };
    assert_eq!(code, why, "a refund of {minor} of {}", payment.order);
}
