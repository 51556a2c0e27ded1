//! The engine: looks at the world, decides, and commits against the version that it looked at. If the world moved
//! meanwhile, it looks again. The only writer of ASSIGNED rows and of the way of rollouts.

use super::{
    Nudges,
    decide::{Decision, Releases, decide, needed_releases},
    driver::Task,
    lease::{LEASE, Leadership},
    node_health::{STANDING, news},
};
use crate::{
    authz::permit::SystemPermit,
    clock::{Clock, Ids},
    store::{
        Store, StoreError, SystemTx,
        events::{Concerns, NewEvent, Reason, insert_events},
        instances::{NewInstance, delete_instances, insert_instances, instance_name, stop_instances},
        node_observations::list_pulses,
        placement::{self, AppRecord, World},
        rollouts_reconcile::{RolloutChange, update_rollouts},
    },
};
use async_trait::async_trait;
use berth_api_types::v1::live::Topic;
use berth_domain::{
    id::{AppId, EventId, NodeId, ReleaseId, RolloutId},
    lifecycle::RolloutPhase,
};
use berth_scheduler_core::plan::{Constraint, StopReason};
use chrono::{DateTime, Utc};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use tokio::sync::watch;

/// Longest time between two looks when nothing happens.
const PERIOD: Duration = Duration::from_secs(5);
/// The same while a rollout goes on: its deadline passes without anybody saying so.
const ROLLOUT_PERIOD: Duration = Duration::from_secs(1);
/// Most passes in a row in which another transaction was first, before the task pauses.
const TRIES_MAX: u32 = 10;
/// Most refusals of one app that are reported as events in one pass: a thousand equal sentences help nobody.
const REFUSED_EVENTS_MAX: usize = 5;
const PERMIT: SystemPermit = SystemPermit::for_duty("placement");

/// The engine.
pub(super) struct Engine {
    store: Store,
    leader: watch::Receiver<Option<Leadership>>,
    nudges: Nudges,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    releases: Releases,
    memory: Memory,
}

/// What the engine remembers between passes. All of it can be had from rows again.
#[derive(Default)]
struct Memory {
    /// The epoch that this was remembered in.
    epoch: i64,
    frozen: bool,
    /// What was said of a node last.
    said: BTreeMap<NodeId, Reason>,
    /// Rollouts whose beginning was reported.
    announced: BTreeSet<RolloutId>,
}

/// How a commit went.
enum Committed {
    Done,
    /// Another transaction was first: look again.
    Stale,
}

#[async_trait]
impl Task for Engine {
    fn name(&self) -> &'static str {
        "engine"
    }

    async fn pass(&mut self) -> anyhow::Result<Duration> {
        for _ in 0..TRIES_MAX {
            let Some(leadership) = *self.leader.borrow() else { return Ok(PERIOD) };
            let (world, decision) = self.look(&leadership).await?;
            let events = self.events(&world, &decision);
            if decision.is_empty() && events.is_empty() {
                return Ok(next_look(&world, &decision));
            }
            match self.commit(&leadership, &world, &decision, events).await? {
                // Steps of rollouts lead to new targets; whatever else follows is found by the same look.
                Committed::Done if decision.steps.is_empty() => return Ok(next_look(&world, &decision)),
                Committed::Done | Committed::Stale => {}
            }
        }
        anyhow::bail!("the world moved {TRIES_MAX} times while a plan was made")
    }
}

fn next_look(world: &World, decision: &Decision) -> Duration {
    let period = if world.apps.iter().any(|app| app.rollout.is_some()) { ROLLOUT_PERIOD } else { PERIOD };
    // A millisecond later than the threshold, so that it has passed.
    let silence = decision.judgement.next_ms.map(|ms| Duration::from_millis(ms + 1));
    silence.map_or(period, |silence| silence.min(period))
}

impl Engine {
    pub(super) fn new(
        store: Store,
        leader: watch::Receiver<Option<Leadership>>,
        nudges: Nudges,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Self {
        Self { store, leader, nudges, clock, ids, releases: Releases::new(), memory: Memory::default() }
    }

    /// Looks and decides.
    async fn look(&mut self, leadership: &Leadership) -> Result<(World, Decision), StoreError> {
        let mut tx = SystemTx::begin(&self.store, &PERMIT).await?;
        placement::freeze(&mut tx).await?;
        let world = placement::get_world(&mut tx).await?;
        let needed = needed_releases(&world);
        let missing: Vec<ReleaseId> = needed.iter().filter(|id| !self.releases.contains_key(id)).copied().collect();
        if !missing.is_empty() {
            for release in placement::list_releases(&mut tx, &missing).await? {
                self.releases.insert(release.id, Arc::new(release));
            }
        }
        if self.memory.epoch != leadership.lease.epoch {
            self.memory = remember(&mut tx, leadership.lease.epoch).await?;
        }
        let now = tx.now();
        drop(tx);
        self.releases.retain(|id, _| needed.contains(id));
        let leader_ms = u64::try_from((now - leadership.since).num_milliseconds()).unwrap_or(0);
        let decision = decide(&world, &self.releases, now, leader_ms, self.memory.frozen);
        Ok((world, decision))
    }

    /// Writes a decision in one transaction.
    async fn commit(
        &mut self,
        leadership: &Leadership,
        world: &World,
        decision: &Decision,
        events: Vec<NewEvent>,
    ) -> Result<Committed, StoreError> {
        let mut tx = SystemTx::begin(&self.store, &PERMIT).await?;
        if !placement::advance_version(&mut tx, world.version, LEASE, leadership.lease).await? {
            return Ok(Committed::Stale);
        }
        let changes: Vec<RolloutChange> = decision.steps.iter().map(|step| step.change.clone()).collect();
        if !update_rollouts(&mut tx, &changes).await? {
            return Ok(Committed::Stale);
        }
        let apps: BTreeMap<AppId, &AppRecord> = world.apps.iter().map(|app| (app.id, app)).collect();
        let assigned = write_plan(&mut tx, leadership, world, decision, &apps).await;
        match assigned {
            Ok(true) => {}
            Ok(false) => return Ok(Committed::Stale),
            // An app or a node went while this was planned.
            Err(StoreError::Referenced { .. }) => return Ok(Committed::Stale),
            Err(error) => return Err(error),
        }
        insert_events(tx.conn(), &events).await?;
        for topic in touched(world, decision, &events, &apps) {
            tx.touch(topic.0, topic.1);
        }
        tx.commit_unaudited().await?;
        self.nudges.delivery();
        self.memory.remember(world, decision, &events);
        Ok(Committed::Done)
    }

    /// What is to be said about this pass.
    fn events(&self, world: &World, decision: &Decision) -> Vec<NewEvent> {
        let now = self.clock.now();
        let mut sayer = Sayer { ids: &*self.ids, now, world, releases: &self.releases, events: Vec::new() };
        sayer.say_nodes(decision, &self.memory);
        sayer.say_rollouts(decision, &self.memory);
        sayer.say_instances(decision);
        sayer.events
    }
}

impl Memory {
    fn remember(&mut self, world: &World, decision: &Decision, events: &[NewEvent]) {
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
async fn remember(tx: &mut SystemTx, epoch: i64) -> Result<Memory, StoreError> {
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

/// Writes assignments and refusals. `false`: a node has seen a later epoch.
async fn write_plan(
    tx: &mut SystemTx,
    leadership: &Leadership,
    world: &World,
    decision: &Decision,
    apps: &BTreeMap<AppId, &AppRecord>,
) -> Result<bool, StoreError> {
    let nodes_of: BTreeMap<_, _> = world.instances.iter().map(|i| (i.id, i.node)).collect();
    let stops: Vec<_> = decision.plan.stops.iter().map(|stop| (stop.instance, stop.reason)).collect();
    let left: BTreeSet<NodeId> = decision.gone.iter().map(|(_, node)| *node).collect();
    let starting = decision.plan.starts.iter().map(|start| start.node);
    let stopping = stops.iter().filter_map(|(instance, _)| nodes_of.get(instance).copied());
    let nodes: BTreeSet<NodeId> = starting.chain(stopping).chain(left.iter().copied()).collect();
    let mut generations = BTreeMap::new();
    if !nodes.is_empty() {
        generations = placement::raise_generations(tx, leadership.lease.epoch, &nodes).await?;
        if generations.len() != nodes.len() {
            return Ok(false);
        }
    }
    let mut new = Vec::new();
    for start in &decision.plan.starts {
        let (Some(app), Some(generation)) = (apps.get(&start.app), generations.get(&start.node)) else { continue };
        new.push(NewInstance {
            id: tx.id(),
            tenant: app.tenant,
            app: start.app,
            release: start.release,
            node: start.node,
            number: start.number,
            restart_serial: app.restart_serial,
            generation: *generation,
            explanation: start.explanation.clone(),
        });
    }
    insert_instances(tx, &new).await?;
    stop_instances(tx, &stops).await?;
    if !decision.gone.is_empty() {
        let gone: Vec<_> = decision.gone.iter().map(|(instance, _)| *instance).collect();
        delete_instances(tx, &gone).await?;
        placement::mark_emptied(tx, &left).await?;
    }
    let changed: Vec<_> = decision
        .refusals_changed
        .iter()
        .filter_map(|(key, nodes)| Some((*key, apps.get(&key.0)?.tenant, nodes)))
        .collect();
    placement::replace_refusals(tx, &decision.refusals_gone, &changed).await?;
    if !decision.apps_gone.is_empty() {
        placement::delete_gone_apps(tx, &decision.apps_gone).await?;
    }
    Ok(true)
}

/// The pages that look different now.
fn touched(
    world: &World,
    decision: &Decision,
    events: &[NewEvent],
    apps: &BTreeMap<AppId, &AppRecord>,
) -> Vec<(Option<berth_domain::id::TenantId>, Topic)> {
    let of_instance: BTreeMap<_, _> = world.instances.iter().map(|i| (i.id, i.app)).collect();
    let started = decision.plan.starts.iter().map(|start| start.app);
    let stopped = decision.plan.stops.iter().filter_map(|stop| of_instance.get(&stop.instance).copied());
    let gone = decision.gone.iter().filter_map(|(instance, _)| of_instance.get(instance).copied());
    let stepped = decision.steps.iter().map(|step| step.change.app);
    let refused = decision.refusals_changed.iter().map(|(key, _)| key.0);
    let placed = decision.refusals_gone.iter().map(|key| key.0);
    let said = events.iter().filter_map(|event| event.concerns.app);
    let touched: BTreeSet<AppId> =
        started.chain(stopped).chain(gone).chain(stepped).chain(refused).chain(placed).chain(said).collect();
    let mut topics: Vec<_> = touched
        .iter()
        .filter_map(|app| apps.get(app))
        .map(|app| {
            let topic = Topic::App {
                project: app.project_name.clone(),
                environment: app.environment_name.clone(),
                app: app.name.clone(),
            };
            (Some(app.tenant), topic)
        })
        .collect();
    // What runs where is on the pages of the nodes.
    topics.push((None, Topic::Nodes));
    topics
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
