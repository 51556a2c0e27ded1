//! The agents' port: wires the scheduler's gRPC server to the store. It decides nothing; what agents may have is answered
//! by [`directory`].

pub mod directory;
pub mod join;

use crate::{
    reconcile::{Nudges, observation::Observer},
    settings::Settings,
    startup::App,
    store::{Store, StoreError, SystemTx, join_tokens::insert_join_token, nodes::has_nodes},
};
use anyhow::Context as _;
use berth_scheduler::{registry::Registry, server::AgentPort};
use directory::StoreDirectory;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// The agents' port, bound and ready to serve.
pub struct Bound {
    /// Where it listens.
    pub address: std::net::SocketAddr,
    port: AgentPort,
    listener: TcpListener,
}

/// Binds the agents' port with a fresh certificate for every name that agents may use.
pub fn bind(app: Arc<App>, registry: Arc<Registry>, observer: Observer, nudges: Nudges) -> anyhow::Result<Bound> {
    let settings = &app.settings;
    let listener = std::net::TcpListener::bind(settings.agent_listen)
        .with_context(|| format!("cannot listen for agents on {}", settings.agent_listen))?;
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let address = listener.local_addr()?;
    let now_ms = app.clock.now().timestamp_millis().unsigned_abs();
    let directory = StoreDirectory { app: app.clone(), observer, nudges };
    let port = AgentPort::new(&app.authority, &hosts(settings), now_ms, app.install, Arc::new(directory), registry)
        .context("cannot issue the certificate of the agents' port")?;
    Ok(Bound { address, port, listener })
}

impl Bound {
    /// Serves until `stop`.
    pub async fn serve(self, stop: CancellationToken) {
        if let Err(error) = self.port.serve(self.listener, stop).await {
            tracing::error!(error = format!("{error:#}"), "the agents' port failed");
        }
    }
}

/// Writes a join token for the first node to the file that the settings name, unless a node has joined or the file holds
/// one that is good still.
pub async fn offer_bootstrap_token(app: &App) -> anyhow::Result<()> {
    let Some(file) = &app.settings.bootstrap_join_token_file else { return Ok(()) };
    let kept = std::fs::read_to_string(file).ok().map(|text| join::sha256(text.trim()));
    let drawn = join::draw(&*app.ids, app.clock.now(), app.authority.fingerprint(), None);
    if keep_bootstrap_token(&app.store, kept, &drawn).await? {
        crate::seal::write_private(file, format!("{}\n", drawn.text).as_bytes())
            .with_context(|| format!("cannot write the join token to {}", file.display()))?;
        tracing::info!(file = %file.display(), "a join token for the first node was written");
    }
    Ok(())
}

async fn keep_bootstrap_token(store: &Store, kept: Option<[u8; 32]>, drawn: &join::Drawn) -> Result<bool, StoreError> {
    let mut tx = SystemTx::begin(store, &directory::PERMIT).await?;
    if has_nodes(tx.conn()).await? {
        return Ok(false);
    }
    if let Some(kept) = kept
        && crate::store::join_tokens::is_good(&mut tx, &kept).await?
    {
        return Ok(false);
    }
    insert_join_token(tx.conn(), &drawn.kept).await?;
    tx.commit_unaudited().await?;
    Ok(true)
}

/// The host names and addresses under which agents reach this server.
fn hosts(settings: &Settings) -> Vec<String> {
    let url = settings.agent_public_url.as_str();
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest).split('/').next().unwrap_or_default();
    let host = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((v6, _)) => v6,
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    };
    let mut hosts = vec![host.to_owned(), settings.agent_listen.ip().to_string(), "localhost".to_owned()];
    hosts.push("127.0.0.1".to_owned());
    hosts.sort();
    hosts.dedup();
    hosts.retain(|host| !host.is_empty());
    hosts
}
