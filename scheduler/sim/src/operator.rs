//! What people do: deploy, scale, stop, restart, go back, abort, drain. Each act is one change of desired rows.

use crate::{
    database::{Database, Release, Rollout},
    journal::Journal,
    message::{Behaviour, Spec},
    random::Random,
};
use berth_domain::{
    app::{PlacementStrategy, RolloutPolicy},
    id::{AppId, NodeId, ReleaseId},
    lifecycle::{RolloutEvent, RolloutPhase},
    node::NodeAvailability,
    quantity::Resources,
};
use berth_scheduler_core::snapshot::Demand;
use std::collections::BTreeMap;

/// Most replicas that somebody asks for.
const REPLICAS_MAX: u64 = 5;
/// Apps in a hundred that have a fixed host port.
const FIXED_PORT_PERCENT: u64 = 20;

/// Does one thing at random.
pub fn act(database: &mut Database, random: &mut Random, journal: &mut Journal, now_s: u64) {
    let apps: Vec<AppId> = database.desired.apps.keys().copied().collect();
    let nodes: Vec<NodeId> = database.desired.nodes.keys().copied().collect();
    let (Some(app), Some(node)) = (random.pick(&apps), random.pick(&nodes)) else { return };
    match random.below(14) {
        0..5 => deploy(database, random, app, now_s),
        5..8 => scale(database, random, app),
        8 => go_back(database, random, app, now_s),
        9 | 10 => restart(database, app, now_s),
        11 => abort(database, app, now_s),
        12 => toggle(database, app),
        _ => set_availability(database, random, node),
    }
    database.desired.revision += 1;
    journal.note(now_s, || {
        let (row, availability) = (&database.desired.apps[&app], database.desired.nodes[&node].availability);
        let (wanted, rollout) = (row.wanted(), row.active_rollout());
        format!("somebody acts: {app} shall have {wanted}, {rollout:?}; {node} is {availability:?}")
    });
}

/// Makes a release and begins to roll it out.
pub fn deploy(database: &mut Database, random: &mut Random, app: AppId, now_s: u64) {
    let id = ReleaseId::new(database.draw());
    let release = make_release(random, app, id);
    database.desired.releases.insert(id, release);
    if let Some(row) = database.desired.apps.get_mut(&app) {
        row.history.push(id);
        row.replicas = row.replicas.max(1);
    }
    begin(database, app, id, false, now_s);
}

fn make_release(random: &mut Random, app: AppId, id: ReleaseId) -> Release {
    let behaviour = match random.below(10) {
        0 => Behaviour::NeverReady,
        1 => Behaviour::Crashes,
        2 => Behaviour::NoImage,
        _ => Behaviour::Good { ready_s: random.between(1, 6) },
    };
    // Two ports for all apps, so that apps compete for them too.
    let host_port = (random.below(100) < FIXED_PORT_PERCENT).then(|| if random.chance(500) { 80 } else { 443 });
    let resources = Resources::new(random.between(1, 4) * 250, random.between(1, 4) * 256);
    let spec = Spec {
        release: id,
        resources,
        host_port,
        behaviour,
        pull_s: random.between(1, 12),
        grace_s: random.between(0, 6),
    };
    let zone = random.chance(150).then(|| ("zone".to_owned(), "a".to_owned()));
    let demand = Demand {
        app,
        resources,
        host_ports: host_port.into_iter().collect(),
        node_labels: zone.into_iter().collect::<BTreeMap<_, _>>(),
        strategy: if random.chance(500) { PlacementStrategy::Spread } else { PlacementStrategy::Pack },
        image: spec.image(),
    };
    let max_surge = narrow(random.below(3));
    // A spec cannot say 0 and 0.
    let max_unavailable = narrow(random.below(3)).max(u32::from(max_surge == 0));
    let policy = RolloutPolicy { max_surge, max_unavailable, ready_deadline_s: narrow(random.between(25, 60)) };
    Release { spec, demand, policy }
}

/// Begins a rollout; one that is going on is overtaken. What comes back when the new one fails is what was there before
/// the one that never proved itself.
fn begin(database: &mut Database, app: AppId, to: ReleaseId, is_restart: bool, now_s: u64) {
    let Some(row) = database.desired.apps.get_mut(&app) else { return };
    let from = match row.active_rollout() {
        Some(rollout) if rollout.phase == RolloutPhase::Progressing => rollout.from,
        Some(_) | None => row.release,
    };
    row.restart_serial += u64::from(is_restart);
    row.release = Some(to);
    row.rollout = Some(Rollout { from, to, is_restart, phase: RolloutPhase::Progressing, progressed_s: now_s });
}

fn scale(database: &mut Database, random: &mut Random, app: AppId) {
    if let Some(row) = database.desired.apps.get_mut(&app) {
        row.replicas = narrow(random.below(REPLICAS_MAX + 1));
    }
}

fn go_back(database: &mut Database, random: &mut Random, app: AppId, now_s: u64) {
    let history = database.desired.apps.get(&app).map(|row| row.history.clone()).unwrap_or_default();
    if let Some(release) = random.pick(&history) {
        begin(database, app, release, false, now_s);
    }
}

fn restart(database: &mut Database, app: AppId, now_s: u64) {
    if let Some(release) = database.desired.apps.get(&app).and_then(|row| row.release) {
        begin(database, app, release, true, now_s);
    }
}

fn abort(database: &mut Database, app: AppId, now_s: u64) {
    let rollout = database.desired.apps.get(&app).and_then(|row| row.active_rollout());
    if let Some(rollout) = rollout.filter(|rollout| rollout.phase == RolloutPhase::Progressing) {
        let event = if rollout.from.is_some() { RolloutEvent::TakenBack } else { RolloutEvent::GivenUp };
        // The rollout goes on, so its phase knows both events; nothing is lost if a leader was faster.
        let _ = database.write_event(database.epoch, app, event, now_s);
    }
}

fn toggle(database: &mut Database, app: AppId) {
    if let Some(row) = database.desired.apps.get_mut(&app) {
        row.running = !row.running;
    }
}

fn set_availability(database: &mut Database, random: &mut Random, node: NodeId) {
    use NodeAvailability as A;
    if let Some(row) = database.desired.nodes.get_mut(&node) {
        row.availability = random.pick(&[A::Active, A::Active, A::Cordoned, A::Drained]).unwrap_or_default();
    }
}

fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
