//! Who calls. Each value is made only by authentication, so holding one is proof of the credential.

use anyhow::{Context as _, anyhow};
use store::{CredentialKind, CredentialRow, Post, Scope, Tx, UserState};
use subtle::ConstantTimeEq;
use types::{
    KeyId, MerchantId, MerchantRole, PayerId, Right, Rights, SignedDuration, StaffRole, StaffRoles,
    TerminalId, Timestamp, UserId,
};
use zeroize::Zeroizing;

use crate::engine::{Context, Engine};
use crate::rejected::{Error, Rejected};
use crate::terminals::working;

const SEEN_TO: SignedDuration = SignedDuration::from_hours(1);

/// Longer than a signature can be too early and then too old: five minutes each.
const NONCE_KEPT: SignedDuration = SignedDuration::from_mins(11);

/// A member of the operator's staff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaffCaller {
    pub(crate) user: UserId,
    /// What was shown.
    pub(crate) session: KeyId,
    /// The name in records: the login, and under which break-glass.
    pub(crate) name: String,
    /// The user's own roles, and those taken for a while.
    pub(crate) roles: StaffRoles,
}

/// Somebody with a login, of the operator or of a merchant, whatever the roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub(crate) user: UserId,
    /// What was shown: the login this call is under.
    pub(crate) session: KeyId,
    /// The name in records.
    pub(crate) name: String,
}

impl Person {
    /// The login this call is under.
    #[must_use]
    pub const fn session(&self) -> KeyId {
        self.session
    }
}

impl StaffCaller {
    /// Goes on only with one of these roles.
    pub(crate) fn must_be(&self, needed: impl Into<StaffRoles>) -> Result<(), Rejected> {
        let needed = needed.into();
        if self.roles.is_disjoint(needed) { Err(Rejected::RoleMissing { needed }) } else { Ok(()) }
    }

    /// The user behind the call.
    #[must_use]
    pub const fn user(&self) -> UserId {
        self.user
    }

    /// What the user types to log in.
    #[must_use]
    pub fn login(&self) -> &str {
        self.name.split(' ').next().unwrap_or(&self.name)
    }

    /// What the user is trusted with.
    #[must_use]
    pub const fn roles(&self) -> StaffRoles {
        self.roles
    }
}

/// Somebody who acts for one merchant: a machine's key, or a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MerchantCaller {
    pub(crate) merchant: MerchantId,
    pub(crate) actor: MerchantActor,
    pub(crate) rights: Rights,
}

/// Who acts for a merchant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MerchantActor {
    Key(KeyId),
    User { user: UserId, session: KeyId },
}

impl MerchantCaller {
    /// Goes on only with this right.
    pub(crate) fn may(&self, needed: Right) -> Result<(), Rejected> {
        if self.rights.contains(needed) { Ok(()) } else { Err(Rejected::RightMissing { needed }) }
    }

    /// The id of the key or user that acts.
    pub(crate) fn actor_id(&self) -> String {
        match self.actor {
            MerchantActor::Key(key) => key.to_string(),
            MerchantActor::User { user, session: _ } => user.to_string(),
        }
    }

    /// The name in records.
    pub(crate) fn name(&self) -> String {
        match self.actor {
            MerchantActor::Key(key) => format!("{} {key}", self.merchant),
            MerchantActor::User { user, session: _ } => format!("{} {user}", self.merchant),
        }
    }
}

/// One terminal. Nothing that changes a face or an account takes one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TerminalCaller {
    pub(crate) terminal: TerminalId,
    /// What its device signs with, or shows.
    pub(crate) key: KeyId,
}

/// A payer's own device. The only caller that can enrol a face or switch it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OwnDevice {
    pub(crate) payer: PayerId,
    /// Which of the payer's devices.
    pub(crate) device: KeyId,
}

impl OwnDevice {
    /// Which of the payer's devices.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.device
    }
}

/// Whoever a credential speaks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A member of the operator's staff.
    Staff(StaffCaller),
    /// One merchant's systems or people.
    Merchant(MerchantCaller),
    /// One terminal.
    Terminal(TerminalCaller),
    /// A payer's own device.
    Payer(OwnDevice),
}

impl Caller {
    /// The staff member.
    ///
    /// # Errors
    /// [`Rejected::WrongRole`].
    pub fn staff(self) -> Result<StaffCaller, Rejected> {
        if let Self::Staff(staff) = self { Ok(staff) } else { Err(Rejected::WrongRole { needed: "staff" }) }
    }

    /// The merchant.
    ///
    /// # Errors
    /// [`Rejected::WrongRole`].
    pub const fn merchant(&self) -> Result<MerchantCaller, Rejected> {
        if let Self::Merchant(merchant) = self {
            Ok(*merchant)
        } else {
            Err(Rejected::WrongRole { needed: "merchant" })
        }
    }

    /// The person, for what concerns only the own login.
    ///
    /// # Errors
    /// [`Rejected::WrongRole`]: machines, terminals and payers' devices have no login of this kind.
    pub fn person(&self) -> Result<Person, Rejected> {
        match self {
            Self::Staff(StaffCaller { user, session, name, roles: _ }) => {
                Ok(Person { user: *user, session: *session, name: name.clone() })
            }
            Self::Merchant(merchant) => match merchant.actor {
                MerchantActor::User { user, session } => Ok(Person { user, session, name: merchant.name() }),
                MerchantActor::Key(_) => Err(Rejected::WrongRole { needed: "user's" }),
            },
            Self::Terminal(_) | Self::Payer(_) => Err(Rejected::WrongRole { needed: "user's" }),
        }
    }

    /// The terminal.
    ///
    /// # Errors
    /// [`Rejected::WrongRole`].
    pub const fn terminal(&self) -> Result<TerminalCaller, Rejected> {
        if let Self::Terminal(terminal) = self {
            Ok(*terminal)
        } else {
            Err(Rejected::WrongRole { needed: "terminal" })
        }
    }

    /// The payer's own device.
    ///
    /// # Errors
    /// [`Rejected::WrongRole`].
    pub const fn own_device(&self) -> Result<OwnDevice, Rejected> {
        if let Self::Payer(device) = self {
            Ok(*device)
        } else {
            Err(Rejected::WrongRole { needed: "payer" })
        }
    }
}

impl Engine {
    /// Whom a secret speaks for, shown as a bearer key or in a cookie.
    ///
    /// # Errors
    /// [`Rejected::KeyUnknown`]; an operating fault.
    pub fn authenticate(&self, now: Timestamp, secret: &str, shown: CredentialKind) -> Result<Caller, Error> {
        let hash = evidence::digest(secret.as_bytes());
        let found = self.store.read(|tx| {
            let key = tx.credential_of_secret(&hash.0)?;
            let key = key.filter(|key| key.kind == shown && key.is_live(now) && !self.is_idle(now, key));
            key.map(|key| Ok::<_, Error>((caller(tx, now, &key)?, key))).transpose()
        })?;
        let (caller, key) = found.ok_or(Rejected::KeyUnknown)?;
        self.note_seen(now, &key)?;
        Ok(caller)
    }

    /// The public key of a signing credential, to check a request's signature with.
    ///
    /// # Errors
    /// [`Rejected::KeyUnknown`]; an operating fault.
    pub fn signing_key(&self, now: Timestamp, id: KeyId) -> Result<SigningKey, Error> {
        let key = self.store.read(|tx| tx.credential(id).map_err(Error::from))?;
        let key = key.filter(|key| key.kind == CredentialKind::Signature && key.is_live(now));
        let row = key.ok_or(Rejected::KeyUnknown)?;
        let public_key = row.public_key.ok_or_else(|| anyhow!("{id} has no public key"))?;
        Ok(SigningKey { row, public_key })
    }

    /// Whom a signature speaks for that `key` was found to have made, once for a nonce; without one as often as it
    /// comes.
    ///
    /// # Errors
    /// [`Rejected::KeyUnknown`], [`Rejected::TerminalSuspended`], [`Rejected::SignatureReplayed`]; an operating fault.
    pub fn signer(&self, now: Timestamp, key: &SigningKey, nonce: Option<&str>) -> Result<Caller, Error> {
        let caller = match nonce {
            None => self.store.read(|tx| caller(tx, now, &key.row))?,
            Some(nonce) => self.store.write(|tx| {
                let caller = caller(tx, now, &key.row)?;
                if tx.use_nonce(key.row.id, nonce, now + NONCE_KEPT)? {
                    Ok(caller)
                } else {
                    Err(Error::from(Rejected::SignatureReplayed))
                }
            })?,
        };
        self.note_seen(now, &key.row)?;
        Ok(caller)
    }

    /// Forgets the nonces of signatures that are too old to come again; returns how many there were.
    ///
    /// # Errors
    /// An operating fault.
    pub fn forget_nonces(&self, now: Timestamp) -> Result<usize, Error> {
        self.store.write(|tx| Ok(tx.forget_nonces(now)?))
    }

    fn note_seen(&self, now: Timestamp, key: &CredentialRow) -> Result<(), Error> {
        // Keys of machines and terminals are shown all day; of people's devices it is worth knowing.
        let worth = matches!(key.scope, Scope::User | Scope::Payer);
        if worth && key.seen_at.is_none_or(|seen| now.duration_since(seen) >= SEEN_TO) {
            self.store.write(|tx| tx.see_credential(key.id, now).map_err(Error::from))?;
        }
        Ok(())
    }

    /// What a page must send with each change besides its cookie: a keyed fingerprint of the cookie's secret, which
    /// another site can neither read nor guess.
    #[must_use]
    pub fn csrf_token(&self, cookie: &str) -> String {
        hex::encode(self.keys.blind_index("csrf", &evidence::digest(cookie.as_bytes()).to_string()))
    }

    /// Is this the token of that cookie? Compared in constant time.
    #[must_use]
    pub fn is_csrf_token(&self, cookie: &str, token: &str) -> bool {
        self.csrf_token(cookie).as_bytes().ct_eq(token.as_bytes()).into()
    }
}

/// A credential that signs, and what checks its signatures.
#[derive(Clone, Debug)]
pub struct SigningKey {
    row: CredentialRow,
    /// The Ed25519 public key (RFC 8032).
    pub public_key: [u8; 32],
}

/// Whom a live credential speaks for.
fn caller(tx: &Tx<'_>, now: Timestamp, key: &CredentialRow) -> Result<Caller, Error> {
    let damaged = || format!("the subject of {} is damaged", key.id);
    Ok(match key.scope {
        Scope::User => user(tx, now, (key, key.subject.parse().with_context(damaged)?))?,
        Scope::Merchant => Caller::Merchant(MerchantCaller {
            merchant: key.subject.parse().with_context(damaged)?,
            actor: MerchantActor::Key(key.id),
            rights: key.rights,
        }),
        Scope::Terminal => {
            let terminal: TerminalId = key.subject.parse().with_context(damaged)?;
            working(&tx.terminal(terminal)?.ok_or_else(|| anyhow!("{terminal} has vanished"))?)?;
            Caller::Terminal(TerminalCaller { terminal, key: key.id })
        }
        Scope::Payer => {
            Caller::Payer(OwnDevice { payer: key.subject.parse().with_context(damaged)?, device: key.id })
        }
    })
}

fn user(tx: &Tx<'_>, now: Timestamp, (key, id): (&CredentialRow, UserId)) -> Result<Caller, Error> {
    let row = tx.user(id)?.ok_or_else(|| anyhow!("the user of {} has vanished", key.id))?;
    if row.state != UserState::Active {
        return Err(Rejected::KeyUnknown.into());
    }
    Ok(match row.post {
        Post::Staff(roles) => {
            let mut staff = StaffCaller { user: id, session: key.id, name: row.login, roles };
            for taken in tx.open_break_glass(id, now)? {
                staff.roles |= taken.roles;
                staff.name = format!("{} under {}", staff.name, taken.id);
            }
            Caller::Staff(staff)
        }
        Post::Merchant(merchant, role) => Caller::Merchant(MerchantCaller {
            merchant,
            actor: MerchantActor::User { user: id, session: key.id },
            rights: MerchantRole::rights(role),
        }),
    })
}

/// A fresh secret of 256 bits, and the row of its credential: not yet written.
pub(crate) struct NewCredential {
    pub(crate) secret: Zeroizing<String>,
    pub(crate) row: CredentialRow,
}

impl NewCredential {
    /// Draws a secret for a subject. It opens everything the subject may do, until it is revoked.
    pub(crate) fn draw(
        ctx: &mut Context<'_>,
        (kind, scope): (CredentialKind, Scope),
        subject: &impl std::fmt::Display,
        label: &str,
    ) -> Self {
        let mut bytes = Zeroizing::new([0_u8; 32]);
        ctx.random.fill_bytes(&mut *bytes);
        let row = CredentialRow {
            id: KeyId::generate(ctx.now, ctx.random),
            kind,
            scope,
            subject: subject.to_string(),
            public_key: None,
            rights: if scope == Scope::Merchant { Rights::all() } else { Rights::empty() },
            label: label.to_owned(),
            created_at: ctx.now,
            expires_at: None,
            seen_at: None,
            revoked_at: None,
        };
        Self { secret: Zeroizing::new(format!("sk_{}", hex::encode(*bytes))), row }
    }

    /// Writes the row, with the SHA-256 of the secret.
    pub(crate) fn keep(&self, tx: &Tx<'_>) -> anyhow::Result<()> {
        tx.insert_credential(&self.row, Some(&evidence::digest(self.secret.as_bytes()).0))
    }
}

/// Who may do what on the operator's side, by the kind of thing that is done.
pub(crate) mod duty {
    use super::{StaffRole, StaffRoles};

    /// Registering and looking after merchants, terminals, settlements.
    pub(crate) fn merchants() -> StaffRoles {
        StaffRole::MerchantCare.into()
    }

    /// Stopping terminals and letting them work again.
    pub(crate) fn stopping_terminals() -> StaffRoles {
        StaffRole::MerchantCare | StaffRole::RiskAnalyst
    }

    /// Reading about merchants and terminals.
    pub(crate) fn reading_merchants() -> StaffRoles {
        StaffRole::MerchantCare
            | StaffRole::RiskAnalyst
            | StaffRole::Approver
            | StaffRole::Investigator
            | StaffRole::Auditor
    }

    /// Letting money in or out, and approving what somebody else asked for.
    pub(crate) fn money() -> StaffRoles {
        StaffRole::Approver.into()
    }

    /// Making and ending users of the operator.
    pub(crate) fn people() -> StaffRoles {
        StaffRole::Administrator.into()
    }

    /// Reading who may do what, and who took more for a while.
    pub(crate) fn reading_people() -> StaffRoles {
        StaffRole::Administrator | StaffRole::Auditor
    }

    /// Reading which model recognises faces, and how far work through all of them is.
    pub(crate) fn watching_faces() -> StaffRoles {
        StaffRole::Administrator | StaffRole::RiskAnalyst | StaffRole::Auditor
    }

    /// Working on a dispute.
    pub(crate) fn disputes() -> StaffRoles {
        StaffRole::Investigator.into()
    }

    /// Seeing a picture of somebody's face: for a case, or before money goes back on its account.
    pub(crate) fn seeing_faces() -> StaffRoles {
        StaffRole::Investigator | StaffRole::Approver
    }

    /// Reading disputes and what the machines measured.
    pub(crate) fn reading_disputes() -> StaffRoles {
        StaffRole::Investigator | StaffRole::Approver | StaffRole::RiskAnalyst | StaffRole::Auditor
    }

    /// Reading what the operator's money is at.
    pub(crate) fn reading_money() -> StaffRoles {
        StaffRole::Approver | StaffRole::Investigator | StaffRole::MerchantCare | StaffRole::Auditor
    }
}
