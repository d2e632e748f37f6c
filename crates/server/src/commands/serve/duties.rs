//! What a start tells the operator of its own duties.

use anyhow::Result;
use engine::{Engine, FaceDuty};

use crate::clock;

/// Warns of an operator that is not named, and of the number of faces.
pub(super) fn tell(engine: &Engine) -> Result<()> {
    clock::with_context(|ctx| engine.watch_faces(ctx))?;
    if engine.operator().is_none() {
        tracing::warn!(
            "the policy names no operator: the consent to face data is incomplete; set name and contact in [operator]"
        );
    }
    let held = engine.faces_held()?;
    match held.duty {
        FaceDuty::None => {}
        FaceDuty::Prepare => tracing::warn!(
            enrolled = held.enrolled,
            to_file = held.to_file,
            "the number of faces at which the operator has to file with the authority is near"
        ),
        FaceDuty::File => tracing::warn!(
            enrolled = held.enrolled,
            to_file = held.to_file,
            "so many faces are stored that the operator files with the authority within 30 working days"
        ),
    }
    Ok(())
}
