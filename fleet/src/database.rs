//! The platform's Postgres: real, private, and it can be stopped, frozen and copied.

use berth_local_postgres::{Durability, Server};
use berth_testkit::database::copy;
use std::{
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

impl Drop for Database {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            // The guardian tries again, and a second panic would hide the first.
            server.stop(STOP_MAX).ok();
        }
    }
}
