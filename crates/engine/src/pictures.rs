//! A stored picture of a capture, opened for somebody who has to see it. Each look is logged before the picture leaves.

use anyhow::{Context as _, anyhow};
use serde_json::json;
use store::CaptureContent;
use types::{Digest, SessionId};
use zeroize::Zeroizing;

use crate::access::{concerned, look_at_all};
use crate::callers::{StaffCaller, duty};
use crate::engine::{Context, Engine, record};
use crate::keys::KeyOf;
use crate::pay::frame_label;
use crate::rejected::{Error, Rejected};

/// A picture as the terminal sent it. Never shown in `Debug`.
pub struct StoredPicture {
    /// The file, JPEG or PNG.
    pub bytes: Zeroizing<Vec<u8>>,
    /// SHA-256 of the file, checked against the capture's record; none for captures of the first version.
    pub sha256: Option<Digest>,
}

impl Engine {
    /// One frame of a capture, counted from 0. Needs a purpose; the look is logged for whoever was debited and for whom
    /// each decision took the payer, and in the attempt's record.
    ///
    /// # Errors
    /// [`Rejected::RoleMissing`], an unknown attempt or frame, [`Rejected::Field`] for the purpose,
    /// [`Rejected::PictureErased`]; an operating fault, also when the stored file is not what was recorded.
    pub fn picture(
        &self,
        ctx: &mut Context<'_>,
        staff: &StaffCaller,
        (id, frame): (SessionId, usize),
        purpose: &str,
    ) -> Result<StoredPicture, Error> {
        staff.must_be(duty::seeing_faces())?;
        self.store.write(|tx| {
            let session = tx.session(id)?.ok_or(Rejected::session())?;
            let capture = tx.capture(id)?.ok_or(Rejected::picture())?;
            let taken = capture.frames.as_array().context("the frames of a capture are no list")?;
            let recorded = taken.get(frame).ok_or(Rejected::picture())?;
            let key = match &capture.content {
                CaptureContent::Kept { probe_sealed: _, key } => key.as_ref(),
                CaptureContent::Erased { by: _ } => return Err(Rejected::PictureErased.into()),
            };
            let label = frame_label(capture.id, frame);
            let sealed = self.objects.frame(capture.id, frame)?;
            let sealed = sealed.with_context(|| format!("{label} is recorded, and its file is gone"))?;
            let bytes = self.keys.open_value((KeyOf::Capture(capture.id), key), &label, &sealed)?;
            let sha256: Option<Digest> =
                serde_json::from_value(recorded["sha256"].clone()).context("reading a frame's digest")?;
            if sha256.is_some_and(|digest| digest != evidence::digest(&bytes)) {
                return Err(anyhow!("{label} opens, and is not the picture that was recorded").into());
            }
            let payers = concerned(tx, &session, &tx.decisions(id)?)?;
            let subject = format!("{id}/picture/{frame}");
            look_at_all(tx, ctx, staff, (&subject, &payers), purpose)?;
            let body = json!({ "event": "picture_seen", "frame": frame, "purpose": purpose });
            record(tx, ctx, &staff.name, &id, body)?;
            Ok(StoredPicture { bytes, sha256 })
        })
    }
}
