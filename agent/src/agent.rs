//! Wires the agent together: the composition root.

use crate::{
    config::Config,
    enroll::{self, EnrollError, JoinToken},
    events::Events,
    facts,
    identity::Identity,
    images::Images,
    ledger::Ledger,
    manager::{self, Manager},
    runtime::Runtime,
    session::{GrpcUplink, Session},
    tls::ServerAddress,
    worker::Workshop,
};
use anyhow::{Context as _, anyhow, bail};
use berth_domain::id::NodeId;
use berth_proto::fleet::NodeFacts;
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::watch, time};
use tokio_util::sync::CancellationToken;

/// Between two looks for a join token's file that is not there yet, and between two tries to join.
const JOIN_PERIOD: Duration = Duration::from_millis(500);

/// Runs the agent until it is told to end. Containers are left as they are.
pub async fn run(config: Config, runtime: Arc<dyn Runtime>, end: CancellationToken) -> anyhow::Result<()> {
    let server = ServerAddress::parse(&config.server)?;
    let directory = config.state_dir.clone();
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&directory)
        .with_context(|| format!("the state directory {} cannot be made", directory.display()))?;
    let _lock = only_one(&directory)?;
    if let Some(file) = &config.ready_file {
        forget(file)?;
    }
    let first_facts =
        facts::gather(runtime.as_ref(), config.advertise_address, &BTreeSet::new(), &NodeFacts::default()).await;
    let identity = tokio::select! {
        identity = join(&config, &server, first_facts.clone()) => identity?,
        () = end.cancelled() => return Ok(()),
    };
    let ledger = Ledger::open(&directory, identity.install)?;
    let (uplink, slot) = GrpcUplink::new();
    let announcing = announce(uplink.connected(), config.ready_file.clone(), identity.node);
    let images = Arc::new(Images::new(runtime.clone(), Arc::new(uplink), ledger.uploads.clone()));
    let shop = Workshop::new(runtime.clone(), images.clone(), identity.install, config.advertise_address);
    let shop = Arc::new(shop);
    let events = Arc::new(Events::default());
    let (manager, door) = Manager::new(shop.clone(), events.clone(), directory.clone(), ledger, config.spare_sandboxes);
    let (show_facts, facts) = watch::channel(first_facts);
    let looking =
        facts::attend(runtime.clone(), config.advertise_address, door.observation.clone(), images, show_facts);
    let attending = manager::attend(shop, door.inbox.clone());
    let session = Session::new(server, directory, identity, door, events, facts, runtime, slot);
    let managing = tokio::spawn(manager.run(end.clone()));
    tokio::select! {
        () = async { tokio::join!(looking, attending, announcing); } => {}
        () = session.run(end.clone()) => {}
    }
    end.cancel();
    managing.await.context("the manager failed")
}

/// What an earlier process announced says nothing of this one.
fn forget(ready_file: &Path) -> anyhow::Result<()> {
    match fs::remove_file(ready_file) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(e).with_context(|| format!("{} cannot be removed", ready_file.display()))
        }
        _ => Ok(()),
    }
}

/// Writes the node's id to the ready file once the server has taken the node in.
async fn announce(connected: impl Future<Output = bool>, ready_file: Option<PathBuf>, node: NodeId) {
    let Some(file) = ready_file else { return };
    if connected.await
        && let Err(error) = fs::write(&file, node.to_string())
    {
        tracing::error!(%error, path = %file.display(), "the ready file cannot be written; who waits for it waits in vain");
    }
}

/// Two agents on one state directory would fight over the same containers.
fn only_one(directory: &Path) -> anyhow::Result<nix::fcntl::Flock<fs::File>> {
    let path = directory.join("lock");
    let file = fs::OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path)?;
    nix::fcntl::Flock::lock(file, nix::fcntl::FlockArg::LockExclusiveNonblock)
        .map_err(|_| anyhow!("another agent runs on the state directory {}", directory.display()))
}

/// The identity that is kept, or a new one for the join token.
async fn join(config: &Config, server: &ServerAddress, mut facts: NodeFacts) -> anyhow::Result<Identity> {
    if let Some(identity) = Identity::load(&config.state_dir)? {
        return Ok(identity);
    }
    facts.address = config.advertise_address.to_string();
    let token = JoinToken::parse(&join_token(config).await?)?;
    let mut told = false;
    loop {
        match enroll::enroll(server, &token, config.name.as_str(), &config.labels, facts.clone()).await {
            Ok(identity) => {
                identity.save(&config.state_dir)?;
                tracing::info!(node.id = %identity.node, "joined");
                return Ok(identity);
            }
            Err(error @ EnrollError::Refused(_)) => return Err(error.into()),
            Err(EnrollError::Later(error)) => {
                if !told {
                    tracing::warn!(error = format!("{error:#}"), "the server cannot be joined yet; trying on");
                    told = true;
                }
                time::sleep(JOIN_PERIOD).await;
            }
        }
    }
}

async fn join_token(config: &Config) -> anyhow::Result<String> {
    if let Some(token) = &config.join_token {
        return Ok(token.clone());
    }
    let Some(path) = &config.join_token_file else {
        bail!("this node has not joined: give it --join-token or --join-token-file once");
    };
    let mut told = false;
    loop {
        match fs::read_to_string(path) {
            Ok(text) if !text.trim().is_empty() => return Ok(text),
            Ok(_) => {}
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(e).with_context(|| format!("{} cannot be read", path.display())),
        }
        if !told {
            tracing::info!(path = %path.display(), "waiting for the join token");
            told = true;
        }
        time::sleep(JOIN_PERIOD).await;
    }
}
