//! A server that leads, or believes that it does: decides rollouts, plans, commits, and sends desired sets.

use crate::{
    Sabotage, Summary,
    database::{Database, Proposal},
    message::{DesiredSet, Message, Stamp},
    network::Network,
    random::Random,
    snapshot::{snapshot, steps},
};
use berth_domain::{
    id::{AppId, NodeId},
    lifecycle::RolloutEvent,
    quantity::Resources,
};
use berth_scheduler_core::{
    plan::{StopReason, plan},
    snapshot::Snapshot,
};
use std::collections::BTreeMap;

/// Seconds between two sendings of every node's set.
const DELIVERY_S: u64 = 3;
/// Most seconds between the reading of a snapshot and the commit of its plan.
const THINKING_S_MAX: u64 = 3;
/// Turns in a thousand that look at some apps only, as after a nudge.
const NUDGE_PERMILLE: u64 = 300;

/// A leader.
pub struct Leader {
    pub epoch: u64,
    /// A blind one cannot reach the database any more, and goes on sending what it knew.
    pub is_blind: bool,
    pending: Option<(u64, Proposal)>,
    known: BTreeMap<NodeId, DesiredSet>,
    sent: BTreeMap<NodeId, Stamp>,
}

/// What a leader works with.
pub struct Desk<'a> {
    pub database: &'a mut Database,
    pub network: &'a mut Network,
    pub random: &'a mut Random,
    pub summary: &'a mut Summary,
    pub now_s: u64,
    pub sabotage: Sabotage,
}

impl Leader {
    pub fn new(epoch: u64) -> Self {
        Self { epoch, is_blind: false, pending: None, known: BTreeMap::new(), sent: BTreeMap::new() }
    }
    /// One second.
    pub fn turn(&mut self, desk: &mut Desk<'_>) {
        if !self.is_blind {
            self.decide(desk);
            let nodes = desk.database.desired.nodes.keys();
            self.known = nodes.map(|node| (*node, desk.database.desired_set(*node))).collect();
        }
        if desk.now_s.is_multiple_of(DELIVERY_S) {
            self.deliver(desk);
        }
    }
    fn decide(&mut self, desk: &mut Desk<'_>) {
        match self.pending.take() {
            None => self.pending = Some(self.propose(desk)),
            Some((due_s, proposal)) if due_s > desk.now_s => self.pending = Some((due_s, proposal)),
            Some((_, proposal)) => match desk.database.commit(self.epoch, &proposal, desk.sabotage) {
                Ok(()) => count(desk.summary, &proposal),
                Err(_) => desk.summary.stale_plans += 1,
            },
        }
    }
    fn propose(&self, desk: &mut Desk<'_>) -> (u64, Proposal) {
        let steps = steps(desk.database, desk.now_s);
        for (app, step) in &steps {
            let Some(event) = step.event else { continue };
            // A deposed leader is refused here; its plan will be refused too.
            if desk.database.write_event(self.epoch, *app, event, desk.now_s).is_ok() {
                count_event(desk.summary, event);
            }
        }
        let snapshot = snapshot(desk.database, &steps, desk.now_s);
        let mut dirty: Vec<AppId> = desk.database.desired.apps.keys().copied().collect();
        if desk.random.chance(NUDGE_PERMILLE) {
            dirty.retain(|_| desk.random.chance(500));
        }
        let plan = match desk.sabotage {
            Sabotage::PlannerIgnoresUse => plan(&without_use(&snapshot), &dirty),
            Sabotage::None
            | Sabotage::AgentIgnoresGenerations
            | Sabotage::AgentDoesNotAdopt
            | Sabotage::CommitIgnoresBase
            | Sabotage::ForgetsStopping
            | Sabotage::SendsOnce => plan(&snapshot, &dirty),
        };
        let due_s = desk.now_s + desk.random.between(1, THINKING_S_MAX);
        (due_s, Proposal { base_revision: desk.database.desired.revision, plan, gone: desk.database.gone() })
    }
    fn deliver(&mut self, desk: &mut Desk<'_>) {
        for (node, set) in &self.known {
            let again = self.sent.insert(*node, set.stamp) == Some(set.stamp);
            if again && desk.sabotage == Sabotage::SendsOnce {
                continue;
            }
            desk.network.send(desk.now_s, desk.random, Message::Desired { node: *node, set: set.clone() });
        }
    }
}

/// The snapshot as a planner would see it that forgets what is in use.
fn without_use(snapshot: &Snapshot) -> Snapshot {
    let mut blind = snapshot.clone();
    for node in blind.nodes.values_mut() {
        node.capacity = Resources::new(u64::MAX, u64::MAX);
    }
    blind
}

fn count(summary: &mut Summary, proposal: &Proposal) {
    summary.starts += proposal.plan.starts.len() as u64;
    summary.stops += proposal.plan.stops.len() as u64;
    for stop in &proposal.plan.stops {
        match stop.reason {
            StopReason::Surplus => {}
            StopReason::NodeLost => summary.lost += 1,
            StopReason::NodeDrained => summary.drained += 1,
        }
    }
}

fn count_event(summary: &mut Summary, event: RolloutEvent) {
    match event {
        RolloutEvent::Completed => summary.succeeded += 1,
        RolloutEvent::TakenBack => summary.taken_back += 1,
        RolloutEvent::GivenUp => summary.given_up += 1,
        RolloutEvent::Overtaken => {}
    }
}
