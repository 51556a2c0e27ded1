//! What a plan is made from.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
};
use berth_domain::{
    app::PlacementStrategy,
    id::{AppId, InstanceId, NodeId, ReleaseId},
    lifecycle::InstancePhase,
    node::{NodeAvailability, NodeState},
    quantity::Resources,
};
use serde::{Deserialize, Serialize};

/// The cluster as the store read it, in one transaction.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// The version of the assignment that this was read from; a plan commits only against it.
    pub version: u64,
    /// Every node that joined and was not removed.
    pub nodes: BTreeMap<NodeId, Node>,
    /// Every release that a target or an instance names.
    pub releases: BTreeMap<ReleaseId, Demand>,
    /// Every instance that was assigned and is not gone. Each holds its room and its host ports, in any phase.
    pub instances: BTreeMap<InstanceId, Placed>,
    /// How many instances of which releases each app shall have. An app without an entry shall have none.
    /// They count instances that are not [`Placed::outdated`].
    pub targets: BTreeMap<AppId, BTreeMap<ReleaseId, u32>>,
    /// How many outdated instances each app may still have. An app without an entry: none, all of them stop.
    #[serde(default)]
    pub outdated_allowed: BTreeMap<AppId, u32>,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Its name, for explanations.
    pub name: String,
    /// Whether it was heard lately.
    pub state: NodeState,
    /// What an administrator wants of it.
    pub availability: NodeAvailability,
    /// What its instances may use.
    pub capacity: Resources,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Images that are there: digests and upload names.
    pub images: BTreeSet<String>,
    /// Host ports that something else listens on.
    pub foreign_ports: BTreeSet<u16>,
}

/// What one instance of a release asks of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demand {
    /// The app of the release.
    pub app: AppId,
    /// What one instance needs.
    pub resources: Resources,
    /// Fixed host ports.
    pub host_ports: BTreeSet<u16>,
    /// Labels that the node must carry.
    pub node_labels: BTreeMap<String, String>,
    /// Fill or spread.
    pub strategy: PlacementStrategy,
    /// The image as [`Node::images`] would list it.
    pub image: String,
}

/// An instance that was assigned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    /// Its app.
    pub app: AppId,
    /// Its release.
    pub release: ReleaseId,
    /// Where it is.
    pub node: NodeId,
    /// Its number within the release, from 1.
    pub number: u32,
    /// Whether it was told to stop. It holds its resources until it is gone.
    pub stopping: bool,
    /// As last observed.
    pub phase: InstancePhase,
    /// Made before the restart that is going on, so it must be replaced by one of the same release. True only while a
    /// restart rollout of its app is progressing, the instance is of that rollout's target release, and its restart
    /// serial is below the app's; in every other phase, and without such a rollout, nothing is outdated. So a restart
    /// that is taken back keeps what still runs of the old, and an overtaken one disturbs nobody.
    #[serde(default)]
    pub outdated: bool,
}
