//! What can be asked of the books, and what they record of it.

use serde::{Deserialize, Serialize};
use types::{Amount, DisputeId, PaymentId, RefundId, SettlementId, Timestamp, TransferId};

use crate::Account;

/// Why money moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case", deny_unknown_fields)]
pub enum Purpose {
    /// Money came into a payer's account from outside.
    TopUp,
    /// The operator put money into the reserve.
    ReserveFunding,
    /// A payer paid a merchant.
    Payment {
        /// The debit this transfer is.
        payment: PaymentId,
    },
    /// A payment was taken back before settlement.
    Reversal {
        /// The debit that was taken back.
        payment: PaymentId,
    },
    /// A merchant gave money of a payment back.
    Refund {
        /// Which refund.
        refund: RefundId,
    },
    /// A merchant's pending money became payable.
    Settlement {
        /// With which settlement.
        settlement: SettlementId,
    },
    /// The operator took its fee.
    Fee {
        /// With which settlement.
        settlement: SettlementId,
    },
    /// A merchant's pending money repaid its debt.
    DebtRepayment {
        /// With which settlement.
        settlement: SettlementId,
    },
    /// A merchant's settled money left for its bank.
    Payout {
        /// Of which settlement.
        settlement: SettlementId,
    },
    /// The reserve paid a payer in advance.
    Compensation {
        /// The case it was paid for.
        dispute: DisputeId,
    },
    /// A merchant gave back what the reserve had paid.
    Recovery {
        /// The case it was recovered for.
        dispute: DisputeId,
    },
}

/// A movement of money. Never changed once posted; a mistake is mended by another transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// The idempotency key: the same id is applied once.
    pub id: TransferId,
    /// Whose balance goes down.
    pub from: Account,
    /// Whose balance goes up.
    pub to: Account,
    /// How much; positive.
    pub amount: Amount,
    /// Why.
    pub purpose: Purpose,
}

/// What can be asked of the books. Each command has its own id; the same id is applied once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Moves money now.
    Move(Transfer),
    /// Sets money of `from` aside for `to`: still there, no longer available.
    Hold {
        /// What will move if the whole is posted; its id is the hold's name.
        transfer: Transfer,
        /// From this moment on it cannot be posted, only given back. The store must keep it exactly: a
        /// repetition with another expiry is another command.
        expires_at: Timestamp,
    },
    /// Moves money that was held; what is not moved is available again. A hold is posted once.
    PostHold {
        /// This command's own id, which is the id of the movement.
        id: TransferId,
        /// Which hold.
        hold: TransferId,
        /// How much of it; positive, at most what was held.
        amount: Amount,
    },
    /// Gives the whole hold back, whether or not its time has come.
    VoidHold {
        /// This command's own id.
        id: TransferId,
        /// Which hold.
        hold: TransferId,
    },
    /// Gives the whole hold back because its time has come. Until someone does, it stays held.
    ExpireHold {
        /// This command's own id.
        id: TransferId,
        /// Which hold.
        hold: TransferId,
    },
}

impl Command {
    /// Its idempotency key.
    #[must_use]
    pub const fn id(&self) -> TransferId {
        match self {
            Self::Move(transfer) | Self::Hold { transfer, expires_at: _ } => transfer.id,
            Self::PostHold { id, hold: _, amount: _ }
            | Self::VoidHold { id, hold: _ }
            | Self::ExpireHold { id, hold: _ } => *id,
        }
    }
}

/// A command that was applied: the immutable record, one row each, from which the books can be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Money moved.
    Moved(Transfer),
    /// Money was set aside.
    Held {
        /// What may move later.
        transfer: Transfer,
        /// Until when.
        expires_at: Timestamp,
    },
    /// Money that was set aside moved, and the rest of it is available again.
    Posted {
        /// What moved: the command's id and amount, the hold's accounts and purpose.
        transfer: Transfer,
        /// Which hold it came from.
        hold: TransferId,
    },
    /// A hold was given back.
    Voided {
        /// The command's id.
        id: TransferId,
        /// Which hold.
        hold: TransferId,
    },
    /// A hold was given back because its time had come.
    Expired {
        /// The command's id.
        id: TransferId,
        /// Which hold.
        hold: TransferId,
    },
}

impl Entry {
    /// The command that was applied, to the last field: a repetition must equal it.
    #[must_use]
    pub const fn command(&self) -> Command {
        match *self {
            Self::Moved(transfer) => Command::Move(transfer),
            Self::Held { transfer, expires_at } => Command::Hold { transfer, expires_at },
            Self::Posted { transfer, hold } => {
                Command::PostHold { id: transfer.id, hold, amount: transfer.amount }
            }
            Self::Voided { id, hold } => Command::VoidHold { id, hold },
            Self::Expired { id, hold } => Command::ExpireHold { id, hold },
        }
    }

    /// The movement of money it is; `None` for an entry that changed only what is held.
    #[must_use]
    pub const fn moved(&self) -> Option<&Transfer> {
        match self {
            Self::Moved(transfer) | Self::Posted { transfer, hold: _ } => Some(transfer),
            Self::Held { transfer: _, expires_at: _ }
            | Self::Voided { id: _, hold: _ }
            | Self::Expired { id: _, hold: _ } => None,
        }
    }
}

/// Money set aside, as it stands in the books. Closed once, and then never changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// What moves if the whole is posted; its id is the hold's name.
    pub transfer: Transfer,
    /// From this moment on it cannot be posted.
    pub expires_at: Timestamp,
    /// What became of it.
    pub state: HoldState,
}

/// What became of a hold. Each end names the command that brought it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldState {
    /// The money is held.
    Open,
    /// All or part of it moved.
    Posted {
        /// The command, which is also the movement.
        by: TransferId,
    },
    /// It was given back.
    Voided {
        /// The command.
        by: TransferId,
    },
    /// It was given back when its time had come.
    Expired {
        /// The command.
        by: TransferId,
    },
}
