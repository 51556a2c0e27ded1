//! Why a wanted instance has no place, in numbers and in words.

use crate::store::{instances::instance_name, instances_read::RefusalRecord};
use berth_domain::id::NodeId;
use berth_scheduler_core::plan::Constraint;
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

/// Names of nodes.
pub type NodeNames = BTreeMap<NodeId, String>;

/// A wanted instance without a place, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The name that it would have.
    pub instance: String,
    /// How many nodes fail which constraint.
    pub reasons: BTreeMap<String, u32>,
    /// What the node that comes nearest lacks.
    pub nearest: String,
    /// Since when.
    pub since: DateTime<Utc>,
}

impl Refusal {
    /// From what placement wrote.
    pub fn new(app: &str, record: &RefusalRecord, names: &NodeNames) -> Self {
        Self {
            instance: instance_name(app, record.release_number, record.number),
            reasons: count_reasons(&record.nodes),
            nearest: nearest(&record.nodes, names),
            since: record.since,
        }
    }
}

/// How many nodes fail which constraint, by the constraint's word on the wire.
pub fn count_reasons(nodes: &BTreeMap<NodeId, Constraint>) -> BTreeMap<String, u32> {
    let mut reasons = BTreeMap::new();
    for constraint in nodes.values() {
        *reasons.entry(constraint.kind().to_owned()).or_insert(0) += 1;
    }
    reasons
}

/// What the node that comes nearest lacks, as a sentence.
pub fn nearest(nodes: &BTreeMap<NodeId, Constraint>, names: &NodeNames) -> String {
    let Some((node, constraint)) = nodes.iter().min_by_key(|(node, constraint)| (distance(constraint), **node)) else {
        return "no node has joined yet".to_owned();
    };
    let name = names.get(node).map_or("a node", String::as_str);
    match constraint {
        Constraint::Cpu { missing_milli } => format!("{name} lacks {missing_milli} m of cpu"),
        Constraint::Memory { missing_mib } => format!("{name} lacks {missing_mib} MiB of memory"),
        Constraint::HostPort { port } => format!("port {port} is in use on {name}"),
        Constraint::Label { key } => format!("{name} does not carry the wanted label “{key}”"),
        Constraint::NotActive => format!("{name} takes no new work: it is cordoned or drained"),
        Constraint::NotReady => format!("{name} is not ready"),
    }
}

/// What can be mended by stopping something comes before what needs an administrator, and a smaller lack before a larger.
fn distance(constraint: &Constraint) -> (u8, u64) {
    match constraint {
        Constraint::Memory { missing_mib } => (0, *missing_mib),
        Constraint::Cpu { missing_milli } => (0, *missing_milli),
        Constraint::HostPort { .. } => (1, 0),
        Constraint::Label { .. } => (2, 0),
        Constraint::NotActive => (3, 0),
        Constraint::NotReady => (4, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn node(number: u128) -> NodeId {
        NodeId::new(Uuid::from_u128(number))
    }

    #[test]
    fn the_nearest_node_is_the_one_with_the_smallest_lack() {
        let names = [(node(1), "node-1".to_owned()), (node(2), "node-2".to_owned())].into();
        let nodes = [
            (node(1), Constraint::Memory { missing_mib: 300 }),
            (node(2), Constraint::Memory { missing_mib: 900 }),
            (node(3), Constraint::NotReady),
        ]
        .into();
        assert_eq!(nearest(&nodes, &names), "node-1 lacks 300 MiB of memory");
        assert_eq!(count_reasons(&nodes), [("memory".to_owned(), 2), ("not_ready".to_owned(), 1)].into());
        assert_eq!(nearest(&BTreeMap::new(), &names), "no node has joined yet");
    }
}
