//! Which faults are the database's state and not anybody's mistake: the caller may try again.

use std::error::Error;
use std::io;

use rusqlite::ErrorCode;
use tokio_postgres::error::SqlState;

/// The database cannot do it now: its disk is full, somebody else holds it, or it cannot be reached. Nothing was
/// written, except where a commit got no answer.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the database is not available: {0}")]
pub struct Unavailable(pub(crate) String);

/// Is this fault one that goes away by itself or by the operator's hand, so that trying again is right?
#[must_use]
pub fn is_unavailable(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.is::<Unavailable>())
}

/// A fault of SQLite, told apart.
pub(crate) fn of_sqlite(error: rusqlite::Error) -> anyhow::Error {
    let passing = matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::DiskFull
                | ErrorCode::CannotOpen
                | ErrorCode::SystemIoFailure
                | ErrorCode::ReadOnly
                | ErrorCode::OutOfMemory
        )
    );
    if passing { Unavailable(error.to_string()).into() } else { error.into() }
}

/// What to do about a fault of PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// Two transactions were in each other's way: run this one again.
    Again,
    /// A unique key is there already, perhaps by a twin that committed first: a second run finds the twin's row.
    /// If it does not, the fault is ours.
    Twin,
    /// The server cannot do it now.
    Later,
    /// Ours, or the data's.
    None,
}

/// What to do about a fault, by its SQLSTATE; see the appendix "PostgreSQL Error Codes" of its manual.
pub(crate) fn remedy(error: &tokio_postgres::Error) -> Remedy {
    let Some(state) = error.code() else {
        // Without a state it never came from the server: the connection is gone, or a value does not fit.
        let gone = error.is_closed() || error.source().is_none_or(<dyn Error>::is::<io::Error>);
        return if gone { Remedy::Later } else { Remedy::None };
    };
    if [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED].contains(state) {
        return Remedy::Again;
    }
    if *state == SqlState::UNIQUE_VIOLATION {
        return Remedy::Twin;
    }
    // Classes: connection exception, insufficient resources (a full disk), operator intervention, system error;
    // a lock that did not come in time; a session that the server ended; a server that only reads.
    let later = ["08", "53", "57", "58"].iter().any(|class| state.code().starts_with(class))
        || *state == SqlState::LOCK_NOT_AVAILABLE
        || *state == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
        || *state == SqlState::READ_ONLY_SQL_TRANSACTION;
    if later { Remedy::Later } else { Remedy::None }
}

/// A fault of PostgreSQL, told apart.
pub(crate) fn of_postgres(error: tokio_postgres::Error) -> anyhow::Error {
    match remedy(&error) {
        Remedy::Later => Unavailable(match (error.as_db_error(), error.source()) {
            (Some(told), _) => told.to_string(),
            (None, Some(cause)) => format!("{error}: {cause}"),
            (None, None) => error.to_string(),
        })
        .into(),
        Remedy::Again | Remedy::Twin | Remedy::None => error.into(),
    }
}
