-- Times are microseconds since 1970 UTC, amounts integer minor units, ids the text that people see.
-- seq is the order of writing, where several rows carry the same time. Columns named *_sealed hold values sealed under the master key; *_index holds keyed fingerprints.

CREATE TABLE merchants (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    city TEXT NOT NULL,
    created_at INTEGER NOT NULL
);

CREATE TABLE terminals (
    id TEXT PRIMARY KEY,
    merchant_id TEXT NOT NULL REFERENCES merchants (id),
    label TEXT NOT NULL,
    city TEXT NOT NULL,
    address TEXT NOT NULL,
    latitude REAL NOT NULL,
    longitude REAL NOT NULL,
    suspended INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL
);

-- Secrets are stored as their SHA-256 only.
CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    secret_hash BLOB NOT NULL UNIQUE,
    scope TEXT NOT NULL CHECK (scope IN ('staff', 'merchant', 'terminal', 'payer')),
    subject TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
);

-- face: 'none' (never enabled), 'enabled', 'frozen'. Only 'enabled' can be debited by face.
CREATE TABLE payers (
    id TEXT PRIMARY KEY,
    contact_sealed BLOB NOT NULL,
    phone_index BLOB NOT NULL UNIQUE,
    pin_hash TEXT,
    pin_failures INTEGER NOT NULL DEFAULT 0,
    pin_locked_until INTEGER,
    language TEXT NOT NULL CHECK (language IN ('zh', 'en')),
    home_city TEXT NOT NULL,
    home_latitude REAL NOT NULL,
    home_longitude REAL NOT NULL,
    face TEXT NOT NULL DEFAULT 'none' CHECK (face IN ('none', 'enabled', 'frozen')),
    created_at INTEGER NOT NULL
);

CREATE TABLE consents (
    id TEXT PRIMARY KEY,
    payer_id TEXT NOT NULL REFERENCES payers (id),
    version TEXT NOT NULL,
    given_at INTEGER NOT NULL,
    withdrawn_at INTEGER
);
CREATE INDEX consents_payer ON consents (payer_id);

-- A template waits here until the holder confirms on the own device; then it moves to templates.
CREATE TABLE enrolments (
    id TEXT PRIMARY KEY,
    payer_id TEXT NOT NULL REFERENCES payers (id),
    consent_id TEXT NOT NULL REFERENCES consents (id),
    state TEXT NOT NULL CHECK (state IN ('waiting', 'confirmed', 'failed')),
    code_hash BLOB NOT NULL,
    failures INTEGER NOT NULL DEFAULT 0,
    template_sealed BLOB,
    pictures INTEGER NOT NULL,
    model TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
);
CREATE INDEX enrolments_payer ON enrolments (payer_id);

CREATE TABLE templates (
    payer_id TEXT PRIMARY KEY REFERENCES payers (id),
    template_sealed BLOB NOT NULL,
    pictures INTEGER NOT NULL,
    model TEXT NOT NULL,
    created_at INTEGER NOT NULL
);

-- Both directions are stored.
CREATE TABLE look_alikes (
    payer_id TEXT NOT NULL REFERENCES payers (id),
    other_id TEXT NOT NULL REFERENCES payers (id),
    score REAL NOT NULL,
    found_at INTEGER NOT NULL,
    PRIMARY KEY (payer_id, other_id)
);

-- The payer's own device channel. args is JSON for the message catalogue.
CREATE TABLE messages (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    payer_id TEXT NOT NULL REFERENCES payers (id),
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    args TEXT NOT NULL,
    reference TEXT NOT NULL
);
CREATE INDEX messages_payer ON messages (payer_id, seq);
CREATE INDEX messages_reference ON messages (reference, seq);

-- Where the payer's own device was seen.
CREATE TABLE traces (
    payer_id TEXT NOT NULL REFERENCES payers (id),
    at INTEGER NOT NULL,
    latitude REAL NOT NULL,
    longitude REAL NOT NULL
);
CREATE INDEX traces_payer ON traces (payer_id, at);
CREATE INDEX traces_at ON traces (at);

CREATE TABLE orders (
    id TEXT PRIMARY KEY,
    merchant_id TEXT NOT NULL REFERENCES merchants (id),
    terminal_id TEXT NOT NULL REFERENCES terminals (id),
    out_trade_no TEXT NOT NULL,
    minor INTEGER NOT NULL CHECK (minor > 0),
    currency TEXT NOT NULL,
    description TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'paid', 'reversed')),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    UNIQUE (merchant_id, out_trade_no)
);

-- One attempt to pay an order with a face. state is JSON; stage repeats its tag for queries.
CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    order_id TEXT NOT NULL REFERENCES orders (id),
    terminal_id TEXT NOT NULL REFERENCES terminals (id),
    nonce_hash BLOB NOT NULL,
    stage TEXT NOT NULL,
    state TEXT NOT NULL,
    digits_attempts INTEGER NOT NULL DEFAULT 0,
    opened_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
);
CREATE INDEX sessions_order ON sessions (order_id);
CREATE INDEX sessions_terminal ON sessions (terminal_id, opened_at);

-- What a terminal took. probe_sealed is the fused template; the pictures lie in the object store.
CREATE TABLE captures (
    id TEXT PRIMARY KEY,
    session_id TEXT NOT NULL UNIQUE REFERENCES sessions (id),
    at INTEGER NOT NULL,
    frames TEXT NOT NULL,
    probe_sealed BLOB NOT NULL,
    model TEXT NOT NULL
);

-- Append only: every verdict with everything it depended on, so that it can be replayed.
CREATE TABLE decisions (
    session_id TEXT NOT NULL REFERENCES sessions (id),
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    policy TEXT NOT NULL REFERENCES policies (digest),
    calibration TEXT NOT NULL,
    recognition TEXT NOT NULL,
    kase TEXT NOT NULL,
    verdict TEXT NOT NULL,
    PRIMARY KEY (session_id, seq)
);

CREATE TABLE policies (
    digest TEXT PRIMARY KEY,
    text TEXT NOT NULL,
    first_used_at INTEGER NOT NULL
);

CREATE TABLE confirmations (
    id TEXT PRIMARY KEY,
    payer_id TEXT NOT NULL REFERENCES payers (id),
    session_id TEXT NOT NULL UNIQUE REFERENCES sessions (id),
    answer TEXT CHECK (answer IN ('yes', 'no')),
    asked_at INTEGER NOT NULL
);

-- order_id is unique: one order is never debited twice.
CREATE TABLE payments (
    id TEXT PRIMARY KEY,
    order_id TEXT NOT NULL UNIQUE REFERENCES orders (id),
    session_id TEXT NOT NULL UNIQUE REFERENCES sessions (id),
    payer_id TEXT NOT NULL REFERENCES payers (id),
    merchant_id TEXT NOT NULL REFERENCES merchants (id),
    terminal_id TEXT NOT NULL REFERENCES terminals (id),
    minor INTEGER NOT NULL CHECK (minor > 0),
    currency TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'reversed')),
    held INTEGER NOT NULL DEFAULT 0,
    strong INTEGER NOT NULL,
    recognised TEXT NOT NULL,
    transfer_id TEXT NOT NULL UNIQUE,
    at INTEGER NOT NULL
);
CREATE INDEX payments_payer ON payments (payer_id, at);
CREATE INDEX payments_terminal ON payments (terminal_id, at);

-- What follows from the entries, kept for speed. posted includes what is held; held is what open holds set aside.
CREATE TABLE balances (
    account TEXT NOT NULL,
    currency TEXT NOT NULL,
    posted INTEGER NOT NULL,
    held INTEGER NOT NULL CHECK (held >= 0),
    PRIMARY KEY (account, currency)
);

-- The books. Append only. A hold is closed at most once: hold_id is unique.
CREATE TABLE entries (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('moved', 'held', 'posted', 'voided', 'expired')),
    hold_id TEXT UNIQUE REFERENCES entries (id),
    from_account TEXT,
    to_account TEXT,
    minor INTEGER CHECK (minor > 0),
    currency TEXT,
    purpose TEXT,
    expires_at INTEGER,
    at INTEGER NOT NULL,
    CHECK (from_account <> to_account),
    CHECK ((kind IN ('moved', 'held')) = (hold_id IS NULL)),
    CHECK ((kind IN ('voided', 'expired')) = (from_account IS NULL)),
    CHECK ((kind = 'held') = (expires_at IS NOT NULL))
);
CREATE INDEX entries_from ON entries (from_account, at);
CREATE INDEX entries_to ON entries (to_account, at);
CREATE INDEX entries_expires_at ON entries (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE disputes (
    id TEXT PRIMARY KEY,
    payment_id TEXT NOT NULL UNIQUE REFERENCES payments (id),
    payer_id TEXT NOT NULL REFERENCES payers (id),
    merchant_id TEXT NOT NULL REFERENCES merchants (id),
    terminal_id TEXT NOT NULL REFERENCES terminals (id),
    state TEXT NOT NULL,
    version INTEGER NOT NULL,
    filed_at INTEGER NOT NULL
);
CREATE INDEX disputes_payer ON disputes (payer_id);
CREATE INDEX disputes_terminal ON disputes (terminal_id);

CREATE TABLE dispute_evidence (
    dispute_id TEXT NOT NULL REFERENCES disputes (id),
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    facts TEXT NOT NULL,
    assessment TEXT NOT NULL,
    PRIMARY KEY (dispute_id, seq)
);

-- One row per change of one thing. Append only.
CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    subject TEXT NOT NULL,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX events_subject ON events (subject, seq);

-- One row per look at evidence. Append only.
CREATE TABLE access_log (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    subject TEXT NOT NULL,
    payer_id TEXT NOT NULL,
    purpose TEXT NOT NULL
);
CREATE INDEX access_log_payer ON access_log (payer_id, seq);
