//! The weighing of what was found, after Art. 4 to 6 of the Chinese Supreme Court's rules on disputed card
//! transactions (2021): the provider proves authorisation; what it failed to keep counts against it; distance,
//! the basic transaction, the time of report, habits and the system's own safety weigh.
//!
//! A proposal: a person decides.

use serde::{Deserialize, Serialize};
use types::{PayerId, Probability, Timestamp};

use crate::own_device::{self, OwnDeviceFacts};
use crate::{Finding, Stance};

/// Another enrolled person who fits the capture better than the debited payer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BetterMatch {
    /// Who. For investigators only.
    pub payer: PayerId,
    /// How many times more likely the capture is under this person's face than under the debited payer's.
    pub times_more_likely: f64,
}

/// The payer's own trace nearest in time to the debit, against the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Travel {
    /// From the trace to the terminal, over the ellipsoid.
    pub distance_km: f64,
    /// Between the trace and the debit, either way.
    pub minutes_apart: f64,
}

impl Travel {
    /// The least speed that joins both, in km/h. Traces of the same minute count as one minute apart.
    #[must_use]
    pub fn speed_kmh(self) -> f64 {
        self.distance_km / (self.minutes_apart.max(1.0) / 60.0)
    }

    /// Faster than an airliner door to door (900 km/h), over a distance that no wrong coordinate explains.
    #[must_use]
    pub fn is_impossible(self) -> bool {
        self.distance_km > 50.0 && self.speed_kmh() > 900.0
    }
}

/// Which number of the payer the typed digits belong to. The digits themselves are no fact that anybody needs to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TypedDigits {
    /// They end the number of then, which is also the number of now or ends the same.
    Both,
    /// They end the number of then only.
    ThenOnly,
    /// They end the number of now only.
    NowOnly,
    /// They end neither.
    Neither,
}

/// The last four digits of the payer's phone, when the attempt began and when the case was gathered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhoneDigits {
    /// Are they other ones now?
    pub changed: bool,
    /// What was typed last in the attempt; none where no number was.
    pub typed: Option<TypedDigits>,
}

/// What the records say about one disputed debit. Plain data: the same facts always weigh the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// For a debit without a face: the device on which the PIN was typed. Then nothing below that is about faces says
    /// anything.
    #[serde(default)]
    pub own_device: Option<OwnDeviceFacts>,
    /// Was the capture still there to be looked at?
    pub capture_preserved: bool,
    /// When the capture was erased at the payer's wish, if that is why it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capture_erased_at: Option<Timestamp>,
    /// When the payer's enrolled face was erased at the payer's wish, if it is not there to be compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub face_erased_at: Option<Timestamp>,
    /// Did the payer prove herself by a PIN or on her own device, at the debit?
    pub strong_factor: bool,
    /// Did typed digits narrow the search, so that they matched by construction?
    pub digits_narrowed_search: bool,
    /// How many digits or numbers were typed in the attempt.
    pub digits_attempts: u32,
    /// How many faces were compared.
    pub searched: u64,
    /// Chance that it was somebody else, as the decision then in force saw it; none under a fixed threshold.
    pub p_wrong_then: Option<Probability>,
    /// The same, over everyone enrolled and under today's calibration; none where the capture or the payer's face is gone.
    pub p_wrong_now: Option<Probability>,
    /// The least liveness of the frames; none where no liveness model was installed.
    pub liveness: Option<f64>,
    /// Somebody who fits better.
    pub better_match: Option<BetterMatch>,
    /// The nearest trace of the payer.
    pub travel: Option<Travel>,
    /// Earlier undisputed payments of the payer in this city.
    pub visits_to_city: u32,
    /// From debit to report.
    pub minutes_to_report: f64,
    /// Other disputes about the same terminal.
    pub terminal_disputes: u32,
    /// What the merchant said, if it did.
    pub merchant_stance: Option<Stance>,
    /// The phone's last four digits then and now, against what was typed; none in cases gathered before this was kept.
    #[serde(default)]
    pub phone: Option<PhoneDigits>,
    /// How sure the decision was and why; none under a fixed threshold, without a face, and in cases gathered before this
    /// was kept.
    #[serde(default)]
    pub certainty_then: Option<InWords>,
    /// The same over everyone enrolled and under today's calibration, of whoever fits best today.
    #[serde(default)]
    pub certainty_now: Option<InWords>,
}

/// Something an investigator reads, in both languages. Nobody is named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InWords {
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
}

/// Which way an item points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The payer herself paid.
    ForAuthorisation,
    /// Somebody else paid.
    AgainstAuthorisation,
    /// Neither; good to know.
    Neutral,
}

/// One thing that weighs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// A name that never changes, for programs and catalogues.
    pub code: String,
    /// Which way it points.
    pub side: Side,
    /// The number behind it, in words for an investigator.
    pub detail: String,
}

/// What the facts amount to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assessment {
    /// Everything that weighs.
    pub items: Vec<Item>,
    /// Do the facts prove that the payer authorised the debit? On doubt: no.
    pub authorisation_proven: bool,
    /// What an investigator should consider first.
    pub proposed: Finding,
}

/// Below this chance of a wrong person, seen over everyone enrolled, a face may speak for the payer.
const P_WRONG_PROVES: f64 = 1e-6;
/// From this ratio on, somebody else fits better beyond measurement noise.
const BETTER_MATCH_RATIO: f64 = 10.0;
/// A report within this many minutes speaks for the payer.
const PROMPT_REPORT_MINUTES: f64 = 24.0 * 60.0;

/// Weighs `facts`. Authorisation is proven only when the payer used a strong factor, her face stands out
/// over everyone enrolled, and nothing contradicts; a missing record never proves. Without a face it is proven by the
/// PIN on a device of hers that is no newcomer, unless something contradicts.
#[must_use]
pub fn assess(facts: &Facts) -> Assessment {
    let mut items = Vec::new();
    let mut add =
        |code: &str, side: Side, detail: String| items.push(Item { code: code.to_owned(), side, detail });
    match &facts.own_device {
        Some(device) => own_device::weigh(device, &mut add),
        None => weigh_face(facts, &mut add),
    }
    weigh_circumstances(facts, &mut add);
    let contradicted = items.iter().any(|item| DECISIVE.contains(&item.code.as_str()));
    let face_stands_out = facts.p_wrong_now.is_some_and(|p| p.value() <= P_WRONG_PROVES);
    let shown = match &facts.own_device {
        Some(_) => facts.strong_factor,
        None => facts.capture_preserved && facts.strong_factor && face_stands_out,
    };
    let authorisation_proven = shown && !contradicted;
    let proposed = propose(facts, authorisation_proven);
    Assessment { items, authorisation_proven, proposed }
}

/// Any of these forbids to call the debit proven.
const DECISIVE: [&str; 9] = [
    "capture_missing",
    "better_match",
    "impossible_travel",
    "merchant_accepts",
    "not_recognised_today",
    "device_new",
    "device_record_missing",
    "device_revoked",
    "pin_recovered",
];

fn weigh_face(facts: &Facts, add: &mut impl FnMut(&str, Side, String)) {
    use Side::{AgainstAuthorisation, ForAuthorisation, Neutral};
    weigh_what_is_kept(facts, add);
    if let Some(better) = facts.better_match.filter(|m| m.times_more_likely >= BETTER_MATCH_RATIO) {
        add(
            "better_match",
            AgainstAuthorisation,
            format!("another enrolled payer fits {:.0} times better", better.times_more_likely),
        );
    }
    match facts.p_wrong_now {
        Some(p) if p.value() <= P_WRONG_PROVES => {
            add(
                "recognised_today",
                ForAuthorisation,
                format!("chance of a wrong person over everyone enrolled: {}", p.one_in()),
            );
        }
        Some(p) if p.value() >= 0.5 => {
            add(
                "not_recognised_today",
                AgainstAuthorisation,
                format!("chance of a wrong person over everyone enrolled: {:.1} %", p.value() * 100.0),
            );
        }
        Some(p) => {
            add(
                "doubtful_today",
                AgainstAuthorisation,
                format!(
                    "chance of a wrong person over everyone enrolled: {}, more than a payment should carry",
                    p.one_in()
                ),
            );
        }
        None => {}
    }
    if facts.digits_narrowed_search {
        add(
            "digits_narrowed_search",
            AgainstAuthorisation,
            format!(
                "the digits chose whom to compare ({} faces), so that they match by construction: no evidence",
                facts.searched
            ),
        );
    }
    match facts.liveness {
        Some(score) if score < 0.5 => {
            add("liveness_low", AgainstAuthorisation, format!("liveness {score:.2}"))
        }
        Some(score) => add("liveness_passed", Neutral, format!("liveness {score:.2}")),
        None => add("liveness_missing", AgainstAuthorisation, "no liveness model was installed".into()),
    }
    if facts.strong_factor {
        add("strong_factor", ForAuthorisation, "PIN or own device confirmed the debit".into());
    } else {
        add(
            "no_strong_factor",
            AgainstAuthorisation,
            "neither PIN nor own device confirmed the debit".into(),
        );
    }
}

fn weigh_what_is_kept(facts: &Facts, add: &mut impl FnMut(&str, Side, String)) {
    use Side::{AgainstAuthorisation, Neutral};
    if let Some(at) = facts.capture_erased_at {
        add("capture_erased", Neutral, format!("the capture was {}", erased(at)));
    } else if !facts.capture_preserved {
        add(
            "capture_missing",
            AgainstAuthorisation,
            "the capture was not kept; that counts against the operator".into(),
        );
    }
    if let Some(at) = facts.face_erased_at {
        add(
            "face_erased",
            Neutral,
            format!("the payer's face was {}: nobody compares with it any more", erased(at)),
        );
    }
}

/// The day is enough for a reader; the tombstone has the moment.
fn erased(at: Timestamp) -> String {
    format!("erased at the payer's wish on {:.10}, which does not count against the operator", at.to_string())
}

fn weigh_circumstances(facts: &Facts, add: &mut impl FnMut(&str, Side, String)) {
    use Side::{AgainstAuthorisation, ForAuthorisation, Neutral};
    match facts.travel {
        Some(travel) if travel.is_impossible() => add(
            "impossible_travel",
            AgainstAuthorisation,
            format!(
                "the payer's own trace was {:.0} km away, {:.0} minutes apart: {:.0} km/h",
                travel.distance_km,
                travel.minutes_apart,
                travel.speed_kmh()
            ),
        ),
        Some(travel) if travel.distance_km < 5.0 && travel.minutes_apart < 60.0 => {
            add(
                "payer_nearby",
                ForAuthorisation,
                format!("the payer's own trace was {:.1} km away", travel.distance_km),
            );
        }
        Some(travel) => add(
            "travel_possible",
            Neutral,
            format!("{:.0} km in {:.0} minutes", travel.distance_km, travel.minutes_apart),
        ),
        None => add("no_trace", Neutral, "no trace of the payer near the time of the debit".into()),
    }
    if facts.visits_to_city == 0 {
        add("city_never_visited", AgainstAuthorisation, "the payer never paid in this city before".into());
    } else {
        add(
            "city_habitual",
            ForAuthorisation,
            format!("{} earlier payments in this city", facts.visits_to_city),
        );
    }
    if facts.minutes_to_report <= PROMPT_REPORT_MINUTES {
        add(
            "reported_promptly",
            AgainstAuthorisation,
            format!("reported {:.0} minutes after the debit", facts.minutes_to_report),
        );
    }
    if facts.terminal_disputes > 0 {
        add(
            "terminal_disputed",
            AgainstAuthorisation,
            format!("{} other disputes at this terminal", facts.terminal_disputes),
        );
    }
    if facts.digits_attempts > 1 {
        add(
            "digits_retried",
            AgainstAuthorisation,
            format!("digits were typed {} times", facts.digits_attempts),
        );
    }
    weigh_digits(facts, add);
    match facts.merchant_stance {
        Some(Stance::Accept) => {
            add("merchant_accepts", AgainstAuthorisation, "the merchant accepts the claim".into())
        }
        Some(Stance::Contest) => add("merchant_contests", Neutral, "the merchant contests the claim".into()),
        None => {}
    }
}

/// Numbers go from hand to hand: digits that are right today may have been somebody else's then.
fn weigh_digits(facts: &Facts, add: &mut impl FnMut(&str, Side, String)) {
    use Side::{AgainstAuthorisation, Neutral};
    let Some(phone) = facts.phone else { return };
    if phone.changed {
        add(
            "phone_changed_since",
            Neutral,
            "the payer's phone number ends in other digits now than when the payment began".into(),
        );
    }
    match phone.typed {
        Some(TypedDigits::ThenOnly) => add(
            "digits_of_former_number",
            Neutral,
            "the digits typed end the number that was the payer's at that time; it is not any more, and its next owner is \
             somebody else"
                .into(),
        ),
        Some(TypedDigits::NowOnly) => add(
            "digits_of_later_number",
            AgainstAuthorisation,
            "the digits typed end the payer's number of today, which was not the payer's at that time".into(),
        ),
        Some(TypedDigits::Neither) => add(
            "digits_of_nobody",
            AgainstAuthorisation,
            "the digits typed end neither the payer's number of that time nor the one of today".into(),
        ),
        Some(TypedDigits::Both) | None => {}
    }
}

fn propose(facts: &Facts, authorisation_proven: bool) -> Finding {
    let someone_else = facts.better_match.is_some_and(|m| m.times_more_likely >= BETTER_MATCH_RATIO);
    let impossible = facts.travel.is_some_and(Travel::is_impossible);
    let unlike = facts.p_wrong_now.is_some_and(|p| p.value() >= 0.5);
    // Only somebody who had the device and the PIN can have paid.
    let taken_over = facts.own_device.is_some_and(OwnDeviceFacts::is_doubtful);
    if authorisation_proven {
        Finding::AuthorisedByPayer
    } else if someone_else || unlike || (impossible && !facts.strong_factor) {
        Finding::WrongPerson
    } else if impossible || taken_over {
        Finding::AccountTakeover
    } else if facts.merchant_stance == Some(Stance::Accept) {
        Finding::MerchantFault
    } else {
        Finding::Other
    }
}
