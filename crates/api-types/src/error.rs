//! The error body: problem details (RFC 9457) with a code for programs and a request id for support.

use berth_domain::{field_error::FieldError, quota::QuotaExceeded};
use serde::{Deserialize, Serialize};

/// The media type of [`Problem`].
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Body of every answer of 400 and above.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// `https://berth.dev/problems/{code}`; an identifier, nothing has to be there.
    #[serde(rename = "type")]
    pub kind: String,
    /// A short sentence, the same for each code.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// For programs and translations.
    pub code: ProblemCode,
    /// What happened this time and what to do, in English.
    pub detail: String,
    /// Names the request in logs and audit trail.
    pub request_id: String,
    /// What is wrong with the body, field by field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// Which bounds of the quota would be passed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quota: Vec<QuotaExceeded>,
    /// Which right is missing, as `noun.verb`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing_right: Option<String>,
}

/// Every kind of failure. The console has a sentence for each in each language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ProblemCode {
    /// 400: the body is not JSON, has a wrong type or an unknown field; the query or path cannot be read.
    MalformedRequest,
    /// 401: nobody is signed in.
    Unauthenticated,
    /// 401: the access token has run out; refresh it.
    TokenExpired,
    /// 401: wrong e-mail or password.
    BadCredentials,
    /// 403: signed in, and the right is missing.
    Forbidden,
    /// 403: a state-changing call came from another origin.
    ForeignOrigin,
    /// 404: not there, or not to be seen.
    NotFound,
    /// 405: the URL exists, the method does not.
    MethodNotAllowed,
    /// 409: the name is taken.
    NameTaken,
    /// 409: the thing changed since it was read, or is in a state that does not allow it.
    Conflict,
    /// 409: it still contains something.
    NotEmpty,
    /// 409: set-up was done already.
    AlreadySetUp,
    /// 413: the body is larger than allowed.
    BodyTooLarge,
    /// 415: a body of another media type.
    UnsupportedMediaType,
    /// 422: fields are wrong; `errors` names them.
    InvalidFields,
    /// 422: the image does not exist, or its registry does not show it to us.
    ImageNotFound,
    /// 422: the registry refused the credentials.
    RegistryDenied,
    /// 422: the file is not an image archive.
    InvalidArchive,
    /// 422: the idempotency key was used with another body.
    IdempotencyMismatch,
    /// 403: the tenant's quota does not allow it; `quota` says which.
    QuotaExceeded,
    /// 429: too many tries; see Retry-After.
    TooManyRequests,
    /// 500: a fault of ours.
    Internal,
    /// 502: the registry did not answer.
    RegistryUnavailable,
    /// 503: the node's agent is not connected.
    NodeUnavailable,
    /// 503: the database does not answer; see Retry-After.
    Unavailable,
    /// 503: the database went away while the change was being committed; it was made whole or not at all. Look first.
    Unsettled,
    /// 507: the server's disk has no room for it.
    NoSpace,
}

impl ProblemCode {
    /// The HTTP status of the code.
    pub const fn status(self) -> u16 {
        match self {
            Self::MalformedRequest => 400,
            Self::Unauthenticated | Self::TokenExpired | Self::BadCredentials => 401,
            Self::Forbidden | Self::ForeignOrigin | Self::QuotaExceeded => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::NameTaken | Self::Conflict | Self::NotEmpty | Self::AlreadySetUp => 409,
            Self::BodyTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::InvalidFields
            | Self::ImageNotFound
            | Self::RegistryDenied
            | Self::InvalidArchive
            | Self::IdempotencyMismatch => 422,
            Self::TooManyRequests => 429,
            Self::Internal => 500,
            Self::RegistryUnavailable => 502,
            Self::NodeUnavailable | Self::Unavailable | Self::Unsettled => 503,
            Self::NoSpace => 507,
        }
    }
    /// A short sentence.
    pub const fn title(self) -> &'static str {
        match self {
            Self::MalformedRequest => "The request cannot be read",
            Self::Unauthenticated => "Sign in first",
            Self::TokenExpired => "The access token has run out",
            Self::BadCredentials => "Wrong e-mail or password",
            Self::Forbidden => "A right is missing",
            Self::ForeignOrigin => "The call came from another origin",
            Self::NotFound => "Not found",
            Self::MethodNotAllowed => "The method is not allowed here",
            Self::NameTaken => "The name is taken",
            Self::Conflict => "It has changed meanwhile",
            Self::NotEmpty => "It is not empty",
            Self::AlreadySetUp => "Set-up was done already",
            Self::BodyTooLarge => "The body is too large",
            Self::UnsupportedMediaType => "The media type is not supported",
            Self::InvalidFields => "Some fields need another value",
            Self::ImageNotFound => "The image was not found",
            Self::RegistryDenied => "The registry refused access",
            Self::InvalidArchive => "The file is not an image archive",
            Self::IdempotencyMismatch => "The idempotency key was used for something else",
            Self::QuotaExceeded => "The quota does not allow it",
            Self::TooManyRequests => "Too many tries",
            Self::Internal => "Something went wrong on our side",
            Self::RegistryUnavailable => "The registry does not answer",
            Self::NodeUnavailable => "The node is not connected",
            Self::Unavailable => "The database does not answer",
            Self::Unsettled => "Whether it was done is not known",
            Self::NoSpace => "The server has no room for it",
        }
    }
}
