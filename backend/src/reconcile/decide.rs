//! One pass of the engine as a pure function: from the world, what to write. Rollouts and instances are decided together,
//! so that a deploy costs one pass and not two.

use super::{
    node_health::{Judgement, Pulse, judge},
    rollout::{AppDecision, Step, decide_app},
};
use crate::store::{
    placement::{AppRecord, InstanceRecord, RefusalKey, ReleaseRecord, World},
    snapshot::{demand, node, placed},
};
use berth_domain::{
    id::{AppId, InstanceId, NodeId, ReleaseId},
    lifecycle::InstancePhase,
    node::NodeState,
};
use berth_scheduler_core::{
    plan::{Constraint, Plan, plan},
    snapshot::Snapshot,
};
use chrono::{DateTime, Utc};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

/// Releases by id. They never change, so a server reads each once.
pub(super) type Releases = HashMap<ReleaseId, Arc<ReleaseRecord>>;

/// Codes of failures that no further try will mend: the same request would get the same answer.
pub(super) const HOPELESS: [&str; 7] = [
    "image_not_found",
    "registry_denied",
    "wrong_architecture",
    "bad_archive",
    "command_not_found",
    "not_admitted",
    "bad_spec",
];

/// A node that was silent for so long, in milliseconds, has its stopped instances forgotten: a day. Should it come back,
/// its desired set does not name them and its agent removes them.
const FORGET_AFTER_MS: u64 = 24 * 3600 * 1000;

/// What one pass found and wants.
#[derive(Debug, Default)]
pub(super) struct Decision {
    /// How the nodes stand.
    pub(super) judgement: Judgement,
    /// New instances, stops, refusals.
    pub(super) plan: Plan,
    /// Instances that are gone, with their nodes.
    pub(super) gone: Vec<(InstanceId, NodeId)>,
    /// Steps of rollouts.
    pub(super) steps: Vec<Step>,
    /// Refusals that no longer hold.
    pub(super) refusals_gone: Vec<RefusalKey>,
    /// Refusals that are new or read differently.
    pub(super) refusals_changed: Vec<(RefusalKey, BTreeMap<NodeId, Constraint>)>,
    /// Apps that are wanted gone and have nothing left.
    pub(super) apps_gone: Vec<AppId>,
}

impl Decision {
    /// Whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.plan.starts.is_empty()
            && self.plan.stops.is_empty()
            && self.gone.is_empty()
            && self.steps.is_empty()
            && self.refusals_gone.is_empty()
            && self.refusals_changed.is_empty()
            && self.apps_gone.is_empty()
    }
}

/// Releases that a decision about this world needs.
pub(super) fn needed_releases(world: &World) -> BTreeSet<ReleaseId> {
    let rollouts = world.apps.iter().filter_map(|app| app.rollout);
    let wanted = world.apps.iter().filter(|app| !app.deleted).filter_map(|app| app.release);
    let placed = world.instances.iter().map(|instance| instance.release);
    rollouts.flat_map(|rollout| [Some(rollout.to), rollout.from]).flatten().chain(wanted).chain(placed).collect()
}

/// Decides. `leader_ms`: for how long this server has decided; `was_frozen`: as judged in the pass before.
pub(super) fn decide(
    world: &World,
    releases: &Releases,
    now: DateTime<Utc>,
    leader_ms: u64,
    was_frozen: bool,
) -> Decision {
    let pulses = world
        .nodes
        .iter()
        .map(|n| (n.id, Pulse { silence_ms: n.silence_ms, docker_answers: n.docker_answers }))
        .collect();
    let judgement = judge(&pulses, leader_ms, was_frozen);
    let lost: BTreeSet<_> =
        judgement.states.iter().filter(|(_, state)| **state == NodeState::Lost).map(|(node, _)| *node).collect();
    let (gone, present): (Vec<_>, Vec<_>) =
        world.instances.iter().partition(|instance| is_gone(instance, world, &lost));
    let mut by_app: BTreeMap<AppId, Vec<&InstanceRecord>> = BTreeMap::new();
    for instance in &present {
        by_app.entry(instance.app).or_default().push(instance);
    }
    let decided: Vec<_> = world
        .apps
        .iter()
        .map(|app| {
            let instances = by_app.get(&app.id).map_or(&[][..], Vec::as_slice);
            (app, decide_app(app, instances, releases, &lost, now))
        })
        .collect();
    let snapshot = snapshot(world, &present, &decided, releases, &judgement);
    // An app whose rollout takes a step is planned in the next pass, from the new phase.
    let dirty: Vec<_> = decided.iter().filter(|(_, d)| d.step.is_none()).map(|(app, _)| app.id).collect();
    let plan = plan(&snapshot, &dirty);
    let (refusals_gone, refusals_changed) = refusals(world, &plan, &dirty);
    let apps_gone = world.apps.iter().filter(|a| a.deleted && !by_app.contains_key(&a.id)).map(|a| a.id).collect();
    let steps = decided.into_iter().filter_map(|(_, d)| d.step).collect();
    let gone = gone.into_iter().map(|instance| (instance.id, instance.node)).collect();
    Decision { judgement, plan, gone, steps, refusals_gone, refusals_changed, apps_gone }
}

/// Whether an instance needs no row any more: its agent saw it gone, its node was removed or stayed away for long.
fn is_gone(instance: &InstanceRecord, world: &World, lost: &BTreeSet<NodeId>) -> bool {
    let away = || {
        lost.contains(&instance.node)
            && world.nodes.iter().any(|n| n.id == instance.node && n.silence_ms >= FORGET_AFTER_MS)
    };
    !instance.node_is_member || instance.stopping && (instance.phase == InstancePhase::Stopped || away())
}

fn snapshot(
    world: &World,
    present: &[&InstanceRecord],
    decided: &[(&AppRecord, AppDecision)],
    releases: &Releases,
    judgement: &Judgement,
) -> Snapshot {
    let outdated: BTreeSet<_> = decided.iter().flat_map(|(_, d)| d.outdated.iter().copied()).collect();
    Snapshot {
        version: world.version.unsigned_abs(),
        nodes: world
            .nodes
            .iter()
            .map(|n| (n.id, node(n, judgement.states.get(&n.id).copied().unwrap_or(NodeState::Suspect))))
            .collect(),
        releases: needed_releases(world)
            .into_iter()
            .filter_map(|id| releases.get(&id).map(|release| (id, demand(release))))
            .collect(),
        instances: present.iter().map(|i| (i.id, placed(i, outdated.contains(&i.id)))).collect(),
        targets: decided.iter().map(|(app, d)| (app.id, d.targets.clone())).collect(),
        outdated_allowed: decided
            .iter()
            .filter(|(_, d)| d.outdated_allowed > 0)
            .map(|(app, d)| (app.id, d.outdated_allowed))
            .collect(),
    }
}

type Changed = Vec<(RefusalKey, BTreeMap<NodeId, Constraint>)>;

/// What changed about refusals of the apps that were planned.
fn refusals(world: &World, plan: &Plan, dirty: &[AppId]) -> (Vec<RefusalKey>, Changed) {
    let dirty: BTreeSet<_> = dirty.iter().collect();
    let now: BTreeMap<RefusalKey, _> = plan.refusals.iter().map(|r| ((r.app, r.release, r.number), &r.nodes)).collect();
    let gone = world.refusals.keys().filter(|key| dirty.contains(&key.0) && !now.contains_key(key)).copied().collect();
    let changed = now
        .into_iter()
        .filter(|(key, nodes)| world.refusals.get(key) != Some(nodes))
        .map(|(key, nodes)| (key, nodes.clone()))
        .collect();
    (gone, changed)
}
