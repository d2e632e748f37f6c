-- One fused template for each embedding model: while one model is replaced by another, payers have two.
CREATE TABLE templates_new (
    payer_id TEXT COLLATE "C" NOT NULL REFERENCES payers (id),
    template_sealed BYTEA NOT NULL,
    pictures BIGINT NOT NULL,
    model TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (payer_id, model)
);
INSERT INTO templates_new (payer_id, template_sealed, pictures, model, created_at)
SELECT payer_id, template_sealed, pictures, model, created_at FROM templates;
DROP TABLE templates;
ALTER TABLE templates_new RENAME TO templates;
CREATE INDEX templates_changed ON templates (model, created_at);

-- What a fused template is made of. source: the enrolment whose picture it was, or the capture of a payment that its
-- payer confirmed. Faces enrolled before this step have none, and their pictures were not kept.
CREATE TABLE template_parts (
    payer_id TEXT COLLATE "C" NOT NULL REFERENCES payers (id),
    source TEXT COLLATE "C" NOT NULL,
    position BIGINT NOT NULL,
    model TEXT COLLATE "C" NOT NULL,
    weight DOUBLE PRECISION NOT NULL CHECK (weight > 0),
    template_sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (source, position, model)
);
CREATE INDEX template_parts_payer ON template_parts (payer_id);

-- look_alike: two people. same_person: probably one person with two accounts; staff look at it.
ALTER TABLE look_alikes ADD COLUMN kind TEXT COLLATE "C" NOT NULL DEFAULT 'look_alike' CHECK (kind IN ('look_alike', 'same_person'));

-- Work through all faces, in batches: whichever process takes the next one. purpose: what the result rests on.
CREATE TABLE gallery_jobs (
    name TEXT COLLATE "C" PRIMARY KEY,
    purpose TEXT COLLATE "C" NOT NULL,
    reached TEXT COLLATE "C" NOT NULL,
    done BIGINT NOT NULL,
    left_out BIGINT NOT NULL,
    wanted BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    finished_at BIGINT
);

-- Calibrations that decided, besides those that come with Surety: decisions are replayed with the one they name.
CREATE TABLE calibrations (
    id TEXT COLLATE "C" PRIMARY KEY,
    content TEXT COLLATE "C" NOT NULL,
    first_used_at BIGINT NOT NULL
);
