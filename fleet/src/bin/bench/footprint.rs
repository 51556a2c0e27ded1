//! What the platform takes: memory idle and with instances, bytes of the console's first load, time of `berth up`.

use crate::{
    memory::{self, Memory},
    page,
    report::{Report, Samples},
    up,
};
use anyhow::Result;
use berth_fleet_tests::{
    parts::Parts,
    run::block_on,
    stack::Stack,
    wait::{AFTER_A_LOSS, SOON},
};
use berth_local_postgres::Durability;
use berth_testkit::fleet::Fleet;
use std::{thread, time::Duration};

/// How long everything is left alone before it is looked at, and how long processor time is counted.
const SETTLE: Duration = Duration::from_secs(15);
const KB: f64 = 1000.0;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// Instances on the one node
    #[arg(long, default_value_t = 50)]
    instances: u32,
    /// Starts of `berth up` of each kind
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Leave `berth up` out
    #[arg(long)]
    without_up: bool,
}

pub fn run(options: &Options) -> Result<Report> {
    let mut report = Report::begin("footprint");
    Parts::find();
    let stack = block_on(Stack::start_on(Fleet::start(1), Durability::Durable));
    let version = stack.fleet.host(0).docker().get("/version")?;
    let engine = format!("Docker Engine {}", version["Version"].as_str().unwrap_or("of an unknown version"));
    report.line(format!("beside it on the same host: {engine}"));
    report.fact("engine", engine);
    look(&mut report, &stack, "idle", "idle")?;
    block_on(fill(&stack, options.instances));
    look(&mut report, &stack, "loaded", &format!("with {} instances", options.instances))?;
    block_on(first_load(&mut report, &stack))?;
    if !options.without_up {
        starts(&mut report, &stack, options.rounds)?;
    }
    Ok(report)
}

async fn fill(stack: &Stack, instances: u32) {
    let apps = stack.apps();
    // Apps of ten, as a node has them rather than one large one.
    let mut left = instances;
    let mut number = 0;
    while left > 0 {
        number += 1;
        let name = format!("app-{number}");
        apps.create(&name, left.min(10), apps.hello_unhurried("1")).await.unwrap_or_else(|failure| panic!("{failure}"));
        left -= left.min(10);
    }
    for number in 1..=number {
        apps.until_healthy(&format!("app-{number}"), AFTER_A_LOSS + SOON).await;
    }
}

fn look(report: &mut Report, stack: &Stack, name: &str, label: &str) -> Result<()> {
    let all =
        [("server", stack.server_pid()), ("agent", stack.agent_pid(0)), ("dockerd", stack.fleet.host(0).dockerd_pid())];
    thread::sleep(SETTLE);
    let before = all.map(|(_, pid)| memory::cpu_s(pid));
    thread::sleep(SETTLE);
    report.line(format!("Memory and processor time {label}"));
    for ((program, pid), before) in all.into_iter().zip(before) {
        let Memory { rss_mib, pss_mib } = memory::of(pid)?;
        let percent = (memory::cpu_s(pid)? - before?) / SETTLE.as_secs_f64() * 100.0;
        report.figure(&format!("{program}_{name}_rss"), &format!("{program}, resident (RSS)"), rss_mib, "MiB");
        report.figure(&format!("{program}_{name}_pss"), &format!("{program}, resident (PSS)"), pss_mib, "MiB");
        report.figure(&format!("{program}_{name}_cpu"), &format!("{program}, of one core"), percent, "%");
    }
    Ok(())
}

async fn first_load(report: &mut Report, stack: &Stack) -> Result<()> {
    if Parts::find().console.is_none() {
        report.line("The console is not built: its first load is not measured");
        return Ok(());
    }
    let files = page::first_load(&stack.url()).await?;
    let fonts = page::fonts(&stack.url(), &files).await?;
    report.line("The console's first load, compressed with Brotli");
    for file in &files {
        report.line(format!("    {:<42} {:>9.1} kB", file.path, file.bytes as f64 / KB));
    }
    let total = |files: &[page::File]| files.iter().map(|file| file.bytes).sum::<usize>() as f64 / KB;
    report.figure("first_load", "all of it", total(&files), "kB");
    report.figure("fonts", &format!("{} fonts that the styles name", fonts.len()), total(&fonts), "kB");
    Ok(())
}

fn starts(report: &mut Report, stack: &Stack, rounds: usize) -> Result<()> {
    let Some(berth) = &Parts::find().berth else {
        report.line("There is no installation: `berth up` is not measured");
        return Ok(());
    };
    let (mut cold, mut warm) = (Samples::default(), Samples::default());
    for _ in 0..rounds {
        let home = up::Home::new()?;
        cold.0.push(up::time(berth, &home, stack.fleet.host(0))?);
        warm.0.push(up::time(berth, &home, stack.fleet.host(0))?);
    }
    report.compare(
        "up",
        "`berth up` from its binaries beside a running engine, until the console is there",
        &[("from nothing", &cold), ("again, finding everything", &warm)],
    );
    Ok(())
}
