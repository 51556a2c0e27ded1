//! The engine: looks at the world, decides, and commits against the version that it looked at. If the world moved
//! meanwhile, it looks again. The only writer of ASSIGNED rows and of the way of rollouts.

use super::{
    Nudges,
    decide::{Decision, Releases, decide, needed_releases},
    driver::Task,
    lease::{LEASE, Leadership},
    say::{Memory, recall, say},
};
use crate::{
    authz::permit::SystemPermit,
    clock::{Clock, Ids},
    store::{
        Store, StoreError, SystemTx,
        events::{NewEvent, insert_events},
        instances::{NewInstance, delete_instances, insert_instances, stop_instances},
        placement::{self, AppRecord, World},
        rollouts_reconcile::{RolloutChange, update_rollouts},
    },
};
use async_trait::async_trait;
use berth_api_types::v1::live::Topic;
use berth_domain::id::{AppId, NodeId, ReleaseId};
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
            let events = say(&*self.ids, self.clock.now(), &world, &self.releases, &decision, &self.memory);
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
            self.memory = recall(&mut tx, leadership.lease.epoch).await?;
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
