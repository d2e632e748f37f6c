//! Attacks on the way between camera and server: requests that come twice, frames that were changed, copied keys, devices
//! that were carried away, pictures made to break a decoder.

use anyhow::{Context as _, Result, bail};
use api::{
    AlertList, Capture, CaptureMode, Check, NewOrder, NewSession, NewSessionReply, OrderView, SessionView,
    Stage, TerminalState, TerminalView,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use types::{GeoPoint, TerminalId};

use super::{paying, tell};
use crate::camera::{promised, retaken};
use crate::pattern::{Args, say};
use crate::terminal::{Ended, TerminalState as State, Till, plain_report, skip_counters};
use crate::world::{Attempt, World};
use crate::{CallError, RawCall, Reply};

/// Metres of a degree of latitude, roughly.
const DEGREE_M: f64 = 111_000.0;

/// amount, shop. An attempt that waits for its frames.
pub(super) fn waits(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let (amount, shop) = (args.yuan(0)?, args.text(1).to_owned());
    let before = world.standings()?;
    let order = NewOrder {
        out_trade_no: world.next_trade_no(),
        terminal_id: world.shop(&shop)?.terminal_id,
        amount,
        description: "over the counter".to_owned(),
        capture: CaptureMode::Automatic,
    };
    let order: OrderView = world.merchant(&shop)?.post("/v1/orders", &order)?;
    let session: NewSessionReply =
        world.terminal(&shop)?.post("/v1/capture-sessions", &NewSession { order_id: order.order_id })?;
    let capture =
        Capture { nonce: session.nonce.clone(), frames: Vec::new(), report: plain_report(), challenge: None };
    let frames = world.attempt.take().map(|attempt| attempt.capture.frames);
    world.debit = None;
    world.attempt = Some(Attempt { shop, order, session, capture, stage: Stage::AwaitingCapture, before });
    if let Some(frames) = frames {
        world.frames_before = frames;
    }
    Ok(vec![format!("Order over {}", say(amount))])
}

/// New frames of somebody, with the terminal's next report.
fn taken(world: &World<'_>, name: &str) -> Result<Capture> {
    let frames = world.pictures(&world.person(name)?.face, &world.looks)?;
    Ok(Capture {
        nonce: world.attempt()?.session.nonce.clone(),
        frames,
        report: plain_report(),
        challenge: None,
    })
}

fn path(world: &World<'_>) -> Result<String> {
    Ok(format!("/v1/capture-sessions/{}/capture", world.attempt()?.session.session_id))
}

fn send(world: &mut World<'_>, what: &str, capture: Capture) -> Result<Vec<String>> {
    let path = path(world)?;
    let result: Result<SessionView, CallError> =
        world.terminal(&world.attempt()?.shop)?.post(&path, &capture);
    if let Ok(view) = &result {
        let attempt = world.attempt.as_mut().context("nobody wanted to pay yet")?;
        attempt.stage = view.state.clone();
        attempt.capture = capture;
        if let Stage::Approved { payment_id, .. } = view.state {
            world.debit = Some(payment_id);
        }
    }
    Ok(tell(world.note(what, result)?))
}

/// `payer`. The same signed bytes twice.
pub(super) fn sent_twice(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let capture = taken(world, args.text(0))?;
    let (path, body) = (path(world)?, serde_json::to_vec(&capture)?);
    let terminal = world.terminal(&world.attempt()?.shop)?;
    let call = RawCall { method: "POST", path: &path, content_type: Some("application/json"), body: &body };
    let signed = terminal.signed(call);
    let first: SessionView = terminal.send_signed(call, &signed)?.read()?;
    let again: Reply = terminal.send_signed(call, &signed)?;
    world.attempt.as_mut().context("nobody wanted to pay yet")?.stage = first.state;
    Ok(tell(world.note("the same signed request again", again.read::<SessionView>())?))
}

/// `payer`. What is signed is not what is sent.
pub(super) fn changed(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let (own, others) = (taken(world, args.text(0))?, taken(world, args.text(1))?);
    let forged = Capture { frames: others.frames, ..own.clone() };
    let (path, signed_body, body) = (path(world)?, serde_json::to_vec(&own)?, serde_json::to_vec(&forged)?);
    let terminal = world.terminal(&world.attempt()?.shop)?;
    let call = RawCall { method: "POST", path: &path, content_type: Some("application/json"), body: &body };
    let signed = terminal.signed(RawCall { body: &signed_body, ..call });
    let reply = terminal.send_signed(call, &signed)?;
    Ok(tell(world.note("other frames than were signed", reply.read::<SessionView>())?))
}

/// The frames of the attempt before.
pub(super) fn frames_again(world: &mut World<'_>, _args: &Args<'_>) -> Result<Vec<String>> {
    if world.frames_before.is_empty() {
        bail!("nobody looked at a terminal before");
    }
    let nonce = world.attempt()?.session.nonce.clone();
    let capture =
        Capture { nonce, frames: world.frames_before.clone(), report: plain_report(), challenge: None };
    send(world, "the frames of the attempt before", capture)
}

/// `payer`. A device with a copy of the key, that knows no counter.
pub(super) fn copy_sends(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let mut capture = taken(world, args.text(0))?;
    capture.report.counter = 1;
    send(world, "a copy of the device", capture)
}

/// Kilometres, `payer`.
pub(super) fn from_away(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let (km, mut capture) = (args.number(0)?, taken(world, args.text(1))?);
    let shop = world.attempt()?.shop.clone();
    let here = terminal_view(world, &shop)?.place.point;
    let latitude = here.latitude() + f64::from(km) * 1_000.0 / DEGREE_M;
    capture.report.point = Some(GeoPoint::new(latitude, here.longitude()).context("not on Earth")?);
    capture.report.accuracy_m = Some(15.0);
    send(world, &format!("{km} km away"), capture)
}

/// What kind of picture.
pub(super) fn bad_picture(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let bytes = match args.text(0) {
        "a picture of 40 megapixels" => promised(8_000, 5_000),
        "a picture of 1 by 60,000 pixels" => promised(1, 60_000),
        "a picture of no height" => promised(640, 0),
        "a picture of no bytes" => Vec::new(),
        other => bail!("{other:?} is none of the pictures that are known"),
    };
    let nonce = world.attempt()?.session.nonce.clone();
    let capture =
        Capture { nonce, frames: vec![STANDARD.encode(bytes)], report: plain_report(), challenge: None };
    send(world, args.text(0), capture)
}

/// `payer`. An honest terminal.
pub(super) fn honest(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let mut capture = taken(world, args.text(0))?;
    capture.frames = capture.frames.iter().map(|frame| retaken(frame)).collect();
    send(world, "the terminal", capture)
}

/// `payer`, amount, shop. What `surety terminal pay` does.
pub(super) fn reference_terminal(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let (name, amount, shop) = (args.text(0), args.yuan(1)?, args.text(2));
    let (number, terminal_id) = (world.next_trade_no(), world.shop(shop)?.terminal_id);
    let order = NewOrder {
        out_trade_no: number,
        terminal_id,
        amount,
        description: "over the counter".to_owned(),
        capture: CaptureMode::Automatic,
    };
    let order: OrderView = world.merchant(shop)?.post("/v1/orders", &order)?;
    let frames = world.pictures(&world.person(name)?.face, &world.looks)?;
    let frames: Vec<Vec<u8>> = frames.iter().map(|frame| STANDARD.decode(frame)).collect::<Result<_, _>>()?;
    let key = world.shop(shop)?.terminal_key.clone();
    let path = world.data().with_file_name(format!("{terminal_id}.json"));
    let key_id = key.id.context("the terminal has joined")?;
    State { terminal_id, key_id, counter: plain_report().counter }.write(&path)?;
    let mut till = Till::open(world.anybody()?, &key, &path)?;
    till.camera = Some("reference camera".to_owned());
    let mut ask = |check: Check, _repeated: bool| paying::own_answer(world, name, check).ok().flatten();
    let ended = till.pay(order.order_id, &frames, &mut ask)?;
    skip_counters(till.counter());
    match ended {
        Ended::Paid { payment_id, payer_name } => Ok(tell(format!("{payer_name} pays: {payment_id}"))),
        Ended::Refused { code, detail } => bail!("{code}: {detail}"),
        Ended::Reversed => bail!("the order was taken back"),
    }
}

fn terminal_view(world: &World<'_>, shop: &str) -> Result<TerminalView> {
    let id: TerminalId = world.shop(shop)?.terminal_id;
    Ok(world.staff()?.get(&format!("/v1/terminals/{id}"))?)
}

/// shop, kind.
pub(super) fn alert(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let (id, kind) = (world.shop(args.text(0))?.terminal_id, args.text(1));
    let list: AlertList = world.staff()?.get("/v1/alerts")?;
    let found = list.alerts.iter().find(|alert| alert.terminal_id == Some(id) && alert.kind == kind);
    let Some(found) = found else {
        let kinds: Vec<&str> = list.alerts.iter().map(|alert| alert.kind.as_str()).collect();
        bail!("there is no such alert, only {kinds:?}");
    };
    Ok(tell(format!("{} time(s): {}", found.times, found.en)))
}

/// shop.
pub(super) fn suspended(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let view = terminal_view(world, args.text(0))?;
    if view.state != TerminalState::Suspended {
        bail!("the terminal is {:?}", view.state);
    }
    Ok(tell(view.reason))
}
