//! Settlement: a merchant's captured money becomes payable on the n-th business day after, less the fee and what
//! the merchant owes; and its payment to the merchant's bank.
//!
//! A run may be stopped anywhere and started again: it takes up what is left. Each payment is settled once, because
//! the payment itself says so.

use std::collections::BTreeMap;

use anyhow::anyhow;
use jiff::civil::Date;
use ledger::{Account, Purpose, Transfer};
use payments::{Command, Event, Standing, settle_split};
use serde_json::json;
use store::{DuePayment, MerchantRow, SettlementRow, SettlementState, Tx};
use types::{Amount, Currency, MerchantId, PaymentId, Right, SettlementId, Timestamp, TransferId};

use crate::bills::first_moment;
use crate::callers::{MerchantCaller, StaffCaller, duty};
use crate::engine::{Context, Engine, record};
use crate::life::standing;
use crate::outbox::announce;
use crate::rejected::{Error, Rejected};

/// Payments per transaction: few enough that nobody waits long, many enough that the books get few rows.
const CHUNK: u32 = 200;
const LIST_MAX: u32 = 100;

/// What a run did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettlementView {
    /// The settlement.
    pub settlement: SettlementRow,
    /// What was due and is not in it, and why: `dispute` or `hold`.
    pub left_out: Vec<(PaymentId, Amount, String)>,
}

/// What a chunk added to one settlement.
struct Sum {
    settlement: SettlementRow,
    net: i64,
    fee: i64,
    payments: u32,
}

impl Engine {
    /// Settles everything that is due today, for every merchant. Run twice, it does nothing the second time. A fault
    /// about one merchant holds up no other.
    ///
    /// # Errors
    /// The first operating fault, after all merchants had their turn; what was settled stays settled.
    pub fn settle_due(&self, ctx: &mut Context<'_>, actor: &str) -> Result<Vec<SettlementView>, Error> {
        let today = self.business_date(ctx.now);
        let merchants = self.store.read(|tx| tx.merchants().map_err(Error::from))?;
        let mut ended = Vec::new();
        let mut fault = None;
        for merchant in merchants {
            match self.settle_merchant(ctx, actor, &merchant, today) {
                Ok(views) => ended.extend(views),
                Err(error) => {
                    tracing::error!(?error, merchant = %merchant.id, "a merchant is not settled");
                    fault = fault.or(Some(error));
                }
            }
        }
        fault.map_or(Ok(ended), Err)
    }

    /// As [`Engine::settle_due`], asked for by staff.
    ///
    /// # Errors
    /// An operating fault.
    pub fn settle_now(
        &self,
        ctx: &mut Context<'_>,
        staff: &StaffCaller,
    ) -> Result<Vec<SettlementView>, Error> {
        staff.must_be(duty::merchants())?;
        self.settle_due(ctx, &staff.name)
    }

    /// The business day of a moment.
    #[must_use]
    pub fn business_date(&self, at: Timestamp) -> Date {
        at.to_zoned(self.time_zone.clone()).date()
    }

    /// The first moment of a business day.
    pub(crate) fn start_of(&self, date: Date) -> anyhow::Result<Timestamp> {
        first_moment(&self.time_zone, date)
    }

    fn settle_merchant(
        &self,
        ctx: &mut Context<'_>,
        actor: &str,
        merchant: &MerchantRow,
        today: Date,
    ) -> Result<Vec<SettlementView>, Error> {
        self.end_earlier(ctx, actor, merchant, today)?;
        // T+n: what was captured on day T is due on day T+n.
        let first_not_due = today - jiff::Span::new().days(i64::from(merchant.settle_after_days) - 1);
        let before = self.start_of(first_not_due)?;
        let mut after = None;
        loop {
            let last = self.store.write(|tx| {
                let due = tx.due_payments(merchant.id, before, after, CHUNK)?;
                Self::settle_chunk(tx, ctx, (merchant, today), &due)?;
                Ok::<_, Error>(due.last().map(|payment| payment.id))
            })?;
            match last {
                Some(id) => after = Some(id),
                None => break,
            }
        }
        self.end_running(ctx, actor, merchant, |date| date == today.to_string())
    }

    fn settle_chunk(
        tx: &Tx<'_>,
        ctx: &mut Context<'_>,
        (merchant, today): (&MerchantRow, Date),
        due: &[DuePayment],
    ) -> Result<(), Error> {
        let mut sums: BTreeMap<&str, Sum> = BTreeMap::new();
        for payment in due {
            let code = payment.currency.code();
            if !sums.contains_key(code) {
                let settlement = open(tx, ctx, (merchant.id, today), payment.currency)?;
                sums.insert(code, Sum { settlement, net: 0, fee: 0, payments: 0 });
            }
            let sum = sums.get_mut(code).expect("it was just made sure of");
            if sum.settlement.state == SettlementState::Running {
                settle_one(tx, ctx, sum, payment)?;
            }
        }
        for sum in sums.into_values() {
            move_money(tx, ctx, merchant.id, sum)?;
        }
        Ok(())
    }

    /// Settlements of earlier days that a stopped run left open: what they lack is in today's.
    fn end_earlier(
        &self,
        ctx: &mut Context<'_>,
        actor: &str,
        merchant: &MerchantRow,
        today: Date,
    ) -> Result<(), Error> {
        self.end_running(ctx, actor, merchant, |date| date != today.to_string()).map(drop)
    }

    fn end_running(
        &self,
        ctx: &mut Context<'_>,
        actor: &str,
        merchant: &MerchantRow,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<SettlementView>, Error> {
        self.store.write(|tx| {
            let running = tx.running_settlements()?.into_iter();
            let own = running.filter(|row| row.merchant == merchant.id && wanted(&row.date));
            own.map(|row| end(tx, ctx, actor, (merchant, row.id))).collect()
        })
    }

    /// The newest settlements of a merchant, at most 100, with what was left out of each.
    ///
    /// # Errors
    /// An operating fault.
    pub fn settlements(&self, merchant: MerchantCaller) -> Result<Vec<SettlementView>, Error> {
        merchant.may(Right::Money)?;
        self.store.read(|tx| {
            let rows = tx.settlements_of(merchant.merchant, LIST_MAX)?;
            rows.into_iter().map(|row| view(tx, row)).collect()
        })
    }

    /// Records that a settlement's money left for the merchant's bank, once: what is left of it after refunds that
    /// were paid from it meanwhile.
    ///
    /// # Errors
    /// An unknown settlement; [`Rejected::SettlementRunning`], [`Rejected::SettlementPaidOut`],
    /// [`Rejected::NothingToPayOut`]; an operating fault.
    pub fn pay_out(
        &self,
        ctx: &mut Context<'_>,
        staff: &StaffCaller,
        id: SettlementId,
        transfer: TransferId,
    ) -> Result<SettlementView, Error> {
        staff.must_be(duty::money())?;
        self.store.write(|tx| {
            let mut row = tx.settlement(id)?.ok_or(Rejected::settlement())?;
            let at = match &row.state {
                SettlementState::Running => return Err(Rejected::SettlementRunning.into()),
                SettlementState::PaidOut { at: _, transfer: done } if *done == transfer => {
                    return view(tx, row);
                }
                SettlementState::PaidOut { at: _, transfer: _ } => {
                    return Err(Rejected::SettlementPaidOut.into());
                }
                SettlementState::Complete { at } => *at,
            };
            let from = Account::MerchantSettled(row.merchant);
            let minor = tx.available(from, row.currency)?.minor.min(row.settled_minor);
            if minor <= 0 {
                return Err(Rejected::NothingToPayOut.into());
            }
            let amount = Amount::new(minor, row.currency);
            let purpose = Purpose::Payout { settlement: id };
            tx.post(&Transfer { id: transfer, from, to: Account::External, amount, purpose }, ctx.now)?;
            row.state = SettlementState::PaidOut { at, transfer };
            tx.update_settlement(&row)?;
            record(tx, ctx, &staff.name, &id, json!({ "event": "settlement_paid_out", "amount": amount }))?;
            view(tx, row)
        })
    }
}

fn open(
    tx: &Tx<'_>,
    ctx: &mut Context<'_>,
    (merchant, today): (MerchantId, Date),
    currency: Currency,
) -> Result<SettlementRow, Error> {
    let row = SettlementRow {
        id: SettlementId::generate(ctx.now, ctx.random),
        merchant,
        date: today.to_string(),
        currency,
        state: SettlementState::Running,
        payments: 0,
        net_minor: 0,
        fee_minor: 0,
        repaid_minor: 0,
        settled_minor: 0,
        started_at: ctx.now,
    };
    tx.open_settlement(&row).map_err(Error::from)
}

/// Settles one payment, or leaves it out with the reason. What changed since it was listed counts.
fn settle_one(tx: &Tx<'_>, ctx: &mut Context<'_>, sum: &mut Sum, due: &DuePayment) -> Result<(), Error> {
    let mut row = tx.payment(due.id)?.ok_or_else(|| anyhow!("{} has vanished", due.id))?;
    let standing = standing(tx, due.id)?;
    if row.held || standing == Standing::Disputed {
        let reason = if due.disputed { "dispute" } else { "hold" };
        return tx.leave_out(sum.settlement.id, due.id, reason).map_err(Error::from);
    }
    let command = Command::Settle { settlement: sum.settlement.id };
    // Otherwise it was settled, reversed or refunded in whole since it was listed.
    let Ok(Some(event)) = row.payment.decide(command, standing, ctx.now) else { return Ok(()) };
    let Event::Settled { settlement: _, net, fee } = &event else {
        unreachable!("a settlement settles");
    };
    sum.net += net.minor;
    sum.fee += fee.minor;
    sum.payments += 1;
    row.payment.apply(&event, ctx.now);
    tx.update_payment(&row)?;
    let body = serde_json::to_value(&event).map_err(anyhow::Error::new)?;
    record(tx, ctx, "surety", &due.id, body).map_err(Error::from)
}

/// Moves what a chunk settled, together with the sums that say so.
fn move_money(tx: &Tx<'_>, ctx: &mut Context<'_>, merchant: MerchantId, sum: Sum) -> Result<(), Error> {
    let Sum { mut settlement, net, fee, payments } = sum;
    if payments == 0 {
        return Ok(());
    }
    let amount = |minor| Amount::new(minor, settlement.currency);
    let debt = tx.available(Account::Receivable(merchant), settlement.currency)?;
    let split = settle_split(amount(net), amount(fee), amount(-debt.minor));
    let id = settlement.id;
    let parts = [
        (Account::Fees, split.fees, Purpose::Fee { settlement: id }),
        (Account::Receivable(merchant), split.repaid_debt, Purpose::DebtRepayment { settlement: id }),
        (Account::MerchantSettled(merchant), split.to_settled, Purpose::Settlement { settlement: id }),
    ];
    let from = Account::MerchantPending(merchant);
    let movements: Vec<ledger::Command> = parts
        .into_iter()
        .filter(|(_, amount, _)| amount.is_positive())
        .map(|(to, amount, purpose)| {
            let id = TransferId::generate(ctx.now, ctx.random);
            ledger::Command::Move(Transfer { id, from, to, amount, purpose })
        })
        .collect();
    if !movements.is_empty() {
        assert!(tx.apply(&movements, ctx.now)?, "fresh movements are applied");
    }
    settlement.payments += payments;
    settlement.net_minor += net;
    settlement.fee_minor += fee;
    settlement.repaid_minor += split.repaid_debt.minor;
    settlement.settled_minor += split.to_settled.minor;
    tx.update_settlement(&settlement).map_err(Error::from)
}

fn end(
    tx: &Tx<'_>,
    ctx: &mut Context<'_>,
    actor: &str,
    (merchant, id): (&MerchantRow, SettlementId),
) -> Result<SettlementView, Error> {
    let mut row = tx.settlement(id)?.ok_or(Rejected::settlement())?;
    if row.state != SettlementState::Running {
        // Another process ended it meanwhile.
        return view(tx, row);
    }
    row.state = SettlementState::Complete { at: ctx.now };
    tx.update_settlement(&row)?;
    let data = json!({
        "settlement_id": id, "date": row.date, "currency": row.currency, "payments": row.payments,
        "net_minor": row.net_minor, "fee_minor": row.fee_minor, "repaid_minor": row.repaid_minor,
        "settled_minor": row.settled_minor,
    });
    announce(tx, ctx, merchant, ("settlement.completed", data))?;
    record(tx, ctx, actor, &id, json!({ "event": "settlement_completed" }))?;
    view(tx, row)
}

fn view(tx: &Tx<'_>, row: SettlementRow) -> Result<SettlementView, Error> {
    let left_out = tx.left_out(row.id)?;
    Ok(SettlementView { settlement: row, left_out })
}
