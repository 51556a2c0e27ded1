//! What is said of a pass: events with reasons, each once, although every pass looks at everything again.

use super::{
    decide::{Decision, Releases},
    node_health::{STANDING, news},
};
use crate::{
    clock::Ids,
    store::{
        StoreError, SystemTx,
        events::{Concerns, NewEvent, Reason},
        instances::instance_name,
        node_observations::list_pulses,
        placement::{AppRecord, World},
    },
};
use berth_domain::{
    id::{AppId, EventId, NodeId, ReleaseId, RolloutId},
    lifecycle::RolloutPhase,
};
use berth_scheduler_core::plan::{Constraint, StopReason};
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, BTreeSet};

/// Most refusals of one app that are reported as events in one pass: a thousand equal sentences help nobody.
const REFUSED_EVENTS_MAX: usize = 5;

/// What the engine remembers between passes. All of it can be had from rows again.
#[derive(Default)]
pub(super) struct Memory {
    /// The epoch that this was remembered in.
    pub(super) epoch: i64,
    /// Whether replacement was frozen.
    pub(super) frozen: bool,
    /// What was said of a node last.
    said: BTreeMap<NodeId, Reason>,
    /// Rollouts whose beginning was reported.
    announced: BTreeSet<RolloutId>,
}

impl Memory {
    /// Keeps what a pass that was committed has said.
    pub(super) fn remember(&mut self, world: &World, decision: &Decision, events: &[NewEvent]) {
        self.frozen = decision.judgement.frozen;
        for event in events {
            let standing = STANDING.into_iter().find(|reason| reason.as_str() == event.reason);
            if let (Some(node), Some(reason)) = (event.concerns.node, standing) {
                self.said.insert(node, reason);
            }
        }
        self.announced = world.apps.iter().filter_map(|app| app.rollout.map(|rollout| rollout.id)).collect();
    }
}

/// What an earlier leader said.
pub(super) async fn recall(tx: &mut SystemTx, epoch: i64) -> Result<Memory, StoreError> {
    let reasons: Vec<_> = STANDING.iter().map(|reason| reason.as_str().to_owned()).collect();
    let said = list_pulses(tx, &reasons)
        .await?
        .into_iter()
        .filter_map(|pulse| {
            let last = pulse.last_reason?;
            Some((pulse.node, STANDING.into_iter().find(|reason| reason.as_str() == last)?))
        })
        .collect();
    Ok(Memory { epoch, said, ..Memory::default() })
}

/// What is to be said about a pass, given what was said before.
pub(super) fn say(
    ids: &dyn Ids,
    now: DateTime<Utc>,
    world: &World,
    releases: &Releases,
    decision: &Decision,
    memory: &Memory,
) -> Vec<NewEvent> {
    let mut sayer = Sayer { ids, now, world, releases, events: Vec::new() };
    sayer.say_nodes(decision, memory);
    sayer.say_rollouts(decision, memory);
    sayer.say_instances(decision);
    sayer.events
}

/// Puts a decision into sentences.
struct Sayer<'a> {
    ids: &'a dyn Ids,
    now: DateTime<Utc>,
    world: &'a World,
    releases: &'a Releases,
    events: Vec<NewEvent>,
}

impl Sayer<'_> {
    fn say<const N: usize>(&mut self, reason: Reason, concerns: Concerns, params: [(&str, String); N]) {
        let id = self.ids.id();
        self.events.push(NewEvent::of(id, self.now, reason, concerns, params));
    }

    fn say_nodes(&mut self, decision: &Decision, memory: &Memory) {
        for node in &self.world.nodes {
            let state = decision.judgement.states.get(&node.id);
            let Some(reason) = state.and_then(|state| news(*state, memory.said.get(&node.id).copied())) else {
                continue;
            };
            let concerns = Concerns { node: Some(node.id), ..Concerns::default() };
            self.say(reason, concerns, [("node", node.name.clone())]);
        }
        match (memory.frozen, decision.judgement.frozen) {
            (false, true) => {
                let (lost, nodes) = (decision.judgement.lost.to_string(), self.world.nodes.len().to_string());
                self.say(Reason::ReplacementFrozen, Concerns::default(), [("lost", lost), ("nodes", nodes)]);
            }
            (true, false) => self.say(Reason::ReplacementThawed, Concerns::default(), []),
            (true, true) | (false, false) => {}
        }
    }

    fn say_rollouts(&mut self, decision: &Decision, memory: &Memory) {
        for app in &self.world.apps {
            let Some(rollout) = app.rollout else { continue };
            if rollout.phase == RolloutPhase::Progressing && !memory.announced.contains(&rollout.id) {
                let params = [("app", app.name.clone()), ("release", self.number(rollout.to))];
                // The rollout's own id: a leader that does not know what the one before said, says it again in vain.
                let id = EventId::new(rollout.id.uuid());
                self.events.push(NewEvent::of(id, self.now, Reason::RolloutStarted, of_app(app), params));
            }
        }
        for step in &decision.steps {
            let Some(app) = self.world.apps.iter().find(|app| app.id == step.change.app) else { continue };
            let Some(rollout) = app.rollout else { continue };
            let params = [
                ("app", app.name.clone()),
                ("release", self.number(rollout.to)),
                ("before", rollout.from.map(|from| self.number(from)).unwrap_or_default()),
                ("replicas", app.wanted.to_string()),
                ("why", step.why.clone()),
            ];
            self.say(step.said, of_app(app), params);
        }
    }

    fn say_instances(&mut self, decision: &Decision) {
        let apps: BTreeMap<_, _> = self.world.apps.iter().map(|app| (app.id, app)).collect();
        for start in &decision.plan.starts {
            let Some(app) = apps.get(&start.app) else { continue };
            let params = [
                ("instance", instance_name(&app.name, self.release(start.release), start.number)),
                ("node", self.node(start.node)),
            ];
            self.say(Reason::Placed, Concerns { node: Some(start.node), ..of_app(app) }, params);
        }
        for stop in &decision.plan.stops {
            let Some(instance) = self.world.instances.iter().find(|i| i.id == stop.instance) else { continue };
            let Some(app) = apps.get(&instance.app) else { continue };
            let reason = match stop.reason {
                StopReason::Surplus => Reason::StoppedSurplus,
                StopReason::NodeLost => Reason::StoppedNodeLost,
                StopReason::NodeDrained => Reason::StoppedNodeDrained,
            };
            let params = [
                ("instance", instance_name(&app.name, self.release(instance.release), instance.number)),
                ("node", self.node(instance.node)),
            ];
            let concerns = Concerns { node: Some(instance.node), instance: Some(instance.id), ..of_app(app) };
            self.say(reason, concerns, params);
        }
        self.say_refusals(decision, &apps);
        for app in decision.apps_gone.iter().filter_map(|app| apps.get(app)) {
            self.say(Reason::AppGone, of_app(app), [("app", app.name.clone())]);
        }
    }

    fn say_refusals(&mut self, decision: &Decision, apps: &BTreeMap<AppId, &AppRecord>) {
        let mut said: BTreeMap<AppId, usize> = BTreeMap::new();
        for (key, nodes) in &decision.refusals_changed {
            let count = said.entry(key.0).or_default();
            if self.world.refusals.contains_key(key) || *count >= REFUSED_EVENTS_MAX {
                continue;
            }
            *count += 1;
            let Some(app) = apps.get(&key.0) else { continue };
            let params =
                [("instance", instance_name(&app.name, self.release(key.1), key.2)), ("why", why_refused(nodes))];
            self.say(Reason::Refused, of_app(app), params);
        }
    }

    fn release(&self, id: ReleaseId) -> u32 {
        self.releases.get(&id).map_or(0, |release| release.number)
    }
    fn number(&self, id: ReleaseId) -> String {
        self.release(id).to_string()
    }
    fn node(&self, id: NodeId) -> String {
        self.world.nodes.iter().find(|node| node.id == id).map(|node| node.name.clone()).unwrap_or_default()
    }
}

fn of_app(app: &AppRecord) -> Concerns {
    Concerns {
        tenant: Some(app.tenant),
        project: Some(app.project),
        environment: Some(app.environment),
        app: Some(app.id),
        ..Concerns::default()
    }
}

/// How many nodes fail which constraint, in words.
fn why_refused(nodes: &BTreeMap<NodeId, Constraint>) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for constraint in nodes.values() {
        *counts.entry(words(constraint)).or_default() += 1;
    }
    if counts.is_empty() {
        return "no node has joined".to_owned();
    }
    let part = |(words, count): (&str, usize)| format!("{count} × {words}");
    counts.into_iter().map(part).collect::<Vec<_>>().join(", ")
}

fn words(constraint: &Constraint) -> &'static str {
    match constraint {
        Constraint::NotReady => "node not ready",
        Constraint::NotActive => "node cordoned or drained",
        Constraint::Label { .. } => "label missing",
        Constraint::HostPort { .. } => "port in use",
        Constraint::Cpu { .. } => "too little cpu free",
        Constraint::Memory { .. } => "too little memory free",
    }
}
