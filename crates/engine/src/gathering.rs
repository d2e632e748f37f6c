//! The evidence about a disputed debit, gathered from Surety's own records.

use anyhow::{Context as _, anyhow};
use disputes::{BetterMatch, Facts, OwnDeviceFacts, PhoneDigits, Statement, Travel, TypedDigits};
use identity::Certainty;
use risk::{Case, Verdict};
use store::{CaptureContent, FaceState, PaymentRow, SessionRow, TerminalRow, TraceRow, Tx};
use types::{DisputeId, GeoPoint, PayerId, Probability, SignedDuration, Template, Timestamp};

use crate::engine::{Context, Engine};
use crate::explained::{of_certainty, of_recognition};
use crate::recognise::{Probe, Recognition, Scene, minutes_between};
use crate::rejected::{Error, Rejected};

/// Habits older than this do not speak for the payer.
const HABIT: SignedDuration = SignedDuration::from_hours(24 * 365);

/// What the rows say, before the capture itself is looked at again.
struct Records {
    payment: PaymentRow,
    terminal: TerminalRow,
    filed_at: Timestamp,
    recognition: Recognition,
    case: Case,
    p_wrong_then: Option<Probability>,
    frames: u32,
    digits_attempts: u32,
    visits_to_city: u32,
    terminal_disputes: u32,
    merchant_stance: Option<disputes::Stance>,
    travel: Option<Travel>,
    phone: Option<PhoneDigits>,
    own_device: Option<OwnDeviceFacts>,
}

/// What of the faces is still there.
struct Kept {
    probe: Option<Template>,
    capture_erased_at: Option<Timestamp>,
    face_erased_at: Option<Timestamp>,
}

impl Engine {
    /// Everything the records say about a disputed debit, and what the capture says today.
    ///
    /// # Errors
    /// An unknown dispute; an operating fault.
    pub(crate) fn facts(&self, _ctx: &Context<'_>, id: DisputeId) -> Result<Facts, Error> {
        let records = self.records(id)?;
        let payer = records.payment.terms().payer;
        let Kept { probe, capture_erased_at, face_erased_at } = self.kept(&records)?;
        let today = match (&probe, face_erased_at) {
            (Some(probe), None) => Some(self.today(&records, probe)?),
            // Compared with everybody but the payer, the capture could only speak for somebody else.
            (Some(_), Some(_)) | (None, _) => None,
        };
        Ok(Facts {
            own_device: records.own_device,
            capture_preserved: probe.is_some(),
            capture_erased_at,
            face_erased_at,
            strong_factor: records.payment.strong,
            digits_narrowed_search: records.recognition.digits_chose(),
            digits_attempts: records.digits_attempts,
            searched: records.recognition.searched(),
            p_wrong_then: records.p_wrong_then,
            p_wrong_now: today.as_ref().map(|certainty| certainty.p_other_than(payer)),
            liveness: records.case.liveness,
            better_match: today.as_ref().and_then(|certainty| better_match(certainty, payer)),
            travel: records.travel,
            visits_to_city: records.visits_to_city,
            minutes_to_report: minutes_between(records.payment.terms().at, records.filed_at),
            terminal_disputes: records.terminal_disputes,
            merchant_stance: records.merchant_stance,
            phone: records.phone,
            certainty_then: of_recognition(&records.recognition),
            certainty_now: today.as_ref().map(of_certainty),
        })
    }

    fn records(&self, id: DisputeId) -> Result<Records, Error> {
        self.store.read(|tx| {
            let row = tx.dispute(id)?.ok_or(Rejected::dispute())?;
            let filing = row.dispute.filing;
            let vanished = |what: &str| anyhow!("the {what} of {id} has vanished");
            let payment = tx.payment(filing.payment)?.ok_or_else(|| vanished("payment"))?;
            let at = payment.terms().at;
            let terminal = tx.terminal(payment.terminal)?.ok_or_else(|| vanished("terminal"))?;
            // It may have moved since; the evidence is about where it stood then.
            let place = tx.terminal_place(payment.terminal, at)?.ok_or_else(|| vanished("place"))?;
            let terminal = TerminalRow { place, ..terminal };
            let session = tx.session(payment.session)?.ok_or_else(|| vanished("session"))?;
            let decision = tx.decisions(session.id)?.pop().ok_or_else(|| vanished("decision"))?;
            let verdict: Verdict = serde_json::from_value(decision.verdict).context("reading a decision")?;
            let p_wrong_then = match verdict {
                Verdict::Approve { p_wrong, reasons: _ } => p_wrong,
                Verdict::StepUp { ask: _, p_wrong: _, reasons: _ }
                | Verdict::Refuse { refusal: _, p_wrong: _ } => {
                    return Err(anyhow!("{} was debited without an approval", session.id).into());
                }
            };
            let frames = tx.capture(session.id)?.map_or(0, |capture| capture.probe_frames());
            let device = tx.nearest_trace(filing.payer, at)?.map(|TraceRow { at, point }| (at, point));
            let paid = tx.last_payment_place(filing.payer, filing.payment, at)?;
            let since = at - HABIT;
            let recognition = serde_json::from_value(decision.recognition).context("reading a decision")?;
            Ok(Records {
                filed_at: filing.at,
                own_device: self.own_device(tx, &recognition, at)?,
                recognition,
                case: serde_json::from_value(decision.case).context("reading a decision")?,
                p_wrong_then,
                frames: u32::try_from(frames).context("counting frames")?,
                digits_attempts: session.digits_attempts,
                visits_to_city: tx.visits_to_city(filing.payer, &terminal, since, at)?,
                terminal_disputes: tx.other_disputes_at(terminal.id, id)?,
                merchant_stance: match row.dispute.statement {
                    Some(Statement::Received { at: _, stance, text: _ }) => Some(stance),
                    Some(Statement::Asked { due: _ }) | None => None,
                },
                travel: nearest([device, paid], &terminal, at),
                phone: self.phone_digits(tx, filing.payer, &session)?,
                payment,
                terminal,
            })
        })
    }

    /// The device that paid without a face, if it was so.
    fn own_device(
        &self,
        tx: &Tx<'_>,
        recognition: &Recognition,
        at: Timestamp,
    ) -> Result<Option<OwnDeviceFacts>, Error> {
        let Recognition::OrderCode { payer, device } = recognition else { return Ok(None) };
        let owner = tx.payer(*payer)?.ok_or(Rejected::payer())?;
        let key = tx.credential(*device)?;
        let minutes = |since: Timestamp| at.duration_since(since).as_secs_f64() / 60.0;
        Ok(Some(OwnDeviceFacts {
            registered_minutes: key.as_ref().map(|key| minutes(key.created_at)),
            young: key.as_ref().is_some_and(|key| self.is_young(&owner, key, at)),
            revoked: key.is_some_and(|key| key.revoked_at.is_some()),
            pin_recovered: self.is_recovered(&owner, at),
        }))
    }

    /// The number's end when the attempt began and now, against what was typed; none of a closed account.
    fn phone_digits(
        &self,
        tx: &Tx<'_>,
        payer: PayerId,
        session: &SessionRow,
    ) -> Result<Option<PhoneDigits>, Error> {
        let owner = tx.payer(payer)?.ok_or(Rejected::payer())?;
        let then = self.phone_at(tx, &owner, session.opened_at)?;
        let Some((then, contact)) = then.zip(self.contact(&owner)?) else { return Ok(None) };
        let (then, now) = (then.last_four(), contact.phone.last_four());
        let answers = tx.events(&session.id.to_string())?;
        let typed = answers.iter().rev().find_map(|event| event.body["digits"].as_str());
        let typed = typed.map(|typed| {
            let is = |digits| typed == self.digits_of(session.id, digits);
            match (is(then), is(now)) {
                (true, true) => TypedDigits::Both,
                (true, false) => TypedDigits::ThenOnly,
                (false, true) => TypedDigits::NowOnly,
                (false, false) => TypedDigits::Neither,
            }
        });
        Ok(Some(PhoneDigits { changed: then != now, typed }))
    }

    /// What is still there to be compared, and what was erased at the payer's wish.
    fn kept(&self, records: &Records) -> Result<Kept, Error> {
        let (session, payer) = (records.payment.session, records.payment.terms().payer);
        let (capture_erased_at, face_erased_at) = self.store.read(|tx| {
            let content = tx.capture(session)?.map(|capture| capture.content);
            let capture = match content {
                Some(CaptureContent::Erased { by }) => tx.tombstone(by)?.map(|tombstone| tombstone.at),
                Some(CaptureContent::Kept { probe_sealed: _, key: _ }) | None => None,
            };
            let enrolled = tx.payer(payer)?.is_some_and(|row| row.face != FaceState::None);
            let face = if enrolled { None } else { tx.face_erased_at(payer)? };
            Ok::<_, Error>((capture, face))
        })?;
        let probe = self.probe(session)?.map(|kept| kept.template);
        Ok(Kept { probe, capture_erased_at, face_erased_at })
    }

    /// How the capture looks today over everybody enrolled.
    fn today(&self, records: &Records, probe: &Template) -> Result<Certainty, Error> {
        let probe = Probe { template: probe, frames: records.frames, each: &[] };
        let scene = Scene { terminal: &records.terminal, at: records.payment.terms().at };
        self.certainty_today(&probe, scene, records.payment.terms().payer)
    }
}

/// Somebody whose face explains the capture better than the debited payer's.
fn better_match(certainty: &Certainty, debited: PayerId) -> Option<BetterMatch> {
    let own = certainty.terms.iter().find(|term| term.payer == debited);
    let others = certainty.terms.iter().filter(|term| term.payer != debited);
    let best = others.max_by(|a, b| a.score.value().total_cmp(&b.score.value()))?;
    match own {
        Some(own) if own.score >= best.score => None,
        Some(own) => {
            Some(BetterMatch { payer: best.payer, times_more_likely: (best.ln_lr - own.ln_lr).exp() })
        }
        // The debited face is not enrolled any more: anybody who fits at all fits better than nobody.
        None => Some(BetterMatch { payer: best.payer, times_more_likely: best.ln_lr.exp() }),
    }
}

fn nearest(
    traces: [Option<(Timestamp, GeoPoint)>; 2],
    terminal: &TerminalRow,
    at: Timestamp,
) -> Option<Travel> {
    let travel = |(seen, point): (Timestamp, GeoPoint)| Travel {
        distance_km: point.distance_km(terminal.place.point),
        minutes_apart: minutes_between(seen, at),
    };
    let journeys = traces.into_iter().flatten().map(travel);
    journeys.min_by(|a, b| a.minutes_apart.total_cmp(&b.minutes_apart))
}
