//! What a plan looks up again and again, computed once from the snapshot and kept current while planning.

use crate::snapshot::{Demand, Node, Placed, Snapshot};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use berth_domain::{
    id::{AppId, InstanceId, NodeId},
    node::NodeState,
    quantity::Resources,
};

/// The snapshot with its indexes.
pub(crate) struct Index<'a> {
    /// What it was made from.
    pub snapshot: &'a Snapshot,
    /// Every node with what is in use there.
    pub nodes: BTreeMap<NodeId, NodeUse<'a>>,
    /// The instances of every app that is planned.
    instances: BTreeMap<AppId, Vec<(InstanceId, &'a Placed)>>,
}

/// A node and what its instances hold.
pub(crate) struct NodeUse<'a> {
    /// The node.
    pub node: &'a Node,
    /// Held by every instance that is not gone, the new ones of this plan included.
    pub used: Resources,
    /// Fixed host ports that they hold.
    pub ports: BTreeSet<u16>,
    /// How many instances of an app that is planned are there and were not told to stop before this plan.
    same_app: BTreeMap<AppId, u32>,
}

impl<'a> Index<'a> {
    pub(crate) fn new(snapshot: &'a Snapshot, planned: &BTreeSet<AppId>) -> Self {
        let nodes = snapshot.nodes.iter().map(|(id, node)| (*id, NodeUse::empty(node))).collect();
        let mut index = Self { snapshot, nodes, instances: BTreeMap::new() };
        for (id, placed) in &snapshot.instances {
            let is_planned = planned.contains(&placed.app);
            if is_planned {
                index.instances.entry(placed.app).or_default().push((*id, placed));
            }
            // An instance on a node that is no longer known holds nothing that could be given away.
            let Some(node) = index.nodes.get_mut(&placed.node) else { continue };
            if let Some(demand) = snapshot.releases.get(&placed.release) {
                node.hold(demand);
            }
            if is_planned && !placed.stopping {
                node.count(placed.app);
            }
        }
        index
    }
    /// Every instance of an app that is planned, by id.
    pub(crate) fn instances_of(&self, app: AppId) -> &[(InstanceId, &'a Placed)] {
        self.instances.get(&app).map_or(&[], Vec::as_slice)
    }
    /// Whether the node of an instance was lost, or is no longer known.
    pub(crate) fn is_lost(&self, node: NodeId) -> bool {
        self.nodes.get(&node).is_none_or(|on| on.node.state == NodeState::Lost)
    }
}

impl<'a> NodeUse<'a> {
    fn empty(node: &'a Node) -> Self {
        Self { node, used: Resources::default(), ports: BTreeSet::new(), same_app: BTreeMap::new() }
    }
    /// Takes what one instance needs.
    pub(crate) fn hold(&mut self, demand: &Demand) {
        self.used += demand.resources;
        self.ports.extend(&demand.host_ports);
    }
    /// Counts one more instance of `app`.
    pub(crate) fn count(&mut self, app: AppId) {
        *self.same_app.entry(app).or_default() += 1;
    }
    /// Instances of `app` that are there and were not told to stop before this plan.
    pub(crate) fn same_app(&self, app: AppId) -> u32 {
        self.same_app.get(&app).copied().unwrap_or(0)
    }
}
