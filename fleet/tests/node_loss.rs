//! Nodes that die, and nodes that only seem to.

use berth_domain::node::NodeState;
use berth_fleet_tests::{
    containers,
    run::on_own_hosts,
    stack::Stack,
    visitor::ask,
    wait::{AFTER_A_LOSS, SOON},
};
use berth_testkit::fleet::{CONTROL, Direction};

#[test]
fn instances_of_a_dead_host_come_up_elsewhere() {
    on_own_hosts(async |stack: &mut Stack| {
        let apps = stack.apps();
        let app = apps.run("web", 3, apps.hello("1"), SOON).await;
        stack.power_off(1);
        stack.until_node(1, NodeState::Lost, AFTER_A_LOSS).await;
        apps.until_healthy_on_others("web", &stack.fleet.host(1).name(), AFTER_A_LOSS).await;
        for endpoint in apps.endpoints("web").await.expect("listed") {
            ask(endpoint).await.expect("it answers");
        }
        assert_eq!(containers::running(&stack.fleet, app.id).len(), 3);
        // The host comes back with its disk: what it ran is not wanted there any more.
        stack.fleet.host_mut(1).start_engine();
        stack.start_agent(1, None);
        stack.until_node(1, NodeState::Ready, AFTER_A_LOSS).await;
        let all = containers::until_exactly(&stack.fleet, app.id, 3, AFTER_A_LOSS).await;
        assert!(all.iter().all(|container| container.host != stack.fleet.host(1).name()), "{all:?}");
        apps.until_healthy("web", SOON).await;
    });
}

#[test]
fn a_node_that_was_cut_off_runs_no_double_when_it_is_back() {
    on_own_hosts(async |stack: &mut Stack| {
        let apps = stack.apps();
        let app = apps.run("web", 3, apps.hello("1"), SOON).await;
        let before = containers::on_host(stack.fleet.host(2), app.id);
        stack.fleet.host(2).cut(CONTROL, Direction::Both);
        apps.until_healthy_on_others("web", &stack.fleet.host(2).name(), AFTER_A_LOSS).await;
        assert_eq!(containers::on_host(stack.fleet.host(2), app.id), before, "what is cut off runs on");
        assert_eq!(containers::running(&stack.fleet, app.id).len(), 4);
        stack.fleet.host(2).heal();
        stack.until_node(2, NodeState::Ready, AFTER_A_LOSS).await;
        let all = containers::until_exactly(&stack.fleet, app.id, 3, AFTER_A_LOSS).await;
        assert!(before.is_disjoint(&all), "the one that returned was stopped");
        apps.until_healthy("web", SOON).await;
    });
}
