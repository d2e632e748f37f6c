//! The way of the frames of one capture, several at a time.
//!
//! Each frame is decoded, detected and cut out in one piece of work; its template and its liveness are two more. Every
//! piece takes a lane and gives it back, so that three frames on two cores take half of their time and not two thirds
//! of it, and all pieces of a capture have its turn: a younger capture begins when no older one has work waiting.
//! What comes out does not depend on which piece ran when.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use types::Probability;

use crate::cues::{Glance, LivenessCues, PictureCues};
use crate::detect::Detection;
use crate::evidence::{FaceBox, FaceEvidence, FrameEvidence, Quality, StageTimings};
use crate::lanes::{LaneGuard, Turn};
use crate::models::FaceModels;
use crate::picture::{Opened, Picture};
use crate::print::FacePrint;
use crate::quality::{Geometry, Held, check_light, dominant};
use crate::refusal::AnalyseError;
use crate::runtime::{Lane, RuntimeError};
use crate::{align, detect, liveness};

/// For a lane while others of the same capture hold theirs. Only older captures are before it, and none of them
/// waits for it; so this is how long a lane may hang before the analysis fails.
const WAIT_BEGUN: Duration = Duration::from_secs(60);

/// A face found and cut out.
struct Found {
    picture: Picture,
    faces_seen: usize,
    face: Detection,
    crop: Picture,
    quality: Quality,
    print: FacePrint,
}

impl FaceModels {
    /// What a JPEG or PNG shows: exactly one dominant face of sufficient quality, or why not.
    ///
    /// Takes tens of milliseconds and blocks; at most [`Concurrency::lanes`](crate::Concurrency) pieces of work run
    /// at a time, each on one thread. The bounds on bytes and pixels are checked before a lane is taken.
    ///
    /// # Errors
    /// [`AnalyseError`]: the picture's fault, too much at once, or ours. A panic on the way is ours: it ends
    /// here, and with no evidence.
    pub fn analyse(&self, picture: &[u8]) -> Result<FaceEvidence, AnalyseError> {
        let mut all = self.analyse_held(&[picture], Held::Straight);
        all.pop().unwrap_or_else(|| Err(lost()))
    }

    /// The frames of one capture side by side; as [`FaceModels::analyse`] says of each. They wait together: when
    /// none of them has begun within [`Concurrency::wait`](crate::Concurrency), all are [`AnalyseError::Busy`], and once
    /// one has, all are analysed.
    ///
    /// # Errors
    /// [`AnalyseError`], for each frame its own.
    pub fn analyse_all(&self, pictures: &[&[u8]]) -> Vec<Result<FaceEvidence, AnalyseError>> {
        self.analyse_held(pictures, Held::Straight)
    }

    /// As [`FaceModels::analyse_all`], of the frames of a movement that was asked for: the head may be turned, raised or
    /// lowered further. Everything else is checked the same.
    ///
    /// # Errors
    /// [`AnalyseError`], for each frame its own.
    pub fn analyse_moving(&self, pictures: &[&[u8]]) -> Vec<Result<FaceEvidence, AnalyseError>> {
        self.analyse_held(pictures, Held::Moving)
    }

    fn analyse_held(&self, pictures: &[&[u8]], held: Held) -> Vec<Result<FaceEvidence, AnalyseError>> {
        let opened: Vec<_> = pictures.iter().map(|picture| Opened::read(picture)).collect();
        if opened.iter().all(Result::is_err) {
            return opened
                .into_iter()
                .map(|refused| Err(refused.err().map_or_else(lost, Into::into)))
                .collect();
        }
        let (turn, start) = (self.lanes.turn(), Instant::now());
        let Some(first) = self.lanes.take(turn, self.wait) else {
            let busy = || AnalyseError::Busy { waited: self.wait };
            return opened.into_iter().map(|frame| Err(frame.err().map_or_else(busy, Into::into))).collect();
        };
        let mut first = Some(first);
        thread::scope(|scope| {
            let running: Vec<_> = opened
                .into_iter()
                .map(|frame| {
                    let lane = if frame.is_ok() { first.take() } else { None };
                    let frame = move || self.frame((frame?, held), turn, (lane, start));
                    thread::Builder::new().spawn_scoped(scope, frame)
                })
                .collect();
            running.into_iter().map(|frame| frame.map_or_else(|_no_thread| Err(lost()), joined)).collect()
        })
    }

    fn frame(
        &self,
        opened: (Opened<'_>, Held),
        turn: Turn,
        (lane, start): (Option<LaneGuard<'_, Lane>>, Instant),
    ) -> Result<FaceEvidence, AnalyseError> {
        let lane = match lane {
            Some(lane) => lane,
            None => self.next_lane(turn)?,
        };
        let mut clock = Clock::started();
        let mut timings = StageTimings { wait: clock.last - start, ..StageTimings::default() };
        let found = guarded(|| self.found(&lane, opened, &mut clock, &mut timings));
        drop(lane);
        let found = found?;
        let (live, template) = thread::scope(|scope| {
            let live = scope.spawn(|| self.live(turn, &found));
            let template = self.next_lane(turn).and_then(|lane| {
                let mut clock = Clock::started();
                let template = guarded(|| self.embed(&lane, &found.crop).map_err(failed("embedding")));
                template.map(|template| (template, clock.lap()))
            });
            (joined(live), template)
        });
        let (template, embed) = template?;
        let (live, spent) = live?;
        let (liveness, cues) = live.unzip();
        (timings.embed, timings.liveness) = (embed, spent);
        let frame = FrameEvidence {
            model: self.model_id,
            picture_px: [found.picture.width, found.picture.height],
            faces_seen: found.faces_seen,
            face_box: found.face.face_box,
            landmarks: found.face.landmarks,
            detection_score: found.face.score,
            quality: found.quality,
            liveness,
            cues,
        };
        let glance = Glance::of(&found.picture, &found.face.face_box);
        Ok(FaceEvidence { frame, template, print: found.print, timings, glance })
    }

    /// Decodes, finds the dominant face and cuts it out, or says what is wrong with the picture.
    fn found(
        &self,
        lane: &Lane,
        (opened, held): (Opened<'_>, Held),
        clock: &mut Clock,
        timings: &mut StageTimings,
    ) -> Result<Found, AnalyseError> {
        let picture = opened.decode()?;
        timings.decode = clock.lap();
        let (spec, network) = &self.detector;
        let faces = detect::detect(network, lane, spec, &picture).map_err(failed("detection"))?;
        let face = dominant(&faces)?;
        let geometry = Geometry::of(&face);
        geometry.check(&face, &picture, held)?;
        timings.detect = clock.lap();
        let crop = align::align(&picture, &face.landmarks).ok_or(crate::FrameRefusal::ExtremePose)?;
        let quality = geometry.with_light(&crop);
        check_light(&quality)?;
        timings.align = clock.lap();
        let FaceBox { x, y, width, height } = face.face_box;
        let print = FacePrint::of(&crop, &picture, [x, y, width, height]);
        Ok(Found { picture, faces_seen: faces.len(), face, crop, quality, print })
    }

    fn live(
        &self,
        turn: Turn,
        found: &Found,
    ) -> Result<(Option<(Probability, LivenessCues)>, Duration), AnalyseError> {
        if !self.liveness_available() {
            return Ok((None, Duration::ZERO));
        }
        let lane = self.next_lane(turn)?;
        let mut clock = Clock::started();
        let live = guarded(|| {
            let live = liveness::liveness(&self.liveness, &lane, &found.picture, &found.face.face_box);
            live.map_err(failed("liveness"))
        })?;
        let (live, networks) = live;
        let picture = PictureCues::of(&found.picture, &found.face.face_box);
        Ok((Some((live, LivenessCues { networks, picture, motion: None })), clock.lap()))
    }

    /// A lane for a capture that has begun.
    fn next_lane(&self, turn: Turn) -> Result<LaneGuard<'_, Lane>, AnalyseError> {
        self.lanes
            .take(turn, WAIT_BEGUN)
            .ok_or(AnalyseError::Failed { stage: "waiting", reason: "no lane came free".to_owned() })
    }
}

fn lost() -> AnalyseError {
    AnalyseError::Failed { stage: "analysis", reason: "no thread could be had".to_owned() }
}

fn joined<T>(thread: ScopedJoinHandle<'_, Result<T, AnalyseError>>) -> Result<T, AnalyseError> {
    thread.join().unwrap_or_else(|_panic| Err(panicked()))
}

fn panicked() -> AnalyseError {
    AnalyseError::Failed { stage: "analysis", reason: "a panic, reported where it happened".to_owned() }
}

/// A panic on the way is a failure of ours, and no evidence. What it says goes to the panic hook, not to the caller.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T, AnalyseError>) -> Result<T, AnalyseError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_panic| Err(panicked()))
}

pub(crate) fn failed(stage: &'static str) -> impl Fn(RuntimeError) -> AnalyseError {
    move |error| AnalyseError::Failed { stage, reason: error.0 }
}

/// Time between one stage and the next. `Instant` only: evidence is stamped by the caller's clock.
struct Clock {
    last: Instant,
}

impl Clock {
    fn started() -> Self {
        Self { last: Instant::now() }
    }

    fn lap(&mut self) -> Duration {
        let now = Instant::now();
        let spent = now - self.last;
        self.last = now;
        spent
    }
}
