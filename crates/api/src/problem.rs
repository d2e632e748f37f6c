//! What a refused request gets.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A problem document (RFC 9457, `application/problem+json`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// A URI of the kind of problem: `urn:surety:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The HTTP status, again.
    pub status: u16,
    /// A name that never changes, for programs.
    #[schema(example = "order_already_paid")]
    pub code: String,
    /// What is wrong and what to do, for people.
    pub detail: String,
}
