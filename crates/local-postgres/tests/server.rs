//! The private server on a real Postgres.

use berth_local_postgres::{Durability, Server, paths};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_secs(20);

/// A place that the account of Postgres may enter, too.
fn home() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::Builder::new().prefix("berth-pg-").tempdir_in("/tmp").expect("a directory");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("open to all");
    let home = dir.path().join("home");
    (dir, home)
}

#[test]
fn it_starts_is_adopted_and_stops() {
    let (_dir, home) = home();
    let first = Server::start(&home, Durability::Throwaway).expect("it starts");
    assert!(!first.is_adopted());
    let second = Server::start(&home, Durability::Throwaway).expect("it is found");
    assert!(second.is_adopted());
    assert_eq!(second.pid(), first.pid());
    first.ensure_database("berth").expect("made");
    second.ensure_database("berth").expect("it is there");
    drop(second);
    let pid = first.pid();
    first.stop(PATIENCE).expect("it stops");
    assert!(Server::find(&home).expect("a look").is_none());
    assert!(!fs::exists(format!("/proc/{pid}")).expect("a look"));
}

#[test]
fn it_starts_again_after_a_crash() {
    let (_dir, home) = home();
    let first = Server::start(&home, Durability::Throwaway).expect("it starts");
    let pid = first.pid();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).expect("killed");
    let mut first = first;
    let deadline = Instant::now() + PATIENCE;
    while first.is_alive() {
        assert!(Instant::now() < deadline, "it lives on");
        std::thread::yield_now();
    }
    // Its number now belongs to somebody else: to this test.
    let pid_file = paths::data(&home).join("postmaster.pid");
    let text = fs::read_to_string(&pid_file).expect("left behind");
    let stale = text.replacen(&pid.to_string(), &std::process::id().to_string(), 1);
    fs::write(&pid_file, stale).expect("written");
    let again = Server::start(&home, Durability::Throwaway).expect("it starts again");
    again.stop(PATIENCE).expect("it stops");
}

#[test]
fn a_home_too_long_for_a_socket_works() {
    let (dir, _) = home();
    let home = dir.path().join("a-rather-long-name-for-a-directory".repeat(5)).join("home");
    let server = Server::start(&home, Durability::Throwaway).expect("it starts");
    assert!(!server.url("postgres").contains("rather-long"));
    server.stop(PATIENCE).expect("it stops");
}
