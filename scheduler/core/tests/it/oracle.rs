//! The rules once more, written the slow and plain way, to judge plans by.

use berth_domain::{
    id::NodeId,
    node::{NodeAvailability, NodeState},
    quantity::Resources,
};
use berth_scheduler_core::{
    apply::apply,
    plan::Plan,
    snapshot::{Demand, Placed, Snapshot},
};

use crate::cluster::fresh_ids;

/// The snapshot after the plan.
pub fn after(snapshot: &Snapshot, plan: &Plan) -> Snapshot {
    let mut after = snapshot.clone();
    apply(&mut after, plan, fresh_ids(snapshot));
    after
}

/// Every instance that holds room on a node, with its demand.
pub fn holders(snapshot: &Snapshot, on: NodeId) -> impl Iterator<Item = (&Placed, &Demand)> {
    let there = snapshot.instances.values().filter(move |placed| placed.node == on);
    there.filter_map(|placed| Some((placed, snapshot.releases.get(&placed.release)?)))
}
pub fn used(snapshot: &Snapshot, on: NodeId) -> Resources {
    holders(snapshot, on).fold(Resources::default(), |sum, (_, demand)| sum + demand.resources)
}
/// Whether a node may get work at all, and carries the labels.
pub fn eligible(snapshot: &Snapshot, on: NodeId, demand: &Demand) -> bool {
    let node = &snapshot.nodes[&on];
    node.state == NodeState::Ready
        && node.availability == NodeAvailability::Active
        && demand.node_labels.iter().all(|(key, value)| node.labels.get(key) == Some(value))
        && demand.host_ports.is_disjoint(&node.foreign_ports)
}
/// Whether a node could take one more.
pub fn could_take(snapshot: &Snapshot, on: NodeId, demand: &Demand) -> bool {
    eligible(snapshot, on, demand)
        && (used(snapshot, on) + demand.resources).fits(snapshot.nodes[&on].capacity)
        && holders(snapshot, on).all(|(_, other)| other.host_ports.is_disjoint(&demand.host_ports))
}
/// Whether the instance's node was lost or is not known.
pub fn is_lost(snapshot: &Snapshot, placed: &Placed) -> bool {
    snapshot.nodes.get(&placed.node).is_none_or(|node| node.state == NodeState::Lost)
}
pub fn is_drained(snapshot: &Snapshot, placed: &Placed) -> bool {
    snapshot.nodes.get(&placed.node).is_some_and(|node| node.availability == NodeAvailability::Drained)
}
/// Instances that are wanted and whose node is not lost.
pub fn live(snapshot: &Snapshot) -> impl Iterator<Item = &Placed> {
    snapshot.instances.values().filter(|placed| !placed.stopping && !is_lost(snapshot, placed))
}
