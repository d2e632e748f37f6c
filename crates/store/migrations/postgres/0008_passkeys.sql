-- Passkeys (WebAuthn): public keys of credentials that stay on people's devices, of payers and of users alike.
-- subject: the id of a payer or user. credential: the library's JSON, which holds no secret.
-- counter: the highest signature counter that was seen; 0 from authenticators that keep none.
-- blocked_at: since when it opens nothing, because a copy of it seems to exist.
CREATE TABLE passkeys (
    id TEXT COLLATE "C" PRIMARY KEY,
    subject TEXT COLLATE "C" NOT NULL,
    credential_id BYTEA NOT NULL UNIQUE,
    credential TEXT COLLATE "C" NOT NULL,
    label TEXT COLLATE "C" NOT NULL,
    counter BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    used_at BIGINT,
    blocked_at BIGINT
);
CREATE INDEX passkeys_subject ON passkeys (subject, created_at);

-- A challenge that was sent out, until its answer comes to whichever process. It is for one subject (none: whoever
-- owns the passkey that answers), one purpose, and one thing (target), and it is used once.
CREATE TABLE ceremonies (
    id TEXT COLLATE "C" PRIMARY KEY,
    purpose TEXT COLLATE "C" NOT NULL CHECK (purpose IN ('registration', 'answer', 'unfreeze', 'enrolment', 'login')),
    subject TEXT COLLATE "C",
    target TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX ceremonies_expires ON ceremonies (expires_at);

-- Which passkey signed the answer; none for a plain one.
ALTER TABLE confirmations ADD COLUMN passkey_id TEXT COLLATE "C";
