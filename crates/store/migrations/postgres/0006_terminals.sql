-- Terminals: a device with a serial number and a key of its own, a life, and every place it stood at; and what was
-- signed is taken once.

-- Those that exist work on; a suspended one stays so.
ALTER TABLE terminals ADD COLUMN state TEXT COLLATE "C" NOT NULL DEFAULT 'active'
    CHECK (state IN ('inactive', 'active', 'suspended', 'revoked'));
ALTER TABLE terminals ADD COLUMN reason TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE terminals ADD COLUMN serial TEXT COLLATE "C";
UPDATE terminals SET state = 'suspended' WHERE suspended <> 0;
ALTER TABLE terminals DROP COLUMN suspended;
CREATE UNIQUE INDEX terminals_serial ON terminals (serial) WHERE state <> 'revoked';
CREATE INDEX terminals_merchant ON terminals (merchant_id, created_at);

-- Where a terminal stood, from one time until another; the place it has now has no end, and stands in terminals too.
CREATE TABLE terminal_places (
    terminal_id TEXT COLLATE "C" NOT NULL REFERENCES terminals (id),
    from_at BIGINT NOT NULL,
    until_at BIGINT,
    city TEXT COLLATE "C" NOT NULL,
    address TEXT COLLATE "C" NOT NULL,
    latitude DOUBLE PRECISION NOT NULL,
    longitude DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (terminal_id, from_at),
    CHECK (until_at > from_at)
);
INSERT INTO terminal_places (terminal_id, from_at, city, address, latitude, longitude)
SELECT id, created_at, city, address, latitude, longitude FROM terminals;

-- What a device is brought in with, once. Only a keyed fingerprint of the code is kept.
CREATE TABLE terminal_codes (
    terminal_id TEXT COLLATE "C" PRIMARY KEY REFERENCES terminals (id),
    code_hash BYTEA NOT NULL UNIQUE,
    expires_at BIGINT NOT NULL
);

CREATE TABLE terminal_relocations (
    id TEXT COLLATE "C" PRIMARY KEY,
    terminal_id TEXT COLLATE "C" NOT NULL REFERENCES terminals (id),
    city TEXT COLLATE "C" NOT NULL,
    address TEXT COLLATE "C" NOT NULL,
    latitude DOUBLE PRECISION NOT NULL,
    longitude DOUBLE PRECISION NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('proposed', 'approved', 'rejected')),
    proposed_by TEXT COLLATE "C" NOT NULL,
    proposed_at BIGINT NOT NULL,
    decided_by TEXT COLLATE "C",
    decided_at BIGINT,
    CHECK ((state = 'proposed') = (decided_by IS NULL)),
    CHECK ((state = 'proposed') = (decided_at IS NULL))
);
CREATE UNIQUE INDEX terminal_relocations_open ON terminal_relocations (terminal_id) WHERE state = 'proposed';

-- What a key signed with, until its signature is too old to come again.
CREATE TABLE signature_nonces (
    key_id TEXT COLLATE "C" NOT NULL,
    nonce TEXT COLLATE "C" NOT NULL,
    until_at BIGINT NOT NULL,
    PRIMARY KEY (key_id, nonce)
);
CREATE INDEX signature_nonces_until ON signature_nonces (until_at);
