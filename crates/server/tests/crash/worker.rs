//! A client: asks for one thing after the other, and writes down what it is told.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use scenario::{CallError, Client};
use types::{PaymentId, TransferId};

use crate::city::Till;
use crate::journal::{Journal, Op, Order, Payment, Standing};
use crate::process::Access;

/// How many payments a client makes before it has asked for much else: pictures cost much, the rest little.
const PAYMENTS: usize = 6;
/// After so many more requests it makes another.
const REQUESTS_PER_PAYMENT: usize = 200;
/// How long a client waits before it asks again for what the database could not take.
const PAUSE: Duration = Duration::from_millis(50);
/// How long a request is asked again that the server says to ask again.
const PATIENCE: Duration = Duration::from_secs(20);

/// No answer came, or one that says nothing about what happened.
#[derive(Debug)]
pub(crate) struct Unanswered(pub(crate) String);

pub(crate) struct Worker {
    pub(crate) journal: Journal,
    /// Why the last request was not answered.
    pub(crate) fault: String,
    random: StdRng,
    made: u32,
}

/// The keys of a client at one server.
pub(crate) struct Keys {
    pub(crate) staff: Client,
    pub(crate) merchant: Client,
    pub(crate) terminal: Client,
    pub(crate) payer: Client,
}

impl Keys {
    pub(crate) fn new(server: &Access, till: &Till) -> Self {
        let anybody = server.client();
        Self {
            staff: server.staff(),
            merchant: anybody.with_key(&till.merchant_key),
            terminal: anybody.with_signature(till.terminal_key.clone()),
            payer: anybody.with_key(&till.payer_key),
        }
    }
}

/// What the clients know of what is done to the server.
#[derive(Default)]
pub(crate) struct Signals {
    /// Enough was asked.
    pub(crate) stop: AtomicBool,
    /// The server is being killed: from now on a request may stay without an answer.
    pub(crate) killing: AtomicBool,
    /// The database comes and goes: a client whose request fails waits and asks again.
    pub(crate) outages: AtomicBool,
    /// How many clients have ended.
    pub(crate) ended: AtomicUsize,
}

impl Worker {
    pub(crate) fn new(till: Till, seed: u64) -> Self {
        let random = StdRng::seed_from_u64(seed ^ till.number as u64);
        Self { journal: Journal::new(till), fault: String::new(), random, made: 0 }
    }

    /// Asks for things until it is told to stop or gets no answer.
    pub(crate) fn load(&mut self, server: &Access, signals: &Signals) {
        let keys = Keys::new(server, &self.journal.till);
        while !signals.stop.load(Ordering::SeqCst) {
            let op = self.pick();
            if let Err(Unanswered(why)) = self.ask(&keys, op, signals) {
                self.journal.counts.lost += 1;
                assert!(
                    signals.killing.load(Ordering::SeqCst),
                    "no answer although the server was alive: {why}"
                );
                self.fault = why;
                break;
            }
        }
        signals.ended.fetch_add(1, Ordering::SeqCst);
    }

    /// Asks again for what was not answered.
    pub(crate) fn resolve(&mut self, server: &Access) {
        let keys = Keys::new(server, &self.journal.till);
        let patience = Instant::now() + PATIENCE;
        while let Some(op) = self.journal.pending.clone() {
            match self.ask(&keys, op.clone(), &Signals::default()) {
                Ok(()) => return,
                // Until PostgreSQL has ended what the killed server began, its locks are held: the server says to try
                // again. Nothing else is an excuse.
                Err(Unanswered(why)) if why.contains("storage_unavailable") && Instant::now() < patience => {
                    println!("asked again for {op:?}: {why}");
                    std::thread::sleep(PAUSE);
                }
                Err(Unanswered(why)) => panic!("asked again for {op:?}: {why}"),
            }
        }
    }

    /// Asks for one thing, again and again while the database comes and goes.
    pub(crate) fn ask(&mut self, keys: &Keys, mut op: Op, signals: &Signals) -> Result<(), Unanswered> {
        loop {
            self.journal.pending = Some(op.clone());
            self.journal.counts.requests += 1;
            match self.perform(keys, &op) {
                Ok(()) => break,
                Err(_) if signals.outages.load(Ordering::SeqCst) => {
                    self.journal.counts.unavailable += 1;
                    std::thread::sleep(PAUSE);
                    // A settlement run may have gone on to a payout.
                    op.clone_from(self.journal.pending.as_ref().unwrap());
                }
                Err(why) => return Err(why),
            }
        }
        self.journal.pending = None;
        Ok(())
    }

    /// What to ask for next: mostly something new, and now and then something that was answered before.
    fn pick(&mut self) -> Op {
        match self.random.random_range(0..100) {
            0..30 => self.pick_order(),
            30..38 => self.pick_reversal(),
            38..50 => {
                let known =
                    self.some_known(|journal| journal.top_ups.iter().map(|(k, v)| (*k, *v)).collect());
                let (transfer, minor) = known.unwrap_or_else(|| self.new_transfer());
                Op::TopUp { transfer, minor }
            }
            50..55 => {
                let known =
                    self.some_known(|journal| journal.fundings.iter().map(|(k, v)| (*k, *v)).collect());
                let (transfer, minor) = known.unwrap_or_else(|| self.new_transfer());
                Op::Fund { transfer, minor }
            }
            55..56 => Op::Settle,
            56..60 if self.wants_payment() => self.pick_payment(),
            _ => self.pick_about_payment(),
        }
    }

    fn wants_payment(&self) -> bool {
        let requests = usize::try_from(self.journal.counts.requests).unwrap();
        self.journal.payments.len() < PAYMENTS + requests / REQUESTS_PER_PAYMENT
    }

    /// One in five times something that was answered before.
    fn some_known<T: Clone>(&mut self, of: impl Fn(&Journal) -> Vec<T>) -> Option<T> {
        if self.random.random_range(0..5) > 0 {
            return None;
        }
        let known = of(&self.journal);
        (!known.is_empty()).then(|| known[self.random.random_range(0..known.len())].clone())
    }

    fn new_number(&mut self, kind: &str) -> String {
        self.made += 1;
        format!("{kind}-{}-{}", self.journal.till.number, self.made)
    }

    pub(crate) fn new_transfer(&mut self) -> (TransferId, i64) {
        self.made += 1;
        let bits = ((self.journal.till.number as u128) << 64) | u128::from(self.made);
        (TransferId::from_bits(bits), self.random.random_range(1..100_000))
    }

    fn pick_order(&mut self) -> Op {
        let known = |journal: &Journal| {
            let order = |(number, order): (&String, &Order)| (number.clone(), order.minor, order.manual);
            journal.orders.iter().map(order).collect()
        };
        let again = self.some_known(known);
        let (number, minor, manual) = again.unwrap_or_else(|| {
            let minor = self.random.random_range(1_000..90_000);
            (self.new_number("order"), minor, self.random.random_bool(0.4))
        });
        // The same number with another amount is refused.
        Op::Order { number, minor: minor + i64::from(self.random.random_bool(0.1)), manual }
    }

    fn pick_reversal(&mut self) -> Op {
        let orders: Vec<&String> = self.journal.orders.keys().collect();
        if orders.is_empty() || self.random.random_bool(0.1) {
            // Before its order came.
            return Op::ReverseNumber { number: self.new_number("order") };
        }
        let number = orders[self.random.random_range(0..orders.len())].clone();
        // Most payments are kept, for what else can be done with them.
        let paid = self.journal.orders[&number].payment.is_some();
        match self.random.random_range(0..10) {
            _ if paid && self.random.random_bool(0.8) => Op::Order {
                minor: self.journal.orders[&number].minor,
                manual: self.journal.orders[&number].manual,
                number,
            },
            0..5 => Op::Reverse { number },
            _ => Op::ReverseNumber { number },
        }
    }

    fn pick_payment(&mut self) -> Op {
        let open = |(_, order): &(&String, &Order)| !order.reversed && order.payment.is_none();
        let found = self.journal.orders.iter().find(open).map(|(number, _)| number.clone());
        found.map_or_else(|| self.pick_order(), |number| Op::Pay { number })
    }

    fn pick_about_payment(&mut self) -> Op {
        let Some((payment, minor)) = self.some_payment() else { return self.pick_order() };
        let standing = self.journal.payments[&payment].standing;
        let fresh = standing == Standing::Authorised;
        match self.random.random_range(0..100) {
            // What is only set aside is soon taken or let go.
            0..40 if fresh => Op::Capture { payment, minor: self.random.random_range(1..=minor) },
            40..50 if fresh => Op::Void { payment },
            0..4 => Op::Capture { payment, minor },
            4..6 => Op::Void { payment },
            6..8 => Op::NotMe { payment },
            8..10 => Op::Settle,
            _ => self.pick_refund(payment, minor),
        }
    }

    fn pick_refund(&mut self, payment: PaymentId, minor: i64) -> Op {
        let known = |journal: &Journal| journal.refunds.keys().cloned().collect();
        if let Some(number) = self.some_known::<String>(known) {
            let refund = &self.journal.refunds[&number];
            let other = i64::from(self.random.random_bool(0.1));
            return Op::Refund { payment: refund.payment, minor: refund.minor + other, number };
        }
        // Small enough for many of one payment, now and then more than is left.
        let most = if self.random.random_bool(0.02) { minor + 1 } else { 1 + minor / 50 };
        let minor = self.random.random_range(1..=most);
        Op::Refund { payment, number: self.new_number("refund"), minor }
    }

    /// One of the payments, and how much it is about.
    fn some_payment(&mut self) -> Option<(PaymentId, i64)> {
        let known: Vec<(&PaymentId, &Payment)> = self.journal.payments.iter().collect();
        if known.is_empty() {
            return None;
        }
        let (id, payment) = known[self.random.random_range(0..known.len())];
        let minor = match payment.standing {
            Standing::Captured(minor) => minor,
            Standing::Authorised | Standing::Voided | Standing::Reversed(_) => payment.authorised,
        };
        Some((*id, minor))
    }
}

/// Tells an answer from none: a refusal of the request itself is an answer.
pub(crate) fn answer<T>(called: Result<T, CallError>) -> Result<Result<T, String>, Unanswered> {
    match called {
        Ok(value) => Ok(Ok(value)),
        Err(CallError::Problem(problem)) if problem.status >= 500 => {
            assert!(
                ["storage_unavailable", "internal"].contains(&problem.code.as_str()),
                "{} {}",
                problem.status,
                problem.code
            );
            Err(Unanswered(format!("{} {}: {}", problem.status, problem.code, problem.detail)))
        }
        Err(CallError::Problem(problem)) => Ok(Err(problem.code)),
        Err(CallError::Transport(error)) => Err(Unanswered(format!("{error:#}"))),
    }
}
