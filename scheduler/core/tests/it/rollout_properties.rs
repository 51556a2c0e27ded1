//! What holds for every step of a rollout.

use crate::cluster::{any_phase, instance, release};
use berth_domain::{
    app::RolloutPolicy,
    lifecycle::{RolloutEvent, RolloutPhase},
};
use berth_scheduler_core::rollout::{RolloutInstance, RolloutStep, RolloutView, step};
use proptest::{collection::vec, option, prelude::*, sample::select};
use std::collections::BTreeMap;

const TARGET: u8 = 1;
const NOW_MS: u64 = 1_000_000;

fn any_instance() -> impl Strategy<Value = RolloutInstance> {
    let flags = (prop::bool::weighted(0.2), prop::bool::weighted(0.05), prop::bool::weighted(0.2));
    (0..4_u8, any_phase(), flags, 0..4_u32).prop_map(|(of, phase, (stopping, hopeless, outdated), restarts)| {
        RolloutInstance {
            id: instance(0),
            release: release(0, of),
            phase,
            stopping,
            restarts,
            hopeless,
            message: "exit code 1".to_owned(),
            outdated: outdated && of == TARGET,
        }
    })
}
fn any_view() -> impl Strategy<Value = RolloutView> {
    let policy = (0..4_u32, 0..4_u32, 1..200_u32);
    let phase = select(vec![RolloutPhase::Progressing, RolloutPhase::Progressing, RolloutPhase::RollingBack]);
    (
        phase,
        option::of(Just(release(0, 0))),
        0..6_u32,
        policy,
        any::<bool>(),
        0..300_000_u64,
        vec(any_instance(), 0..12),
    )
        .prop_map(
            |(
                phase,
                before,
                replicas,
                (max_surge, max_unavailable, ready_deadline_s),
                fixed_ports,
                ago,
                mut instances,
            )| {
                for (n, one) in (0..).zip(&mut instances) {
                    one.id = instance(n);
                }
                RolloutView {
                    phase,
                    target: release(0, TARGET),
                    before,
                    replicas,
                    policy: RolloutPolicy { max_surge, max_unavailable, ready_deadline_s },
                    fixed_ports,
                    progressed_at_ms: NOW_MS - ago,
                    instances,
                }
            },
        )
}
/// How many ready instances are left when a plan makes the step true, keeping the ready ones of each kind first.
fn ready_after(view: &RolloutView, step: &RolloutStep) -> u32 {
    let mut ready = BTreeMap::<_, u32>::new();
    for one in view.instances.iter().filter(|one| !one.stopping && one.phase.is_ready()) {
        *ready.entry((one.release, one.outdated)).or_default() += 1;
    }
    let allowed = |(release, outdated): &(_, bool)| {
        if *outdated { step.outdated_allowed } else { step.targets.get(release).copied().unwrap_or(0) }
    };
    ready.iter().map(|(kind, count)| (*count).min(allowed(kind))).sum()
}
fn ready_now(view: &RolloutView) -> u32 {
    let ready = view.instances.iter().filter(|one| !one.stopping && one.phase.is_ready());
    u32::try_from(ready.count()).expect("a short list")
}
fn limits(view: &RolloutView) -> (u32, u32) {
    let RolloutPolicy { max_surge, max_unavailable, .. } = view.policy;
    match (view.fixed_ports, max_surge, max_unavailable) {
        (true, _, unavailable) => (0, unavailable.max(1)),
        (false, 0, 0) => (1, 0),
        (false, surge, unavailable) => (surge, unavailable),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn ready_instances_never_fall_below_the_floor(view in any_view()) {
        let step = step(&view, NOW_MS);
        let floor = view.replicas.saturating_sub(limits(&view).1);
        prop_assert!(ready_after(&view, &step) >= floor.min(ready_now(&view)));
    }

    #[test]
    fn wanted_instances_never_exceed_the_ceiling(view in any_view()) {
        let step = step(&view, NOW_MS);
        let wanted: u32 = step.targets.values().sum::<u32>() + step.outdated_allowed;
        // A failure changes nothing: the next phase's step decides.
        let failed = matches!(step.event, Some(RolloutEvent::TakenBack | RolloutEvent::GivenUp));
        prop_assert!(failed || wanted <= view.replicas + limits(&view).0);
    }

    #[test]
    fn old_instances_are_never_added(view in any_view()) {
        let step = step(&view, NOW_MS);
        let live = |of, outdated| {
            let is = |one: &&RolloutInstance| !one.stopping && one.release == of && one.outdated == outdated;
            view.instances.iter().filter(is).count()
        };
        for (of, count) in step.targets.iter().filter(|(of, _)| **of != view.target) {
            prop_assert!(*count as usize <= live(*of, false));
        }
        prop_assert!(step.outdated_allowed as usize <= live(view.target, true));
    }

    #[test]
    fn an_event_is_one_that_its_phase_knows(view in any_view()) {
        let step = step(&view, NOW_MS);
        if let Some(event) = step.event {
            prop_assert!(view.phase.on(event).is_some());
            let failed = event != RolloutEvent::Completed;
            prop_assert_eq!(failed, step.reason.is_some());
            prop_assert_eq!(event == RolloutEvent::TakenBack, failed && view.before.is_some());
        }
    }

    #[test]
    fn a_rollout_completes_exactly_when_all_are_ready_and_no_other_is_left(mut view in any_view()) {
        view.instances.retain(|one| !one.stopping);
        let is_new = |one: &&RolloutInstance| one.release == view.target && !one.outdated;
        let ready = view.instances.iter().filter(is_new).filter(|one| one.phase.is_ready()).count();
        let no_other = view.instances.iter().all(|one| is_new(&one));
        let done = view.replicas == 0 || (ready >= view.replicas as usize && no_other);
        prop_assert_eq!(step(&view, NOW_MS).event == Some(RolloutEvent::Completed), done);
    }
}
