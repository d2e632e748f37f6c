//! OpenAPI shapes of the vocabulary, which itself knows nothing of OpenAPI.

use utoipa::ToSchema;

/// Money: integer minor units of an ISO 4217 currency. 106.64 yuan is `{"minor": 10664, "currency": "CNY"}`.
#[derive(ToSchema)]
#[schema(as = Amount)]
#[expect(dead_code, reason = "describes types::Amount to OpenAPI; never built")]
pub struct AmountSchema {
    /// Minor units (fen, cents).
    #[schema(example = 10664)]
    minor: i64,
    /// Three letters.
    #[schema(example = "CNY", pattern = "^[A-Z]{3}$")]
    currency: String,
}

/// A point on the WGS 84 ellipsoid, in degrees.
#[derive(ToSchema)]
#[schema(as = GeoPoint)]
#[expect(dead_code, reason = "describes types::GeoPoint to OpenAPI; never built")]
pub struct GeoPointSchema {
    /// -90 to 90, north positive.
    #[schema(example = 23.1291, minimum = -90.0, maximum = 90.0)]
    latitude: f64,
    /// -180 to 180, east positive.
    #[schema(example = 113.2644, minimum = -180.0, maximum = 180.0)]
    longitude: f64,
}

/// An installed address.
#[derive(ToSchema)]
#[schema(as = Place)]
#[expect(dead_code, reason = "describes types::Place to OpenAPI; never built")]
pub struct PlaceSchema {
    /// City.
    #[schema(example = "Guangzhou")]
    city: String,
    /// Street and number.
    #[schema(example = "12 Beijing Road")]
    address: String,
    /// Where that is.
    #[schema(value_type = GeoPointSchema)]
    point: GeoPointSchema,
}

/// What a member of the operator's staff is trusted with.
#[derive(ToSchema)]
#[schema(as = StaffRole, rename_all = "snake_case")]
pub enum StaffRoleSchema {
    /// Watches: alerts, rules, freezing, suspending terminals.
    RiskAnalyst,
    /// Works on disputes: gathers, finds, recovers, closes.
    Investigator,
    /// Approves what somebody else asked for, and lets money move.
    Approver,
    /// Looks after merchants: registers them and their terminals, sets terms, settles.
    MerchantCare,
    /// Reads records and who looked at what; changes nothing.
    Auditor,
    /// Makes and ends users and their roles. Neither moves money nor sees faces.
    Administrator,
}

/// What somebody who works for a merchant is.
#[derive(ToSchema)]
#[schema(as = MerchantRole, rename_all = "snake_case")]
pub enum MerchantRoleSchema {
    /// Everything, and who else may do what.
    Owner,
    /// Takes payments.
    Cashier,
    /// Refunds, bills, settlements, statements in disputes.
    Finance,
}
