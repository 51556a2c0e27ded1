//! A program of the platform, kept running: started again when it ends, later each time, and stopped politely.

use super::{home::Home, progress::complain};
use anyhow::{Context, Result, bail};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::{
    process::{Child, Command},
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

/// First pause before a program is started again; doubled each time.
const RESTART_AFTER: Duration = Duration::from_millis(500);
/// Longest pause.
const RESTART_AFTER_MAX: Duration = Duration::from_secs(30);
/// A program that ran this long is taken for well again.
const WELL_AFTER: Duration = Duration::from_secs(60);
/// How long a program may take to stop: open requests are answered first.
const STOP_MAX: Duration = Duration::from_secs(20);
/// A log larger than this, in bytes, is put aside at the next start.
const LOG_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Bytes of the log that an error shows.
const LOG_TAIL_BYTES: usize = 2_000;

/// What to run.
pub struct Program {
    pub name: &'static str,
    pub file: PathBuf,
    pub arguments: Vec<OsString>,
    /// Not in the arguments, which every user of the machine can see.
    pub environment: Vec<(&'static str, String)>,
    pub log: PathBuf,
    pub pid_file: PathBuf,
}

/// A program that is kept running.
pub struct Service {
    name: &'static str,
    log: PathBuf,
    exits: watch::Receiver<u32>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Program {
    /// Starts it.
    pub fn start(self) -> Result<Service> {
        stop_left_over(&self)?;
        if fs::metadata(&self.log).is_ok_and(|meta| meta.len() > LOG_BYTES_MAX) {
            fs::rename(&self.log, self.log.with_extension("log.1")).ok();
        }
        let child = self.spawn()?;
        let (stop, stopping) = watch::channel(false);
        let (exit, exits) = watch::channel(0);
        let (name, log) = (self.name, self.log.clone());
        Ok(Service { name, log, exits, stop, task: tokio::spawn(self.keep_running(child, stopping, exit)) })
    }

    fn spawn(&self) -> Result<Child> {
        let log = File::options().create(true).append(true).open(&self.log).context("opening a log")?;
        let log_too = log.try_clone().context("sharing a log")?;
        let mut command = Command::new(&self.file);
        command.args(&self.arguments).env_remove("BERTH_CONFIG").stdin(Stdio::null()).stdout(log).stderr(log_too);
        for (name, value) in &self.environment {
            command.env(name, value);
        }
        // A group of its own: Ctrl-C shall reach us alone, and we stop everything in its order.
        command.process_group(0);
        let child = command.spawn().with_context(|| format!("starting {}", self.file.display()))?;
        if let Err(error) = fs::write(&self.pid_file, child.id().unwrap_or_default().to_string()) {
            // Nobody would find it again.
            signal(child.id(), Signal::SIGTERM);
            return Err(error).with_context(|| format!("noting a process in {}", self.pid_file.display()));
        }
        Ok(child)
    }

    async fn keep_running(self, mut child: Child, mut stopping: watch::Receiver<bool>, exit: watch::Sender<u32>) {
        let mut pause = RESTART_AFTER;
        loop {
            let begun = Instant::now();
            tokio::select! {
                _ = stopping.changed() => break,
                ended = child.wait() => {
                    let how = ended.map_or_else(|error| error.to_string(), |status| status.to_string());
                    exit.send_modify(|exits| *exits += 1);
                    if begun.elapsed() > WELL_AFTER {
                        pause = RESTART_AFTER;
                    }
                    complain(&format!(
                        "{} ended ({how}); starting it again in {:.1} s, its log is {}",
                        self.name,
                        pause.as_secs_f32(),
                        self.log.display()
                    ));
                }
            }
            tokio::select! {
                _ = stopping.changed() => return,
                () = sleep(pause) => pause = (pause * 2).min(RESTART_AFTER_MAX),
            }
            match self.spawn() {
                Ok(again) => child = again,
                Err(error) => complain(&format!("{} cannot be started: {error:#}", self.name)),
            }
        }
        signal(child.id(), Signal::SIGTERM);
        if timeout(STOP_MAX, child.wait()).await.is_err() {
            complain(&format!("{} did not stop in {} s and is killed", self.name, STOP_MAX.as_secs()));
            child.kill().await.ok();
        }
        fs::remove_file(&self.pid_file).ok();
    }
}

impl Service {
    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// An error with the end of its log if it has ended since it was started.
    pub fn check(&self) -> Result<()> {
        if *self.exits.borrow() > 0 {
            bail!("{} did not start; the end of its log ({}):\n{}", self.name, self.log.display(), tail(&self.log));
        }
        Ok(())
    }

    /// Stops it and waits until it is gone.
    pub async fn stop(self) {
        self.stop.send(true).ok();
        self.task.await.ok();
    }
}

/// Kills what is left of these programs, at once.
pub fn kill_all(home: &Home, names: &[&str]) {
    for name in names {
        if let Some(pid) = process_of(&home.pid_file(name), OsStr::new(&format!("berth-{name}"))) {
            signal(Some(pid), Signal::SIGKILL);
        }
    }
}

/// The process that was noted in a file, if it still runs that program: the kernel may have given its number to another
/// one since.
fn process_of(pid_file: &Path, program: &OsStr) -> Option<u32> {
    let pid = fs::read_to_string(pid_file).ok()?.trim().parse().ok()?;
    runs(pid, program).then_some(pid)
}

fn runs(pid: u32, program: &OsStr) -> bool {
    let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let first = words.split(|byte| *byte == 0).next().unwrap_or_default();
    Path::new(OsStr::from_bytes(first)).file_name() == Some(program)
}

/// An earlier `berth up` that was killed could not stop its programs. They would hold the ports.
fn stop_left_over(program: &Program) -> Result<()> {
    let name = program.file.file_name().context("a program has a name")?;
    let Some(pid) = process_of(&program.pid_file, name) else { return Ok(()) };
    signal(Some(pid), Signal::SIGTERM);
    let deadline = std::time::Instant::now() + STOP_MAX;
    while runs(pid, name) {
        if std::time::Instant::now() > deadline {
            signal(Some(pid), Signal::SIGKILL);
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn signal(pid: Option<u32>, signal: Signal) {
    if let Some(pid) = pid.and_then(|pid| i32::try_from(pid).ok()).filter(|pid| *pid > 1) {
        kill(Pid::from_raw(pid), signal).ok();
    }
}

/// The end of a log without the trace below an error, which says nothing to who reads it here.
fn tail(log: &Path) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let told = text.rfind("\nStack backtrace:").map_or(&*text, |end| &text[..end]).trim();
    let from = told.len().saturating_sub(LOG_TAIL_BYTES);
    let from = (from..told.len()).find(|at| told.is_char_boundary(*at)).unwrap_or(told.len());
    told[from..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_another_program_got_is_left_alone() {
        let dir = tempfile::tempdir().expect("a directory");
        let pid_file = dir.path().join("server.pid");
        fs::write(&pid_file, std::process::id().to_string()).expect("written");
        let ours = std::env::current_exe().expect("we run");
        assert_eq!(process_of(&pid_file, OsStr::new("berth-server")), None);
        assert_eq!(process_of(&pid_file, ours.file_name().expect("a name")), Some(std::process::id()));
    }

    #[test]
    fn the_tail_of_a_log_ends_with_the_error() {
        let dir = tempfile::tempdir().expect("a directory");
        let log = dir.path().join("server.log");
        let trace = "  0: somewhere\n".repeat(500);
        fs::write(&log, format!("{}\nError: the port is taken\n\nStack backtrace:\n{trace}", "泊".repeat(5_000)))
            .expect("written");
        let tail = tail(&log);
        assert!(tail.ends_with("Error: the port is taken"), "{tail}");
        assert!(tail.len() <= LOG_TAIL_BYTES);
    }
}
