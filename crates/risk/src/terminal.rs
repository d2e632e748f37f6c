//! What a terminal's own report says of the terminal: is it the one device with this key, at its address, with its clock
//! right? Pure: what was known, the report and the policy in; findings, a refusal if there is one, and what is known
//! from now on out.
//!
//! Invariants: a counter is accepted once for one request; whatever suspends a device also refuses its capture; a
//! report that was refused never moves what is known of where the device is, but for the count of refusals.

use serde::{Deserialize, Serialize};
use types::{Digest, GeoPoint, SignedDuration, Timestamp};

use crate::PolicyError;

/// Counters of captures that are remembered, so that one that was overtaken on its way is told from a copy.
const REMEMBERED: usize = 32;
/// Networks of a device that are remembered.
const NETWORKS: usize = 8;
/// Counters stay below this, so that every JSON reader keeps them exact (RFC 8259, section 6).
pub const COUNTER_MAX: u64 = (1 << 53) - 1;
/// What a position may be off counts no further, in metres: one that says nothing cannot excuse everything.
const ACCURACY_MAX_M: f64 = 2_000.0;
/// Between two reports at least so long passed: clocks of databases and processes are no finer.
const LEAST: SignedDuration = SignedDuration::from_secs(1);

/// Must a terminal say where it is?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Position {
    /// If it can.
    #[default]
    Optional,
    /// With every capture.
    Required,
}

/// What is done about a hint that frames did not come from the camera.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnHint {
    /// It is kept with the decision.
    #[default]
    Record,
    /// The payment also needs a strong factor.
    StepUp,
    /// The capture is refused.
    Refuse,
}

/// How far terminals are trusted. A policy from before there was a report has the defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Terminals {
    /// Must a terminal say where it is?
    pub position: Position,
    /// How far a terminal's clock may be off, seconds.
    pub clock_skew_seconds: u32,
    /// So far from its installed address, in metres, a terminal may be, beyond what its position may be off.
    pub geofence_m: f64,
    /// After so many captures from outside in a row, all from about the same place, staff reads that it was moved.
    pub relocated_after: u32,
    /// After so many captures from outside in a row it is suspended.
    pub suspend_after: u32,
    /// Nothing that carries a terminal is faster.
    pub speed_kmh: f64,
    /// Positions jump: a shorter way than this, in kilometres, is never taken for impossible.
    pub jump_km: f64,
    /// Words in the names of cameras that are programs, in lower case.
    pub virtual_cameras: Vec<String>,
    /// What is done about hints that frames were not taken by this terminal's camera.
    pub on_injection_hint: OnHint,
    /// What is done about a frame that came before, to the last bit.
    pub on_repeated_frames: OnHint,
}

impl Default for Terminals {
    /// Those of the default policy.
    fn default() -> Self {
        let virtual_cameras = [
            "virtual",
            "obs",
            "manycam",
            "snap camera",
            "xsplit",
            "droidcam",
            "v4l2loopback",
            "dummy video",
            "splitcam",
            "iriun",
            "e2esoft",
            "vcam",
        ];
        Self {
            position: Position::Optional,
            clock_skew_seconds: 120,
            geofence_m: 300.0,
            relocated_after: 2,
            suspend_after: 5,
            speed_kmh: 400.0,
            jump_km: 20.0,
            virtual_cameras: virtual_cameras.map(str::to_owned).to_vec(),
            on_injection_hint: OnHint::Record,
            on_repeated_frames: OnHint::Refuse,
        }
    }
}

impl Terminals {
    pub(crate) fn check(&self) -> Result<(), PolicyError> {
        let require = |holds: bool, what| if holds { Ok(()) } else { Err(PolicyError::Nonsense(what)) };
        let positive = |number: f64| number.is_finite() && number > 0.0;
        require(
            (5..=3600).contains(&self.clock_skew_seconds),
            "terminals.clock_skew_seconds lies between 5 and 3600",
        )?;
        require(
            positive(self.geofence_m) && positive(self.speed_kmh) && positive(self.jump_km),
            "terminals.geofence_m, speed_kmh and jump_km are positive",
        )?;
        require(
            self.relocated_after >= 1 && self.suspend_after >= self.relocated_after,
            "terminals.relocated_after is at least 1, and suspend_after at least that",
        )?;
        require(
            self.on_injection_hint != OnHint::Refuse,
            "terminals.on_injection_hint is record or step_up: what is only a hint refuses nobody",
        )?;
        require(
            self.virtual_cameras.iter().all(|word| !word.is_empty() && *word == word.to_lowercase()),
            "terminals.virtual_cameras holds words in lower case",
        )
    }

    /// Is a camera of this name a program, as far as its name says?
    #[must_use]
    pub fn is_virtual(&self, camera: &str) -> bool {
        let name = camera.to_lowercase();
        self.virtual_cameras.iter().any(|word| name.contains(word.as_str()))
    }
}

/// What a terminal says of itself with a capture. Its device's key signed it with the frames.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TerminalReport {
    /// Larger than in every capture this key signed before.
    pub counter: u64,
    /// When the first frame was taken, by the terminal's clock.
    pub taken_at: Timestamp,
    /// Where the terminal is, if it knows.
    pub point: Option<GeoPoint>,
    /// How far that may be off, in metres.
    pub accuracy_m: Option<f64>,
    /// What the system calls the camera.
    pub camera: Option<String>,
}

/// Where a device was.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sighting {
    /// The point.
    pub point: GeoPoint,
    /// How far that may be off, in metres.
    pub accuracy_m: f64,
    /// When, by the server's clock.
    pub at: Timestamp,
}

/// What is known of a device from its earlier reports.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Known {
    /// The highest counter it used; 0 before the first.
    pub counter: u64,
    /// What the terminal's clock said with it.
    pub taken_at: Option<Timestamp>,
    /// The last counters, each with a fingerprint of what came with it.
    pub recent: Vec<(u64, Digest)>,
    /// Where it was last.
    pub last: Option<Sighting>,
    /// How many captures in a row came from outside.
    pub outside: u32,
    /// Where it was when the first of these came.
    pub away: Option<GeoPoint>,
    /// The networks it sent from, the last new one last.
    #[serde(default)]
    pub networks: Vec<String>,
}

impl Known {
    /// Notes a network; returns whether the device never sent from it while it did from others.
    pub fn comes_from(&mut self, network: &str) -> bool {
        if self.networks.iter().any(|known| known == network) {
            return false;
        }
        let others = !self.networks.is_empty();
        self.networks.push(network.to_owned());
        if self.networks.len() > NETWORKS {
            self.networks.remove(0);
        }
        others
    }
}

/// A report as it came.
#[derive(Clone, Copy, Debug)]
pub struct Reported<'a> {
    /// What the terminal says.
    pub report: &'a TerminalReport,
    /// Of the whole request: sent again it is the same, whatever the signature.
    pub fingerprint: Digest,
    /// Where the terminal is installed.
    pub installed: GeoPoint,
    /// When it came.
    pub now: Timestamp,
}

/// What stood out in a report.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "finding", rename_all = "snake_case")]
pub enum TerminalFinding {
    /// The very request came before: its answer was lost, or the server was busy.
    SameRequest,
    /// It was overtaken by a later one on its way.
    Overtaken,
    /// The counter was used for something else, or one that is later by the terminal's own clock is lower: two devices
    /// have the key, or one was set back to a copy.
    TwoCounters {
        /// What came.
        counter: u64,
        /// The highest before.
        highest: u64,
    },
    /// The terminal's clock is off by so many seconds; positive when it is ahead.
    ClockSkew {
        /// How far.
        seconds: i64,
    },
    /// No position came, and the policy asks for one.
    PositionMissing,
    /// So far from the installed address, beyond what the position may be off.
    OutsideGeofence {
        /// How far, in metres.
        distance_m: f64,
    },
    /// Captures came from about the same place outside, one after another.
    Relocated {
        /// How far from the installed address, in metres.
        distance_m: f64,
    },
    /// Nothing carries a terminal so fast: the key is in two places.
    ImpossibleMovement {
        /// How far from where it was last, in kilometres.
        distance_km: f64,
        /// In so many seconds.
        seconds: i64,
    },
    /// Outside so often in a row that nobody waits any longer.
    OutsideTooOften,
}

/// Why a capture is refused for what its terminal says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TerminalRefusal {
    /// The key seems to be in two devices.
    Cloned,
    /// The clock is too far off.
    ClockSkew,
    /// The position is missing.
    PositionMissing,
    /// The terminal is not where it is installed.
    OutsideGeofence,
}

/// What follows from a report.
#[derive(Clone, Debug, PartialEq)]
pub struct TerminalJudgement {
    /// What stood out.
    pub findings: Vec<TerminalFinding>,
    /// Why the capture is refused, if it is.
    pub refusal: Option<TerminalRefusal>,
    /// Is the device suspended at once?
    pub suspend: bool,
    /// What staff has to look at.
    pub alerts: Vec<AlertKind>,
    /// What is known from now on.
    pub known: Known,
}

/// What staff has to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// Two devices seem to have one key.
    TerminalCloned,
    /// The key was in two places within a time that no device travels in.
    TerminalImpossibleMovement,
    /// A capture came from outside of the geofence.
    TerminalOutsideGeofence,
    /// The terminal seems to stand somewhere else now.
    TerminalRelocated,
    /// A signed request came a second time.
    RequestReplayed,
    /// What came was not what was signed.
    RequestTampered,
    /// Frames that were sent before came again.
    FramesRepeated,
    /// Frames do not seem to come from the terminal's camera.
    CameraInjection,
}

impl AlertKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::TerminalCloned,
        Self::TerminalImpossibleMovement,
        Self::TerminalOutsideGeofence,
        Self::TerminalRelocated,
        Self::RequestReplayed,
        Self::RequestTampered,
        Self::FramesRepeated,
        Self::CameraInjection,
    ];

    /// A name that never changes, for programs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TerminalCloned => "terminal_cloned",
            Self::TerminalImpossibleMovement => "terminal_impossible_movement",
            Self::TerminalOutsideGeofence => "terminal_outside_geofence",
            Self::TerminalRelocated => "terminal_relocated",
            Self::RequestReplayed => "request_replayed",
            Self::RequestTampered => "request_tampered",
            Self::FramesRepeated => "frames_repeated",
            Self::CameraInjection => "camera_injection",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// What it means and what to do, in Chinese.
    #[must_use]
    pub const fn zh(self) -> &'static str {
        match self {
            Self::TerminalCloned => {
                "两台设备似乎使用同一密钥，或设备被恢复到旧备份。终端已停用：核对设备序列号，换新密钥后再启用。"
            }
            Self::TerminalImpossibleMovement => {
                "同一密钥在不可能的时间内出现在两地。终端已停用：核对设备所在地，换新密钥。"
            }
            Self::TerminalOutsideGeofence => {
                "终端在安装地址以外发起收款，已拒绝。联系商户核实；确需移机须先申请。"
            }
            Self::TerminalRelocated => "终端似乎已被移到别处。联系商户：移回原址，或申请移机。",
            Self::RequestReplayed => "已签名的请求被再次发送，已拒绝。检查终端与服务器之间的网络和代理。",
            Self::RequestTampered => "收到的内容与签名不符，已拒绝。检查终端与服务器之间的网络和代理。",
            Self::FramesRepeated => "与以前完全相同的画面再次出现。真实摄像头不会这样：检查终端是否被改装。",
            Self::CameraInjection => "画面似乎不是由终端的摄像头拍摄。检查终端是否被改装。",
        }
    }

    /// What it means and what to do, in English.
    #[must_use]
    pub const fn en(self) -> &'static str {
        match self {
            Self::TerminalCloned => {
                "Two devices seem to have one key, or a device was set back to a copy. The terminal is suspended: \
                 compare the serial number, bring the device in with a new code, then let it work again."
            }
            Self::TerminalImpossibleMovement => {
                "The key was in two places within a time that no device travels in. The terminal is suspended: find \
                 the device, and bring it in with a new code."
            }
            Self::TerminalOutsideGeofence => {
                "A capture came from outside of the installed address and was refused. Call the shop; a move has to be \
                 proposed and approved first."
            }
            Self::TerminalRelocated => {
                "The terminal seems to stand somewhere else now. Call the shop: move it back, or propose the move."
            }
            Self::RequestReplayed => {
                "A signed request came a second time and was refused. Look at the network between terminal and server."
            }
            Self::RequestTampered => {
                "What came is not what was signed; it was refused. Look at the network between terminal and server."
            }
            Self::FramesRepeated => {
                "Frames that were sent before came again, which no camera does. Look whether the terminal was altered."
            }
            Self::CameraInjection => {
                "Frames do not seem to come from the terminal's camera. Look whether the terminal was altered."
            }
        }
    }
}

/// Judges a report against what is known of its device.
#[must_use]
pub fn judge_report(policy: &Terminals, known: &Known, reported: &Reported<'_>) -> TerminalJudgement {
    let mut judgement = TerminalJudgement {
        findings: Vec::new(),
        refusal: None,
        suspend: false,
        alerts: Vec::new(),
        known: known.clone(),
    };
    if !judge_counter(&mut judgement, reported) {
        return judgement;
    }
    if judge_clock(policy, &mut judgement, reported) {
        judge_place(policy, &mut judgement, reported);
    }
    judgement
}

/// Is it the one device's next capture? `false` where nothing else needs to be asked.
fn judge_counter(judgement: &mut TerminalJudgement, reported: &Reported<'_>) -> bool {
    let TerminalReport { counter, taken_at, point: _, accuracy_m: _, camera: _ } = *reported.report;
    let highest = judgement.known.counter;
    let used = judgement.known.recent.iter().find(|(used, _)| *used == counter).map(|(_, what)| *what);
    if used == Some(reported.fingerprint) {
        judgement.findings.push(TerminalFinding::SameRequest);
        return true;
    }
    if counter <= highest {
        // While not so many were used, all of them are remembered.
        let forgotten = judgement.known.recent.len() >= REMEMBERED;
        let lowest = judgement.known.recent.iter().map(|(used, _)| *used).min().unwrap_or(highest);
        let earlier = judgement.known.taken_at.is_some_and(|last| taken_at < last);
        if used.is_some() || !earlier || (forgotten && counter < lowest) {
            judgement.findings.push(TerminalFinding::TwoCounters { counter, highest });
            suspend(judgement, AlertKind::TerminalCloned);
            return false;
        }
        judgement.findings.push(TerminalFinding::Overtaken);
    } else {
        judgement.known.counter = counter;
        // A clock that is ahead must not make later captures look overtaken.
        judgement.known.taken_at = Some(taken_at.min(reported.now));
    }
    judgement.known.recent.push((counter, reported.fingerprint));
    if judgement.known.recent.len() > REMEMBERED {
        judgement.known.recent.remove(0);
    }
    true
}

fn suspend(judgement: &mut TerminalJudgement, why: AlertKind) {
    judgement.refusal = Some(TerminalRefusal::Cloned);
    judgement.suspend = true;
    judgement.alerts.push(why);
}

fn judge_clock(policy: &Terminals, judgement: &mut TerminalJudgement, reported: &Reported<'_>) -> bool {
    let ahead = reported.report.taken_at.duration_since(reported.now);
    if ahead.abs() <= SignedDuration::from_secs(i64::from(policy.clock_skew_seconds)) {
        return true;
    }
    judgement.findings.push(TerminalFinding::ClockSkew { seconds: ahead.as_secs() });
    judgement.refusal = Some(TerminalRefusal::ClockSkew);
    false
}

fn judge_place(policy: &Terminals, judgement: &mut TerminalJudgement, reported: &Reported<'_>) {
    let Some(point) = reported.report.point else {
        if policy.position == Position::Required {
            judgement.findings.push(TerminalFinding::PositionMissing);
            judgement.refusal = Some(TerminalRefusal::PositionMissing);
        }
        return;
    };
    let accuracy_m = reported.report.accuracy_m.unwrap_or(0.0).clamp(0.0, ACCURACY_MAX_M);
    if judgement.findings.contains(&TerminalFinding::SameRequest)
        || judgement.findings.contains(&TerminalFinding::Overtaken)
    {
        // What it says of the place was, or will be, judged in its turn; inside or outside still decides.
        let distance_m = point.distance_km(reported.installed) * 1_000.0 - accuracy_m;
        if distance_m > policy.geofence_m {
            judgement.findings.push(TerminalFinding::OutsideGeofence { distance_m });
            judgement.refusal = Some(TerminalRefusal::OutsideGeofence);
        }
        return;
    }
    let here = Sighting { point, accuracy_m, at: reported.now };
    if let Some(last) = judgement.known.last
        && let Some(found) = impossible(policy, &last, &here)
    {
        judgement.findings.push(found);
        suspend(judgement, AlertKind::TerminalImpossibleMovement);
        return;
    }
    judgement.known.last = Some(here);
    judge_fence(policy, judgement, &here, reported.installed);
}

/// The way from one sighting to the next, if nothing carries a terminal so fast.
fn impossible(policy: &Terminals, last: &Sighting, here: &Sighting) -> Option<TerminalFinding> {
    let doubt_km = (last.accuracy_m + here.accuracy_m) / 1_000.0;
    let distance_km = last.point.distance_km(here.point) - doubt_km;
    let elapsed = here.at.duration_since(last.at).max(LEAST);
    let hours = elapsed.as_secs_f64() / 3_600.0;
    (distance_km > policy.jump_km && distance_km / hours > policy.speed_kmh)
        .then(|| TerminalFinding::ImpossibleMovement { distance_km, seconds: elapsed.as_secs() })
}

fn judge_fence(policy: &Terminals, judgement: &mut TerminalJudgement, here: &Sighting, installed: GeoPoint) {
    let distance_m = here.point.distance_km(installed) * 1_000.0 - here.accuracy_m;
    if distance_m <= policy.geofence_m {
        (judgement.known.outside, judgement.known.away) = (0, None);
        return;
    }
    judgement.findings.push(TerminalFinding::OutsideGeofence { distance_m });
    judgement.refusal = Some(TerminalRefusal::OutsideGeofence);
    judgement.alerts.push(AlertKind::TerminalOutsideGeofence);
    // From about the same place as the first of them; otherwise the count of a place begins anew.
    let near =
        |first: GeoPoint| first.distance_km(here.point) * 1_000.0 - here.accuracy_m <= policy.geofence_m;
    judgement.known.outside = judgement.known.outside.saturating_add(1);
    match judgement.known.away {
        Some(first) if near(first) => {
            if judgement.known.outside >= policy.relocated_after {
                judgement.findings.push(TerminalFinding::Relocated { distance_m });
                judgement.alerts.push(AlertKind::TerminalRelocated);
            }
        }
        Some(_) => judgement.known.away = Some(here.point),
        None => {
            judgement.known.away = Some(here.point);
            if policy.relocated_after == 1 {
                judgement.findings.push(TerminalFinding::Relocated { distance_m });
                judgement.alerts.push(AlertKind::TerminalRelocated);
            }
        }
    }
    if judgement.known.outside >= policy.suspend_after {
        judgement.findings.push(TerminalFinding::OutsideTooOften);
        judgement.suspend = true;
    }
}
