-- Terminals: a device with a serial number and a key of its own, a life, and every place it stood at; and what was
-- signed is taken once.

-- Those that exist work on; a suspended one stays so.
ALTER TABLE terminals ADD COLUMN state TEXT NOT NULL DEFAULT 'active'
    CHECK (state IN ('inactive', 'active', 'suspended', 'revoked'));
ALTER TABLE terminals ADD COLUMN reason TEXT NOT NULL DEFAULT '';
ALTER TABLE terminals ADD COLUMN serial TEXT;
UPDATE terminals SET state = 'suspended' WHERE suspended <> 0;
ALTER TABLE terminals DROP COLUMN suspended;
CREATE UNIQUE INDEX terminals_serial ON terminals (serial) WHERE state <> 'revoked';
CREATE INDEX terminals_merchant ON terminals (merchant_id, created_at);

-- Where a terminal stood, from one time until another; the place it has now has no end, and stands in terminals too.
CREATE TABLE terminal_places (
    terminal_id TEXT NOT NULL REFERENCES terminals (id),
    from_at INTEGER NOT NULL,
    until_at INTEGER,
    city TEXT NOT NULL,
    address TEXT NOT NULL,
    latitude REAL NOT NULL,
    longitude REAL NOT NULL,
    PRIMARY KEY (terminal_id, from_at),
    CHECK (until_at > from_at)
);
INSERT INTO terminal_places (terminal_id, from_at, city, address, latitude, longitude)
SELECT id, created_at, city, address, latitude, longitude FROM terminals;

-- What a device is brought in with, once. Only a keyed fingerprint of the code is kept.
CREATE TABLE terminal_codes (
    terminal_id TEXT PRIMARY KEY REFERENCES terminals (id),
    code_hash BLOB NOT NULL UNIQUE,
    expires_at INTEGER NOT NULL
);

CREATE TABLE terminal_relocations (
    id TEXT PRIMARY KEY,
    terminal_id TEXT NOT NULL REFERENCES terminals (id),
    city TEXT NOT NULL,
    address TEXT NOT NULL,
    latitude REAL NOT NULL,
    longitude REAL NOT NULL,
    reason TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('proposed', 'approved', 'rejected')),
    proposed_by TEXT NOT NULL,
    proposed_at INTEGER NOT NULL,
    decided_by TEXT,
    decided_at INTEGER,
    CHECK ((state = 'proposed') = (decided_by IS NULL)),
    CHECK ((state = 'proposed') = (decided_at IS NULL))
);
CREATE UNIQUE INDEX terminal_relocations_open ON terminal_relocations (terminal_id) WHERE state = 'proposed';

-- What a key signed with, until its signature is too old to come again.
CREATE TABLE signature_nonces (
    key_id TEXT NOT NULL,
    nonce TEXT NOT NULL,
    until_at INTEGER NOT NULL,
    PRIMARY KEY (key_id, nonce)
);
CREATE INDEX signature_nonces_until ON signature_nonces (until_at);
