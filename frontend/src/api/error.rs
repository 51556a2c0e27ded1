//! What can go wrong with a call, as the page needs to know it.

use berth_api_types::error::{Problem, ProblemCode};
use berth_domain::field_error::FieldError;

/// A call that failed.
#[derive(Debug, Clone, PartialEq)]
pub enum ApiError {
    /// The server said what is wrong.
    Problem(Box<Problem>),
    /// No answer: the server is away, or the network is.
    Unreachable,
    /// No answer within the limit; a change may have been made all the same.
    TimedOut,
    /// An answer that this console does not understand, with its HTTP status.
    Strange(u16),
}

impl ApiError {
    /// The problem's code, if the server said one.
    pub fn code(&self) -> Option<ProblemCode> {
        match self {
            Self::Problem(problem) => Some(problem.code),
            Self::Unreachable | Self::TimedOut | Self::Strange(_) => None,
        }
    }
    /// What is wrong with the body, field by field.
    pub fn fields(&self) -> Vec<FieldError> {
        match self {
            Self::Problem(problem) => problem.errors.clone(),
            Self::Unreachable | Self::TimedOut | Self::Strange(_) => Vec::new(),
        }
    }
    /// Whether nobody is signed in any more.
    pub fn is_signed_out(&self) -> bool {
        matches!(self.code(), Some(ProblemCode::Unauthenticated | ProblemCode::TokenExpired))
    }
}
