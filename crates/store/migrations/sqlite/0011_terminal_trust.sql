-- What is known of a device from its own reports: the highest counter its key used, where it was last.
CREATE TABLE terminal_watches (
    key_id TEXT PRIMARY KEY,
    terminal_id TEXT NOT NULL REFERENCES terminals (id),
    counter INTEGER NOT NULL CHECK (counter >= 0),
    state TEXT NOT NULL,
    at INTEGER NOT NULL
);

-- What the terminal said with an attempt's frames, and what stood out.
CREATE TABLE capture_reports (
    session_id TEXT PRIMARY KEY REFERENCES sessions (id),
    key_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    report TEXT NOT NULL,
    findings TEXT NOT NULL
);

-- Of each frame that was decided on: its digest, and 64 bits of how it looks, to see it again.
CREATE TABLE frame_prints (
    session_id TEXT NOT NULL REFERENCES sessions (id),
    position INTEGER NOT NULL,
    terminal_id TEXT NOT NULL REFERENCES terminals (id),
    at INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    looks TEXT NOT NULL,
    encoder TEXT NOT NULL,
    PRIMARY KEY (session_id, position)
);
CREATE INDEX frame_prints_sha256 ON frame_prints (sha256);
CREATE INDEX frame_prints_terminal ON frame_prints (terminal_id, at);
CREATE INDEX frame_prints_at ON frame_prints (at);

-- What staff has to look at. One that is open counts up when the same comes again at the same terminal.
CREATE TABLE alerts (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'closed')),
    at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    times INTEGER NOT NULL CHECK (times >= 1),
    terminal_id TEXT REFERENCES terminals (id),
    merchant_id TEXT REFERENCES merchants (id),
    session_id TEXT REFERENCES sessions (id),
    payer_id TEXT REFERENCES payers (id),
    facts TEXT NOT NULL
);
CREATE INDEX alerts_last ON alerts (last_at);
CREATE UNIQUE INDEX alerts_open ON alerts (kind, terminal_id) WHERE state = 'open';
