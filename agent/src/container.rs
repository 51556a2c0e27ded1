//! Containers as the agent sees them, and the request for one, made of what the server wants.

use crate::wanted::Wanted;
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
    /// What its process does.
    pub state: ContainerState,
    /// Its own address on its network, while it runs.
    pub address: Option<IpAddr>,
    /// Port inside → port on the node, while it runs.
    pub ports: BTreeMap<u16, u16>,
    /// Unix milliseconds of the last start; 0 when it never was.
    pub started_at_ms: u64,
    /// Processor time that it may use, in thousandths of a core; 0: without bound.
    pub cpu_milli: u64,
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
    /// Whether this is the end of the very run that `other` still saw going on: `other` is older news.
    pub fn ended_after(&self, other: &Self) -> bool {
        matches!(self.state, ContainerState::Exited(_)) && other.runs() && self.started_at_ms == other.started_at_ms
    }
}

/// What the agent knows of a container from its labels.
pub fn from_labels(
    labels: &BTreeMap<String, String>,
) -> (Option<InstallId>, Option<InstanceId>, u64, Option<EnvironmentId>) {
    fn id<K: Kind>(labels: &BTreeMap<String, String>, label: &str) -> Option<Id<K>> {
        labels.get(label).and_then(|text| text.parse().ok())
    }
    let generation = labels.get(LABEL_GENERATION).and_then(|text| text.parse().ok()).unwrap_or(0);
    (id(labels, LABEL_INSTALL), id(labels, LABEL_INSTANCE), generation, id(labels, LABEL_ENVIRONMENT))
}

/// A request for a container. It has no word for anything that a tenant must not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerRequest {
    /// Carries instance and generation, so that a repeated request cannot make a second one.
    pub name: String,
    /// The instance's name.
    pub hostname: String,
    /// A pinned reference, or the engine's id of an uploaded image.
    pub image: String,
    /// Replaces the image's command when not empty.
    pub command: Vec<String>,
    /// `NAME=value`.
    pub env: Vec<String>,
    /// Whose it is.
    pub labels: BTreeMap<String, String>,
    /// What is published.
    pub ports: Vec<Port>,
    /// The node's address where ports are published.
    pub publish_on: IpAddr,
    /// MiB; there is no swap beyond it.
    pub memory_mib: u64,
    /// Thousandths of a core.
    pub cpu_milli: u64,
    /// Its network.
    pub network: String,
    /// Seconds between SIGTERM and SIGKILL.
    pub stop_grace_s: u32,
}

impl ContainerRequest {
    /// The request for an instance. `image` is what the engine knows the image by.
    pub fn new(install: InstallId, wanted: &Wanted, spec: &AppSpec, image: &str, publish_on: IpAddr) -> Self {
        Self {
            name: container_name(wanted),
            hostname: wanted.name.chars().take(63).collect(),
            image: image.to_owned(),
            command: spec.command().to_vec(),
            env: spec.env().iter().map(|(name, value)| format!("{name}={value}")).collect(),
            labels: labels(install, wanted),
            ports: spec.ports().to_vec(),
            publish_on,
            memory_mib: spec.resources().memory_mib.0,
            cpu_milli: spec.resources().cpu_milli.0,
            network: network_name(wanted.environment),
            stop_grace_s: spec.stop_grace_s(),
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
        let (whose, instance, generation, environment) = from_labels(&labels(install, &wanted));
        assert_eq!(
            (whose, instance, generation, environment),
            (Some(install), Some(wanted.instance), wanted.generation, Some(wanted.environment))
        );
        assert_eq!(environment_of_network(&network_name(wanted.environment)), Some(wanted.environment));
    }
}
