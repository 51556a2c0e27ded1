//! Figures: medians with their ranges, ratios, text and JSON.

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use std::{fs, path::Path, process::Command, time::SystemTime};

/// What one thing was measured at, once a round.
#[derive(Debug, Clone, Default)]
pub struct Samples(pub Vec<f64>);

impl Samples {
    /// The middle one.
    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        match sorted.len() {
            0 => f64::NAN,
            count if count % 2 == 1 => sorted[count / 2],
            count => f64::midpoint(sorted[count / 2 - 1], sorted[count / 2]),
        }
    }

    fn range(&self) -> (f64, f64) {
        self.0.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(*value), high.max(*value)))
    }
}

/// The parts of something, each measured once a round.
#[derive(Debug, Default)]
pub struct Stages(Vec<(&'static str, Samples)>);

impl Stages {
    /// How long a part took. One that began before the part before it was over counts as negative.
    pub fn note(&mut self, name: &'static str, from: SystemTime, to: SystemTime) {
        let ms = match to.duration_since(from) {
            Ok(took) => took.as_secs_f64() * 1000.0,
            Err(error) => -error.duration().as_secs_f64() * 1000.0,
        };
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, samples)) => samples.0.push(ms),
            None => self.0.push((name, Samples(vec![ms]))),
        }
    }
}

/// What a benchmark found.
#[derive(Debug, Default)]
pub struct Report {
    name: &'static str,
    lines: Vec<String>,
    facts: Map<String, Value>,
}

impl Report {
    /// Begins one, with what was measured on what.
    pub fn begin(name: &'static str) -> Self {
        let mut report = Self { name, ..Self::default() };
        report.fact("commit", commit());
        report.fact("cores", std::thread::available_parallelism().map_or(0, usize::from));
        report
    }

    /// A fact for the JSON alone.
    pub fn fact(&mut self, name: &str, value: impl Into<Value>) {
        self.facts.insert(name.into(), value.into());
    }

    /// A sentence for people alone.
    pub fn line(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }

    /// A figure for both.
    pub fn figure(&mut self, name: &str, label: &str, value: f64, unit: &str) {
        self.line(format!("  {label:<44} {value:>9.1} {unit}"));
        self.fact(name, json!({ "value": value, "unit": unit }));
    }

    /// Samples for both; each with its ratio to the first.
    pub fn compare(&mut self, name: &str, title: &str, all: &[(&str, &Samples)]) {
        self.line(format!("{title}, milliseconds: median (range)"));
        let first = all.first().map_or(f64::NAN, |(_, samples)| samples.median());
        let mut rows = Vec::new();
        for (label, samples) in all {
            let (median, (low, high)) = (samples.median(), samples.range());
            let ratio = first / median;
            self.line(format!("  {label:<44} {median:>9.1}  ({low:.1} – {high:.1})   ours / this = {ratio:.2}"));
            rows.push(json!({
                "what": label, "median_ms": median, "min_ms": low, "max_ms": high, "ours_ratio": ratio,
                "samples_ms": samples.0,
            }));
        }
        self.fact(name, rows);
    }

    /// Parts for both.
    pub fn stages(&mut self, name: &str, title: &str, stages: &Stages) {
        self.line(format!("{title}, milliseconds: median (range)"));
        let mut rows = Vec::new();
        for (label, samples) in &stages.0 {
            let (median, (low, high)) = (samples.median(), samples.range());
            self.line(format!("    {label:<50} {median:>9.1}  ({low:.1} – {high:.1})"));
            rows.push(json!({ "what": label, "median_ms": median, "min_ms": low, "max_ms": high }));
        }
        self.fact(name, rows);
    }

    /// Shows it.
    #[allow(clippy::print_stdout, reason = "it is what the command is for")]
    pub fn print(&self) {
        println!("\n{}: commit {}, {} cores", self.name, text(&self.facts, "commit"), text(&self.facts, "cores"));
        self.lines.iter().for_each(|line| println!("{line}"));
    }

    /// Writes it.
    pub fn write(&self, file: Option<&Path>) -> Result<()> {
        let Some(file) = file else { return Ok(()) };
        let mut facts = self.facts.clone();
        facts.insert("bench".into(), self.name.into());
        let text = serde_json::to_string_pretty(&Value::Object(facts))?;
        fs::write(file, text + "\n").with_context(|| format!("writing {}", file.display()))
    }
}

fn text(facts: &Map<String, Value>, name: &str) -> String {
    facts.get(name).map_or_else(String::new, |value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// The commit that is measured; with a plus when the tree has changes.
fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short", "HEAD"]).unwrap_or_else(|| "unknown".into());
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|changes| !changes.is_empty());
    if changed { commit + "+" } else { commit }
}
