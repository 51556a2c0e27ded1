//! `berth`: starts a platform on this machine, and works with one anywhere.

mod client;
mod commands;
mod exit;
mod output;
mod up;

use anyhow::Result;
use clap::{CommandFactory, Parser, Subcommand};
use client::place::{Place, PlaceFlags};
use commands::{apps, audit, deploy, login, logs, nodes, operate};
use std::process::ExitCode;

#[derive(Debug, Parser)]
#[command(name = "berth", version, about = "Berth, a container cloud on machines of your own", after_help = exit::HELP)]
struct Arguments {
    #[command(flatten)]
    place: PlaceFlags,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Starts the platform on this machine and keeps it running
    Up(up::settings::Flags),
    /// Removes the apps, the platform and what it stored on this machine
    Down(up::down::Flags),
    /// Signs in with --token, or with e-mail and password
    Login(login::LoginFlags),
    /// Forgets the token, here and on the server
    Logout,
    /// Remembers where to work
    Use {
        /// TENANT/PROJECT/ENVIRONMENT
        scope: String,
    },
    /// Apps of the environment, or one of them with its instances
    Apps(apps::AppsFlags),
    /// Creates an app or rolls out a change
    Deploy(deploy::DeployFlags),
    /// The log of an app, all instances merged
    Logs(logs::LogsFlags),
    /// Changes the number of instances
    Scale(operate::ScaleFlags),
    /// Goes back to an earlier release
    Rollback(operate::RollbackFlags),
    /// Replaces every instance by a fresh one
    Restart(operate::AppFlags),
    /// Stops all instances
    Stop(operate::AppFlags),
    /// Starts them again
    Start(operate::AppFlags),
    /// Deletes an app with all that it has
    Delete(operate::DeleteFlags),
    /// The machines that apps run on
    Nodes(nodes::NodesFlags),
    /// The audit trail: takes it away, and checks it
    Audit(audit::AuditFlags),
    /// Prints what completes commands in a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    // First of all: every TLS client of the process asks for it.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        unreachable!("nothing ran before this line that could install another provider");
    }
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if output::is_unread(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            exit::code_of(&error).into()
        }
    }
}

async fn run(arguments: Arguments) -> Result<()> {
    let place = match arguments.command {
        Command::Up(flags) => return up::run(flags).await,
        Command::Down(flags) => return up::down::run(flags).await,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "berth", &mut script);
            return output::line(String::from_utf8_lossy(&script).trim_end());
        }
        _ => Place::new(arguments.place)?,
    };
    match arguments.command {
        Command::Login(flags) => login::login(place, flags).await,
        Command::Logout => login::logout(place).await,
        Command::Use { scope } => login::choose(place, &scope).await,
        Command::Apps(flags) => apps::show(&place, flags).await,
        Command::Deploy(flags) => deploy::deploy(&place, flags).await,
        Command::Logs(flags) => logs::show(&place, flags).await,
        Command::Scale(flags) => operate::scale(&place, flags).await,
        Command::Rollback(flags) => operate::roll_back(&place, flags).await,
        Command::Restart(flags) => operate::restart(&place, flags).await,
        Command::Stop(flags) => operate::stop(&place, flags).await,
        Command::Start(flags) => operate::start(&place, flags).await,
        Command::Delete(flags) => operate::delete(&place, flags).await,
        Command::Nodes(flags) => nodes::run(&place, flags).await,
        Command::Audit(flags) => audit::run(&place, flags).await,
        Command::Up(_) | Command::Down(_) | Command::Completions { .. } => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
