-- The movements that an attempt's terminal is to show; null where none were asked.
ALTER TABLE sessions ADD COLUMN challenge TEXT COLLATE "C";
