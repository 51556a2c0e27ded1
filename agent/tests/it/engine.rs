//! A Docker Engine of a test's own: in its own network, process and mount namespaces, so that it neither sees nor
//! disturbs any other on the machine, and nothing of it outlives the test.

use nix::{
    sched::{CloneFlags, unshare},
    sys::signal::{Signal, kill},
    unistd::{Pid, Uid},
};
use std::{
    fs,
    os::unix::net::UnixStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};
use tempfile::TempDir;

/// dockerd is started again when it ends, as a service manager would; containerd runs apart, so that containers
/// survive it. `$1` is the engine's directory.
const SCRIPT: &str = r#"
set -e
mount -t tmpfs tmpfs /run
ip link set lo up
containerd --config /dev/null --root "$1/containerd" --state /run/containerd --address "$1/containerd.sock" >"$1/containerd.log" 2>&1 &
while ! [ -S "$1/containerd.sock" ]; do sleep 0.05; done
while true; do
    dockerd --config-file "$1/daemon.json" --containerd "$1/containerd.sock" --data-root "$1/data" \
        --log-level warn --exec-root /run/docker --pidfile "$1/docker.pid" -H "unix://$1/docker.sock" --bridge none --live-restore \
        --default-address-pool base=10.213.0.0/16,size=24 >>"$1/dockerd.log" 2>&1 || true
    sleep 0.05
done
"#;
const START_PATIENCE: Duration = Duration::from_secs(60);

/// A running engine.
pub struct Engine {
    directory: TempDir,
    holder: Child,
}

impl Engine {
    /// Starts an engine, runs a test beside it on one thread that shares its network, and takes all down again.
    pub fn with<F: Future<Output = ()>>(test: impl FnOnce(&'static Self) -> F + Send + 'static) {
        let outcome = thread::spawn(move || {
            let engine: &'static Self = Box::leak(Box::new(Self::start()));
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runtime.block_on(test(engine))));
            drop(runtime);
            if outcome.is_err() {
                eprintln!("dockerd said:\n{}", engine.last_words());
            }
            engine.stop();
            outcome
        });
        if let Err(panic) = outcome.join().expect("the thread ends by itself") {
            std::panic::resume_unwind(panic);
        }
    }

    fn start() -> Self {
        assert!(Uid::effective().is_root(), "a real Docker Engine is started here, which needs root");
        for tool in ["dockerd", "containerd", "runc", "unshare", "ip"] {
            let found = ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/sbin", "/bin"]
                .iter()
                .any(|folder| PathBuf::from(folder).join(tool).exists());
            assert!(found, "{tool} is needed: apt-get install docker.io iproute2 util-linux");
        }
        // This thread and what it starts get a network of their own; the rest of the test binary keeps its.
        unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace");
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join("daemon.json"), "{}").expect("written");
        let holder = Command::new("unshare")
            .args(["--mount", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc", "sh", "-c", SCRIPT, "engine"])
            .arg(directory.path())
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the engine's processes start");
        let engine = Self { directory, holder };
        let socket = engine.directory.path().join("docker.sock");
        berth_testkit::wait::until("the Docker Engine", START_PATIENCE, || UnixStream::connect(&socket).ok());
        engine
    }

    /// For an agent.
    pub fn address(&self) -> String {
        format!("unix://{}", self.directory.path().join("docker.sock").display())
    }

    /// Sends a signal to dockerd itself.
    pub fn signal_dockerd(&self, signal: Signal) {
        let mark = self.directory.path().join("data");
        let is_ours = |entry: &fs::DirEntry| {
            let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let text = String::from_utf8_lossy(&command).into_owned();
            text.starts_with("dockerd") && text.contains(&*mark.to_string_lossy())
        };
        let found = fs::read_dir("/proc").expect("processes").flatten().find(is_ours).expect("dockerd runs");
        let pid = found.file_name().to_string_lossy().parse().expect("a process's number");
        kill(Pid::from_raw(pid), signal).expect("sent");
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(self.directory.path().join("dockerd.log")).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    /// The kernel ends the whole process namespace with its first process; mounts and networks go with them.
    fn stop(&self) {
        let pid = i32::try_from(self.holder.id()).expect("a process's number");
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|child| child.parse().ok()) {
            let _ = kill(Pid::from_raw(child), Signal::SIGKILL);
        }
        let _ = nix::sys::wait::waitpid(Pid::from_raw(pid), None);
        let _ = fs::remove_dir_all(self.directory.path());
    }
}
