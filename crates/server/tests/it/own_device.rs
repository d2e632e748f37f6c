//! A question put to the payer's own device: the terminal waits for the answer, and takes it for what it is.

use std::sync::Arc;

use api::{
    Check, ConfirmAnswer, MessageList, NewOrder, NewSession, NewSessionReply, OrderView, SessionView, Stage,
    StepUp,
};

use crate::fixture::{Attempt, Fixture, Setup, capture, new_order, workspace, yuan};

/// The default policy without PINs, and with a strong factor from 100 yuan on.
fn policy() -> String {
    let text = std::fs::read_to_string(workspace().join("policy/default.toml")).unwrap();
    let pin = "[[step_up]]\ncheck = \"pin\"\np_match_owner = 0.95\np_match_other = 1e-4\n";
    let cap = "up_to_minor = 100000";
    assert!(text.contains(pin) && text.contains(cap), "the default policy changed");
    text.replace(pin, "")
        .replace("up_to_minor = 20000", "up_to_minor = 5000")
        .replace(cap, "up_to_minor = 10000")
}

pub(crate) struct Question {
    pub(crate) fixture: Arc<Fixture>,
    pub(crate) attempt: Attempt,
    pub(crate) confirmation: String,
}

/// An order over 150 yuan, up to the question.
pub(crate) fn question() -> Question {
    let fixture = Fixture::with(&Setup { policy: Some(policy()), ..Setup::default() });
    question_about(Arc::new(fixture), "large")
}

fn question_about(fixture: Arc<Fixture>, number: &str) -> Question {
    let order = NewOrder { amount: yuan(15_000), ..new_order(fixture.terminal_id, number) };
    let order: OrderView = fixture.merchant.post("/v1/orders", &order).unwrap();
    let order_id = order.order_id;
    let session: NewSessionReply =
        fixture.terminal.post("/v1/capture-sessions", &NewSession { order_id }).unwrap();
    let attempt = Attempt { order_id, session };
    let path = format!("/v1/capture-sessions/{}/capture", attempt.session.session_id);
    let view: SessionView = fixture.terminal.post(&path, &capture(&attempt)).unwrap();
    assert_eq!(view.state, Stage::AwaitingCheck { ask: Check::OwnDevice, repeated: false });
    let inbox: MessageList = fixture.payer.get("/v1/me/messages").unwrap();
    let message = inbox.messages.into_iter().find(|message| message.kind == "confirm_payment").unwrap();
    assert!(message.text.contains("150.00") && message.text.contains("Lantern Deli"), "{}", message.text);
    Question { fixture, attempt, confirmation: message.value.unwrap() }
}

impl Question {
    /// Another order, up to the same question.
    pub(crate) fn another(&self) -> Self {
        question_about(Arc::clone(&self.fixture), "another")
    }

    pub(crate) fn answer(&self, yes: bool) -> Result<(), String> {
        self.answer_with(&ConfirmAnswer { yes, pin: None, passkey: None })
    }

    pub(crate) fn answer_with(&self, answer: &ConfirmAnswer) -> Result<(), String> {
        let path = format!("/v1/me/confirmations/{}", self.confirmation);
        let body = serde_json::to_vec(answer).unwrap();
        let content_type = Some("application/json");
        let call = scenario::RawCall { method: "POST", path: &path, content_type, body: &body };
        let reply = self.fixture.payer.send(call).unwrap();
        if reply.status == 204 { Ok(()) } else { Err(reply.problem().unwrap().code) }
    }

    pub(crate) fn ask(&self) -> Stage {
        let path = format!("/v1/capture-sessions/{}/step-up", self.attempt.session.session_id);
        let nonce = self.attempt.session.nonce.clone();
        let step = StepUp { nonce, check: Check::OwnDevice, answer: None };
        let view: SessionView = self.fixture.terminal.post(&path, &step).unwrap();
        view.state
    }
}

#[test]
fn yes_on_the_own_device_pays() {
    let question = question();
    assert_eq!(
        question.ask(),
        Stage::AwaitingCheck { ask: Check::OwnDevice, repeated: false },
        "nobody answered yet"
    );
    question.answer(true).unwrap();
    question.answer(true).unwrap();
    assert_eq!(question.answer(false), Err("confirmation_answered".to_owned()));
    assert!(matches!(question.ask(), Stage::Approved { payment_id: _, payer_name: _ }));
}

#[test]
fn no_on_the_own_device_ends_the_attempt() {
    let question = question();
    question.answer(false).unwrap();
    assert!(matches!(question.ask(), Stage::Refused { code, detail: _ } if code == "check_failed"));
}
