//! Containers as the agent sees them, and the request for one, made of what the server wants.

use crate::{sandbox::SandboxKey, wanted::Wanted};
use berth_domain::{
    app::{AppSpec, Port},
    id::{EnvironmentId, Id, InstallId, InstanceId, Kind},
};
use std::{collections::BTreeMap, net::IpAddr};

/// Label: whose container it is. Containers of another installation are never touched.
pub const LABEL_INSTALL: &str = "berth.install";
/// Label: which instance.
pub const LABEL_INSTANCE: &str = "berth.instance";
/// Label: which generation of it.
pub const LABEL_GENERATION: &str = "berth.generation";
/// Label: of which app.
pub const LABEL_APP: &str = "berth.app";
/// Label: of which release.
pub const LABEL_RELEASE: &str = "berth.release";
/// Label: of which environment.
pub const LABEL_ENVIRONMENT: &str = "berth.environment";
/// Label: of which tenant.
pub const LABEL_TENANT: &str = "berth.tenant";
/// Label: a sandbox, and what is published on it; see [`SandboxKey`].
pub const LABEL_SANDBOX: &str = "berth.sandbox";
/// Environment variable: the instance's name, unless its app sets it to something else.
pub const ENV_INSTANCE: &str = "BERTH_INSTANCE";

/// Most processes and threads in a container: a fork bomb must not take the node along.
pub const PIDS_MAX: i64 = 1024;
/// Processor time that a container may use while its process is made, in thousandths of a core.
///
/// What sets a container up runs within the container's own bounds. An app that is allowed a fiftieth of a core would
/// wait for seconds until its process even begins, however idle the node; so every container is made with this much, and
/// brought down to what it is allowed a second after it runs.
pub const START_CPU_MILLI: u64 = 1_000;
/// Size of one log file of a container before the next begins.
pub const LOG_FILE_SIZE: &str = "10m";
/// Log files that a container keeps; with [`LOG_FILE_SIZE`] a chatty one cannot fill the disk.
pub const LOG_FILES: &str = "3";
/// What remains of root's powers: what official images need to prepare their files and drop to another user.
pub const CAPABILITIES: [&str; 7] = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID"];
/// Of a sandbox, whose process does nothing at all.
pub const CAPABILITIES_NONE: [&str; 0] = [];

/// A container of this installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// The engine's id.
    pub id: String,
    /// Whose it is.
    pub install: Option<InstallId>,
    /// Which instance, if its label can be read.
    pub instance: Option<InstanceId>,
    /// Which generation of it.
    pub generation: u64,
    /// Of which environment.
    pub environment: Option<EnvironmentId>,
    /// What instances it waits for, when it is a sandbox.
    pub sandbox: Option<SandboxKey>,
    /// The sandbox whose network it uses instead of one of its own.
    pub joined: Option<Joined>,
    /// What its process does.
    pub state: ContainerState,
    /// Its address on the environment's network, its sandbox's if it joined one, while that runs.
    pub address: Option<IpAddr>,
    /// Port inside → port on the node, its sandbox's if it joined one, while that runs.
    pub ports: BTreeMap<u16, u16>,
    /// Unix milliseconds of the last start; 0 when it never was.
    pub started_at_ms: u64,
    /// Processor time that it may use, in thousandths of a core; 0: without bound.
    pub cpu_milli: u64,
}

/// The sandbox that a container uses the network of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// The engine's id of it.
    pub sandbox: String,
    /// How it is.
    pub link: Link,
}

/// Whether there is a network where a container joined one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// The sandbox runs.
    Up,
    /// It does not; started again, it has a network again, and so has what is started after it.
    Down,
    /// It was removed.
    Gone,
}

/// What a container's process does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContainerState {
    /// It never ran.
    Created,
    /// It runs, or is paused.
    Running,
    /// It ended.
    Exited(Exit),
    /// It is being removed, or the engine could not remove it.
    Dying,
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Exit {
    /// Its exit code; 128 and the signal's number when it was killed.
    pub code: i32,
    /// Whether the kernel killed it for memory.
    pub out_of_memory: bool,
    /// What the engine says, when the process did not even begin.
    pub error: String,
    /// Unix milliseconds.
    pub at_ms: u64,
}

impl Container {
    /// Whether its process runs.
    pub fn runs(&self) -> bool {
        self.state == ContainerState::Running
    }
    /// Whether it may use more than `cpu_milli` thousandths of a core.
    pub fn exceeds(&self, cpu_milli: u64) -> bool {
        self.cpu_milli == 0 || self.cpu_milli > cpu_milli
    }
    /// Whether it can never be reached again: it is made anew.
    ///
    /// A process keeps the network namespace that it was started in, but the engine takes its sandbox's cable out.
    pub fn is_cut_off(&self) -> bool {
        match self.joined.as_ref().map(|joined| joined.link) {
            None | Some(Link::Up) => false,
            Some(Link::Down) => self.runs(),
            Some(Link::Gone) => true,
        }
    }
    /// Whether this is the end of the very run that `other` still saw going on: `other` is older news.
    pub fn ended_after(&self, other: &Self) -> bool {
        matches!(self.state, ContainerState::Exited(_)) && other.runs() && self.started_at_ms == other.started_at_ms
    }
}

/// What the agent knows of a container from its labels.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Marks {
    /// Whose it is.
    pub install: Option<InstallId>,
    /// Which instance.
    pub instance: Option<InstanceId>,
    /// Which generation of it; 0 when it does not say.
    pub generation: u64,
    /// Of which environment.
    pub environment: Option<EnvironmentId>,
    /// What instances it waits for, when it is a sandbox.
    pub sandbox: Option<SandboxKey>,
}

impl Marks {
    /// What can be read of a container's labels.
    pub fn read(labels: &BTreeMap<String, String>) -> Self {
        fn id<K: Kind>(labels: &BTreeMap<String, String>, label: &str) -> Option<Id<K>> {
            labels.get(label).and_then(|text| text.parse().ok())
        }
        let environment = id(labels, LABEL_ENVIRONMENT);
        Self {
            install: id(labels, LABEL_INSTALL),
            instance: id(labels, LABEL_INSTANCE),
            generation: labels.get(LABEL_GENERATION).and_then(|text| text.parse().ok()).unwrap_or(0),
            environment,
            sandbox: environment.and_then(|environment| SandboxKey::read(environment, labels.get(LABEL_SANDBOX)?)),
        }
    }
}

/// A request for a container. It has no word for anything that a tenant must not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerRequest {
    /// Carries instance and generation, so that a repeated request cannot make a second one.
    pub name: String,
    /// A pinned reference, or the engine's id of an uploaded image.
    pub image: String,
    /// Replaces the image's command when not empty.
    pub command: Vec<String>,
    /// `NAME=value`.
    pub env: Vec<String>,
    /// Whose it is.
    pub labels: BTreeMap<String, String>,
    /// Where it is reached.
    pub network: Network,
    /// MiB; there is no swap beyond it.
    pub memory_mib: u64,
    /// Thousandths of a core.
    pub cpu_milli: u64,
    /// Seconds between SIGTERM and SIGKILL.
    pub stop_grace_s: u32,
    /// What its root may do.
    pub capabilities: &'static [&'static str],
    /// Whether a little init of the engine's runs before its process, passes signals on and reaps.
    pub init: bool,
}

/// Where a container is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Network {
    /// At an address of its own.
    Own {
        /// On this network.
        name: String,
        /// What is published.
        ports: Vec<Port>,
        /// The node's address where it is published.
        publish_on: IpAddr,
    },
    /// Where the sandbox with this id of the engine's is reached.
    Joined(String),
}

impl ContainerRequest {
    /// The request for an instance. `image` is what the engine knows the image by.
    ///
    /// The host's name inside is the engine's choice: one that joins a sandbox has its sandbox's, which was there before.
    pub fn new(install: InstallId, wanted: &Wanted, spec: &AppSpec, image: &str, network: Network) -> Self {
        let own = (!spec.env().contains_key(ENV_INSTANCE)).then(|| format!("{ENV_INSTANCE}={}", wanted.name));
        Self {
            name: container_name(wanted),
            image: image.to_owned(),
            command: spec.command().to_vec(),
            env: spec.env().iter().map(|(name, value)| format!("{name}={value}")).chain(own).collect(),
            labels: labels(install, wanted),
            network,
            memory_mib: spec.resources().memory_mib.0,
            cpu_milli: spec.resources().cpu_milli.0,
            stop_grace_s: spec.stop_grace_s(),
            capabilities: &CAPABILITIES,
            init: true,
        }
    }
}

/// `berth-web-43-1-5f60718293a4-g2`.
pub fn container_name(wanted: &Wanted) -> String {
    // The last digits of a version 7 UUID are its random part.
    let digits = wanted.instance.uuid().simple().to_string();
    format!("berth-{}-{}-g{}", wanted.name, &digits[20..], wanted.generation)
}

/// The network of an environment.
pub fn network_name(environment: EnvironmentId) -> String {
    format!("berth-{environment}")
}

/// The environment of a network's name.
pub fn environment_of_network(name: &str) -> Option<EnvironmentId> {
    name.strip_prefix("berth-").and_then(|id| id.parse().ok())
}

/// Labels of an environment's network.
pub fn network_labels(install: InstallId, environment: EnvironmentId) -> BTreeMap<String, String> {
    BTreeMap::from([
        (LABEL_INSTALL.to_owned(), install.to_string()),
        (LABEL_ENVIRONMENT.to_owned(), environment.to_string()),
    ])
}

fn labels(install: InstallId, wanted: &Wanted) -> BTreeMap<String, String> {
    BTreeMap::from([
        (LABEL_INSTALL.to_owned(), install.to_string()),
        (LABEL_INSTANCE.to_owned(), wanted.instance.to_string()),
        (LABEL_GENERATION.to_owned(), wanted.generation.to_string()),
        (LABEL_APP.to_owned(), wanted.app.to_string()),
        (LABEL_RELEASE.to_owned(), wanted.release.to_string()),
        (LABEL_ENVIRONMENT.to_owned(), wanted.environment.to_string()),
        (LABEL_TENANT.to_owned(), wanted.tenant.to_string()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn the_name_carries_instance_and_generation() {
        let mut wanted = testing::wanted(0x0192_f0c1_a2b3_7c4d_8e5f_6071_8293_a4b5, "nginx");
        wanted.generation = 2;
        assert_eq!(container_name(&wanted), format!("berth-{}-60718293a4b5-g2", wanted.name));
    }

    #[test]
    fn labels_read_back() {
        let wanted = testing::wanted(7, "nginx");
        let install = testing::install();
        let marks = Marks {
            install: Some(install),
            instance: Some(wanted.instance),
            generation: wanted.generation,
            environment: Some(wanted.environment),
            sandbox: None,
        };
        assert_eq!(Marks::read(&labels(install, &wanted)), marks);
        assert_eq!(environment_of_network(&network_name(wanted.environment)), Some(wanted.environment));
    }

    #[test]
    fn the_process_is_told_its_instance_and_its_app_may_say_otherwise() {
        let env = |spec: &str| {
            let wanted = testing::wanted_with(1, spec.to_owned(), "nginx");
            let spec = wanted.spec.clone().expect("a valid spec");
            ContainerRequest::new(testing::install(), &wanted, &spec, "nginx", Network::Joined("1".into())).env
        };
        assert_eq!(env(r#"{"image":"nginx","env":{"A":"b"}}"#), ["A=b", "BERTH_INSTANCE=web-1-1"]);
        assert_eq!(env(r#"{"image":"nginx","env":{"BERTH_INSTANCE":"x"}}"#), ["BERTH_INSTANCE=x"]);
    }
}
