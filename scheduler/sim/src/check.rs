//! What must hold: safety after every second, and rest when the faults have stopped.

use crate::{
    database::{App, Database, Row},
    host::Host,
    message::{Behaviour, Stamp},
    promise,
    snapshot::{snapshot, steps},
};
use berth_domain::{
    id::{AppId, NodeId, ReleaseId},
    lifecycle::RolloutPhase,
    quantity::Resources,
};
use berth_scheduler_core::plan::plan;
use std::collections::{BTreeMap, BTreeSet};

/// What is remembered between two checks.
#[derive(Default)]
pub struct Monitor {
    highest: BTreeMap<NodeId, Stamp>,
}

impl Monitor {
    /// The first safety rule that does not hold.
    pub fn violation(&mut self, database: &Database, hosts: &BTreeMap<NodeId, Host>) -> Option<String> {
        let rows = rows_violation(database).or_else(|| promise::way_back_violation(database));
        let of_host = |host| self.host_violation(database, host);
        rows.or_else(|| hosts.values().find_map(of_host))
    }
    fn host_violation(&mut self, database: &Database, host: &Host) -> Option<String> {
        let (stamp, id) = (host.ledger.desired.stamp, host.id);
        let highest = self.highest.entry(id).or_default();
        if stamp < *highest {
            return Some(format!("the generation of {id} went back from {highest:?} to {stamp:?}"));
        }
        *highest = stamp;
        let (mut instances, mut ports) = (BTreeSet::new(), BTreeSet::new());
        for container in &host.containers {
            let instance = container.instance;
            if !instances.insert(instance) {
                return Some(format!("{instance} is on {id} twice"));
            }
            if database.assigned.ever.get(&instance) != Some(&id) {
                return Some(format!("{instance} is on {id}, where no server ever put it"));
            }
            if !database.assigned.instances.contains_key(&instance) {
                return Some(format!("{instance} is on {id} after it was seen gone"));
            }
            if let Some(port) = container.spec.host_port.filter(|port| !ports.insert(*port)) {
                return Some(format!("host port {port} of {id} has two holders"));
            }
        }
        let used = host.containers.iter().fold(Resources::default(), |sum, container| sum + container.spec.resources);
        (!used.fits(host.capacity)).then(|| format!("{id} is over-committed: {used:?} of {:?}", host.capacity))
    }
}

/// Rules of the rows alone.
fn rows_violation(database: &Database) -> Option<String> {
    let mut used = BTreeMap::<NodeId, Resources>::new();
    let mut numbers = BTreeSet::new();
    for (id, row) in &database.assigned.instances {
        *used.entry(row.node).or_default() += database.desired.releases[&row.release].spec.resources;
        if !numbers.insert((row.release, row.number)) {
            return Some(format!("{id} has number {} of {} like another", row.number, row.release));
        }
    }
    let full = |(node, used): (NodeId, Resources)| {
        let capacity = database.desired.nodes[&node].capacity;
        (!used.fits(capacity)).then(|| format!("more was assigned to {node} than it has: {used:?} of {capacity:?}"))
    };
    used.into_iter().find_map(full)
}

/// Why the cluster is not at rest as wanted, if it is not.
pub fn unrest(database: &Database, hosts: &BTreeMap<NodeId, Host>, now_s: u64) -> Option<String> {
    rows_unrest(database).or_else(|| hosts.values().find_map(|host| host_unrest(database, host))).or_else(|| {
        let steps = steps(database, now_s);
        let apps: Vec<_> = database.desired.apps.keys().copied().collect();
        let plan = plan(&snapshot(database, &steps, now_s), &apps);
        let refused = plan.refusals.iter().map(|refusal| refusal.release).collect();
        let changes = !plan.starts.is_empty() || !plan.stops.is_empty();
        if changes { Some(format!("still to do: {plan:?}")) } else { rollout_unrest(database, &refused) }
    })
}

fn rows_unrest(database: &Database) -> Option<String> {
    let stopping = database.assigned.instances.iter().find(|(_, row)| row.stopping);
    if let Some((id, row)) = stopping {
        return Some(format!("{id} is stopping on {}", row.node));
    }
    let unready = database.assigned.instances.iter().find(|(id, row)| {
        let seen_ready = database.observed.instances.get(id).is_some_and(|seen| seen.phase.is_ready());
        is_good(database, row.release) && !seen_ready
    });
    let unready = unready
        .map(|(id, row)| format!("{id} on {} is not ready: {:?}", row.node, database.observed.instances.get(id)));
    unready.or_else(|| database.desired.apps.iter().find_map(|(id, app)| release_unrest(database, *id, app)))
}

/// An app without a rollout that is going on must run its release and no other.
fn release_unrest(database: &Database, id: AppId, app: &App) -> Option<String> {
    let is_other = |row: &&Row| row.app == id && app.release != Some(row.release);
    let other = database.assigned.instances.values().filter(|_| app.active_rollout().is_none()).find(is_other)?;
    Some(format!("{id} shall run {:?} and runs {}", app.release, other.release))
}

/// A host must run what was assigned to it, and nothing else.
fn host_unrest(database: &Database, host: &Host) -> Option<String> {
    let (id, stamp) = (host.id, host.ledger.desired.stamp);
    if database.assigned.stamps.get(&id) != Some(&stamp) {
        return Some(format!("{id} works from {stamp:?}, not from {:?}", database.assigned.stamps.get(&id)));
    }
    // An instance whose image does not exist has no container.
    let has_container = |release| database.desired.releases[release].spec.behaviour != Behaviour::NoImage;
    let rows = database.assigned.instances.iter().filter(|(_, row)| row.node == id && has_container(&row.release));
    let wanted: BTreeSet<_> = rows.map(|(instance, _)| *instance).collect();
    let there: BTreeSet<_> = host.containers.iter().map(|container| container.instance).collect();
    (wanted != there).then(|| format!("{id} has {there:?} and shall have {wanted:?}"))
}

/// Rollouts must have ended. One that goes back may wait for a release that is itself broken, or that has no place.
fn rollout_unrest(database: &Database, refused: &BTreeSet<ReleaseId>) -> Option<String> {
    let active = database.desired.apps.iter().filter_map(|(id, app)| Some((id, app.active_rollout()?)));
    let may_wait = |target| !is_good(database, target) || refused.contains(&target);
    let mut hanging = active.filter(|(_, r)| r.phase == RolloutPhase::Progressing || !may_wait(r.target()));
    hanging.next().map(|(id, rollout)| format!("{id} is still rolling out: {rollout:?}"))
}

fn is_good(database: &Database, release: ReleaseId) -> bool {
    matches!(database.desired.releases[&release].spec.behaviour, Behaviour::Good { .. })
}
