//! How a use case can end without its effect, named for what the caller does next. `http::error` gives each its answer.

use crate::{
    authn::{password::PasswordError, sign_in_limit::TryLater},
    store::StoreError,
};
use berth_domain::{field_error::FieldError, quota::QuotaExceeded, right::Right};

/// Nothing was changed, but for [`Error::Unsettled`], where nobody knows.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Correct these fields.
    #[error("fields are wrong")]
    Invalid(Vec<FieldError>),
    /// Choose another name; the field says which.
    #[error("the name is taken")]
    NameTaken(FieldError),
    /// It is gone, or was never there.
    #[error("not there")]
    NotFound,
    /// Look again: it changed meanwhile, or its state does not allow it. A sentence.
    #[error("{0}")]
    Conflict(String),
    /// Empty it first. A sentence.
    #[error("{0}")]
    NotEmpty(String),
    /// Set-up was done before.
    #[error("set-up was done before")]
    AlreadySetUp,
    /// Wrong e-mail or password.
    #[error("wrong e-mail or password")]
    BadCredentials,
    /// Sign in again.
    #[error("nobody is signed in")]
    Unauthenticated,
    /// Ask somebody who holds this right, or is an owner.
    #[error("a right is missing: {0}")]
    Forbidden(Forbidden),
    /// Come back later.
    #[error("too many tries")]
    TooManyRequests {
        /// After so many seconds.
        after_s: u32,
    },
    /// Ask for less, or for more quota.
    #[error("the quota does not allow it")]
    QuotaExceeded(Vec<QuotaExceeded>),
    /// Name an image that exists. A sentence.
    #[error("{0}")]
    ImageNotFound(String),
    /// Give other credentials. A sentence.
    #[error("{0}")]
    RegistryDenied(String),
    /// The registry does not answer. A sentence.
    #[error("{0}")]
    RegistryUnavailable(String),
    /// Send the archive of `docker save`. A sentence.
    #[error("{0}")]
    InvalidArchive(String),
    /// Send less.
    #[error("more than {limit_bytes} bytes")]
    BodyTooLarge {
        /// So much is allowed.
        limit_bytes: u64,
    },
    /// Make room on the server's disk.
    #[error("no space is left on the server's disk")]
    NoSpace,
    /// The node's agent is not connected. A sentence.
    #[error("{0}")]
    NodeUnavailable(String),
    /// The database does not answer; nothing was changed.
    #[error("the database does not answer")]
    Unavailable(#[source] StoreError),
    /// Look whether the change was made: the database went away while it was being committed.
    #[error("the database went away during the change")]
    Unsettled(#[source] StoreError),
    /// The idempotency key was claimed by another call meanwhile.
    #[error("the idempotency key was used before")]
    KeyUsed,
    /// A fault of ours.
    #[error("a fault of ours")]
    Fault(#[from] anyhow::Error),
}

/// What is missing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// A right.
    #[error("{}", .0.as_str())]
    Right(Right),
    /// Only an owner may; a sentence.
    #[error("{0}")]
    Rule(&'static str),
}

impl Error {
    /// One wrong field.
    pub fn field(error: FieldError) -> Self {
        Self::Invalid(vec![error])
    }
}

/// What a statement's failure means when the use case has no better word for it.
impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::Unavailable(error),
            StoreError::Unsettled(_) => Self::Unsettled(error),
            StoreError::KeyUsed => Self::KeyUsed,
            StoreError::Contended(_) => {
                Self::Conflict("Somebody else changed it at the same moment. Try again.".into())
            }
            StoreError::Taken { .. } => {
                Self::Conflict("Somebody else made the same thing at the same moment. Look again.".into())
            }
            StoreError::Referenced { .. } => {
                Self::Conflict("Something else still uses it, or it was removed at the same moment.".into())
            }
            StoreError::Damaged(_) | StoreError::Fault(_) => Self::Fault(error.into()),
        }
    }
}

impl From<TryLater> for Error {
    fn from(later: TryLater) -> Self {
        Self::TooManyRequests { after_s: later.after_s }
    }
}
impl From<PasswordError> for Error {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Busy(_) => Self::TooManyRequests { after_s: 1 },
            PasswordError::Fault(error) => Self::Fault(error),
        }
    }
}
