//! Calls: JSON in and out, problems as errors, one refresh of the session when the access token has run out.

use super::error::ApiError;
use crate::support::clock::hear_server_time;
use berth_api_types::{
    error::{PROBLEM_JSON, Problem, ProblemCode},
    page::{PAGE_LIMIT_MAX, Page, PageQuery},
    path,
};
use chrono::DateTime;
use futures_refresh::refresh_once;
use gloo_net::http::{Method, Request, RequestBuilder, Response};
use gloo_timers::future::TimeoutFuture;
use serde::{Serialize, de::DeserializeOwned};
use std::{cell::RefCell, rc::Rc};
use web_sys::AbortSignal;

/// Waits before a call that got no answer is sent again, in milliseconds. A browser on a machine that runs containers
/// drops what is on its way whenever one of them starts or stops, because the machine's network interfaces change; and a
/// connection that was kept open may be closed just when it is used again.
const AGAIN_AFTER_MS: [u32; 2] = [50, 400];

/// What a call that only reads may take, in milliseconds: the slowest ask every node for its logs.
const READ_MAX_MS: u32 = 30_000;
/// What any other call may take, in milliseconds: some ask a registry first, and that has a limit of its own.
const CHANGE_MAX_MS: u32 = 60_000;

/// Most pages of a list that is needed as a whole: 10,000 entries. Longer ones are searched on pages of their own.
const WHOLE_PAGES_MAX: usize = 20;

/// The largest page, from the start or from a cursor.
pub fn page_query(cursor: Option<String>) -> PageQuery {
    PageQuery { limit: Some(PAGE_LIMIT_MAX), cursor }
}

/// All entries of a list, page by page.
pub async fn whole<T>(fetch: impl AsyncFn(PageQuery) -> Result<Page<T>, ApiError>) -> Result<Vec<T>, ApiError> {
    let mut page = fetch(page_query(None)).await?;
    for _ in 1..WHOLE_PAGES_MAX {
        let Some(cursor) = page.next_cursor.take() else { break };
        let next = fetch(page_query(Some(cursor))).await?;
        page.items.extend(next.items);
        page.next_cursor = next.next_cursor;
    }
    Ok(page.items)
}

/// Reads a view.
pub async fn get<T: DeserializeOwned>(url: &str) -> Result<T, ApiError> {
    read(call(Method::GET, url, None).await?).await
}

/// Reads a view with a query.
pub async fn get_with<T: DeserializeOwned>(url: &str, query: &impl Serialize) -> Result<T, ApiError> {
    get(&with_query(url, query)).await
}

/// Posts a body and reads the answer.
pub async fn post<T: DeserializeOwned>(url: &str, body: &impl Serialize) -> Result<T, ApiError> {
    read(call(Method::POST, url, Some(json(body))).await?).await
}

/// Posts nothing and reads the answer.
pub async fn post_empty<T: DeserializeOwned>(url: &str) -> Result<T, ApiError> {
    read(call(Method::POST, url, None).await?).await
}

/// Puts a body and reads the answer.
pub async fn put<T: DeserializeOwned>(url: &str, body: &impl Serialize) -> Result<T, ApiError> {
    read(call(Method::PUT, url, Some(json(body))).await?).await
}

/// Puts a body; the answer has none that matters.
pub async fn put_only(url: &str, body: &impl Serialize) -> Result<(), ApiError> {
    call(Method::PUT, url, Some(json(body))).await.map(drop)
}

/// Changes some fields and reads the answer.
pub async fn patch<T: DeserializeOwned>(url: &str, body: &impl Serialize) -> Result<T, ApiError> {
    read(call(Method::PATCH, url, Some(json(body))).await?).await
}

/// Deletes.
pub async fn delete(url: &str) -> Result<(), ApiError> {
    call(Method::DELETE, url, None).await.map(drop)
}

/// A URL with a query string; fields that are none are left out.
pub fn with_query(url: &str, query: &impl Serialize) -> String {
    let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(query) else { return url.to_owned() };
    let pairs: Vec<String> = fields
        .iter()
        .filter_map(|(key, value)| {
            let text = match value {
                serde_json::Value::Null => return None,
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            Some(format!("{key}={}", String::from(js_sys::encode_uri_component(&text))))
        })
        .collect();
    if pairs.is_empty() { url.to_owned() } else { format!("{url}?{}", pairs.join("&")) }
}

/// A fresh key, so that a call that is sent twice is done once.
pub fn idempotency_key() -> String {
    let digits: String =
        (0..4).map(|_| format!("{:08x}", (js_sys::Math::random() * f64::from(u32::MAX)) as u32)).collect();
    format!("console-{digits}")
}

fn json(body: &impl Serialize) -> String {
    serde_json::to_string(body).expect("request bodies are plain data")
}

async fn call(method: Method, url: &str, body: Option<String>) -> Result<Answer, ApiError> {
    // One key for all tries: an earlier one may have been done before its answer was lost.
    let key = (method != Method::GET).then(idempotency_key);
    let attempt = async || send(&method, url, body.as_deref(), key.as_deref()).await;
    let mut answer = attempt().await;
    for wait_ms in AGAIN_AFTER_MS {
        if !matches!(answer, Err(ApiError::Unreachable)) {
            break;
        }
        TimeoutFuture::new(wait_ms).await;
        answer = attempt().await;
    }
    match answer {
        Err(error) if error.code() == Some(ProblemCode::TokenExpired) && url != path::session_refresh() => {
            if refresh_once().await {
                attempt().await
            } else {
                Err(error)
            }
        }
        Err(error) if error.is_signed_out() => {
            tell_of_end();
            Err(error)
        }
        other => other,
    }
}

thread_local! {
    static AT_END: RefCell<Option<Rc<dyn Fn()>>> = const { RefCell::new(None) };
}

/// What is to be done when the server no longer knows the session. The last one that was given counts.
pub fn at_session_end(act: impl Fn() + 'static) {
    AT_END.with(|at_end| *at_end.borrow_mut() = Some(Rc::new(act)));
}

fn tell_of_end() {
    // Out of the borrow: it may make calls of its own.
    if let Some(act) = AT_END.with(|at_end| at_end.borrow().clone()) {
        act();
    }
}

async fn send(method: &Method, url: &str, body: Option<&str>, key: Option<&str>) -> Result<Answer, ApiError> {
    let limit = AbortSignal::timeout_with_u32(if *method == Method::GET { READ_MAX_MS } else { CHANGE_MAX_MS });
    let mut request = RequestBuilder::new(url)
        .method(method.clone())
        .credentials(web_sys::RequestCredentials::SameOrigin)
        .abort_signal(Some(&limit))
        .header("accept", "application/json");
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    let request: Result<Request, _> = match body {
        Some(body) => request.header("content-type", "application/json").body(body),
        None => request.build(),
    };
    let unanswered = |_| if limit.aborted() { ApiError::TimedOut } else { ApiError::Unreachable };
    let response = request.map_err(|_| ApiError::Unreachable)?.send().await.map_err(unanswered)?;
    hear_date(&response);
    if response.ok() { Ok(Answer { response, limit }) } else { Err(problem(&response).await) }
}

/// An answer whose body may still be on its way, and the limit for that.
struct Answer {
    response: Response,
    limit: AbortSignal,
}

/// Every answer tells the server's time, to the second.
fn hear_date(response: &Response) {
    let date = response.headers().get("date");
    if let Some(at) = date.and_then(|date| DateTime::parse_from_rfc2822(&date).ok()) {
        hear_server_time(at.into());
    }
}

async fn problem(response: &Response) -> ApiError {
    let is_problem = response.headers().get("content-type").is_some_and(|kind| kind.starts_with(PROBLEM_JSON));
    if !is_problem {
        return ApiError::Strange(response.status());
    }
    match response.json::<Problem>().await {
        Ok(problem) => ApiError::Problem(Box::new(problem)),
        Err(_) => ApiError::Strange(response.status()),
    }
}

async fn read<T: DeserializeOwned>(Answer { response, limit }: Answer) -> Result<T, ApiError> {
    let status = response.status();
    let unread = |_| if limit.aborted() { ApiError::TimedOut } else { ApiError::Strange(status) };
    response.json().await.map_err(unread)
}

/// Refreshing is single-flight: many calls may find the token expired at once, and a refresh token is good for one use.
mod futures_refresh {
    use berth_api_types::path;
    use gloo_net::http::Request;
    use std::cell::RefCell;
    use wasm_bindgen_futures::{JsFuture, future_to_promise};
    use web_sys::AbortSignal;

    const UNAUTHORIZED: u16 = 401;

    thread_local! {
        static RUNNING: RefCell<Option<js_sys::Promise>> = const { RefCell::new(None) };
    }

    /// Whether the session goes on.
    pub async fn refresh_once() -> bool {
        let promise = RUNNING.with(|running| {
            running
                .borrow_mut()
                .get_or_insert_with(|| {
                    future_to_promise(async {
                        let limit = AbortSignal::timeout_with_u32(super::CHANGE_MAX_MS);
                        let answer = Request::post(&path::session_refresh()).abort_signal(Some(&limit)).send().await;
                        RUNNING.with(|running| running.borrow_mut().take());
                        // No answer says nothing of the session.
                        if answer.as_ref().is_ok_and(|answer| answer.status() == UNAUTHORIZED) {
                            super::tell_of_end();
                        }
                        Ok(answer.is_ok_and(|answer| answer.ok()).into())
                    })
                })
                .clone()
        });
        JsFuture::from(promise).await.is_ok_and(|ok| ok.is_truthy())
    }
}
pub use futures_refresh::refresh_once as refresh_session;
