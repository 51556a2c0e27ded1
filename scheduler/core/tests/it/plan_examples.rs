//! Plans that a reader can follow.

use crate::{
    cluster::{app, demand, good_node, instance, node, placed, release, small},
    oracle::after,
};
use berth_domain::{
    app::PlacementStrategy,
    lifecycle::InstancePhase,
    node::{NodeAvailability, NodeState},
    quantity::Resources,
};
use berth_scheduler_core::{
    plan::{Constraint, Plan, StopReason, plan},
    snapshot::Snapshot,
};
use std::collections::BTreeMap;

fn target(snapshot: &mut Snapshot, release_n: u8, count: u32) {
    snapshot.targets.entry(app(0)).or_default().insert(release(0, release_n), count);
}
fn planned(snapshot: &Snapshot) -> Plan {
    plan(snapshot, &[app(0)])
}
fn stops(plan: &Plan) -> Vec<(u32, StopReason)> {
    plan.stops.iter().map(|stop| (stop.instance.uuid().as_u128() as u32 - 1, stop.reason)).collect()
}
/// Adds ready instances with numbers from 1, one on each of the nodes named.
fn ready_on(snapshot: &mut Snapshot, nodes: &[u8]) {
    for (n, on) in (0..).zip(nodes) {
        snapshot.instances.insert(instance(n), placed(0, *on, n + 1, InstancePhase::Ready));
    }
}

#[test]
fn spreading_goes_round_the_nodes_and_packing_fills_one() {
    let mut snapshot = small(3);
    target(&mut snapshot, 0, 3);
    let spread: Vec<_> = planned(&snapshot).starts.iter().map(|start| start.node).collect();
    assert_eq!(spread, [node(0), node(1), node(2)]);

    snapshot.releases.get_mut(&release(0, 0)).expect("release 0").strategy = PlacementStrategy::Pack;
    let packed: Vec<_> = planned(&snapshot).starts.iter().map(|start| start.node).collect();
    assert_eq!(packed, [node(0); 3]);
}

#[test]
fn a_node_that_has_the_image_is_preferred() {
    let mut snapshot = small(2);
    target(&mut snapshot, 0, 1);
    snapshot.nodes.get_mut(&node(1)).expect("node 1").images.insert("hello".to_owned());
    let plan = planned(&snapshot);
    assert_eq!(plan.starts[0].node, node(1));
    assert_eq!(plan.starts[0].explanation.candidates[1].score.image_missing, 1);
}

#[test]
fn every_node_names_the_first_constraint_that_it_fails() {
    let mut snapshot = small(6);
    target(&mut snapshot, 0, 1);
    let wanted = snapshot.releases.get_mut(&release(0, 0)).expect("release 0");
    wanted.host_ports.insert(80);
    wanted.node_labels.insert("disk".to_owned(), "ssd".to_owned());
    for (n, on) in (0..).zip(snapshot.nodes.values_mut()) {
        if n != 2 {
            on.labels.insert("disk".to_owned(), "ssd".to_owned());
        }
        match n {
            0 => on.state = NodeState::Suspect,
            1 => on.availability = NodeAvailability::Cordoned,
            2 => {}
            3 => on.foreign_ports = [80].into(),
            4 => on.capacity = Resources::new(400, 100),
            _ => on.capacity = Resources::new(4000, 1000),
        }
    }
    let plan = planned(&snapshot);
    assert_eq!(plan.starts, []);
    let expected = BTreeMap::from([
        (node(0), Constraint::NotReady),
        (node(1), Constraint::NotActive),
        (node(2), Constraint::Label { key: "disk".to_owned() }),
        (node(3), Constraint::HostPort { port: 80 }),
        (node(4), Constraint::Cpu { missing_milli: 600 }),
        (node(5), Constraint::Memory { missing_mib: 24 }),
    ]);
    assert_eq!(plan.refusals[0].nodes, expected);
    for constraint in expected.values() {
        let wire = serde_json::to_value(constraint).expect("a constraint serialises");
        assert_eq!(wire["kind"], constraint.kind());
    }
}

#[test]
fn an_over_committed_node_names_all_that_would_have_to_come_free() {
    let mut snapshot = small(1);
    target(&mut snapshot, 0, 3);
    ready_on(&mut snapshot, &[0, 0]);
    snapshot.nodes.get_mut(&node(0)).expect("node 0").capacity = Resources::new(1500, 4096);
    let plan = planned(&snapshot);
    assert_eq!(plan.refusals[0].nodes, BTreeMap::from([(node(0), Constraint::Cpu { missing_milli: 1500 })]));
}

#[test]
fn what_is_not_ready_goes_before_the_newest() {
    let mut snapshot = small(2);
    target(&mut snapshot, 0, 3);
    ready_on(&mut snapshot, &[0, 1, 0, 1, 0]);
    snapshot.instances.get_mut(&instance(1)).expect("instance 1").phase = InstancePhase::BackOff;
    assert_eq!(stops(&planned(&snapshot)), [(1, StopReason::Surplus), (4, StopReason::Surplus)]);
}

#[test]
fn an_app_without_targets_stops_whole() {
    let mut snapshot = small(2);
    ready_on(&mut snapshot, &[0, 1]);
    assert_eq!(planned(&snapshot).stops.len(), 2);
    assert_eq!(plan(&snapshot, &[app(1)]).stops, []);
}

#[test]
fn a_lost_nodes_instances_are_replaced_with_new_numbers() {
    let mut snapshot = small(2);
    target(&mut snapshot, 0, 2);
    ready_on(&mut snapshot, &[0, 1]);
    snapshot.nodes.get_mut(&node(1)).expect("node 1").state = NodeState::Lost;
    let plan = planned(&snapshot);
    assert_eq!(stops(&plan), [(1, StopReason::NodeLost)]);
    assert_eq!((plan.starts[0].number, plan.starts[0].node), (3, node(0)));
}

#[test]
fn a_suspect_or_cordoned_node_keeps_what_it_has() {
    let mut snapshot = small(2);
    target(&mut snapshot, 0, 2);
    ready_on(&mut snapshot, &[0, 1]);
    snapshot.nodes.get_mut(&node(0)).expect("node 0").state = NodeState::Suspect;
    snapshot.nodes.get_mut(&node(1)).expect("node 1").availability = NodeAvailability::Cordoned;
    assert_eq!(planned(&snapshot), Plan::default());
}

#[test]
fn a_drained_node_lets_go_when_the_replacement_is_ready() {
    let mut snapshot = small(2);
    target(&mut snapshot, 0, 1);
    ready_on(&mut snapshot, &[0]);
    snapshot.nodes.get_mut(&node(0)).expect("node 0").availability = NodeAvailability::Drained;
    let first = planned(&snapshot);
    assert_eq!((first.starts[0].node, first.stops.len()), (node(1), 0));

    let mut snapshot = after(&snapshot, &first);
    assert_eq!(planned(&snapshot).stops, []);
    snapshot.instances.values_mut().for_each(|placed| placed.phase = InstancePhase::Ready);
    assert_eq!(stops(&planned(&snapshot)), [(0, StopReason::NodeDrained)]);
}

#[test]
fn a_crashed_instance_does_not_hold_a_drained_node() {
    let mut snapshot = small(2);
    target(&mut snapshot, 0, 1);
    ready_on(&mut snapshot, &[0]);
    snapshot.instances.get_mut(&instance(0)).expect("instance 0").phase = InstancePhase::BackOff;
    snapshot.nodes.get_mut(&node(0)).expect("node 0").availability = NodeAvailability::Drained;
    let plan = planned(&snapshot);
    assert_eq!((plan.starts.len(), stops(&plan)), (1, vec![(0, StopReason::NodeDrained)]));
}

#[test]
fn a_stopping_instance_holds_its_host_port_until_it_is_gone() {
    let mut snapshot = small(1);
    target(&mut snapshot, 1, 1);
    for n in 0..2 {
        snapshot.releases.insert(release(0, n), demand(app(0))).expect("known");
        snapshot.releases.get_mut(&release(0, n)).expect("known").host_ports.insert(80);
    }
    ready_on(&mut snapshot, &[0]);
    let first = planned(&snapshot);
    assert_eq!((first.starts.len(), first.stops.len(), first.refusals.len()), (0, 1, 1));
    let mut snapshot = after(&snapshot, &first);
    assert_eq!(planned(&snapshot).starts, []);
    snapshot.instances.clear();
    assert_eq!(planned(&snapshot).starts.len(), 1);
}

#[test]
fn outdated_instances_count_apart_from_their_release() {
    let mut snapshot = small(2);
    target(&mut snapshot, 0, 1);
    ready_on(&mut snapshot, &[0, 1, 0]);
    snapshot.instances.values_mut().for_each(|placed| placed.outdated = true);
    snapshot.outdated_allowed.insert(app(0), 2);
    let plan = planned(&snapshot);
    assert_eq!(stops(&plan), [(2, StopReason::Surplus)]);
    assert_eq!((plan.starts.len(), plan.starts[0].number), (1, 4));
}

#[test]
fn a_release_that_the_snapshot_does_not_know_is_refused() {
    let mut snapshot = Snapshot::default();
    snapshot.nodes.insert(node(0), good_node("n0"));
    target(&mut snapshot, 0, 1);
    let plan = planned(&snapshot);
    assert_eq!((plan.starts.len(), plan.refusals.len()), (0, 1));
}
