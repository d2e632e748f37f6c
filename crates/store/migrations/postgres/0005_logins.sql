-- What people log in with, who was invited, whose guessing is counted, and who took further roles for a while.

-- phone_index: a keyed fingerprint, so that nobody approves money to the own account as a payer.
-- totp_step: the last time step whose code was taken; a code is taken once.
CREATE TABLE user_secrets (
    user_id TEXT COLLATE "C" PRIMARY KEY REFERENCES users (id),
    phone_index BYTEA,
    password_hash TEXT COLLATE "C",
    totp_sealed BYTEA,
    totp_key BYTEA,
    totp_generation TEXT COLLATE "C" REFERENCES master_generations (id),
    totp_active BIGINT NOT NULL CHECK (totp_active IN (0, 1)),
    totp_step BIGINT,
    oidc_issuer TEXT COLLATE "C",
    oidc_subject TEXT COLLATE "C",
    UNIQUE (oidc_issuer, oidc_subject),
    CHECK (totp_active = 0 OR totp_sealed IS NOT NULL),
    CHECK ((totp_sealed IS NULL) = (totp_key IS NULL)),
    CHECK ((totp_key IS NULL) = (totp_generation IS NULL)),
    CHECK ((oidc_issuer IS NULL) = (oidc_subject IS NULL))
);
INSERT INTO user_secrets (user_id, totp_active) SELECT id, 0 FROM users;

-- One open invitation a user; only the SHA-256 of its secret.
CREATE TABLE invitations (
    user_id TEXT COLLATE "C" PRIMARY KEY REFERENCES users (id),
    secret_hash BYTEA NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

-- By a keyed fingerprint of what was typed, whether or not somebody has that login: who guesses learns nothing.
CREATE TABLE login_attempts (
    login_index BYTEA PRIMARY KEY,
    failures BIGINT NOT NULL,
    failed_at BIGINT NOT NULL,
    locked_until BIGINT
);
CREATE INDEX login_attempts_failed ON login_attempts (failed_at);

-- What is begun at an OpenID provider and not yet ended, by the SHA-256 of the browser's secret. body is JSON.
CREATE TABLE login_flows (
    secret_hash BYTEA PRIMARY KEY,
    body TEXT COLLATE "C" NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE TABLE break_glass (
    id TEXT COLLATE "C" PRIMARY KEY,
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id),
    roles TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT,
    ended_by TEXT COLLATE "C",
    CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
CREATE INDEX break_glass_user ON break_glass (user_id, expires_at);
