//! Starts `berth up`, waits until it says that it is up, and stops it.

use anyhow::{Context, Result, bail};
use berth_testkit::host::Host;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Stdio},
    time::Instant,
};
use tempfile::TempDir;

/// Where a platform keeps everything, removed with this value.
pub struct Home(TempDir);

impl Home {
    pub fn new() -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("berth-up-").tempdir_in("/tmp")?;
        // Postgres runs under an account of its own and has to pass.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o711))?;
        Ok(Self(directory))
    }
}

/// Ended also when something fails on the way.
struct Running(Child);

impl Running {
    fn stop(&mut self) -> Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.0.id())?);
        if matches!(self.0.try_wait(), Ok(None)) {
            kill(pid, Signal::SIGTERM).ok();
        }
        let status = self.0.wait()?;
        anyhow::ensure!(status.success(), "`berth up` did not stop well: {status}");
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop().ok();
    }
}

/// Milliseconds from the start until it says where the console is.
pub fn time(berth: &Path, home: &Home, host: &Host) -> Result<f64> {
    let port = |listener: TcpListener| listener.local_addr().map(|address| address.to_string());
    let (http, agents) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
    let mut command = Command::new(berth);
    command.arg("up").arg("--home").arg(home.0.path().join("home"));
    command.arg("--listen").arg(port(http)?).arg("--agent-listen").arg(port(agents)?);
    command.arg("--docker").arg(host.docker_socket());
    let begun = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn();
    let mut running = Running(child.context("starting `berth up`")?);
    let out = running.0.stdout.take().context("its output is piped")?;
    let mut lines = BufReader::new(out).lines();
    for line in &mut lines {
        if line?.contains("Berth is up") {
            let took = begun.elapsed().as_secs_f64() * 1000.0;
            // Its end is said on the same pipe, which must not be full.
            let rest = std::thread::spawn(move || lines.for_each(drop));
            running.stop()?;
            rest.join().ok();
            return Ok(took);
        }
    }
    bail!("`berth up` ended before it was up");
}
