//! What holds whatever is tried, against a model that knows nothing of states.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use super::*;

/// The same rules once more, as a name and a few numbers.
#[derive(Clone, Debug)]
struct Model {
    phase: &'static str,
    authorised: i64,
    expires: i64,
    bps: i64,
    captured: i64,
    refunded: i64,
    recovered: i64,
    settlement: Option<SettlementId>,
}

impl Model {
    fn left(&self) -> i64 {
        self.captured - self.refunded - self.recovered
    }

    /// Twice the whole plus one half, cut off: half up.
    fn fee(&self) -> i64 {
        (2 * self.left() * self.bps + 10_000) / 20_000
    }

    fn is_repeated(&self, command: Command) -> bool {
        match command {
            Command::Capture { amount, .. } => {
                matches!(self.phase, "captured" | "settled") && amount == yuan(self.captured)
            }
            Command::Void => self.phase == "voided",
            Command::Expire => self.phase == "expired",
            Command::Reverse => self.phase == "reversed",
            Command::Refund { .. } | Command::Recover { .. } => false,
            Command::Settle { settlement } => self.settlement == Some(settlement),
        }
    }

    /// Whether the command changes something (`Ok(true)`), was done already (`Ok(false)`) or is refused; the
    /// numbers change with it.
    fn step(&mut self, command: Command, standing: Standing, now: i64) -> Result<bool, &'static str> {
        if self.is_repeated(command) {
            return Ok(false);
        }
        match self.phase {
            "voided" => return Err("payment_voided"),
            "expired" => return Err("authorisation_expired"),
            "reversed" => return Err("payment_reversed"),
            _ => {}
        }
        let free = match standing {
            Standing::Clear => Ok(()),
            Standing::Disputed => Err("payment_disputed"),
            Standing::Compensated => Err("payment_compensated"),
        };
        let quiet = if standing == Standing::Disputed { free } else { Ok(()) };
        let within = |amount: Amount, most: i64, above| match amount {
            Amount { currency, .. } if currency != Currency::CNY => Err("currency_mixed"),
            Amount { minor: ..=0, .. } => Err("amount_not_positive"),
            Amount { minor, .. } => (minor <= most).then_some(()).ok_or(above),
        };
        match (command, self.phase) {
            (Command::Capture { amount, .. }, "authorised") => {
                quiet?;
                (now < self.expires).then_some(()).ok_or("authorisation_expired")?;
                within(amount, self.authorised, "amount_above_authorised")?;
                (self.phase, self.captured) = ("captured", amount.minor);
            }
            (Command::Void, "authorised") => self.phase = free.map(|()| "voided")?,
            (Command::Expire, "authorised") => {
                (now >= self.expires).then_some(()).ok_or("authorisation_not_expired")?;
                self.phase = "expired";
            }
            (Command::Reverse, "authorised" | "captured") => {
                free?;
                (self.refunded == 0).then_some(()).ok_or("payment_refunded")?;
                (self.recovered == 0).then_some(()).ok_or("payment_recovered")?;
                self.phase = "reversed";
            }
            (_, "authorised") => return Err("payment_not_captured"),
            (Command::Refund { amount, .. }, _) => {
                free?;
                within(amount, self.left(), "refund_above_paid")?;
                self.refunded += amount.minor;
            }
            (Command::Recover { amount }, _) => {
                within(amount, self.left(), "recovery_above_paid")?;
                self.recovered += amount.minor;
            }
            (Command::Settle { settlement }, "captured") => {
                quiet?;
                (self.phase, self.settlement) = ("settled", Some(settlement));
            }
            (Command::Settle { .. }, _) => return Err("payment_already_settled"),
            (Command::Void | Command::Reverse, "settled") => return Err("payment_settled"),
            (Command::Capture { .. } | Command::Void | Command::Expire | Command::Reverse, _) => {
                return Err("payment_already_captured");
            }
        }
        Ok(true)
    }
}

/// Who has how much, in minor units; made from events alone, as the engine makes transfers from them.
#[derive(Debug, Default)]
struct Pockets(BTreeMap<&'static str, i64>);

impl Pockets {
    fn has(&self, who: &str) -> i64 {
        self.0.get(who).copied().unwrap_or(0)
    }

    fn move_money(&mut self, from: &'static str, to: &'static str, amount: Amount) {
        assert!(amount.minor >= 0 && amount.currency == Currency::CNY, "{from} {to} {amount:?}");
        *self.0.entry(from).or_default() -= amount.minor;
        *self.0.entry(to).or_default() += amount.minor;
    }

    fn charge(&mut self, charge: Charge, to: &'static str) {
        self.move_money("pending", to, charge.pending);
        self.move_money("merchant", to, charge.settled_or_receivable);
        self.move_money("fees", to, charge.fees);
    }

    fn follow(&mut self, event: &Event, before: &Payment) {
        match event {
            Event::Captured { amount, .. } => {
                self.move_money("held", "pending", *amount);
                self.move_money("held", "payer", yuan(before.terms.authorised.minor - amount.minor));
            }
            Event::Voided | Event::Expired => self.move_money("held", "payer", before.terms.authorised),
            Event::Reversed => match before.captured() {
                None => self.move_money("held", "payer", before.terms.authorised),
                Some(captured) => self.move_money("pending", "payer", captured.amount),
            },
            Event::Refunded { amount, charge, .. } => {
                assert_eq!(
                    charge.pending.minor + charge.settled_or_receivable.minor + charge.fees.minor,
                    amount.minor
                );
                self.charge(*charge, "payer");
            }
            Event::Recovered { amount, charge } => {
                assert_eq!(
                    charge.pending.minor + charge.settled_or_receivable.minor + charge.fees.minor,
                    amount.minor
                );
                self.charge(*charge, "reserve");
            }
            Event::Settled { net, fee, .. } => {
                let split = settle_split(*net, *fee, yuan(0));
                self.move_money("pending", "fees", split.fees);
                self.move_money("pending", "merchant", split.to_settled);
            }
        }
    }

    /// The pockets say what the numbers say.
    fn agree(&self, model: &Model) {
        let m = model;
        let (pending, merchant, fees) = match m.phase {
            "captured" => (m.left(), 0, 0),
            "settled" => (0, m.left() - m.fee(), m.fee()),
            _ => (0, 0, 0),
        };
        let held = if m.phase == "authorised" { m.authorised } else { 0 };
        let paid = if matches!(m.phase, "captured" | "settled") { m.captured - m.refunded } else { 0 };
        assert_eq!(self.has("held"), held);
        assert_eq!(self.has("pending"), pending);
        assert_eq!(self.has("merchant"), merchant);
        assert_eq!(self.has("fees"), fees, "what came back telescopes");
        assert_eq!(self.has("reserve"), m.recovered);
        assert_eq!(self.has("payer"), -paid - held);
        assert_eq!(self.0.values().sum::<i64>(), 0);
    }
}

fn command() -> impl Strategy<Value = Command> {
    let money = || {
        let minor = prop_oneof![1 => -1..=0_i64, 12 => 1..400_i64, 6 => 400..=1_000_i64, 1 => Just(i64::MAX)];
        let currency = prop_oneof![30 => Just(Currency::CNY), 1 => Just(Currency::EUR)];
        (minor, currency).prop_map(|(minor, currency)| Amount::new(minor, currency))
    };
    let id = || 0..2_u128;
    prop_oneof![
        6 => (prop_oneof![2 => money(), 1 => Just(yuan(1_000))], id())
            .prop_map(|(amount, id)| Command::Capture { amount, transfer: TransferId::from_bits(id) }),
        1 => Just(Command::Void),
        1 => Just(Command::Expire),
        1 => Just(Command::Reverse),
        5 => (money(), id()).prop_map(|(amount, id)| Command::Refund { refund: RefundId::from_bits(id), amount }),
        4 => money().prop_map(|amount| Command::Recover { amount }),
        3 => id().prop_map(|id| Command::Settle { settlement: SettlementId::from_bits(id) }),
    ]
}

/// The fee, the authorised amount, and commands, each with the time and the standing it meets.
#[derive(Clone, Debug)]
struct History {
    bps: u32,
    authorised: i64,
    steps: Vec<(Command, Standing, i64)>,
}

fn history() -> impl Strategy<Value = History> {
    let standing = prop_oneof![6 => Just(Standing::Clear), 1 => Just(Standing::Disputed), 1 => Just(Standing::Compensated)];
    let pause = prop_oneof![8 => Just(0_i64), 1 => 1..30_i64];
    let steps = proptest::collection::vec((command(), standing, pause), 0..25);
    let bps = prop_oneof![Just(38_u32), Just(0), Just(10_000), 0..=10_000_u32];
    (bps, prop_oneof![1 => Just(1_000_i64), 1 => 1..=1_000_i64], steps)
        .prop_map(|(bps, authorised, steps)| History { bps, authorised, steps })
}

/// Lives one history in the payment and in the model, comparing them after each step.
fn live(history: &History, seen: &mut BTreeMap<String, u32>) {
    let start = Payment::authorise(terms(yuan(history.authorised), history.bps), second(60)).unwrap();
    let mut model = Model {
        phase: "authorised",
        authorised: history.authorised,
        expires: 60,
        bps: i64::from(history.bps),
        captured: 0,
        refunded: 0,
        recovered: 0,
        settlement: None,
    };
    let (mut payment, mut pockets, mut record, mut now) = (start.clone(), Pockets::default(), Vec::new(), 0);
    pockets.move_money("payer", "held", yuan(history.authorised));
    for (command, standing, pause) in &history.steps {
        now += pause;
        let before = payment.clone();
        let decided = payment.decide(*command, *standing, second(now));
        assert_eq!(payment, before, "deciding changes nothing");
        let wanted = model.step(*command, *standing, now);
        let said = decided.as_ref().map(Option::is_some).map_err(|rejected| rejected.code());
        assert_eq!(said, wanted, "{command:?} {standing:?} at {now} on {before:?}");
        *seen.entry(format!("{} {said:?}", before.state.name())).or_default() += 1;
        if let Ok(Some(event)) = decided {
            payment.apply(&event, second(now));
            assert_ne!(payment, before, "an event changes something");
            pockets.follow(&event, &before);
            assert_eq!(
                payment.decide(*command, *standing, second(now)).is_ok_and(|again| again.is_some()),
                {
                    let mut next = model.clone();
                    next.step(*command, *standing, now) == Ok(true)
                }
            );
            record.push((event, second(now)));
        }
        assert_eq!(payment.state.name(), model.phase);
        let net = if matches!(model.phase, "captured" | "settled") { model.left() } else { 0 };
        assert!(net >= 0);
        assert_eq!(payment.net(), yuan(net));
        pockets.agree(&model);
    }
    let mut again = start;
    for (event, at) in &record {
        again.apply(event, *at);
    }
    assert_eq!(again, payment, "a replay gives the same payment");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn a_payment_lives_as_the_model_does(history in history()) {
        live(&history, &mut BTreeMap::new());
    }

    #[test]
    fn a_fee_is_the_nearest_whole_number(net in 0..=i64::MAX, bps in 0..=10_000_u32) {
        let (fee, exact) = (i128::from(fee(yuan(net), bps).minor), i128::from(net) * i128::from(bps));
        let error = fee * 10_000 - exact;
        prop_assert!((-4_999..=5_000).contains(&error), "{error}");
        prop_assert!(0 <= fee && fee <= i128::from(net));
    }

    #[test]
    fn settlements_add_up(net in 0..=i64::MAX, part in 0..=10_000_u32, owed in 0..=i64::MAX) {
        let taken = fee(yuan(net), part);
        let split = settle_split(yuan(net), taken, yuan(owed));
        prop_assert_eq!(split.fees.minor + split.repaid_debt.minor + split.to_settled.minor, net);
        prop_assert!(split.repaid_debt.minor <= owed && split.repaid_debt.minor >= 0 && split.to_settled.minor >= 0);
        prop_assert!(split.to_settled.minor == 0 || split.repaid_debt.minor == owed);
    }
}

/// The histories are worth something: every refusal and every state is met in them.
#[test]
fn histories_meet_everything() {
    let (mut runner, mut seen) = (TestRunner::deterministic(), BTreeMap::new());
    for _ in 0..4_000 {
        live(&history().new_tree(&mut runner).unwrap().current(), &mut seen);
    }
    let codes: std::collections::BTreeSet<&str> =
        seen.keys().filter_map(|key| key.split_once("Err(\"")?.1.strip_suffix("\")")).collect();
    assert_eq!(codes.len(), 17, "{codes:?}");
    for state in ["authorised", "captured", "settled", "voided", "expired", "reversed"] {
        assert!(seen.keys().any(|key| key.starts_with(state)), "{state} in {seen:?}");
        assert!(
            state == "authorised" || seen.contains_key(&format!("{state} Ok(false)")),
            "{state} {seen:?}"
        );
    }
}
