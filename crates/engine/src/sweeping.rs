//! Pictures that should not be there: a process that dies between storing them and its transaction leaves some that no
//! record names, and one that dies between erasing a capture and deleting its files leaves some that nothing opens.

use store::{PartSource, Waiting};
use types::{SignedDuration, Timestamp};

use crate::engine::{Engine, PICTURES_MAX};
use crate::rejected::Error;

/// Younger ones may still get their record.
const YOUNGEST: SignedDuration = SignedDuration::from_hours(1);
/// Older ones were swept before, or belong to a database that was restored: a person looks at those.
const OLDEST: SignedDuration = SignedDuration::from_hours(24 * 7);

impl Engine {
    /// Deletes the pictures of the last week that no record names, and of any age those of erased captures; returns of
    /// how many captures.
    ///
    /// # Errors
    /// An operating fault; what was deleted stays deleted.
    pub fn sweep_captures(&self, now: Timestamp) -> Result<usize, Error> {
        let mut swept = 0;
        for capture in self.objects.captures(now - OLDEST, now - YOUNGEST)? {
            if !self.store.read(|tx| tx.has_capture(capture).map_err(Error::from))? {
                self.objects.discard(capture, PICTURES_MAX)?;
                swept += 1;
            }
        }
        let erased = self.store.read(|tx| tx.erased_captures().map_err(Error::from))?;
        let mut left: Vec<_> = self.objects.frames()?.into_iter().map(|(capture, _)| capture).collect();
        left.dedup();
        for capture in left.into_iter().filter(|capture| erased.contains(capture)) {
            self.objects.discard(capture, PICTURES_MAX)?;
            swept += 1;
        }
        Ok(swept)
    }

    /// Wipes the templates of enrolments whose code works no more, with their pictures; returns of how many.
    ///
    /// # Errors
    /// An operating fault.
    pub fn expire_enrolments(&self, now: Timestamp) -> Result<usize, Error> {
        let expired =
            self.store.write(|tx| tx.discard_enrolments(Waiting::ExpiredBy(now)).map_err(Error::from))?;
        self.discard_pictures(&expired);
        Ok(expired.len())
    }

    /// Deletes the pictures of enrolments that no template rests on; returns of how many enrolments.
    ///
    /// # Errors
    /// An operating fault; what was deleted stays deleted.
    pub fn sweep_enrolments(&self, now: Timestamp) -> Result<usize, Error> {
        let mut swept = 0;
        for enrolment in self.objects.enrolments()? {
            let begun = self.store.read(|tx| tx.enrolment(enrolment).map_err(Error::from))?;
            // Pictures come before their record. Where there is none, its time is over by the id.
            let young = begun.is_none() && store::made_at(enrolment)? > now - YOUNGEST;
            let source = PartSource::Enrolment(enrolment);
            if !young && !self.store.read(|tx| tx.has_parts_from(source).map_err(Error::from))? {
                self.discard_pictures(&[enrolment]);
                swept += 1;
            }
        }
        Ok(swept)
    }
}
