//! A face pays at a till, or an order's code on a phone, which goes on where it was when an answer was lost.

use api::{
    Capture, Check, NewSession, NewSessionReply, OrderCodePayment, OrderCodeView, PaymentView, SessionView,
    Stage, StepUp,
};
use types::PaymentId;

use crate::city::PIN;
use crate::journal::{Payment, Standing};
use crate::worker::{Keys, Unanswered, Worker, answer};

/// One order among so many is paid by its code.
const CODES_AMONG: i64 = 3;

impl Worker {
    /// Pays an order that nobody has paid or taken back.
    pub(crate) fn pay(&mut self, keys: &Keys, number: &str) -> Result<(), Unanswered> {
        if self.journal.orders[number].minor % CODES_AMONG == 0 {
            return self.pay_by_code(keys, number);
        }
        let session = match self.journal.orders[number].session.clone() {
            Some(session) => session,
            None => self.open_session(keys, number)?,
        };
        let path = format!("/v1/capture-sessions/{}", session.session_id);
        let mut view: SessionView = answer(keys.terminal.get(&path))?.unwrap();
        loop {
            view = match view.state {
                Stage::AwaitingCapture => {
                    let frames =
                        self.journal.till.frames.iter().map(|frame| scenario::retaken(frame)).collect();
                    let report = scenario::plain_report();
                    let capture = Capture { nonce: session.nonce.clone(), frames, report, challenge: None };
                    answer(keys.terminal.post(&format!("{path}/capture"), &capture))?.unwrap()
                }
                Stage::AwaitingCheck { ask, repeated: _ } => {
                    let typed = match ask {
                        Check::LastFour => &self.journal.till.phone[self.journal.till.phone.len() - 4..],
                        Check::FullPhone => &self.journal.till.phone,
                        Check::Pin => PIN,
                        Check::OwnDevice => panic!("{number}: the PIN comes first, and is right"),
                    };
                    let answered = Some(typed.to_owned());
                    let step = StepUp { nonce: session.nonce.clone(), check: ask, answer: answered };
                    answer(keys.terminal.post(&format!("{path}/step-up"), &step))?.unwrap()
                }
                Stage::Approved { payment_id, payer_name: _ } => {
                    self.paid(number, payment_id);
                    return Ok(());
                }
                other @ (Stage::Refused { code: _, detail: _ } | Stage::Expired) => {
                    panic!("{number} was not paid: {other:?}")
                }
            };
        }
    }

    /// Sent again after a lost answer, it is the same payment.
    fn pay_by_code(&mut self, keys: &Keys, number: &str) -> Result<(), Unanswered> {
        let order = self.journal.orders.get_mut(number).unwrap();
        let code = match order.code.clone() {
            Some(code) => code,
            None => {
                let path = format!("/v1/orders/{}/code", order.id);
                let shown: OrderCodeView = answer(keys.terminal.get(&path))?.unwrap();
                order.code = Some(shown.code.clone());
                shown.code
            }
        };
        let wanted = OrderCodePayment { code, pin: PIN.to_owned(), again: false };
        let paid: PaymentView = answer(keys.payer.post("/v1/me/order-code-payments", &wanted))?.unwrap();
        self.paid(number, paid.payment_id);
        Ok(())
    }

    fn open_session(&mut self, keys: &Keys, number: &str) -> Result<NewSessionReply, Unanswered> {
        let order = self.journal.orders.get_mut(number).unwrap();
        let new = NewSession { order_id: order.id };
        let session: NewSessionReply = answer(keys.terminal.post("/v1/capture-sessions", &new))?.unwrap();
        order.session = Some(session.clone());
        Ok(session)
    }

    fn paid(&mut self, number: &str, id: PaymentId) {
        let order = self.journal.orders.get_mut(number).unwrap();
        order.payment = Some(id);
        let (standing, told) = if order.manual {
            (Standing::Authorised, "payment.authorised")
        } else {
            (Standing::Captured(order.minor), "payment.captured")
        };
        let payment = Payment {
            order: number.to_owned(),
            authorised: order.minor,
            standing,
            refunded: 0,
            case: None,
            told: vec![told.to_owned()],
        };
        assert!(self.journal.payments.insert(id, payment).is_none(), "{id} is new");
    }
}
