//! Two servers on one PostgreSQL database: whatever is asked of both at once has one outcome, and the other side is
//! told a named reason.

use std::fs;
use std::path::Path;
use std::sync::Barrier;
use std::thread;

use api::{
    Capture, CaptureMode, CapturePayment, Check, DisputeView, Funding, MerchantPaymentView, NewOrder,
    NewRefund, NewSession, NewSessionReply, NotMe, OrderState, OrderView, PayerView, PaymentState,
    RefundView, ReverseNumber, ReverseNumberReply, SessionView, SettlementList, Stage, StepUp,
};
use scenario::CallError;
use types::{Amount, PaymentId, TransferId};

use crate::city::{BEGINNING, City, Kind, PIN, Till, policy, yuan};
use crate::process::{Server, Start};
use crate::worker::Keys;

/// How often the cheap questions are asked of both at once; those that need a picture are asked less often.
const TIMES: usize = 12;
const TIMES_WITH_A_FACE: usize = 4;
/// What a payer may spend in a day in the test of that limit.
const DAY_MAX: i64 = 700_000;

/// The servers end before the city: their logs lie in its folder.
struct Town {
    servers: [Server; 2],
    city: City,
    starts: [Start; 2],
    made: u32,
}

#[test]
fn two_servers_on_one_database() {
    let mut town = Town::build();
    for time in 0..TIMES {
        town.one_order(time);
        town.orders_that_differ(time);
        town.one_top_up(time);
        town.created_and_reversed(time);
    }
    for time in 0..TIMES_WITH_A_FACE {
        town.paid_at_both(time);
        town.paid_and_reversed(time);
        town.captured_and_voided(time);
        town.refunded_at_both(time);
        town.refunded_and_disputed(time);
        town.settled_and_refunded(time);
        town.city.let_a_day_pass();
    }
    town.starts[0].verify();
    town.a_day_limit();
    town.starts[1].verify();
    crate::deliveries::wait_until_sent(&town.city.books);
    assert!(!town.logged("deadlock"), "a deadlock reached the log of a server");
}

impl Town {
    fn build() -> Self {
        let (mut city, first) = City::build(Kind::Postgres("two"), 3);
        drop(first);
        let captures = city.folder.path().join("captures");
        city.start.more.extend(["--captures".to_owned(), captures.display().to_string()]);
        let one = city.start.clone();
        let two = second(&one, city.folder.path());
        stranger(&one, city.folder.path());
        let servers = [one.start(), two.start()];
        Self { servers, city, starts: [one, two], made: 0 }
    }

    fn till(&self, number: usize) -> Till {
        self.city.tills[number % self.city.tills.len()].clone()
    }

    /// A client's keys at both servers; which of them is the first changes with the turn.
    fn keys(&self, turn: usize) -> (Till, [Keys; 2]) {
        let till = self.till(turn / 2);
        let at = |server: usize| Keys::new(&self.servers[server].access, &till);
        let keys = [at(turn % 2), at((turn + 1) % 2)];
        (till, keys)
    }

    fn new_number(&mut self) -> String {
        self.made += 1;
        format!("number-{}", self.made)
    }

    fn one_order(&mut self, time: usize) {
        let (till, keys) = self.keys(time);
        let new = new_order(&till, &self.new_number(), 1_000, false);
        let (one, two) = both(|| create(&keys[0], &new), || create(&keys[1], &new));
        assert_eq!(one.unwrap().order_id, two.unwrap().order_id, "{} is one order", new.out_trade_no);
    }

    fn orders_that_differ(&mut self, time: usize) {
        let (till, keys) = self.keys(time);
        let number = self.new_number();
        let (small, large) =
            (new_order(&till, &number, 1_000, false), new_order(&till, &number, 1_001, false));
        let (one, two) = both(|| create(&keys[0], &small), || create(&keys[1], &large));
        one_of(&number, one, two, &["order_conflict"]);
    }

    fn one_top_up(&mut self, time: usize) {
        let (till, keys) = self.keys(time);
        let before = balance(&keys[0]);
        let transfer_id = TransferId::from_bits((1 << 80) + time as u128);
        let path = format!("/v1/payers/{}/top-ups", till.payer_id);
        let top_up = |keys: &Keys, minor| {
            outcome(keys.staff.post::<Amount>(&path, &Funding { transfer_id, amount: yuan(minor) }))
        };
        let other = 500 + i64::from(time.is_multiple_of(3));
        let (one, two) = both(|| top_up(&keys[0], 500), || top_up(&keys[1], other));
        if other == 500 {
            assert_eq!((one, two), (Ok(yuan(before + 500)), Ok(yuan(before + 500))));
        } else {
            let (first, second) = (one.is_ok(), two.is_ok());
            one_of("a top-up", one, two, &["transfer_id_reused"]);
            assert_eq!(balance(&keys[1]), before + if first { 500 } else { other }, "{first} {second}");
        }
    }

    fn created_and_reversed(&mut self, time: usize) {
        let (till, keys) = self.keys(time);
        let new = new_order(&till, &self.new_number(), 1_000, false);
        let number = ReverseNumber { out_trade_no: new.out_trade_no.clone() };
        let reverse = || outcome(keys[1].merchant.post::<ReverseNumberReply>("/v1/reversals", &number));
        let (created, reversed) = both(|| create(&keys[0], &new), reverse);
        let seen = reversed.unwrap().order;
        match created {
            // Whoever reversed first left nothing to create; whoever created first was reversed.
            Err(code) => assert_eq!((code.as_str(), seen), ("order_reversed", None)),
            Ok(order) => {
                let found = find(&keys[0], &new.out_trade_no);
                assert_eq!((found.order_id, found.state), (order.order_id, OrderState::Reversed));
            }
        }
    }

    fn paid_at_both(&mut self, time: usize) {
        let (till, keys) = self.keys(time);
        let before = balance(&keys[0]);
        let new = new_order(&till, &self.new_number(), 2_000, false);
        let order = create(&keys[0], &new).unwrap();
        let sessions = [open(&keys[0], &order), open(&keys[1], &order)];
        let (one, two) =
            both(|| stand(&keys[0], &till, &sessions[0]), || stand(&keys[1], &till, &sessions[1]));
        one_of("a debit", paid(one), paid(two), &["order_already_paid"]);
        assert_eq!(balance(&keys[1]), before - new.amount.minor, "debited once");
        assert_eq!(find(&keys[1], &new.out_trade_no).state, OrderState::Paid);
    }

    fn paid_and_reversed(&mut self, time: usize) {
        let (till, keys) = self.keys(time);
        let before = balance(&keys[0]);
        let new = new_order(&till, &self.new_number(), 3_000, false);
        let order = create(&keys[0], &new).unwrap();
        let session = open(&keys[0], &order);
        let path = format!("/v1/orders/{}/reverse", order.order_id);
        let (paid, reversed) = both(
            || paid(stand(&keys[0], &till, &session)),
            || {
                // About as long as looking at a picture takes.
                thread::sleep(std::time::Duration::from_millis(50 + 60 * time as u64));
                outcome(keys[1].merchant.post_empty::<OrderView>(&path))
            },
        );
        assert_eq!(reversed.unwrap().state, OrderState::Reversed);
        if let Err(code) = paid {
            assert_eq!(code, "order_reversed");
        }
        assert_eq!(balance(&keys[1]), before, "nothing is debited in the end");
    }

    fn captured_and_voided(&mut self, time: usize) {
        let (till, keys) = self.keys(time);
        let before = balance(&keys[0]);
        let payment = self.pay(&till, &keys, 4_000, true);
        let path = format!("/v1/payments/{payment}");
        let capture = CapturePayment { amount: yuan(2_500) };
        let (captured, voided) = both(
            || outcome(keys[0].merchant.post::<MerchantPaymentView>(&format!("{path}/capture"), &capture)),
            || outcome(keys[1].merchant.post_empty::<MerchantPaymentView>(&format!("{path}/void"))),
        );
        let taken = captured.is_ok();
        one_of("the money set aside", captured, voided, &["payment_voided", "payment_already_captured"]);
        assert_eq!(balance(&keys[1]), before - if taken { 2_500 } else { 0 });
    }

    fn refunded_at_both(&mut self, time: usize) {
        let (till, keys) = self.keys(time);
        let payment = self.pay(&till, &keys, 5_000, false);
        let before = balance(&keys[0]);
        let (same, first, second) = (self.new_number(), self.new_number(), self.new_number());
        let (one, two) =
            both(|| refund(&keys[0], payment, &same, 100), || refund(&keys[1], payment, &same, 100));
        assert_eq!(one.unwrap().refund_id, two.unwrap().refund_id, "{same} is one refund");
        let (one, two) =
            both(|| refund(&keys[0], payment, &first, 3_000), || refund(&keys[1], payment, &second, 3_000));
        one_of("most of a payment", one, two, &["refund_above_paid"]);
        assert_eq!(balance(&keys[1]), before + 3_100);
    }

    fn refunded_and_disputed(&mut self, time: usize) {
        let (till, keys) = self.keys(time);
        let payment = self.pay(&till, &keys, 6_000, false);
        let number = self.new_number();
        let words = NotMe { words: "not me".to_owned(), freeze: false };
        let not_me = |keys: &Keys| {
            outcome(keys.payer.post::<DisputeView>(&format!("/v1/me/payments/{payment}/not-me"), &words))
        };
        let (refunded, disputed) = both(|| refund(&keys[0], payment, &number, 1_500), || not_me(&keys[1]));
        let loss = disputed.unwrap().amount;
        match refunded {
            Ok(_) => assert_eq!(loss, yuan(4_500), "what came back is no loss"),
            Err(code) => {
                assert!(["payment_disputed", "payment_compensated"].contains(&code.as_str()), "{code}");
                assert_eq!(loss, yuan(6_000));
            }
        }
        // Both phones of the payer at once: one case.
        let (one, two) = both(|| not_me(&keys[0]), || not_me(&keys[1]));
        assert_eq!(one.unwrap().dispute_id, two.unwrap().dispute_id);
    }

    fn settled_and_refunded(&mut self, time: usize) {
        let (till, keys) = self.keys(time);
        let payment = self.pay(&till, &keys, 7_000, false);
        let before = balance(&keys[0]);
        let numbers = [self.new_number(), self.new_number(), self.new_number()];
        let settle = |keys: &Keys| outcome(keys.staff.post_empty::<SettlementList>("/v1/settlement-runs"));
        thread::scope(|scope| {
            scope.spawn(|| settle(&keys[0]).unwrap());
            scope.spawn(|| settle(&keys[1]).unwrap());
            for (number, keys) in numbers.iter().zip(keys.iter().cycle()) {
                scope.spawn(move || refund(keys, payment, number, 1_000).unwrap());
            }
        });
        let view: MerchantPaymentView = keys[0].merchant.get(&format!("/v1/payments/{payment}")).unwrap();
        assert_eq!((view.state, view.refunded), (PaymentState::Settled, Some(yuan(3_000))));
        assert_eq!(balance(&keys[1]), before + 3_000);
    }

    /// Each payment alone is within what is left of the day, both together are not.
    fn a_day_limit(&mut self) {
        let text =
            policy().replace(&format!("day_max_minor = {BEGINNING}"), &format!("day_max_minor = {DAY_MAX}"));
        let text =
            text.replace(&format!("day_one_factor_minor = {BEGINNING}"), "day_one_factor_minor = 100000");
        fs::write(self.city.folder.path().join("policy.toml"), text).unwrap();
        for at in [0, 1] {
            self.servers[at].process.kill();
            self.servers[at] = self.starts[at].start();
        }
        for number in 0..self.city.tills.len() {
            let (till, keys) = self.keys(2 * number);
            let before = balance(&keys[0]);
            let asked = [0, 1].map(|at| {
                let new = new_order(&till, &self.new_number(), 400_000 + at, false);
                let session = open(&keys[0], &create(&keys[0], &new).unwrap());
                // Answered up to the PIN, which decides.
                let path = format!("/v1/capture-sessions/{}", session.session_id);
                let frames = till.frames.iter().map(|frame| scenario::retaken(frame)).collect();
                let report = scenario::plain_report();
                let capture = Capture { nonce: session.nonce.clone(), frames, report, challenge: None };
                let mut view: SessionView =
                    keys[0].terminal.post(&format!("{path}/capture"), &capture).unwrap();
                while let Stage::AwaitingCheck { ask, repeated: _ } = view.state {
                    if ask == Check::Pin {
                        return session;
                    }
                    view = answer(&keys[0], &till, &session, ask).unwrap();
                }
                panic!("a large payment needs a PIN: {view:?}");
            });
            let (one, two) = both(
                || paid(answer(&keys[0], &till, &asked[0], Check::Pin)),
                || paid(answer(&keys[1], &till, &asked[1], Check::Pin)),
            );
            let spent = if one.is_ok() { 400_000 } else { 400_001 };
            one_of("what is left of the day", one, two, &["over_day_limit"]);
            assert_eq!(balance(&keys[1]), before - spent);
        }
    }

    fn pay(&mut self, till: &Till, keys: &[Keys; 2], minor: i64, manual: bool) -> PaymentId {
        let new = new_order(till, &self.new_number(), minor, manual);
        let session = open(&keys[1], &create(&keys[0], &new).unwrap());
        paid(stand(&keys[0], till, &session)).unwrap()
    }

    fn logged(&self, word: &str) -> bool {
        self.starts.iter().any(|start| fs::read_to_string(&start.log).unwrap().contains(word))
    }
}

/// A second data folder with the keys of the first.
fn second(one: &Start, folder: &Path) -> Start {
    let two = Start { data: folder.join("data2"), log: folder.join("second.log"), ..one.clone() };
    fs::create_dir(&two.data).unwrap();
    for key in ["master.key", "staff.key", "push.key"] {
        fs::copy(one.data.join(key), two.data.join(key)).unwrap();
    }
    two
}

/// A folder with a master key of its own is not let near the database.
fn stranger(one: &Start, folder: &Path) {
    let stranger = Start { data: folder.join("data3"), log: folder.join("third.log"), ..one.clone() };
    let said = stranger.refused();
    assert!(said.contains("begun under another master key"), "{said}");
}

/// Two at the same moment.
fn both<A: Send, B: Send>(one: impl FnOnce() -> A + Send, two: impl FnOnce() -> B + Send) -> (A, B) {
    let barrier = Barrier::new(2);
    thread::scope(|scope| {
        let other = scope.spawn(|| {
            barrier.wait();
            two()
        });
        barrier.wait();
        let one = one();
        (one, other.join().unwrap())
    })
}

/// An answer or a named refusal; a failure of the server is neither.
fn outcome<T>(called: Result<T, CallError>) -> Result<T, String> {
    match called {
        Ok(value) => Ok(value),
        Err(CallError::Problem(problem)) if problem.status < 500 => Err(problem.code),
        Err(other) => panic!("neither an answer nor a refusal: {other}"),
    }
}

/// Exactly one of them succeeded, and the other was told why.
fn one_of<A, B>(what: &str, one: Result<A, String>, two: Result<B, String>, reasons: &[&str]) {
    let why = match (one, two) {
        (Ok(_), Err(why)) | (Err(why), Ok(_)) => why,
        (Ok(_), Ok(_)) => panic!("{what}: both succeeded"),
        (Err(one), Err(two)) => panic!("{what}: both were refused: {one}, {two}"),
    };
    assert!(reasons.contains(&why.as_str()), "{what} was refused with {why}");
}

fn new_order(till: &Till, number: &str, minor: i64, manual: bool) -> NewOrder {
    NewOrder {
        out_trade_no: number.to_owned(),
        terminal_id: till.terminal_id,
        amount: yuan(minor),
        description: "noodles".to_owned(),
        capture: if manual { CaptureMode::Manual } else { CaptureMode::Automatic },
    }
}

fn create(keys: &Keys, new: &NewOrder) -> Result<OrderView, String> {
    outcome(keys.merchant.post("/v1/orders", new))
}

fn find(keys: &Keys, number: &str) -> OrderView {
    keys.merchant.get(&format!("/v1/orders?out_trade_no={number}")).unwrap()
}

fn balance(keys: &Keys) -> i64 {
    keys.payer.get::<PayerView>("/v1/me").unwrap().balances[0].minor
}

fn refund(keys: &Keys, payment: PaymentId, number: &str, minor: i64) -> Result<RefundView, String> {
    let (amount, reason) = (yuan(minor), "cold".to_owned());
    let new = NewRefund { out_refund_no: number.to_owned(), amount, reason };
    outcome(keys.merchant.post(&format!("/v1/payments/{payment}/refunds"), &new))
}

fn open(keys: &Keys, order: &OrderView) -> NewSessionReply {
    keys.terminal.post("/v1/capture-sessions", &NewSession { order_id: order.order_id }).unwrap()
}

/// Somebody stands at the till, and answers until nothing is asked any more.
fn stand(keys: &Keys, till: &Till, session: &NewSessionReply) -> Result<SessionView, String> {
    let (frames, report) =
        (till.frames.iter().map(|frame| scenario::retaken(frame)).collect(), scenario::plain_report());
    let capture = Capture { nonce: session.nonce.clone(), frames, report, challenge: None };
    let path = format!("/v1/capture-sessions/{}/capture", session.session_id);
    let mut view: SessionView = outcome(keys.terminal.post(&path, &capture))?;
    while let Stage::AwaitingCheck { ask, repeated: _ } = view.state {
        view = answer(keys, till, session, ask)?;
    }
    Ok(view)
}

fn answer(keys: &Keys, till: &Till, session: &NewSessionReply, ask: Check) -> Result<SessionView, String> {
    let typed = match ask {
        Check::LastFour => &till.phone[till.phone.len() - 4..],
        Check::FullPhone => &till.phone,
        Check::Pin => PIN,
        Check::OwnDevice => panic!("the PIN comes first, and is right"),
    };
    let step = StepUp { nonce: session.nonce.clone(), check: ask, answer: Some(typed.to_owned()) };
    outcome(keys.terminal.post(&format!("/v1/capture-sessions/{}/step-up", session.session_id), &step))
}

/// The debit, or why there is none.
fn paid(stood: Result<SessionView, String>) -> Result<PaymentId, String> {
    match stood?.state {
        Stage::Approved { payment_id, payer_name: _ } => Ok(payment_id),
        Stage::Refused { code, detail: _ } => Err(code),
        other @ (Stage::AwaitingCapture | Stage::AwaitingCheck { ask: _, repeated: _ } | Stage::Expired) => {
            panic!("an attempt ended with {other:?}")
        }
    }
}
