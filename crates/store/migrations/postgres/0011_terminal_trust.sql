-- What is known of a device from its own reports: the highest counter its key used, where it was last.
CREATE TABLE terminal_watches (
    key_id TEXT COLLATE "C" PRIMARY KEY,
    terminal_id TEXT COLLATE "C" NOT NULL REFERENCES terminals (id),
    counter BIGINT NOT NULL CHECK (counter >= 0),
    state TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL
);

-- What the terminal said with an attempt's frames, and what stood out.
CREATE TABLE capture_reports (
    session_id TEXT COLLATE "C" PRIMARY KEY REFERENCES sessions (id),
    key_id TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    report TEXT COLLATE "C" NOT NULL,
    findings TEXT COLLATE "C" NOT NULL
);

-- Of each frame that was decided on: its digest, and 64 bits of how it looks, to see it again.
CREATE TABLE frame_prints (
    session_id TEXT COLLATE "C" NOT NULL REFERENCES sessions (id),
    position BIGINT NOT NULL,
    terminal_id TEXT COLLATE "C" NOT NULL REFERENCES terminals (id),
    at BIGINT NOT NULL,
    sha256 TEXT COLLATE "C" NOT NULL,
    looks TEXT COLLATE "C" NOT NULL,
    encoder TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (session_id, position)
);
CREATE INDEX frame_prints_sha256 ON frame_prints (sha256);
CREATE INDEX frame_prints_terminal ON frame_prints (terminal_id, at);
CREATE INDEX frame_prints_at ON frame_prints (at);

-- What staff has to look at. One that is open counts up when the same comes again at the same terminal.
CREATE TABLE alerts (
    id TEXT COLLATE "C" PRIMARY KEY,
    kind TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('open', 'closed')),
    at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    times BIGINT NOT NULL CHECK (times >= 1),
    terminal_id TEXT COLLATE "C" REFERENCES terminals (id),
    merchant_id TEXT COLLATE "C" REFERENCES merchants (id),
    session_id TEXT COLLATE "C" REFERENCES sessions (id),
    payer_id TEXT COLLATE "C" REFERENCES payers (id),
    facts TEXT COLLATE "C" NOT NULL
);
CREATE INDEX alerts_last ON alerts (last_at);
CREATE UNIQUE INDEX alerts_open ON alerts (kind, terminal_id) WHERE state = 'open';
