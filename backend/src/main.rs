//! `berth-server`: reads its settings and runs until it is told to stop.

use anyhow::Context as _;
use berth_server::{clock, settings::Settings, startup};
use tracing_subscriber::{EnvFilter, fmt};

fn main() -> anyhow::Result<()> {
    // First of all: every TLS client and server of the process asks for it.
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("another crypto provider was installed before ours"))?;
    let settings = Settings::from_process()?;
    let filter = EnvFilter::try_from_env("BERTH_LOG").unwrap_or_else(|_| EnvFilter::new("info,sqlx=warn"));
    match settings.log_format {
        berth_server::settings::LogFormat::Text => fmt().with_env_filter(filter).init(),
        berth_server::settings::LogFormat::Json => fmt().json().with_env_filter(filter).init(),
    }
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?
        .block_on(startup::run(settings, clock::System::new(), clock::Random::new()))
}
