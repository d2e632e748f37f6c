use std::collections::BTreeMap;

use proptest::prelude::*;
use types::Currency;

use super::*;

/// Books in memory, as a store would keep them.
#[derive(Default, Clone, PartialEq, Debug)]
struct Books {
    balances: BTreeMap<Account, i64>,
    transfers: BTreeMap<TransferId, Transfer>,
}

impl Books {
    fn balance(&self, account: Account) -> i64 {
        self.balances.get(&account).copied().unwrap_or(0)
    }

    fn post(&mut self, transfer: Transfer) -> Result<bool, Rejected> {
        let currency = transfer.amount.currency;
        let rows = Rows {
            existing: self.transfers.get(&transfer.id).copied(),
            from_balance: Amount::new(self.balance(transfer.from), currency),
            to_balance: Amount::new(self.balance(transfer.to), currency),
        };
        match post(&rows, &transfer)? {
            Posted::AlreadyApplied => Ok(false),
            Posted::Applied { from_balance, to_balance } => {
                self.balances.insert(transfer.from, from_balance.minor);
                self.balances.insert(transfer.to, to_balance.minor);
                self.transfers.insert(transfer.id, transfer);
                Ok(true)
            }
        }
    }
}

fn account(n: u8) -> Account {
    match n % 4 {
        0 => Account::External,
        1 => Account::Reserve,
        2 => Account::Payer(PayerId::from_bits(u128::from(n))),
        _ => Account::MerchantPending(MerchantId::from_bits(u128::from(n))),
    }
}

fn transfer(id: u128, from: u8, to: u8, minor: i64) -> Transfer {
    Transfer {
        id: TransferId::from_bits(id),
        from: account(from),
        to: account(to),
        amount: Amount::new(minor, Currency::CNY),
        purpose: Purpose::TopUp,
    }
}

#[test]
fn every_reason_to_refuse() {
    let mut books = Books::default();
    assert_eq!(books.post(transfer(1, 0, 2, 500)), Ok(true));
    assert_eq!(books.post(transfer(1, 0, 2, 500)), Ok(false));
    assert_eq!(books.post(transfer(1, 0, 2, 501)), Err(Rejected::IdReused));
    assert_eq!(books.post(transfer(2, 2, 2, 1)), Err(Rejected::SameAccount));
    assert_eq!(books.post(transfer(3, 2, 3, 0)), Err(Rejected::NotPositive));
    assert_eq!(books.post(transfer(4, 2, 3, -1)), Err(Rejected::NotPositive));
    assert_eq!(books.post(transfer(5, 2, 3, 501)), Err(Rejected::InsufficientFunds));
    assert_eq!(books.post(transfer(6, 0, 2, i64::MAX)), Err(Rejected::Amount(AmountError::Overflow)));
    let euro = Rows {
        existing: None,
        from_balance: Amount::zero(Currency::EUR),
        to_balance: Amount::zero(Currency::CNY),
    };
    assert_eq!(post(&euro, &transfer(7, 0, 2, 1)), Err(Rejected::Amount(AmountError::CurrencyMixed)));
}

#[test]
fn accounts_round_trip_as_text() {
    for n in 0..4 {
        assert_eq!(account(n).to_string().parse(), Ok(account(n)));
    }
    for wrong in ["", "payer", "payer:", "payer:mer_00", "reserve:1", "external:"] {
        assert!(wrong.parse::<Account>().is_err(), "{wrong}");
    }
}

proptest! {
    /// Whatever is tried: debits equal credits, nobody is below the floor, and a replay changes nothing.
    #[test]
    fn books_balance(commands in proptest::collection::vec((0..20_u128, 0..8_u8, 0..8_u8, -5..1_000_i64), 0..60)) {
        let mut books = Books::default();
        for (id, from, to, minor) in &commands {
            let before = books.clone();
            if books.post(transfer(*id, *from, *to, *minor)).is_err() {
                prop_assert_eq!(&before, &books);
            }
            prop_assert_eq!(books.balances.values().sum::<i64>(), 0);
            for (account, balance) in &books.balances {
                prop_assert!(*balance >= account.floor_minor());
            }
        }
        let settled = books.clone();
        let posted: Vec<Transfer> = books.transfers.values().copied().collect();
        for again in posted {
            prop_assert_eq!(books.post(again), Ok(false));
        }
        prop_assert_eq!(settled, books);
    }
}
