//! `berth-server`: reads its settings and runs until it is told to stop.

use anyhow::Context as _;
use berth_server::{
    clock,
    settings::{LogFormat, Settings},
    startup,
};
use std::io::{self, IsTerminal as _};
use tracing_subscriber::{EnvFilter, fmt};

fn main() -> anyhow::Result<()> {
    // First of all: every TLS client and server of the process asks for it.
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("another crypto provider was installed before ours"))?;
    let settings = Settings::from_process()?;
    let filter =
        EnvFilter::try_from_env("BERTH_LOG").unwrap_or_else(|_| EnvFilter::new("info,sqlx=warn,actix_server=warn"));
    let log = fmt().with_env_filter(filter).with_writer(io::stderr);
    match settings.log_format {
        LogFormat::Text => log.with_ansi(io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().init(),
    }
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?
        .block_on(startup::run(settings, clock::System::new(), clock::Random::new()))
}
