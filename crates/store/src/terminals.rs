//! Terminals: devices, the places they stood at, the codes they are brought in with, and what they signed with.

use anyhow::{Result, bail};
use types::{KeyId, MerchantId, Place, RelocationId, TerminalId, Timestamp};

use crate::Tx;
use crate::value::{Row, text};

/// How far a terminal's life is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TerminalState {
    /// Registered; no device was brought in yet.
    Inactive,
    /// It takes payments.
    Active,
    /// It takes none until somebody lets it.
    Suspended,
    /// It never takes any again.
    Revoked,
}

impl TerminalState {
    /// As stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Revoked => "revoked",
        }
    }

    fn parse(text: &str) -> Result<Self> {
        Ok(match text {
            "inactive" => Self::Inactive,
            "active" => Self::Active,
            "suspended" => Self::Suspended,
            "revoked" => Self::Revoked,
            other => bail!("column state is damaged: {other:?}"),
        })
    }
}

/// A registered device.
#[derive(Clone, Debug, PartialEq)]
pub struct TerminalRow {
    /// Its id.
    pub id: TerminalId,
    /// Whose it is.
    pub merchant: MerchantId,
    /// What the merchant calls it.
    pub label: String,
    /// Its installed address now. Where it stood when something happened, [`Tx::terminal_place`] says.
    pub place: Place,
    /// How far its life is.
    pub state: TerminalState,
    /// Why it was suspended, let work again or revoked; empty before.
    pub reason: String,
    /// The device's serial number, once one was brought in. One serial number is one terminal that is not revoked.
    pub serial: Option<String>,
    /// Since when.
    pub created_at: Timestamp,
}

/// Where a terminal stood for a while.
#[derive(Clone, Debug, PartialEq)]
pub struct StandRow {
    /// From then, inclusive.
    pub from: Timestamp,
    /// Until then, exclusive; none: it stands there now.
    pub until: Option<Timestamp>,
    /// Where.
    pub place: Place,
}

/// What became of a proposal to move a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RelocationState {
    /// Nobody has decided.
    Proposed,
    /// It moved.
    Approved {
        /// Who decided: a user's id.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// It stays.
    Rejected {
        /// Who decided: a user's id.
        by: String,
        /// When.
        at: Timestamp,
    },
}

impl RelocationState {
    /// As stored.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Approved { by: _, at: _ } => "approved",
            Self::Rejected { by: _, at: _ } => "rejected",
        }
    }
}

/// A proposal to move a terminal.
#[derive(Clone, Debug, PartialEq)]
pub struct RelocationRow {
    /// Its id.
    pub id: RelocationId,
    /// Which terminal.
    pub terminal: TerminalId,
    /// Where to.
    pub place: Place,
    /// Why.
    pub reason: String,
    /// Who proposed it: the id of a user or key.
    pub proposed_by: String,
    /// When.
    pub proposed_at: Timestamp,
    /// What became of it.
    pub state: RelocationState,
}

/// Terminals listed at a time.
const LIST_MAX: u32 = 1_000;

impl Tx<'_> {
    /// Adds a terminal, which stands at its place from its creation on.
    ///
    /// # Errors
    /// The database fails.
    pub fn insert_terminal(&self, row: &TerminalRow) -> Result<()> {
        self.execute_one(
            "INSERT INTO terminals (id, merchant_id, label, city, address, latitude, longitude, state, reason, serial,
                                    created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            &[
                text(row.id),
                text(row.merchant),
                row.label.as_str().into(),
                row.place.city.as_str().into(),
                row.place.address.as_str().into(),
                row.place.point.latitude().into(),
                row.place.point.longitude().into(),
                row.state.name().into(),
                row.reason.as_str().into(),
                row.serial.as_deref().into(),
                row.created_at.into(),
            ],
        )?;
        self.insert_stand(row.id, &row.place, row.created_at)
    }

    fn insert_stand(&self, id: TerminalId, place: &Place, from: Timestamp) -> Result<()> {
        self.execute_one(
            "INSERT INTO terminal_places (terminal_id, from_at, city, address, latitude, longitude)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            &[
                text(id),
                from.into(),
                place.city.as_str().into(),
                place.address.as_str().into(),
                place.point.latitude().into(),
                place.point.longitude().into(),
            ],
        )
    }

    /// The terminal, if there is one.
    ///
    /// # Errors
    /// The database fails.
    pub fn terminal(&self, id: TerminalId) -> Result<Option<TerminalRow>> {
        self.first("SELECT * FROM terminals WHERE id = ?1", &[text(id)], read_terminal)
    }

    /// The terminal, if there is one, which nobody else changes before this transaction ends.
    ///
    /// # Errors
    /// The database fails.
    pub fn terminal_locked(&self, id: TerminalId) -> Result<Option<TerminalRow>> {
        self.first_locked("SELECT * FROM terminals WHERE id = ?1", &[text(id)], read_terminal)
    }

    /// A merchant's terminals, oldest first, at most a thousand.
    ///
    /// # Errors
    /// The database fails.
    pub fn terminals_of(&self, merchant: MerchantId) -> Result<Vec<TerminalRow>> {
        let sql = "SELECT * FROM terminals WHERE merchant_id = ?1 ORDER BY created_at, id LIMIT ?2";
        self.all(sql, &[text(merchant), LIST_MAX.into()], read_terminal)
    }

    /// Writes how far a terminal's life is, why, and its serial number.
    ///
    /// # Errors
    /// The database fails; the serial number is another live terminal's.
    pub fn update_terminal(&self, row: &TerminalRow) -> Result<()> {
        self.execute_one(
            "UPDATE terminals SET state = ?2, reason = ?3, serial = ?4 WHERE id = ?1",
            &[
                text(row.id),
                row.state.name().into(),
                row.reason.as_str().into(),
                row.serial.as_deref().into(),
            ],
        )
    }

    /// Has another terminal that is not revoked this serial number?
    ///
    /// # Errors
    /// The database fails.
    pub fn is_serial_taken(&self, serial: &str, by_other_than: TerminalId) -> Result<bool> {
        let sql = "SELECT count(*) AS n FROM terminals WHERE serial = ?1 AND state <> 'revoked' AND id <> ?2";
        Ok(self.number(sql, &[serial.into(), text(by_other_than)])? != 0)
    }

    /// Where a terminal stood at a time; none before it was registered.
    ///
    /// # Errors
    /// The database fails.
    pub fn terminal_place(&self, id: TerminalId, at: Timestamp) -> Result<Option<Place>> {
        self.first(
            "SELECT * FROM terminal_places
             WHERE terminal_id = ?1 AND from_at <= ?2 AND (until_at IS NULL OR until_at > ?2)",
            &[text(id), at.into()],
            read_place,
        )
    }

    /// Everywhere a terminal stood, oldest first.
    ///
    /// # Errors
    /// The database fails.
    pub fn terminal_places(&self, id: TerminalId) -> Result<Vec<StandRow>> {
        let sql = "SELECT * FROM terminal_places WHERE terminal_id = ?1 ORDER BY from_at LIMIT ?2";
        self.all(sql, &[text(id), LIST_MAX.into()], |row| {
            Ok(StandRow {
                from: row.time("from_at")?,
                until: row.optional_time("until_at")?,
                place: read_place(row)?,
            })
        })
    }

    /// Puts a terminal to another place from a time on, which must be later than when it came to the one it has.
    ///
    /// # Errors
    /// The database fails.
    pub fn move_terminal(&self, id: TerminalId, place: &Place, from: Timestamp) -> Result<()> {
        self.execute_one(
            "UPDATE terminal_places SET until_at = ?2 WHERE terminal_id = ?1 AND until_at IS NULL",
            &[text(id), from.into()],
        )?;
        self.insert_stand(id, place, from)?;
        self.execute_one(
            "UPDATE terminals SET city = ?2, address = ?3, latitude = ?4, longitude = ?5 WHERE id = ?1",
            &[
                text(id),
                place.city.as_str().into(),
                place.address.as_str().into(),
                place.point.latitude().into(),
                place.point.longitude().into(),
            ],
        )
    }

    /// Gives a terminal a code to bring a device in with; an earlier one is worth nothing any more.
    ///
    /// # Errors
    /// The database fails.
    pub fn put_terminal_code(
        &self,
        id: TerminalId,
        code_hash: &[u8; 32],
        expires_at: Timestamp,
    ) -> Result<()> {
        self.execute_one(
            "INSERT INTO terminal_codes (terminal_id, code_hash, expires_at) VALUES (?1, ?2, ?3)
             ON CONFLICT (terminal_id) DO UPDATE SET code_hash = excluded.code_hash, expires_at = excluded.expires_at",
            &[text(id), code_hash.as_slice().into(), expires_at.into()],
        )
    }

    /// Whose code this is, and until when. Nobody else uses it before this transaction ends.
    ///
    /// # Errors
    /// The database fails.
    pub fn terminal_of_code(&self, code_hash: &[u8; 32]) -> Result<Option<(TerminalId, Timestamp)>> {
        self.first_locked(
            "SELECT * FROM terminal_codes WHERE code_hash = ?1",
            &[code_hash.as_slice().into()],
            |row| Ok((row.parse("terminal_id")?, row.time("expires_at")?)),
        )
    }

    /// Until when a device can be brought in, if there is a code.
    ///
    /// # Errors
    /// The database fails.
    pub fn terminal_code_expiry(&self, id: TerminalId) -> Result<Option<Timestamp>> {
        let sql = "SELECT * FROM terminal_codes WHERE terminal_id = ?1";
        self.first(sql, &[text(id)], |row| row.time("expires_at"))
    }

    /// Makes a terminal's code worth nothing, if there is one.
    ///
    /// # Errors
    /// The database fails.
    pub fn delete_terminal_code(&self, id: TerminalId) -> Result<()> {
        self.execute("DELETE FROM terminal_codes WHERE terminal_id = ?1", &[text(id)]).map(drop)
    }

    /// Adds a proposal; a terminal has one open at most.
    ///
    /// # Errors
    /// The database fails.
    pub fn insert_relocation(&self, row: &RelocationRow) -> Result<()> {
        self.execute_one(
            "INSERT INTO terminal_relocations (id, terminal_id, city, address, latitude, longitude, reason, state,
                                               proposed_by, proposed_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'proposed', ?8, ?9)",
            &[
                text(row.id),
                text(row.terminal),
                row.place.city.as_str().into(),
                row.place.address.as_str().into(),
                row.place.point.latitude().into(),
                row.place.point.longitude().into(),
                row.reason.as_str().into(),
                row.proposed_by.as_str().into(),
                row.proposed_at.into(),
            ],
        )
    }

    /// The proposal, which nobody else decides before this transaction ends.
    ///
    /// # Errors
    /// The database fails.
    pub fn relocation(&self, id: RelocationId) -> Result<Option<RelocationRow>> {
        let sql = "SELECT * FROM terminal_relocations WHERE id = ?1";
        self.first_locked(sql, &[text(id)], read_relocation)
    }

    /// Every proposal about a terminal, oldest first.
    ///
    /// # Errors
    /// The database fails.
    pub fn relocations_of(&self, id: TerminalId) -> Result<Vec<RelocationRow>> {
        let sql =
            "SELECT * FROM terminal_relocations WHERE terminal_id = ?1 ORDER BY proposed_at, id LIMIT ?2";
        self.all(sql, &[text(id), LIST_MAX.into()], read_relocation)
    }

    /// Writes what was decided about a proposal.
    ///
    /// # Errors
    /// The database fails.
    pub fn decide_relocation(&self, row: &RelocationRow) -> Result<()> {
        let (by, at) = match &row.state {
            RelocationState::Proposed => bail!("{} is not decided", row.id),
            RelocationState::Approved { by, at } | RelocationState::Rejected { by, at } => (by, *at),
        };
        self.execute_one(
            "UPDATE terminal_relocations SET state = ?2, decided_by = ?3, decided_at = ?4
             WHERE id = ?1 AND state = 'proposed'",
            &[text(row.id), row.state.name().into(), by.as_str().into(), at.into()],
        )
    }

    /// Notes what a key signed with; `false` when it did before.
    ///
    /// # Errors
    /// The database fails.
    pub fn use_nonce(&self, key: KeyId, nonce: &str, until: Timestamp) -> Result<bool> {
        let sql = "INSERT INTO signature_nonces (key_id, nonce, until_at) VALUES (?1, ?2, ?3)
                   ON CONFLICT (key_id, nonce) DO NOTHING";
        Ok(self.execute(sql, &[text(key), nonce.into(), until.into()])? == 1)
    }

    /// Forgets what was signed with so long ago that it cannot come again; returns how many there were.
    ///
    /// # Errors
    /// The database fails.
    pub fn forget_nonces(&self, now: Timestamp) -> Result<usize> {
        self.execute("DELETE FROM signature_nonces WHERE until_at < ?1", &[now.into()])
    }
}

fn read_terminal(row: &Row<'_>) -> Result<TerminalRow> {
    Ok(TerminalRow {
        id: row.parse("id")?,
        merchant: row.parse("merchant_id")?,
        label: row.string("label")?,
        place: read_place(row)?,
        state: TerminalState::parse(&row.string("state")?)?,
        reason: row.string("reason")?,
        serial: row.optional_string("serial")?,
        created_at: row.time("created_at")?,
    })
}

fn read_place(row: &Row<'_>) -> Result<Place> {
    Ok(Place {
        city: row.string("city")?,
        address: row.string("address")?,
        point: row.point("latitude", "longitude")?,
    })
}

fn read_relocation(row: &Row<'_>) -> Result<RelocationRow> {
    let decided = || -> Result<(String, Timestamp)> {
        let (by, at) = (row.optional_string("decided_by")?, row.optional_time("decided_at")?);
        by.zip(at).ok_or_else(|| anyhow::anyhow!("columns decided_by and decided_at are damaged"))
    };
    let state = match row.string("state")?.as_str() {
        "proposed" => RelocationState::Proposed,
        "approved" => {
            let (by, at) = decided()?;
            RelocationState::Approved { by, at }
        }
        "rejected" => {
            let (by, at) = decided()?;
            RelocationState::Rejected { by, at }
        }
        other => bail!("column state is damaged: {other:?}"),
    };
    Ok(RelocationRow {
        id: row.parse("id")?,
        terminal: row.parse("terminal_id")?,
        place: read_place(row)?,
        reason: row.string("reason")?,
        proposed_by: row.string("proposed_by")?,
        proposed_at: row.time("proposed_at")?,
        state,
    })
}
