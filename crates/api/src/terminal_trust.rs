//! What a terminal says of itself with its frames, and the alerts that follow.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use types::{AlertId, GeoPoint, MerchantId, SessionId, TerminalId, Timestamp};
use utoipa::ToSchema;

use crate::schema::GeoPointSchema;

/// What a terminal says of itself with a capture, signed with the frames.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TerminalReport {
    /// Larger than in every capture this key signed before. Write it down before you use it: a counter that comes twice,
    /// or a lower one, suspends the terminal as a copy. The very same capture sent again keeps its counter.
    #[serde(deserialize_with = "counter")]
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_u64)]
    pub counter: u64,
    /// When the first frame was taken, by the terminal's clock.
    #[schema(value_type = String, format = DateTime)]
    pub taken_at: Timestamp,
    /// Where the terminal is, if it knows.
    #[serde(default)]
    #[schema(value_type = Option<GeoPointSchema>)]
    pub point: Option<GeoPoint>,
    /// How far that may be off, in metres.
    #[serde(default)]
    #[schema(minimum = 0)]
    pub accuracy_m: Option<f64>,
    /// What the system calls the camera; 1 to 100 characters.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 100)]
    pub camera: Option<String>,
}

/// A number that is no counter, as one beyond what a database keeps, is wrong JSON like a text would be.
fn counter<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let number = i64::deserialize(deserializer)?;
    u64::try_from(number).map_err(|_negative| D::Error::custom("a counter is not negative"))
}

/// Does an alert wait for somebody?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// It does.
    Open,
    /// Somebody has dealt with it.
    Closed,
}

/// Something that staff has to look at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AlertView {
    /// Its id.
    #[schema(value_type = String)]
    pub alert_id: AlertId,
    /// A name that never changes, for programs.
    pub kind: String,
    /// What it means and what to do, in Chinese.
    pub zh: String,
    /// The same in English.
    pub en: String,
    /// Does it wait for somebody?
    pub state: AlertState,
    /// When it was raised.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// When the same came last.
    #[schema(value_type = String, format = DateTime)]
    pub last_at: Timestamp,
    /// How often it came while the alert was open.
    pub times: u32,
    /// At which terminal.
    #[schema(value_type = Option<String>)]
    pub terminal_id: Option<TerminalId>,
    /// Whose terminal.
    #[schema(value_type = Option<String>)]
    pub merchant_id: Option<MerchantId>,
    /// In which attempt it came last, if in one.
    #[schema(value_type = Option<String>)]
    pub session_id: Option<SessionId>,
    /// What was found, the last time.
    pub facts: serde_json::Value,
}

/// Alerts, the last to come first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AlertList {
    /// At most 200.
    pub alerts: Vec<AlertView>,
}
