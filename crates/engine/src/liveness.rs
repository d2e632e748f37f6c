//! How alive a capture looks: the frame that looks least alive, or what a model of the operator's own captures says.

use face::fusion::{LivenessJudgement, LivenessModel};
use face::{FaceEvidence, FrameEvidence};
use serde_json::json;
use store::Tx;
use types::SessionId;

use crate::engine::{Context, Engine, record};
use crate::rejected::Error;

/// What a capture was judged to be.
pub(crate) struct Judged {
    /// The number that the policy bounds, 0 to 1; none where no liveness network is installed.
    pub(crate) score: Option<f64>,
    /// By the operator's own model, where there is one.
    by_model: Option<LivenessJudgement>,
}

impl Engine {
    /// Judges captures for payments by a model of the operator's own captures from now on.
    ///
    /// # Errors
    /// The model was fitted to other networks than those that are installed.
    pub fn with_liveness(mut self, model: LivenessModel) -> anyhow::Result<Self> {
        model.fits(self.faces.liveness_ids())?;
        self.liveness = Some(model);
        Ok(self)
    }

    pub(crate) fn judge_liveness(&self, faces: &[FaceEvidence]) -> Judged {
        let least = least_liveness(faces);
        let frames: Vec<&FrameEvidence> = faces.iter().map(|face| &face.frame).collect();
        // A frame without any liveness is none with a good one, whatever a model made of the others would say.
        let by_model = self.liveness.as_ref().filter(|_| least.is_some()).map(|model| {
            let nothing = LivenessJudgement { live: 0.0, species: std::collections::BTreeMap::new() };
            model.judge(&frames).unwrap_or(nothing)
        });
        let score = by_model.as_ref().map_or(least, |judged| Some(judged.live));
        Judged { score, by_model }
    }

    /// Puts down what the model said, of each attack species, beside the decision that goes by it.
    pub(crate) fn record_liveness(
        &self,
        tx: &Tx<'_>,
        ctx: &mut Context<'_>,
        session: SessionId,
        judged: &Judged,
    ) -> Result<(), Error> {
        let (Some(model), Some(by_model)) = (&self.liveness, &judged.by_model) else { return Ok(()) };
        let body = json!({
            "event": "liveness_judged", "model": model.id, "live": by_model.live, "species": by_model.species,
        });
        record(tx, ctx, "surety", &session, body).map_err(Error::from)
    }
}

/// Of the frame that looks least alive: one frame of a photograph among live ones is enough to deceive. None where
/// no liveness model is installed.
fn least_liveness(seen: &[FaceEvidence]) -> Option<f64> {
    let scores: Option<Vec<f64>> = seen.iter().map(|face| face.frame.liveness.map(|p| p.value())).collect();
    scores?.into_iter().reduce(f64::min)
}
