//! From a clone to a running console.

use crate::{
    console::{self, Mode},
    place, prerequisites,
    process::{cargo, run, step},
    sample,
};
use anyhow::{Context, Result};
use std::{fs, os::unix::process::CommandExt, process::Command, thread};

/// What an installation consists of.
const BINARIES: [&str; 3] = ["berth", "berth-server", "berth-agent"];

/// Which binaries, which console, and what is handed on.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Build optimised binaries: slower to build, faster and smaller to run
    #[arg(long)]
    release: bool,
    /// Build the console quickly instead of small
    #[arg(long)]
    dev: bool,
    /// Build only, start nothing
    #[arg(long)]
    build_only: bool,
    /// Handed on to `berth up`
    #[arg(last = true)]
    berth_up: Vec<String>,
}

/// Builds what is not up to date, then becomes `berth up`.
pub fn run_up(options: &Options) -> Result<()> {
    prerequisites::for_up()?;
    build_installation(options.release, if options.dev { Mode::Quick } else { Mode::Small })?;
    if options.build_only {
        println!("Built in {}", place::installation().display());
        return Ok(());
    }
    let berth = place::installation().join("berth");
    // Takes our place: Ctrl-C and the terminal belong to it from here on.
    let error = Command::new(&berth).arg("up").args(&options.berth_up).exec();
    Err(error).with_context(|| format!("starting {}", berth.display()))
}

/// Fills the directory that a user would unpack.
pub fn build_installation(release: bool, mode: Mode) -> Result<()> {
    // Side by side: the linker's pass over the whole console keeps a single core busy for minutes.
    thread::scope(|scope| {
        let console = scope.spawn(|| console::build(mode));
        let binaries = step("the binaries", || build_binaries(release)).and_then(|()| sample::build());
        let console = console.join().expect("building the console does not panic");
        binaries.and(console)
    })
}

fn build_binaries(release: bool) -> Result<()> {
    let mut command = cargo();
    command.arg("build");
    for binary in BINARIES {
        command.args(["--bin", binary]);
    }
    if release {
        command.arg("--release");
    }
    // Checked queries are compared with the prepared data, not with whatever database the environment names.
    run(command.env("SQLX_OFFLINE", "true"))?;
    let built = place::target().join(if release { "release" } else { "debug" });
    fs::create_dir_all(place::installation())?;
    for binary in BINARIES {
        let target = place::installation().join(binary);
        // Linked anew rather than written over: a running program's file cannot be written.
        fs::remove_file(&target).ok();
        if fs::hard_link(built.join(binary), &target).is_err() {
            fs::copy(built.join(binary), &target).with_context(|| format!("placing {binary}"))?;
        }
    }
    Ok(())
}
