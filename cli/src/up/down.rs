//! `berth down`: removes what `berth up` brought to this machine: apps, platform, data, and the engine if it was its own.

use super::{home::Home, progress::Step, service, settings};
use anyhow::{Context, Result, ensure};
use berth_local_docker::{Engine, Layout, api::Api};
use berth_local_postgres::Server;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use std::{
    fs,
    io::{ErrorKind, IsTerminal, Write},
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
    let apps = Apps::find(home)?;
    println!("This removes from {}:", home.path().display());
    if home.postgres().is_dir() {
        println!("  - the platform with all that it knows: accounts, apps, releases, audit trail");
    } else {
        println!("  - the platform, but not what it knows: that is in a database of yours, which stays as it is");
    }
    println!("  - {} running or stopped containers of apps", apps.map_or(0, |apps| apps.containers.len()));
    if home.docker().is_dir() {
        println!("  - the Docker Engine that berth started, with its images and volumes");
    }
    confirm(yes)?;

    stop_platform(home)?;
    let step = Step::begin("Apps");
    // Anew: the platform may have started some until it stopped.
    if let Some(apps) = Apps::find(home)? {
        apps.remove()?;
    }
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

/// What this platform's apps have on the engine.
struct Apps {
    api: Api,
    containers: Vec<String>,
    networks: Vec<String>,
}

impl Apps {
    /// None when there never was an engine or a node. It is an error when the engine does not answer: what cannot be seen
    /// would be left behind, with nothing that knows of it any more.
    fn find(home: &Home) -> Result<Option<Self>> {
        let socket = match fs::read_to_string(home.engine_file()) {
            Ok(socket) => socket,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).context("reading which engine the apps run on"),
        };
        // The last one that was used: a private one may lie here from before another was installed.
        let private = fs::canonicalize(home.docker()).ok().map(|home| Layout::of(&home).socket());
        let engine_is_private = private.as_deref() == Some(Path::new(&socket));
        // On an engine that others use, too, only what carries the label of this installation is ours.
        let label = match (engine_is_private, install_id(&home.agent())?) {
            (true, _) => "berth.install".to_owned(),
            (false, Some(install)) => format!("berth.install={install}"),
            (false, None) => return Ok(None),
        };
        let api = Api::new(&socket);
        ensure!(
            api.ping(),
            "the Docker Engine at {socket} does not answer, so the apps cannot be removed: {}",
            if engine_is_private { "run `berth up` once more" } else { "start it and try again" }
        );
        let filters = format!("%7B%22label%22%3A%5B%22{}%22%5D%7D", label.replace('=', "%3D"));
        let containers = ids(&api.get(&format!("/containers/json?all=true&filters={filters}"))?)?;
        let networks = ids(&api.get(&format!("/networks?filters={filters}"))?)?;
        Ok(Some(Self { api, containers, networks }))
    }

    fn remove(&self) -> Result<()> {
        for id in &self.containers {
            self.api.delete(&format!("/containers/{id}?force=true&v=true"))?;
        }
        // After the containers: a network that is in use is not removed.
        for id in &self.networks {
            self.api.delete(&format!("/networks/{id}"))?;
        }
        Ok(())
    }
}

fn ids(found: &Value) -> Result<Vec<String>> {
    let found = found.as_array().context("the Docker Engine's answer is no list")?;
    Ok(found.iter().filter_map(|one| one["Id"].as_str().map(str::to_owned)).collect())
}

/// The installation's id, as the agent noted it when it joined.
fn install_id(agent: &Path) -> Result<Option<String>> {
    let bytes = match fs::read(agent.join("identity.json")) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).context("reading the node's identity"),
    };
    let identity: Value = serde_json::from_slice(&bytes).context("the node's identity cannot be read")?;
    Ok(identity["install"].as_str().map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apps_on_an_engine_that_does_not_answer_are_not_taken_for_none() {
        let dir = tempfile::tempdir().expect("a directory");
        let home = Home::new(dir.path());
        assert!(Apps::find(&home).expect("no engine was ever used").is_none());
        fs::create_dir_all(home.agent()).expect("made");
        fs::write(home.agent().join("identity.json"), r#"{"install":"one"}"#).expect("written");
        let socket = dir.path().join("docker.sock");
        fs::write(home.engine_file(), socket.to_string_lossy().as_bytes()).expect("written");
        let refused = Apps::find(&home).err().expect("nothing listens there").to_string();
        assert!(refused.contains("does not answer"), "{refused}");
    }
}
