-- Payers prove that a phone is theirs, have several devices, change PIN and number, show who they are; the young have
-- guardians.

ALTER TABLE payers ADD COLUMN tier TEXT COLLATE "C" NOT NULL DEFAULT 'basic' CHECK (tier IN ('basic', 'verified'));
-- How often in a row the PIN was locked: each time longer.
ALTER TABLE payers ADD COLUMN pin_locks BIGINT NOT NULL DEFAULT 0;
-- When a PIN was last set without the one before it.
ALTER TABLE payers ADD COLUMN pin_recovered_at BIGINT;

-- Codes that were sent to phones, of the last day: the limits are counted from these rows.
CREATE TABLE phone_codes (
    id TEXT COLLATE "C" PRIMARY KEY,
    phone_index BYTEA NOT NULL,
    purpose TEXT COLLATE "C" NOT NULL CHECK (purpose IN ('register', 'login', 'change', 'recover', 'guardian')),
    phone_sealed BYTEA NOT NULL,
    key_wrapped BYTEA NOT NULL,
    generation TEXT COLLATE "C" NOT NULL REFERENCES master_generations (id),
    code_hash BYTEA NOT NULL,
    failures BIGINT NOT NULL DEFAULT 0,
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('open', 'used', 'replaced', 'failed')),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX phone_codes_phone ON phone_codes (phone_index, created_at);
CREATE INDEX phone_codes_created ON phone_codes (created_at);

-- What a text message says, and to whom; gone once it is sent or given up.
ALTER TABLE outbox ADD COLUMN text_sealed BYTEA;
ALTER TABLE outbox ADD COLUMN text_key BYTEA CHECK ((text_key IS NULL) = (text_sealed IS NULL));
ALTER TABLE outbox ADD COLUMN text_generation TEXT COLLATE "C" REFERENCES master_generations (id)
    CHECK ((text_generation IS NULL) = (text_key IS NULL));

-- Sealed, as documents are, under the key of the account's name and number. Numbers that an account had and has no more. The number it has is in payers.
CREATE TABLE past_phones (
    payer_id TEXT COLLATE "C" NOT NULL REFERENCES payers (id),
    phone_index BYTEA NOT NULL,
    phone_sealed BYTEA NOT NULL,
    since BIGINT NOT NULL,
    until BIGINT NOT NULL,
    PRIMARY KEY (payer_id, until)
);

-- A forgotten PIN, waiting until it may be replaced. pin_hash: the next PIN, where a device asked; none where nobody
-- had one. Gone when it is done, cancelled or lapsed; the events tell of it.
CREATE TABLE pin_recoveries (
    payer_id TEXT COLLATE "C" PRIMARY KEY REFERENCES payers (id),
    pin_hash TEXT COLLATE "C",
    asked_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    lapses_at BIGINT NOT NULL
);
CREATE INDEX pin_recoveries_due ON pin_recoveries (due_at);

-- Who saw which document. Name, birth date and number are in document_sealed.
CREATE TABLE identities (
    payer_id TEXT COLLATE "C" NOT NULL REFERENCES payers (id),
    verified_at BIGINT NOT NULL,
    verified_by TEXT COLLATE "C" NOT NULL,
    provider TEXT COLLATE "C" NOT NULL,
    document_kind TEXT COLLATE "C" NOT NULL,
    document_sealed BYTEA NOT NULL,
    PRIMARY KEY (payer_id, verified_at)
);

-- Whoever answers for a minor. asked_at: the guardian's consent; confirmed_at: the ward's; held:
-- the guardian switched face payment off.
CREATE TABLE guardians (
    ward_id TEXT COLLATE "C" PRIMARY KEY REFERENCES payers (id),
    guardian_id TEXT COLLATE "C" NOT NULL REFERENCES payers (id),
    asked_at BIGINT NOT NULL,
    confirmed_at BIGINT,
    held BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX guardians_guardian ON guardians (guardian_id);
