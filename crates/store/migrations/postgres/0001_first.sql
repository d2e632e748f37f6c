-- The same tables as sqlite/0001_first.sql, in the types of PostgreSQL. Texts are compared byte by byte, as SQLite does.
-- Times are microseconds since 1970 UTC, amounts integer minor units, ids the text that people see.
-- seq is the order of writing, where several rows carry the same time. Columns named *_sealed hold values sealed under the master key; *_index holds keyed fingerprints.

CREATE TABLE merchants (
    id TEXT COLLATE "C" PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    city TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE terminals (
    id TEXT COLLATE "C" PRIMARY KEY,
    merchant_id TEXT COLLATE "C" NOT NULL REFERENCES merchants (id),
    label TEXT COLLATE "C" NOT NULL,
    city TEXT COLLATE "C" NOT NULL,
    address TEXT COLLATE "C" NOT NULL,
    latitude DOUBLE PRECISION NOT NULL,
    longitude DOUBLE PRECISION NOT NULL,
    suspended BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL
);

-- Secrets are stored as their SHA-256 only.
CREATE TABLE api_keys (
    id TEXT COLLATE "C" PRIMARY KEY,
    secret_hash BYTEA NOT NULL UNIQUE,
    scope TEXT COLLATE "C" NOT NULL CHECK (scope IN ('staff', 'merchant', 'terminal', 'payer')),
    subject TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT
);

-- face: 'none' (never enabled), 'enabled', 'frozen'. Only 'enabled' can be debited by face.
CREATE TABLE payers (
    id TEXT COLLATE "C" PRIMARY KEY,
    contact_sealed BYTEA NOT NULL,
    phone_index BYTEA NOT NULL UNIQUE,
    pin_hash TEXT COLLATE "C",
    pin_failures BIGINT NOT NULL DEFAULT 0,
    pin_locked_until BIGINT,
    language TEXT COLLATE "C" NOT NULL CHECK (language IN ('zh', 'en')),
    home_city TEXT COLLATE "C" NOT NULL,
    home_latitude DOUBLE PRECISION NOT NULL,
    home_longitude DOUBLE PRECISION NOT NULL,
    face TEXT COLLATE "C" NOT NULL DEFAULT 'none' CHECK (face IN ('none', 'enabled', 'frozen')),
    created_at BIGINT NOT NULL
);

CREATE TABLE consents (
    id TEXT COLLATE "C" PRIMARY KEY,
    payer_id TEXT COLLATE "C" NOT NULL REFERENCES payers (id),
    version TEXT COLLATE "C" NOT NULL,
    given_at BIGINT NOT NULL,
    withdrawn_at BIGINT
);
CREATE INDEX consents_payer ON consents (payer_id);

-- A template waits here until the holder confirms on the own device; then it moves to templates.
CREATE TABLE enrolments (
    id TEXT COLLATE "C" PRIMARY KEY,
    payer_id TEXT COLLATE "C" NOT NULL REFERENCES payers (id),
    consent_id TEXT COLLATE "C" NOT NULL REFERENCES consents (id),
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'confirmed', 'failed')),
    code_hash BYTEA NOT NULL,
    failures BIGINT NOT NULL DEFAULT 0,
    template_sealed BYTEA,
    pictures BIGINT NOT NULL,
    model TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX enrolments_payer ON enrolments (payer_id);

CREATE TABLE templates (
    payer_id TEXT COLLATE "C" PRIMARY KEY REFERENCES payers (id),
    template_sealed BYTEA NOT NULL,
    pictures BIGINT NOT NULL,
    model TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL
);

-- Both directions are stored.
CREATE TABLE look_alikes (
    payer_id TEXT COLLATE "C" NOT NULL REFERENCES payers (id),
    other_id TEXT COLLATE "C" NOT NULL REFERENCES payers (id),
    score DOUBLE PRECISION NOT NULL,
    found_at BIGINT NOT NULL,
    PRIMARY KEY (payer_id, other_id)
);

-- The payer's own device channel. args is JSON for the message catalogue.
CREATE TABLE messages (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id TEXT COLLATE "C" NOT NULL UNIQUE,
    payer_id TEXT COLLATE "C" NOT NULL REFERENCES payers (id),
    at BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    args TEXT COLLATE "C" NOT NULL,
    reference TEXT COLLATE "C" NOT NULL
);
CREATE INDEX messages_payer ON messages (payer_id, seq);
CREATE INDEX messages_reference ON messages (reference, seq);

-- Where the payer's own device was seen.
CREATE TABLE traces (
    payer_id TEXT COLLATE "C" NOT NULL REFERENCES payers (id),
    at BIGINT NOT NULL,
    latitude DOUBLE PRECISION NOT NULL,
    longitude DOUBLE PRECISION NOT NULL
);
CREATE INDEX traces_payer ON traces (payer_id, at);
CREATE INDEX traces_at ON traces (at);

CREATE TABLE orders (
    id TEXT COLLATE "C" PRIMARY KEY,
    merchant_id TEXT COLLATE "C" NOT NULL REFERENCES merchants (id),
    terminal_id TEXT COLLATE "C" NOT NULL REFERENCES terminals (id),
    out_trade_no TEXT COLLATE "C" NOT NULL,
    minor BIGINT NOT NULL CHECK (minor > 0),
    currency TEXT COLLATE "C" NOT NULL,
    description TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('open', 'paid', 'reversed')),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    UNIQUE (merchant_id, out_trade_no)
);

-- One attempt to pay an order with a face. state is JSON; stage repeats its tag for queries.
CREATE TABLE sessions (
    id TEXT COLLATE "C" PRIMARY KEY,
    order_id TEXT COLLATE "C" NOT NULL REFERENCES orders (id),
    terminal_id TEXT COLLATE "C" NOT NULL REFERENCES terminals (id),
    nonce_hash BYTEA NOT NULL,
    stage TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    digits_attempts BIGINT NOT NULL DEFAULT 0,
    opened_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_order ON sessions (order_id);
CREATE INDEX sessions_terminal ON sessions (terminal_id, opened_at);

-- What a terminal took. probe_sealed is the fused template; the pictures lie in the object store.
CREATE TABLE captures (
    id TEXT COLLATE "C" PRIMARY KEY,
    session_id TEXT COLLATE "C" NOT NULL UNIQUE REFERENCES sessions (id),
    at BIGINT NOT NULL,
    frames TEXT COLLATE "C" NOT NULL,
    probe_sealed BYTEA NOT NULL,
    model TEXT COLLATE "C" NOT NULL
);

CREATE TABLE policies (
    digest TEXT COLLATE "C" PRIMARY KEY,
    text TEXT COLLATE "C" NOT NULL,
    first_used_at BIGINT NOT NULL
);

-- Append only: every verdict with everything it depended on, so that it can be replayed.
CREATE TABLE decisions (
    session_id TEXT COLLATE "C" NOT NULL REFERENCES sessions (id),
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    policy TEXT COLLATE "C" NOT NULL REFERENCES policies (digest),
    calibration TEXT COLLATE "C" NOT NULL,
    recognition TEXT COLLATE "C" NOT NULL,
    kase TEXT COLLATE "C" NOT NULL,
    verdict TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (session_id, seq)
);

CREATE TABLE confirmations (
    id TEXT COLLATE "C" PRIMARY KEY,
    payer_id TEXT COLLATE "C" NOT NULL REFERENCES payers (id),
    session_id TEXT COLLATE "C" NOT NULL UNIQUE REFERENCES sessions (id),
    answer TEXT COLLATE "C" CHECK (answer IN ('yes', 'no')),
    asked_at BIGINT NOT NULL
);

-- order_id is unique: one order is never debited twice.
CREATE TABLE payments (
    id TEXT COLLATE "C" PRIMARY KEY,
    order_id TEXT COLLATE "C" NOT NULL UNIQUE REFERENCES orders (id),
    session_id TEXT COLLATE "C" NOT NULL UNIQUE REFERENCES sessions (id),
    payer_id TEXT COLLATE "C" NOT NULL REFERENCES payers (id),
    merchant_id TEXT COLLATE "C" NOT NULL REFERENCES merchants (id),
    terminal_id TEXT COLLATE "C" NOT NULL REFERENCES terminals (id),
    minor BIGINT NOT NULL CHECK (minor > 0),
    currency TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('pending', 'reversed')),
    held BIGINT NOT NULL DEFAULT 0,
    strong BIGINT NOT NULL,
    recognised TEXT COLLATE "C" NOT NULL,
    transfer_id TEXT COLLATE "C" NOT NULL UNIQUE,
    at BIGINT NOT NULL
);
CREATE INDEX payments_payer ON payments (payer_id, at);
CREATE INDEX payments_terminal ON payments (terminal_id, at);

-- What follows from the entries, kept for speed. posted includes what is held; held is what open holds set aside.
CREATE TABLE balances (
    account TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    posted BIGINT NOT NULL,
    held BIGINT NOT NULL CHECK (held >= 0),
    PRIMARY KEY (account, currency)
);

-- The books. Append only. A hold is closed at most once: hold_id is unique.
CREATE TABLE entries (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id TEXT COLLATE "C" NOT NULL UNIQUE,
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('moved', 'held', 'posted', 'voided', 'expired')),
    hold_id TEXT COLLATE "C" UNIQUE REFERENCES entries (id),
    from_account TEXT COLLATE "C",
    to_account TEXT COLLATE "C",
    minor BIGINT CHECK (minor > 0),
    currency TEXT COLLATE "C",
    purpose TEXT COLLATE "C",
    expires_at BIGINT,
    at BIGINT NOT NULL,
    CHECK (from_account <> to_account),
    CHECK ((kind IN ('moved', 'held')) = (hold_id IS NULL)),
    CHECK ((kind IN ('voided', 'expired')) = (from_account IS NULL)),
    CHECK ((kind = 'held') = (expires_at IS NOT NULL))
);
CREATE INDEX entries_from ON entries (from_account, at);
CREATE INDEX entries_to ON entries (to_account, at);
CREATE INDEX entries_expires_at ON entries (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE disputes (
    id TEXT COLLATE "C" PRIMARY KEY,
    payment_id TEXT COLLATE "C" NOT NULL UNIQUE REFERENCES payments (id),
    payer_id TEXT COLLATE "C" NOT NULL REFERENCES payers (id),
    merchant_id TEXT COLLATE "C" NOT NULL REFERENCES merchants (id),
    terminal_id TEXT COLLATE "C" NOT NULL REFERENCES terminals (id),
    state TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    filed_at BIGINT NOT NULL
);
CREATE INDEX disputes_payer ON disputes (payer_id);
CREATE INDEX disputes_terminal ON disputes (terminal_id);

CREATE TABLE dispute_evidence (
    dispute_id TEXT COLLATE "C" NOT NULL REFERENCES disputes (id),
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    facts TEXT COLLATE "C" NOT NULL,
    assessment TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (dispute_id, seq)
);

-- One row per change of one thing. Append only.
CREATE TABLE events (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id TEXT COLLATE "C" NOT NULL UNIQUE,
    subject TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    body TEXT COLLATE "C" NOT NULL
);
CREATE INDEX events_subject ON events (subject, seq);

-- One row per look at evidence. Append only.
CREATE TABLE access_log (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id TEXT COLLATE "C" NOT NULL UNIQUE,
    at BIGINT NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    payer_id TEXT COLLATE "C" NOT NULL,
    purpose TEXT COLLATE "C" NOT NULL
);
CREATE INDEX access_log_payer ON access_log (payer_id, seq);
