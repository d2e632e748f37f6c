//! A second set of books that shares no rule with the first: a list of what was accepted, from which
//! everything is counted anew, in wider numbers, each time somebody asks.

use super::*;

#[derive(Default, Clone)]
pub(super) struct Model {
    log: Vec<Command>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Applied,
    AlreadyApplied,
    Refused,
}

impl Model {
    pub(super) fn apply(&mut self, batch: &[Command], now: Timestamp) -> Verdict {
        let known = batch.iter().filter(|command| self.log.contains(command)).count();
        let taken = batch.iter().filter(|command| self.find(command.id()).is_some()).count();
        if known == batch.len() && !repeats(batch) {
            return Verdict::AlreadyApplied;
        }
        if taken > 0 || repeats(batch) {
            return Verdict::Refused;
        }
        let before = self.log.len();
        for command in batch {
            let may = self.may(command, now);
            self.log.push(*command);
            if !may || !self.lawful() {
                self.log.truncate(before);
                return Verdict::Refused;
            }
        }
        Verdict::Applied
    }

    fn find(&self, id: TransferId) -> Option<&Command> {
        self.log.iter().find(|command| command.id() == id)
    }

    /// What the command asks for makes sense, balances aside.
    fn may(&self, command: &Command, now: Timestamp) -> bool {
        let sound = |transfer: &Transfer| transfer.from != transfer.to && transfer.amount.minor > 0;
        match command {
            Command::Move(transfer) => sound(transfer),
            Command::Hold { transfer, expires_at } => sound(transfer) && now < *expires_at,
            Command::PostHold { id: _, hold, amount } => self.open(*hold).is_some_and(|(transfer, until)| {
                now < until
                    && amount.currency == transfer.amount.currency
                    && (1..=transfer.amount.minor).contains(&amount.minor)
            }),
            Command::VoidHold { id: _, hold } => self.open(*hold).is_some(),
            Command::ExpireHold { id: _, hold } => self.open(*hold).is_some_and(|(_, until)| until <= now),
        }
    }

    fn open(&self, hold: TransferId) -> Option<(&Transfer, Timestamp)> {
        if self.log.iter().any(|command| closes(command) == Some(hold)) {
            return None;
        }
        match self.find(hold) {
            Some(Command::Hold { transfer, expires_at }) => Some((transfer, *expires_at)),
            _ => None,
        }
    }

    fn lawful(&self) -> bool {
        [Currency::CNY, Currency::EUR].into_iter().all(|currency| {
            ACCOUNTS.iter().all(|(name, account)| {
                let posted = self.posted(*account, currency);
                let held = self.held(*account, currency);
                let (low, high) = match *name {
                    "external" => (i64::MIN, i64::MAX),
                    "shop-owes" | "cafe-owes" => (i64::MIN, 0),
                    _ => (0, i64::MAX),
                };
                posted <= i128::from(high) && posted - held >= i128::from(low) && held <= i128::from(i64::MAX)
            })
        })
    }

    pub(super) fn posted(&self, account: Account, currency: Currency) -> i128 {
        let change = |command: &Command| {
            let (transfer, minor) = match command {
                Command::Move(transfer) => (*transfer, transfer.amount.minor),
                Command::PostHold { id: _, hold, amount } => match self.find(*hold) {
                    Some(Command::Hold { transfer, expires_at: _ }) => (*transfer, amount.minor),
                    other => panic!("posted from {other:?}"),
                },
                Command::Hold { .. } | Command::VoidHold { .. } | Command::ExpireHold { .. } => return 0,
            };
            let sign = i128::from(transfer.to == account) - i128::from(transfer.from == account);
            if transfer.amount.currency == currency { sign * i128::from(minor) } else { 0 }
        };
        self.log.iter().map(change).sum()
    }

    pub(super) fn held(&self, account: Account, currency: Currency) -> i128 {
        let open = self.log.iter().filter_map(|command| self.open(command.id()));
        open.filter(|(transfer, _)| transfer.from == account && transfer.amount.currency == currency)
            .map(|(transfer, _)| i128::from(transfer.amount.minor))
            .sum()
    }

    pub(super) fn times_closed(&self, hold: TransferId) -> usize {
        self.log.iter().filter(|command| closes(command) == Some(hold)).count()
    }

    pub(super) fn log(&self) -> &[Command] {
        &self.log
    }
}

fn repeats(batch: &[Command]) -> bool {
    (1..batch.len()).any(|n| batch[..n].iter().any(|earlier| earlier.id() == batch[n].id()))
}

fn closes(command: &Command) -> Option<TransferId> {
    match command {
        Command::PostHold { id: _, hold, amount: _ }
        | Command::VoidHold { id: _, hold }
        | Command::ExpireHold { id: _, hold } => Some(*hold),
        Command::Move(_) | Command::Hold { transfer: _, expires_at: _ } => None,
    }
}
