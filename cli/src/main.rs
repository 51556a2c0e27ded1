//! `berth`: starts a platform on this machine, and works with one anywhere.

mod up;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Debug, Parser)]
#[command(name = "berth", version, about = "Berth, a container cloud on machines of your own")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Starts the platform on this machine and keeps it running
    Up(up::settings::Flags),
    /// Removes the apps, the platform and what it stored on this machine
    Down(up::down::Flags),
}

#[tokio::main]
async fn main() -> ExitCode {
    // First of all: every TLS client of the process asks for it.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        unreachable!("nothing ran before this line that could install another provider");
    }
    let result = match Arguments::parse().command {
        Command::Up(flags) => up::run(flags).await,
        Command::Down(flags) => up::down::run(flags).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
