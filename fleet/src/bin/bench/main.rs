//! Measures the platform beside others, on the same engine in the same run, in turn. `cargo xtask bench NAME` builds
//! what is measured and starts this. Nothing here asserts a time.

mod deploy;
mod footprint;
mod memory;
mod page;
mod peers;
mod report;
mod up;

use clap::{Parser, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Parser)]
#[command(name = "berth-bench", about = "Measures Berth beside others")]
struct Arguments {
    #[command(subcommand)]
    what: What,
    /// Write the figures to a file, too
    #[arg(long, global = true)]
    json: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// From the request to a healthy instance, beside plain Docker and Docker Swarm
    Deploy(deploy::Options),
    /// Memory of server and agent, the console's first load, the time of `berth up`
    Footprint(footprint::Options),
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let report = match arguments.what {
        What::Deploy(options) => deploy::run(&options)?,
        What::Footprint(options) => footprint::run(&options)?,
    };
    report.print();
    report.write(arguments.json.as_deref())
}
