//! HTTP with the server: JSON both ways, problems turned into errors with an exit code.

use crate::exit::{Exit, ended};
use anyhow::{Context, Result};
use berth_api_types::{
    error::{Problem, ProblemCode},
    page::Page,
};
use futures::TryStreamExt as _;
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::{Method, RequestBuilder, Response, StatusCode, header};
use serde::{Serialize, de::DeserializeOwned};
use std::time::Duration;

/// Sent of all, how fast, and how long it will take.
const UPLOAD_TEMPLATE: &str = "Sending {bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
/// How long a server may take over an answer. Streams and uploads have none.
const ANSWER_MAX: Duration = Duration::from_secs(60);
/// How long a connection may take.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// Most pages that a list follows: a terminal shows no more than that.
const PAGES_MAX: usize = 200;

/// The API of one server.
#[derive(Debug, Clone)]
pub struct Api {
    server: String,
    token: Option<String>,
    http: reqwest::Client,
}

impl Api {
    /// Nothing is sent yet.
    pub fn new(server: &str, token: Option<&str>) -> Result<Self> {
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_MAX)
            .cookie_store(true)
            .user_agent(concat!("berth-cli/", env!("CARGO_PKG_VERSION")))
            .build()
            .context("setting up HTTP")?;
        Ok(Self { server: server.trim_end_matches('/').to_owned(), token: token.map(str::to_owned), http })
    }

    /// Reads something.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        decode(self.send(self.request(Method::GET, path).timeout(ANSWER_MAX)).await?).await
    }

    /// Reads every page of a list.
    pub async fn list<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>> {
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let request = self.request(Method::GET, path).timeout(ANSWER_MAX).query(&[("limit", "500")]);
            let request = cursor.iter().fold(request, |request, cursor| request.query(&[("cursor", cursor)]));
            let page: Page<T> = decode(self.send(request).await?).await?;
            items.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        Ok(items)
    }

    /// Reads something that a query narrows.
    pub async fn get_with<T: DeserializeOwned>(&self, path: &str, query: &impl Serialize) -> Result<T> {
        decode(self.send(self.request(Method::GET, path).timeout(ANSWER_MAX).query(query)).await?).await
    }

    /// Does something with a body.
    pub async fn send_json<T: DeserializeOwned>(&self, method: Method, path: &str, body: &impl Serialize) -> Result<T> {
        decode(self.send(self.request(method, path).timeout(ANSWER_MAX).json(body)).await?).await
    }

    /// Does something that needs no body.
    pub async fn act<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        decode(self.send(self.request(Method::POST, path).timeout(ANSWER_MAX)).await?).await
    }

    /// Removes something.
    pub async fn delete(&self, path: &str) -> Result<()> {
        self.send(self.request(Method::DELETE, path).timeout(ANSWER_MAX)).await.map(drop)
    }

    /// Sends a file, and shows on a terminal how far it is.
    pub async fn upload<T: DeserializeOwned>(&self, path: &str, media_type: &str, file: tokio::fs::File) -> Result<T> {
        let length = file.metadata().await?.len();
        let style = ProgressStyle::with_template(UPLOAD_TEMPLATE).context("the template of a progress bar")?;
        // Hidden by itself where standard error is no terminal.
        let bar = ProgressBar::new(length).with_style(style);
        let sent = bar.clone();
        let pieces = tokio_util::io::ReaderStream::new(file).inspect_ok(move |piece| sent.inc(piece.len() as u64));
        let body = reqwest::Body::wrap_stream(pieces);
        let request = self
            .request(Method::POST, path)
            .header(header::CONTENT_TYPE, media_type)
            .header(header::CONTENT_LENGTH, length)
            .body(body);
        let answer = self.send(request).await;
        bar.finish_and_clear();
        decode(answer?).await
    }

    /// Opens a file that is read as it comes.
    pub async fn download(&self, path: &str) -> Result<Response> {
        self.send(self.request(Method::GET, path)).await
    }

    /// Opens a stream of events.
    pub async fn follow(&self, path: &str, query: &impl Serialize) -> Result<Response> {
        self.send(self.request(Method::GET, path).header(header::ACCEPT, "text/event-stream").query(query)).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        // The origin is what a browser would send; a call with cookies is refused without it.
        let request =
            self.http.request(method, format!("{}{path}", self.server)).header(header::ORIGIN, self.server.as_str());
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response> {
        let answer = request.send().await.map_err(|error| {
            let why = if error.is_connect() { "nothing answers there".to_owned() } else { error.to_string() };
            ended(Exit::Unreachable, format!("{}: {why}", self.server))
        })?;
        if answer.status().is_success() { Ok(answer) } else { Err(refusal(answer).await) }
    }
}

async fn decode<T: DeserializeOwned>(answer: Response) -> Result<T> {
    let body = answer.bytes().await.map_err(|error| ended(Exit::Unreachable, error.to_string()))?;
    // An answer without a body is read as `null`, which `()` takes.
    let body: &[u8] = if body.is_empty() { b"null" } else { &body };
    serde_json::from_slice(body).context("the server's answer is not understood; is it of the same version?")
}

async fn refusal(answer: Response) -> anyhow::Error {
    let status = answer.status();
    let body = answer.bytes().await.unwrap_or_default();
    match serde_json::from_slice::<Problem>(&body) {
        Ok(problem) => ended(exit_for(status, Some(problem.code)), describe(&problem)),
        Err(_) => ended(exit_for(status, None), format!("the server answered {status}")),
    }
}

fn exit_for(status: StatusCode, code: Option<ProblemCode>) -> Exit {
    match (status.as_u16(), code) {
        (_, Some(ProblemCode::ImageNotFound)) => Exit::Refused,
        (401 | 403, _) => Exit::Denied,
        (404, _) => Exit::NotFound,
        (400..=499, _) => Exit::Refused,
        (502..=504, _) => Exit::Unreachable,
        _ => Exit::Failed,
    }
}

/// All that a person needs to mend it.
fn describe(problem: &Problem) -> String {
    let mut text = if problem.detail.is_empty() { problem.title.clone() } else { problem.detail.clone() };
    for error in &problem.errors {
        text.push_str(&format!("\n  {}: {}", error.field, error.message));
    }
    if let Some(right) = &problem.missing_right {
        text.push_str(&format!("\n  the missing right: {right}"));
    }
    if problem.status >= 500 {
        text.push_str(&format!("\n  request {}", problem.request_id));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_can_tell_refusals_apart() {
        assert_eq!(exit_for(StatusCode::UNAUTHORIZED, None), Exit::Denied);
        assert_eq!(exit_for(StatusCode::NOT_FOUND, Some(ProblemCode::NotFound)), Exit::NotFound);
        assert_eq!(exit_for(StatusCode::CONFLICT, Some(ProblemCode::NameTaken)), Exit::Refused);
        assert_eq!(exit_for(StatusCode::SERVICE_UNAVAILABLE, None), Exit::Unreachable);
        assert_eq!(exit_for(StatusCode::INTERNAL_SERVER_ERROR, None), Exit::Failed);
    }
}
