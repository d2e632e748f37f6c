//! Somebody shows a terminal a reproduction of a payer, or puts a payer's face into the frame. The frames are simulated
//! (`simulated.rs` says what that is worth).

use anyhow::{Context, Result, bail};
use api::{
    Capture, CaptureMode, DecisionList, NewOrder, NewSession, NewSessionReply, OrderView, SessionView, Stage,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use types::Amount;

use super::{paying, tell};
use crate::CallError;
use crate::client::RawCall;
use crate::pattern::Args;
use crate::simulated::{Simulated, simulated};
use crate::terminal::plain_report;
use crate::world::{Attempt, World};

/// What staff says why it looks.
const PURPOSE: &str = "purpose=dispute";

pub(super) fn shows(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let (thing, name, shop, amount) = (args.text(0), args.text(1), args.text(2), args.yuan(3)?);
    let what = match thing {
        "a printed photograph" => Simulated::Print,
        "a telephone with a picture" => Simulated::Replay,
        other => bail!("nobody knows how to hold {other:?} before a camera"),
    };
    let frames = frames(world, what, &[&world.person(name)?.face])?;
    attempt(world, (shop, amount), frames)
}

/// A payer's face beside or over the face in a picture of somebody who has no account.
pub(super) fn pastes(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let (name, place, other, shop) = (args.text(0), args.text(1), args.text(2), args.text(3));
    let what = match place {
        "beside" => Simulated::PastedBeside,
        "over" => Simulated::PastedOver,
        elsewhere => bail!("a face is put beside or over another, not {elsewhere:?}"),
    };
    let frames = frames(world, what, &[other, &world.person(name)?.face])?;
    attempt(world, (shop, args.yuan(4)?), frames)
}

/// Two frames, moved a little from one to the other, as a hand does.
fn frames(world: &World<'_>, what: Simulated, faces: &[&str]) -> Result<Vec<String>> {
    let looks = world.looks.first().context("first say how people look at the terminal")?;
    let photographs = faces
        .iter()
        .map(|face| {
            let picture = world.pictures(face, std::slice::from_ref(looks))?.pop().context("no picture")?;
            STANDARD.decode(picture).context("reading a picture")
        })
        .collect::<Result<Vec<_>>>()?;
    (1..=2).map(|seed| Ok(STANDARD.encode(simulated(what, &photographs, seed)?))).collect()
}

fn attempt(
    world: &mut World<'_>,
    (shop, amount): (&str, Amount),
    frames: Vec<String>,
) -> Result<Vec<String>> {
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
    let capture = Capture { nonce: session.nonce.clone(), frames, report: plain_report(), challenge: None };
    let path = format!("/v1/capture-sessions/{}/capture", session.session_id);
    let (stage, told) = match terminal.post::<SessionView>(&path, &capture) {
        Ok(view) => {
            let told = paying::describe(&view.state);
            (view.state, told)
        }
        Err(CallError::Problem(problem)) => {
            let told = world.note::<()>("the capture", Err(CallError::Problem(problem)))?;
            (Stage::AwaitingCapture, told)
        }
        Err(CallError::Transport(error)) => return Err(error),
    };
    world.debit = None;
    world.attempt = Some(Attempt { shop: shop.to_owned(), order, session, capture, stage, before });
    paying::note_debit(world);
    Ok(tell(told))
}

/// Staff sees what was decided and the pictures by which it was.
pub(super) fn leaves_evidence(world: &mut World<'_>, _args: &Args<'_>) -> Result<Vec<String>> {
    let attempt = world.attempt()?;
    let path = format!("/v1/capture-sessions/{}", attempt.session.session_id);
    let staff = world.staff()?;
    let decided: DecisionList = staff.get(&format!("{path}/decisions?{PURPOSE}"))?;
    let last = decided.decisions.last().context("no decision was recorded")?;
    let liveness = last.case.get("liveness").and_then(serde_json::Value::as_f64);
    let liveness = liveness.context("the decision does not say how alive the frames looked")?;
    for (at, sent) in attempt.capture.frames.iter().enumerate() {
        let path = format!("{path}/picture?{PURPOSE}&frame={at}");
        let kept = staff.send(RawCall { method: "GET", path: &path, content_type: None, body: &[] })?;
        if STANDARD.encode(kept.bytes) != *sent {
            bail!("picture {at} is not the one that was sent: status {}", kept.status);
        }
    }
    Ok(tell(format!("Staff finds the pictures and the decision; liveness {liveness:.2}")))
}

/// The frames were refused before anybody was looked for, and the attempt waits for better ones.
pub(super) fn frames_refused(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    paying::refused_with(world, args)?;
    let attempt = world.attempt()?;
    let path = format!("/v1/capture-sessions/{}", attempt.session.session_id);
    let view: SessionView = world.terminal(&attempt.shop)?.get(&path)?;
    match view.state {
        Stage::AwaitingCapture => Ok(Vec::new()),
        other @ (Stage::AwaitingCheck { .. }
        | Stage::Approved { .. }
        | Stage::Refused { .. }
        | Stage::Expired) => {
            bail!("the attempt does not wait for other pictures: {}", paying::describe(&other))
        }
    }
}
