-- Payments by face, for the watch over the calibration that decided. counted: null until it was looked at; then 1 if it
-- counts, 0 if it was left out.
CREATE TABLE drift_looks (
    payment_id TEXT COLLATE "C" PRIMARY KEY REFERENCES payments (id),
    calibration TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    counted BIGINT
);
CREATE INDEX drift_looks_waiting ON drift_looks (at) WHERE counted IS NULL;

-- One watch for each cohort of each calibration: the sum of its bets, and since when it says that strangers match more
-- often than the calibration says.
CREATE TABLE drift_watches (
    calibration TEXT COLLATE "C" NOT NULL,
    cohort TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    begun_at BIGINT NOT NULL,
    alarmed_at BIGINT,
    PRIMARY KEY (calibration, cohort)
);
