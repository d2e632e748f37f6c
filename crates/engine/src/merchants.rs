//! Merchants, and money from outside.

use ledger::{Account, Purpose, Transfer};
use serde_json::json;
use store::{CredentialKind, MerchantRow, Scope};
use types::{Amount, MerchantId, PayerId, Right, TransferId};
use zeroize::Zeroizing;

use crate::callers::{MerchantCaller, NewCredential, StaffCaller, duty};
use crate::engine::{Context, Engine, record, text_field};
use crate::four_eyes::not_the_payer;
use crate::rejected::{Error, Rejected};

/// A merchant to register.
#[derive(Clone, Debug)]
pub struct NewMerchant {
    /// The name payers read.
    pub name: String,
    /// Where it does business.
    pub city: String,
}

impl Engine {
    /// Registers a merchant; returns the bearer key of its systems, which is shown once.
    ///
    /// # Errors
    /// [`Rejected::Field`]; an operating fault.
    pub fn register_merchant(
        &self,
        ctx: &mut Context<'_>,
        staff: &StaffCaller,
        new: NewMerchant,
    ) -> Result<(MerchantId, Zeroizing<String>), Error> {
        staff.must_be(duty::merchants())?;
        let name = text_field("name", &new.name, 100, "a name of 1 to 100 characters")?;
        let city = text_field("city", &new.city, 100, "a city of 1 to 100 characters")?;
        let id = MerchantId::generate(ctx.now, ctx.random);
        let key = NewCredential::draw(ctx, (CredentialKind::Bearer, Scope::Merchant), &id, "first key");
        self.store.write(|tx| {
            tx.insert_merchant(&MerchantRow {
                id,
                name: name.clone(),
                city: city.clone(),
                settle_after_days: 1,
                fee_bps: 0,
                webhook: None,
                created_at: ctx.now,
            })?;
            key.keep(tx)?;
            record(tx, ctx, &staff.name, &id, json!({ "event": "merchant_registered" })).map_err(Error::from)
        })?;
        Ok((id, key.secret))
    }

    /// Sets a merchant's terms: T+n, from the next settlement on, and the fee, for payments from now on.
    ///
    /// # Errors
    /// An unknown merchant, [`Rejected::Field`]; an operating fault.
    pub fn set_terms(
        &self,
        ctx: &mut Context<'_>,
        staff: &StaffCaller,
        id: MerchantId,
        (settle_after_days, fee_bps): (u32, u32),
    ) -> Result<(), Error> {
        staff.must_be(duty::merchants())?;
        if !(1..=90).contains(&settle_after_days) {
            return Err(Rejected::Field { field: "settle_after_days", what: "1 to 90 days" }.into());
        }
        if fee_bps > payments::BPS_WHOLE {
            return Err(Rejected::Field { field: "fee_bps", what: "0 to 10,000 basis points" }.into());
        }
        self.store.write(|tx| {
            let mut row = tx.merchant(id)?.ok_or(Rejected::merchant())?;
            (row.settle_after_days, row.fee_bps) = (settle_after_days, fee_bps);
            tx.update_merchant(&row)?;
            let body =
                json!({ "event": "terms_set", "settle_after_days": settle_after_days, "fee_bps": fee_bps });
            record(tx, ctx, &staff.name, &id, body).map_err(Error::from)
        })
    }

    /// Puts money of the operator into the reserve, once per id; returns what the reserve holds.
    ///
    /// # Errors
    /// [`Rejected::Ledger`]; an operating fault.
    pub fn fund_reserve(
        &self,
        ctx: &mut Context<'_>,
        staff: &StaffCaller,
        (id, amount): (TransferId, Amount),
    ) -> Result<Amount, Error> {
        staff.must_be(duty::money())?;
        let transfer = Transfer {
            id,
            from: Account::External,
            to: Account::Reserve,
            amount,
            purpose: Purpose::ReserveFunding,
        };
        self.move_in(ctx, staff, transfer)
    }

    /// Puts money that came in for a payer onto the payer's account, once per id; returns the balance.
    ///
    /// # Errors
    /// [`Rejected::Ledger`], an unknown payer, [`Rejected::OwnRequest`] for the own account; an operating fault.
    pub fn top_up(
        &self,
        ctx: &mut Context<'_>,
        staff: &StaffCaller,
        payer: PayerId,
        (id, amount): (TransferId, Amount),
    ) -> Result<Amount, Error> {
        staff.must_be(duty::money())?;
        self.store.read(|tx| not_the_payer(tx, staff, payer))?;
        let transfer = Transfer {
            id,
            from: Account::External,
            to: Account::Payer(payer),
            amount,
            purpose: Purpose::TopUp,
        };
        self.move_in(ctx, staff, transfer)
    }

    fn move_in(
        &self,
        ctx: &mut Context<'_>,
        staff: &StaffCaller,
        transfer: Transfer,
    ) -> Result<Amount, Error> {
        self.store.write(|tx| {
            if let Account::Payer(payer) = transfer.to {
                let open = tx.payer(payer)?.filter(|row| row.closed_at.is_none());
                open.ok_or(Error::from(Rejected::payer()))?;
            }
            if tx.post(&transfer, ctx.now)? {
                record(
                    tx,
                    ctx,
                    &staff.name,
                    &transfer.id,
                    json!({ "event": "money_in", "to": transfer.to }),
                )?;
            }
            tx.available(transfer.to, transfer.amount.currency).map_err(Error::from)
        })
    }

    /// What the reserve holds, per currency.
    ///
    /// # Errors
    /// An operating fault.
    pub fn reserve(&self, staff: &StaffCaller) -> Result<Vec<Amount>, Error> {
        staff.must_be(duty::reading_money())?;
        self.store.read(|tx| tx.available_each(Account::Reserve).map_err(Error::from))
    }

    /// What a merchant was paid and has not been settled; what was settled and not paid out; and what it owes, as a
    /// negative amount; each per currency.
    ///
    /// # Errors
    /// An operating fault.
    pub fn merchant_balances(&self, merchant: MerchantCaller) -> Result<[Vec<Amount>; 3], Error> {
        merchant.may(Right::Money)?;
        let id = merchant.merchant;
        self.store.read(|tx| {
            Ok([
                tx.available_each(Account::MerchantPending(id))?,
                tx.available_each(Account::MerchantSettled(id))?,
                tx.available_each(Account::Receivable(id))?,
            ])
        })
    }
}
