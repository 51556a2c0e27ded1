//! What handlers answer: the status is part of the type, so that the API document cannot say another one.

use super::{error::Failure, openapi::Description};
use actix_web::{
    HttpResponse,
    cookie::Cookie,
    http::{StatusCode, header},
};
use serde::Serialize;
use utoipa::ToSchema;

/// An answer that was not sent yet.
pub struct Answer {
    pub(super) status: StatusCode,
    /// JSON; none: no body.
    pub(super) body: Option<Vec<u8>>,
    pub(super) cookies: Vec<Cookie<'static>>,
    /// A secret must not be kept with an idempotency key.
    pub(super) secret: bool,
    /// A stream or an upgrade, instead of all the above.
    pub(super) whole: Option<HttpResponse>,
}

impl Answer {
    pub(super) fn into_response(self) -> HttpResponse {
        if let Some(whole) = self.whole {
            return whole;
        }
        let mut response = HttpResponse::build(self.status);
        // What people see of their data stays out of shared and disk caches.
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        for cookie in self.cookies {
            response.cookie(cookie);
        }
        match self.body {
            Some(body) => response.content_type("application/json").body(body),
            None => response.finish(),
        }
    }
}

/// Something that a handler can answer.
pub trait Reply {
    /// Makes the answer.
    fn into_answer(self) -> Result<Answer, Failure>;
    /// Says what it is, for the API document.
    fn describe(description: &mut Description);
}

fn json<V: Serialize>(status: StatusCode, view: &V) -> Result<Answer, Failure> {
    let body = serde_json::to_vec(view).map_err(|error| Failure::fault(error.into()))?;
    Ok(Answer { status, body: Some(body), cookies: Vec::new(), secret: false, whole: None })
}

/// 200 with a view.
pub struct Found<V>(pub V);
/// 201 with the view of what was made.
pub struct Created<V>(pub V);
/// 202 with the view of what was begun.
pub struct Accepted<V>(pub V);
/// 204.
pub struct Done;

macro_rules! view_reply {
    ($($name:ident $status:ident;)*) => {$(
        impl<V: Serialize + ToSchema> Reply for $name<V> {
            fn into_answer(self) -> Result<Answer, Failure> {
                json(StatusCode::$status, &self.0)
            }
            fn describe(description: &mut Description) {
                description.view::<V>(StatusCode::$status);
            }
        }
    )*};
}
view_reply! {
    Found OK;
    Created CREATED;
    Accepted ACCEPTED;
}

impl Reply for Done {
    fn into_answer(self) -> Result<Answer, Failure> {
        Ok(Answer { status: StatusCode::NO_CONTENT, body: None, cookies: Vec::new(), secret: false, whole: None })
    }
    fn describe(description: &mut Description) {
        description.empty(StatusCode::NO_CONTENT);
    }
}

/// An answer that shows a secret once: it is not kept with an idempotency key.
pub struct Secret<R>(pub R);

impl<R: Reply> Reply for Secret<R> {
    fn into_answer(self) -> Result<Answer, Failure> {
        Ok(Answer { secret: true, ..self.0.into_answer()? })
    }
    fn describe(description: &mut Description) {
        R::describe(description);
    }
}

/// An answer that sets cookies.
pub struct WithCookies<R> {
    /// The answer.
    pub reply: R,
    /// The cookies.
    pub cookies: Vec<Cookie<'static>>,
}

impl<R: Reply> Reply for WithCookies<R> {
    fn into_answer(self) -> Result<Answer, Failure> {
        // Cookies are secrets too.
        Ok(Answer { cookies: self.cookies, secret: true, ..self.reply.into_answer()? })
    }
    fn describe(description: &mut Description) {
        R::describe(description);
    }
}

/// Server-sent events. Make it with [`event_stream`].
pub struct Events(HttpResponse);

/// Server-sent events from a stream of what is written on the wire: never compressed, never cached, never buffered.
pub fn event_stream<S, E>(stream: S) -> Events
where
    S: futures::Stream<Item = Result<bytes::Bytes, E>> + 'static,
    E: Into<Box<dyn std::error::Error>> + 'static,
{
    Events(
        HttpResponse::Ok()
            .content_type("text/event-stream")
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .insert_header((header::CONTENT_ENCODING, "identity"))
            .insert_header(("x-accel-buffering", "no"))
            .streaming(stream),
    )
}

impl Reply for Events {
    fn into_answer(self) -> Result<Answer, Failure> {
        Ok(whole(self.0))
    }
    fn describe(description: &mut Description) {
        description.stream("text/event-stream", "Events, until one side ends it");
    }
}

/// A file that is downloaded, of a kind. Make it with [`download`].
pub struct Download<K> {
    response: HttpResponse,
    kind: std::marker::PhantomData<fn() -> K>,
}

/// What a downloaded file is, for the API document.
pub trait FileKind {
    /// Its media type.
    const MEDIA_TYPE: &'static str;
    /// What it holds.
    const DESCRIPTION: &'static str;
}

/// A file from a stream of its bytes, under a name for the browser; the name has no quotes.
pub fn download<K, S, E>(name: &str, stream: S) -> Download<K>
where
    K: FileKind,
    S: futures::Stream<Item = Result<bytes::Bytes, E>> + 'static,
    E: Into<Box<dyn std::error::Error>> + 'static,
{
    let response = HttpResponse::Ok()
        .content_type(K::MEDIA_TYPE)
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .streaming(stream);
    Download { response, kind: std::marker::PhantomData }
}

impl<K: FileKind> Reply for Download<K> {
    fn into_answer(self) -> Result<Answer, Failure> {
        Ok(whole(self.response))
    }
    fn describe(description: &mut Description) {
        description.stream(K::MEDIA_TYPE, K::DESCRIPTION);
    }
}

/// A WebSocket, as `actix_ws` answers it.
pub struct Upgraded(pub HttpResponse);

impl Reply for Upgraded {
    fn into_answer(self) -> Result<Answer, Failure> {
        Ok(whole(self.0))
    }
    fn describe(description: &mut Description) {
        description.empty(StatusCode::SWITCHING_PROTOCOLS);
    }
}

fn whole(response: HttpResponse) -> Answer {
    Answer { status: response.status(), body: None, cookies: Vec::new(), secret: true, whole: Some(response) }
}
