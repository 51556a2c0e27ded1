//! Memory and processor time of a process, as the kernel counts them.

use anyhow::{Context, Result};
use std::fs;

/// Clock ticks a second in /proc: fixed by the kernel's interface.
const TICKS_PER_S: f64 = 100.0;

/// Memory, in MiB.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// Resident, with what is shared with others.
    pub rss_mib: f64,
    /// Resident, with its share of what is shared.
    pub pss_mib: f64,
}

/// Of a process.
pub fn of(pid: i32) -> Result<Memory> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    let field = |name: &str| -> Result<f64> {
        let line = text.lines().find(|line| line.starts_with(name)).with_context(|| format!("{path} has no {name}"))?;
        let kib: f64 = line.split_whitespace().nth(1).context("no number")?.parse()?;
        Ok(kib / 1024.0)
    };
    Ok(Memory { rss_mib: field("Rss:")?, pss_mib: field("Pss:")? })
}

/// Processor time that a process has used, in seconds.
pub fn cpu_s(pid: i32) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).context("reading a process's times")?;
    // The second field is the program's name in brackets and may hold anything.
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or_default();
    Ok((ticks(11) + ticks(12)) / TICKS_PER_S)
}
