//! The private engine: made, started or adopted, and stopped.
//!
//! `containerd` runs apart from `dockerd`: as its child it would survive a killed `dockerd` and block the next one.
//! With live-restore containers run on while `dockerd` is away.

use crate::{api::Api, error::Error};
use nix::{
    sys::{
        signal::{Signal, kill},
        wait::{WaitPidFlag, waitpid},
    },
    unistd::Pid,
};
use std::{
    env,
    ffi::OsString,
    fs::{self, File},
    hash::{DefaultHasher, Hash, Hasher},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How long a program may take until it answers: a first start makes its data, a later one looks at every container.
const START_MAX: Duration = Duration::from_secs(60);
/// How long a program may take to stop.
const STOP_MAX: Duration = Duration::from_secs(30);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Longest path of a Unix socket, in bytes.
const SOCKET_PATH_BYTES_MAX: usize = 107;
/// Bytes of a log that an error shows.
const LOG_TAIL_BYTES: usize = 2_000;

/// Where the engine keeps its things: data in its home, what must not outlive a reboot in /run.
#[derive(Debug, Clone)]
pub struct Layout {
    /// Data, logs and the engine's socket.
    pub home: PathBuf,
    /// State of running containers.
    pub run: PathBuf,
}

impl Layout {
    /// The layout of an engine that lives in `home`.
    pub fn of(home: &Path) -> Self {
        let mut hasher = DefaultHasher::new();
        home.hash(&mut hasher);
        // Short: the sockets of every container's shim lie below it.
        Self { home: home.to_owned(), run: PathBuf::from(format!("/run/berth-docker-{:08x}", hasher.finish() as u32)) }
    }

    /// Where clients connect.
    pub fn socket(&self) -> PathBuf {
        self.home.join("docker.sock")
    }

    /// What `dockerd` prints.
    pub fn dockerd_log(&self) -> PathBuf {
        self.home.join("dockerd.log")
    }

    fn containerd_log(&self) -> PathBuf {
        self.home.join("containerd.log")
    }

    fn containerd_socket(&self) -> PathBuf {
        self.run.join("containerd.sock")
    }

    fn pid_file(&self, program: &str) -> PathBuf {
        self.run.join(format!("{program}.pid"))
    }
}

/// How this engine differs from the machine's own.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Put before every program: `nsenter …`, to start it in other namespaces. It must become the program, not start it.
    pub wrapper: Vec<OsString>,
    /// More of `dockerd`'s options: `--bip=…`.
    pub dockerd: Vec<OsString>,
    /// /run is not ours but that of the namespace that `wrapper` enters: pid files are kept in the home instead.
    pub private_run: bool,
}

/// An engine that answers. Dropping it leaves it running.
#[derive(Debug, Clone)]
pub struct Engine {
    layout: Layout,
    options: Options,
    containerd: i32,
    dockerd: i32,
}

impl Engine {
    /// Starts what does not run yet of the engine that lives in `home`, and waits until it answers.
    pub fn start(home: &Path, options: Options) -> Result<Self, Error> {
        if !nix::unistd::geteuid().is_root() {
            return Err(Error::NotRoot);
        }
        fs::create_dir_all(home).map_err(Error::os(format!("making {}", home.display())))?;
        let home = fs::canonicalize(home).map_err(Error::os(format!("finding {}", home.display())))?;
        let layout = Layout::of(&home);
        if layout.socket().as_os_str().len() > SOCKET_PATH_BYTES_MAX {
            return Err(Error::PathTooLong { path: layout.socket() });
        }
        let mut engine = Self { layout, options, containerd: 0, dockerd: 0 };
        engine.containerd = engine.ensure_containerd()?;
        engine.dockerd = engine.ensure_dockerd()?;
        Ok(engine)
    }

    /// The engine that runs for `home`, if one does.
    pub fn find(home: &Path) -> Option<Self> {
        let layout = Layout::of(&fs::canonicalize(home).ok()?);
        let engine = Self { layout, options: Options::default(), containerd: 0, dockerd: 0 };
        let (containerd, dockerd) = (engine.running("containerd"), engine.running("dockerd"));
        (containerd.is_some() || dockerd.is_some()).then(|| Self {
            containerd: containerd.unwrap_or_default(),
            dockerd: dockerd.unwrap_or_default(),
            ..engine
        })
    }

    /// Its HTTP.
    pub fn api(&self) -> Api {
        Api::new(self.layout.socket())
    }

    /// Where it keeps its things.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The process of `dockerd`, for those who want to hurt it.
    pub fn dockerd_pid(&self) -> i32 {
        self.dockerd
    }

    /// Starts `dockerd` again if it has ended. Returns whether it had.
    pub fn revive(&mut self) -> Result<bool, Error> {
        if self.running("containerd").is_some() && self.running("dockerd").is_some() {
            return Ok(false);
        }
        self.containerd = self.ensure_containerd()?;
        self.dockerd = self.ensure_dockerd()?;
        Ok(true)
    }

    /// Removes every container, so that nothing of them outlives the engine.
    pub fn remove_containers(&self) -> Result<(), Error> {
        let api = self.api();
        let containers = api.get("/containers/json?all=true")?;
        for container in containers.as_array().into_iter().flatten() {
            if let Some(id) = container["Id"].as_str() {
                api.delete(&format!("/containers/{id}?force=true&v=true"))?;
            }
        }
        Ok(())
    }

    /// Stops the engine. Containers that still run go on without it.
    pub fn stop(self) -> Result<(), Error> {
        for (program, pid) in [("dockerd", self.dockerd), ("containerd", self.containerd)] {
            if pid != 0 {
                end(program, pid)?;
            }
            fs::remove_file(self.pid_file(program)).ok();
        }
        Ok(())
    }

    /// Removes data and state of a stopped engine, with what is still mounted there.
    pub fn erase(home: &Path) -> Result<(), Error> {
        let layout = Layout::of(home);
        for place in [&layout.home, &layout.run] {
            unmount_below(place);
            match fs::remove_dir_all(place) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::os(format!("removing {}", place.display()))(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn ensure_containerd(&self) -> Result<i32, Error> {
        if let Some(pid) = self.running("containerd") {
            return Ok(pid);
        }
        let config = self.layout.home.join("containerd.toml");
        let text = format!(
            "version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\nroot = {root:?}\nstate = {state:?}\n\
             [grpc]\naddress = {address:?}\n",
            root = self.layout.home.join("containerd"),
            state = self.layout.run.join("containerd"),
            address = self.layout.containerd_socket(),
        );
        fs::write(&config, text).map_err(Error::os("writing containerd's configuration"))?;
        let arguments = ["--config".into(), config.into_os_string()];
        let pid = self.spawn("containerd", &arguments, &self.layout.containerd_log())?;
        // Its socket may lie in another mount namespace, where we cannot see it; dockerd waits for it anyway.
        Ok(pid)
    }

    fn ensure_dockerd(&self) -> Result<i32, Error> {
        let pid = match self.running("dockerd") {
            Some(pid) => pid,
            None => self.spawn_dockerd()?,
        };
        let deadline = Instant::now() + START_MAX;
        while !self.api().ping() {
            if !is_alive(pid) || Instant::now() > deadline {
                let log = self.layout.dockerd_log();
                return Err(Error::NotReady { program: "dockerd", tail: tail(&log), log });
            }
            thread::sleep(LOOK_EVERY);
        }
        Ok(pid)
    }

    fn spawn_dockerd(&self) -> Result<i32, Error> {
        let config = self.layout.home.join("dockerd.json");
        fs::write(&config, "{}\n").map_err(Error::os("writing dockerd's configuration"))?;
        let with = |name: &str, value: &Path| {
            let mut option = OsString::from(name);
            option.push("=");
            option.push(value);
            option
        };
        let mut socket = OsString::from("--host=unix://");
        socket.push(self.layout.socket());
        let mut arguments = vec![
            with("--config-file", &config),
            with("--data-root", &self.layout.home.join("data")),
            with("--exec-root", &self.layout.run.join("exec")),
            with("--pidfile", &self.layout.run.join("docker.pid")),
            with("--containerd", &self.layout.containerd_socket()),
            "--live-restore".into(),
            socket,
        ];
        arguments.extend(self.options.dockerd.iter().cloned());
        self.spawn("dockerd", &arguments, &self.layout.dockerd_log())
    }

    fn spawn(&self, program: &'static str, arguments: &[OsString], log: &Path) -> Result<i32, Error> {
        let found = find_program(program).ok_or(Error::NotInstalled { program })?;
        let mut words = self.options.wrapper.iter().cloned();
        let mut command = match words.next() {
            Some(first) => {
                let mut command = Command::new(first);
                command.args(words).arg(&found);
                command
            }
            None => Command::new(&found),
        };
        let out = File::options().create(true).append(true).open(log).map_err(Error::os("opening a log"))?;
        let out_too = out.try_clone().map_err(Error::os("sharing a log"))?;
        command.args(arguments).env("PATH", path_with_system_programs()).current_dir("/");
        // A group of its own: it lives on when whoever started it is interrupted.
        command.process_group(0).stdin(Stdio::null()).stdout(out).stderr(out_too);
        let child = command.spawn().map_err(Error::os(format!("starting {program}")))?;
        let pid = i32::try_from(child.id()).expect("a process id fits into an i32");
        let pid_file = self.pid_file(program);
        if let Some(parent) = pid_file.parent() {
            fs::create_dir_all(parent).map_err(Error::os("making the place of pid files"))?;
        }
        fs::write(&pid_file, pid.to_string()).map_err(Error::os(format!("writing {}", pid_file.display())))?;
        Ok(pid)
    }

    fn pid_file(&self, program: &str) -> PathBuf {
        if self.options.private_run {
            return self.layout.home.join(format!("{program}.pid"));
        }
        self.layout.pid_file(program)
    }

    /// The process of its pid file, if it still is that program: numbers are given again.
    fn running(&self, program: &str) -> Option<i32> {
        let pid: i32 = fs::read_to_string(self.pid_file(program)).ok()?.trim().parse().ok()?;
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let home = self.layout.home.as_os_str().as_encoded_bytes();
        let ours = arguments.windows(home.len()).any(|window| window == home);
        (ours && is_alive(pid)).then_some(pid)
    }
}

/// Whether the process exists; one of ours that has ended is reaped first.
fn is_alive(pid: i32) -> bool {
    waitpid(Pid::from_raw(pid), Some(WaitPidFlag::WNOHANG)).ok();
    kill(Pid::from_raw(pid), None).is_ok()
}

fn end(program: &'static str, pid: i32) -> Result<(), Error> {
    // One that was stopped with SIGSTOP cannot hear; it must go on to end.
    for signal in [Signal::SIGTERM, Signal::SIGCONT] {
        kill(Pid::from_raw(pid), signal).ok();
    }
    let deadline = Instant::now() + STOP_MAX;
    while is_alive(pid) {
        if Instant::now() > deadline {
            return Err(Error::NotStopped { program, pid });
        }
        thread::sleep(LOOK_EVERY);
    }
    Ok(())
}

/// A program in PATH, or where Debian keeps what administrators run.
pub(crate) fn find_program(program: &str) -> Option<PathBuf> {
    env::split_paths(&path_with_system_programs()).map(|dir| dir.join(program)).find(|file| file.is_file())
}

fn path_with_system_programs() -> OsString {
    let mut path = env::var_os("PATH").unwrap_or_default();
    path.push(":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    path
}

fn unmount_below(place: &Path) {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mut below: Vec<&str> =
        mounts.lines().filter_map(|line| line.split(' ').nth(1)).filter(|m| Path::new(m).starts_with(place)).collect();
    // The innermost first.
    below.sort_by_key(|mount| std::cmp::Reverse(mount.len()));
    for mount in below {
        nix::mount::umount2(mount, nix::mount::MntFlags::MNT_DETACH).ok();
    }
}

fn tail(log: &Path) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    let from = bytes.len().saturating_sub(LOG_TAIL_BYTES);
    String::from_utf8_lossy(&bytes[from..]).trim().to_owned()
}
