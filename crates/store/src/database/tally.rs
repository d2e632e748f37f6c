//! What a thread asked of its databases, for measurements: counted always, because it costs next to nothing.

use std::cell::Cell;
use std::ops::Sub;

thread_local! {
    static TALLY: Cell<Tally> = const { Cell::new(Tally { reads: Use::NONE, writes: Use::NONE }) };
    static WRITES: Cell<bool> = const { Cell::new(false) };
}

/// What this thread asked of its databases, apart for transactions that read and transactions that write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Transactions that only read.
    pub reads: Use,
    /// Transactions that write.
    pub writes: Use,
}

/// How much was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    /// Transactions, those that were run again included.
    pub transactions: u64,
    /// Statements inside of them, without those that begin and end them.
    pub statements: u64,
    /// How often the thread waited for a server's answer; none on SQLite.
    pub waits: u64,
}

impl Use {
    const NONE: Self = Self { transactions: 0, statements: 0, waits: 0 };
}

impl Sub for Use {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            transactions: self.transactions - earlier.transactions,
            statements: self.statements - earlier.statements,
            waits: self.waits - earlier.waits,
        }
    }
}

impl Tally {
    /// Of this thread, since it began.
    #[must_use]
    pub fn of_this_thread() -> Self {
        TALLY.get()
    }
}

impl Sub for Tally {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self { reads: self.reads - earlier.reads, writes: self.writes - earlier.writes }
    }
}

pub(super) fn transaction(writes: bool) {
    WRITES.set(writes);
    add(|used| used.transactions += 1);
}

pub(super) fn statement() {
    add(|used| used.statements += 1);
}

pub(super) fn wait() {
    add(|used| used.waits += 1);
}

fn add(change: impl FnOnce(&mut Use)) {
    let mut tally = TALLY.get();
    change(if WRITES.get() { &mut tally.writes } else { &mut tally.reads });
    TALLY.set(tally);
}
