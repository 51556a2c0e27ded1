//! Builds, starts, tests and measures the project. Only what exists is listed: `cargo xtask --help`.

mod console;
mod fresh;
mod place;
mod prerequisites;
mod process;
mod sample;
mod up;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Builds, starts, tests and measures Berth")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Everything from nothing to the console
    Up(up::Options),
    /// Builds the console
    Console {
        /// Quickly instead of small
        #[arg(long)]
        dev: bool,
    },
    /// Builds the sample app's image
    Sample,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        Task::Up(options) => up::run_up(&options),
        Task::Console { dev } => console::build(if dev { console::Mode::Quick } else { console::Mode::Small }),
        Task::Sample => sample::build(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
