//! Paying without a face: the till shows an order's code, the payer's own phone pays it.

use anyhow::{Context as _, Result, bail};
use api::{
    Capture, CaptureMode, CodedOrderView, NewOrder, NewSession, NewSessionReply, OrderCodePayment,
    OrderCodeView, OrderView, PaymentView, Stage,
};

use super::tell;
use crate::pattern::{Args, say};
use crate::terminal::plain_report;
use crate::world::{Attempt, World};

/// `shop`, amount. The till waits for a face as well: the payer chooses.
pub(super) fn shows(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let (shop, amount) = (args.text(0).to_owned(), args.yuan(1)?);
    let before = world.standings()?;
    let order = NewOrder {
        out_trade_no: world.next_trade_no(),
        terminal_id: world.shop(&shop)?.terminal_id,
        amount,
        description: "over the counter".to_owned(),
        capture: CaptureMode::Automatic,
    };
    let order: OrderView = world.merchant(&shop)?.post("/v1/orders", &order)?;
    let terminal = world.terminal(&shop)?;
    let session: NewSessionReply =
        terminal.post("/v1/capture-sessions", &NewSession { order_id: order.order_id })?;
    let shown: OrderCodeView = terminal.get(&format!("/v1/orders/{}/code", order.order_id))?;
    let capture =
        Capture { nonce: session.nonce.clone(), frames: Vec::new(), report: plain_report(), challenge: None };
    world.debit = None;
    world.attempt = Some(Attempt { shop, order, session, capture, stage: Stage::AwaitingCapture, before });
    world.code = Some(shown.code);
    Ok(vec![format!("Order over {}", say(amount)), format!("The picture says {}", shown.url)])
}

fn code<'w>(world: &'w World<'_>) -> Result<&'w str> {
    world.code.as_deref().context("no till shows a code yet")
}

/// `payer`, amount, shop, city.
pub(super) fn reads(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let path = format!("/v1/order-codes/{}", code(world)?);
    let order: CodedOrderView = world.phone_of(args.text(0))?.get(&path)?;
    let told =
        format!("{} for {} at {}, {}", say(order.amount), order.description, order.shop, order.place.city);
    if order.amount != args.yuan(1)? || order.shop != args.text(2) || order.place.city != args.text(3) {
        bail!("it reads {told}");
    }
    Ok(tell(told))
}

/// `payer`, PIN.
pub(super) fn pays(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    pay(world, args, false)
}

/// `payer`, PIN.
pub(super) fn pays_again(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    pay(world, args, true)
}

fn pay(world: &mut World<'_>, args: &Args<'_>, again: bool) -> Result<Vec<String>> {
    let wanted = OrderCodePayment { code: code(world)?.to_owned(), pin: args.text(1).to_owned(), again };
    let result = world.phone_of(args.text(0))?.post::<PaymentView>("/v1/me/order-code-payments", &wanted);
    if let Ok(payment) = &result {
        world.debit = Some(payment.payment_id);
    }
    Ok(tell(world.note("the code", result)?))
}
