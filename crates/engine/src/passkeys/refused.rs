//! Why a passkey, or a challenge to one, is refused.

use crate::rejected::Kind;

/// A refusal about passkeys. None of them says whether somebody else's passkey exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasskeyRefused {
    /// The operator has not said under which address browsers see this server.
    #[error("passkeys are off here; the operator switches them on with `surety serve --public-origin`")]
    Off,
    /// Nothing is asked under this id.
    #[error("there is no such ceremony; ask for a challenge first")]
    CeremonyUnknown,
    /// The challenge was for another thing.
    #[error("this ceremony is for something else; ask for a challenge for this")]
    CeremonyOther,
    /// It is too old.
    #[error("this ceremony is over after five minutes; ask for a new challenge")]
    CeremonyExpired,
    /// It was answered.
    #[error("this ceremony was answered before, rightly or wrongly; ask for a new challenge")]
    CeremonyUsed,
    /// Nobody needs so many.
    #[error("ten passkeys are the most; remove one first")]
    TooMany,
    /// The device has one already.
    #[error("this passkey is registered already")]
    Known,
    /// There is nothing to ask.
    #[error("this account has no passkey that can be asked; go on without one, or register one")]
    Missing,
    /// There is one, so it is asked.
    #[error("this account has a passkey: ask for a challenge and send the answer along")]
    Needed,
    /// It is not what browsers make.
    #[error("credential: not what navigator.credentials gave, as JSON (PublicKeyCredential.toJSON)")]
    Malformed,
    /// It is not one of this account's.
    #[error("this passkey is not one of this account's; choose another")]
    Foreign,
    /// It answers another challenge.
    #[error("the passkey signed another challenge; ask for a new one, and sign that")]
    ChallengeWrong,
    /// Another site asked for it.
    #[error("the passkey was asked by another site; use it on this operator's own pages only")]
    OriginWrong,
    /// It belongs to another site.
    #[error("the passkey belongs to another site; register one here")]
    RelyingPartyWrong,
    /// The device did not check who holds it.
    #[error("the device did not check that it is you; unlock it with your finger, face or code when it asks")]
    UserUnverified,
    /// The signature is wrong, or something about it.
    #[error("the passkey's answer is not right; ask for a new challenge and try again")]
    Invalid,
    /// A copy of it was seen.
    #[error("this passkey is blocked because a copy of it seems to exist; remove it and register a new one")]
    Blocked,
    /// Its counter did not go up.
    #[error(
        "this passkey's counter went backwards, so a copy of it seems to exist; it is blocked from now on: remove it \
         and register a new one"
    )]
    Cloned,
}

impl PasskeyRefused {
    /// A name that never changes, for programs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Off => "passkeys_off",
            Self::CeremonyUnknown => "ceremony_unknown",
            Self::CeremonyOther => "ceremony_other",
            Self::CeremonyExpired => "ceremony_expired",
            Self::CeremonyUsed => "ceremony_used",
            Self::TooMany => "passkeys_too_many",
            Self::Known => "passkey_known",
            Self::Missing => "passkey_missing",
            Self::Needed => "passkey_needed",
            Self::Malformed => "passkey_malformed",
            Self::Foreign => "passkey_foreign",
            Self::ChallengeWrong => "passkey_challenge_wrong",
            Self::OriginWrong => "passkey_origin_wrong",
            Self::RelyingPartyWrong => "passkey_rp_wrong",
            Self::UserUnverified => "passkey_user_unverified",
            Self::Invalid => "passkey_invalid",
            Self::Blocked => "passkey_blocked",
            Self::Cloned => "passkey_cloned",
        }
    }

    /// What kind of refusal it is.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Off => Kind::Unavailable,
            Self::CeremonyUnknown => Kind::Unknown,
            Self::CeremonyOther
            | Self::CeremonyExpired
            | Self::CeremonyUsed
            | Self::TooMany
            | Self::Known
            | Self::Missing => Kind::Conflict,
            Self::Malformed => Kind::Invalid,
            Self::Needed
            | Self::Foreign
            | Self::ChallengeWrong
            | Self::OriginWrong
            | Self::RelyingPartyWrong
            | Self::UserUnverified
            | Self::Invalid
            | Self::Blocked
            | Self::Cloned => Kind::Forbidden,
        }
    }
}
