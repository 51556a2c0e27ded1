//! The private server: made, started or adopted, and stopped.

use crate::{account::Account, binaries::Binaries, error::Error, paths, probe};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    fs::{self, File},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How long a start may take: a crash recovery replays the log of the last checkpoint first.
const START_MAX: Duration = Duration::from_secs(60);
/// Between two looks at a server that starts or stops.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Bytes of the log that an error shows.
const LOG_TAIL_BYTES: usize = 2_000;

/// The SQLSTATE of a database that exists.
const DUPLICATE_DATABASE: &str = "42P04";

/// What a power cut may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Nothing that was committed.
    Durable,
    /// Everything: for tests, several times faster.
    Throwaway,
}

/// A private server that takes sessions. Dropping it leaves it running; `stop` ends it.
#[derive(Debug)]
pub struct Server {
    home: PathBuf,
    socket_dir: PathBuf,
    pid: i32,
    /// Present when this process started it and must reap it.
    child: Option<Child>,
}

impl Server {
    /// Starts the server that lives in `home`, making it first when it is not there. One that runs already is adopted.
    pub fn start(home: &Path, durability: Durability) -> Result<Self, Error> {
        let account = Account::choose()?;
        let home = absolute(home)?;
        let socket_dir = paths::socket_dir(&home);
        if let Some(pid) = running(&paths::data(&home)) {
            let mut server = Self { home, socket_dir, pid, child: None };
            server.wait_until_ready()?;
            return Ok(server);
        }
        account.make_private_dir(&home)?;
        account.check_reach(&paths::data(&home))?;
        account.make_private_dir(&socket_dir)?;
        let binaries = Binaries::for_data(&paths::data(&home))?;
        initialise(&home, &binaries, &account, durability)?;
        clear_after_crash(&home, &socket_dir)?;
        let child = spawn(&home, &socket_dir, &binaries, &account, durability)?;
        let pid = i32::try_from(child.id()).expect("a process id fits into an i32");
        let mut server = Self { home, socket_dir, pid, child: Some(child) };
        server.wait_until_ready()?;
        Ok(server)
    }

    /// Finds the server that runs in `home`, and starts nothing.
    pub fn find(home: &Path) -> Result<Option<Self>, Error> {
        let home = absolute(home)?;
        let socket_dir = paths::socket_dir(&home);
        Ok(running(&paths::data(&home)).map(|pid| Self { home, socket_dir, pid, child: None }))
    }

    /// Where clients connect, for the superuser.
    pub fn url(&self, database: &str) -> String {
        let host = self.socket_dir.to_string_lossy().replace('%', "%25").replace('/', "%2F");
        format!("postgres://postgres@localhost:{}/{database}?host={host}", paths::PORT)
    }

    /// Makes a database unless it is there. The name is ours, never a user's.
    pub fn ensure_database(&self, name: &'static str) -> Result<(), Error> {
        let socket = paths::socket(&self.socket_dir);
        let refusal = probe::run(&socket, &format!("CREATE DATABASE \"{name}\""))
            .map_err(Error::os(format!("making the database {name}")))?;
        match refusal.as_deref() {
            None | Some(DUPLICATE_DATABASE) => Ok(()),
            Some(code) => Err(Error::Refused { what: format!("making the database {name}"), code: code.to_owned() }),
        }
    }

    /// Its process.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Whether it was running before this process came.
    pub fn is_adopted(&self) -> bool {
        self.child.is_none()
    }

    /// What it prints.
    pub fn log(&self) -> PathBuf {
        paths::log(&self.home)
    }

    /// Whether its process still runs.
    pub fn is_alive(&mut self) -> bool {
        match &mut self.child {
            Some(child) => matches!(child.try_wait(), Ok(None)),
            None => running(&paths::data(&self.home)) == Some(self.pid),
        }
    }

    /// Ends it: open sessions are rolled back, everything committed is kept.
    pub fn stop(mut self, patience: Duration) -> Result<(), Error> {
        kill(Pid::from_raw(self.pid), Signal::SIGINT).ok();
        let deadline = Instant::now() + patience;
        while self.is_alive() {
            if Instant::now() > deadline {
                return Err(Error::NotStopped { pid: self.pid });
            }
            thread::sleep(LOOK_EVERY);
        }
        if self.socket_dir != self.home {
            fs::remove_dir_all(&self.socket_dir).ok();
        }
        Ok(())
    }

    fn wait_until_ready(&mut self) -> Result<(), Error> {
        let deadline = Instant::now() + START_MAX;
        let socket = paths::socket(&self.socket_dir);
        while !probe::takes_sessions(&socket) {
            if !self.is_alive() || Instant::now() > deadline {
                return Err(Error::NotReady { log: self.log(), tail: tail(&self.log()) });
            }
            thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }
}

fn absolute(home: &Path) -> Result<PathBuf, Error> {
    fs::create_dir_all(home).map_err(Error::os(format!("making {}", home.display())))?;
    fs::canonicalize(home).map_err(Error::os(format!("finding {}", home.display())))
}

/// The process that serves this data directory. Its pid file may be left from before a crash, and its number may have
/// gone to another process: a real server works inside its data directory.
fn running(data_dir: &Path) -> Option<i32> {
    let text = fs::read_to_string(data_dir.join("postmaster.pid")).ok()?;
    let pid: i32 = text.lines().next()?.trim().parse().ok()?;
    let working_dir = fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
    (working_dir == data_dir).then_some(pid)
}

/// Makes way for a server whose predecessor was killed. Postgres looks at the numbers in its lock files, which may have
/// gone to other processes by now; we look for processes that work in the data directory, and wait for them to end:
/// sessions of the killed server may still be writing.
fn clear_after_crash(home: &Path, socket_dir: &Path) -> Result<(), Error> {
    let data_dir = paths::data(home);
    let deadline = Instant::now() + START_MAX;
    while let Some(pid) = working_in(&data_dir) {
        if Instant::now() > deadline {
            return Err(Error::NotStopped { pid });
        }
        thread::sleep(LOOK_EVERY);
    }
    for lock in [data_dir.join("postmaster.pid"), paths::socket_lock(socket_dir)] {
        fs::remove_file(lock).ok();
    }
    Ok(())
}

/// A process that works in this directory.
fn working_in(directory: &Path) -> Option<i32> {
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.find(|pid| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == directory))
}

/// Makes the data directory. It appears under its name only when it is whole, so a start that was cut short is begun anew.
fn initialise(home: &Path, binaries: &Binaries, account: &Account, durability: Durability) -> Result<(), Error> {
    let data_dir = paths::data(home);
    if data_dir.join("PG_VERSION").is_file() {
        return Ok(());
    }
    let unfinished = home.join("data.unfinished");
    fs::remove_dir_all(&unfinished).ok();
    let mut command = account.command(&binaries.program("initdb"));
    command.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--pgdata"]);
    command.arg(&unfinished);
    if durability == Durability::Throwaway {
        command.arg("--no-sync");
    }
    let output = command.stdin(Stdio::null()).output().map_err(Error::os("running initdb"))?;
    if !output.status.success() {
        let text = [output.stdout, output.stderr].concat();
        return Err(Error::Init { output: String::from_utf8_lossy(&text).trim().to_owned() });
    }
    fs::rename(&unfinished, &data_dir).map_err(Error::os("naming the data directory"))
}

fn spawn(
    home: &Path,
    socket_dir: &Path,
    binaries: &Binaries,
    account: &Account,
    durability: Durability,
) -> Result<Child, Error> {
    let log = File::options()
        .create(true)
        .append(true)
        .open(paths::log(home))
        .map_err(Error::os(format!("opening {}", paths::log(home).display())))?;
    let log_too = log.try_clone().map_err(Error::os("sharing the log"))?;
    let mut command = account.command(&binaries.program("postgres"));
    command.arg("-D").arg(paths::data(home)).arg("-k").arg(socket_dir);
    for setting in settings(durability) {
        command.args(["-c", setting]);
    }
    // A group of its own: Ctrl-C in the terminal must reach us first, and we stop it when its clients are gone.
    command.process_group(0).stdin(Stdio::null()).stdout(log).stderr(log_too);
    command.spawn().map_err(Error::os("starting postgres"))
}

fn settings(durability: Durability) -> &'static [&'static str] {
    match durability {
        Durability::Durable => {
            &["listen_addresses=", "port=5432", "max_connections=100", "shared_buffers=64MB", "timezone=UTC"]
        }
        Durability::Throwaway => &[
            "listen_addresses=",
            "port=5432",
            "max_connections=400",
            "shared_buffers=128MB",
            "timezone=UTC",
            "fsync=off",
            "synchronous_commit=off",
            "full_page_writes=off",
            "wal_level=minimal",
            "max_wal_senders=0",
        ],
    }
}

fn tail(log: &Path) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    let from = bytes.len().saturating_sub(LOG_TAIL_BYTES);
    String::from_utf8_lossy(&bytes[from..]).trim().to_owned()
}
