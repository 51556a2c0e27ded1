//! `berth up`: a whole platform on this machine, from nothing to the console, kept running until it is interrupted.
//!
//! Postgres, server and agent stop with it. The apps run on, and so does the engine that it may have started for them.

pub mod down;
mod engine;
mod home;
mod parts;
mod progress;
mod service;
pub mod settings;

use anyhow::{Context, Result, bail};
use berth_local_postgres::{Durability, Server};
use engine::LocalEngine;
use home::Home;
use parts::Parts;
use progress::{Step, complain, say};
use service::{Program, Service};
use settings::{Flags, Settings};
use std::{
    ffi::OsString,
    fs,
    net::{SocketAddr, TcpListener},
    time::Duration,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{Instant, interval, sleep},
};

/// The database in the private Postgres.
const DATABASE: &str = "berth";
/// How long the server may take to answer: it migrates first.
const SERVER_READY_MAX: Duration = Duration::from_secs(120);
/// How long this machine's node may take to join before the start goes on without it.
const NODE_READY_MAX: Duration = Duration::from_secs(30);
/// How long Postgres may take to stop.
const POSTGRES_STOP_MAX: Duration = Duration::from_secs(30);
/// Between two looks at something that starts.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Between two looks at Postgres and the engine while the platform runs.
const WATCH_EVERY: Duration = Duration::from_secs(2);

/// Logs go to files, where colours are noise.
fn plain_log() -> (&'static str, String) {
    ("NO_COLOR", "1".into())
}

/// Everything that runs.
struct Platform {
    home: Home,
    engine: LocalEngine,
    postgres: Option<Server>,
    server: Service,
    agent: Service,
}

/// Starts the platform and keeps it running until it is told to stop.
pub async fn run(flags: Flags) -> Result<()> {
    let settings = flags.resolve()?;
    let parts = Parts::find()?;
    let home = Home::new(&settings.home);
    let _lock = home.lock()?;
    let mut interrupted = signal(SignalKind::interrupt()).context("listening for Ctrl-C")?;
    let mut terminated = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    // A terminal that is closed. Without this we would end at once, and leave behind what we started.
    let mut hung_up = signal(SignalKind::hangup()).context("listening for SIGHUP")?;
    println!("Berth {} in {}", env!("CARGO_PKG_VERSION"), home.path().display());

    let mut running = Vec::new();
    let started = tokio::select! {
        started = start(&settings, &parts, &home, &mut running) => started,
        _ = interrupted.recv() => Err(anyhow::anyhow!("interrupted")),
        _ = terminated.recv() => Err(anyhow::anyhow!("told to stop")),
        _ = hung_up.recv() => Err(anyhow::anyhow!("the terminal was closed")),
    };
    let mut platform = match started {
        Ok((engine, postgres)) => {
            let agent = running.pop().context("the agent was started")?;
            let server = running.pop().context("the server was started")?;
            Platform { home: home.clone(), engine, postgres, server, agent }
        }
        Err(error) => {
            for service in running.into_iter().rev() {
                service.stop().await;
            }
            stop_postgres(Server::find(&home.postgres()).ok().flatten()).await;
            return Err(error);
        }
    };
    welcome(&settings, &home);
    let mut tick = interval(WATCH_EVERY);
    loop {
        tokio::select! {
            _ = interrupted.recv() => break,
            _ = terminated.recv() => break,
            _ = hung_up.recv() => break,
            _ = tick.tick() => platform.watch().await,
        }
    }
    say("\nStopping the platform; once more Ctrl-C kills it.");
    tokio::select! {
        () = platform.stop() => {}
        _ = interrupted.recv() => {
            service::kill_all(&home, &["agent", "server"]);
            bail!("killed; the apps run on");
        }
    }
    say("Stopped. The apps run on. `berth up` finds them again; `berth down` removes everything.");
    Ok(())
}

/// Starts everything in its order; what was started is in `running`, also when a later step fails.
async fn start(
    settings: &Settings,
    parts: &Parts,
    home: &Home,
    running: &mut Vec<Service>,
) -> Result<(LocalEngine, Option<Server>)> {
    let engine = LocalEngine::ready(settings, home).await?;
    let postgres = start_postgres(settings, home).await?;
    let database_url = match (&settings.database_url, &postgres) {
        (Some(url), _) => url.clone(),
        (None, Some(postgres)) => postgres.url(DATABASE),
        (None, None) => bail!("there is no database"),
    };
    let step = Step::begin("Server");
    running.push(server_program(settings, parts, home, database_url)?.start()?);
    wait_for_server(settings, running.last().context("just pushed")?).await?;
    step.done(&settings.console_url());

    let step = Step::begin("Agent");
    let agent = agent_program(settings, parts, home, &engine);
    // The agent removes it, too, but perhaps after the first look.
    fs::remove_file(home.node_ready()).ok();
    running.push(agent.start()?);
    match wait_for_node(home, running.last().context("just pushed")?).await? {
        true => step.done("this machine's node is in service"),
        false => step.go_on_without(&format!(
            "this machine's node has not joined yet; it tries on, and {} says what hinders it",
            home.log("agent").display()
        )),
    }
    Ok((engine, postgres))
}

/// Whether the node came into service in time. A slow node is no reason to stop a platform that serves others.
async fn wait_for_node(home: &Home, agent: &Service) -> Result<bool> {
    let deadline = Instant::now() + NODE_READY_MAX;
    while !home.node_ready().exists() {
        agent.check()?;
        if Instant::now() > deadline {
            return Ok(false);
        }
        sleep(LOOK_EVERY).await;
    }
    Ok(true)
}

async fn start_postgres(settings: &Settings, home: &Home) -> Result<Option<Server>> {
    if settings.database_url.is_some() {
        return Ok(None);
    }
    let step = Step::begin("Postgres");
    let place = home.postgres();
    let server = tokio::task::spawn_blocking(move || {
        let server = Server::start(&place, Durability::Durable)?;
        server.ensure_database(DATABASE)?;
        Ok::<_, berth_local_postgres::Error>(server)
    })
    .await
    .context("starting Postgres")?
    .context("the private Postgres does not run (Debian: apt-get install postgresql; or give --database-url)")?;
    step.done(if server.is_adopted() { "was running" } else { "private" });
    Ok(Some(server))
}

fn server_program(settings: &Settings, parts: &Parts, home: &Home, database_url: String) -> Result<Program> {
    let mut arguments: Vec<OsString> = Vec::new();
    let mut flag = |name: &str, value: OsString| arguments.extend([OsString::from(name), value]);
    flag("--listen", settings.listen.to_string().into());
    flag("--agent-listen", settings.agent_listen.to_string().into());
    flag("--data-dir", home.server().into());
    flag("--console-dir", parts.console.clone().into());
    flag("--sample-image", parts.sample.clone().into());
    flag("--public-url", settings.console_url().into());
    flag("--agent-public-url", settings.agent_url().into());
    flag("--bootstrap-join-token-file", home.join_token().into());
    if !settings.server.is_empty() {
        let file = home.path().join("server.toml");
        home::write_private(&file, &toml::to_string(&settings.server)?).context("writing the server's settings")?;
        flag("--config", file.into());
    }
    Ok(Program {
        name: "server",
        file: parts.server.clone(),
        arguments,
        environment: vec![("BERTH_DATABASE_URL", database_url), plain_log()],
        log: home.log("server"),
        pid_file: home.pid_file("server"),
    })
}

fn agent_program(settings: &Settings, parts: &Parts, home: &Home, engine: &LocalEngine) -> Program {
    let mut arguments: Vec<OsString> = Vec::new();
    let mut flag = |name: &str, value: OsString| arguments.extend([OsString::from(name), value]);
    flag("--server", settings.agent_url().into());
    flag("--state-dir", home.agent().into());
    flag("--docker", format!("unix://{}", engine.socket.display()).into());
    flag("--advertise-address", settings.advertise_address.to_string().into());
    flag("--ready-file", home.node_ready().into());
    if home.join_token().exists() {
        flag("--join-token-file", home.join_token().into());
    }
    if let Some(name) = &settings.node_name {
        flag("--name", name.into());
    }
    Program {
        name: "agent",
        file: parts.agent.clone(),
        arguments,
        environment: vec![plain_log()],
        log: home.log("agent"),
        pid_file: home.pid_file("agent"),
    }
}

async fn wait_for_server(settings: &Settings, server: &Service) -> Result<()> {
    let url = format!("{}/readyz", settings.local_url());
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build()?;
    let deadline = Instant::now() + SERVER_READY_MAX;
    loop {
        server.check().with_context(|| port_hint(&[settings.listen, settings.agent_listen]))?;
        if client.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("the server does not answer at {url}; its log says why");
        }
        sleep(LOOK_EVERY).await;
    }
}

/// The commonest reason why a server does not start.
fn port_hint(addresses: &[SocketAddr]) -> String {
    let taken: Vec<String> = addresses
        .iter()
        .filter(|address| TcpListener::bind(address).is_err_and(|e| e.kind() == std::io::ErrorKind::AddrInUse))
        .map(ToString::to_string)
        .collect();
    match taken.is_empty() {
        true => "the server ended".into(),
        false => format!("another program uses {} (--listen and --agent-listen take other ports)", taken.join(" and ")),
    }
}

fn welcome(settings: &Settings, home: &Home) {
    let url = settings.console_url();
    println!();
    match fs::read_to_string(home.server().join("setup-token")) {
        Ok(token) => {
            println!("  Berth is up. Make the first account with this link, which works once:\n");
            // Behind the `#`, which browsers send to nobody: queries end up in logs.
            println!("    {url}/setup#token={}\n", token.trim());
        }
        Err(_) => println!("  Berth is up: {url}\n"),
    }
    println!("  Ctrl-C stops the platform and leaves the apps running. Logs: {}", home.path().join("log").display());
}

async fn stop_postgres(postgres: Option<Server>) {
    let Some(postgres) = postgres else { return };
    let stopped = tokio::task::spawn_blocking(move || postgres.stop(POSTGRES_STOP_MAX)).await;
    if let Ok(Err(error)) = stopped {
        complain(&error.to_string());
    }
}

impl Platform {
    /// Brings Postgres and a private engine back when they have ended. Server and agent have keepers of their own.
    async fn watch(&mut self) {
        if let Some(mut postgres) = self.postgres.take() {
            if postgres.is_alive() {
                self.postgres = Some(postgres);
            } else {
                complain("Postgres ended; starting it again");
                let place = self.home.postgres();
                let again = tokio::task::spawn_blocking(move || Server::start(&place, Durability::Durable)).await;
                match again {
                    Ok(Ok(again)) => self.postgres = Some(again),
                    Ok(Err(error)) => {
                        complain(&error.to_string());
                        self.postgres = Some(postgres);
                    }
                    Err(error) => complain(&error.to_string()),
                }
            }
        }
        if let Some(mut engine) = self.engine.private.take() {
            let (engine, revived) = match tokio::task::spawn_blocking(move || {
                let revived = engine.revive();
                (engine, revived)
            })
            .await
            {
                Ok(result) => result,
                Err(error) => return complain(&error.to_string()),
            };
            match revived {
                Ok(true) => complain("the Docker Engine had ended and was started again; the apps ran on"),
                Ok(false) => {}
                Err(error) => complain(&format!("the Docker Engine has ended: {error}")),
            }
            self.engine.private = Some(engine);
        }
    }

    /// Stops in the order in which nothing waits for what is gone.
    async fn stop(self) {
        for service in [self.agent, self.server] {
            let step = Step::begin(service.name());
            service.stop().await;
            step.done("stopped");
        }
        stop_postgres(self.postgres).await;
    }
}
