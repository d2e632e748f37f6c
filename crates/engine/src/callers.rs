//! Who calls. Each value is made only by [`Engine::authenticate`], so holding one is proof of the key.

use anyhow::Context as _;
use store::{KeyRow, Scope};
use types::{KeyId, MerchantId, PayerId, TerminalId};
use zeroize::Zeroizing;

use crate::engine::{Context, Engine};
use crate::rejected::{Error, Rejected};

/// The operator's staff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaffCaller {
    pub(crate) name: String,
}

/// One merchant's systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MerchantCaller {
    pub(crate) merchant: MerchantId,
}

/// One terminal. Nothing that changes a face or an account takes one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TerminalCaller {
    pub(crate) terminal: TerminalId,
}

/// A payer's own device. The only caller that can enrol a face or switch it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnDevice {
    pub(crate) payer: PayerId,
}

/// Whoever a key belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// The operator's staff.
    Staff(StaffCaller),
    /// One merchant's systems.
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
    /// Who a bearer secret belongs to.
    ///
    /// # Errors
    /// [`Rejected::KeyUnknown`]; an operating fault.
    pub fn authenticate(&self, secret: &str) -> Result<Caller, Error> {
        let hash = evidence::digest(secret.as_bytes());
        let key: Option<KeyRow> = self.store.read(|tx| tx.key(&hash.0))?;
        let key = key.ok_or(Rejected::KeyUnknown)?;
        let damaged = || format!("the subject of {} is damaged", key.id);
        Ok(match key.scope {
            Scope::Staff => Caller::Staff(StaffCaller { name: key.subject }),
            Scope::Merchant => {
                Caller::Merchant(MerchantCaller { merchant: key.subject.parse().with_context(damaged)? })
            }
            Scope::Terminal => {
                Caller::Terminal(TerminalCaller { terminal: key.subject.parse().with_context(damaged)? })
            }
            Scope::Payer => Caller::Payer(OwnDevice { payer: key.subject.parse().with_context(damaged)? }),
        })
    }

    /// Makes a secret that was just drawn a key of the operator's staff. For whoever holds the machine, not for the
    /// network.
    pub(crate) fn keep_staff_key(
        &self,
        ctx: &Context<'_>,
        name: &str,
        (secret, id): &(Zeroizing<String>, KeyId),
    ) -> Result<(), Error> {
        self.store.write(|tx| {
            let row = KeyRow { id: *id, scope: Scope::Staff, subject: name.to_owned() };
            tx.insert_key(&row, &evidence::digest(secret.as_bytes()).0, ctx.now).map_err(Error::from)
        })
    }
}

/// A fresh bearer secret of 256 bits, and the id of its key.
pub(crate) fn new_secret(ctx: &mut Context<'_>) -> (Zeroizing<String>, KeyId) {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    ctx.random.fill_bytes(&mut *bytes);
    (Zeroizing::new(format!("sk_{}", hex::encode(*bytes))), KeyId::generate(ctx.now, ctx.random))
}
