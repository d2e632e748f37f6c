-- The life of a payment after the debit: authorised, captured, settled; refunds; settlements; the outbox.
-- SQLite cannot change a CHECK, so payments is made again; foreign keys are off meanwhile and checked afterwards.

CREATE TABLE payments_new (
    id TEXT PRIMARY KEY,
    order_id TEXT NOT NULL UNIQUE REFERENCES orders (id),
    session_id TEXT NOT NULL UNIQUE REFERENCES sessions (id),
    payer_id TEXT NOT NULL REFERENCES payers (id),
    merchant_id TEXT NOT NULL REFERENCES merchants (id),
    terminal_id TEXT NOT NULL REFERENCES terminals (id),
    minor INTEGER NOT NULL CHECK (minor > 0),
    currency TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('authorised', 'captured', 'settled', 'voided', 'expired', 'reversed')),
    fee_bps INTEGER NOT NULL CHECK (fee_bps BETWEEN 0 AND 10000),
    hold_id TEXT NOT NULL UNIQUE,
    expires_at INTEGER,
    captured_minor INTEGER CHECK (captured_minor > 0 AND captured_minor <= minor),
    capture_id TEXT UNIQUE,
    captured_at INTEGER,
    refunded_minor INTEGER NOT NULL DEFAULT 0 CHECK (refunded_minor >= 0),
    recovered_minor INTEGER NOT NULL DEFAULT 0 CHECK (recovered_minor >= 0),
    settlement_id TEXT REFERENCES settlements (id),
    ended_at INTEGER,
    held INTEGER NOT NULL DEFAULT 0,
    strong INTEGER NOT NULL,
    recognised TEXT NOT NULL,
    at INTEGER NOT NULL,
    CHECK (refunded_minor + recovered_minor <= coalesce(captured_minor, 0)),
    CHECK (state NOT IN ('captured', 'settled') OR captured_minor IS NOT NULL),
    CHECK ((state = 'settled') = (settlement_id IS NOT NULL))
);

-- Before this step a debit was one plain transfer, captured at once.
INSERT INTO payments_new (id, order_id, session_id, payer_id, merchant_id, terminal_id, minor, currency, state,
    fee_bps, hold_id, captured_minor, capture_id, captured_at, ended_at, held, strong, recognised, at)
SELECT id, order_id, session_id, payer_id, merchant_id, terminal_id, minor, currency,
    CASE state WHEN 'pending' THEN 'captured' ELSE 'reversed' END,
    0, transfer_id, minor, transfer_id, at, CASE state WHEN 'pending' THEN NULL ELSE at END,
    held, strong, recognised, at
FROM payments;

DROP TABLE payments;
ALTER TABLE payments_new RENAME TO payments;
CREATE INDEX payments_payer ON payments (payer_id, at);
CREATE INDEX payments_terminal ON payments (terminal_id, at);
CREATE INDEX payments_unsettled ON payments (merchant_id, captured_at) WHERE state = 'captured';
CREATE INDEX payments_authorised ON payments (expires_at) WHERE state = 'authorised';

ALTER TABLE orders ADD COLUMN capture TEXT NOT NULL DEFAULT 'automatic' CHECK (capture IN ('automatic', 'manual'));

-- Numbers of orders that were taken back before they came.
CREATE TABLE reversed_numbers (
    merchant_id TEXT NOT NULL REFERENCES merchants (id),
    out_trade_no TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (merchant_id, out_trade_no)
);

ALTER TABLE merchants ADD COLUMN settle_after_days INTEGER NOT NULL DEFAULT 1 CHECK (settle_after_days BETWEEN 0 AND 90);
ALTER TABLE merchants ADD COLUMN fee_bps INTEGER NOT NULL DEFAULT 0 CHECK (fee_bps BETWEEN 0 AND 10000);
ALTER TABLE merchants ADD COLUMN webhook_url TEXT;
ALTER TABLE merchants ADD COLUMN webhook_secret_sealed BLOB;

CREATE TABLE refunds (
    id TEXT PRIMARY KEY,
    payment_id TEXT NOT NULL REFERENCES payments (id),
    merchant_id TEXT NOT NULL REFERENCES merchants (id),
    out_refund_no TEXT NOT NULL,
    minor INTEGER NOT NULL CHECK (minor > 0),
    currency TEXT NOT NULL,
    reason TEXT NOT NULL,
    at INTEGER NOT NULL,
    UNIQUE (merchant_id, out_refund_no)
);
CREATE INDEX refunds_payment ON refunds (payment_id);

-- What the merchant's daily bill says. Append only, written with the movement of money it tells of.
CREATE TABLE bill_lines (
    seq INTEGER PRIMARY KEY,
    merchant_id TEXT NOT NULL REFERENCES merchants (id),
    at INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('payment', 'refund', 'reversal', 'recovery')),
    payment_id TEXT NOT NULL REFERENCES payments (id),
    refund_id TEXT UNIQUE REFERENCES refunds (id),
    minor INTEGER NOT NULL CHECK (minor > 0),
    currency TEXT NOT NULL,
    fee_minor INTEGER NOT NULL
);
CREATE INDEX bill_lines_merchant ON bill_lines (merchant_id, at);
INSERT INTO bill_lines (merchant_id, at, kind, payment_id, minor, currency, fee_minor)
SELECT merchant_id, at, 'payment', id, minor, currency, 0 FROM payments ORDER BY at, id;
INSERT INTO bill_lines (merchant_id, at, kind, payment_id, minor, currency, fee_minor)
SELECT merchant_id, at, 'reversal', id, minor, currency, 0 FROM payments WHERE state = 'reversed' ORDER BY at, id;

-- One merchant's money of one business day and currency.
CREATE TABLE settlements (
    id TEXT PRIMARY KEY,
    merchant_id TEXT NOT NULL REFERENCES merchants (id),
    date TEXT NOT NULL,
    currency TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'complete', 'paid_out')),
    payments INTEGER NOT NULL,
    net_minor INTEGER NOT NULL,
    fee_minor INTEGER NOT NULL,
    repaid_minor INTEGER NOT NULL,
    settled_minor INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    completed_at INTEGER,
    payout_id TEXT UNIQUE,
    UNIQUE (merchant_id, date, currency)
);

-- What was due and not settled, and why.
CREATE TABLE settlement_left_out (
    settlement_id TEXT NOT NULL REFERENCES settlements (id),
    payment_id TEXT NOT NULL REFERENCES payments (id),
    reason TEXT NOT NULL,
    PRIMARY KEY (settlement_id, payment_id)
);

-- What leaves for somebody else's machine, in the order of seq for each recipient. Written in the transaction it
-- tells of; sent afterwards, at least once.
CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    recipient TEXT NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'dead')),
    attempts INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,
    created_at INTEGER NOT NULL,
    done_at INTEGER
);
CREATE INDEX outbox_waiting ON outbox (recipient, seq) WHERE state = 'waiting';
CREATE INDEX outbox_recipient ON outbox (recipient, seq);

-- Who is being sent to, by whom until when, and when the next attempt is due.
CREATE TABLE outbox_recipients (
    recipient TEXT PRIMARY KEY,
    next_at INTEGER NOT NULL,
    leased_until INTEGER NOT NULL
);

-- What belongs to the installation as a whole; for one, a fingerprint that only the right master key makes.
CREATE TABLE installation (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
);

-- No question is answered by these, and every entry and session pays for them.
DROP INDEX entries_from;
DROP INDEX entries_to;
DROP INDEX sessions_order;
DROP INDEX sessions_terminal;
