//! `berth-sim`: runs the simulator over many seeds, or one seed again.

use berth_scheduler_sim::{Sabotage, run};
use clap::Parser;
use std::process::ExitCode;

/// Simulates clusters with faults from seeds and checks that they stay safe and come to rest.
#[derive(Parser)]
struct Arguments {
    /// Run the seeds 0 to N - 1.
    #[arg(long, default_value_t = 1000, conflicts_with = "seed")]
    seeds: u64,
    /// Run this seed only, and print what happened.
    #[arg(long)]
    seed: Option<u64>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let seeds = arguments.seed.map_or(0..arguments.seeds, |seed| seed..seed.saturating_add(1));
    let (mut ran, mut failures) = (0_u64, 0_u64);
    for seed in seeds {
        ran += 1;
        match run(seed, Sabotage::None) {
            Ok(summary) if arguments.seed.is_some() => println!("{summary:#?}"),
            Ok(_) => {}
            Err(failure) => {
                failures += 1;
                println!("{failure}\nrun it again with: berth-sim --seed {seed}");
            }
        }
    }
    println!("seeds {ran}, failures {failures}");
    if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
