//! The state machine.

use serde::{Deserialize, Serialize};
use types::{Amount, DisputeId, MerchantId, PayerId, PaymentId, Timestamp, TransferId, UserId};

/// Who says that the debit was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FiledBy {
    /// The debited payer.
    Payer,
    /// The operator's staff.
    Staff,
}

/// What a dispute is about; fixed when it is filed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filing {
    /// The case.
    pub id: DisputeId,
    /// The debit in question.
    pub payment: PaymentId,
    /// Who was debited.
    pub payer: PayerId,
    /// Who was paid.
    pub merchant: MerchantId,
    /// How much was debited: the loss at stake.
    pub amount: Amount,
    /// Who filed.
    pub by: FiledBy,
    /// What the payer said, in her own words; may be empty.
    pub words: String,
    /// When.
    pub at: Timestamp,
}

/// What the merchant says to the claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stance {
    /// The payer is right.
    Accept,
    /// The debit was right.
    Contest,
}

/// The merchant's side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Statement {
    /// Asked, not answered yet.
    Asked {
        /// A missing answer counts against the merchant after this.
        due: Timestamp,
    },
    /// Answered.
    Received {
        /// When.
        at: Timestamp,
        /// For or against the claim.
        stance: Stance,
        /// The merchant's words.
        text: String,
    },
}

/// The payer's money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Compensation {
    /// Not decided: evidence is still being gathered.
    Undecided,
    /// Owed, and above what one person may pay out.
    AwaitingApproval {
        /// How much.
        amount: Amount,
        /// Since when.
        since: Timestamp,
        /// Whose step asked for it; none when Surety itself did, and in cases of before it was kept.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<UserId>,
    },
    /// Paid from the reserve.
    Paid {
        /// How much.
        amount: Amount,
        /// The money's movement.
        transfer: TransferId,
        /// When.
        at: Timestamp,
    },
    /// Not due: the evidence proves the payer's own authorisation.
    NotDue {
        /// When that was decided.
        at: Timestamp,
    },
}

/// What happened, as a person decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// Somebody else's face was taken for the payer's.
    WrongPerson,
    /// Somebody else used the payer's account or device.
    AccountTakeover,
    /// The merchant or its device caused the debit.
    MerchantFault,
    /// The payer did pay.
    AuthorisedByPayer,
    /// One purchase was debited twice.
    Duplicate,
    /// None of these; the note says what.
    Other,
}

impl Finding {
    /// Does this finding put the loss on someone else than the payer?
    #[must_use]
    pub const fn payer_is_owed(self) -> bool {
        match self {
            Self::WrongPerson
            | Self::AccountTakeover
            | Self::MerchantFault
            | Self::Duplicate
            | Self::Other => true,
            Self::AuthorisedByPayer => false,
        }
    }
}

/// The end of the inquiry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Outcome {
    /// Nobody decided yet.
    Open,
    /// A person decided.
    Found {
        /// What happened.
        finding: Finding,
        /// Why, in words.
        note: String,
        /// When.
        at: Timestamp,
        /// Who said so; none in cases of before it was kept.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<UserId>,
    },
    /// Over.
    Closed {
        /// What happened.
        finding: Finding,
        /// Why, in words.
        note: String,
        /// When it was closed.
        at: Timestamp,
    },
}

/// A dispute as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispute {
    /// What it is about.
    pub filing: Filing,
    /// How often evidence was gathered.
    pub gathered: u32,
    /// The merchant's side.
    pub statement: Option<Statement>,
    /// The payer's money.
    pub compensation: Compensation,
    /// What came back from the merchant so far.
    pub recovered: Option<TransferId>,
    /// The end of the inquiry.
    pub outcome: Outcome,
}

/// What somebody wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Note that evidence was gathered.
    RecordEvidence,
    /// Ask the merchant.
    AskMerchant {
        /// When the answer is due.
        due: Timestamp,
    },
    /// The merchant answers.
    ReceiveStatement {
        /// For or against the claim.
        stance: Stance,
        /// The merchant's words.
        text: String,
    },
    /// Decide about advance compensation.
    SettleCompensation {
        /// Does the evidence prove the payer's own authorisation?
        authorisation_proven: bool,
        /// The most that is paid without a second person.
        automatic_limit: Amount,
        /// The movement of money, should it be paid now.
        transfer: TransferId,
        /// Whose step it is; none for Surety itself.
        by: Option<UserId>,
    },
    /// A second person approves what was above the limit.
    ApproveCompensation {
        /// The movement of money.
        transfer: TransferId,
    },
    /// A person says what happened.
    Find {
        /// What happened.
        finding: Finding,
        /// Why, in words.
        note: String,
        /// Who says so.
        by: UserId,
    },
    /// The merchant's money covers what the reserve paid.
    Recover {
        /// The movement of money.
        transfer: TransferId,
    },
    /// End the case.
    Close,
}

/// What happened to a dispute. The record is the list of these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// Evidence was gathered.
    EvidenceGathered,
    /// The merchant was asked.
    MerchantAsked {
        /// When the answer is due.
        due: Timestamp,
    },
    /// The merchant answered.
    StatementReceived {
        /// For or against the claim.
        stance: Stance,
        /// The merchant's words.
        text: String,
    },
    /// Money is owed but needs a second person.
    CompensationAwaitsApproval {
        /// How much.
        amount: Amount,
        /// Whose step asked for it; none when Surety itself did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<UserId>,
    },
    /// Money was paid from the reserve.
    Compensated {
        /// How much.
        amount: Amount,
        /// The movement of money.
        transfer: TransferId,
    },
    /// No money is due in advance.
    CompensationNotDue,
    /// A person decided.
    Found {
        /// What happened.
        finding: Finding,
        /// Why, in words.
        note: String,
        /// Who said so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<UserId>,
    },
    /// Money came back from the merchant.
    Recovered {
        /// The movement of money.
        transfer: TransferId,
    },
    /// The case is over.
    Closed,
}

/// Why a command is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// Nothing changes after closing.
    #[error("this dispute is closed; file an appeal instead")]
    Closed,
    /// The merchant has not been asked.
    #[error("the merchant was not asked for a statement in this dispute")]
    NotAsked,
    /// There is one statement per dispute.
    #[error("the merchant's statement was already received")]
    AlreadyAnswered,
    /// Gather evidence before deciding about money.
    #[error("gather the evidence first")]
    NoEvidence,
    /// Nothing waits for approval.
    #[error("no compensation waits for approval in this dispute")]
    NothingToApprove,
    /// There is one finding per dispute.
    #[error("a finding was already recorded; it can only be changed on appeal")]
    AlreadyFound,
    /// Close needs a finding.
    #[error("record a finding before closing")]
    NotFound,
    /// Close would leave the payer without money that is due.
    #[error("the payer is still owed money; pay or approve the compensation before closing")]
    PayerStillOwed,
    /// Nothing was paid, so nothing can be recovered; or it was recovered before.
    #[error("there is nothing left to recover in this dispute")]
    NothingToRecover,
}

impl Rejected {
    /// A name that never changes, for programs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Closed => "dispute_closed",
            Self::NotAsked => "statement_not_asked",
            Self::AlreadyAnswered => "statement_already_received",
            Self::NoEvidence => "evidence_missing",
            Self::NothingToApprove => "nothing_to_approve",
            Self::AlreadyFound => "finding_already_recorded",
            Self::NotFound => "finding_missing",
            Self::PayerStillOwed => "payer_still_owed",
            Self::NothingToRecover => "nothing_to_recover",
        }
    }
}

impl Dispute {
    /// A dispute at the moment it is filed.
    #[must_use]
    pub const fn file(filing: Filing) -> Self {
        Self {
            filing,
            gathered: 0,
            statement: None,
            compensation: Compensation::Undecided,
            recovered: None,
            outcome: Outcome::Open,
        }
    }

    /// What `command` would change; `None` when it was done already. Changes nothing itself.
    ///
    /// # Errors
    /// One [`Rejected`] per reason.
    pub fn decide(&self, command: Command) -> Result<Option<Event>, Rejected> {
        if let Outcome::Closed { finding: _, note: _, at: _ } = self.outcome {
            return if command == Command::Close { Ok(None) } else { Err(Rejected::Closed) };
        }
        match command {
            Command::RecordEvidence => Ok(Some(Event::EvidenceGathered)),
            Command::AskMerchant { due } => {
                Ok(self.statement.is_none().then_some(Event::MerchantAsked { due }))
            }
            Command::ReceiveStatement { stance, text } => self.decide_statement(stance, text),
            Command::SettleCompensation { authorisation_proven, automatic_limit, transfer, by } => {
                self.decide_compensation(authorisation_proven, automatic_limit, (transfer, by))
            }
            Command::ApproveCompensation { transfer } => self.decide_approval(transfer),
            Command::Find { finding, note, by } => self.decide_finding(finding, note, by),
            Command::Recover { transfer } => self.decide_recovery(transfer),
            Command::Close => self.decide_closing(),
        }
    }

    fn decide_statement(&self, stance: Stance, text: String) -> Result<Option<Event>, Rejected> {
        match &self.statement {
            None => Err(Rejected::NotAsked),
            Some(Statement::Asked { due: _ }) => Ok(Some(Event::StatementReceived { stance, text })),
            Some(Statement::Received { at: _, stance: said, text: words })
                if *said == stance && *words == text =>
            {
                Ok(None)
            }
            Some(Statement::Received { at: _, stance: _, text: _ }) => Err(Rejected::AlreadyAnswered),
        }
    }

    fn decide_compensation(
        &self,
        authorisation_proven: bool,
        automatic_limit: Amount,
        (transfer, by): (TransferId, Option<UserId>),
    ) -> Result<Option<Event>, Rejected> {
        if self.gathered == 0 {
            return Err(Rejected::NoEvidence);
        }
        let amount = self.filing.amount;
        let automatic = automatic_limit.currency == amount.currency && amount.minor <= automatic_limit.minor;
        Ok(match self.compensation {
            Compensation::Undecided if authorisation_proven => Some(Event::CompensationNotDue),
            Compensation::NotDue { at: _ } if authorisation_proven => None,
            Compensation::Undecided | Compensation::NotDue { at: _ } if automatic => {
                Some(Event::Compensated { amount, transfer })
            }
            Compensation::Undecided | Compensation::NotDue { at: _ } => {
                Some(Event::CompensationAwaitsApproval { amount, by })
            }
            Compensation::AwaitingApproval { amount: _, since: _, by: _ }
            | Compensation::Paid { amount: _, transfer: _, at: _ } => None,
        })
    }

    fn decide_approval(&self, transfer: TransferId) -> Result<Option<Event>, Rejected> {
        match self.compensation {
            Compensation::AwaitingApproval { amount, since: _, by: _ } => {
                Ok(Some(Event::Compensated { amount, transfer }))
            }
            Compensation::Paid { amount: _, transfer: _, at: _ } => Ok(None),
            Compensation::Undecided | Compensation::NotDue { at: _ } => Err(Rejected::NothingToApprove),
        }
    }

    fn decide_finding(&self, finding: Finding, note: String, by: UserId) -> Result<Option<Event>, Rejected> {
        match &self.outcome {
            Outcome::Open if self.gathered == 0 => Err(Rejected::NoEvidence),
            Outcome::Open => Ok(Some(Event::Found { finding, note, by: Some(by) })),
            Outcome::Found { finding: found, note: _, at: _, by: _ }
            | Outcome::Closed { finding: found, note: _, at: _ } => {
                if *found == finding {
                    Ok(None)
                } else {
                    Err(Rejected::AlreadyFound)
                }
            }
        }
    }

    fn decide_recovery(&self, transfer: TransferId) -> Result<Option<Event>, Rejected> {
        match (&self.compensation, self.recovered) {
            (Compensation::Paid { amount: _, transfer: _, at: _ }, None) => {
                Ok(Some(Event::Recovered { transfer }))
            }
            (Compensation::Paid { amount: _, transfer: _, at: _ }, Some(done)) if done == transfer => {
                Ok(None)
            }
            (
                Compensation::Paid { amount: _, transfer: _, at: _ }
                | Compensation::Undecided
                | Compensation::AwaitingApproval { amount: _, since: _, by: _ }
                | Compensation::NotDue { at: _ },
                _,
            ) => Err(Rejected::NothingToRecover),
        }
    }

    fn decide_closing(&self) -> Result<Option<Event>, Rejected> {
        let Outcome::Found { finding, note: _, at: _, by: _ } = self.outcome else {
            return Err(Rejected::NotFound);
        };
        match self.compensation {
            Compensation::Paid { amount: _, transfer: _, at: _ } => Ok(Some(Event::Closed)),
            Compensation::NotDue { at: _ } | Compensation::Undecided if !finding.payer_is_owed() => {
                Ok(Some(Event::Closed))
            }
            Compensation::NotDue { at: _ }
            | Compensation::Undecided
            | Compensation::AwaitingApproval { amount: _, since: _, by: _ } => Err(Rejected::PayerStillOwed),
        }
    }

    /// Who asked for what waits for approval, or said why it is due: none of them approves it.
    #[must_use]
    pub const fn proposers(&self) -> [Option<UserId>; 2] {
        let asked = match self.compensation {
            Compensation::AwaitingApproval { amount: _, since: _, by } => by,
            Compensation::Undecided
            | Compensation::Paid { amount: _, transfer: _, at: _ }
            | Compensation::NotDue { at: _ } => None,
        };
        let found = match self.outcome {
            Outcome::Found { finding: _, note: _, at: _, by } => by,
            Outcome::Open | Outcome::Closed { finding: _, note: _, at: _ } => None,
        };
        [asked, found]
    }

    /// Makes the change that `event` says. Used live and on replay.
    pub fn apply(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::EvidenceGathered => self.gathered = self.gathered.saturating_add(1),
            Event::MerchantAsked { due } => self.statement = Some(Statement::Asked { due: *due }),
            Event::StatementReceived { stance, text } => {
                self.statement = Some(Statement::Received { at, stance: *stance, text: text.clone() });
            }
            Event::CompensationAwaitsApproval { amount, by } => {
                self.compensation = Compensation::AwaitingApproval { amount: *amount, since: at, by: *by };
            }
            Event::Compensated { amount, transfer } => {
                assert!(*amount == self.filing.amount, "one loss is compensated once and in full");
                self.compensation = Compensation::Paid { amount: *amount, transfer: *transfer, at };
            }
            Event::CompensationNotDue => self.compensation = Compensation::NotDue { at },
            Event::Found { finding, note, by } => {
                self.outcome = Outcome::Found { finding: *finding, note: note.clone(), at, by: *by };
            }
            Event::Recovered { transfer } => self.recovered = Some(*transfer),
            Event::Closed => {
                let Outcome::Found { finding, note, at: _, by: _ } = self.outcome.clone() else {
                    unreachable!("a dispute is closed only after a finding")
                };
                self.outcome = Outcome::Closed { finding, note, at };
            }
        }
    }
}
