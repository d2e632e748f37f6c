//! What people of the operator and of merchants may do.

use enumset::{EnumSet, EnumSetType};
use serde::{Deserialize, Serialize};

/// What a member of the operator's staff is trusted with. Duties that must not meet in one person are separate roles.
#[derive(EnumSetType, Debug, Serialize, Deserialize)]
#[enumset(serialize_repr = "list")]
#[serde(rename_all = "snake_case")]
pub enum StaffRole {
    /// Watches: alerts, rules, freezing, suspending terminals.
    RiskAnalyst,
    /// Works on disputes: gathers, finds, recovers, closes.
    Investigator,
    /// The second person: approves what somebody else asked for, and lets money move.
    Approver,
    /// Looks after merchants: registers them and their terminals, sets terms, settles.
    MerchantCare,
    /// Reads records and who looked at what; changes nothing.
    Auditor,
    /// Makes and ends users and their roles. Neither moves money nor sees faces.
    Administrator,
}

/// The roles of one person.
pub type StaffRoles = EnumSet<StaffRole>;

impl StaffRole {
    /// The word for it, as in requests and records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RiskAnalyst => "risk_analyst",
            Self::Investigator => "investigator",
            Self::Approver => "approver",
            Self::MerchantCare => "merchant_care",
            Self::Auditor => "auditor",
            Self::Administrator => "administrator",
        }
    }
}

/// What somebody who works for a merchant is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MerchantRole {
    /// Everything, and who else may do what.
    Owner,
    /// Takes payments.
    Cashier,
    /// Refunds, bills, settlements, statements in disputes.
    Finance,
}

impl MerchantRole {
    /// What the role may do.
    #[must_use]
    pub fn rights(self) -> Rights {
        match self {
            Self::Owner => Rights::all(),
            Self::Cashier => Right::Orders | Right::Payments,
            Self::Finance => Right::Payments | Right::Refunds | Right::Money | Right::Disputes,
        }
    }

    /// The word for it, as in requests and records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Cashier => "cashier",
            Self::Finance => "finance",
        }
    }
}

/// One thing that a merchant's key or user may do: the scope of a key.
#[derive(EnumSetType, Debug, Serialize, Deserialize)]
#[enumset(serialize_repr = "list")]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// Create, read and take back orders.
    Orders,
    /// Read, capture and void payments.
    Payments,
    /// Give money back.
    Refunds,
    /// Balances, settlements, bills.
    Money,
    /// Read disputes and make statements.
    Disputes,
    /// Keys, users, terminals, webhook deliveries.
    Manage,
}

/// What one key or user may do.
pub type Rights = EnumSet<Right>;

impl Right {
    /// The word for it, as in requests and records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Payments => "payments",
            Self::Refunds => "refunds",
            Self::Money => "money",
            Self::Disputes => "disputes",
            Self::Manage => "manage",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_json() {
        for role in StaffRoles::all() {
            assert_eq!(serde_json::to_value(role).unwrap(), role.name());
        }
        for right in Rights::all() {
            assert_eq!(serde_json::to_value(right).unwrap(), right.name());
        }
        for role in [MerchantRole::Owner, MerchantRole::Cashier, MerchantRole::Finance] {
            assert_eq!(serde_json::to_value(role).unwrap(), role.name());
        }
        let roles: StaffRoles = serde_json::from_str(r#"["auditor","approver"]"#).unwrap();
        assert_eq!(roles, StaffRole::Auditor | StaffRole::Approver);
    }

    #[test]
    fn a_cashier_gives_nothing_back() {
        assert!(!MerchantRole::Cashier.rights().contains(Right::Refunds));
        assert!(!MerchantRole::Finance.rights().contains(Right::Manage));
        assert_eq!(MerchantRole::Owner.rights(), Rights::all());
    }
}
