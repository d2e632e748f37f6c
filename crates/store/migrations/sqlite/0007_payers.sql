-- Payers prove that a phone is theirs, have several devices, change PIN and number, show who they are; the young have
-- guardians.

ALTER TABLE payers ADD COLUMN tier TEXT NOT NULL DEFAULT 'basic' CHECK (tier IN ('basic', 'verified'));
-- How often in a row the PIN was locked: each time longer.
ALTER TABLE payers ADD COLUMN pin_locks INTEGER NOT NULL DEFAULT 0;
-- When a PIN was last set without the one before it.
ALTER TABLE payers ADD COLUMN pin_recovered_at INTEGER;

-- Codes that were sent to phones, of the last day: the limits are counted from these rows.
CREATE TABLE phone_codes (
    id TEXT PRIMARY KEY,
    phone_index BLOB NOT NULL,
    purpose TEXT NOT NULL CHECK (purpose IN ('register', 'login', 'change', 'recover', 'guardian')),
    phone_sealed BLOB NOT NULL,
    key_wrapped BLOB NOT NULL,
    generation TEXT NOT NULL REFERENCES master_generations (id),
    code_hash BLOB NOT NULL,
    failures INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL CHECK (state IN ('open', 'used', 'replaced', 'failed')),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
);
CREATE INDEX phone_codes_phone ON phone_codes (phone_index, created_at);
CREATE INDEX phone_codes_created ON phone_codes (created_at);

-- What a text message says, and to whom; gone once it is sent or given up.
ALTER TABLE outbox ADD COLUMN text_sealed BLOB;
ALTER TABLE outbox ADD COLUMN text_key BLOB CHECK ((text_key IS NULL) = (text_sealed IS NULL));
ALTER TABLE outbox ADD COLUMN text_generation TEXT REFERENCES master_generations (id)
    CHECK ((text_generation IS NULL) = (text_key IS NULL));

-- Sealed, as documents are, under the key of the account's name and number. Numbers that an account had and has no more. The number it has is in payers.
CREATE TABLE past_phones (
    payer_id TEXT NOT NULL REFERENCES payers (id),
    phone_index BLOB NOT NULL,
    phone_sealed BLOB NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (payer_id, until)
);

-- A forgotten PIN, waiting until it may be replaced. pin_hash: the next PIN, where a device asked; none where nobody
-- had one. Gone when it is done, cancelled or lapsed; the events tell of it.
CREATE TABLE pin_recoveries (
    payer_id TEXT PRIMARY KEY REFERENCES payers (id),
    pin_hash TEXT,
    asked_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    lapses_at INTEGER NOT NULL
);
CREATE INDEX pin_recoveries_due ON pin_recoveries (due_at);

-- Who saw which document. Name, birth date and number are in document_sealed.
CREATE TABLE identities (
    payer_id TEXT NOT NULL REFERENCES payers (id),
    verified_at INTEGER NOT NULL,
    verified_by TEXT NOT NULL,
    provider TEXT NOT NULL,
    document_kind TEXT NOT NULL,
    document_sealed BLOB NOT NULL,
    PRIMARY KEY (payer_id, verified_at)
);

-- Whoever answers for a minor. asked_at: the guardian's consent; confirmed_at: the ward's; held:
-- the guardian switched face payment off.
CREATE TABLE guardians (
    ward_id TEXT PRIMARY KEY REFERENCES payers (id),
    guardian_id TEXT NOT NULL REFERENCES payers (id),
    asked_at INTEGER NOT NULL,
    confirmed_at INTEGER,
    held INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX guardians_guardian ON guardians (guardian_id);
