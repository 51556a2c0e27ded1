//! Rollouts that a reader can follow.

use crate::cluster::{instance, release};
use berth_domain::{
    app::RolloutPolicy,
    lifecycle::{InstancePhase, RolloutEvent, RolloutPhase},
};
use berth_scheduler_core::rollout::{RESTARTS_MAX, RolloutInstance, RolloutView, settled, step};
use std::collections::BTreeMap;

const OLD: u8 = 0;
const NEW: u8 = 1;

fn view(replicas: u32, instances: &[(u8, InstancePhase)]) -> RolloutView {
    let one = |(n, (of, phase)): (u32, &(u8, InstancePhase))| RolloutInstance {
        id: instance(n),
        release: release(0, *of),
        phase: *phase,
        stopping: false,
        restarts: 0,
        hopeless: false,
        message: String::new(),
        outdated: false,
    };
    RolloutView {
        phase: RolloutPhase::Progressing,
        target: release(0, NEW),
        before: Some(release(0, OLD)),
        replicas,
        policy: RolloutPolicy::default(),
        fixed_ports: false,
        progressed_at_ms: 0,
        instances: (0..).zip(instances).map(one).collect(),
    }
}
fn targets(old: u32, new: u32) -> BTreeMap<berth_domain::id::ReleaseId, u32> {
    let mut targets = BTreeMap::from([(release(0, NEW), new)]);
    if old > 0 {
        targets.insert(release(0, OLD), old);
    }
    targets
}
const READY: InstancePhase = InstancePhase::Ready;
const STARTING: InstancePhase = InstancePhase::Starting;

#[test]
fn a_new_one_comes_before_an_old_one_goes() {
    assert_eq!(step(&view(2, &[(OLD, READY), (OLD, READY)]), 1).targets, targets(2, 1));
    assert_eq!(step(&view(2, &[(OLD, READY), (OLD, READY), (NEW, STARTING)]), 1).targets, targets(2, 1));
    assert_eq!(step(&view(2, &[(OLD, READY), (OLD, READY), (NEW, READY)]), 1).targets, targets(1, 2));
    let done = step(&view(2, &[(NEW, READY), (NEW, READY)]), 1);
    assert_eq!((done.targets, done.event), (targets(0, 2), Some(RolloutEvent::Completed)));
}

#[test]
fn with_fixed_ports_an_old_one_goes_first() {
    let mut view = view(2, &[(OLD, READY), (OLD, READY)]);
    view.fixed_ports = true;
    assert_eq!(step(&view, 1).targets, targets(1, 1));
}

#[test]
fn an_old_one_that_is_stopping_is_waited_for_unless_it_never_ran() {
    let mut view = view(1, &[(NEW, READY), (OLD, InstancePhase::Stopping)]);
    view.instances[1].stopping = true;
    assert_eq!(step(&view, u64::MAX).event, None);
    view.instances[1].phase = InstancePhase::Waiting;
    assert_eq!(step(&view, 1).event, Some(RolloutEvent::Completed));
}

#[test]
fn nothing_wanted_is_complete_at_once() {
    let step = step(&view(0, &[(OLD, READY)]), 1);
    assert_eq!((step.targets, step.event), (targets(0, 0), Some(RolloutEvent::Completed)));
}

#[test]
fn a_hopeless_instance_takes_the_rollout_back_with_its_message() {
    let mut view = view(1, &[(OLD, READY), (NEW, InstancePhase::BackOff)]);
    view.instances[1].hopeless = true;
    view.instances[1].message = "No such image: shop/web:9.".to_owned();
    let failed = step(&view, 1);
    assert_eq!(failed.event, Some(RolloutEvent::TakenBack));
    assert_eq!(failed.reason.as_deref(), Some("A new instance cannot start: No such image: shop/web:9."));
    assert_eq!(failed.targets, targets(1, 1));

    view.before = None;
    assert_eq!(step(&view, 1).event, Some(RolloutEvent::GivenUp));
}

#[test]
fn a_crash_loop_takes_the_rollout_back() {
    let mut view = view(1, &[(OLD, READY), (NEW, STARTING)]);
    view.instances[1].restarts = RESTARTS_MAX - 1;
    assert_eq!(step(&view, 1).event, None);
    view.instances[1].restarts = RESTARTS_MAX;
    assert_eq!(step(&view, 1).event, Some(RolloutEvent::TakenBack));
}

#[test]
fn silence_up_to_the_deadline_takes_the_rollout_back() {
    let view = view(2, &[(OLD, READY), (OLD, READY)]);
    assert_eq!(step(&view, 119_999).event, None);
    let reason = step(&view, 120_000).reason.expect("overdue");
    assert_eq!(
        reason,
        "No further instance became ready within 120 seconds; 0 of 2 were ready: none found a place on a node."
    );
}

#[test]
fn rolling_back_drops_what_failed_and_is_never_taken_back() {
    // The target is the release before now.
    let mut view = view(1, &[(NEW, InstancePhase::BackOff), (OLD, READY)]);
    view.phase = RolloutPhase::RollingBack;
    view.instances[0].hopeless = true;
    let step = step(&view, u64::MAX);
    assert_eq!((step.targets, step.event), (targets(1, 1), None));

    view.instances.remove(1);
    view.instances[0].release = release(0, OLD);
    view.target = release(0, NEW);
    assert_eq!(berth_scheduler_core::rollout::step(&view, u64::MAX).targets, targets(1, 1));
}

#[test]
fn leftovers_of_an_overtaken_rollout_go_before_what_serves() {
    let step = step(&view(2, &[(OLD, READY), (OLD, READY), (7, InstancePhase::BackOff)]), 1);
    assert_eq!(step.targets, targets(2, 1));
}

#[test]
fn a_restart_replaces_outdated_instances_of_the_same_release() {
    let mut view = view(2, &[(NEW, READY), (NEW, READY), (NEW, READY)]);
    view.before = Some(view.target);
    view.instances[0].outdated = true;
    view.instances[1].outdated = true;
    let step = step(&view, 1);
    assert_eq!((step.targets, step.outdated_allowed), (targets(0, 2), 1));
}

#[test]
fn without_a_rollout_the_release_runs_as_often_as_wanted() {
    assert_eq!(settled(release(0, NEW), 3), targets(0, 3));
}
