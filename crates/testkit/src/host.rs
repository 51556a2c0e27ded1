//! One host of a fleet: its engine, programs that run on it, and its faults.

use crate::{fleet::Direction, wait};
use berth_local_docker::{Engine, Options, api::Api};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    ffi::OsStr,
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

/// How long the processes of a host may take to be gone.
const GONE_MAX: Duration = Duration::from_secs(20);

/// A host.
#[derive(Debug)]
pub struct Host {
    index: usize,
    /// The process that keeps its namespaces.
    holder: i32,
    home: PathBuf,
    cgroup: String,
    /// More of `dockerd`'s options.
    more: Vec<String>,
    engine: Option<Engine>,
}

impl Host {
    pub(crate) fn new(index: usize, holder: i32, home: PathBuf, cgroup: String, more: &[&str]) -> Self {
        let more = more.iter().map(|option| (*option).to_owned()).collect();
        Self { index, holder, home, cgroup, more, engine: None }
    }

    pub(crate) fn started(mut self) -> Self {
        self.start_engine();
        self
    }

    /// `node-0`, …
    pub fn name(&self) -> String {
        format!("node-{}", self.index)
    }

    /// Where tests and other hosts reach it.
    pub fn address(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 203, 77, u8::try_from(self.index + 1).expect("fleets are small"))
    }

    /// Its engine's socket.
    pub fn docker_socket(&self) -> PathBuf {
        self.home.join("docker.sock")
    }

    /// Its engine, to look behind whoever works with it.
    pub fn docker(&self) -> Api {
        Api::new(self.docker_socket())
    }

    /// A program that runs on this host: in its network, with the files of this machine.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = enter(self.holder, &["--net"], program);
        command.stdin(Stdio::null());
        command
    }

    /// Starts the engine, or what is missing of it, and waits until it answers.
    pub fn start_engine(&mut self) {
        let holder = self.holder.to_string();
        let wrapper = ["nsenter", "--target", &holder, "--net", "--mount", "--"].map(Into::into).to_vec();
        let options = [
            format!("--bip=172.30.{}.1/24", self.index),
            format!("--cgroup-parent={}", self.cgroup),
            "--exec-opt=native.cgroupdriver=cgroupfs".into(),
        ];
        let dockerd = options.iter().chain(&self.more).map(Into::into).collect();
        let options = Options { wrapper, dockerd, private_run: true };
        self.engine = Some(Engine::start(&self.home, options).expect("the engine starts"));
    }

    /// The process of `dockerd`.
    pub fn dockerd_pid(&self) -> i32 {
        self.dockerd().as_raw()
    }

    /// `kill -9` of `dockerd`; containers run on.
    pub fn kill_dockerd(&self) {
        let pid = self.dockerd();
        kill(pid, Signal::SIGKILL).expect("dockerd runs");
        wait::until("dockerd to be gone", GONE_MAX, || {
            nix::sys::wait::waitpid(pid, Some(nix::sys::wait::WaitPidFlag::WNOHANG)).ok();
            kill(pid, None).is_err().then_some(())
        });
    }

    /// Stops `dockerd` in its tracks: it accepts and never answers.
    pub fn freeze_dockerd(&self) {
        kill(self.dockerd(), Signal::SIGSTOP).expect("dockerd runs");
    }

    /// Lets it go on.
    pub fn thaw_dockerd(&self) {
        kill(self.dockerd(), Signal::SIGCONT).expect("dockerd runs");
    }

    /// Pulls the plug: everything that runs on it ends at once, its disk stays.
    pub fn power_off(&mut self) {
        self.engine = None;
        let network = fs::read_link(format!("/proc/{}/ns/net", self.holder)).expect("the host is there");
        wait::until("all processes of the host to be gone", GONE_MAX, || {
            let left = processes().filter(|pid| *pid != self.holder && self.owns(*pid, &network)).collect::<Vec<_>>();
            for pid in &left {
                // It may have ended by itself meanwhile.
                kill(Pid::from_raw(*pid), Signal::SIGKILL).ok();
            }
            left.is_empty().then_some(())
        });
        // What a reboot clears: mounts of containers, and everything in /run.
        let clear = format!(
            "awk '$2 ~ \"^{}/\" {{ print $2 }}' /proc/self/mounts | sort -r | xargs -r umount -l\n\
             umount -R -l /run && mount -t tmpfs tmpfs /run",
            self.home.display()
        );
        run(enter(self.holder, &["--mount"], "sh").args(["-c", &clear]));
        for pid_file in ["dockerd.pid", "containerd.pid"] {
            fs::remove_file(self.home.join(pid_file)).ok();
        }
    }

    /// Loses the packets that it exchanges with `peer`, until `heal`.
    pub fn cut(&self, peer: Ipv4Addr, direction: Direction) {
        // Before and after all of Docker's own rules, so that published ports are cut, too.
        let incoming = || self.iptables(&["-t", "raw", "-A", "PREROUTING", "-s", &peer.to_string(), "-j", "DROP"]);
        let outgoing = || self.iptables(&["-t", "mangle", "-A", "POSTROUTING", "-d", &peer.to_string(), "-j", "DROP"]);
        match direction {
            Direction::Incoming => incoming(),
            Direction::Outgoing => outgoing(),
            Direction::Both => {
                incoming();
                outgoing();
            }
        }
    }

    /// Undoes every cut.
    pub fn heal(&self) {
        self.iptables(&["-t", "raw", "-F", "PREROUTING"]);
        self.iptables(&["-t", "mangle", "-F", "POSTROUTING"]);
    }

    fn iptables(&self, arguments: &[&str]) {
        run(self.command("iptables").arg("--wait").args(arguments));
    }

    fn dockerd(&self) -> Pid {
        Pid::from_raw(self.engine.as_ref().expect("the host is on").dockerd_pid())
    }

    /// Whether a process runs on this host: in its network, or in one of its containers.
    fn owns(&self, pid: i32, network: &Path) -> bool {
        let same_network = fs::read_link(format!("/proc/{pid}/ns/net")).is_ok_and(|space| space == network);
        let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
        // A process that has ended keeps its entry until its parent looks, but no network.
        let ended = fs::read_link(format!("/proc/{pid}/ns/net")).is_err();
        !ended && (same_network || groups.contains(&format!("{}/", self.cgroup)))
    }
}

fn processes() -> impl Iterator<Item = i32> {
    fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// A program in the namespaces of another process.
pub(crate) fn enter(pid: i32, spaces: &[&str], program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("nsenter");
    command.args(["--target", &pid.to_string()]).args(spaces).arg("--").arg(program);
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/local/sbin:/usr/sbin:/sbin"));
    command
}

/// Runs a program to its end; it must succeed.
#[track_caller]
pub(crate) fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().expect("the program starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?} failed: {errors}", command.get_args().collect::<Vec<_>>());
}
