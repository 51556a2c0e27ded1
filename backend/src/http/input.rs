//! What handlers take beside their guard.

use super::{error::Failure, openapi::Description, route};
use crate::startup::App;
use actix_web::{
    HttpMessage as _, HttpRequest,
    dev::Payload,
    http::header::{CONTENT_LENGTH, CONTENT_TYPE},
    web,
};
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use std::{ops::Deref, time::Duration};
use utoipa::{IntoParams, ToSchema};

/// Largest JSON body, in bytes: Linux takes at most 2 MiB of arguments and environment, and nothing else is large.
pub const JSON_BYTES_MAX: usize = 1024 * 1024;

/// How long a JSON body may take to come: the largest one at 35 kB/s.
const BODY_WAIT: Duration = Duration::from_secs(30);

/// Something that is read from a request.
pub trait Input: Sized + 'static {
    /// Reads it.
    fn read(request: &HttpRequest, payload: &mut Payload) -> impl Future<Output = Result<Self, Failure>>;
    /// Says what it is, for the API document.
    fn describe(_description: &mut Description) {}
}

/// What every part of the server may use.
#[derive(Clone)]
pub struct State(pub web::Data<App>);

impl Deref for State {
    type Target = App;
    fn deref(&self) -> &App {
        &self.0
    }
}
impl Input for State {
    async fn read(request: &HttpRequest, _: &mut Payload) -> Result<Self, Failure> {
        let state = request.app_data::<web::Data<App>>().cloned();
        state.map(Self).ok_or_else(|| Failure::fault(anyhow::anyhow!("the app's state is missing around this route")))
    }
}

/// The request itself, for headers and upgrades.
impl Input for HttpRequest {
    async fn read(request: &HttpRequest, _: &mut Payload) -> Result<Self, Failure> {
        Ok(request.clone())
    }
}

/// Ids and numbers in the path, as a struct with a field for each. What does not read is not found.
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + 'static> Input for Path<T> {
    async fn read(request: &HttpRequest, _: &mut Payload) -> Result<Self, Failure> {
        route::path_values(request).map(Self)
    }
}

/// The query.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned + IntoParams + 'static> Input for Query<T> {
    async fn read(request: &HttpRequest, _: &mut Payload) -> Result<Self, Failure> {
        web::Query::<T>::from_query(request.query_string())
            .map(|query| Self(query.into_inner()))
            .map_err(|error| Failure::malformed(format!("the query cannot be read: {error}")))
    }
    fn describe(description: &mut Description) {
        description.query::<T>();
    }
}

/// A JSON body of at most [`JSON_BYTES_MAX`]. Unknown fields and wrong types are refused with their place.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned + ToSchema + 'static> Input for Json<T> {
    async fn read(request: &HttpRequest, payload: &mut Payload) -> Result<Self, Failure> {
        if !is_json(request) {
            return Err(Failure::unsupported_media_type("application/json"));
        }
        let body = read_all(request, payload, JSON_BYTES_MAX).await?;
        request.extensions_mut().insert(BodySha256::Read(Sha256::digest(&body).into()));
        let mut deserializer = serde_json::Deserializer::from_slice(&body);
        let value = serde_path_to_error::deserialize(&mut deserializer).map_err(Failure::malformed_json)?;
        deserializer.end().map_err(|error| Failure::malformed(format!("after the body's end: {error}")))?;
        Ok(Self(value))
    }
    fn describe(description: &mut Description) {
        description.json_body::<T>();
    }
}

/// A body of any size and kind, to be read bit by bit. Media type, size limit and telling the request's context what was
/// read (`RequestContext::set_body_sha256`) are up to the handler.
pub struct Body(pub Payload);

impl Input for Body {
    async fn read(request: &HttpRequest, payload: &mut Payload) -> Result<Self, Failure> {
        request.extensions_mut().insert(BodySha256::Later);
        Ok(Self(payload.take()))
    }
    fn describe(description: &mut Description) {
        description.binary_body(berth_api_types::v1::images::ARCHIVE_MEDIA_TYPE);
    }
}

/// SHA-256 of the body, for idempotency.
#[derive(Clone, Copy)]
pub(super) enum BodySha256 {
    /// It was read.
    Read([u8; 32]),
    /// The handler reads it.
    Later,
}

fn is_json(request: &HttpRequest) -> bool {
    let value = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media == "application/json" || (media.starts_with("application/") && media.ends_with("+json"))
}

async fn read_all(request: &HttpRequest, payload: &mut Payload, max: usize) -> Result<Bytes, Failure> {
    let declared = request.headers().get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    if declared.is_some_and(|length: usize| length > max) {
        return Err(Failure::body_too_large(max as u64));
    }
    let all = async {
        // What is declared is not believed: nothing is set aside for bytes that may never come.
        let mut body = BytesMut::new();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|error| Failure::malformed(format!("the body broke off: {error}")))?;
            if body.len() + chunk.len() > max {
                return Err(Failure::body_too_large(max as u64));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    };
    tokio::time::timeout(BODY_WAIT, all).await.unwrap_or_else(|_| {
        Err(Failure::malformed(format!("the body did not come within {} seconds", BODY_WAIT.as_secs())))
    })
}
