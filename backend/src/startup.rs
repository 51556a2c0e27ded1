//! The composition root: the only place that wires things. Opens what every part needs, starts the tasks, and stops
//! them in order.

use crate::{
    authn::{password::Passwords, session::Sessions, sign_in_limit::SignInLimit},
    clock::{Clock, Ids},
    grpc,
    http::{self, places::Places},
    live::Hub,
    reconcile::{Nudges, Parts, Reconcilers, observation},
    seal::{self, Sealer},
    service::{audit_forward, checkpoints, housekeeping, installation},
    settings::Settings,
    store::Store,
};
use anyhow::Context as _;
use berth_audit::Signer;
use berth_domain::id::InstallId;
use berth_scheduler::{authority::Authority, fleet::Fleet, registry::Registry};
use std::{
    fs,
    net::{SocketAddr, TcpListener},
    os::unix::fs::DirBuilderExt as _,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use tokio::{signal::unix, task::JoinSet};
use tokio_util::sync::CancellationToken;

/// How long the database may take to appear when the server starts: both may be starting together.
const DATABASE_WAIT: Duration = Duration::from_secs(30);
/// Between two tries.
const DATABASE_RETRY: Duration = Duration::from_millis(500);
/// How long open requests and tasks may take to end when the server stops.
const STOP_WAIT: Duration = Duration::from_secs(5);

/// What every part of the server may use.
pub struct App {
    /// As it was told.
    pub settings: Settings,
    /// The database.
    pub store: Store,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Ids and secrets.
    pub ids: Arc<dyn Ids>,
    /// Secrets at rest.
    pub sealer: Sealer,
    /// Which installation this is.
    pub install: InstallId,
    /// Issues certificates.
    pub authority: Authority,
    /// Access tokens and cookies.
    pub sessions: Sessions,
    /// Signs audit trails.
    pub audit_signer: Signer,
    /// Password hashes.
    pub passwords: Passwords,
    /// How often one may try a password.
    pub sign_in_limit: SignInLimit,
    /// Committed changes for browsers.
    pub live: Hub,
    /// The agents that are connected here.
    pub fleet: Arc<dyn Fleet>,
    /// Streams that are open here.
    pub streams: Places,
    /// Archives that are being sent here.
    pub uploads: Places,
    /// Cancelled when the server stops: long streams end then.
    pub stopping: CancellationToken,
}

impl App {
    /// Opens the installation: migrates the database, reads or makes the keys.
    pub async fn open(
        settings: Settings,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        fleet: Arc<dyn Fleet>,
    ) -> anyhow::Result<Self> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&settings.data_dir)
            .with_context(|| format!("cannot make the data directory {}", settings.data_dir.display()))?;
        migrate(&settings).await?;
        let store = Store::new(&settings.database_url, settings.database_connections, clock.clone(), ids.clone())?;
        let key = seal::master_key(settings.master_key.as_ref(), &settings.master_key_file, &*ids)?;
        let sealer = Sealer::new(&key, ids.clone());
        let installation = installation::open(&store, &sealer, &*clock, &*ids).await?;
        let sessions =
            Sessions::new(&installation.signing_key, installation.id, &settings, clock.clone(), ids.clone())?;
        Ok(Self {
            store,
            sealer,
            install: installation.id,
            authority: installation.authority,
            sessions,
            audit_signer: Signer::new(&installation.audit_key),
            passwords: Passwords::new()?,
            sign_in_limit: SignInLimit::default(),
            live: Hub::default(),
            fleet,
            streams: Places::for_streams(),
            uploads: Places::for_uploads(),
            stopping: CancellationToken::new(),
            settings,
            clock,
            ids,
        })
    }

    /// Where the set-up token lies until it was used.
    pub fn setup_token_file(&self) -> PathBuf {
        self.settings.data_dir.join("setup-token")
    }
}

/// A server that runs.
pub struct Server {
    /// What its parts share.
    pub app: Arc<App>,
    /// Where it serves HTTP.
    pub address: SocketAddr,
    /// Where agents connect.
    pub agent_address: SocketAddr,
    /// What makes desired true.
    pub reconcilers: Reconcilers,
    http: actix_web::dev::ServerHandle,
    tasks: JoinSet<()>,
}

impl Server {
    /// Opens everything and starts every task.
    pub async fn start(settings: Settings, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> anyhow::Result<Self> {
        let agents = Arc::new(Registry::default());
        let app = Arc::new(App::open(settings, clock, ids, agents.clone()).await?);
        let mut tasks = JoinSet::new();
        tasks.spawn(app.live.clone().listen(app.store.clone(), app.stopping.clone()));
        tasks.spawn(housekeeping::run(app.clone()));
        tasks.spawn(checkpoints::run(app.clone()));
        tasks.spawn(audit_forward::run(app.clone()));
        let nudges = Nudges::default();
        let (observer, writer) = observation::writer(app.store.clone(), nudges.clone());
        tasks.spawn(writer.run(app.stopping.clone()));
        let port = grpc::bind(app.clone(), agents.clone(), observer, nudges.clone())?;
        let agent_address = port.address;
        tasks.spawn(port.serve(app.stopping.clone()));
        grpc::offer_bootstrap_token(&app).await?;
        let reconcilers = Reconcilers::start(Parts {
            store: app.store.clone(),
            clock: app.clock.clone(),
            ids: app.ids.clone(),
            fleet: agents,
            hub: app.live.clone(),
            nudges,
        });

        let listener = TcpListener::bind(app.settings.listen)
            .with_context(|| format!("cannot listen on {}", app.settings.listen))?;
        let address = listener.local_addr()?;
        let serving = http::serve(app.clone(), listener)?;
        let http = serving.handle();
        tasks.spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!(%error, "the HTTP server failed");
            }
        });
        Ok(Self { app, address, agent_address, reconcilers, http, tasks })
    }

    /// Ends every task, and gives open requests a moment.
    pub async fn stop(mut self) {
        self.app.stopping.cancel();
        let ended = async {
            self.reconcilers.stop().await;
            self.http.stop(true).await;
            while self.tasks.join_next().await.is_some() {}
        };
        if tokio::time::timeout(STOP_WAIT, ended).await.is_err() {
            tracing::warn!("some requests did not end in time");
        }
        self.app.store.close().await;
    }
}

/// Runs until SIGTERM or SIGINT.
pub async fn run(settings: Settings, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> anyhow::Result<()> {
    let mut terminate = unix::signal(unix::SignalKind::terminate())?;
    let mut interrupt = unix::signal(unix::SignalKind::interrupt())?;
    let server = Server::start(settings, clock, ids).await?;
    tracing::info!(url = server.app.settings.public_url, address = %server.address, "serving");
    print_setup_token(&server.app).await?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping; apps keep running");
    server.stop().await;
    Ok(())
}

/// Nobody owns a server by being first to open it: the first account needs what is printed here.
#[allow(clippy::print_stdout, reason = "a secret for the person at the terminal does not belong into a log")]
async fn print_setup_token(app: &App) -> anyhow::Result<()> {
    let file = app.setup_token_file();
    if let Some(token) = installation::offer_setup_token(&app.store, &*app.ids, &file).await? {
        println!("Set-up token: {token}\n(also in {}, until it was used)", file.display());
    }
    Ok(())
}

async fn migrate(settings: &Settings) -> anyhow::Result<()> {
    let deadline = tokio::time::Instant::now() + DATABASE_WAIT;
    loop {
        match Store::migrate(&settings.database_url).await {
            Ok(()) => return Ok(()),
            Err(crate::store::MigrateError::Connect(error)) if tokio::time::Instant::now() < deadline => {
                tracing::warn!(%error, "the database does not answer yet");
                tokio::time::sleep(DATABASE_RETRY).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}
