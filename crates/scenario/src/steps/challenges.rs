//! The active challenge at a terminal: whoever pays moves as it asks, and others try to get by.

use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use api::{
    Capture, CaptureMode, Challenge, ChallengeAction, DecisionList, NewOrder, NewSession, NewSessionReply,
    OrderView, SessionView, Stage,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::paying::{describe, note_debit};
use super::tell;
use crate::acting::{Actor, Posed, movement, perform, taken_again};
use crate::pattern::{Args, say};
use crate::plain_report;
use crate::world::{Attempt, World};

/// An order is made and an attempt opened; nobody was photographed yet.
pub(super) fn comes(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let (name, amount, shop) = (args.text(0), args.yuan(1)?, args.text(2));
    let before = world.standings()?;
    let order = new_order(world, shop, amount)?;
    let session: NewSessionReply =
        world.terminal(shop)?.post("/v1/capture-sessions", &NewSession { order_id: order.order_id })?;
    let challenge = session.challenge.clone().context("no challenge is asked")?;
    let wanted = if challenge.needed { "needs" } else { "may have" };
    let asked: Vec<_> = challenge.steps.iter().map(|step| words(step.action)).collect();
    let told = format!("{name} over {} {wanted} this: {}", say(amount), asked.join(", then "));
    world.former = world.attempt.take().map(|attempt| attempt.capture);
    world.debit = None;
    let capture =
        Capture { nonce: session.nonce.clone(), frames: Vec::new(), challenge: None, report: plain_report() };
    world.attempt = Some(Attempt {
        shop: shop.to_owned(),
        order,
        session,
        capture,
        stage: Stage::AwaitingCapture,
        before,
    });
    world.opened = Some(Instant::now());
    Ok(tell(told))
}

fn new_order(world: &mut World<'_>, shop: &str, amount: types::Amount) -> Result<OrderView> {
    let order = NewOrder {
        out_trade_no: world.next_trade_no(),
        terminal_id: world.shop(shop)?.terminal_id,
        amount,
        description: "over the counter".to_owned(),
        capture: CaptureMode::Automatic,
    };
    Ok(world.merchant(shop)?.post("/v1/orders", &order)?)
}

const fn words(action: ChallengeAction) -> &'static str {
    match action {
        ChallengeAction::TurnLeft => "turn left",
        ChallengeAction::TurnRight => "turn right",
        ChallengeAction::Nod => "nod",
        ChallengeAction::ComeCloser => "come closer",
    }
}

/// Photographs of one person looking at the camera, and movements of the same or another.
fn act(
    world: &mut World<'_>,
    (looks, moves): (&str, &str),
    how: &dyn Fn(ChallengeAction) -> [Posed; 3],
) -> Result<()> {
    let challenge = asked(world)?;
    let frames = fresh(world, looks)?;
    let actor = Actor::of(&world.settings.samples, &world.person(moves)?.face)?;
    let (moves, takes) = perform(&actor, &challenge, how, &mut world.grain);
    let opened = world.opened.context("nobody came to pay yet")?;
    // A person takes this long; a server that gets the frames earlier knows that they were made before.
    thread::sleep(takes.saturating_sub(opened.elapsed()));
    let attempt = world.attempt.as_mut().context("nobody came to pay yet")?;
    attempt.capture = Capture {
        nonce: attempt.session.nonce.clone(),
        frames,
        challenge: Some(moves),
        report: plain_report(),
    };
    Ok(())
}

fn asked(world: &World<'_>) -> Result<Challenge> {
    world.attempt()?.session.challenge.clone().context("no challenge is asked")
}

/// Photographs that nobody sent before.
fn fresh(world: &mut World<'_>, name: &str) -> Result<Vec<String>> {
    let pictures = world.pictures(&world.person(name)?.face, &world.looks)?;
    let mut again = Vec::with_capacity(pictures.len());
    for picture in pictures {
        world.grain += 1;
        again.push(STANDARD.encode(taken_again(&STANDARD.decode(picture)?, world.grain)));
    }
    Ok(again)
}

/// Sends the attempt's capture from its own terminal, and notes what became of it.
fn send(world: &mut World<'_>, what: &str) -> Result<Vec<String>> {
    let attempt = world.attempt()?;
    let path = format!("/v1/capture-sessions/{}/capture", attempt.session.session_id);
    let sent = Instant::now();
    let result = world.terminal(&attempt.shop)?.post::<SessionView>(&path, &attempt.capture);
    let told = result.as_ref().ok().map(|view| {
        format!("{:.2} s after the pictures, {}", sent.elapsed().as_secs_f64(), describe(&view.state))
    });
    let state = result.as_ref().ok().map(|view| view.state.clone());
    let noted = world.note(what, result)?;
    if let Some(state) = state {
        world.attempt.as_mut().context("nobody came to pay yet")?.stage = state;
        note_debit(world);
    }
    Ok(tell(told.unwrap_or(noted)))
}

pub(super) fn moves(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    act(world, (args.text(0), args.text(0)), &movement)?;
    send(world, "the movements")
}

pub(super) fn moves_late(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let seconds = args.number(1)?;
    act(world, (args.text(0), args.text(0)), &movement)?;
    let opened = world.opened.context("nobody came to pay yet")?;
    thread::sleep(std::time::Duration::from_secs(seconds.into()).saturating_sub(opened.elapsed()));
    send(world, "movements that took too long")
}

pub(super) fn moves_wrongly(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let mirrored = |action| match action {
        ChallengeAction::TurnLeft => movement(ChallengeAction::TurnRight),
        ChallengeAction::TurnRight => movement(ChallengeAction::TurnLeft),
        other @ (ChallengeAction::Nod | ChallengeAction::ComeCloser) => movement(other),
    };
    let turns = asked(world)?.steps.iter().any(|step| movement(step.action) != mirrored(step.action));
    let still = |_| [Posed::STRAIGHT; 3];
    act(world, (args.text(0), args.text(0)), if turns { &mirrored } else { &still })?;
    send(world, "other movements")
}

pub(super) fn print_moves(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let flat = |action| movement(action).map(|posed| Posed { depth: 0.0, ..posed });
    act(world, (args.text(0), args.text(0)), &flat)?;
    send(world, "a print that is turned and tilted")
}

pub(super) fn other_moves(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    act(world, (args.text(0), args.text(1)), &movement)?;
    send(world, "movements of somebody else")
}

pub(super) fn two_faces(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    act(world, (args.text(0), args.text(0)), &movement)?;
    let sheet = world.pictures(&world.person(args.text(0))?.face, &["character_sheet".to_owned()])?;
    let attempt = world.attempt.as_mut().context("nobody came to pay yet")?;
    attempt.capture.frames.truncate(1);
    attempt.capture.frames.extend(sheet);
    send(world, "a frame with several faces")
}

pub(super) fn replays(world: &mut World<'_>, _args: &Args<'_>) -> Result<Vec<String>> {
    let former = world.former.clone().context("there was no earlier challenge")?;
    let attempt = world.attempt.as_mut().context("nobody came to pay yet")?;
    let nonce = attempt.session.nonce.clone();
    attempt.capture = Capture { nonce, report: plain_report(), ..former };
    send(world, "the frames of an earlier challenge")
}

pub(super) fn stolen(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let (shop, name) = (args.text(0), args.text(1));
    act(world, (name, name), &movement)?;
    let attempt = world.attempt()?;
    let path = format!("/v1/capture-sessions/{}/capture", attempt.session.session_id);
    let result = world.terminal(shop)?.post::<SessionView>(&path, &attempt.capture);
    Ok(tell(world.note(&format!("the terminal of {shop} with this attempt's nonce"), result)?))
}

pub(super) fn other_nonce(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let name = args.text(0);
    act(world, (name, name), &movement)?;
    let shop = world.attempt()?.shop.clone();
    let amount = world.attempt()?.order.amount;
    let other = new_order(world, &shop, amount)?;
    let other: NewSessionReply =
        world.terminal(&shop)?.post("/v1/capture-sessions", &NewSession { order_id: other.order_id })?;
    let attempt = world.attempt.as_mut().context("nobody came to pay yet")?;
    attempt.capture.nonce = other.nonce;
    send(world, "a capture with the nonce of another order")
}

/// The evidence: the decision with what was measured, and every picture.
pub(super) fn evidence(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let (pictures, refusal) = (args.number(0)?, args.text(1));
    let attempt = world.attempt()?;
    let path = format!("/v1/capture-sessions/{}", attempt.session.session_id);
    let staff = world.staff()?;
    let list: DecisionList = staff.get(&format!("{path}/decisions?purpose=dispute"))?;
    let decision = list.decisions.first().context("nothing was decided")?;
    if decision.verdict["refusal"] != refusal || decision.case["challenge"]["moves"].is_null() {
        bail!("the decision says {} about {}", decision.verdict, decision.case["challenge"]);
    }
    for frame in 0..pictures {
        let path = format!("{path}/picture?frame={frame}&purpose=dispute");
        let reply =
            staff.send(crate::RawCall { method: "GET", path: &path, content_type: None, body: &[] })?;
        if reply.status != 200 {
            bail!("picture {frame} is not kept: {}", reply.status);
        }
    }
    Ok(tell(format!("{pictures} pictures and what was measured about them")))
}
