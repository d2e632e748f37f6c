//! Money that is charged twice, or comes back.

use anyhow::{Context as _, Result, bail};
use api::{MessageList, NewRefund, RefundView, Stage};

use super::tell;
use crate::pattern::Args;
use crate::world::World;

pub(super) fn says_repeated(world: &mut World<'_>, _args: &Args<'_>) -> Result<Vec<String>> {
    match &world.attempt()?.stage {
        Stage::AwaitingCheck { ask: _, repeated: true } => {
            Ok(tell("You just paid this shop exactly this amount. Pay it once more?"))
        }
        other @ (Stage::AwaitingCapture
        | Stage::AwaitingCheck { ask: _, repeated: false }
        | Stage::Approved { payment_id: _, payer_name: _ }
        | Stage::Refused { code: _, detail: _ }
        | Stage::Expired) => bail!("the terminal says {other:?}"),
    }
}

/// `shop`, amount, number, reason.
pub(super) fn refunds(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let payment = world.debit.context("nobody was debited yet")?;
    let refund = NewRefund {
        out_refund_no: args.text(2).to_owned(),
        amount: args.yuan(1)?,
        reason: args.text(3).to_owned(),
    };
    let path = format!("/v1/payments/{payment}/refunds");
    let result = world.merchant(args.text(0))?.post::<RefundView>(&path, &refund);
    Ok(tell(world.note(&format!("refund {}", refund.out_refund_no), result)?))
}

pub(super) fn told_of_refund(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let inbox: MessageList = world.phone_of(args.text(0))?.get("/v1/me/messages")?;
    let newest = inbox.messages.first().context("there is no message")?;
    if newest.kind != "payment_refunded" || !newest.text.contains(args.text(1)) {
        bail!("the newest message is {}", newest.text);
    }
    Ok(tell(newest.text.clone()))
}
