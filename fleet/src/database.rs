//! The platform's Postgres: real, private, and it can be stopped, frozen and copied.

use berth_local_postgres::{Durability, Server};
use berth_testkit::database::copy;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// The platform's database.
pub const NAME: &str = "berth";
/// How long Postgres may take to stop.
const STOP_MAX: Duration = Duration::from_secs(30);

/// A Postgres of the stack's own.
#[derive(Debug)]
pub struct Database {
    home: PathBuf,
    server: Option<Server>,
    durability: Durability,
    url: String,
}

impl Database {
    /// Makes and starts it in `directory`.
    pub fn start(directory: &Path, durability: Durability) -> Self {
        let home = directory.join("postgres");
        let mut database = Self { home, server: None, durability, url: String::new() };
        database.resume();
        database.server().ensure_database(NAME).expect("the database is made");
        database.url = database.server().url(NAME);
        database
    }

    /// Where the platform connects.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where it would connect to a copy.
    pub fn url_of(&self, name: &str) -> String {
        self.server().url(name)
    }

    /// Its main process.
    pub fn pid(&self) -> i32 {
        self.server().pid()
    }

    /// Stops it as an administrator would.
    pub fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop(STOP_MAX).expect("Postgres stops");
        }
    }

    /// Stops it in its tracks: it accepts connections and never answers.
    pub fn freeze(&self) {
        self.signal_all(Signal::SIGSTOP);
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal_all(Signal::SIGCONT);
    }

    /// The main process first: it makes no new ones then.
    fn signal_all(&self, signal: Signal) {
        let main = self.server().pid();
        kill(Pid::from_raw(main), signal).expect("Postgres runs");
        for pid in children(main) {
            // A session may end meanwhile.
            kill(Pid::from_raw(pid), signal).ok();
        }
    }

    /// Starts it again.
    pub fn resume(&mut self) {
        if self.server.is_none() {
            self.server = Some(Server::start(&self.home, self.durability).expect("Postgres starts"));
        }
    }

    /// A copy of the platform's database as it is now, as a backup has one. The platform must not be connected.
    pub async fn copy(&self, name: &'static str) {
        copy(&self.server().url("postgres"), name, NAME).await;
    }

    /// An empty database beside it.
    pub async fn create_empty(&self, name: &'static str) {
        copy(&self.server().url("postgres"), name, "template1").await;
    }

    fn server(&self) -> &Server {
        self.server.as_ref().expect("Postgres runs")
    }
}

/// The processes that a process has started.
fn children(parent: i32) -> Vec<i32> {
    let parent_of = |pid: i32| -> Option<i32> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The second field is the program's name in brackets and may hold anything.
        stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()
    };
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let all = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    all.filter(|pid| parent_of(*pid) == Some(parent)).collect()
}

impl Drop for Database {
    fn drop(&mut self) {
        if self.server.is_some() {
            // A frozen one cannot hear.
            self.thaw();
        }
        if let Some(server) = self.server.take() {
            // The guardian tries again, and a second panic would hide the first.
            server.stop(STOP_MAX).ok();
        }
    }
}
