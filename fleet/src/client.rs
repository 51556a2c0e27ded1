//! The HTTP API as a program uses it: JSON in and out, problems as values.

use berth_api_types::{
    error::{Problem, ProblemCode},
    path,
    v1::session::{CreateTokenBody, CreatedTokenView, SetupBody, SignInBody},
};
use reqwest::{Method, RequestBuilder, StatusCode, header};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{sync::Once, time::Duration};

/// Longest wait for an answer: an upload of the sample takes moments.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// Longest life of a live stream here: a test's whole wait.
const STREAM_MAX: Duration = Duration::from_secs(600);
const EMAIL: &str = "ada@example.org";
const PASSWORD: &str = "correct horse battery staple";

/// Why a call did not succeed.
#[derive(Debug, Clone)]
pub enum Failure {
    /// The server said no.
    Refused {
        /// What it said.
        problem: Box<Problem>,
        /// Seconds of `Retry-After`.
        retry_after_s: Option<u32>,
    },
    /// Nobody answered.
    NoAnswer(String),
    /// An answer outside of the contract.
    Odd(String),
}

impl Failure {
    /// The problem's code, if there was an answer.
    pub fn code(&self) -> Option<ProblemCode> {
        match self {
            Self::Refused { problem, .. } => Some(problem.code),
            Self::NoAnswer(_) | Self::Odd(_) => None,
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused { problem, .. } => {
                write!(f, "{} {:?}: {}", problem.status, problem.code, problem.detail)?;
                problem.errors.iter().try_for_each(|error| write!(f, "; {}: {}", error.field, error.message))
            }
            Self::NoAnswer(why) => write!(f, "no answer: {why}"),
            Self::Odd(what) => write!(f, "an answer outside of the contract: {what}"),
        }
    }
}

/// An HTTP client without a proxy.
pub fn http(settings: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder) -> reqwest::Client {
    static PROVIDER: Once = Once::new();
    // Without one the builder panics, although nothing here speaks TLS.
    PROVIDER.call_once(|| rustls::crypto::ring::default_provider().install_default().expect("nobody did before"));
    settings(reqwest::Client::builder().no_proxy()).build().expect("a client can be built")
}

/// A live stream, as pages read it: it says that something changed, and they look again.
#[derive(Debug)]
pub struct Changes {
    answer: reqwest::Response,
    rest: String,
}

impl Changes {
    /// Waits until something changed.
    pub async fn next(&mut self) -> Result<(), Failure> {
        loop {
            if self.rest.contains("event: changed") {
                // What came with it is seen by the same look.
                self.rest.clear();
                return Ok(());
            }
            let chunk = self.answer.chunk().await.map_err(|error| Failure::NoAnswer(format!("{error:?}")))?;
            let chunk = chunk.ok_or_else(|| Failure::NoAnswer("the stream ended".into()))?;
            self.rest.push_str(&String::from_utf8_lossy(&chunk));
        }
    }
}

/// A caller of the API.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

impl Client {
    /// Somebody who is not signed in.
    pub fn new(base: &str) -> Self {
        let http = http(|builder| builder.cookie_store(true).timeout(ANSWER_MAX));
        Self { http, base: base.into(), token: None }
    }

    /// Makes the first account with the set-up token, and signs in with a personal token from then on.
    pub async fn set_up(mut self, setup_token: &str) -> Self {
        let body = SetupBody {
            setup_token: setup_token.trim().into(),
            email: EMAIL.into(),
            display_name: "Ada".into(),
            password: PASSWORD.into(),
            locale: None,
        };
        let _: Value = self.post(&path::setup(), &body).await.expect("set-up is accepted");
        let body = SignInBody { email: EMAIL.into(), password: PASSWORD.into() };
        let _: Value = self.post(&path::session(), &body).await.expect("the account signs in");
        let body = CreateTokenBody { name: "tests".into(), days: 1 };
        let made: CreatedTokenView = self.post(&path::my_tokens(), &body).await.expect("a token is made");
        self.token = Some(made.secret);
        self
    }

    /// Reads.
    pub async fn get<A: DeserializeOwned>(&self, path: &str) -> Result<A, Failure> {
        self.send(self.request(Method::GET, path)).await
    }

    /// Makes or begins something.
    pub async fn post<A: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<A, Failure> {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// Begins something that needs no body.
    pub async fn post_nothing<A: DeserializeOwned>(&self, path: &str) -> Result<A, Failure> {
        self.send(self.request(Method::POST, path)).await
    }

    /// Replaces something.
    pub async fn put<A: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<A, Failure> {
        self.send(self.request(Method::PUT, path).json(body)).await
    }

    /// Changes something.
    pub async fn patch<A: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<A, Failure> {
        self.send(self.request(Method::PATCH, path).json(body)).await
    }

    /// Removes something.
    pub async fn delete(&self, path: &str) -> Result<(), Failure> {
        self.send::<Value>(self.request(Method::DELETE, path)).await.map(drop)
    }

    /// Uploads a file.
    pub async fn upload<A: DeserializeOwned>(&self, path: &str, kind: &str, bytes: &[u8]) -> Result<A, Failure> {
        self.send(self.request(Method::POST, path).header(header::CONTENT_TYPE, kind).body(bytes.to_vec())).await
    }

    /// Opens a live stream.
    pub async fn follow(&self, path: &str) -> Result<Changes, Failure> {
        let request = self.request(Method::GET, path).timeout(STREAM_MAX);
        let answer = request.send().await.map_err(|error| Failure::NoAnswer(format!("{error:?}")))?;
        match answer.status() {
            StatusCode::OK => Ok(Changes { answer, rest: String::new() }),
            status => Err(Failure::Odd(format!("{status} instead of a stream"))),
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            // A browser's call, with its cookies.
            None => request.header(header::ORIGIN, &self.base),
        }
    }

    async fn send<A: DeserializeOwned>(&self, request: RequestBuilder) -> Result<A, Failure> {
        let answer = request.send().await.map_err(|error| Failure::NoAnswer(format!("{error:?}")))?;
        let status = answer.status();
        let retry_after = answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let body = answer.bytes().await.map_err(|error| Failure::NoAnswer(format!("{error:?}")))?;
        let odd = |error| Failure::Odd(format!("{status}, {error}: {}", String::from_utf8_lossy(&body)));
        if !status.is_success() {
            let problem = serde_json::from_slice(&body).map_err(odd)?;
            return Err(Failure::Refused { problem, retry_after_s: retry_after });
        }
        serde_json::from_slice(if body.is_empty() { b"null" } else { &body }).map_err(odd)
    }
}
