//! What a capture keeps of its face: the mean of its frames, and where digits are asked before anybody is compared, each
//! frame by itself as well, because each has to point to the candidate.

use anyhow::Context as _;
use evidence::DataKey;
use rand::Rng;
use store::CaptureContent;
use types::{SessionId, Template};
use zeroize::Zeroizing;

use crate::engine::Engine;
use crate::keys::KeyOf;
use crate::pay::probe_label;
use crate::recognise::Probe;
use crate::rejected::Error;

const NUMBER_BYTES: usize = size_of::<f32>();

/// What is left of a capture's face.
pub(crate) struct KeptProbe {
    /// The mean of the frames.
    pub(crate) template: Template,
    /// Each by itself, where they were kept.
    pub(crate) each: Vec<Template>,
    /// How many frames it is the mean of.
    pub(crate) frames: u32,
}

impl Engine {
    /// What a capture keeps, sealed.
    pub(crate) fn seal_probe(
        &self,
        key: &DataKey,
        session: SessionId,
        probe: &Probe<'_>,
        random: &mut dyn Rng,
    ) -> Vec<u8> {
        let each = if self.policy.recognition.digits_come_first() { probe.each } else { &[] };
        let bytes: Vec<_> = std::iter::once(probe.template).chain(each).map(Template::to_bytes).collect();
        let mut all = Zeroizing::new(Vec::with_capacity(bytes.iter().map(|bytes| bytes.len()).sum()));
        bytes.iter().for_each(|bytes| all.extend_from_slice(bytes));
        key.seal(&probe_label(session), &all, random)
    }

    /// The face of an attempt's capture, if it is kept.
    pub(crate) fn probe(&self, session: SessionId) -> Result<Option<KeptProbe>, Error> {
        let Some(capture) = self.store.read(|tx| tx.capture(session).map_err(Error::from))? else {
            return Ok(None);
        };
        let (probe_sealed, key) = match &capture.content {
            CaptureContent::Kept { probe_sealed, key } => (probe_sealed, key),
            CaptureContent::Erased { by: _ } => return Ok(None),
        };
        let key = (KeyOf::Capture(capture.id), key.as_ref());
        let bytes = self.keys.open_value(key, &probe_label(session), probe_sealed)?;
        let frames = capture.probe_frames();
        // Another model's template is of another length, and was kept alone or is of no use any more.
        let one = self.faces.dimension() * NUMBER_BYTES;
        let several = capture.model == self.faces.model_id() && bytes.len() == one * (1 + frames);
        let (mean, each) = if several { bytes.split_at(one) } else { (&bytes[..], &[][..]) };
        let read = |bytes: &[u8]| Template::from_bytes(bytes).context("reading a probe");
        Ok(Some(KeptProbe {
            template: read(mean)?,
            each: each.chunks(one).map(read).collect::<anyhow::Result<_>>()?,
            frames: u32::try_from(frames).context("counting frames")?,
        }))
    }
}
