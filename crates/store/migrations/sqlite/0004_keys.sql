-- Data keys apart from what they seal, tombstones of what was erased, accounts that were closed.
-- A *_key or key_wrapped column holds a data key, wrapped by the generation of the master key that stands beside it.

-- The generations that may wrap; the last one does. None goes while a key is wrapped by it.
CREATE TABLE master_generations (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    announced_at INTEGER NOT NULL
);

-- For templates and waiting enrolments. Faces are sealed under another key than names and numbers.
CREATE TABLE face_keys (
    payer_id TEXT PRIMARY KEY REFERENCES payers (id),
    key_wrapped BLOB NOT NULL,
    generation TEXT NOT NULL REFERENCES master_generations (id),
    created_at INTEGER NOT NULL
);

-- What was erased for good. Append only. body is JSON.
CREATE TABLE tombstones (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    payer_id TEXT NOT NULL REFERENCES payers (id),
    at INTEGER NOT NULL,
    reason TEXT NOT NULL CHECK (reason IN ('consent_withdrawn', 'account_closed', 'dispute_closed')),
    body TEXT NOT NULL
);
CREATE INDEX tombstones_payer ON tombstones (payer_id, seq);

-- Name and phone. A closed account has none.
ALTER TABLE payers ADD COLUMN contact_key BLOB;
ALTER TABLE payers ADD COLUMN contact_generation TEXT REFERENCES master_generations (id)
    CHECK ((contact_generation IS NULL) = (contact_key IS NULL));
ALTER TABLE payers ADD COLUMN closed_at INTEGER
    CHECK (closed_at IS NULL OR (contact_key IS NULL AND length(contact_sealed) = 0 AND pin_hash IS NULL AND face = 'none'));

-- payer_id is whoever the capture was taken for: the best candidate. kept_for is the dispute for which it outlives an
-- erasure; tombstone_id tells what erased it, and then the probe is empty.
ALTER TABLE captures ADD COLUMN key_wrapped BLOB;
ALTER TABLE captures ADD COLUMN generation TEXT REFERENCES master_generations (id)
    CHECK ((generation IS NULL) = (key_wrapped IS NULL));
ALTER TABLE captures ADD COLUMN payer_id TEXT REFERENCES payers (id);
ALTER TABLE captures ADD COLUMN kept_for TEXT REFERENCES disputes (id);
ALTER TABLE captures ADD COLUMN tombstone_id TEXT REFERENCES tombstones (id)
    CHECK (tombstone_id IS NULL OR (key_wrapped IS NULL AND length(probe_sealed) = 0));
UPDATE captures SET payer_id = (SELECT p.id FROM payers p WHERE p.id =
    (SELECT coalesce(json_extract(d.recognition, '$.certainty.best.payer'), json_extract(d.recognition, '$.best[0]'))
     FROM decisions d WHERE d.session_id = captures.session_id ORDER BY d.seq DESC LIMIT 1));
UPDATE captures SET payer_id = (SELECT p.payer_id FROM payments p WHERE p.session_id = captures.session_id)
WHERE session_id IN (SELECT session_id FROM payments);
CREATE INDEX captures_payer ON captures (payer_id);
CREATE INDEX captures_kept ON captures (kept_for) WHERE kept_for IS NOT NULL;

ALTER TABLE merchants ADD COLUMN webhook_key BLOB;
ALTER TABLE merchants ADD COLUMN webhook_generation TEXT REFERENCES master_generations (id)
    CHECK ((webhook_generation IS NULL) = (webhook_key IS NULL));

-- For a value that is itself a wrapped key.
ALTER TABLE installation ADD COLUMN generation TEXT REFERENCES master_generations (id);
