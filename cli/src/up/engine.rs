//! The Docker Engine that apps of this machine run on: the machine's own, or a private one where none answers.

use super::{home::Home, progress::Step, settings::Settings};
use anyhow::{Context, Result, bail};
use berth_local_docker::{Engine, Options, api::Api};
use nix::unistd::geteuid;
use std::{
    fs,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
};

/// Where an engine listens unless it was told otherwise.
const SOCKET: &str = "/var/run/docker.sock";

/// The engine in use.
pub struct LocalEngine {
    pub socket: PathBuf,
    /// Present when `berth up` started it, now or earlier.
    pub private: Option<Engine>,
}

impl LocalEngine {
    /// Finds one that answers; as root, starts a private one otherwise.
    pub async fn ready(settings: &Settings, home: &Home) -> Result<Self> {
        let step = Step::begin("Docker Engine");
        let engine = Self::find_or_start(settings, home).await?;
        fs::write(home.engine_file(), engine.socket.as_os_str().as_encoded_bytes()).context("noting the engine")?;
        step.done(&match &engine.private {
            Some(_) => format!("private, started by berth ({})", engine.socket.display()),
            None => format!("{} ({})", version(&engine.socket).await, engine.socket.display()),
        });
        if engine.private.is_none() && !keeps_containers(&engine.socket).await {
            println!(
                "    Apps stop when this engine restarts: \"live-restore\": true in /etc/docker/daemon.json avoids it."
            );
        }
        Ok(engine)
    }

    async fn find_or_start(settings: &Settings, home: &Home) -> Result<Self> {
        let private_home = home.docker();
        if let Some(socket) = settings.docker.clone() {
            return match ping(&socket).await {
                true => Ok(Self { socket, private: None }),
                false => bail!("no Docker Engine answers at {}", socket.display()),
            };
        }
        // One that we started before comes first: the apps are there.
        let had_private = private_home.join("data").is_dir();
        if !had_private && ping(Path::new(SOCKET)).await {
            return Ok(Self { socket: SOCKET.into(), private: None });
        }
        if !geteuid().is_root() {
            bail!("{}", without_engine());
        }
        let engine = tokio::task::spawn_blocking(move || Engine::start(&private_home, Options::default()))
            .await
            .context("starting an engine")?
            .context("no Docker Engine answers, and a private one cannot be started")?;
        Ok(Self { socket: engine.layout().socket(), private: Some(engine) })
    }
}

/// What to do about it, for those who cannot start one.
fn without_engine() -> String {
    match UnixStream::connect(SOCKET) {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => format!(
            "this user may not use the Docker Engine at {SOCKET}.\n\
             Run `sudo usermod -aG docker $USER`, sign in again, and start again."
        ),
        _ => format!(
            "no Docker Engine answers at {SOCKET}.\n\
             Start it (`sudo systemctl start docker`), install it (Debian: `sudo apt-get install docker.io`), \
             or run this as root."
        ),
    }
}

/// Whether an engine answers.
pub async fn ping(socket: &Path) -> bool {
    let api = Api::new(socket);
    tokio::task::spawn_blocking(move || api.ping()).await.unwrap_or(false)
}

async fn version(socket: &Path) -> String {
    let api = Api::new(socket);
    let answer = tokio::task::spawn_blocking(move || api.get("/version")).await;
    let version = answer.ok().and_then(Result::ok).and_then(|v| v["Version"].as_str().map(str::to_owned));
    version.unwrap_or_else(|| "of an unknown version".into())
}

async fn keeps_containers(socket: &Path) -> bool {
    let api = Api::new(socket);
    let info = tokio::task::spawn_blocking(move || api.get("/info")).await;
    info.ok().and_then(Result::ok).is_none_or(|info| info["LiveRestoreEnabled"] != false)
}
