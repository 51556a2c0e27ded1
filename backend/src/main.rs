//! `berth-server`: reads its settings and runs until it is told to stop.

use anyhow::Context as _;
use berth_server::{
    clock, health_check,
    settings::{Command, LogFormat},
    startup,
};
use std::io::{self, IsTerminal as _};
use tracing_subscriber::{EnvFilter, fmt};

/// Blocks from this size on go back to the kernel as soon as they are freed, in bytes. Without a fixed size glibc learns
/// from the first 19 MiB that a password took, and keeps as much for every core for good: twice what all else needs.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE_BLOCK_BYTES: libc::c_int = 512 * 1024;

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "the allocator has no other door")]
fn give_large_blocks_back() {
    // SAFETY: sets a number of the allocator's, before the process has a second thread.
    let taken = unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES) };
    debug_assert_eq!(taken, 1, "the size is one that glibc takes");
}
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn give_large_blocks_back() {}

fn main() -> anyhow::Result<()> {
    give_large_blocks_back();
    // Before anything is done: every TLS client and server of the process asks for it.
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("another crypto provider was installed before ours"))?;
    let settings = match Command::from_process()? {
        Command::Serve(settings) => *settings,
        Command::Check(address) => return health_check::ask(address),
    };
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
