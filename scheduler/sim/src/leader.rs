//! A server that leads, or believes that it does: decides rollouts, plans, commits, and sends desired sets.

use crate::{
    Sabotage, Summary,
    database::{Database, Proposal},
    journal::Journal,
    message::{DesiredSet, Message, Stamp},
    network::Network,
    promise::{self, Basis},
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
    rollout::RolloutStep,
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
    pub journal: &'a mut Journal,
    /// The first promise that was broken.
    pub violation: &'a mut Option<String>,
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
            Some((_, proposal)) => self.commit(desk, &proposal),
        }
    }
    fn commit(&self, desk: &mut Desk<'_>, proposal: &Proposal) {
        let before = proposal.basis.ready(desk.database);
        if desk.database.commit(self.epoch, proposal, desk.sabotage).is_err() {
            desk.summary.stale_plans += 1;
            return;
        }
        count(desk.summary, proposal);
        let plan = &proposal.plan;
        if !plan.starts.is_empty() || !plan.stops.is_empty() || !proposal.gone.is_empty() {
            desk.journal.note(desk.now_s, || committed(self.epoch, proposal));
        }
        if desk.violation.is_none() {
            *desk.violation = proposal.basis.violation(desk.database, &before);
        }
    }
    fn propose(&self, desk: &mut Desk<'_>) -> (u64, Proposal) {
        let mut steps = steps(desk.database, desk.now_s);
        sabotage_steps(desk, &mut steps);
        for (app, step) in &steps {
            if let Some(event) = step.event {
                self.write_event(desk, *app, event, step.reason.as_deref());
            }
        }
        let snapshot = snapshot(desk.database, &steps, desk.now_s);
        let mut dirty: Vec<AppId> = desk.database.desired.apps.keys().copied().collect();
        // Targets are not acted upon when something happened: they follow from the new phase, in the next turn.
        dirty.retain(|app| steps.get(app).is_none_or(|step| step.event.is_none()));
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
            | Sabotage::SendsOnce
            | Sabotage::StopsOldFirst
            | Sabotage::StartsAllAtOnce
            | Sabotage::CompletesEarly
            | Sabotage::KeepsFailedRelease => plan(&snapshot, &dirty),
        };
        let due_s = desk.now_s + desk.random.between(1, THINKING_S_MAX);
        let basis = Basis::new(desk.database, dirty, desk.now_s);
        let base_revision = desk.database.desired.revision;
        (due_s, Proposal { base_revision, plan, gone: desk.database.gone(), basis })
    }
    fn write_event(&self, desk: &mut Desk<'_>, id: AppId, event: RolloutEvent, reason: Option<&str>) {
        let violation = promise::event_violation(desk.database, id, event, desk.now_s);
        let release = desk.database.desired.apps.get(&id).and_then(|app| app.release);
        // A deposed leader is refused here; its plan will be refused too.
        if desk.database.write_event(self.epoch, id, event, desk.now_s).is_err() {
            return;
        }
        count_event(desk.summary, event);
        desk.journal.note(desk.now_s, || format!("rollout of {id}: {event:?} {}", reason.unwrap_or_default()));
        if desk.violation.is_none() {
            *desk.violation = violation;
        }
        if desk.sabotage == Sabotage::KeepsFailedRelease
            && let Some(app) = desk.database.desired.apps.get_mut(&id)
        {
            app.release = release;
        }
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

/// Changes what rollouts shall do now, when the bug is there.
fn sabotage_steps(desk: &Desk<'_>, steps: &mut BTreeMap<AppId, RolloutStep>) {
    for (id, step) in steps {
        let app = &desk.database.desired.apps[id];
        let Some(rollout) = app.active_rollout() else { continue };
        match desk.sabotage {
            Sabotage::StopsOldFirst => step.targets.retain(|release, _| *release == rollout.target()),
            Sabotage::StartsAllAtOnce => {
                step.targets.insert(rollout.target(), app.wanted());
            }
            Sabotage::CompletesEarly => step.event = Some(RolloutEvent::Completed),
            Sabotage::None
            | Sabotage::AgentIgnoresGenerations
            | Sabotage::AgentDoesNotAdopt
            | Sabotage::PlannerIgnoresUse
            | Sabotage::CommitIgnoresBase
            | Sabotage::ForgetsStopping
            | Sabotage::SendsOnce
            | Sabotage::KeepsFailedRelease => {}
        }
    }
}

/// A commit, for the journal.
fn committed(epoch: u64, proposal: &Proposal) -> String {
    let starts: Vec<_> =
        proposal.plan.starts.iter().map(|s| format!("{} #{} on {}", s.release, s.number, s.node)).collect();
    let stops: Vec<_> = proposal.plan.stops.iter().map(|s| format!("{} {:?}", s.instance, s.reason)).collect();
    format!("epoch {epoch} commits: starts {starts:?}, stops {stops:?}, gone {:?}", proposal.gone)
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
