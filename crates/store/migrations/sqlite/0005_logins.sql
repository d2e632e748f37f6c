-- What people log in with, who was invited, whose guessing is counted, and who took further roles for a while.

-- phone_index: a keyed fingerprint, so that nobody approves money to the own account as a payer.
-- totp_step: the last time step whose code was taken; a code is taken once.
CREATE TABLE user_secrets (
    user_id TEXT PRIMARY KEY REFERENCES users (id),
    phone_index BLOB,
    password_hash TEXT,
    totp_sealed BLOB,
    totp_key BLOB,
    totp_generation TEXT REFERENCES master_generations (id),
    totp_active INTEGER NOT NULL CHECK (totp_active IN (0, 1)),
    totp_step INTEGER,
    oidc_issuer TEXT,
    oidc_subject TEXT,
    UNIQUE (oidc_issuer, oidc_subject),
    CHECK (totp_active = 0 OR totp_sealed IS NOT NULL),
    CHECK ((totp_sealed IS NULL) = (totp_key IS NULL)),
    CHECK ((totp_key IS NULL) = (totp_generation IS NULL)),
    CHECK ((oidc_issuer IS NULL) = (oidc_subject IS NULL))
);
INSERT INTO user_secrets (user_id, totp_active) SELECT id, 0 FROM users;

-- One open invitation a user; only the SHA-256 of its secret.
CREATE TABLE invitations (
    user_id TEXT PRIMARY KEY REFERENCES users (id),
    secret_hash BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
);

-- By a keyed fingerprint of what was typed, whether or not somebody has that login: who guesses learns nothing.
CREATE TABLE login_attempts (
    login_index BLOB PRIMARY KEY,
    failures INTEGER NOT NULL,
    failed_at INTEGER NOT NULL,
    locked_until INTEGER
);
CREATE INDEX login_attempts_failed ON login_attempts (failed_at);

-- What is begun at an OpenID provider and not yet ended, by the SHA-256 of the browser's secret. body is JSON.
CREATE TABLE login_flows (
    secret_hash BLOB PRIMARY KEY,
    body TEXT NOT NULL,
    expires_at INTEGER NOT NULL
);

CREATE TABLE break_glass (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    roles TEXT NOT NULL,
    reason TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at INTEGER,
    ended_by TEXT,
    CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
CREATE INDEX break_glass_user ON break_glass (user_id, expires_at);
