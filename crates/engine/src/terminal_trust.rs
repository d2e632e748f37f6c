//! Is it this terminal, at its address, with frames from its camera? Judged from the report that the terminal signs with
//! the frames.
//!
//! The report is judged and kept before a frame is looked at, in a transaction of its own that locks the terminal: a copied
//! key is found even if its frames are worth nothing, and of two captures one is first. What is suspended here stays so
//! when the capture is refused.

use std::net::IpAddr;

use anyhow::Context as _;
use face::{FacePrint, encoder_print};
use risk::{
    AlertKind, Hint, OnHint, Reported, TerminalFinding, TerminalJudgement, TerminalRefusal, TerminalReport,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{CaptureReportRow, FramePrintRow, SessionRow, TerminalRow, TerminalState, TerminalWatchRow, Tx};
use types::{Digest, PayerId, SessionId, SignedDuration, Timestamp};

use crate::alerts::raise;
use crate::callers::TerminalCaller;
use crate::challenge::Taken;
use crate::engine::{Context, Engine, Timings, record};
use crate::pay::Measured;
use crate::rejected::{Error, Rejected};
use crate::sessions::SessionView;
use crate::terminals::{note, working};

/// How many earlier frames of a terminal, and of a payer, are compared.
const PRINTS_COMPARED: u32 = 60;
/// As many frames of one encoder make a habit of a terminal.
const ENCODER_HABIT: usize = 6;
/// Bits of 256 in which two frames of one moment differ at most. Two frames of a living person differ in more; page 18 of
/// the decisions says what was measured.
const ALIKE_BITS_MAX: u32 = 2;
/// Less noise than this, in grey levels, no sensor's picture has, even when smoothed and compressed.
const NOISE_MIN: f64 = 0.05;
/// How long it is kept how frames looked.
const PRINTS_KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Longest name of a camera that is taken.
const CAMERA_CHARS_MAX: usize = 100;
/// No position is worse than half of Earth's circumference.
const ACCURACY_MAX_M: f64 = 20_040_000.0;

/// The frames of an attempt with what their terminal says of itself.
pub struct SentCapture<'a> {
    /// What the terminal says.
    pub report: &'a TerminalReport,
    /// The pictures, as they came.
    pub taken: Taken<'a>,
    /// From where the request came, if that is known.
    pub network: Option<IpAddr>,
}

/// What stood out in a capture, as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Findings {
    terminal: Vec<TerminalFinding>,
    hints: Vec<Hint>,
    /// The network the request came from, as far as networks are told apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    network: Option<String>,
}

impl Engine {
    /// Takes the frames of an attempt with their terminal's report, and decides: [`Engine::capture`] for terminals.
    ///
    /// # Errors
    /// As [`Engine::capture`]; and [`Rejected::TerminalCloned`], [`Rejected::ClockSkew`], [`Rejected::PositionMissing`],
    /// [`Rejected::OutsideGeofence`], [`Rejected::FramesSeenBefore`], which are kept.
    pub fn capture_reported(
        &self,
        ctx: &mut Context<'_>,
        caller: TerminalCaller,
        (id, nonce): (SessionId, &str),
        sent: &SentCapture<'_>,
    ) -> Result<(SessionView, Timings), Error> {
        self.refuse_when_broken()?;
        let decided = self.take_reported(ctx, caller, (id, nonce), sent);
        self.noted(ctx, (caller, id), sent.taken.pictures, decided)
    }

    fn take_reported(
        &self,
        ctx: &mut Context<'_>,
        caller: TerminalCaller,
        (id, nonce): (SessionId, &str),
        sent: &SentCapture<'_>,
    ) -> Result<(SessionView, Timings), Error> {
        sent.taken.split()?;
        check(sent.report)?;
        let refused = self.store.write(|tx| {
            let terminal = tx.terminal_locked(caller.terminal)?.ok_or(Rejected::terminal())?;
            let (_, _, session) = Self::waiting_for_capture(tx, ctx, caller, (id, nonce))?;
            self.take_report(tx, ctx, (caller, terminal, &session), sent)
        })?;
        if let Some(refused) = refused {
            return Err(refused.into());
        }
        self.capture(ctx, caller, (id, nonce), sent.taken)
    }

    /// Judges a report and keeps it; returns why the capture is refused, if it is.
    fn take_report(
        &self,
        tx: &Tx<'_>,
        ctx: &mut Context<'_>,
        (caller, mut terminal, session): (TerminalCaller, TerminalRow, &SessionRow),
        sent: &SentCapture<'_>,
    ) -> Result<Option<Rejected>, Error> {
        working(&terminal)?;
        let digests: Vec<Digest> = sent.taken.pictures.iter().map(|frame| evidence::digest(frame)).collect();
        let known = tx.terminal_watch(caller.key)?.map(|row| row.known).unwrap_or_default();
        let reported = Reported {
            report: sent.report,
            fingerprint: fingerprint(session.id, sent.report, &digests),
            installed: terminal.place.point,
            now: ctx.now,
        };
        let mut judgement = risk::judge_report(&self.policy.terminals, &known, &reported);
        let hints = self.hints_of(tx, (&terminal, session.id, &mut judgement), sent, &digests)?;
        let refused = refusal(&judgement, &hints, |hint| hint.effect(&self.policy.terminals));
        let alerts = alerts_of(&judgement, &hints);
        let watch = TerminalWatchRow {
            key: caller.key,
            terminal: terminal.id,
            known: judgement.known.clone(),
            at: ctx.now,
        };
        tx.put_terminal_watch(&watch)?;
        let network = sent.network.map(network);
        let findings = Findings { terminal: judgement.findings.clone(), hints, network };
        let report = CaptureReportRow {
            session: session.id,
            key: caller.key,
            at: ctx.now,
            report: serde_json::to_value(sent.report).context("keeping a report")?,
            findings: serde_json::to_value(&findings).context("keeping a report")?,
        };
        tx.put_capture_report(&report)?;
        if !findings.terminal.is_empty() || refused.is_some() {
            let code = refused.as_ref().map(Rejected::code);
            let body = json!({ "event": "terminal_reported", "findings": report.findings, "refused": code });
            record(tx, ctx, &terminal.id.to_string(), &session.id, body)?;
        }
        for kind in alerts {
            let facts = json!({ "key": caller.key, "findings": report.findings });
            raise(tx, ctx, (kind, &terminal), (Some(session.id), facts))?;
        }
        if judgement.suspend {
            terminal.state = TerminalState::Suspended;
            terminal.reason = match judgement.refusal {
                Some(TerminalRefusal::Cloned) => "its key seems to be in two devices",
                Some(
                    TerminalRefusal::OutsideGeofence
                    | TerminalRefusal::ClockSkew
                    | TerminalRefusal::PositionMissing,
                )
                | None => "it was used away from its installed address again and again",
            }
            .to_owned();
            tx.update_terminal(&terminal)?;
            note(tx, ctx, "surety", &terminal, ("terminal_suspended", "terminal.suspended"))?;
        }
        Ok(refused)
    }

    /// What hints, before a frame is decoded, that frames do not come from the camera.
    fn hints_of(
        &self,
        tx: &Tx<'_>,
        (terminal, session, judgement): (&TerminalRow, SessionId, &mut TerminalJudgement),
        sent: &SentCapture<'_>,
        digests: &[Digest],
    ) -> Result<Vec<Hint>, Error> {
        let mut hints = Vec::new();
        if sent.report.camera.as_deref().is_some_and(|camera| self.policy.terminals.is_virtual(camera)) {
            hints.push(Hint::VirtualCamera);
        }
        if (1..digests.len()).any(|at| digests[..at].contains(&digests[at])) {
            hints.push(Hint::IdenticalFrames);
        }
        for digest in digests {
            if tx.frame_seen(*digest)?.is_some_and(|before| before != session) {
                hints.push(Hint::FramesRepeated);
                break;
            }
        }
        let earlier = tx.prints_of_terminal(terminal.id, PRINTS_COMPARED)?;
        let encoders: Vec<String> = sent.taken.pictures.iter().map(|frame| encoder_print(frame)).collect();
        if let Some(habit) = earlier.first()
            && earlier.len() >= ENCODER_HABIT
            && earlier.iter().all(|print| print.encoder == habit.encoder)
            && encoders.iter().any(|encoder| *encoder != habit.encoder)
        {
            hints.push(Hint::OtherEncoder);
        }
        if let Some(network) = sent.network.map(network)
            && judgement.known.comes_from(&network)
        {
            hints.push(Hint::NewNetwork);
        }
        Ok(hints)
    }

    /// Keeps how an attempt's frames look, and notes what that hints at, in the transaction that decides. Nothing for a
    /// capture without a report, which no terminal sends.
    pub(crate) fn note_prints(
        tx: &Tx<'_>,
        ctx: &Context<'_>,
        (session, payer): (&SessionRow, Option<PayerId>),
        measured: &Measured<'_>,
    ) -> Result<(), Error> {
        let Some(mut row) = tx.capture_report(session.id)? else { return Ok(()) };
        let mut earlier = tx.prints_of_terminal(session.terminal, PRINTS_COMPARED)?;
        if let Some(payer) = payer {
            earlier.extend(tx.prints_of_payer(payer, PRINTS_COMPARED)?);
        }
        let before: Vec<FacePrint> =
            earlier.iter().filter_map(|row| FacePrint::of_looks(&row.looks)).collect();
        let now: Vec<FacePrint> = measured.faces.iter().map(|face| face.print).collect();
        let mut findings: Findings =
            serde_json::from_value(row.findings.clone()).context("reading what stood out")?;
        findings.hints.extend(looks_hints(&now, &before));
        row.findings = serde_json::to_value(&findings).context("keeping what stood out")?;
        tx.put_capture_report(&row)?;
        // Movements begin and end alike, so how they look hints at nothing; but none of their frames may come again.
        let moved = measured.moves.iter().flatten().map(|moved| &moved.face.print);
        for (at, (bytes, print)) in measured.pictures.iter().zip(now.iter().chain(moved)).enumerate() {
            tx.insert_frame_print(&FramePrintRow {
                session: session.id,
                position: u32::try_from(at).context("counting frames")?,
                terminal: session.terminal,
                at: ctx.now,
                sha256: evidence::digest(bytes),
                looks: print.looks(),
                encoder: encoder_print(bytes),
            })?;
        }
        Ok(())
    }

    /// What hints that an attempt's frames do not come from its terminal's camera.
    pub(crate) fn hints(tx: &Tx<'_>, session: SessionId) -> Result<Vec<Hint>, Error> {
        let Some(row) = tx.capture_report(session)? else { return Ok(Vec::new()) };
        let findings: Findings = serde_json::from_value(row.findings).context("reading what stood out")?;
        Ok(findings.hints)
    }

    /// Forgets how frames looked that came longer ago than they are compared; returns how many there were.
    ///
    /// # Errors
    /// An operating fault.
    pub fn forget_prints(&self, now: Timestamp) -> Result<usize, Error> {
        self.store.write(|tx| Ok(tx.forget_prints(now - PRINTS_KEPT)?))
    }
}

/// A report that no terminal of ours would send.
fn check(report: &TerminalReport) -> Result<(), Rejected> {
    if !(1..=risk::COUNTER_MAX).contains(&report.counter) {
        return Err(Rejected::Field { field: "report.counter", what: "a number from 1 to 9007199254740991" });
    }
    if report.accuracy_m.is_some_and(|metres| !(0.0..=ACCURACY_MAX_M).contains(&metres)) {
        return Err(Rejected::Field { field: "report.accuracy_m", what: "metres, not negative" });
    }
    if report.camera.as_ref().is_some_and(|name| {
        name.trim().is_empty()
            || name.chars().count() > CAMERA_CHARS_MAX
            || name.chars().any(char::is_control)
    }) {
        return Err(Rejected::Field { field: "report.camera", what: "a name of 1 to 100 characters" });
    }
    Ok(())
}

/// Of the request: the same again, whatever its signature, is the same request.
fn fingerprint(session: SessionId, report: &TerminalReport, frames: &[Digest]) -> Digest {
    let all = json!({ "session": session, "report": report, "frames": frames });
    evidence::digest(all.to_string().as_bytes())
}

fn refusal(
    judgement: &TerminalJudgement,
    hints: &[Hint],
    effect: impl Fn(&Hint) -> OnHint,
) -> Option<Rejected> {
    let terminal = judgement.refusal.map(|refusal| match refusal {
        TerminalRefusal::Cloned => Rejected::TerminalCloned,
        TerminalRefusal::ClockSkew => {
            let skew = judgement.findings.iter().find_map(|finding| match finding {
                TerminalFinding::ClockSkew { seconds } => Some(*seconds),
                TerminalFinding::SameRequest
                | TerminalFinding::Overtaken
                | TerminalFinding::TwoCounters { counter: _, highest: _ }
                | TerminalFinding::PositionMissing
                | TerminalFinding::OutsideGeofence { distance_m: _ }
                | TerminalFinding::Relocated { distance_m: _ }
                | TerminalFinding::ImpossibleMovement { distance_km: _, seconds: _ }
                | TerminalFinding::OutsideTooOften => None,
            });
            Rejected::ClockSkew { seconds: skew.unwrap_or_default() }
        }
        TerminalRefusal::PositionMissing => Rejected::PositionMissing,
        TerminalRefusal::OutsideGeofence => Rejected::OutsideGeofence,
    });
    terminal.or_else(|| {
        hints.iter().any(|hint| effect(hint) == OnHint::Refuse).then_some(Rejected::FramesSeenBefore)
    })
}

fn alerts_of(judgement: &TerminalJudgement, hints: &[Hint]) -> Vec<AlertKind> {
    let of_hint = |hint: &Hint| match hint {
        Hint::VirtualCamera => Some(AlertKind::CameraInjection),
        Hint::IdenticalFrames | Hint::FramesRepeated => Some(AlertKind::FramesRepeated),
        Hint::AlikeFrames
        | Hint::FramesAlikeBefore
        | Hint::NoSensorNoise
        | Hint::OtherEncoder
        | Hint::NewNetwork => None,
    };
    let mut alerts: Vec<AlertKind> =
        judgement.alerts.iter().copied().chain(hints.iter().filter_map(of_hint)).collect();
    alerts.sort_unstable();
    alerts.dedup();
    alerts
}

/// What the looks of frames hint at.
fn looks_hints(now: &[FacePrint], before: &[FacePrint]) -> Vec<Hint> {
    let alike = |one: &FacePrint, other: &FacePrint| one.distance(other) <= ALIKE_BITS_MAX;
    let mut hints = Vec::new();
    if (1..now.len()).any(|at| now[..at].iter().any(|print| alike(print, &now[at]))) {
        hints.push(Hint::AlikeFrames);
    }
    if now.iter().any(|print| before.iter().any(|earlier| alike(print, earlier))) {
        hints.push(Hint::FramesAlikeBefore);
    }
    if now.iter().any(|print| print.noise.is_some_and(|noise| noise < NOISE_MIN)) {
        hints.push(Hint::NoSensorNoise);
    }
    hints
}

/// What tells networks apart: 24 bits of an IPv4 address, 48 of an IPv6 one. Which city that is, nobody here knows.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}::/48")
        }
    }
}
