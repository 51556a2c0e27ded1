//! Builds, starts, tests and measures the project. Only what exists is listed: `cargo xtask --help`.

mod bench;
mod console;
mod e2e;
mod fresh;
mod matrix;
mod npm;
mod place;
mod prerequisites;
mod process;
mod sample;
mod suite;
mod tidy;
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
    /// All tests, or those whose name contains the filter
    Test {
        /// Part of a name
        filter: Option<String>,
    },
    /// A benchmark, ours and the others in turn
    Bench(bench::Options),
    /// The browser tests; screenshots are in target/e2e
    E2e {
        /// Part of a name
        filter: Option<String>,
    },
    /// Who may import whom, and other rules of the tree
    Tidy,
    /// The simulator: a cluster in memory with faults from a seed
    Sim {
        /// `--seeds N` or `--seed S`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Every route × caller × place against the policy: how many cells, how many wrong lines
    Matrix {
        /// Write the policy anew, for review
        #[arg(long)]
        write: bool,
    },
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
        Task::Test { filter } => suite::run(filter.as_deref()),
        Task::Bench(options) => bench::run_bench(&options),
        Task::E2e { filter } => e2e::run_e2e(filter.as_deref()),
        Task::Tidy => tidy::run(),
        Task::Sim { arguments } => {
            process::run(process::cargo().args(["run", "--quiet", "-p", "berth-scheduler-sim", "--"]).args(arguments))
        }
        Task::Matrix { write } => matrix::run_matrix(write),
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
