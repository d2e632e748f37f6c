//! Typed ids: a `UUIDv7` (RFC 9562) with a prefix that says what it names, as in `pay_0192f0c1...`.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use rand::Rng;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The text is no id of the kind that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id of the form {prefix}_ followed by 32 hexadecimal digits")]
pub struct IdError {
    prefix: &'static str,
}

fn generate(now: Timestamp, random: &mut dyn Rng) -> Uuid {
    let mut bytes = [0; 10];
    random.fill_bytes(&mut bytes);
    // A clock before 1970 is clamped: such an id is still unique, only its time part is lost.
    let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid()
}

fn parse(text: &str, prefix: &'static str) -> Result<Uuid, IdError> {
    let error = IdError { prefix };
    let digits = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_')).ok_or(error)?;
    if digits.len() != 32 || digits.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(error);
    }
    Uuid::try_parse(digits).or(Err(error))
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Uuid);

        impl $name {
            /// What the text form starts with, before the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// A new id: its order follows `now`, its uniqueness comes from `random`.
            pub fn generate(now: Timestamp, random: &mut dyn Rng) -> Self {
                Self(generate(now, random))
            }

            /// The id that is always the same for the same 128 bits; for ids derived from other ids.
            #[must_use]
            pub const fn from_bits(bits: u128) -> Self {
                Self(Uuid::from_u128(bits))
            }

            /// The 128 bits of the id.
            #[must_use]
            pub const fn to_bits(self) -> u128 {
                self.0.as_u128()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}_{}", $prefix, self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                parse(text, $prefix).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }
    )+};
}

ids! {
    /// An enrolled person with an account.
    PayerId = "payer";
    /// A shop, canteen or line that is paid.
    MerchantId = "mer";
    /// A registered device at an installed address.
    TerminalId = "term";
    /// A terminal's move to another place: proposed, then approved or rejected.
    RelocationId = "rel";
    /// What a merchant wants paid.
    OrderId = "ord";
    /// One attempt to pay an order: nonce, capture, step-ups, outcome; or an order's code that was paid.
    SessionId = "ses";
    /// The frames a terminal took for one order.
    CaptureId = "cap";
    /// A debit that happened.
    PaymentId = "pay";
    /// Money of a payment that a merchant gave back.
    RefundId = "rfd";
    /// A merchant's money of one business day, settled together.
    SettlementId = "stl";
    /// Something that leaves through the outbox.
    DeliveryId = "dlv";
    /// A movement between accounts.
    TransferId = "tr";
    /// A case: somebody says a debit was wrong.
    DisputeId = "dis";
    /// An enrolment waiting for the holder's confirmation, or confirmed.
    EnrolmentId = "enr";
    /// A face template of one payer.
    TemplateId = "tpl";
    /// A passkey: a credential on a person's device that signs (WebAuthn).
    PasskeyId = "psk";
    /// A challenge to a passkey, or to a device that is to make one.
    CeremonyId = "cer";
    /// A recorded consent to a version of the consent text.
    ConsentId = "con";
    /// A code sent to a phone, to prove who has it.
    ChallengeId = "otp";
    /// A question put to the payer's own device.
    ConfirmationId = "cnf";
    /// A message to a payer.
    MessageId = "msg";
    /// A recorded change of one thing.
    EventId = "evt";
    /// A credential; the id is public, the secret is not.
    KeyId = "key";
    /// A person who works for the operator or for a merchant.
    UserId = "usr";
    /// What tells that something was erased.
    TombstoneId = "tmb";
    /// Further roles that somebody took for a while.
    BreakGlassId = "brg";
    /// Something the watchers noticed.
    AlertId = "alert";
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    #[test]
    fn texts_round_trip_and_kinds_do_not_mix() {
        let mut random = StdRng::seed_from_u64(7);
        let now = Timestamp::from_millisecond(1_736_679_000_000).unwrap();
        let id = PaymentId::generate(now, &mut random);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(id.to_string().parse::<OrderId>().is_err());
        assert!("pay_".parse::<PaymentId>().is_err());
        assert!("pay_ZZ92f0c1aaaaaaaaaaaaaaaaaaaaaaaa".parse::<PaymentId>().is_err());
        assert!(id < PaymentId::generate(now + jiff::SignedDuration::from_secs(1), &mut random));
    }
}
