//! A model of an app under a rollout: steps are carried out, instances become ready now and then, and it must end.

use crate::cluster::{instance, release};
use berth_domain::{
    app::RolloutPolicy,
    id::ReleaseId,
    lifecycle::{InstancePhase, RolloutEvent, RolloutPhase},
};
use berth_scheduler_core::rollout::{RolloutInstance, RolloutStep, RolloutView, step};
use proptest::{collection::vec, prelude::*, sample::select};

fn one(id: u32, of: ReleaseId, phase: InstancePhase, outdated: bool) -> RolloutInstance {
    let message = String::new();
    RolloutInstance {
        id: instance(id),
        release: of,
        phase,
        stopping: false,
        restarts: 0,
        hopeless: false,
        message,
        outdated,
    }
}

/// Stops what is too much of a kind, not ready and newest first, as a plan does.
fn shrink(instances: &mut [RolloutInstance], of: ReleaseId, outdated: bool, count: u32) {
    let mut kind: Vec<_> =
        instances.iter_mut().filter(|i| !i.stopping && i.release == of && i.outdated == outdated).collect();
    kind.sort_by_key(|i| (i.phase.is_ready(), std::cmp::Reverse(i.id)));
    let surplus = kind.len().saturating_sub(count as usize);
    for instance in kind.into_iter().take(surplus) {
        instance.stopping = true;
    }
}

/// Whether something can still happen to an instance.
fn may_change(instance: &RolloutInstance, target: ReleaseId) -> bool {
    instance.stopping || (instance.release == target && !instance.phase.is_ready())
}

/// Carries a step out. With fixed ports a new instance finds a place only when fewer than `replicas` hold a port.
fn carry_out(view: &mut RolloutView, step: &RolloutStep, next: &mut u32) {
    let mut kinds: Vec<_> = view.instances.iter().map(|i| (i.release, i.outdated)).collect();
    kinds.sort();
    kinds.dedup();
    for (of, outdated) in kinds {
        let count = if outdated { step.outdated_allowed } else { step.targets.get(&of).copied().unwrap_or(0) };
        shrink(&mut view.instances, of, outdated, count);
    }
    let wanted = step.targets[&view.target] as usize;
    loop {
        let have = view.instances.iter().filter(|i| !i.stopping && !i.outdated && i.release == view.target).count();
        let room = !view.fixed_ports || view.instances.len() < view.replicas as usize;
        if have >= wanted || !room {
            return;
        }
        *next += 1;
        view.instances.push(one(*next, view.target, InstancePhase::Waiting, false));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 800, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_rollout_ends_when_its_instances_become_ready(
        phase in select(vec![RolloutPhase::Progressing, RolloutPhase::RollingBack]),
        replicas in 1..6_u32,
        (max_surge, max_unavailable) in (0..3_u32, 0..3_u32),
        fixed_ports in any::<bool>(),
        old in vec((0..4_u8, any::<bool>()), 0..6),
        order in vec(any::<prop::sample::Index>(), 60),
    ) {
        let target = release(0, 1);
        let start = |(n, (of, ready)): (u32, (u8, bool))| {
            let phase = if ready { InstancePhase::Ready } else { InstancePhase::BackOff };
            one(n, release(0, of), phase, of == 1)
        };
        let mut old: Vec<_> = (0..).zip(old).map(start).collect();
        if fixed_ports {
            old.truncate(replicas as usize);
        }
        let policy = RolloutPolicy { max_surge, max_unavailable, ready_deadline_s: 100 };
        let mut view = RolloutView {
            phase,
            target,
            before: Some(release(0, 0)),
            replicas,
            policy,
            fixed_ports,
            progressed_at_ms: 0,
            instances: old,
        };
        let mut next = 100;
        let unavailable = if fixed_ports { max_unavailable.max(1) } else { max_unavailable };
        let mut ready_before = 0;
        for turn in order {
            let ready = view.instances.iter().filter(|i| !i.stopping && i.phase.is_ready()).count();
            prop_assert!(ready >= ready_before.min(replicas.saturating_sub(unavailable) as usize));
            let step = step(&view, 0);
            if step.event == Some(RolloutEvent::Completed) {
                let new = view.instances.iter().filter(|i| i.release == target && !i.outdated && i.phase.is_ready());
                prop_assert!(new.count() >= replicas as usize);
                return Ok(());
            }
            prop_assert_eq!(step.event, None);
            ready_before = ready;
            carry_out(&mut view, &step, &mut next);
            // One thing happens: an instance becomes ready, or one that was told to stop is gone.
            let waiting: Vec<usize> = (0..view.instances.len())
                .filter(|n| may_change(&view.instances[*n], target))
                .collect();
            prop_assert!(!waiting.is_empty(), "it hangs: {view:?}");
            let n = waiting[turn.index(waiting.len())];
            if view.instances[n].stopping {
                view.instances.remove(n);
            } else {
                view.instances[n].phase = InstancePhase::Ready;
            }
        }
        prop_assert!(false, "it does not end: {view:?}");
    }
}
