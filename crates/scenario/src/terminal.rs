//! The reference terminal: what a device does from the order to the answer, also when lines break.
//!
//! Invariants: a counter is written down before it is used, so that no power failure makes it come twice. A capture is
//! made once and sent until it is answered: signed anew each time, but with the same counter and the same frames. What
//! became of an attempt is asked before anything else is done about it; an order whose end nobody knows is taken back.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use api::{
    Activated, Capture, Check, NewActivation, NewSession, NewSessionReply, OrderState, OrderView,
    SessionView, Stage, StepUp, TerminalReport,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use types::{GeoPoint, KeyId, OrderId, PaymentId, SessionId, TerminalId, Timestamp};

use crate::{CallError, Client, DeviceKey};

/// How often a call is sent that nobody answered, and how long to wait before the second time; then twice as long.
const TRIES: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// How often the payer's own device is asked about, and how long to wait between.
const DEVICE_ASKED_MAX: u32 = 30;
const DEVICE_WAIT: Duration = Duration::from_secs(2);
/// No attempt asks more often.
const QUESTIONS_MAX: u32 = 10;

#[expect(clippy::disallowed_methods, reason = "a device has a clock of its own")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// The next counter, and when the one before it was used. Both together: of two threads that take pictures at once, the
/// one with the lower counter must be the earlier, or the till looks as if there were two of it.
static NEXT: Mutex<(u64, Option<Timestamp>)> = Mutex::new((0, None));

/// Counters up to this one were used elsewhere.
pub(crate) fn skip_counters(used: u64) {
    let mut next = NEXT.lock().unwrap_or_else(PoisonError::into_inner);
    next.0 = next.0.max(used + 1);
}

/// What a terminal says with a capture that has a counter of this process's own and nothing to say of its place. Counters
/// begin at the clock, so that they go on when a story or a test starts a second process with the same key.
#[must_use]
pub fn plain_report() -> TerminalReport {
    let mut next = NEXT.lock().unwrap_or_else(PoisonError::into_inner);
    let (waiting, before) = *next;
    let soonest = before.map_or(Timestamp::UNIX_EPOCH, |before| before + Duration::from_micros(1));
    let taken_at = now().max(soonest);
    let begin = u64::try_from(taken_at.as_microsecond()).unwrap_or(1);
    let counter = if waiting == 0 { begin } else { waiting };
    *next = (counter + 1, Some(taken_at));
    TerminalReport { counter, taken_at, point: None, accuracy_m: None, camera: None }
}

/// What a terminal remembers between two starts, besides its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TerminalState {
    /// Which terminal it is.
    pub terminal_id: TerminalId,
    /// What its key is known as.
    pub key_id: KeyId,
    /// The last counter that was used; 0 before the first.
    pub counter: u64,
}

impl TerminalState {
    /// Reads the file.
    ///
    /// # Errors
    /// It is not there, or damaged: then let the operator give a new onboarding code, rather than guess a counter.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| {
            format!(
                "{} is damaged; ask the operator for a new onboarding code, and join again",
                path.display()
            )
        })
    }

    /// Writes the file so that after a power failure it is the old one or the new one.
    ///
    /// # Errors
    /// The disk fails; the counter must then not be used.
    pub fn write(&self, path: &Path) -> Result<()> {
        let context = || format!("writing {}", path.display());
        let next = path.with_extension("next");
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&next)
            .with_context(context)?;
        file.write_all(&serde_json::to_vec_pretty(self)?).with_context(context)?;
        file.sync_all().with_context(context)?;
        fs::rename(&next, path).with_context(context)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::File::open(folder).and_then(|folder| folder.sync_all()).with_context(context)
    }
}

/// A terminal with its key and its state file.
pub struct Till {
    client: Client,
    path: PathBuf,
    state: TerminalState,
    /// Where it says it is.
    pub point: Option<GeoPoint>,
    /// How far that may be off, in metres.
    pub accuracy_m: Option<f64>,
    /// What it calls its camera.
    pub camera: Option<String>,
}

/// How an attempt to be paid ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The order is paid.
    Paid {
        /// The debit.
        payment_id: PaymentId,
        /// The payer's name with all but the last character hidden.
        payer_name: String,
    },
    /// Nobody was debited.
    Refused {
        /// A name that never changes.
        code: String,
        /// What to do.
        detail: String,
    },
    /// Nobody knows what became of it, so it was taken back.
    Reversed,
}

/// Who answers what the terminal asks the payer: nothing ends the attempt.
pub type Answers<'a> = dyn FnMut(Check, bool) -> Option<String> + 'a;

impl Till {
    /// Makes itself known with an onboarding code; writes the state file.
    ///
    /// # Errors
    /// The code is refused, or the state cannot be written.
    pub fn join(
        server: &Client,
        key: &mut DeviceKey,
        (code, serial): (&str, &str),
        path: &Path,
    ) -> Result<TerminalState> {
        let activation =
            NewActivation { code: code.to_owned(), public_key: key.public_key(), serial: serial.to_owned() };
        let fresh = DeviceKey { id: None, private: key.private.clone() };
        let activated: Activated =
            server.with_signature(fresh).post("/v1/terminal-activations", &activation)?;
        key.id = Some(activated.key_id);
        let state =
            TerminalState { terminal_id: activated.terminal_id, key_id: activated.key_id, counter: 0 };
        state.write(path)?;
        Ok(state)
    }

    /// A terminal that joined before.
    ///
    /// # Errors
    /// The state file is not there or damaged.
    pub fn open(server: &Client, key: &DeviceKey, path: &Path) -> Result<Self> {
        let state = TerminalState::read(path)?;
        let key = DeviceKey { id: Some(state.key_id), private: key.private.clone() };
        let client = server.with_signature(key);
        Ok(Self { client, path: path.to_owned(), state, point: None, accuracy_m: None, camera: None })
    }

    /// The last counter that was used.
    #[must_use]
    pub const fn counter(&self) -> u64 {
        self.state.counter
    }

    /// What it says with its next capture. The counter is on the disk before it is returned.
    ///
    /// # Errors
    /// The disk fails.
    pub fn report(&mut self) -> Result<TerminalReport> {
        let next = TerminalState { counter: self.state.counter + 1, ..self.state.clone() };
        next.write(&self.path)?;
        self.state = next;
        Ok(TerminalReport {
            counter: self.state.counter,
            taken_at: now(),
            point: self.point,
            accuracy_m: self.accuracy_m,
            camera: self.camera.clone(),
        })
    }

    /// Has an order paid by whoever the frames show.
    ///
    /// # Errors
    /// The server cannot be reached at all, so that nobody knows whether the order was taken back; a disk that fails.
    pub fn pay(&mut self, order_id: OrderId, frames: &[Vec<u8>], answers: &mut Answers<'_>) -> Result<Ended> {
        let opened = until_answered(|| {
            self.client.post::<NewSessionReply>("/v1/capture-sessions", &NewSession { order_id })
        });
        let session = match opened {
            Ok(session) => session,
            Err(CallError::Problem(problem)) => {
                return Ok(Ended::Refused { code: problem.code, detail: problem.detail });
            }
            Err(CallError::Transport(error)) => return Err(error.context("nobody opened an attempt")),
        };
        match self.run(&session, frames, answers) {
            Ok(ended) => Ok(ended),
            Err(CallError::Problem(problem)) => {
                Ok(Ended::Refused { code: problem.code, detail: problem.detail })
            }
            // Asked and asked again without an answer: the order is taken back, whatever became of it.
            Err(CallError::Transport(_)) => self.reverse(order_id),
        }
    }

    fn run(
        &mut self,
        session: &NewSessionReply,
        frames: &[Vec<u8>],
        answers: &mut Answers<'_>,
    ) -> Result<Ended, CallError> {
        let report = self.report().map_err(CallError::Transport)?;
        let frames = frames.iter().map(|frame| STANDARD.encode(frame)).collect();
        let capture = Capture { nonce: session.nonce.clone(), frames, report, challenge: None };
        let path = format!("/v1/capture-sessions/{}", session.session_id);
        let mut stage = self.step(session.session_id, &format!("{path}/capture"), &capture)?;
        for _ in 0..QUESTIONS_MAX {
            let Stage::AwaitingCheck { ask, repeated } = stage else { break };
            let answer = if ask == Check::OwnDevice {
                None
            } else {
                let Some(answer) = answers(ask, repeated) else { break };
                Some(answer)
            };
            let step = StepUp { nonce: session.nonce.clone(), check: ask, answer };
            stage = self.step(session.session_id, &format!("{path}/step-up"), &step)?;
            for _ in 0..DEVICE_ASKED_MAX {
                if !matches!(stage, Stage::AwaitingCheck { ask: Check::OwnDevice, repeated: _ }) {
                    break;
                }
                thread::sleep(DEVICE_WAIT);
                let step = StepUp { nonce: session.nonce.clone(), check: Check::OwnDevice, answer: None };
                stage = self.step(session.session_id, &format!("{path}/step-up"), &step)?;
            }
        }
        Ok(match stage {
            Stage::Approved { payment_id, payer_name } => Ended::Paid { payment_id, payer_name },
            Stage::Refused { code, detail } => Ended::Refused { code, detail },
            Stage::AwaitingCheck { ask: _, repeated: _ } => Ended::Refused {
                code: "not_answered".to_owned(),
                detail: "a question was not answered; open another attempt, or take the order back"
                    .to_owned(),
            },
            Stage::AwaitingCapture | Stage::Expired => Ended::Refused {
                code: "session_expired".to_owned(),
                detail: "the time of the attempt is over; open another one".to_owned(),
            },
        })
    }

    /// Sends a step until it is answered. After a lost answer it first asks how far the attempt is: if the step was taken,
    /// it is not sent again.
    fn step(&self, id: SessionId, path: &str, body: &impl Serialize) -> Result<Stage, CallError> {
        let mut wait = FIRST_WAIT;
        let before: SessionView = until_answered(|| self.client.get(&format!("/v1/capture-sessions/{id}")))?;
        for _ in 1..TRIES {
            match self.client.post::<SessionView>(path, body) {
                Ok(view) => return Ok(view.state),
                Err(error) if !may_pass(&error) => return Err(error),
                Err(_) => {}
            }
            thread::sleep(wait);
            wait *= 2;
            let now: SessionView = until_answered(|| self.client.get(&format!("/v1/capture-sessions/{id}")))?;
            if now.state != before.state {
                return Ok(now.state);
            }
        }
        self.client.post::<SessionView>(path, body).map(|view| view.state)
    }

    fn reverse(&self, order_id: OrderId) -> Result<Ended> {
        let path = format!("/v1/orders/{order_id}/reverse");
        match until_answered(|| self.client.post_empty::<OrderView>(&path)) {
            Ok(order) if order.state == OrderState::Reversed => Ok(Ended::Reversed),
            Ok(order) => bail!("the order is {:?} after it was taken back", order.state),
            Err(CallError::Problem(problem)) => {
                Ok(Ended::Refused { code: problem.code, detail: problem.detail })
            }
            Err(CallError::Transport(error)) => {
                Err(error.context("nobody answers: take the order back when the line is there again"))
            }
        }
    }
}

/// Calls until somebody answers, five times at most, each time after twice as long.
fn until_answered<T>(call: impl Fn() -> Result<T, CallError>) -> Result<T, CallError> {
    let mut wait = FIRST_WAIT;
    for _ in 1..TRIES {
        match call() {
            Err(error) if may_pass(&error) => {}
            answered => return answered,
        }
        thread::sleep(wait);
        wait *= 2;
    }
    call()
}

/// Has the same call a chance later?
fn may_pass(error: &CallError) -> bool {
    match error {
        CallError::Problem(problem) => matches!(problem.status, 408 | 429 | 500 | 502 | 503 | 504),
        CallError::Transport(_) => true,
    }
}

/// The frames of a video of JPEG pictures one after another (MJPEG, also inside of AVI or a multipart stream): at most
/// `most`, evenly chosen. Nothing else of the file is read; other videos have to be turned into one first.
///
/// # Errors
/// There is no whole JPEG in it.
pub fn video_frames(bytes: &[u8], most: usize) -> Result<Vec<Vec<u8>>> {
    let mut frames: Vec<&[u8]> = Vec::new();
    let mut at = 0;
    while let Some(start) = find(bytes, at, [0xff, 0xd8, 0xff]) {
        match jpeg_end(bytes, start) {
            Some(end) => {
                frames.push(&bytes[start..end]);
                at = end;
            }
            None => at = start + 2,
        }
    }
    if frames.is_empty() || most == 0 {
        bail!("this video holds no JPEG pictures; give an MJPEG file, or pictures");
    }
    let count = frames.len().min(most);
    Ok((0..count).map(|n| frames[n * frames.len() / count].to_vec()).collect())
}

fn find(bytes: &[u8], from: usize, wanted: [u8; 3]) -> Option<usize> {
    let rest = bytes.get(from..)?;
    rest.windows(3).position(|three| three == wanted).map(|at| from + at)
}

/// Behind the end of the JPEG that starts here. Its segments are walked, since a picture may hold a smaller one
/// (ITU-T T.81, annex B).
fn jpeg_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 2;
    loop {
        let &[0xff, marker] = bytes.get(at..at + 2)? else { return None };
        match marker {
            0xd9 => return Some(at + 2),
            0xff => at += 1,
            0x01 | 0xd0..=0xd7 => at += 2,
            _ => {
                let length = bytes.get(at + 2..at + 4)?;
                at += 2 + usize::from(u16::from_be_bytes([length[0], length[1]]));
                if marker == 0xda {
                    // Coded data goes on to the next marker that is none of its own.
                    at += bytes
                        .get(at..)?
                        .windows(2)
                        .position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xd0..=0xd7))?;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_video_gives_its_pictures_evenly() {
        // A comment that looks like the end, and coded data with a stuffed byte.
        let picture = |n: u8| {
            [&[0xff, 0xd8, 0xff, 0xfe, 0, 5, n, 0xff, 0xd9][..], &[0xff, 0xda, 0, 2, 7, 0xff, 0, 0xff, 0xd9]]
                .concat()
        };
        let video: Vec<u8> = (0..6).flat_map(|n| [vec![1, 2], picture(n)].concat()).collect();
        assert_eq!(video_frames(&video, 3).unwrap(), [picture(0), picture(2), picture(4)]);
        assert_eq!(video_frames(&video, 10).unwrap().len(), 6);
        assert!(video_frames(b"no picture", 3).is_err());
        assert!(video_frames(&[0xff, 0xd8, 0xff, 0xfe, 0xff], 3).is_err());
    }

    #[test]
    fn the_counter_is_on_the_disk_before_it_is_used() {
        let folder = std::env::temp_dir().join(format!("surety-terminal-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("till.json");
        let state =
            TerminalState { terminal_id: TerminalId::from_bits(1), key_id: KeyId::from_bits(2), counter: 41 };
        state.write(&path).unwrap();
        let mut till = Till::open(&Client::new("http://127.0.0.1:9"), &DeviceKey::generate(), &path).unwrap();
        let report = till.report().unwrap();
        assert_eq!((report.counter, TerminalState::read(&path).unwrap().counter), (42, 42));
        fs::write(&path, "{").unwrap();
        assert!(TerminalState::read(&path).is_err());
        fs::remove_dir_all(&folder).unwrap();
    }
}
