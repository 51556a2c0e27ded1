//! Real Docker hosts on one machine, and what can happen to them. Linux and root only.
//!
//! ```text
//!   tests, server 10.203.77.254 ──┐           every host: a network namespace, a mount namespace with a /run of its
//!                             [ switch ]      own, containerd, dockerd with live-restore; 115 MiB, half a second
//!   host 0 10.203.77.1 ───────┘  │  └──────── host 2 10.203.77.3
//!                      host 1 10.203.77.2
//! ```
//!
//! The switch is a bridge in a namespace of its own: on a machine with Docker, firewall rules would drop what passes a
//! bridge in the main one. Fleets run one at a time. A guardian process cleans up when the fleet is dropped, also when
//! the tests panic or are killed: it waits for a lock that the operating system gives back in any case.

use crate::{
    host::{Host, enter, run},
    wait,
};
use nix::{
    fcntl::{Flock, FlockArg},
    unistd::geteuid,
};
use std::{
    fs::{self, File},
    net::Ipv4Addr,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            net::{SocketAddr, UnixListener},
            process::CommandExt,
        },
    },
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

/// How long a fleet waits for another one to end.
const TURN_MAX: Duration = Duration::from_secs(1800);
/// How long cleaning up may take.
const CLEAN_UP_MAX: Duration = Duration::from_secs(60);

/// Where tests and the server under test are, seen from the hosts.
pub const CONTROL: Ipv4Addr = Ipv4Addr::new(10, 203, 77, 254);

/// Once nobody holds the lock in directory $1: kills whatever runs in the fleet's network namespaces and control
/// groups (named like $2), then removes what they left.
const GUARDIAN: &str = r#"
exec 9<>"$1/lock" || exit 0
flock -x 9
spaces=" $(cat "$1"/namespaces 2>/dev/null | tr '\n' ' ') "
round=0
while [ $round -lt 200 ]; do
    round=$((round + 1))
    found=0
    for process in /proc/[0-9]*; do
        space=$(readlink "$process/ns/net" 2>/dev/null) || continue
        case "$spaces" in
            *" $space "*) ;;
            *) grep -qs "$2" "$process/cgroup" || continue ;;
        esac
        kill -9 "${process#/proc/}" 2>/dev/null && found=1
    done
    [ $found = 0 ] && break
    sleep 0.05
done
find /sys/fs/cgroup -depth -type d -path "*/$2*" -exec rmdir {} + 2>/dev/null
rm -rf "$1"
"#;

/// Several hosts on one switch.
#[derive(Debug)]
pub struct Fleet {
    hosts: Vec<Host>,
    directory: PathBuf,
    /// Dropped first when the fleet ends; the guardian waits for it.
    lock: Option<Flock<File>>,
    guardian: Child,
    _turn: UnixListener,
}

/// Which of a host's packets are lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Those that come.
    Incoming,
    /// Those that go.
    Outgoing,
    /// All.
    Both,
}

/// Why there can be no fleet on this machine, if there cannot.
pub fn unsupported() -> Option<String> {
    if !cfg!(target_os = "linux") || !geteuid().is_root() {
        return Some("a fleet of Docker hosts needs Linux and root".into());
    }
    let missing = ["dockerd", "containerd", "runc", "ip", "iptables", "nsenter", "unshare", "flock"];
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let found = |program: &&&str| path.split(':').any(|dir| PathBuf::from(dir).join(program).is_file());
    missing.iter().find(|program| !found(program)).map(|program| format!("{program} is not installed"))
}

impl Fleet {
    /// Starts hosts with engines that answer.
    pub fn start(count: usize) -> Self {
        Self::start_with(count, &[])
    }

    /// The same with more of `dockerd`'s options; the last one of a name counts.
    pub fn start_with(count: usize, dockerd: &[&str]) -> Self {
        if let Some(why) = unsupported() {
            panic!("{why}");
        }
        let turn = wait_for_turn();
        let tag = format!("berth-fleet-{}", std::process::id());
        let directory = PathBuf::from("/tmp").join(&tag);
        fs::create_dir_all(&directory).expect("a directory in /tmp");
        let file = File::create(directory.join("lock")).expect("a file in our directory");
        let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, e)| e).expect("nobody else has it");
        let guardian = spawn_guardian(&directory, &tag);
        let mut fleet = Self { hosts: Vec::new(), directory, lock: Some(lock), guardian, _turn: turn };
        // From here on a panic is cleaned up after.
        let switch = fleet.start_switch();
        let hosts: Vec<Host> = (0..count).map(|index| fleet.make_host(index, switch, &tag, dockerd)).collect();
        fleet.hosts = thread::scope(|scope| {
            let starting: Vec<_> = hosts.into_iter().map(|host| scope.spawn(move || host.started())).collect();
            starting.into_iter().map(|host| host.join().expect("the host starts")).collect()
        });
        fleet
    }

    /// One host.
    pub fn host(&self, index: usize) -> &Host {
        &self.hosts[index]
    }

    /// One host, to do something to it.
    pub fn host_mut(&mut self, index: usize) -> &mut Host {
        &mut self.hosts[index]
    }

    /// All of them.
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// A directory that goes with the fleet, for what belongs to a host: an agent's state.
    pub fn directory(&self) -> &std::path::Path {
        &self.directory
    }

    /// Loses the packets between two hosts, seen from the first one.
    pub fn cut(&self, index: usize, other: usize, direction: Direction) {
        self.hosts[index].cut(self.hosts[other].address(), direction);
    }

    fn start_switch(&self) -> i32 {
        let pid = self.hold(&["--net"], "ip link add sw0 type bridge && ip link set sw0 up");
        let link = "ip link add berth-fleet type veth peer name control netns";
        run(Command::new("sh").args([
            "-ec",
            &format!(
                "{link} {pid}\nip addr add {CONTROL}/24 dev berth-fleet\nip link set berth-fleet up\n\
                 nsenter --target {pid} --net -- sh -ec 'ip link set control master sw0; ip link set control up'"
            ),
        ]));
        pid
    }

    fn make_host(&self, index: usize, switch: i32, tag: &str, dockerd: &[&str]) -> Host {
        let setup = "mount -t tmpfs tmpfs /run && ip link set lo up";
        let holder = self.hold(&["--net", "--mount"], setup);
        let home = self.directory.join(format!("h{index}"));
        let host = Host::new(index, holder, home, format!("/{tag}-{index}"), dockerd);
        let port = format!("port{index}");
        run(enter(switch, &["--net"], "sh").args([
            "-ec",
            &format!(
                "ip link add {port} type veth peer name eth0 netns {holder}\nip link set {port} master sw0\n\
                 ip link set {port} up"
            ),
        ]));
        run(enter(holder, &["--net"], "sh").args([
            "-ec",
            &format!(
                "ip addr add {}/24 dev eth0; ip link set eth0 up; ip route add default via {CONTROL}",
                host.address()
            ),
        ]));
        host
    }

    /// Makes namespaces and a process that keeps them. Its network is noted for the guardian before anything runs in it.
    fn hold(&self, spaces: &[&str], setup: &str) -> i32 {
        let ready = self.directory.join("ready");
        fs::remove_file(&ready).ok();
        let script = format!(
            "set -e\nreadlink /proc/self/ns/net >> {dir}/namespaces\n{setup}\ntouch {dir}/ready\nexec sleep infinity",
            dir = self.directory.display()
        );
        let mut command = Command::new("unshare");
        command.args(spaces).args(["--", "sh", "-c", &script]).process_group(0).stdin(Stdio::null());
        let mut holder = command.stdout(Stdio::null()).spawn().expect("unshare starts");
        wait::until("a namespace", Duration::from_secs(10), || {
            assert!(matches!(holder.try_wait(), Ok(None)), "a namespace cannot be made");
            ready.exists().then_some(())
        });
        i32::try_from(holder.id()).expect("a process id fits into an i32")
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.lock.take();
        let guardian = &mut self.guardian;
        if thread::panicking() {
            // A second panic would end the process before the first is told.
            guardian.wait().ok();
            return;
        }
        wait::until("the fleet to be gone", CLEAN_UP_MAX, || guardian.try_wait().expect("our child"));
    }
}

/// A name in the kernel's list of sockets: given back when this process ends, and no file that could stay behind.
fn wait_for_turn() -> UnixListener {
    let address = SocketAddr::from_abstract_name("berth-fleet").expect("a short name");
    wait::until("another fleet to end", TURN_MAX, || UnixListener::bind_addr(&address).ok())
}

fn spawn_guardian(directory: &std::path::Path, tag: &str) -> Child {
    let mut command = Command::new("sh");
    command.args(["-c", GUARDIAN, "berth-fleet-guardian"]).arg(directory).arg(tag);
    // A group of its own: it must outlive a Ctrl-C that ends the tests, to clean up after them.
    command.process_group(0).current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("sh starts")
}
