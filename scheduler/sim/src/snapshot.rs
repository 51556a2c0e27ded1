//! From rows to what the pure functions take, as the server's store does it.

use crate::{
    database::{App, Database, Row},
    message::Seen,
};
use berth_domain::{
    id::{AppId, InstanceId, NodeId},
    lifecycle::{InstancePhase, RolloutPhase},
    node::NodeState,
};
use berth_scheduler_core::{
    rollout::{RolloutInstance, RolloutStep, RolloutView, settled, step},
    snapshot::{Node, Placed, Snapshot},
};
use std::collections::{BTreeMap, BTreeSet};

/// Milliseconds in a second.
pub const SECOND_MS: u64 = 1000;

/// What every app with a rollout that is going on shall do now.
pub fn steps(database: &Database, now_s: u64) -> BTreeMap<AppId, RolloutStep> {
    let view =
        |(id, app): (&AppId, &App)| Some((*id, step(&rollout_view(database, *id, app, now_s)?, now_s * SECOND_MS)));
    database.desired.apps.iter().filter_map(view).collect()
}

/// The cluster with the targets that follow from `steps`.
pub fn snapshot(database: &Database, steps: &BTreeMap<AppId, RolloutStep>, now_s: u64) -> Snapshot {
    let mut snapshot = Snapshot { version: database.assigned.version, ..Snapshot::default() };
    for (id, app) in &database.desired.apps {
        match (steps.get(id), app.release) {
            (Some(step), _) => {
                snapshot.targets.insert(*id, step.targets.clone());
                snapshot.outdated_allowed.insert(*id, step.outdated_allowed);
            }
            (None, Some(release)) => {
                snapshot.targets.insert(*id, settled(release, app.wanted()));
            }
            (None, None) => {}
        }
    }
    snapshot.nodes = database.desired.nodes.keys().map(|id| (*id, node(database, *id, now_s))).collect();
    for (id, row) in &database.assigned.instances {
        let placed = Placed {
            app: row.app,
            release: row.release,
            node: row.node,
            number: row.number,
            stopping: row.stopping,
            phase: phase(database, *id),
            outdated: is_outdated(&database.desired.apps[&row.app], row),
        };
        snapshot.instances.insert(*id, placed);
    }
    let placed = snapshot.instances.values().map(|placed| placed.release);
    let named: BTreeSet<_> =
        snapshot.targets.values().flat_map(|targets| targets.keys().copied()).chain(placed).collect();
    snapshot.releases = named.into_iter().map(|id| (id, database.desired.releases[&id].demand.clone())).collect();
    snapshot
}

/// How well a node is, by how long it was not heard.
pub fn node_state(database: &Database, id: NodeId, now_s: u64) -> NodeState {
    let silence =
        |seen: &crate::database::NodeSeen| NodeState::of((now_s - seen.heard_s) * SECOND_MS, seen.docker_answers);
    database.observed.nodes.get(&id).map_or(NodeState::Lost, silence)
}

fn node(database: &Database, id: NodeId, now_s: u64) -> Node {
    let stored = &database.desired.nodes[&id];
    Node {
        name: id.to_string(),
        state: node_state(database, id, now_s),
        availability: stored.availability,
        capacity: stored.capacity,
        labels: stored.labels.clone(),
        images: database.observed.nodes.get(&id).map(|seen| seen.images.clone()).unwrap_or_default(),
        foreign_ports: BTreeSet::new(),
    }
}

fn phase(database: &Database, id: InstanceId) -> InstancePhase {
    database.observed.instances.get(&id).map_or(InstancePhase::Waiting, |seen| seen.phase)
}

/// Only a restart that is going on makes instances outdated (see [`Placed::outdated`]).
pub fn is_outdated(app: &App, row: &Row) -> bool {
    let restarts = app.rollout.filter(|rollout| rollout.is_restart && rollout.phase == RolloutPhase::Progressing);
    restarts.is_some_and(|rollout| rollout.to == row.release && row.restart_serial < app.restart_serial)
}

fn rollout_view(database: &Database, id: AppId, app: &App, now_s: u64) -> Option<RolloutView> {
    let rollout = app.active_rollout()?;
    let release = &database.desired.releases[&rollout.target()];
    let rows = database.assigned.instances.iter().filter(|(_, row)| row.app == id);
    let instance = |(id, row): (&InstanceId, &Row)| {
        let seen = database.observed.instances.get(id);
        let is_lost = node_state(database, row.node, now_s) == NodeState::Lost;
        RolloutInstance {
            id: *id,
            release: row.release,
            phase: if is_lost { InstancePhase::Waiting } else { phase(database, *id) },
            stopping: row.stopping,
            restarts: seen.map_or(0, |seen: &Seen| seen.restarts),
            hopeless: seen.is_some_and(|seen| seen.hopeless),
            message: seen.map_or("", |seen| seen.message).to_owned(),
            outdated: is_outdated(app, row),
        }
    };
    Some(RolloutView {
        phase: rollout.phase,
        target: rollout.target(),
        before: rollout.before(),
        replicas: app.wanted(),
        policy: release.policy,
        fixed_ports: !release.demand.host_ports.is_empty(),
        progressed_at_ms: rollout.progressed_s * SECOND_MS,
        instances: rows.map(instance).collect(),
    })
}
