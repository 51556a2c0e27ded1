//! Around every request: its id, the headers that protect browsers, the body of failures, one line in the log.

use super::{
    endpoint::Admitted,
    error::{Failure, of_framework},
};
use crate::{authz::permit::RequestContext, startup::App};
use actix_web::{
    Error, HttpMessage as _, HttpResponse,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        StatusCode,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
    middleware::Next,
    web,
};
use berth_domain::id::RequestId;
use std::time::Instant;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// What the caller was let in for. On every answer that comes from behind the gate, whatever it says, and on no other:
/// a 404 with it means that the caller may look, a 404 without it that they may not know.
const ACTION: HeaderName = HeaderName::from_static("x-berth-action");
/// The console compiles WebAssembly; terminals and charts put their measures into style elements. Nothing else is
/// allowed that a page could be tricked into.
const POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; \
    form-action 'self'; frame-ancestors 'none'";

pub(super) async fn wrap(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let begun = Instant::now();
    let Some(app) = request.app_data::<web::Data<App>>().cloned() else {
        return Err(actix_web::error::ErrorInternalServerError("no state"));
    };
    let id: RequestId = app.ids.id();
    let source = request.peer_addr().map(|peer| peer.ip().to_canonical().to_string()).unwrap_or_default();
    request.extensions_mut().insert(RequestContext::new(id, source));
    let response = next.call(request).await?.map_into_boxed_body();
    let mut response = with_problem(response, id);
    protect(response.headers_mut(), app.settings.secure_cookies());
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let admitted = response.request().extensions().get::<Admitted>().copied();
    if let Some(Admitted(action)) = admitted {
        response.headers_mut().insert(ACTION, HeaderValue::from_static(action));
    }
    tracing::debug!(
        request.id = %id,
        method = %response.request().method(),
        route = response.request().match_pattern().unwrap_or_default(),
        action = admitted.map(|admitted| admitted.0).unwrap_or_default(),
        status = response.status().as_u16(),
        duration_ms = begun.elapsed().as_secs_f64() * 1e3,
        "answered",
    );
    Ok(response)
}

/// Gives a failure its body, and writes what only the log may know.
fn with_problem(response: ServiceResponse, id: RequestId) -> ServiceResponse {
    let status = response.status();
    let replacement: Option<HttpResponse> = match response.response().error() {
        Some(error) => match error.as_error::<Failure>() {
            Some(failure) => {
                log(failure, id);
                Some(failure.response(id))
            }
            None => {
                let failure = of_framework(status);
                tracing::debug!(request.id = %id, %error, "the framework refused a request");
                log(&failure, id);
                Some(failure.response(id))
            }
        },
        // A body-less refusal of the framework's: of the compression, of the API's browsable page.
        None if matches!(status, StatusCode::NOT_ACCEPTABLE | StatusCode::NOT_FOUND) => {
            Some(of_framework(status).response(id))
        }
        None => None,
    };
    match replacement {
        Some(replacement) => response.into_response(replacement),
        None => response,
    }
}

fn log(failure: &Failure, id: RequestId) {
    if let Some(cause) = failure.cause() {
        tracing::error!(request.id = %id, error = format!("{cause:#}"), "a request failed");
    }
}

fn protect(headers: &mut HeaderMap, secure: bool) {
    let mut set = |name: HeaderName, value: &'static str| headers.insert(name, HeaderValue::from_static(value));
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(header::REFERRER_POLICY, "same-origin");
    set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    set(HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()");
    if secure {
        set(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
}
