//! Bare HTTP over the engine's socket, for what a typed client gets wrong: a list whose items are decoded one by one,
//! so that one odd object does not lose the page, and a terminal's bytes exactly as they come.

use super::RuntimeError;
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{body::Incoming, client::conn::http1, upgrade::Upgraded};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use std::{path::PathBuf, time::Duration};
use tokio::{net::UnixStream, time};

/// Largest list that is read, in bytes: ten thousand containers with full labels.
const LIST_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The engine's socket.
#[derive(Debug, Clone)]
pub struct RawSocket {
    path: PathBuf,
    deadline: Duration,
}

/// The engine said no.
#[derive(Debug)]
pub enum RawError {
    /// It does not answer.
    Unavailable(String),
    /// It answered with this status and sentence.
    Status(u16, String),
}

impl RawSocket {
    /// The socket at a path, with a deadline for every answer.
    pub fn new(path: PathBuf, deadline: Duration) -> Self {
        Self { path, deadline }
    }

    /// The items of a list. What cannot be decoded is left out and logged.
    pub async fn get_list<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, RawError> {
        let body = self.get(path).await?;
        let items: Vec<serde_json::Value> = serde_json::from_slice(&body).map_err(unavailable)?;
        Ok(items.into_iter().filter_map(decode).collect())
    }

    /// One thing.
    pub async fn get_one<T: DeserializeOwned>(&self, path: &str) -> Result<T, RawError> {
        let body = self.get(path).await?;
        // It answers, so it is not down; only this one answer is of no use.
        serde_json::from_slice(&body)
            .map_err(|error| RawError::Status(StatusCode::OK.as_u16(), format!("an unreadable answer: {error}")))
    }

    async fn get(&self, path: &str) -> Result<Bytes, RawError> {
        let work = async {
            let request = Request::get(path).header(header::HOST, "docker").body(Full::default());
            read(self.send(request.map_err(unavailable)?).await?).await
        };
        time::timeout(self.deadline, work).await.map_err(|_| RawError::Unavailable("no answer in time".into()))?
    }

    /// A connection that became a stream of bytes, as `docker exec` has it.
    pub async fn upgrade(&self, path: &str, body: &serde_json::Value) -> Result<TokioIo<Upgraded>, RawError> {
        let work = async {
            let request = Request::post(path)
                .header(header::HOST, "docker")
                .header(header::CONTENT_TYPE, "application/json")
                .header(header::CONNECTION, "Upgrade")
                .header(header::UPGRADE, "tcp")
                .body(Full::from(body.to_string()));
            let response = self.send(request.map_err(unavailable)?).await?;
            if response.status() != StatusCode::SWITCHING_PROTOCOLS {
                return Err(RawError::Unavailable("the engine did not switch protocols".to_owned()));
            }
            hyper::upgrade::on(response).await.map(TokioIo::new).map_err(unavailable)
        };
        time::timeout(self.deadline, work).await.map_err(|_| RawError::Unavailable("no answer in time".into()))?
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, RawError> {
        let stream = UnixStream::connect(&self.path).await.map_err(unavailable)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(unavailable)?;
        tokio::spawn(connection.with_upgrades());
        let response = sender.send_request(request).await.map_err(unavailable)?;
        let status = response.status();
        if status.is_success() || status == StatusCode::SWITCHING_PROTOCOLS {
            return Ok(response);
        }
        let body = read(response).await?;
        Err(RawError::Status(status.as_u16(), sentence(&body)))
    }
}

impl RawError {
    /// As an error of a runtime, when no special status is expected.
    pub fn into_runtime(self, classify: impl FnOnce(u16, &str) -> RuntimeError) -> RuntimeError {
        match self {
            Self::Unavailable(message) => RuntimeError::Unavailable(message),
            Self::Status(status, message) => classify(status, &message),
        }
    }
}

/// Docker's JSON of filters, ready for a query.
pub fn filter(label: &str) -> String {
    let json = serde_json::json!({ "label": [label] }).to_string();
    json.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
        text
    })
}

async fn read(response: Response<Incoming>) -> Result<Bytes, RawError> {
    let body = Limited::new(response.into_body(), LIST_BYTES_MAX).collect().await;
    body.map(http_body_util::Collected::to_bytes).map_err(|e| RawError::Unavailable(e.to_string()))
}

fn decode<T: DeserializeOwned>(item: serde_json::Value) -> Option<T> {
    serde_json::from_value(item).map_err(|error| tracing::warn!(%error, "an item of Docker's list cannot be read")).ok()
}

fn sentence(body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Message {
        message: String,
    }
    serde_json::from_slice::<Message>(body)
        .map_or_else(|_| String::from_utf8_lossy(body).trim().to_owned(), |body| body.message)
}

fn unavailable(error: impl std::fmt::Display) -> RawError {
    RawError::Unavailable(error.to_string())
}
