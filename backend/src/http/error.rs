//! Every failure's answer, in one place: problem details with a code for programs and the request's id for support.
//! Nothing internal leaks; the whole chain of a fault is logged once, by the envelope.

use super::route::ALLOW;
use crate::{
    authz::gate::Denied,
    service::error::{Error, Forbidden},
};
use actix_web::{
    HttpResponse, ResponseError,
    http::{
        StatusCode,
        header::{self, RETRY_AFTER},
    },
};
use berth_api_types::error::{PROBLEM_JSON, Problem, ProblemCode};
use berth_domain::{
    field_error::{FieldCode, FieldError},
    id::RequestId,
    quota::QuotaExceeded,
};
use std::fmt;

/// When the database does not answer, callers come back after so many seconds.
const UNAVAILABLE_RETRY_S: u32 = 2;

/// A request that did not succeed.
#[derive(Debug)]
pub struct Failure(Box<Parts>);

#[derive(Debug)]
struct Parts {
    code: ProblemCode,
    detail: String,
    errors: Vec<FieldError>,
    quota: Vec<QuotaExceeded>,
    missing_right: Option<String>,
    headers: Vec<(header::HeaderName, String)>,
    /// For the log alone.
    cause: Option<anyhow::Error>,
    key_used: bool,
}

impl Failure {
    fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            quota: Vec::new(),
            missing_right: None,
            headers: Vec::new(),
            cause: None,
            key_used: false,
        }))
    }
    fn with(mut self, change: impl FnOnce(&mut Parts)) -> Self {
        change(&mut self.0);
        self
    }
    fn retry_after(self, seconds: u32) -> Self {
        self.with(|parts| parts.headers.push((RETRY_AFTER, seconds.to_string())))
    }

    /// 400: cannot be read; a sentence says what and where.
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(ProblemCode::MalformedRequest, detail)
    }
    /// 400: the body cannot be read; names the place.
    pub fn malformed_json(error: serde_path_to_error::Error<serde_json::Error>) -> Self {
        let place = error.path().to_string();
        let message = error.inner().to_string();
        let code = if message.starts_with("unknown field") || message.starts_with("unknown variant") {
            FieldCode::Unknown
        } else if message.starts_with("missing field") {
            FieldCode::Required
        } else {
            FieldCode::BadFormat
        };
        let mut failure = Self::malformed(format!("the body cannot be read at {place}: {message}"));
        if error.inner().is_data() {
            failure.0.errors.push(FieldError::new(place, code, message));
        }
        failure
    }
    /// 401: nobody is signed in.
    pub fn unauthenticated() -> Self {
        Self::new(ProblemCode::Unauthenticated, "Sign in, or send a personal token as “Authorization: Bearer …”.")
    }
    /// 401: the access token has run out.
    pub fn token_expired() -> Self {
        Self::new(ProblemCode::TokenExpired, "Refresh the session and repeat the call.")
    }
    /// 403: from a page that is not ours.
    pub fn foreign_origin() -> Self {
        Self::new(
            ProblemCode::ForeignOrigin,
            "The call changes something and its Origin header is not this server's; see the setting public_url.",
        )
    }
    /// 404: not there, or not to be seen.
    pub fn not_found() -> Self {
        Self::new(ProblemCode::NotFound, "There is nothing of that name here, or you may not see it.")
    }
    /// 405.
    pub fn method_not_allowed(allowed: String) -> Self {
        let mut failure = Self::new(ProblemCode::MethodNotAllowed, format!("Allowed here: {allowed}."));
        failure.0.headers.push((ALLOW, allowed));
        failure
    }
    /// 413.
    pub fn body_too_large(limit_bytes: u64) -> Self {
        Self::new(ProblemCode::BodyTooLarge, format!("At most {limit_bytes} bytes are taken here."))
    }
    /// 415.
    pub fn unsupported_media_type(expected: &str) -> Self {
        Self::new(ProblemCode::UnsupportedMediaType, format!("Send the body as {expected}."))
    }
    /// 422: the idempotency key was used for something else.
    pub fn idempotency_mismatch() -> Self {
        Self::new(
            ProblemCode::IdempotencyMismatch,
            "The key was sent before with another method, path or body. Use a fresh key for each call.",
        )
    }
    /// 409: done before, and the answer is lost or a secret.
    pub fn done_before() -> Self {
        Self::new(
            ProblemCode::Conflict,
            "A call with this idempotency key was carried out before; its answer cannot be given again.",
        )
    }
    /// 500: a fault of ours.
    pub fn fault(cause: anyhow::Error) -> Self {
        let mut failure = Self::new(
            ProblemCode::Internal,
            "The request failed by a fault of the server. Its log says more under the request's id.",
        );
        failure.0.cause = Some(cause);
        failure
    }

    /// Whether an idempotency key was claimed by another call meanwhile.
    pub(super) fn is_key_used(&self) -> bool {
        self.0.key_used
    }
    /// What only the log may know.
    pub(super) fn cause(&self) -> Option<&anyhow::Error> {
        self.0.cause.as_ref()
    }
    /// The code.
    pub fn code(&self) -> ProblemCode {
        self.0.code
    }

    /// The answer.
    pub(super) fn response(&self, request: RequestId) -> HttpResponse {
        let code_word = serde_json::to_value(self.0.code).ok().and_then(|v| v.as_str().map(str::to_owned));
        let problem = Problem {
            kind: format!("https://berth.dev/problems/{}", code_word.unwrap_or_default()),
            title: self.0.code.title().to_owned(),
            status: self.0.code.status(),
            code: self.0.code,
            detail: self.0.detail.clone(),
            request_id: request.to_string(),
            errors: self.0.errors.clone(),
            quota: self.0.quota.clone(),
            missing_right: self.0.missing_right.clone(),
        };
        let mut response = HttpResponse::build(self.status_code());
        response.content_type(PROBLEM_JSON).insert_header((header::CACHE_CONTROL, "no-store"));
        for (name, value) in &self.0.headers {
            response.insert_header((name.clone(), value.as_str()));
        }
        response.body(serde_json::to_vec(&problem).unwrap_or_default())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code.title(), self.0.detail)
    }
}
impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
    fn error_response(&self) -> HttpResponse {
        // The envelope gives it its body, as it knows the request's id.
        HttpResponse::new(self.status_code())
    }
}

impl From<Denied> for Failure {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Unauthenticated => Self::unauthenticated(),
            Denied::Hidden => Self::not_found(),
            Denied::Missing(right) => {
                Self::new(ProblemCode::Forbidden, format!("You need the right {} here.", right.as_str()))
                    .with(|parts| parts.missing_right = Some(right.as_str().to_owned()))
            }
            Denied::Store(error) => Error::from(error).into(),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        use ProblemCode as C;
        match error {
            Error::Invalid(errors) => {
                Self::new(C::InvalidFields, "Correct the named fields.").with(|parts| parts.errors = errors)
            }
            Error::NameTaken(field) => {
                Self::new(C::NameTaken, field.message.clone()).with(|parts| parts.errors.push(field))
            }
            Error::NotFound => Self::not_found(),
            Error::Conflict(detail) => Self::new(C::Conflict, detail),
            Error::NotEmpty(detail) => Self::new(C::NotEmpty, detail),
            Error::AlreadySetUp => Self::new(C::AlreadySetUp, "The first account exists. Sign in."),
            Error::BadCredentials => Self::new(C::BadCredentials, "Check e-mail and password."),
            Error::Unauthenticated => Self::unauthenticated(),
            Error::Forbidden(Forbidden::Right(right)) => Denied::Missing(right).into(),
            Error::Forbidden(Forbidden::Rule(detail)) => Self::new(C::Forbidden, detail),
            Error::TooManyRequests { after_s } => {
                Self::new(C::TooManyRequests, format!("Try again in {after_s} s.")).retry_after(after_s)
            }
            Error::QuotaExceeded(quota) => {
                Self::new(C::QuotaExceeded, "It would pass the tenant's quota.").with(|parts| parts.quota = quota)
            }
            Error::ImageNotFound(detail) => Self::new(C::ImageNotFound, detail),
            Error::RegistryDenied(detail) => Self::new(C::RegistryDenied, detail),
            Error::RegistryUnavailable(detail) => Self::new(C::RegistryUnavailable, detail),
            Error::InvalidArchive(detail) => Self::new(C::InvalidArchive, detail),
            Error::BodyTooLarge { limit_bytes } => Self::body_too_large(limit_bytes),
            Error::NoSpace => Self::new(
                C::NoSpace,
                "The disk of the server's data directory is nearly full. Make room, or delete images that nothing needs.",
            ),
            Error::NodeUnavailable(detail) => Self::new(C::NodeUnavailable, detail),
            Error::Unavailable(cause) => Self::new(
                C::Unavailable,
                "The database does not answer just now. Nothing was changed; try again in a moment.",
            )
            .retry_after(UNAVAILABLE_RETRY_S)
            .with(|parts| parts.cause = Some(cause.into())),
            // No Retry-After: who repeats it without looking, or without an idempotency key, may do it twice.
            Error::Unsettled(cause) => Self::new(
                C::Unsettled,
                "The database went away during the change: it was made whole or not at all. Look before you repeat it; \
                 with an Idempotency-Key the same call is safe to repeat.",
            )
            .with(|parts| parts.cause = Some(cause.into())),
            Error::KeyUsed => Self::done_before().with(|parts| parts.key_used = true),
            Error::Fault(cause) => Self::fault(cause),
        }
    }
}

/// The answer to an error that actix itself made: its text may speak of our insides, its status does not.
pub(super) fn of_framework(status: StatusCode) -> Failure {
    match status {
        StatusCode::NOT_FOUND => Failure::not_found(),
        StatusCode::NOT_ACCEPTABLE => {
            Failure::malformed("Accept-Encoding refuses every encoding; allow identity, gzip, br or zstd")
        }
        StatusCode::METHOD_NOT_ALLOWED => Failure::new(ProblemCode::MethodNotAllowed, "Another method is needed."),
        StatusCode::PAYLOAD_TOO_LARGE => Failure::new(ProblemCode::BodyTooLarge, "Send less."),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            Failure::new(ProblemCode::UnsupportedMediaType, "Send another media type.")
        }
        status if status.is_client_error() => Failure::malformed("the request cannot be read"),
        status => Failure::fault(anyhow::anyhow!("the framework answered {status}")),
    }
}
