//! How nodes stand, judged from their silence; and what is said about it, once per change.
//!
//! Two rules keep a fault of the control plane from looking like a fault of the nodes: after a change of the leader
//! nothing counts as lost for a while, as nobody may have listened before; and when many nodes go silent at once,
//! nothing is replaced until they are back or an administrator removed them.

use crate::store::events::Reason;
use berth_domain::{
    id::NodeId,
    node::{LOST_AFTER_MS, NodeState},
};
use std::collections::BTreeMap;

/// Nodes that were lost within so many milliseconds count together.
const MASS_WINDOW_MS: u64 = 60_000;
/// Fewer nodes than this are never frozen: losing one of three is an everyday fault.
const MASS_NODES_MIN: usize = 4;
/// More than this share of the nodes, in per cent, freezes replacement.
const MASS_PERCENT: usize = 30;

/// What is known of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pulse {
    /// Since it was last heard, in milliseconds.
    pub(super) silence_ms: u64,
    /// Whether its Docker Engine answered then.
    pub(super) docker_answers: bool,
}

/// How all nodes stand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Judgement {
    /// For placement: while frozen or just after a change of the leader, lost counts as suspect.
    pub(super) states: BTreeMap<NodeId, NodeState>,
    /// Whether replacement is frozen.
    pub(super) frozen: bool,
    /// How many nodes are lost.
    pub(super) lost: usize,
    /// The soonest time at which a silence alone changes something, in milliseconds from now.
    pub(super) next_ms: Option<u64>,
}

/// Judges. `leader_ms`: for how long this server has decided; `was_frozen`: as judged before.
pub(super) fn judge(nodes: &BTreeMap<NodeId, Pulse>, leader_ms: u64, was_frozen: bool) -> Judgement {
    let grace = leader_ms < LOST_AFTER_MS;
    let silence = |pulse: &Pulse| pulse.silence_ms;
    let lost = if grace { 0 } else { nodes.values().filter(|p| silence(p) >= LOST_AFTER_MS).count() };
    // A node that was silent before this server decided was lost, for it, when the grace ended.
    let lately = nodes
        .values()
        .filter(|p| silence(p) >= LOST_AFTER_MS && silence(p).min(leader_ms) < LOST_AFTER_MS + MASS_WINDOW_MS)
        .count();
    let many = |count: usize| nodes.len() >= MASS_NODES_MIN && count * 100 > MASS_PERCENT * nodes.len();
    let frozen = !grace && (many(lately) || was_frozen && many(lost));
    let states = nodes
        .iter()
        .map(|(node, pulse)| {
            let state = match NodeState::of(pulse.silence_ms, pulse.docker_answers) {
                NodeState::Lost if grace || frozen => NodeState::Suspect,
                state => state,
            };
            (*node, state)
        })
        .collect();
    Judgement { states, frozen, lost, next_ms: next_ms(nodes, leader_ms) }
}

fn next_ms(nodes: &BTreeMap<NodeId, Pulse>, leader_ms: u64) -> Option<u64> {
    let silences = nodes.values().flat_map(|pulse| {
        [berth_domain::node::SUSPECT_AFTER_MS, LOST_AFTER_MS]
            .into_iter()
            .filter(|threshold| *threshold > pulse.silence_ms)
            .map(|threshold| threshold - pulse.silence_ms)
            .min()
    });
    let grace_ends = (leader_ms < LOST_AFTER_MS).then(|| LOST_AFTER_MS - leader_ms);
    silences.chain(grace_ends).min()
}

/// What is to be said of a node that stands at `state`, when `last` was said of it last.
pub(super) fn news(state: NodeState, last: Option<Reason>) -> Option<Reason> {
    match (state, last) {
        (NodeState::Lost, Some(Reason::NodeLost)) => None,
        (NodeState::Lost, _) => Some(Reason::NodeLost),
        // A lost node that counts as suspect for a while is no news.
        (NodeState::Suspect, Some(Reason::NodeSuspect | Reason::NodeLost)) => None,
        (NodeState::Suspect, _) => Some(Reason::NodeSuspect),
        (NodeState::DockerDown, Some(Reason::NodeDockerDown)) => None,
        (NodeState::DockerDown, _) => Some(Reason::NodeDockerDown),
        (NodeState::Ready, Some(Reason::NodeSuspect | Reason::NodeLost)) => Some(Reason::NodeReturned),
        (NodeState::Ready, Some(Reason::NodeDockerDown)) => Some(Reason::NodeDockerUp),
        (NodeState::Ready, _) => None,
    }
}

/// The reasons that [`news`] gives, for finding the last one.
pub(super) const STANDING: [Reason; 5] =
    [Reason::NodeSuspect, Reason::NodeLost, Reason::NodeReturned, Reason::NodeDockerDown, Reason::NodeDockerUp];

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const OLD_LEADER_MS: u64 = 10_000_000;

    fn nodes(silences_ms: &[u64]) -> BTreeMap<NodeId, Pulse> {
        let pulse = |silence_ms: &u64| Pulse { silence_ms: *silence_ms, docker_answers: true };
        (1..).map(|n| NodeId::new(Uuid::from_u128(n))).zip(silences_ms.iter().map(pulse)).collect()
    }
    fn states(judged: &Judgement) -> Vec<NodeState> {
        judged.states.values().copied().collect()
    }

    #[test]
    fn silence_makes_suspect_and_then_lost() {
        let judged = judge(&nodes(&[1_000, 16_000, 31_000]), OLD_LEADER_MS, false);
        assert_eq!(states(&judged), [NodeState::Ready, NodeState::Suspect, NodeState::Lost]);
        assert_eq!(judged.next_ms, Some(14_000));
    }

    #[test]
    fn a_new_leader_loses_nobody_at_first() {
        let judged = judge(&nodes(&[3_600_000, 3_600_000]), 29_999, false);
        assert_eq!(states(&judged), [NodeState::Suspect, NodeState::Suspect]);
        assert_eq!(judged.next_ms, Some(1));
        assert_eq!(states(&judge(&nodes(&[3_600_000]), 30_000, false)), [NodeState::Lost]);
    }

    #[test]
    fn many_nodes_lost_at_once_freeze_replacement_until_enough_are_back() {
        let half = judge(&nodes(&[31_000, 31_000, 0, 0]), OLD_LEADER_MS, false);
        assert!(half.frozen && states(&half)[0] == NodeState::Suspect);
        let later = judge(&nodes(&[3_600_000, 3_600_000, 0, 0]), OLD_LEADER_MS, half.frozen);
        assert!(later.frozen, "it does not thaw by waiting");
        let back = judge(&nodes(&[3_600_000, 0, 0, 0]), OLD_LEADER_MS, later.frozen);
        assert!(!back.frozen && states(&back)[0] == NodeState::Lost);
        assert!(!judge(&nodes(&[31_000, 31_000, 0]), OLD_LEADER_MS, false).frozen, "three nodes are no mass");
        assert!(!judge(&nodes(&[3_600_000, 3_600_000, 0, 0]), OLD_LEADER_MS, false).frozen, "one by one, long ago");
    }

    #[test]
    fn each_change_is_said_once() {
        let mut last = None;
        let mut said = Vec::new();
        let life = [NodeState::Ready, NodeState::Suspect, NodeState::Suspect, NodeState::Lost, NodeState::Lost];
        for state in life.into_iter().chain([NodeState::Ready, NodeState::Ready]) {
            if let Some(reason) = news(state, last) {
                last = Some(reason);
                said.push(reason.as_str());
            }
        }
        assert_eq!(said, ["node_suspect", "node_lost", "node_returned"]);
    }
}
