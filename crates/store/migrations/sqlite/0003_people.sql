-- Who may call: people who work for the operator or for a merchant, and every credential, of people, payers' devices,
-- machines and terminals, in one table, so that all of them are listed, expire and are revoked in one way.

CREATE TABLE users (
    id TEXT PRIMARY KEY,
    merchant_id TEXT REFERENCES merchants (id),
    login TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    roles TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('invited', 'active', 'disabled')),
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL
);
CREATE INDEX users_merchant ON users (merchant_id);

-- Until this step a staff key was a name and could do everything; so it stays for those that exist.
INSERT INTO users (id, login, name, roles, state, created_at, created_by)
SELECT 'usr_00000000000070008000000000000001', 'operator', 'operator',
    '["risk_analyst","investigator","approver","merchant_care","auditor","administrator"]', 'active', min(created_at), 'surety'
FROM api_keys WHERE scope = 'staff' HAVING count(*) > 0;

-- Secrets are stored as their SHA-256 only; of a signing key only the public half ever comes here.
-- subject: the id of a user, merchant, terminal or payer. rights: what a merchant's key may do, as JSON.
CREATE TABLE credentials (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('bearer', 'cookie', 'signature')),
    scope TEXT NOT NULL CHECK (scope IN ('user', 'merchant', 'terminal', 'payer')),
    subject TEXT NOT NULL,
    secret_hash BLOB UNIQUE,
    public_key BLOB UNIQUE,
    rights TEXT NOT NULL,
    label TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    seen_at INTEGER,
    revoked_at INTEGER,
    CHECK ((kind = 'signature') = (public_key IS NOT NULL)),
    CHECK ((kind = 'signature') = (secret_hash IS NULL))
);
CREATE INDEX credentials_subject ON credentials (subject, created_at);

INSERT INTO credentials (id, kind, scope, subject, secret_hash, rights, label, created_at, revoked_at)
SELECT id, 'bearer', CASE scope WHEN 'staff' THEN 'user' ELSE scope END,
    CASE scope WHEN 'staff' THEN 'usr_00000000000070008000000000000001' ELSE subject END,
    secret_hash,
    CASE scope WHEN 'merchant' THEN '["orders","payments","refunds","money","disputes","manage"]' ELSE '[]' END,
    '', created_at, revoked_at
FROM api_keys;

DROP TABLE api_keys;
