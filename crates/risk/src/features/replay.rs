//! The histories of everybody, brought forward in the order in which things happened, whatever the order they are told in.

use std::collections::{BTreeMap, HashMap, HashSet};

use types::GeoPoint;

use super::{Name, PayerHistory, Seconds, Spending, TerminalHistory, features};

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    /// A payment.
    Paid {
        /// Its name.
        number: Name,
        /// What it was.
        payment: Spending,
        /// Where its payer lives, as far as that is known.
        home: Option<GeoPoint>,
    },
    /// An attempt that was declined.
    Declined {
        /// Its name.
        number: Name,
        /// At which terminal.
        terminal: Name,
        /// When.
        at: Seconds,
    },
    /// It became known whether a payment was right.
    Judged {
        /// The payment's name.
        number: Name,
        /// At which terminal it was.
        terminal: Name,
        /// When it became known.
        at: Seconds,
        /// It was not.
        wrong: bool,
    },
}

impl Event {
    /// What comes first: by time, and within a second what became known before what is paid, then by name.
    const fn order(&self) -> (Seconds, u8, Name) {
        match *self {
            Self::Judged { number, terminal: _, at, wrong: _ } => (at, 0, number),
            Self::Declined { number, terminal: _, at } => (at, 1, number),
            Self::Paid { number, payment, home: _ } => (payment.at, 2, number),
        }
    }
}

/// A payment, and what was known before it.
pub struct Before<'a> {
    /// Its name.
    pub number: Name,
    /// What it is.
    pub payment: &'a Spending,
    home: Option<GeoPoint>,
    payer: &'a PayerHistory,
    terminal: &'a TerminalHistory,
}

impl Before<'_> {
    /// Its features, as [`features`] has them.
    #[must_use]
    pub fn features(&self) -> Vec<f32> {
        features(self.payment, self.home, self.payer, self.terminal)
    }
}

/// Histories, and events that wait for others which may have happened before them.
///
/// An event waits until one is told that happened more than the lateness after it. So events that were shuffled by at
/// most the lateness give the same features, to the bit, as events in order. The same event told twice while it waits
/// is one.
#[derive(Clone, Debug)]
pub struct Replay {
    lateness: Seconds,
    newest: Seconds,
    waiting: BTreeMap<(Seconds, u8, Name), Event>,
    payers: HashMap<Name, PayerHistory>,
    terminals: HashMap<Name, TerminalHistory>,
    /// Payments out of habit that nobody has judged yet.
    unusual: HashSet<Name>,
    late: u64,
}

impl Replay {
    /// Nothing has happened yet. Events are told at most `lateness` seconds too late.
    #[must_use]
    pub fn new(lateness: Seconds) -> Self {
        Self {
            lateness,
            newest: Seconds::MIN,
            waiting: BTreeMap::new(),
            payers: HashMap::new(),
            terminals: HashMap::new(),
            unusual: HashSet::new(),
            late: 0,
        }
    }

    /// Takes an event in; `take` is shown every payment whose turn has come by that, in order.
    ///
    /// An event that is later than the lateness is taken in at once, out of its order, and counted.
    pub fn tell(&mut self, event: Event, take: &mut impl FnMut(Before<'_>)) {
        let order = event.order();
        if order.0 < self.newest.saturating_sub(self.lateness) {
            self.late = self.late.saturating_add(1);
            self.apply(event, take);
            return;
        }
        self.newest = self.newest.max(order.0);
        self.waiting.insert(order, event);
        let until = self.newest.saturating_sub(self.lateness);
        while let Some(first) = self.waiting.first_entry().filter(|first| first.key().0 < until) {
            let event = first.remove();
            self.apply(event, take);
        }
    }

    /// Nothing more is told for now: takes in all that waits.
    pub fn catch_up(&mut self, take: &mut impl FnMut(Before<'_>)) {
        for event in std::mem::take(&mut self.waiting).into_values() {
            self.apply(event, take);
        }
    }

    /// How many events came later than the lateness.
    #[must_use]
    pub const fn late(&self) -> u64 {
        self.late
    }

    /// What is known before a payment that is not taken in: the question at a decision. Events that wait are not known.
    #[must_use]
    pub fn features(&self, payment: &Spending, home: Option<GeoPoint>) -> Vec<f32> {
        let (nobody, nowhere) = (PayerHistory::default(), TerminalHistory::default());
        let payer = self.payers.get(&payment.payer).unwrap_or(&nobody);
        features(payment, home, payer, self.terminals.get(&payment.terminal).unwrap_or(&nowhere))
    }

    fn apply(&mut self, event: Event, take: &mut impl FnMut(Before<'_>)) {
        match event {
            Event::Paid { number, payment, home } => {
                let payer = self.payers.entry(payment.payer).or_default();
                let terminal = self.terminals.entry(payment.terminal).or_default();
                take(Before { number, payment: &payment, home, payer, terminal });
                let unusual = payer.is_unusual(payment.amount);
                if unusual {
                    self.unusual.insert(number);
                }
                terminal.observe(&payment, unusual);
                payer.observe(&payment);
            }
            Event::Declined { number: _, terminal, at } => {
                self.terminals.entry(terminal).or_default().decline(at);
            }
            Event::Judged { number, terminal, at, wrong } => {
                let unusual = self.unusual.remove(&number);
                self.terminals.entry(terminal).or_default().judge(at, wrong, unusual);
            }
        }
    }
}
