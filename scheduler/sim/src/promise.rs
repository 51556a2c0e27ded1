//! What a rollout promises, judged where its decisions take effect: when a plan commits, and when a rollout ends.
//!
//! "Ready" is what the leader knew when it made the plan: observed as ready, on a node that was not lost. A fault that
//! was reported only after that is nobody's decision, so it breaks no promise. Neither counts what is on a drained
//! node against the ceiling: it stays until its replacement is ready.

use crate::{
    database::{App, Database, Row},
    snapshot::{is_outdated, node_state},
};
use berth_domain::{
    id::{AppId, InstanceId},
    lifecycle::{RolloutEvent, RolloutPhase},
    node::{NodeAvailability, NodeState},
};
use std::collections::{BTreeMap, BTreeSet};

/// What a plan was made from, as far as it is judged by.
pub struct Basis {
    /// The apps that it is about.
    pub apps: Vec<AppId>,
    ready: BTreeSet<InstanceId>,
}

impl Basis {
    pub fn new(database: &Database, apps: Vec<AppId>, now_s: u64) -> Self {
        let rows = database.assigned.instances.iter().filter(|(id, row)| serves(database, **id, row, now_s));
        Self { apps, ready: rows.map(|(id, _)| *id).collect() }
    }
    /// How many instances of each app serve: to be counted before the commit, and after it.
    pub fn ready(&self, database: &Database) -> BTreeMap<AppId, u32> {
        let mut ready = BTreeMap::new();
        let known = self.ready.iter().filter_map(|id| database.assigned.instances.get(id));
        for row in known.filter(|row| !row.stopping) {
            *ready.entry(row.app).or_default() += 1;
        }
        ready
    }
    /// The promise that a commit broke; `before` is what served before it.
    pub fn violation(&self, database: &Database, before: &BTreeMap<AppId, u32>) -> Option<String> {
        let after = self.ready(database);
        self.apps.iter().find_map(|id| {
            let app = &database.desired.apps[id];
            let count = |ready: &BTreeMap<AppId, u32>| ready.get(id).copied().unwrap_or(0);
            floor_violation(database, app, count(before), count(&after))
                .or_else(|| ceiling_violation(database, *id, app))
                .map(|what| format!("{id}: {what}"))
        })
    }
}

/// Surge and unavailable, as `rollout::step` promises them.
fn limits(database: &Database, app: &App) -> Option<(u32, u32)> {
    let release = &database.desired.releases[&app.active_rollout()?.target()];
    let policy = release.policy;
    let has_fixed_ports = !release.demand.host_ports.is_empty();
    Some(if has_fixed_ports { (0, policy.max_unavailable.max(1)) } else { (policy.max_surge, policy.max_unavailable) })
}

/// A rollout takes away nothing that serves while fewer than `replicas - max_unavailable` would be left.
fn floor_violation(database: &Database, app: &App, before: u32, after: u32) -> Option<String> {
    let (_, unavailable) = limits(database, app)?;
    let floor = app.wanted().saturating_sub(unavailable);
    (after < before.min(floor)).then(|| {
        format!("its rollout left {after} of {before} ready instances, and must leave {floor}: {:?}", app.rollout)
    })
}

/// There are at most `replicas + max_surge` instances; without a rollout, `replicas`.
fn ceiling_violation(database: &Database, id: AppId, app: &App) -> Option<String> {
    let surge = limits(database, app).map_or(0, |(surge, _)| surge);
    let ceiling = app.wanted().saturating_add(surge) as usize;
    let counts = |row: &&Row| {
        row.app == id && !row.stopping && database.desired.nodes[&row.node].availability != NodeAvailability::Drained
    };
    let assigned = database.assigned.instances.values().filter(counts).count();
    (assigned > ceiling).then(|| format!("{assigned} instances are assigned, more than {ceiling}: {:?}", app.rollout))
}

/// A rollout that ends as it should has all that it wants ready, and nothing else.
pub fn event_violation(database: &Database, id: AppId, event: RolloutEvent, now_s: u64) -> Option<String> {
    let app = &database.desired.apps[&id];
    let rollout = app.active_rollout().filter(|_| event == RolloutEvent::Completed && app.wanted() > 0)?;
    let rows = database.assigned.instances.iter().filter(|(_, row)| row.app == id && !row.stopping);
    let (new, other): (Vec<_>, Vec<_>) =
        rows.partition(|(_, row)| row.release == rollout.target() && !is_outdated(app, row));
    let ready = new.iter().filter(|(id, row)| serves(database, **id, row, now_s)).count();
    let wanted = app.wanted();
    (ready < wanted as usize || !other.is_empty()).then(|| {
        format!("{id}: a rollout ended with {ready} of {wanted} ready and {} others: {rollout:?}", other.len())
    })
}

/// An app whose rollout was taken back runs the release before again.
pub fn way_back_violation(database: &Database) -> Option<String> {
    database.desired.apps.iter().find_map(|(id, app)| {
        let rollout = app.rollout?;
        let went_back = matches!(rollout.phase, RolloutPhase::RollingBack | RolloutPhase::RolledBack);
        (went_back && app.release != rollout.from)
            .then(|| format!("{id} was taken back and is at {:?}: {rollout:?}", app.release))
    })
}

fn serves(database: &Database, id: InstanceId, row: &Row, now_s: u64) -> bool {
    let is_ready = database.observed.instances.get(&id).is_some_and(|seen| seen.phase.is_ready());
    is_ready && !row.stopping && node_state(database, row.node, now_s) != NodeState::Lost
}
