//! What servers and agents say to each other, as far as scheduling needs it (see `fleet.proto`).

use berth_domain::{
    id::{InstanceId, NodeId, ReleaseId},
    lifecycle::InstancePhase,
    quantity::Resources,
};
use std::collections::{BTreeMap, BTreeSet};

/// The age of a desired set; agents refuse one below the highest that they have seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Stamp {
    pub epoch: u64,
    pub generation: u64,
}

/// What a release does when it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Becomes ready after this many seconds.
    Good { ready_s: u64 },
    /// Runs and never becomes ready.
    NeverReady,
    /// Ends soon after each start.
    Crashes,
    /// Its image does not exist.
    NoImage,
}

/// What an agent needs to know of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spec {
    pub release: ReleaseId,
    pub resources: Resources,
    pub host_port: Option<u16>,
    pub behaviour: Behaviour,
    /// Seconds that a pull of its image takes.
    pub pull_s: u64,
    /// Seconds from the wish to stop to the end.
    pub grace_s: u64,
}

impl Spec {
    /// The image's name: every release has its own.
    pub fn image(&self) -> String {
        self.release.to_string()
    }
}

/// An instance as its agent shall have it.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    pub spec: Spec,
    /// Take it out, stop it, remove it.
    pub stop: bool,
}

/// All that a node shall run.
#[derive(Debug, Clone, Default)]
pub struct DesiredSet {
    pub stamp: Stamp,
    pub instances: BTreeMap<InstanceId, Wanted>,
}

/// An instance as its agent sees it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub phase: InstancePhase,
    pub restarts: u32,
    pub hopeless: bool,
    pub message: &'static str,
}

/// All that an agent sees. The newest sequence wins.
#[derive(Debug, Clone)]
pub struct Report {
    pub node: NodeId,
    pub sequence: u64,
    pub docker_answers: bool,
    pub images: BTreeSet<String>,
    pub instances: BTreeMap<InstanceId, Seen>,
}

/// A message under way.
#[derive(Debug, Clone)]
pub enum Message {
    Desired { node: NodeId, set: DesiredSet },
    Report(Report),
}
