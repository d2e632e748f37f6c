-- The same change as sqlite/0004_keys.sql.

-- The generations that may wrap; the last one does. None goes while a key is wrapped by it.
CREATE TABLE master_generations (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id TEXT COLLATE "C" NOT NULL UNIQUE,
    announced_at BIGINT NOT NULL
);

-- For templates and waiting enrolments. Faces are sealed under another key than names and numbers.
CREATE TABLE face_keys (
    payer_id TEXT COLLATE "C" PRIMARY KEY REFERENCES payers (id),
    key_wrapped BYTEA NOT NULL,
    generation TEXT COLLATE "C" NOT NULL REFERENCES master_generations (id),
    created_at BIGINT NOT NULL
);

-- What was erased for good. Append only. body is JSON.
CREATE TABLE tombstones (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id TEXT COLLATE "C" NOT NULL UNIQUE,
    payer_id TEXT COLLATE "C" NOT NULL REFERENCES payers (id),
    at BIGINT NOT NULL,
    reason TEXT COLLATE "C" NOT NULL CHECK (reason IN ('consent_withdrawn', 'account_closed', 'dispute_closed')),
    body TEXT COLLATE "C" NOT NULL
);
CREATE INDEX tombstones_payer ON tombstones (payer_id, seq);

-- Name and phone. A closed account has none.
ALTER TABLE payers
    ADD COLUMN contact_key BYTEA,
    ADD COLUMN contact_generation TEXT COLLATE "C" REFERENCES master_generations (id),
    ADD COLUMN closed_at BIGINT,
    ADD CHECK ((contact_generation IS NULL) = (contact_key IS NULL)),
    ADD CHECK (closed_at IS NULL OR (contact_key IS NULL AND length(contact_sealed) = 0 AND pin_hash IS NULL AND face = 'none'));

-- payer_id is whoever the capture was taken for: the best candidate. kept_for is the dispute for which it outlives an
-- erasure; tombstone_id tells what erased it, and then the probe is empty.
ALTER TABLE captures
    ADD COLUMN key_wrapped BYTEA,
    ADD COLUMN generation TEXT COLLATE "C",
    ADD COLUMN payer_id TEXT COLLATE "C",
    ADD COLUMN kept_for TEXT COLLATE "C",
    ADD COLUMN tombstone_id TEXT COLLATE "C";
UPDATE captures SET payer_id = (SELECT p.id FROM payers p WHERE p.id =
    (SELECT coalesce(d.recognition::jsonb #>> '{certainty,best,payer}', d.recognition::jsonb #>> '{best,0}')
     FROM decisions d WHERE d.session_id = captures.session_id ORDER BY d.seq DESC LIMIT 1));
UPDATE captures SET payer_id = (SELECT p.payer_id FROM payments p WHERE p.session_id = captures.session_id)
WHERE session_id IN (SELECT session_id FROM payments);
ALTER TABLE captures
    ADD FOREIGN KEY (generation) REFERENCES master_generations (id),
    ADD FOREIGN KEY (payer_id) REFERENCES payers (id),
    ADD FOREIGN KEY (kept_for) REFERENCES disputes (id),
    ADD FOREIGN KEY (tombstone_id) REFERENCES tombstones (id),
    ADD CHECK ((generation IS NULL) = (key_wrapped IS NULL)),
    ADD CHECK (tombstone_id IS NULL OR (key_wrapped IS NULL AND length(probe_sealed) = 0));
CREATE INDEX captures_payer ON captures (payer_id);
CREATE INDEX captures_kept ON captures (kept_for) WHERE kept_for IS NOT NULL;

ALTER TABLE merchants
    ADD COLUMN webhook_key BYTEA,
    ADD COLUMN webhook_generation TEXT COLLATE "C" REFERENCES master_generations (id),
    ADD CHECK ((webhook_generation IS NULL) = (webhook_key IS NULL));

-- For a value that is itself a wrapped key.
ALTER TABLE installation ADD COLUMN generation TEXT COLLATE "C" REFERENCES master_generations (id);
