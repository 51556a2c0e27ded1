//! Whether a node can take one more instance of a release, or the first constraint that it fails.

use crate::{index::NodeUse, plan::Constraint, snapshot::Demand};
use berth_domain::{
    node::{NodeAvailability, NodeState},
    quantity::Resources,
};

/// Checks in a fixed order, from what an administrator changes to what others use, so that the first failure is the
/// one worth reading: a node that is lost need not also be called full.
pub(crate) fn check(on: &NodeUse<'_>, demand: &Demand) -> Result<(), Constraint> {
    if on.node.state != NodeState::Ready {
        return Err(Constraint::NotReady);
    }
    if on.node.availability != NodeAvailability::Active {
        return Err(Constraint::NotActive);
    }
    let lacks = |(key, value): &(&_, &_)| on.node.labels.get(*key) != Some(*value);
    if let Some((key, _)) = demand.node_labels.iter().find(lacks) {
        return Err(Constraint::Label { key: key.clone() });
    }
    let taken = |port: &&u16| on.ports.contains(*port) || on.node.foreign_ports.contains(*port);
    if let Some(port) = demand.host_ports.iter().find(taken) {
        return Err(Constraint::HostPort { port: *port });
    }
    // An over-committed node lacks more than the demand: what is missing is what would have to come free.
    let Resources { cpu_milli, memory_mib } = (on.used + demand.resources).minus(on.node.capacity);
    if cpu_milli.0 > 0 {
        return Err(Constraint::Cpu { missing_milli: cpu_milli.0 });
    }
    if memory_mib.0 > 0 {
        return Err(Constraint::Memory { missing_mib: memory_mib.0 });
    }
    Ok(())
}
