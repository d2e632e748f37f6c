//! Before a terminal: an order, a capture, what is asked, and what becomes of it.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use api::{
    Capture, CaptureMode, Check, ConfirmAnswer, MessageList, NewOrder, NewSession, NewSessionReply,
    OrderState, OrderView, PaymentView, SessionView, Stage, StepUp,
};
use serde_json::Value;

use super::{people, tell};
use crate::CallError;
use crate::pattern::{Args, say};
use crate::terminal::plain_report;
use crate::world::{Attempt, World};

/// No attempt asks more often, whatever is answered.
const QUESTIONS_MAX: u32 = 10;

pub(super) fn looks(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let looks = vec![args.text(0).to_owned(), args.text(1).to_owned()];
    for face in world.faces() {
        world.pictures(face, &looks)?;
    }
    world.looks = looks;
    Ok(Vec::new())
}

pub(super) fn wants_to_pay(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let (name, amount, shop) = (args.text(0), args.yuan(1)?, args.text(2));
    let before = world.standings()?;
    let order = NewOrder {
        out_trade_no: world.next_trade_no(),
        terminal_id: world.shop(shop)?.terminal_id,
        amount,
        description: "over the counter".to_owned(),
        capture: CaptureMode::Automatic,
    };
    let order: OrderView = world.merchant(shop)?.post("/v1/orders", &order)?;
    let terminal = world.terminal(shop)?;
    let session: NewSessionReply =
        terminal.post("/v1/capture-sessions", &NewSession { order_id: order.order_id })?;
    let frames = world.pictures(&world.person(name)?.face, &world.looks)?;
    let capture = Capture { nonce: session.nonce.clone(), frames, report: plain_report(), challenge: None };
    let sent = Instant::now();
    let path = format!("/v1/capture-sessions/{}/capture", session.session_id);
    let view: SessionView = terminal.post(&path, &capture)?;
    let told = format!("{:.2} s after the pictures, {}", sent.elapsed().as_secs_f64(), describe(&view.state));
    let shop = shop.to_owned();
    world.debit = None;
    world.attempt = Some(Attempt { shop, order, session, capture, stage: view.state, before });
    note_debit(world);
    Ok(vec![format!("Order over {}", say(amount)), told])
}

pub(super) fn describe(stage: &Stage) -> String {
    match stage {
        Stage::AwaitingCapture => "the terminal waits for pictures".to_owned(),
        Stage::AwaitingCheck { ask, repeated: _ } => format!("the terminal asks for {}", check_words(*ask)),
        Stage::Approved { payment_id: _, payer_name } => format!("approved: {payer_name} pays"),
        Stage::Refused { code, detail } => format!("the terminal shows {code}: {detail}"),
        Stage::Expired => "the time is over".to_owned(),
    }
}

fn check_words(check: Check) -> &'static str {
    match check {
        Check::LastFour => "the last four digits of the phone",
        Check::FullPhone => "the full phone number",
        Check::Pin => "the PIN",
        Check::OwnDevice => "a confirmation on the own phone",
    }
}

pub(super) fn note_debit(world: &mut World<'_>) {
    if let Some(Attempt { stage: Stage::Approved { payment_id, .. }, .. }) = &world.attempt {
        world.debit = Some(*payment_id);
    }
}

fn asked(world: &World<'_>) -> Result<Check> {
    match &world.attempt()?.stage {
        Stage::AwaitingCheck { ask, repeated: _ } => Ok(*ask),
        other @ (Stage::AwaitingCapture
        | Stage::Approved { payment_id: _, payer_name: _ }
        | Stage::Refused { code: _, detail: _ }
        | Stage::Expired) => bail!("nothing is asked: {}", describe(other)),
    }
}

pub(super) fn asks_for(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let found = check_words(asked(world)?);
    if found != args.text(0) {
        bail!("it asks for {found}");
    }
    Ok(Vec::new())
}

/// Answers what is asked; tells where that leads.
fn answer(world: &mut World<'_>, answer: Option<String>) -> Result<String> {
    let check = asked(world)?;
    let attempt = world.attempt()?;
    let step_up = StepUp { nonce: attempt.session.nonce.clone(), check, answer: answer.clone() };
    let path = format!("/v1/capture-sessions/{}/step-up", attempt.session.session_id);
    let view: SessionView = world.terminal(&attempt.shop)?.post(&path, &step_up)?;
    let told = format!(
        "{}: {}; {}",
        check_words(check),
        answer.as_deref().unwrap_or("looked up on the phone"),
        describe(&view.state)
    );
    world.attempt.as_mut().context("nobody wanted to pay yet")?.stage = view.state;
    note_debit(world);
    Ok(told)
}

pub(super) fn types(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    Ok(tell(answer(world, Some(args.text(1).to_owned()))?))
}

pub(super) fn answers_truly(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let (name, questions_max) = (args.text(0), args.number(1)?);
    let mut told = Vec::new();
    for _ in 0..questions_max {
        let Stage::AwaitingCheck { ask, repeated: _ } = world.attempt()?.stage else { break };
        let truth = own_answer(world, name, ask)?;
        if ask == Check::OwnDevice {
            told.push(confirms_on_phone(world, name)?);
        }
        told.push(answer(world, truth)?);
    }
    if told.is_empty() {
        told.push("Nothing was asked".to_owned());
    }
    let end = &world.attempt()?.stage;
    match end {
        Stage::Approved { payment_id: _, payer_name: _ } => Ok(told),
        Stage::AwaitingCapture
        | Stage::AwaitingCheck { ask: _, repeated: _ }
        | Stage::Refused { .. }
        | Stage::Expired => {
            bail!("not approved after {}; {}", told.join("; "), describe(end))
        }
    }
}

pub(super) fn own_answer(world: &World<'_>, name: &str, ask: Check) -> Result<Option<String>> {
    let person = world.person(name)?;
    Ok(match ask {
        Check::LastFour => Some(person.phone.last_four().reveal()),
        Check::FullPhone => Some(person.phone.reveal().to_owned()),
        Check::Pin => Some(person.pin.clone()),
        Check::OwnDevice => None,
    })
}

fn confirms_on_phone(world: &World<'_>, name: &str) -> Result<String> {
    let message = people::newest(world, name, "confirm_payment")?;
    let question = message.value.context("the message has no question")?;
    let path = format!("/v1/me/confirmations/{question}");
    let () = world.phone_of(name)?.post(&path, &ConfirmAnswer { yes: true, pin: None, passkey: None })?;
    Ok(format!("{name} reads: {} And taps yes", message.text))
}

pub(super) fn guesses(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let (name, digits) = (args.text(0).to_owned(), args.text(1).to_owned());
    let mut told = Vec::new();
    for _ in 0..QUESTIONS_MAX {
        let Stage::AwaitingCheck { ask, repeated: _ } = world.attempt()?.stage else { break };
        let typed = match ask {
            Check::LastFour => Some(digits.clone()),
            Check::FullPhone | Check::Pin | Check::OwnDevice => own_answer(world, &name, ask)?,
        };
        told.push(answer(world, typed)?);
        if ask == Check::OwnDevice {
            // Somebody else's phone: nobody there says yes.
            break;
        }
    }
    if told.is_empty() {
        told.push("Nothing was asked".to_owned());
    }
    Ok(told)
}

pub(super) fn debited(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let (amount, name) = (args.yuan(0)?, args.text(1));
    let attempt = world.attempt()?;
    let Some(payment) = world.debit else {
        bail!("nobody was debited: {}", describe(&attempt.stage));
    };
    let shop = world.shop(&attempt.shop)?;
    let view: PaymentView = world.phone_of(name)?.get(&format!("/v1/me/payments/{payment}"))?;
    if view.amount != amount || view.merchant != shop.name || view.place.city != shop.city || view.reversed {
        bail!("the record is another: {view:?}");
    }
    for (other, standing) in world.standings()? {
        let before = attempt.before.get(&other).context("everybody was there before")?;
        if other != name && standing != *before {
            bail!("{other} had {before:?} and has {standing:?}");
        }
        if other == name && standing.payments != before.payments + 1 {
            bail!("{name} has {} payments after {}", standing.payments, before.payments);
        }
    }
    let order: OrderView =
        world.merchant(&attempt.shop)?.get(&format!("/v1/orders/{}", attempt.order.order_id))?;
    if order.state != OrderState::Paid || order.payment_id != Some(payment) {
        bail!("the order says: {order:?}");
    }
    Ok(tell(recognition(&view)))
}

pub(super) fn recognition(view: &PaymentView) -> String {
    if view.recognised.rule == "order_code" {
        let checks: Vec<_> = view.recognised.checks.iter().map(|check| check_words(*check)).collect();
        return format!("No face was looked at; by {}", checks.join(" and "));
    }
    let checks: Vec<_> = view.recognised.checks.iter().map(|check| check_words(*check)).collect();
    let sure = match view.recognised.p_wrong {
        Some(p_wrong) => format!("the chance of a wrong person is {}", p_wrong.one_in()),
        None => "nobody worked out how sure that is".to_owned(),
    };
    let besides = if checks.is_empty() {
        "the face alone".to_owned()
    } else {
        format!("the face and {}", checks.join(", "))
    };
    format!("By {besides}, out of {} faces compared; {sure}", view.recognised.searched)
}

pub(super) fn nobody_debited(world: &mut World<'_>, _args: &Args<'_>) -> Result<Vec<String>> {
    let attempt = world.attempt()?;
    if world.debit.is_some() {
        bail!("somebody was debited: {}", describe(&attempt.stage));
    }
    let now = world.standings()?;
    if now != attempt.before {
        bail!("somebody's money moved: {:?} became {now:?}", attempt.before);
    }
    let order: OrderView =
        world.merchant(&attempt.shop)?.get(&format!("/v1/orders/{}", attempt.order.order_id))?;
    if order.state != OrderState::Open || order.payment_id.is_some() {
        bail!("the order says: {order:?}");
    }
    Ok(tell("Everybody has what they had; the order is still open"))
}

pub(super) fn shows(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let stage = &world.attempt()?.stage;
    if let Stage::Refused { code, detail } = stage
        && code == args.text(0)
    {
        return Ok(tell(detail));
    }
    bail!("instead {}", describe(stage))
}

pub(super) fn told_of_debit(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let name = args.text(0);
    let payment = world.debit.context("nothing was debited")?.to_string();
    let phone = world.phone_of(name)?;
    let view: PaymentView = phone.get(&format!("/v1/me/payments/{payment}"))?;
    let list: MessageList = phone.get("/v1/me/messages")?;
    let of_a_debit = ["payment_debited", "code_payment_debited"];
    let message =
        list.messages.iter().find(|m| of_a_debit.contains(&m.kind.as_str()) && m.reference == payment);
    let message = message.with_context(|| format!("{name} was not told"))?;
    let late = message.at.duration_since(view.at);
    if late.as_secs() >= 1 {
        bail!("{name} was told only {late:#} after the debit");
    }
    for part in args.text(1).split(", ") {
        if !message.text.contains(part) {
            bail!("{part:?} is not in what {name} reads: {}", message.text);
        }
    }
    Ok(tell(format!("{name} reads: {}", message.text)))
}

pub(super) fn tries_to_enable(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let name = args.text(0);
    let shop = world.shop(name)?;
    let (merchant, terminal) = (shop.merchant_id, shop.terminal_id);
    let keys = [("the terminal's key", world.terminal(name)?), ("the shop's key", world.merchant(name)?)];
    let frames = world.pictures("P004", &world.looks)?;
    let enrolment = serde_json::json!({ "frames": frames });
    let none = serde_json::json!({});
    let ways = [
        ("/v1/me/consent".to_owned(), serde_json::json!({ "version": "1" })),
        ("/v1/me/enrolments".to_owned(), enrolment.clone()),
        ("/v1/me/face/unfreeze".to_owned(), serde_json::json!({ "pin": "000000" })),
        ("/v1/terminal/enrolments".to_owned(), enrolment.clone()),
        (format!("/v1/terminals/{terminal}/enrolments"), enrolment.clone()),
        (format!("/v1/merchants/{merchant}/terminals/{terminal}/enrolments"), enrolment.clone()),
        ("/v1/enrolments".to_owned(), enrolment),
        ("/v1/terminal/activations".to_owned(), none),
    ];
    world.tries.clear();
    for (whose, client) in keys {
        for (path, body) in &ways {
            let result = client.post::<Value>(path, body);
            world.note(&format!("{whose} on {path}"), result)?;
        }
    }
    let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
    for tried in &world.tries {
        let outcome = tried.refusal.as_ref().map_or("went through", |problem| problem.code.as_str());
        *outcomes.entry(outcome.to_owned()).or_default() += 1;
    }
    Ok(outcomes.into_iter().map(|(outcome, times)| format!("{times} times: {outcome}")).collect())
}

pub(super) fn every_way_refused(world: &mut World<'_>, _args: &Args<'_>) -> Result<Vec<String>> {
    for tried in &world.tries {
        match &tried.refusal {
            Some(problem) if problem.code == "wrong_role" || problem.status == 404 => {}
            Some(problem) => bail!("{} was refused for another reason: {problem:?}", tried.what),
            None => bail!("{} went through", tried.what),
        }
    }
    if world.tries.is_empty() {
        bail!("nothing was tried");
    }
    Ok(tell(format!("{} ways tried, none open", world.tries.len())))
}

pub(super) fn refused_with(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let tried = world.tries.last().context("nothing was tried")?;
    match &tried.refusal {
        Some(problem) if problem.code == args.text(0) && (400..500).contains(&problem.status) => {
            Ok(Vec::new())
        }
        Some(problem) => bail!("{} was refused with {problem:?}", tried.what),
        None => bail!("{} went through", tried.what),
    }
}

fn session_path(attempt: &Attempt) -> String {
    format!("/v1/capture-sessions/{}", attempt.session.session_id)
}

pub(super) fn asks_again(world: &mut World<'_>, _args: &Args<'_>) -> Result<Vec<String>> {
    let attempt = world.attempt()?;
    let view: SessionView = world.terminal(&attempt.shop)?.get(&session_path(attempt))?;
    if view.state != attempt.stage || view.order_id != attempt.order.order_id {
        bail!("it says {}, but before {}", describe(&view.state), describe(&attempt.stage));
    }
    Ok(tell(describe(&view.state)))
}

pub(super) fn reverses(world: &mut World<'_>, _args: &Args<'_>) -> Result<Vec<String>> {
    let attempt = world.attempt()?;
    let path = format!("/v1/orders/{}/reverse", attempt.order.order_id);
    let order: OrderView = world.terminal(&attempt.shop)?.post_empty(&path)?;
    if order.state != OrderState::Reversed {
        bail!("the order is {:?}", order.state);
    }
    Ok(tell(format!("{} taken back", say(order.amount))))
}

pub(super) fn pays_again(world: &mut World<'_>, _args: &Args<'_>) -> Result<Vec<String>> {
    let attempt = world.attempt()?;
    let session = NewSession { order_id: attempt.order.order_id };
    let result = world.terminal(&attempt.shop)?.post::<NewSessionReply>("/v1/capture-sessions", &session);
    Ok(tell(world.note("another attempt to pay the order", result)?))
}

fn send_capture(world: &World<'_>, capture: &Capture) -> Result<Result<SessionView, CallError>> {
    let attempt = world.attempt()?;
    let path = format!("{}/capture", session_path(attempt));
    Ok(world.terminal(&attempt.shop)?.post(&path, capture))
}

pub(super) fn replays_capture(world: &mut World<'_>, _args: &Args<'_>) -> Result<Vec<String>> {
    let result = send_capture(world, &world.attempt()?.capture)?;
    Ok(tell(world.note("the same capture again", result)?))
}

pub(super) fn stale_nonce(world: &mut World<'_>, _args: &Args<'_>) -> Result<Vec<String>> {
    let attempt = world.attempt()?;
    let nonce: String = attempt.session.nonce.chars().rev().collect();
    let capture = Capture { nonce, ..attempt.capture.clone() };
    let result = send_capture(world, &capture)?;
    Ok(tell(world.note("a capture with another nonce", result)?))
}

pub(super) fn other_terminal(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let path = session_path(world.attempt()?);
    let result = world.terminal(args.text(0))?.get::<SessionView>(&path);
    Ok(tell(world.note(&format!("the terminal of {}", args.text(0)), result)?))
}
