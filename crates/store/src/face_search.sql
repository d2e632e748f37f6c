CREATE TABLE face_search (
    payer_id TEXT COLLATE "C" NOT NULL,
    model    TEXT COLLATE "C" NOT NULL,
    bucket   BYTEA NOT NULL,
    region   TEXT COLLATE "C" NOT NULL,
    pictures BIGINT NOT NULL CHECK (pictures > 0),
    live     BIGINT NOT NULL CHECK (live IN (0, 1)),
    turned   VECTOR NOT NULL,
    PRIMARY KEY (payer_id, model),
    FOREIGN KEY (payer_id, model) REFERENCES templates (payer_id, model) ON DELETE CASCADE
)

ALTER TABLE face_search ALTER COLUMN turned SET STORAGE MAIN

CREATE INDEX face_search_by_bucket ON face_search (bucket, model, region)

CREATE TABLE face_search_waiting (
    payer_id TEXT COLLATE "C" NOT NULL,
    model    TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (payer_id, model),
    FOREIGN KEY (payer_id, model) REFERENCES templates (payer_id, model) ON DELETE CASCADE
)

CREATE FUNCTION face_search_follow_template() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM face_search WHERE payer_id = NEW.payer_id AND model = NEW.model;
    INSERT INTO face_search_waiting (payer_id, model) VALUES (NEW.payer_id, NEW.model) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$

CREATE TRIGGER face_search_follows_template AFTER INSERT OR UPDATE OF created_at ON templates
    FOR EACH ROW EXECUTE FUNCTION face_search_follow_template()

CREATE FUNCTION face_search_follow_payer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.phone_index, NEW.home_latitude, NEW.home_longitude)
        IS DISTINCT FROM (OLD.phone_index, OLD.home_latitude, OLD.home_longitude) THEN
        DELETE FROM face_search WHERE payer_id = NEW.id;
        INSERT INTO face_search_waiting (payer_id, model)
            SELECT payer_id, model FROM templates WHERE payer_id = NEW.id ON CONFLICT DO NOTHING;
    ELSE
        UPDATE face_search SET live = CASE NEW.face WHEN 'enabled' THEN 1 ELSE 0 END WHERE payer_id = NEW.id;
    END IF;
    RETURN NULL;
END $$

CREATE TRIGGER face_search_follows_payer AFTER UPDATE OF face, phone_index, home_latitude, home_longitude ON payers
    FOR EACH ROW EXECUTE FUNCTION face_search_follow_payer()

INSERT INTO face_search_waiting (payer_id, model) SELECT payer_id, model FROM templates
