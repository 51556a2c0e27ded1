//! `berth down`: removes what `berth up` brought to this machine: apps, platform, data, and the engine if it was its own.

use super::{home::Home, progress::Step, service, settings};
use anyhow::{Context, Result, bail, ensure};
use berth_local_docker::{Engine, api::Api};
use berth_local_postgres::Server;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use std::{
    fs,
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// How long a running platform may take to stop.
const STOP_MAX: Duration = Duration::from_secs(90);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What to remove.
#[derive(Debug, clap::Args)]
pub struct Flags {
    /// Where everything is kept [default: as for `berth up`]
    #[arg(long, env = "BERTH_HOME")]
    home: Option<PathBuf>,
    /// Remove without asking
    #[arg(long, short)]
    yes: bool,
}

/// Removes everything, after asking.
pub async fn run(flags: Flags) -> Result<()> {
    let path = match flags.home {
        Some(home) => std::path::absolute(&home)?,
        None => settings::default_home()?,
    };
    // The work blocks: there is nothing else to do meanwhile.
    tokio::task::spawn_blocking(move || remove(&Home::new(&path), flags.yes)).await.context("removing")?
}

fn remove(home: &Home, yes: bool) -> Result<()> {
    ensure!(home.path().join("up.lock").exists(), "nothing is installed in {}", home.path().display());
    let private = Engine::find(&home.docker());
    let apps = Apps::find(home, private.is_some());
    println!("This removes from {}:", home.path().display());
    if home.postgres().is_dir() {
        println!("  - the platform with all that it knows: accounts, apps, releases, audit trail");
    } else {
        println!("  - the platform, but not what it knows: that is in a database of yours, which stays as it is");
    }
    println!("  - {} running or stopped containers of apps", apps.containers.len());
    if home.docker().is_dir() {
        println!("  - the Docker Engine that berth started, with its images and volumes");
    }
    confirm(yes)?;

    stop_platform(home)?;
    let step = Step::begin("Apps");
    apps.remove(home)?;
    step.done("removed");
    if home.docker().is_dir() {
        let step = Step::begin("Docker Engine");
        if let Some(engine) = Engine::find(&home.docker()) {
            engine.stop()?;
        }
        Engine::erase(&fs::canonicalize(home.docker())?)?;
        step.done("removed");
    }
    fs::remove_dir_all(home.path()).with_context(|| format!("removing {}", home.path().display()))?;
    println!("Everything is removed.");
    Ok(())
}

fn confirm(yes: bool) -> Result<()> {
    if yes {
        return Ok(());
    }
    ensure!(std::io::stdin().is_terminal(), "nobody is there to be asked: give --yes to remove it");
    print!("There is no way back. Type \"yes\" to go on: ");
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    ensure!(answer.trim() == "yes", "nothing was removed");
    Ok(())
}

/// Stops a `berth up` that runs, and what one that was killed has left.
fn stop_platform(home: &Home) -> Result<()> {
    if let Some(pid) = home.user() {
        let step = Step::begin("Platform");
        kill(Pid::from_raw(pid), Signal::SIGTERM).context("stopping the platform")?;
        let deadline = Instant::now() + STOP_MAX;
        while home.user().is_some() {
            ensure!(Instant::now() < deadline, "the platform (process {pid}) does not stop");
            std::thread::sleep(LOOK_EVERY);
        }
        step.done("stopped");
    }
    service::kill_all(home, &["agent", "server"]);
    if let Some(postgres) = Server::find(&home.postgres())? {
        postgres.stop(STOP_MAX)?;
    }
    Ok(())
}

/// The containers of this platform's apps.
struct Apps {
    api: Option<Api>,
    containers: Vec<String>,
}

impl Apps {
    fn find(home: &Home, engine_is_private: bool) -> Self {
        let socket = fs::read_to_string(home.engine_file()).unwrap_or_default();
        let api = Api::new(socket);
        if !api.ping() {
            return Self { api: None, containers: Vec::new() };
        }
        // On an engine that others use, too, only what carries the label of this installation is ours.
        let label = match (engine_is_private, install_id(&home.agent())) {
            (true, _) => "berth.install".to_owned(),
            (false, Some(install)) => format!("berth.install={install}"),
            (false, None) => return Self { api: None, containers: Vec::new() },
        };
        let filters = format!("%7B%22label%22%3A%5B%22{}%22%5D%7D", label.replace('=', "%3D"));
        let found = api.get(&format!("/containers/json?all=true&filters={filters}")).unwrap_or_default();
        let ids = found.as_array().into_iter().flatten().filter_map(|c| c["Id"].as_str().map(str::to_owned));
        Self { containers: ids.collect(), api: Some(api) }
    }

    fn remove(&self, home: &Home) -> Result<()> {
        let Some(api) = &self.api else {
            if home.docker().join("data").is_dir() {
                bail!("the private engine does not run, so its containers cannot be removed: run `berth up` once more");
            }
            return Ok(());
        };
        for id in &self.containers {
            api.delete(&format!("/containers/{id}?force=true&v=true"))?;
        }
        Ok(())
    }
}

/// The installation's id, as the agent noted it when it joined.
fn install_id(agent: &Path) -> Option<String> {
    let identity: Value = serde_json::from_slice(&fs::read(agent.join("identity.json")).ok()?).ok()?;
    identity["install"].as_str().map(str::to_owned)
}
