//! `berth-agent`: see [`berth_agent`].

use berth_agent::{
    agent,
    config::{Config, Flags},
    runtime::docker::DockerRuntime,
};
use clap::Parser as _;
use std::{process::ExitCode, sync::Arc};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    // Before anything else: TLS has no default provider, and whoever asks first would panic.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("berth-agent: another TLS provider is installed already");
        return ExitCode::FAILURE;
    }
    let flags = Flags::parse();
    let filter = EnvFilter::try_from_env("BERTH_AGENT_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    // The Docker client's own debug lines hold whole requests, with tenants' environment variables.
    let quiet = "bollard=info".parse().map(|directive| filter.add_directive(directive));
    let filter = quiet.unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).init();
    match run(flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

// Two threads are enough for a node: the work is Docker's.
#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn run(flags: Flags) -> anyhow::Result<()> {
    let config = Config::from_flags(flags)?;
    let runtime = DockerRuntime::new(&config.docker).map_err(anyhow::Error::msg)?;
    let end = CancellationToken::new();
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let ending = end.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping; containers are left running");
        ending.cancel();
    });
    agent::run(config, Arc::new(runtime), end).await
}
