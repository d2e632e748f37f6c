-- Payments by face, for the watch over the calibration that decided. counted: null until it was looked at; then 1 if it
-- counts, 0 if it was left out.
CREATE TABLE drift_looks (
    payment_id TEXT PRIMARY KEY REFERENCES payments (id),
    calibration TEXT NOT NULL,
    at INTEGER NOT NULL,
    counted INTEGER
);
CREATE INDEX drift_looks_waiting ON drift_looks (at) WHERE counted IS NULL;

-- One watch for each cohort of each calibration: the sum of its bets, and since when it says that strangers match more
-- often than the calibration says.
CREATE TABLE drift_watches (
    calibration TEXT NOT NULL,
    cohort TEXT NOT NULL,
    state TEXT NOT NULL,
    begun_at INTEGER NOT NULL,
    alarmed_at INTEGER,
    PRIMARY KEY (calibration, cohort)
);
