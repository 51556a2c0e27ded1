//! Counts what is there, and divides what there may be now between the new and the old.

use super::{RolloutInstance, RolloutStep, RolloutView};
use alloc::{collections::BTreeMap, vec::Vec};
use berth_domain::{id::ReleaseId, lifecycle::InstancePhase};
use core::cmp::Reverse;

/// The instances of an app as a rollout counts them.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Of the target, not outdated, not stopping.
    pub new: Count,
    /// All others that are not stopping.
    old: BTreeMap<OldGroup, Count>,
    /// Old ones that were told to stop and are not gone yet.
    leaving: u32,
}

/// Instances, and how many of them are ready.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Count {
    pub all: u32,
    pub ready: u32,
}

/// Old instances that count together, in the order in which they are kept: the release before first, because going
/// back to it is then cheapest; leftovers of rollouts that were overtaken last, the newest of them first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum OldGroup {
    Before(ReleaseId),
    Outdated,
    Leftover(Reverse<ReleaseId>),
}

impl Tally {
    pub(super) fn of(view: &RolloutView) -> Self {
        let mut tally = Self::default();
        for instance in &view.instances {
            let is_new = is_new(view, instance);
            if instance.stopping {
                // One that never began, or whose node was lost, leaves nothing behind that could be waited for.
                let runs = !matches!(instance.phase, InstancePhase::Waiting | InstancePhase::Stopped);
                tally.leaving += u32::from(runs && !is_new);
                continue;
            }
            let count = if is_new { &mut tally.new } else { tally.old.entry(old_group(view, instance)).or_default() };
            count.all += 1;
            count.ready += u32::from(instance.phase.is_ready());
        }
        tally
    }
    /// All wanted instances are ready and no other is left.
    pub(super) fn is_complete(&self, replicas: u32) -> bool {
        self.new.ready >= replicas && self.old.is_empty() && self.leaving == 0
    }
    /// Targets that change nothing.
    pub(super) fn as_it_is(&self, target: ReleaseId) -> RolloutStep {
        step_of((target, self.new.all), self.old.iter().map(|(group, count)| (*group, count.all)))
    }
    /// The next targets.
    ///
    /// Old ones are kept as far as they are needed for `replicas - max_unavailable` ready ones; new ones fill what is
    /// left below `replicas + max_surge`. Either limit above 0 lets at least one more new one come than is ready, so
    /// the rollout moves on whenever one becomes ready.
    pub(super) fn next(&self, view: &RolloutView) -> RolloutStep {
        let (surge, unavailable) = limits(view);
        let floor = view.replicas.saturating_sub(unavailable);
        let kept = self.allot(floor.saturating_sub(self.new.ready));
        let kept_all = kept.iter().fold(0, |sum: u32, (_, count)| sum.saturating_add(*count));
        let ceiling = view.replicas.saturating_add(surge);
        step_of((view.target, ceiling.saturating_sub(kept_all).min(view.replicas)), kept.into_iter())
    }
    /// Divides `room` between the old groups: ready ones of every group first, then, as far as room is left, those
    /// that may become ready again. A plan keeps the ready ones of a group first, so a count is enough.
    fn allot(&self, mut room: u32) -> Vec<(OldGroup, u32)> {
        let mut take = |wanted: u32| {
            let taken = wanted.min(room);
            room -= taken;
            taken
        };
        let ready: Vec<u32> = self.old.values().map(|count| take(count.ready)).collect();
        let rest = |((group, count), kept): ((&OldGroup, &Count), u32)| (*group, kept + take(count.all - count.ready));
        self.old.iter().zip(ready).map(rest).collect()
    }
}

/// Surge and unavailable as they are meant. Both 0 could never move; a spec cannot say it, a stored row might.
fn limits(view: &RolloutView) -> (u32, u32) {
    let policy = view.policy;
    if view.fixed_ports {
        return (0, policy.max_unavailable.max(1));
    }
    let stuck = policy.max_surge == 0 && policy.max_unavailable == 0;
    (if stuck { 1 } else { policy.max_surge }, policy.max_unavailable)
}

/// Whether an instance is one that the rollout wants.
pub(super) fn is_new(view: &RolloutView, instance: &RolloutInstance) -> bool {
    instance.release == view.target && !instance.outdated
}

fn old_group(view: &RolloutView, instance: &RolloutInstance) -> OldGroup {
    if instance.release == view.target {
        OldGroup::Outdated
    } else if view.before == Some(instance.release) {
        OldGroup::Before(instance.release)
    } else {
        OldGroup::Leftover(Reverse(instance.release))
    }
}

fn step_of(new: (ReleaseId, u32), old: impl Iterator<Item = (OldGroup, u32)>) -> RolloutStep {
    let mut step = RolloutStep { targets: BTreeMap::from([new]), outdated_allowed: 0, event: None, reason: None };
    for (group, count) in old.filter(|(_, count)| *count > 0) {
        match group {
            OldGroup::Before(release) | OldGroup::Leftover(Reverse(release)) => {
                step.targets.insert(release, count);
            }
            OldGroup::Outdated => step.outdated_allowed = count,
        }
    }
    step
}
