-- Passkeys (WebAuthn): public keys of credentials that stay on people's devices, of payers and of users alike.
-- subject: the id of a payer or user. credential: the library's JSON, which holds no secret.
-- counter: the highest signature counter that was seen; 0 from authenticators that keep none.
-- blocked_at: since when it opens nothing, because a copy of it seems to exist.
CREATE TABLE passkeys (
    id TEXT PRIMARY KEY,
    subject TEXT NOT NULL,
    credential_id BLOB NOT NULL UNIQUE,
    credential TEXT NOT NULL,
    label TEXT NOT NULL,
    counter INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    used_at INTEGER,
    blocked_at INTEGER
);
CREATE INDEX passkeys_subject ON passkeys (subject, created_at);

-- A challenge that was sent out, until its answer comes to whichever process. It is for one subject (none: whoever
-- owns the passkey that answers), one purpose, and one thing (target), and it is used once.
CREATE TABLE ceremonies (
    id TEXT PRIMARY KEY,
    purpose TEXT NOT NULL CHECK (purpose IN ('registration', 'answer', 'unfreeze', 'enrolment', 'login')),
    subject TEXT,
    target TEXT NOT NULL,
    state TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER
);
CREATE INDEX ceremonies_expires ON ceremonies (expires_at);

-- Which passkey signed the answer; none for a plain one.
ALTER TABLE confirmations ADD COLUMN passkey_id TEXT;
