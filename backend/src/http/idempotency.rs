//! `Idempotency-Key`: a call that changes something is carried out once, however often it is sent.
//!
//! The key is written in the transaction of its effect (see `store::tx`), so that it is known exactly when the effect is
//! there. The answer follows right after; a call that comes in between waits for it.

use super::{error::Failure, input::BodySha256, openapi, reply::Answer};
use crate::{
    authz::permit::RequestContext,
    service::idempotency::{self as keys, Remembered},
    startup::App,
};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, http::StatusCode, web};
use berth_domain::id::UserId;
use sha2::{Digest as _, Sha256};
use std::time::Duration;
use utoipa::openapi::{
    path::Parameter,
    schema::{ObjectBuilder, Type},
};

/// The header.
const HEADER: &str = "idempotency-key";
/// Longest key, in characters.
const KEY_CHARS_MAX: usize = 200;
/// In place of the hash of a body where a call has none.
const NO_BODY: [u8; 32] = [0; 32];
/// How often, and how many times, a call looks for the answer of another one that is under way.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
const LOOKS_MAX: u32 = 40;

/// The header, for the API document.
pub(super) fn describe() -> Parameter {
    let schema = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(KEY_CHARS_MAX))
        .pattern(Some("^[!-~]+$"));
    let says = "Chosen by the caller, fresh for each call: a call that is sent again with its key is not done again, and is \
                answered as the first one was. Kept for 24 hours.";
    openapi::header(HEADER, says, schema)
}

/// The context with the key of a call that changes something.
pub(super) fn with_key(context: RequestContext, request: &HttpRequest) -> Result<RequestContext, Failure> {
    let Some(value) = request.headers().get(HEADER).filter(|_| !request.method().is_safe()) else { return Ok(context) };
    let key = value.to_str().unwrap_or_default();
    let valid = !key.is_empty() && key.len() <= KEY_CHARS_MAX && key.bytes().all(|b| b.is_ascii_graphic());
    if !valid {
        return Err(Failure::malformed(format!(
            "{HEADER} must be 1 to {KEY_CHARS_MAX} visible ASCII characters; a random UUID is a good one"
        )));
    }
    let path = request.uri().path_and_query().map(|p| p.as_str()).unwrap_or_default();
    let call = Sha256::new().chain_update(request.method().as_str()).chain_update([0]).chain_update(path).finalize();
    Ok(context.with_key(key.to_owned(), call.into()))
}

/// One call, with what is needed to remember it.
pub(super) struct Call {
    app: web::Data<App>,
    known: Option<(UserId, RequestContext)>,
}

impl Call {
    /// After the inputs were read.
    pub(super) fn new(
        app: &web::Data<App>,
        request: &HttpRequest,
        context: RequestContext,
        user: Option<UserId>,
    ) -> Self {
        match request.extensions().get::<BodySha256>() {
            Some(BodySha256::Later) => {}
            Some(BodySha256::Read(sha256)) => context.set_body_sha256(*sha256),
            None => context.set_body_sha256(NO_BODY),
        }
        Self { app: app.clone(), known: user.map(|user| (user, context)) }
    }

    /// The answer of an earlier call with this key. None where the handler reads the body: it learns in its transaction
    /// that the key was used, when what came can be compared with what came before.
    pub(super) async fn remembered(&self) -> Result<Option<HttpResponse>, Failure> {
        match self.look().await? {
            Some(Remembered { answer: None, .. }) => self.wait_for_first().await.map(Some),
            Some(Remembered { answer: Some((status, body)), .. }) => Ok(Some(response(status, body))),
            None => Ok(None),
        }
    }

    /// The answer of the call that claimed the key first, as soon as it is there.
    pub(super) async fn wait_for_first(&self) -> Result<HttpResponse, Failure> {
        for _ in 0..LOOKS_MAX {
            if let Some(Remembered { answer: Some((status, body)), .. }) = self.look().await? {
                return Ok(response(status, body));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Err(Failure::done_before())
    }

    /// Remembers the answer, and gives it.
    pub(super) async fn keep(&self, answer: Answer) -> Result<HttpResponse, Failure> {
        if let (Some((user, key)), false) = (self.known(), answer.secret) {
            let body = answer.body.as_deref().unwrap_or_default();
            let kept = keys::keep(&self.app, user, key, answer.status.as_u16(), body).await;
            if let Err(error) = kept {
                // The effect is there and the caller gets the answer; only a repeated call will not.
                tracing::warn!(%error, "cannot keep the answer of a call with an idempotency key");
            }
        }
        Ok(answer.into_response())
    }

    async fn look(&self) -> Result<Option<Remembered>, Failure> {
        let Some((user, key)) = self.known() else { return Ok(None) };
        let Some(sha256) = self.known.as_ref().and_then(|(_, context)| context.request_sha256()) else {
            return Ok(None);
        };
        let found = keys::recall(&self.app, user, key).await?;
        if found.as_ref().is_some_and(|found| found.request_sha256 != sha256) {
            return Err(Failure::idempotency_mismatch());
        }
        Ok(found)
    }

    fn known(&self) -> Option<(UserId, &str)> {
        let (user, context) = self.known.as_ref()?;
        Some((*user, context.key()?))
    }
}

fn response(status: u16, body: Vec<u8>) -> HttpResponse {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let body = (!body.is_empty()).then_some(body);
    let answer = Answer { status, body, cookies: Vec::new(), secret: false, whole: None };
    let mut response = answer.into_response();
    response.headers_mut().insert(
        actix_web::http::header::HeaderName::from_static("idempotency-replayed"),
        actix_web::http::header::HeaderValue::from_static("true"),
    );
    response
}
