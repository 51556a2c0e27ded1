//! People at browsers, and a database that can be taken away.

use crate::world::{Answer, World};
use berth_api_types::path;
use berth_server::{
    clock::{Clock as _, Fixed, Random},
    http,
    service::installation,
    settings::{LogFormat, Settings},
    startup::App,
};
use berth_testkit::database::TestDatabase;
use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, ORIGIN, SET_COOKIE};
use serde_json::{Value, json};
use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{UnixListener, UnixStream},
    sync::watch,
};

/// The first account of every test.
pub const ADMIN_EMAIL: &str = "ann@example.com";
/// Its password.
pub const ADMIN_PASSWORD: &str = "a long enough passphrase";

/// A browser: keeps cookies, sends its Origin.
#[derive(Clone)]
pub struct Browser {
    pub base: String,
    client: reqwest::Client,
    origin: Option<String>,
}

/// An answer with its headers.
pub struct Full {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Full {
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
    /// Fields of the body that were refused, with the reason.
    pub fn fields(&self) -> Vec<(&str, &str)> {
        let errors = self.body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        let text = |error: &'_ Value, key: &str| error[key].as_str().unwrap_or_default().to_owned();
        errors
            .iter()
            .map(|error| {
                let field = error["field"].as_str().unwrap_or_default();
                assert!(!text(error, "message").is_empty(), "{field} says why");
                (field, error["code"].as_str().unwrap_or_default())
            })
            .collect()
    }
    /// A cookie that was set.
    pub fn cookie(&self, name: &str) -> Option<String> {
        let cookies = self.headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
        cookies.filter_map(|text| text.split_once('=')).find(|(n, _)| *n == name).map(|(_, rest)| rest.to_owned())
    }
}

impl Browser {
    /// A fresh one.
    pub fn at(address: SocketAddr) -> Self {
        let base = format!("http://{address}");
        let client = reqwest::Client::builder().cookie_store(true).build().expect("a client");
        Self { origin: Some(base.clone()), base, client }
    }
    /// The same cookies, sent by a page of another origin, or by a program that names none.
    pub fn sent_from(&self, origin: Option<&str>) -> Self {
        Self { origin: origin.map(str::to_owned), ..self.clone() }
    }
    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        let request = self.client.request(method, format!("{}{path}", self.base));
        match &self.origin {
            Some(origin) => request.header(ORIGIN, origin),
            None => request,
        }
    }
    pub async fn get(&self, path: &str) -> Full {
        full(self.request("GET", path)).await
    }
    /// Reads what is no JSON, and expects it to be there.
    pub async fn get_text(&self, path: &str) -> String {
        let response = self.request("GET", path).send().await.expect("the server answers");
        assert_eq!(response.status(), 200, "{path}");
        response.text().await.expect("the answer comes whole")
    }
    pub async fn send(&self, method: &str, path: &str, body: Value) -> Full {
        full(self.request(method, path).json(&body)).await
    }
    pub async fn post(&self, path: &str, body: Value) -> Full {
        self.send("POST", path, body).await
    }
    /// Without a body.
    pub async fn act(&self, method: &str, path: &str) -> Full {
        full(self.request(method, path)).await
    }
    pub async fn sign_in(&self, email: &str, password: &str) -> Full {
        self.post(&path::session(), json!({ "email": email, "password": password })).await
    }
}

pub async fn full(request: reqwest::RequestBuilder) -> Full {
    let response = request.send().await.expect("the server answers");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let bytes = response.bytes().await.expect("a whole body");
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    Full { status, headers, body }
}

/// The set-up token that the first start prints.
pub async fn setup_token(app: &App) -> String {
    let token = installation::offer_setup_token(&app.store, &*app.ids, &app.setup_token_file()).await;
    token.expect("the token can be written").expect("set-up is not done")
}

/// A browser that did the set-up and is signed in as the platform's administrator.
pub async fn set_up(world: &World) -> Browser {
    let browser = Browser::at(world.address);
    let body = json!({ "setup_token": setup_token(&world.app).await, "email": ADMIN_EMAIL, "display_name": "Ann",
        "password": ADMIN_PASSWORD });
    let done = browser.post(&path::setup(), body).await;
    assert_eq!(done.status, 201, "{}", done.body);
    browser
}

/// The same, owning the tenant `acme` with the project `shop` (`dev`, `production`).
pub async fn with_project(world: &World) -> Browser {
    let browser = set_up(world).await;
    assert_eq!(browser.post(&path::tenants(), json!({ "name": "acme" })).await.status, 201);
    assert_eq!(browser.post(&path::projects("acme"), json!({ "name": "shop" })).await.status, 201);
    browser
}

/// Without what differs from call to call.
pub fn without_request_id(mut answer: Answer) -> Answer {
    if let Some(problem) = answer.body.as_object_mut() {
        problem.remove("request_id");
    }
    answer
}

/// A database behind a door that can be shut.
pub struct Door {
    open: watch::Sender<bool>,
    swallow_commit: Arc<AtomicBool>,
    pub url: String,
    _database: TestDatabase,
    _folder: TempDir,
}

impl Door {
    pub async fn new() -> Self {
        let database = TestDatabase::new().await;
        let (before, host) = database.url().split_once("?host=").expect("a socket's folder");
        let port = before.rsplit_once('/').and_then(|(left, _)| left.rsplit_once(':')).expect("a port").1;
        let socket = format!(".s.PGSQL.{port}");
        let real = PathBuf::from(host.replace("%2F", "/").replace("%25", "%")).join(&socket);
        let folder = TempDir::new().expect("a directory");
        let listener = UnixListener::bind(folder.path().join(&socket)).expect("a socket");
        let url = format!("{before}?host={}", folder.path().display().to_string().replace('/', "%2F"));
        let (open, state) = watch::channel(true);
        let swallow_commit = Arc::new(AtomicBool::new(false));
        tokio::spawn(serve_door(listener, real, state, swallow_commit.clone()));
        Self { open, swallow_commit, url, _database: database, _folder: folder }
    }
    /// The next commit is carried out, and the connection breaks before its answer.
    pub fn swallow_next_commit(&self) {
        self.swallow_commit.store(true, Ordering::SeqCst);
    }
    /// Ends all connections and lets no new one in.
    pub fn shut(&self) {
        self.open.send_replace(false);
    }
    pub fn open(&self) {
        self.open.send_replace(true);
    }
}

async fn serve_door(
    listener: UnixListener,
    real: PathBuf,
    state: watch::Receiver<bool>,
    swallow_commit: Arc<AtomicBool>,
) {
    while let Ok((client, _)) = listener.accept().await {
        let (real, mut state, swallow_commit) = (real.clone(), state.clone(), swallow_commit.clone());
        tokio::spawn(async move {
            if !*state.borrow() {
                return;
            }
            let Ok(server) = UnixStream::connect(real).await else { return };
            tokio::select! {
                _ = carry(client, server, &swallow_commit) => {}
                _ = state.wait_for(|open| !open) => {}
            }
        });
    }
}

/// Carries bytes both ways until one side ends, or a commit is to be swallowed.
async fn carry(mut client: UnixStream, mut server: UnixStream, swallow_commit: &AtomicBool) -> std::io::Result<()> {
    let (mut sent, mut said) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    loop {
        tokio::select! {
            read = client.read(&mut sent) => {
                let bytes = &sent[..read?];
                if bytes.is_empty() {
                    return Ok(());
                }
                server.write_all(bytes).await?;
                let commits = bytes.windows(6).any(|word| word == b"COMMIT");
                if commits && swallow_commit.swap(false, Ordering::SeqCst) {
                    // The server says that it is done; nobody hears it.
                    return server.read(&mut said).await.map(drop);
                }
            }
            read = server.read(&mut said) => {
                let bytes = &said[..read?];
                if bytes.is_empty() {
                    return Ok(());
                }
                client.write_all(bytes).await?;
            }
        }
    }
}

/// A server on a database of the test's choice.
pub struct Bare {
    pub app: Arc<App>,
    pub address: SocketAddr,
    http: actix_web::dev::ServerHandle,
    _data: TempDir,
}

impl Bare {
    pub async fn new(database_url: &str, change: impl FnOnce(&mut Settings)) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let data = TempDir::new().expect("a directory");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let mut settings = Settings {
            listen: address,
            agent_listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            database_url: database_url.to_owned().into(),
            database_connections: 4,
            data_dir: data.path().to_owned(),
            master_key_file: data.path().join("master.key"),
            master_key: None,
            console_dir: None,
            sample_image: None,
            public_url: format!("http://{address}"),
            agent_public_url: "https://127.0.0.1:7801".into(),
            bootstrap_join_token_file: None,
            log_format: LogFormat::Text,
            audit_syslog: None,
        };
        change(&mut settings);
        let clock = Fixed::at("2026-01-02T03:04:05Z".parse::<DateTime<Utc>>().expect("a time"));
        assert!(clock.now().timestamp() > 0);
        let fleet = Arc::new(berth_scheduler::registry::Registry::default());
        let app = Arc::new(App::open(settings, clock, Random::new(), fleet).await.expect("the server opens"));
        let serving = http::serve(app.clone(), listener).expect("the server starts");
        let handle = serving.handle();
        tokio::spawn(serving);
        Self { app, address, http: handle, _data: data }
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        self.app.stopping.cancel();
        drop(tokio::spawn(self.http.stop(false)));
    }
}
