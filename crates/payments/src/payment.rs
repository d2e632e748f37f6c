//! The state machine.

use serde::{Deserialize, Serialize};
use types::{Amount, MerchantId, OrderId, PayerId, PaymentId, RefundId, SettlementId, Timestamp, TransferId};

use crate::charge::{BPS_WHOLE, Charge, fee, minus};
use crate::rejected::Rejected;

/// What was agreed at authorisation; fixed from then on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// The payment.
    pub id: PaymentId,
    /// What it pays.
    pub order: OrderId,
    /// Who is paid.
    pub merchant: MerchantId,
    /// Who pays.
    pub payer: PayerId,
    /// How much is held: the most that can be captured. Positive.
    pub authorised: Amount,
    /// When.
    pub at: Timestamp,
    /// The merchant's fee at that time, in basis points up to [`BPS_WHOLE`].
    pub fee_bps: u32,
    /// The hold on the payer's money.
    pub hold: TransferId,
}

/// What the merchant took of an authorisation, and what of it went back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Captured {
    /// How much was taken. Positive, at most what was authorised.
    pub amount: Amount,
    /// The money's movement.
    pub transfer: TransferId,
    /// When.
    pub at: Timestamp,
    /// The sum of what the merchant gave back to the payer.
    pub refunded: Amount,
    /// The sum of what the reserve took back from the merchant.
    pub recovered: Amount,
}

impl Captured {
    /// What the merchant still has of it before the fee; never negative.
    #[must_use]
    pub fn net(&self) -> Amount {
        minus(minus(self.amount, self.refunded), self.recovered)
    }
}

/// Where a payment stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case", deny_unknown_fields)]
pub enum State {
    /// The money is held at the payer's and has not moved.
    Authorised {
        /// From then on it cannot be captured.
        expires_at: Timestamp,
    },
    /// The merchant has it as pending money.
    Captured {
        /// What was taken.
        captured: Captured,
    },
    /// It left the merchant's pending money, the fee was taken.
    Settled {
        /// What was taken.
        captured: Captured,
        /// With which settlement.
        settlement: SettlementId,
        /// When.
        settled_at: Timestamp,
    },
    /// The merchant let the authorisation go.
    Voided {
        /// When.
        at: Timestamp,
    },
    /// Nobody captured in time.
    Expired {
        /// When that was noted.
        at: Timestamp,
    },
    /// The terminal or the merchant took it back whole before settlement.
    Reversed {
        /// When.
        at: Timestamp,
        /// What went back to the payer; `None` if it was only held.
        captured: Option<Amount>,
    },
}

impl State {
    /// The name the state has in its stored form, for programs and columns.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Authorised { expires_at: _ } => "authorised",
            Self::Captured { captured: _ } => "captured",
            Self::Settled { captured: _, settlement: _, settled_at: _ } => "settled",
            Self::Voided { at: _ } => "voided",
            Self::Expired { at: _ } => "expired",
            Self::Reversed { at: _, captured: _ } => "reversed",
        }
    }
}

/// A payment as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payment {
    /// What was agreed.
    pub terms: Terms,
    /// Where it stands.
    pub state: State,
}

/// What the disputes say about a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Nobody disputes it, and nothing was paid for it.
    Clear,
    /// A dispute is open. Only a recovery and the clock change the payment. Whatever [`Standing::Compensated`]
    /// refuses is refused here too, so an open case that compensated the payer may say either.
    Disputed,
    /// The reserve compensated the payer; stays so after the case is closed. The payer gets nothing a second
    /// time.
    Compensated,
}

/// What somebody wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// The merchant takes the money, or a part of it and lets go of the rest.
    Capture {
        /// How much.
        amount: Amount,
        /// The movement of money.
        transfer: TransferId,
    },
    /// The merchant lets the authorisation go.
    Void,
    /// The clock ends the authorisation.
    Expire,
    /// The terminal or the merchant takes the whole payment back before settlement.
    Reverse,
    /// The merchant gives money back.
    Refund {
        /// Which refund.
        refund: RefundId,
        /// How much.
        amount: Amount,
    },
    /// The reserve takes back from the merchant what it paid to the payer. Whether there is anything to recover
    /// is the dispute's to say.
    Recover {
        /// How much.
        amount: Amount,
    },
    /// The merchant's money becomes payable.
    Settle {
        /// With which settlement.
        settlement: SettlementId,
    },
}

/// What happened to a payment. The record is the list of these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// The merchant took the money; what was authorised beyond it is free again.
    Captured {
        /// How much.
        amount: Amount,
        /// The movement of money.
        transfer: TransferId,
    },
    /// The hold was let go by the merchant.
    Voided,
    /// The hold was let go by the clock.
    Expired,
    /// The hold, or all that was captured, went back to the payer.
    Reversed,
    /// Money went back to the payer.
    Refunded {
        /// Which refund.
        refund: RefundId,
        /// How much.
        amount: Amount,
        /// Who bears it.
        charge: Charge,
    },
    /// Money went back to the reserve.
    Recovered {
        /// How much.
        amount: Amount,
        /// Who bears it.
        charge: Charge,
    },
    /// What was left became payable to the merchant.
    Settled {
        /// With which settlement.
        settlement: SettlementId,
        /// What left the pending money.
        net: Amount,
        /// What of it is the operator's fee.
        fee: Amount,
    },
}

impl Payment {
    /// A payment at the moment it is authorised.
    ///
    /// # Errors
    /// [`Rejected::AmountNotPositive`], [`Rejected::FeeOutOfRange`], or [`Rejected::AuthorisationExpired`] when
    /// it would expire at once.
    pub fn authorise(terms: Terms, expires_at: Timestamp) -> Result<Self, Rejected> {
        if !terms.authorised.is_positive() {
            return Err(Rejected::AmountNotPositive);
        }
        if terms.fee_bps > BPS_WHOLE {
            return Err(Rejected::FeeOutOfRange);
        }
        if expires_at <= terms.at {
            return Err(Rejected::AuthorisationExpired);
        }
        Ok(Self { terms, state: State::Authorised { expires_at } })
    }

    /// What was captured, while the merchant has it or had it settled.
    #[must_use]
    pub const fn captured(&self) -> Option<&Captured> {
        match &self.state {
            State::Captured { captured } | State::Settled { captured, settlement: _, settled_at: _ } => {
                Some(captured)
            }
            State::Authorised { expires_at: _ }
            | State::Voided { at: _ }
            | State::Expired { at: _ }
            | State::Reversed { at: _, captured: _ } => None,
        }
    }

    /// What the merchant has of it before the fee; nothing unless captured or settled.
    #[must_use]
    pub fn net(&self) -> Amount {
        self.captured().map_or(Amount::zero(self.terms.authorised.currency), Captured::net)
    }

    /// What `command` would change; `None` when it was done already. Changes nothing itself.
    ///
    /// # Errors
    /// One [`Rejected`] per reason.
    pub fn decide(
        &self,
        command: Command,
        standing: Standing,
        now: Timestamp,
    ) -> Result<Option<Event>, Rejected> {
        match command {
            Command::Capture { amount, transfer } => self.decide_capture(amount, transfer, standing, now),
            Command::Void => self.decide_void(standing),
            Command::Expire => self.decide_expiry(now),
            Command::Reverse => self.decide_reversal(standing),
            Command::Refund { refund, amount } => {
                let captured = self.paid()?;
                nothing_twice(standing)?;
                check_amount(amount, captured.net(), Rejected::RefundAbovePaid)?;
                Ok(Some(Event::Refunded { refund, amount, charge: self.charge(amount) }))
            }
            Command::Recover { amount } => {
                let captured = self.paid()?;
                check_amount(amount, captured.net(), Rejected::RecoveryAbovePaid)?;
                Ok(Some(Event::Recovered { amount, charge: self.charge(amount) }))
            }
            Command::Settle { settlement } => self.decide_settlement(settlement, standing),
        }
    }

    fn decide_capture(
        &self,
        amount: Amount,
        transfer: TransferId,
        standing: Standing,
        now: Timestamp,
    ) -> Result<Option<Event>, Rejected> {
        match &self.state {
            State::Authorised { expires_at } => {
                undisputed(standing)?;
                if now >= *expires_at {
                    return Err(Rejected::AuthorisationExpired);
                }
                check_amount(amount, self.terms.authorised, Rejected::AmountAboveAuthorised)?;
                Ok(Some(Event::Captured { amount, transfer }))
            }
            State::Captured { captured } | State::Settled { captured, settlement: _, settled_at: _ } => {
                if captured.amount == amount {
                    Ok(None)
                } else {
                    Err(Rejected::AlreadyCaptured)
                }
            }
            State::Voided { at: _ } => Err(Rejected::Voided),
            State::Expired { at: _ } => Err(Rejected::AuthorisationExpired),
            State::Reversed { at: _, captured: _ } => Err(Rejected::Reversed),
        }
    }

    fn decide_void(&self, standing: Standing) -> Result<Option<Event>, Rejected> {
        match &self.state {
            State::Authorised { expires_at: _ } => {
                nothing_twice(standing)?;
                Ok(Some(Event::Voided))
            }
            State::Captured { captured: _ } => Err(Rejected::AlreadyCaptured),
            State::Settled { captured: _, settlement: _, settled_at: _ } => Err(Rejected::Settled),
            State::Voided { at: _ } => Ok(None),
            State::Expired { at: _ } => Err(Rejected::AuthorisationExpired),
            State::Reversed { at: _, captured: _ } => Err(Rejected::Reversed),
        }
    }

    fn decide_expiry(&self, now: Timestamp) -> Result<Option<Event>, Rejected> {
        match &self.state {
            State::Authorised { expires_at } if now >= *expires_at => Ok(Some(Event::Expired)),
            State::Authorised { expires_at: _ } => Err(Rejected::NotExpired),
            State::Captured { captured: _ }
            | State::Settled { captured: _, settlement: _, settled_at: _ } => Err(Rejected::AlreadyCaptured),
            State::Voided { at: _ } => Err(Rejected::Voided),
            State::Expired { at: _ } => Ok(None),
            State::Reversed { at: _, captured: _ } => Err(Rejected::Reversed),
        }
    }

    fn decide_reversal(&self, standing: Standing) -> Result<Option<Event>, Rejected> {
        match &self.state {
            State::Authorised { expires_at: _ } => {
                nothing_twice(standing)?;
                Ok(Some(Event::Reversed))
            }
            State::Captured { captured } => {
                nothing_twice(standing)?;
                if captured.refunded.is_positive() {
                    return Err(Rejected::PartlyRefunded);
                }
                if captured.recovered.is_positive() {
                    return Err(Rejected::PartlyRecovered);
                }
                Ok(Some(Event::Reversed))
            }
            State::Settled { captured: _, settlement: _, settled_at: _ } => Err(Rejected::Settled),
            State::Voided { at: _ } => Err(Rejected::Voided),
            State::Expired { at: _ } => Err(Rejected::AuthorisationExpired),
            State::Reversed { at: _, captured: _ } => Ok(None),
        }
    }

    fn decide_settlement(
        &self,
        settlement: SettlementId,
        standing: Standing,
    ) -> Result<Option<Event>, Rejected> {
        if let State::Settled { captured: _, settlement: done, settled_at: _ } = &self.state {
            return if *done == settlement { Ok(None) } else { Err(Rejected::AlreadySettled) };
        }
        let net = self.paid()?.net();
        undisputed(standing)?;
        Ok(Some(Event::Settled { settlement, net, fee: fee(net, self.terms.fee_bps) }))
    }

    /// What was captured, or why there is nothing.
    fn paid(&self) -> Result<&Captured, Rejected> {
        match &self.state {
            State::Captured { captured } | State::Settled { captured, settlement: _, settled_at: _ } => {
                Ok(captured)
            }
            State::Authorised { expires_at: _ } => Err(Rejected::NotCaptured),
            State::Voided { at: _ } => Err(Rejected::Voided),
            State::Expired { at: _ } => Err(Rejected::AuthorisationExpired),
            State::Reversed { at: _, captured: _ } => Err(Rejected::Reversed),
        }
    }

    /// Who bears the return of `amount`.
    fn charge(&self, amount: Amount) -> Charge {
        match &self.state {
            State::Settled { captured, settlement: _, settled_at: _ } => {
                Charge::settled(amount, captured.net(), self.terms.fee_bps)
            }
            State::Captured { captured: _ }
            | State::Authorised { expires_at: _ }
            | State::Voided { at: _ }
            | State::Expired { at: _ }
            | State::Reversed { at: _, captured: _ } => Charge::pending(amount),
        }
    }

    /// Makes the change that `event` says. Used live and on replay.
    ///
    /// # Panics
    /// When the event was not decided for this state: a bug, or a record that was tampered with.
    pub fn apply(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::Captured { amount, transfer } => {
                self.assert_authorised();
                assert!(
                    amount.minor <= self.terms.authorised.minor,
                    "no more is captured than was authorised"
                );
                let none = Amount::zero(amount.currency);
                let (amount, transfer) = (*amount, *transfer);
                let captured = Captured { amount, transfer, at, refunded: none, recovered: none };
                self.state = State::Captured { captured };
            }
            Event::Voided => {
                self.assert_authorised();
                self.state = State::Voided { at };
            }
            Event::Expired => {
                self.assert_authorised();
                self.state = State::Expired { at };
            }
            Event::Reversed => {
                let captured = self.reversible();
                self.state = State::Reversed { at, captured };
            }
            Event::Refunded { refund: _, amount, charge: _ } => {
                let captured = self.captured_mut();
                captured.refunded = plus(captured.refunded, *amount);
                assert!(captured.net().minor >= 0, "no more is refunded than was captured");
            }
            Event::Recovered { amount, charge: _ } => {
                let captured = self.captured_mut();
                captured.recovered = plus(captured.recovered, *amount);
                assert!(captured.net().minor >= 0, "no more is recovered than was captured");
            }
            Event::Settled { settlement, net, fee: _ } => {
                let captured = self.captured_mut().clone();
                assert!(captured.net() == *net, "a payment is settled with all that is left of it");
                self.state = State::Settled { captured, settlement: *settlement, settled_at: at };
            }
        }
    }

    fn assert_authorised(&self) {
        assert!(
            matches!(self.state, State::Authorised { expires_at: _ }),
            "an authorisation is captured, voided or expired once"
        );
    }

    /// What goes back to the payer with a reversal.
    fn reversible(&self) -> Option<Amount> {
        match &self.state {
            State::Authorised { expires_at: _ } => None,
            State::Captured { captured } => {
                assert!(captured.net() == captured.amount, "only a whole payment is reversed");
                Some(captured.amount)
            }
            State::Settled { captured: _, settlement: _, settled_at: _ }
            | State::Voided { at: _ }
            | State::Expired { at: _ }
            | State::Reversed { at: _, captured: _ } => {
                unreachable!("a payment is reversed once, before settlement")
            }
        }
    }

    fn captured_mut(&mut self) -> &mut Captured {
        match &mut self.state {
            State::Captured { captured } | State::Settled { captured, settlement: _, settled_at: _ } => {
                captured
            }
            State::Authorised { expires_at: _ }
            | State::Voided { at: _ }
            | State::Expired { at: _ }
            | State::Reversed { at: _, captured: _ } => {
                unreachable!("money goes back and is settled only after it was captured")
            }
        }
    }
}

/// While a dispute is open, only a recovery and the clock change the payment.
const fn undisputed(standing: Standing) -> Result<(), Rejected> {
    match standing {
        Standing::Clear | Standing::Compensated => Ok(()),
        Standing::Disputed => Err(Rejected::Disputed),
    }
}

/// The payer gets nothing back that a dispute may give or gave.
const fn nothing_twice(standing: Standing) -> Result<(), Rejected> {
    match standing {
        Standing::Clear => Ok(()),
        Standing::Disputed => Err(Rejected::Disputed),
        Standing::Compensated => Err(Rejected::Compensated),
    }
}

fn check_amount(amount: Amount, most: Amount, above: Rejected) -> Result<(), Rejected> {
    if amount.currency != most.currency {
        return Err(Rejected::CurrencyMixed);
    }
    if !amount.is_positive() {
        return Err(Rejected::AmountNotPositive);
    }
    if amount.minor > most.minor { Err(above) } else { Ok(()) }
}

fn plus(sum: Amount, amount: Amount) -> Amount {
    sum.checked_add(amount).expect("no more goes back than was captured, in its currency")
}
