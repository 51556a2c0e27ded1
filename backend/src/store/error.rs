//! How the database can fail, by what the caller can do about it.

use sqlx::error::DatabaseError;

/// A statement failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database does not answer, or told us to come back. Nothing was changed, or the change was rolled back.
    #[error("the database does not answer")]
    Unavailable(#[source] sqlx::Error),
    /// The connection broke while the change was being committed: whether it was made is not known.
    #[error("the connection broke during the commit")]
    Unsettled(#[source] sqlx::Error),
    /// Something with that name is there already.
    #[error("{constraint} holds this already")]
    Taken {
        /// The unique constraint or index.
        constraint: String,
    },
    /// Other rows still refer to it, or the row that it refers to is gone.
    #[error("{constraint} does not allow it")]
    Referenced {
        /// The foreign key.
        constraint: String,
    },
    /// Another transaction was first; the same call may succeed when it is repeated.
    #[error("another transaction was first")]
    Contended(#[source] sqlx::Error),
    /// The idempotency key was used before: its answer is to be given again.
    #[error("the idempotency key was used before")]
    KeyUsed,
    /// A row does not read as what it must be.
    #[error("a damaged row: {0}")]
    Damaged(String),
    /// A fault of ours: a statement that cannot work.
    #[error("a statement failed")]
    Fault(#[source] sqlx::Error),
}

impl StoreError {
    /// What the failure of a `COMMIT` means. An answer says that nothing was changed; where none came, or only that the
    /// server is going away, the commit may be on disk.
    pub(super) fn of_commit(error: sqlx::Error) -> Self {
        match Self::from(error) {
            Self::Unavailable(error) => Self::Unsettled(error),
            other => other,
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::BeginFailed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error),
            sqlx::Error::Database(cause) => match class(cause.as_ref()) {
                Class::Unavailable => Self::Unavailable(error),
                Class::Contended => Self::Contended(error),
                Class::Taken(constraint) => Self::Taken { constraint },
                Class::Referenced(constraint) => Self::Referenced { constraint },
                Class::Fault => Self::Fault(error),
            },
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Self::Damaged(error.to_string()),
            _ => Self::Fault(error),
        }
    }
}

enum Class {
    Unavailable,
    Contended,
    Taken(String),
    Referenced(String),
    Fault,
}

/// By SQLSTATE (PostgreSQL documentation, appendix A).
fn class(cause: &dyn DatabaseError) -> Class {
    let constraint = || cause.constraint().unwrap_or_default().to_owned();
    match cause.code().as_deref() {
        Some("23505") => Class::Taken(constraint()),
        Some("23503") => Class::Referenced(constraint()),
        // Serialization failure, deadlock, lock not available in time.
        Some("40001" | "40P01" | "55P03") => Class::Contended,
        // Shutting down, starting up, out of connections, disk or memory full, cancelled by a time limit, read-only stand-by.
        Some("57P01" | "57P02" | "57P03" | "57P05" | "57014" | "25006" | "3D000") => Class::Unavailable,
        Some(code) if code.starts_with("53") || code.starts_with("08") => Class::Unavailable,
        _ => Class::Fault,
    }
}
