//! Disputes: filed with one tap, secured, gathered, compensated at once, found, recovered, closed.
//!
//! Every event of the state machine is stored with the message that tells the payer, in one transaction.

use disputes::{Command, Compensation, Dispute, Event, FiledBy, Filing, Finding, Stance};
use gallery::Status;
use ledger::{Account, Purpose, Transfer};
use payments::{Command as PaymentCommand, State};
use serde_json::json;
use store::{DisputeRow, EvidenceRow, Language, MessageRow, PaymentRow, Tx};
use types::{Amount, DisputeId, PayerId, PaymentId, Right, SessionId, TransferId, UserId};

use crate::access::look;
use crate::callers::{MerchantCaller, OwnDevice, StaffCaller, duty};
use crate::engine::{Context, Engine, Message, record, tell, text_field};
use crate::erasure::erase_kept;
use crate::four_eyes::{another_person, not_the_payer};
use crate::life::{Cause, Step, advance_payment, loss, payment_data};
use crate::outbox::announce;
use crate::rejected::{Error, Rejected};

const WORDS_MAX: usize = 2_000;
/// Why somebody sees a case who works on it.
const WORKING: &str = "dispute";

/// A dispute with what belongs to it.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseView {
    /// The state machine.
    pub dispute: Dispute,
    /// Goes up with every change.
    pub version: u32,
    /// The attempt behind the debit.
    pub session: SessionId,
    /// What the payer reads.
    pub language: Language,
    /// What the payer was told, oldest first.
    pub timeline: Vec<MessageRow>,
}

/// Who acts on a dispute: the name for the record.
const SURETY: &str = "surety";

impl Engine {
    /// "This was not me": files a dispute, holds the merchant's money, freezes the face if wished, gathers the
    /// evidence, asks the merchant, and compensates at once unless the evidence proves the payer's own
    /// authorisation. Sent twice, it is one dispute.
    ///
    /// # Errors
    /// An unknown payment, which includes other people's; [`Rejected::Payment`] or [`Rejected::PaymentRefunded`] when
    /// nothing was taken or all of it came back, [`Rejected::AuthorisationReleased`]; [`Rejected::Field`]; an
    /// operating fault. The filing stands even when gathering fails: called again, it goes on from there.
    pub fn not_me(
        &self,
        ctx: &mut Context<'_>,
        device: OwnDevice,
        payment: PaymentId,
        (words, freeze): (&str, bool),
    ) -> Result<CaseView, Error> {
        let control = words.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'));
        if control || words.chars().count() > WORDS_MAX {
            let what = "at most 2,000 characters, none of them control characters";
            return Err(Rejected::Field { field: "words", what }.into());
        }
        let filed = self.store.write(|tx| Self::file(tx, ctx, device.payer, (payment, words, freeze)))?;
        if freeze {
            self.set_gallery_status(device.payer, Status::Paused)?;
        }
        let case = filed.ok_or(Rejected::AuthorisationReleased)?;
        // Before the evidence is gathered: a capture that had become part of the template would match itself.
        self.unlearn(ctx, device.payer, payment)?;
        let id = case.filing.id;
        // Also when an earlier call filed the case and then failed.
        if case.compensation == Compensation::Undecided {
            self.gather(ctx, id)?;
            self.ask_and_compensate(ctx, id, None)?;
        }
        self.own_case(device, id)
    }

    fn file(
        tx: &Tx<'_>,
        ctx: &mut Context<'_>,
        payer: PayerId,
        (payment, words, freeze): (PaymentId, &str, bool),
    ) -> Result<Option<Dispute>, Error> {
        let row = tx.payment(payment)?.filter(|row| row.terms().payer == payer);
        let mut row = row.ok_or(Rejected::payment())?;
        // Locked, so that the account is not closed and the capture not erased while the case begins.
        tx.payer(payer)?.ok_or(Rejected::payer())?;
        if freeze {
            Self::freeze_in(tx, ctx, payer)?;
        }
        if let Some(found) = tx.dispute_of_payment(payment)? {
            return Ok(Some(found.dispute));
        }
        if let State::Authorised { expires_at: _ } = row.payment.state {
            return Self::let_go(tx, ctx, row).map(|()| None);
        }
        let id = DisputeId::generate(ctx.now, ctx.random);
        let filing = Filing {
            id,
            payment,
            payer,
            merchant: row.terms().merchant,
            amount: loss(&row.payment)?,
            by: FiledBy::Payer,
            words: words.to_owned(),
            at: ctx.now,
        };
        let dispute = Dispute::file(filing);
        tx.insert_dispute(&DisputeRow { dispute: dispute.clone(), terminal: row.terminal, version: 0 })?;
        row.held = true;
        tx.update_payment(&row)?;
        tell_merchant(tx, ctx, &dispute, ("dispute.opened", &row))?;
        record(tx, ctx, &payer.to_string(), &id, json!({ "event": "filed", "payment": payment }))?;
        let args = json!({ "amount": dispute.filing.amount });
        tell(tx, ctx, payer, Message { kind: "dispute_filed", args, reference: id.to_string() })?;
        Ok(Some(dispute))
    }

    /// Nothing was taken yet, so nothing is at stake: what was set aside is the payer's again at once.
    fn let_go(tx: &Tx<'_>, ctx: &mut Context<'_>, mut row: PaymentRow) -> Result<(), Error> {
        let actor = row.terms().payer.to_string();
        let step = Step { actor: &actor, command: PaymentCommand::Void, cause: Cause::Itself };
        advance_payment(tx, ctx, &mut row, &step).map(drop)
    }

    /// Gathers the evidence anew: what the records say, and what they say today.
    ///
    /// # Errors
    /// An unknown dispute; [`Rejected::Dispute`]; an operating fault.
    pub fn gather_again(
        &self,
        ctx: &mut Context<'_>,
        staff: &StaffCaller,
        id: DisputeId,
    ) -> Result<EvidenceRow, Error> {
        staff.must_be(duty::disputes())?;
        let row = self.gather(ctx, id)?;
        self.store.write(|tx| {
            let case = tx.dispute(id)?.ok_or(Rejected::dispute())?;
            look(tx, ctx, staff, (&id.to_string(), case.dispute.filing.payer), WORKING)
        })?;
        self.ask_and_compensate(ctx, id, Some(staff.user))?;
        Ok(row)
    }

    fn gather(&self, ctx: &mut Context<'_>, id: DisputeId) -> Result<EvidenceRow, Error> {
        let facts = self.facts(ctx, id)?;
        let assessment = disputes::assess(&facts);
        self.store.write(|tx| {
            let seq = u32::try_from(tx.evidence(id)?.len()).map_err(anyhow::Error::new)?;
            let row = EvidenceRow {
                dispute: id,
                seq,
                at: ctx.now,
                facts: facts.clone(),
                assessment: assessment.clone(),
            };
            Self::advance(tx, ctx, (id, SURETY), Command::RecordEvidence)?;
            tx.insert_evidence(&row)?;
            Ok(row)
        })
    }

    fn ask_and_compensate(
        &self,
        ctx: &mut Context<'_>,
        id: DisputeId,
        by: Option<UserId>,
    ) -> Result<(), Error> {
        self.store.write(|tx| {
            let due = ctx.now + self.policy.statement_due();
            Self::advance(tx, ctx, (id, SURETY), Command::AskMerchant { due })?;
            let gathered = tx.evidence(id)?;
            let last = gathered.last().ok_or(disputes::Rejected::NoEvidence)?;
            let command = Command::SettleCompensation {
                authorisation_proven: last.assessment.authorisation_proven,
                automatic_limit: self.automatic_limit(tx)?,
                transfer: TransferId::generate(ctx.now, ctx.random),
                by,
            };
            Self::advance(tx, ctx, (id, SURETY), command)
        })
    }

    /// What is paid without a second person: the policy's limit, or what the reserve still holds. What it cannot
    /// pay stays owed until somebody fills it.
    fn automatic_limit(&self, tx: &Tx<'_>) -> Result<Amount, Error> {
        let held = tx.available(Account::Reserve, self.policy.currency)?;
        let limit = self.policy.compensation.automatic_up_to_minor;
        if held.minor < limit {
            tracing::warn!(
                held = held.minor,
                limit,
                "the reserve holds less than the automatic limit: fill it"
            );
        }
        Ok(self.policy.amount(limit.min(held.minor)))
    }

    /// One step of the state machine: decide, then apply, move money, record, and tell the payer.
    fn advance(
        tx: &Tx<'_>,
        ctx: &mut Context<'_>,
        (id, actor): (DisputeId, &str),
        command: Command,
    ) -> Result<(), Error> {
        let mut row = tx.dispute(id)?.ok_or(Rejected::dispute())?;
        let Some(event) = row.dispute.decide(command)? else { return Ok(()) };
        move_money(tx, ctx, (&row.dispute, actor), &event)?;
        row.dispute.apply(&event, ctx.now);
        row.version += 1;
        tx.update_dispute(&row)?;
        let body = serde_json::to_value(&event).map_err(anyhow::Error::new)?;
        record(tx, ctx, actor, &id, body)?;
        let (kind, args) = told(&row.dispute, &event);
        tell(tx, ctx, row.dispute.filing.payer, Message { kind, args, reference: id.to_string() })?;
        Ok(())
    }

    /// The merchant's statement.
    ///
    /// # Errors
    /// An unknown dispute, which includes other merchants'; [`Rejected::Dispute`]; an operating fault.
    pub fn state(
        &self,
        ctx: &mut Context<'_>,
        merchant: MerchantCaller,
        id: DisputeId,
        (stance, text): (Stance, &str),
    ) -> Result<Dispute, Error> {
        merchant.may(Right::Disputes)?;
        let text = text_field("text", text, WORDS_MAX, "1 to 2,000 characters")?;
        self.store.write(|tx| {
            let row = tx.dispute(id)?.filter(|row| row.dispute.filing.merchant == merchant.merchant);
            row.ok_or(Rejected::dispute())?;
            let actor = merchant.name();
            Self::advance(tx, ctx, (id, &actor), Command::ReceiveStatement { stance, text: text.clone() })?;
            Ok(tx.dispute(id)?.ok_or(Rejected::dispute())?.dispute)
        })
    }

    /// A second person approves a compensation above the automatic limit: nobody who recorded the finding or asked for
    /// the money, and not the payer in person.
    ///
    /// # Errors
    /// [`Rejected::OwnRequest`], [`Rejected::Dispute`], [`Rejected::Ledger`] when the reserve is empty; an operating
    /// fault.
    pub fn approve_compensation(
        &self,
        ctx: &mut Context<'_>,
        staff: &StaffCaller,
        id: DisputeId,
    ) -> Result<CaseView, Error> {
        staff.must_be(duty::money())?;
        let transfer = TransferId::generate(ctx.now, ctx.random);
        self.store.write(|tx| {
            let row = tx.dispute(id)?.ok_or(Rejected::dispute())?;
            another_person(staff, row.dispute.proposers())?;
            not_the_payer(tx, staff, row.dispute.filing.payer)?;
            Self::advance(tx, ctx, (id, &staff.name), Command::ApproveCompensation { transfer })
        })?;
        self.case(ctx, staff, id, WORKING)
    }

    /// A person says what happened. A finding that owes the payer money pays it, if it was not paid before.
    ///
    /// # Errors
    /// [`Rejected::Dispute`], [`Rejected::Field`]; an operating fault.
    pub fn find(
        &self,
        ctx: &mut Context<'_>,
        staff: &StaffCaller,
        id: DisputeId,
        (finding, note): (Finding, &str),
    ) -> Result<CaseView, Error> {
        staff.must_be(duty::disputes())?;
        let note = text_field("note", note, WORDS_MAX, "1 to 2,000 characters")?;
        let transfer = TransferId::generate(ctx.now, ctx.random);
        self.store.write(|tx| {
            let command = Command::Find { finding, note: note.clone(), by: staff.user };
            Self::advance(tx, ctx, (id, &staff.name), command)?;
            if finding.payer_is_owed() {
                let automatic_limit = self.automatic_limit(tx)?;
                let command = Command::SettleCompensation {
                    authorisation_proven: false,
                    automatic_limit,
                    transfer,
                    by: Some(staff.user),
                };
                Self::advance(tx, ctx, (id, &staff.name), command)?;
            }
            Ok::<_, Error>(())
        })?;
        self.case(ctx, staff, id, WORKING)
    }

    /// The merchant's money of this payment covers what the reserve paid, once per transfer id: from its pending money,
    /// or after settlement from its settled money, the fee, and what it will owe.
    ///
    /// # Errors
    /// [`Rejected::Dispute`], [`Rejected::Payment`] when less is left of the payment; an operating fault.
    pub fn recover(
        &self,
        ctx: &mut Context<'_>,
        staff: &StaffCaller,
        id: DisputeId,
        transfer: TransferId,
    ) -> Result<CaseView, Error> {
        staff.must_be(duty::disputes())?;
        self.staff_step(ctx, staff, id, Command::Recover { transfer })
    }

    /// Ends a case, and lets the merchant's money go if the payer did pay.
    ///
    /// # Errors
    /// [`Rejected::Dispute`]; an operating fault.
    pub fn close(
        &self,
        ctx: &mut Context<'_>,
        staff: &StaffCaller,
        id: DisputeId,
    ) -> Result<CaseView, Error> {
        staff.must_be(duty::disputes())?;
        let erased = self.store.write(|tx| {
            Self::advance(tx, ctx, (id, &staff.name), Command::Close)?;
            let dispute = tx.dispute(id)?.ok_or(Rejected::dispute())?.dispute;
            let mut payment = tx.payment(dispute.filing.payment)?.ok_or(Rejected::payment())?;
            if payment.held {
                payment.held = false;
                tx.update_payment(&payment)?;
                tell_merchant(tx, ctx, &dispute, ("dispute.closed", &payment))?;
            }
            erase_kept(tx, ctx, id, dispute.filing.payer)
        })?;
        if let Some(tombstone) = erased {
            self.finish(&tombstone)?;
        }
        self.case(ctx, staff, id, WORKING)
    }

    fn staff_step(
        &self,
        ctx: &mut Context<'_>,
        staff: &StaffCaller,
        id: DisputeId,
        command: Command,
    ) -> Result<CaseView, Error> {
        self.store.write(|tx| Self::advance(tx, ctx, (id, &staff.name), command.clone()))?;
        self.case(ctx, staff, id, WORKING)
    }

    /// A dispute, for staff. Needs a purpose; the look is logged for the payer.
    ///
    /// # Errors
    /// [`Rejected::RoleMissing`], an unknown dispute, [`Rejected::Field`] for the purpose; an operating fault.
    pub fn case(
        &self,
        ctx: &mut Context<'_>,
        staff: &StaffCaller,
        id: DisputeId,
        purpose: &str,
    ) -> Result<CaseView, Error> {
        staff.must_be(duty::reading_disputes())?;
        self.store.write(|tx| {
            let row = tx.dispute(id)?.ok_or(Rejected::dispute())?;
            look(tx, ctx, staff, (&id.to_string(), row.dispute.filing.payer), purpose)?;
            case_view(tx, row)
        })
    }

    /// All disputes, oldest first: how they stand, not what is in their files.
    ///
    /// # Errors
    /// An operating fault.
    pub fn cases(&self, staff: &StaffCaller) -> Result<Vec<CaseView>, Error> {
        staff.must_be(duty::reading_disputes())?;
        self.store.read(|tx| tx.disputes()?.into_iter().map(|row| case_view(tx, row)).collect())
    }

    /// A payer's own dispute.
    ///
    /// # Errors
    /// An unknown dispute, which includes other people's; an operating fault.
    pub fn own_case(&self, device: OwnDevice, id: DisputeId) -> Result<CaseView, Error> {
        self.store.read(|tx| {
            let row = tx.dispute(id)?.filter(|row| row.dispute.filing.payer == device.payer);
            case_view(tx, row.ok_or(Rejected::dispute())?)
        })
    }
}

fn case_view(tx: &Tx<'_>, row: DisputeRow) -> Result<CaseView, Error> {
    let filing = &row.dispute.filing;
    let payment = tx.payment(filing.payment)?.ok_or(Rejected::payment())?;
    let language = tx.payer(filing.payer)?.ok_or(Rejected::payer())?.language;
    let timeline = tx.messages_about(&filing.id.to_string())?;
    Ok(CaseView { session: payment.session, dispute: row.dispute, version: row.version, language, timeline })
}

/// Moves the money an event of a dispute moves.
fn move_money(
    tx: &Tx<'_>,
    ctx: &mut Context<'_>,
    (dispute, actor): (&Dispute, &str),
    event: &Event,
) -> Result<(), Error> {
    let filing = &dispute.filing;
    match event {
        Event::Compensated { amount, transfer } => {
            let purpose = Purpose::Compensation { dispute: filing.id };
            let (from, to) = (Account::Reserve, Account::Payer(filing.payer));
            tx.post(&Transfer { id: *transfer, from, to, amount: *amount, purpose }, ctx.now)?;
        }
        Event::Recovered { transfer } => {
            let Compensation::Paid { amount, transfer: _, at: _ } = dispute.compensation else {
                unreachable!("only what was paid is recovered")
            };
            let mut row = tx.payment(filing.payment)?.ok_or(Rejected::payment())?;
            let cause = Cause::Recovery { dispute: filing.id, transfer: *transfer };
            let step = Step { actor, command: PaymentCommand::Recover { amount }, cause };
            advance_payment(tx, ctx, &mut row, &step)?;
        }
        Event::EvidenceGathered
        | Event::MerchantAsked { due: _ }
        | Event::StatementReceived { stance: _, text: _ }
        | Event::CompensationAwaitsApproval { amount: _, by: _ }
        | Event::CompensationNotDue
        | Event::Found { finding: _, note: _, by: _ }
        | Event::Closed => {}
    }
    Ok(())
}

/// A webhook about a dispute. It does not say who disputes.
fn tell_merchant(
    tx: &Tx<'_>,
    ctx: &mut Context<'_>,
    dispute: &Dispute,
    (kind, row): (&'static str, &PaymentRow),
) -> Result<(), Error> {
    let filing = &dispute.filing;
    let merchant = tx.merchant(filing.merchant)?.ok_or(Rejected::merchant())?;
    let order = tx.order(row.terms().order)?.ok_or(Rejected::order())?;
    let mut data = payment_data(row, &order);
    data["dispute_id"] = json!(filing.id);
    data["disputed"] = json!(filing.amount);
    announce(tx, ctx, &merchant, (kind, data))?;
    Ok(())
}

/// What the payer is told of an event: no event without a message.
fn told(dispute: &Dispute, event: &Event) -> (&'static str, serde_json::Value) {
    let amount = dispute.filing.amount;
    match event {
        Event::EvidenceGathered => ("dispute_evidence", json!({})),
        Event::MerchantAsked { due } => ("dispute_merchant_asked", json!({ "due": due })),
        Event::StatementReceived { stance, text: _ } => ("dispute_statement", json!({ "stance": stance })),
        Event::CompensationAwaitsApproval { amount, by: _ } => {
            ("dispute_awaits_approval", json!({ "amount": amount }))
        }
        Event::Compensated { amount, transfer: _ } => ("dispute_compensated", json!({ "amount": amount })),
        Event::CompensationNotDue => ("dispute_not_compensated", json!({ "amount": amount })),
        Event::Found { finding, note: _, by: _ } => ("dispute_finding", json!({ "finding": finding })),
        Event::Recovered { transfer: _ } => ("dispute_recovered", json!({})),
        Event::Closed => ("dispute_closed", json!({})),
    }
}
