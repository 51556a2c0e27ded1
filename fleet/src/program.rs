//! A program under test: started with its log in a file, ended by its process's number, also when the test panics.

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// How long a program may take to stop when it was asked to.
const STOP_MAX: Duration = Duration::from_secs(30);
/// Between two looks at one that stops.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A running program. Dropping it kills it.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    pid_file: PathBuf,
}

impl Program {
    /// Starts it. Its output goes to the end of `directory/log/name.log`, its number to `directory/pids/name`.
    pub fn start(name: &str, mut command: Command, directory: &Path) -> Self {
        for part in ["log", "pids"] {
            fs::create_dir_all(directory.join(part)).expect("a directory of ours");
        }
        let log = directory.join("log").join(format!("{name}.log"));
        let out = File::options().create(true).append(true).open(&log).expect("a log can be opened");
        let out_too = out.try_clone().expect("a log can be shared");
        let child = command.stdin(Stdio::null()).stdout(out).stderr(out_too).spawn();
        let child = child.unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let pid_file = directory.join("pids").join(name);
        fs::write(&pid_file, child.id().to_string()).expect("a file of ours");
        Self { name: name.into(), child, pid_file }
    }

    /// Its process.
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a process id fits into an i32")
    }

    /// Panics when it has ended.
    #[track_caller]
    pub fn check(&mut self) {
        if let Ok(Some(status)) = self.child.try_wait() {
            panic!("{} has ended ({status})", self.name);
        }
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.end(Signal::SIGKILL);
    }

    /// Asks it to stop, and waits until it has.
    pub fn stop(mut self) {
        kill(Pid::from_raw(self.pid()), Signal::SIGTERM).ok();
        let deadline = Instant::now() + STOP_MAX;
        while !matches!(self.child.try_wait(), Ok(Some(_))) {
            assert!(Instant::now() < deadline, "{} does not stop", self.name);
            std::thread::sleep(LOOK_EVERY);
        }
    }

    fn end(&mut self, signal: Signal) {
        // One that has ended was reaped, and its number may belong to somebody else by now.
        if matches!(self.child.try_wait(), Ok(None)) {
            kill(Pid::from_raw(self.pid()), signal).ok();
        }
        self.child.wait().ok();
        fs::remove_file(&self.pid_file).ok();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.end(Signal::SIGKILL);
    }
}
