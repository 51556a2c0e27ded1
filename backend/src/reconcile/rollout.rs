//! What an app shall have now: from what is wanted of it, its rollout if one goes on, and what was observed. Pure.

use super::decide::{HOPELESS, Releases};
use crate::store::{
    events::Reason,
    placement::{AppRecord, InstanceRecord, RolloutRecord},
    rollouts_reconcile::RolloutChange,
};
use berth_domain::{
    id::{InstanceId, NodeId, ReleaseId},
    lifecycle::{InstancePhase, RolloutEvent, RolloutPhase},
};
use berth_scheduler_core::rollout::{RolloutInstance, RolloutView, settled, step};
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, BTreeSet};

/// What an app shall have now, and what becomes of its rollout.
#[derive(Debug, Default)]
pub(super) struct AppDecision {
    /// How many instances of which release.
    pub(super) targets: BTreeMap<ReleaseId, u32>,
    /// How many outdated instances may still run.
    pub(super) outdated_allowed: u32,
    /// Instances that a restart replaces.
    pub(super) outdated: BTreeSet<InstanceId>,
    /// The next step of its rollout. Targets are not acted upon then: they follow from the new phase, in the next pass.
    pub(super) step: Option<Step>,
}

/// A step of a rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// What is written.
    pub(super) change: RolloutChange,
    /// What is said.
    pub(super) said: Reason,
    /// Why, when it failed.
    pub(super) why: String,
}

/// Decides for an app whose instances are `instances`; on `lost` nodes nothing runs any more.
pub(super) fn decide_app(
    app: &AppRecord,
    instances: &[&InstanceRecord],
    releases: &Releases,
    lost: &BTreeSet<NodeId>,
    now: DateTime<Utc>,
) -> AppDecision {
    if app.deleted {
        return AppDecision::default();
    }
    let Some(rollout) = app.rollout else {
        let targets = app.release.map_or_else(BTreeMap::new, |release| settled(release, app.wanted));
        return AppDecision { targets, ..AppDecision::default() };
    };
    let (target, before) = direction(&rollout);
    let outdated: BTreeSet<_> = instances.iter().filter(|i| is_outdated(app, &rollout, i)).map(|i| i.id).collect();
    let Some(release) = releases.get(&target) else {
        // It was deleted between two looks; the next one will not see this rollout.
        return AppDecision { outdated, ..AppDecision::default() };
    };
    let view = RolloutView {
        phase: rollout.phase,
        target,
        before,
        replicas: app.wanted,
        policy: release.spec.rollout(),
        fixed_ports: release.spec.ports().iter().any(|port| port.host.is_some()),
        progressed_at_ms: progressed_at_ms(&rollout, target, instances, &outdated),
        instances: instances.iter().map(|i| rollout_instance(i, &outdated, lost)).collect(),
    };
    let decided = step(&view, unix_ms(now));
    let event = match (rollout.phase, rollout.abort_wanted, before) {
        (RolloutPhase::Progressing, true, Some(_)) => Some((RolloutEvent::TakenBack, Some(ABORTED.to_owned()))),
        (RolloutPhase::Progressing, true, None) => Some((RolloutEvent::GivenUp, Some(ABORTED.to_owned()))),
        _ => decided.event.map(|event| (event, decided.reason)),
    };
    let step = event.and_then(|(event, why)| step_of(app, &rollout, event, why));
    AppDecision { targets: decided.targets, outdated_allowed: decided.outdated_allowed, outdated, step }
}

/// Why a rollout was taken back that a person aborted.
const ABORTED: &str = "It was aborted.";

/// Where it goes, and where it came from.
fn direction(rollout: &RolloutRecord) -> (ReleaseId, Option<ReleaseId>) {
    match (rollout.phase, rollout.from) {
        (RolloutPhase::RollingBack, Some(from)) => (from, Some(rollout.to)),
        (_, from) => (rollout.to, from),
    }
}

fn is_outdated(app: &AppRecord, rollout: &RolloutRecord, instance: &InstanceRecord) -> bool {
    rollout.restarts
        && rollout.phase == RolloutPhase::Progressing
        && instance.release == rollout.to
        && instance.restart_serial < app.restart_serial
}

fn progressed_at_ms(
    rollout: &RolloutRecord,
    target: ReleaseId,
    instances: &[&InstanceRecord],
    outdated: &BTreeSet<InstanceId>,
) -> u64 {
    let ready =
        instances.iter().filter(|i| i.release == target && !outdated.contains(&i.id)).filter_map(|i| i.ready_since);
    unix_ms(ready.chain([rollout.progressed_at]).max().unwrap_or(rollout.progressed_at))
}

fn rollout_instance(
    instance: &InstanceRecord,
    outdated: &BTreeSet<InstanceId>,
    lost: &BTreeSet<NodeId>,
) -> RolloutInstance {
    RolloutInstance {
        id: instance.id,
        release: instance.release,
        phase: if lost.contains(&instance.node) { InstancePhase::Waiting } else { instance.phase },
        stopping: instance.stopping,
        restarts: instance.restarts,
        hopeless: HOPELESS.contains(&instance.reason.as_str()),
        message: instance.message.clone(),
        outdated: outdated.contains(&instance.id),
    }
}

fn step_of(app: &AppRecord, rollout: &RolloutRecord, event: RolloutEvent, why: Option<String>) -> Option<Step> {
    let to = rollout.phase.on(event)?;
    let said = match to {
        RolloutPhase::Succeeded => Reason::RolloutSucceeded,
        RolloutPhase::RollingBack => Reason::RolloutTakenBack,
        RolloutPhase::RolledBack => Reason::RolloutRolledBack,
        RolloutPhase::Failed => Reason::RolloutFailed,
        // Services overtake; the core never says so.
        RolloutPhase::Superseded | RolloutPhase::Progressing => return None,
    };
    let back_to = if to == RolloutPhase::RollingBack { rollout.from } else { None };
    let change = RolloutChange {
        rollout: rollout.id,
        app: app.id,
        app_revision: app.revision,
        from: rollout.phase,
        to,
        reason: why.clone(),
        release: back_to.filter(|release| app.release != Some(*release)),
    };
    Some(Step { change, said, why: why.unwrap_or_default() })
}

fn unix_ms(at: DateTime<Utc>) -> u64 {
    at.timestamp_millis().unsigned_abs()
}
