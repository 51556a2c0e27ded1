//! All tests, level by level, ending with what the runners themselves said.

use crate::{
    console::Mode,
    e2e, place, prerequisites,
    process::{cargo, find},
    tidy, up,
};
use anyhow::{Context, Result, bail};
use regex::Regex;
use std::{
    io::{BufRead, BufReader, Read},
    process::{Command, Stdio},
    sync::Mutex,
    thread,
    time::Instant,
};

/// Seeds of the simulator in a run of all tests.
const SEEDS: &str = "1000";
/// Crates that the browser runs, too.
const IN_BROWSER: [&str; 3] = ["berth-domain", "berth-api-types", "berth-scheduler-core"];
/// Lines with which runners sum up.
const SUMMARY: &str = r"^\s*(Summary \[|test result: |seeds \d+, failures|tidy: files|ℹ (tests|pass|fail) )";

/// What was run, and how it went.
struct Report {
    failed: Vec<&'static str>,
    summaries: Vec<(&'static str, String)>,
}

/// Runs everything, or only the tests whose name contains the filter.
pub fn run(filter: Option<&str>) -> Result<()> {
    prerequisites::for_tests()?;
    let begun = Instant::now();
    let mut report = Report { failed: Vec::new(), summaries: Vec::new() };
    if filter.is_none() {
        report.stage("format", cargo().args(["fmt", "--all", "--check"]));
        report.stage("clippy", &mut clippy(&["--workspace", "--exclude", "berth-console", "--all-targets"]));
        report.stage("clippy of the console", &mut clippy(&["--package", "berth-console", "--target", WASM]));
        report.record("tidy", tidy::run());
        let mut check = cargo();
        check.args(["check", "--quiet", "--target", WASM]);
        for package in IN_BROWSER {
            check.args(["--package", package]);
        }
        report.stage("what the browser runs", &mut check);
    }
    // Fleet and browser tests use the installation as a user has it.
    report.record("build", up::build_installation(false, Mode::Small));
    report.stage("tests", &mut tests(filter));
    if filter.is_none() {
        report
            .stage("simulator", cargo().args(["run", "--quiet", "-p", "berth-scheduler-sim", "--", "--seeds", SEEDS]));
    }
    match e2e::tests(filter) {
        Ok(mut command) => report.stage("browser", &mut command),
        Err(error) => report.record("browser", Err(error)),
    }
    report.finish(begun)
}

const WASM: &str = "wasm32-unknown-unknown";

fn clippy(selection: &[&str]) -> Command {
    let mut command = cargo();
    command.args(["clippy", "--quiet"]).args(selection).args(["--", "--deny", "warnings"]);
    command
}

fn tests(filter: Option<&str>) -> Command {
    let mut command = cargo();
    match find("cargo-nextest").is_some() {
        true => command.args(["nextest", "run", "--workspace", "--no-fail-fast"]),
        false => command.args(["test", "--workspace", "--no-fail-fast", "--lib", "--bins", "--tests"]),
    };
    command.args(filter).env("BERTH_INSTALLATION", place::installation());
    command
}

impl Report {
    /// Runs a program; its output is shown as it comes.
    fn stage(&mut self, name: &'static str, command: &mut Command) {
        println!("\n▸ {name}");
        let result = stream(command.env("SQLX_OFFLINE", "true").env("CARGO_TERM_COLOR", "never"));
        let result = result.and_then(|(succeeded, lines)| {
            self.summaries.extend(lines.into_iter().map(|line| (name, line)));
            if succeeded { Ok(()) } else { bail!("it failed") }
        });
        self.record(name, result);
    }

    fn record(&mut self, name: &'static str, result: Result<()>) {
        if let Err(error) = result {
            println!("✗ {name}: {error:#}");
            self.failed.push(name);
        }
    }

    fn finish(self, begun: Instant) -> Result<()> {
        println!("\nSummaries after {} min", begun.elapsed().as_secs().div_ceil(60));
        for (name, line) in &self.summaries {
            println!("  {name}: {}", line.trim());
        }
        if self.failed.is_empty() { Ok(()) } else { bail!("failed: {}", self.failed.join(", ")) }
    }
}

/// Runs a program with its output shown, and returns whether it succeeded and the lines with which it summed up.
fn stream(command: &mut Command) -> Result<(bool, Vec<String>)> {
    let summary = Regex::new(SUMMARY).expect("a valid pattern");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {:?}", command.get_program()))?;
    let lines = Mutex::new(Vec::new());
    let (out, errors) = (child.stdout.take().context("piped")?, child.stderr.take().context("piped")?);
    thread::scope(|scope| {
        scope.spawn(|| copy(out, &summary, &lines));
        scope.spawn(|| copy(errors, &summary, &lines));
    });
    let succeeded = child.wait().context("waiting")?.success();
    Ok((succeeded, lines.into_inner().unwrap_or_default()))
}

fn copy(from: impl Read, summary: &Regex, lines: &Mutex<Vec<String>>) {
    for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        if let (true, Ok(mut lines)) = (summary.is_match(&line), lines.lock()) {
            lines.push(line.into_owned());
        }
    }
}
