//! Builds what is measured, optimised, and hands over to `berth-bench`, which measures.

use crate::{
    console::Mode,
    place, prerequisites,
    process::{cargo, run},
    up,
};
use anyhow::Result;

/// Which benchmark, and what is handed on.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// `deploy` or `footprint`, and its own options: `--rounds N`, `--json FILE`, `--help`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Measures optimised binaries; no others say anything.
pub fn run_bench(options: &Options) -> Result<()> {
    prerequisites::for_tests()?;
    up::build_installation(true, Mode::Small)?;
    run(cargo()
        .args(["run", "--quiet", "--release", "--package", "berth-fleet-tests", "--bin", "berth-bench", "--"])
        .args(&options.arguments)
        .env("SQLX_OFFLINE", "true")
        .env("BERTH_INSTALLATION", place::installation()))
}
