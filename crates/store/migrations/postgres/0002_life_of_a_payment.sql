-- The same change as sqlite/0002_life_of_a_payment.sql. Here payments can be altered where it stands.

ALTER TABLE payments DROP CONSTRAINT payments_state_check;
ALTER TABLE payments RENAME COLUMN transfer_id TO hold_id;
ALTER TABLE payments RENAME CONSTRAINT payments_transfer_id_key TO payments_hold_id_key;
ALTER TABLE payments
    ADD COLUMN fee_bps BIGINT NOT NULL DEFAULT 0 CHECK (fee_bps BETWEEN 0 AND 10000),
    ADD COLUMN expires_at BIGINT,
    ADD COLUMN captured_minor BIGINT CHECK (captured_minor > 0 AND captured_minor <= minor),
    ADD COLUMN capture_id TEXT COLLATE "C" UNIQUE,
    ADD COLUMN captured_at BIGINT,
    ADD COLUMN refunded_minor BIGINT NOT NULL DEFAULT 0 CHECK (refunded_minor >= 0),
    ADD COLUMN recovered_minor BIGINT NOT NULL DEFAULT 0 CHECK (recovered_minor >= 0),
    ADD COLUMN settlement_id TEXT COLLATE "C",
    ADD COLUMN ended_at BIGINT;
-- Before this step a debit was one plain transfer, captured at once.
UPDATE payments SET captured_minor = minor, capture_id = hold_id, captured_at = at,
    ended_at = CASE state WHEN 'pending' THEN NULL ELSE at END,
    state = CASE state WHEN 'pending' THEN 'captured' ELSE 'reversed' END;
ALTER TABLE payments
    ADD CHECK (state IN ('authorised', 'captured', 'settled', 'voided', 'expired', 'reversed')),
    ADD CHECK (refunded_minor + recovered_minor <= coalesce(captured_minor, 0)),
    ADD CHECK (state NOT IN ('captured', 'settled') OR captured_minor IS NOT NULL),
    ADD CHECK ((state = 'settled') = (settlement_id IS NOT NULL));
ALTER TABLE payments ALTER COLUMN fee_bps DROP DEFAULT;

CREATE INDEX payments_unsettled ON payments (merchant_id, captured_at) WHERE state = 'captured';
CREATE INDEX payments_authorised ON payments (expires_at) WHERE state = 'authorised';

ALTER TABLE orders ADD COLUMN capture TEXT COLLATE "C" NOT NULL DEFAULT 'automatic' CHECK (capture IN ('automatic', 'manual'));

-- Numbers of orders that were taken back before they came.
CREATE TABLE reversed_numbers (
    merchant_id TEXT COLLATE "C" NOT NULL REFERENCES merchants (id),
    out_trade_no TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (merchant_id, out_trade_no)
);

ALTER TABLE merchants ADD COLUMN settle_after_days BIGINT NOT NULL DEFAULT 1 CHECK (settle_after_days BETWEEN 0 AND 90);
ALTER TABLE merchants ADD COLUMN fee_bps BIGINT NOT NULL DEFAULT 0 CHECK (fee_bps BETWEEN 0 AND 10000);
ALTER TABLE merchants ADD COLUMN webhook_url TEXT COLLATE "C";
ALTER TABLE merchants ADD COLUMN webhook_secret_sealed BYTEA;

CREATE TABLE refunds (
    id TEXT COLLATE "C" PRIMARY KEY,
    payment_id TEXT COLLATE "C" NOT NULL REFERENCES payments (id),
    merchant_id TEXT COLLATE "C" NOT NULL REFERENCES merchants (id),
    out_refund_no TEXT COLLATE "C" NOT NULL,
    minor BIGINT NOT NULL CHECK (minor > 0),
    currency TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    UNIQUE (merchant_id, out_refund_no)
);
CREATE INDEX refunds_payment ON refunds (payment_id);

-- What the merchant's daily bill says. Append only, written with the movement of money it tells of.
CREATE TABLE bill_lines (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    merchant_id TEXT COLLATE "C" NOT NULL REFERENCES merchants (id),
    at BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('payment', 'refund', 'reversal', 'recovery')),
    payment_id TEXT COLLATE "C" NOT NULL REFERENCES payments (id),
    refund_id TEXT COLLATE "C" UNIQUE REFERENCES refunds (id),
    minor BIGINT NOT NULL CHECK (minor > 0),
    currency TEXT COLLATE "C" NOT NULL,
    fee_minor BIGINT NOT NULL
);
CREATE INDEX bill_lines_merchant ON bill_lines (merchant_id, at);
INSERT INTO bill_lines (merchant_id, at, kind, payment_id, minor, currency, fee_minor)
SELECT merchant_id, at, 'payment', id, minor, currency, 0 FROM payments ORDER BY at, id;
INSERT INTO bill_lines (merchant_id, at, kind, payment_id, minor, currency, fee_minor)
SELECT merchant_id, at, 'reversal', id, minor, currency, 0 FROM payments WHERE state = 'reversed' ORDER BY at, id;

-- One merchant's money of one business day and currency.
CREATE TABLE settlements (
    id TEXT COLLATE "C" PRIMARY KEY,
    merchant_id TEXT COLLATE "C" NOT NULL REFERENCES merchants (id),
    date TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('running', 'complete', 'paid_out')),
    payments BIGINT NOT NULL,
    net_minor BIGINT NOT NULL,
    fee_minor BIGINT NOT NULL,
    repaid_minor BIGINT NOT NULL,
    settled_minor BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    completed_at BIGINT,
    payout_id TEXT COLLATE "C" UNIQUE,
    UNIQUE (merchant_id, date, currency)
);

ALTER TABLE payments ADD FOREIGN KEY (settlement_id) REFERENCES settlements (id);

-- What was due and not settled, and why.
CREATE TABLE settlement_left_out (
    settlement_id TEXT COLLATE "C" NOT NULL REFERENCES settlements (id),
    payment_id TEXT COLLATE "C" NOT NULL REFERENCES payments (id),
    reason TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (settlement_id, payment_id)
);

-- What leaves for somebody else's machine, in the order of seq for each recipient. Written in the transaction it
-- tells of; sent afterwards, at least once.
CREATE TABLE outbox (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id TEXT COLLATE "C" NOT NULL UNIQUE,
    recipient TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'delivered', 'dead')),
    attempts BIGINT NOT NULL DEFAULT 0,
    last_error TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    done_at BIGINT
);
CREATE INDEX outbox_waiting ON outbox (recipient, seq) WHERE state = 'waiting';
CREATE INDEX outbox_recipient ON outbox (recipient, seq);

-- Who is being sent to, by whom until when, and when the next attempt is due.
CREATE TABLE outbox_recipients (
    recipient TEXT COLLATE "C" PRIMARY KEY,
    next_at BIGINT NOT NULL,
    leased_until BIGINT NOT NULL
);

-- What belongs to the installation as a whole; for one, a fingerprint that only the right master key makes.
CREATE TABLE installation (
    name TEXT COLLATE "C" PRIMARY KEY,
    value BYTEA NOT NULL
);

-- No question is answered by these, and every entry and session pays for them.
DROP INDEX entries_from;
DROP INDEX entries_to;
DROP INDEX sessions_order;
DROP INDEX sessions_terminal;
