//! A terminal with a device, brought in as a real one is.

use anyhow::Result;
use engine::{Activation, Caller, Context, Engine, NewTerminal, StaffCaller, TerminalCaller};
use types::TerminalId;

pub(super) fn open_terminal(
    engine: &Engine,
    ctx: &mut Context<'_>,
    staff: &StaffCaller,
    new: NewTerminal,
) -> Result<(TerminalId, TerminalCaller)> {
    let onboarding = engine.register_terminal(ctx, &Caller::Staff(staff.clone()), new)?;
    let mut public_key = [0; 32];
    ctx.random.fill_bytes(&mut public_key);
    let serial = onboarding.terminal.to_string();
    let activation = Activation { code: onboarding.code, public_key, serial };
    let activated = engine.activate_terminal(ctx, &activation)?;
    let key = engine.signing_key(ctx.now, activated.key)?;
    Ok((activated.terminal.id, engine.signer(ctx.now, &key, None)?.terminal()?))
}
