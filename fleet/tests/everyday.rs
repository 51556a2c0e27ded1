//! What people do every day, on three hosts: deploy, release, fail and be taken back, maintain a node.

use berth_api_types::v1::apps::InstanceView;
use berth_domain::{
    lifecycle::{AppState, RolloutPhase},
    node::NodeAvailability,
};
use berth_fleet_tests::{
    apps::is_serving,
    containers,
    run::on_shared_hosts,
    stack::Stack,
    visitor::{Visitor, ask},
    wait::{SOON, until},
};
use std::collections::BTreeSet;

fn nodes(instances: &[InstanceView]) -> BTreeSet<&str> {
    instances.iter().map(|instance| instance.node.as_str()).collect()
}

#[test]
fn three_instances_run_on_three_nodes_and_each_answers() {
    on_shared_hosts(async |stack: &mut Stack| {
        let apps = stack.apps();
        let app = apps.run("web", 3, apps.hello("1"), SOON).await;
        let instances = apps.instances("web").await.expect("listed");
        assert_eq!(nodes(&instances).len(), 3, "they are spread");
        let mut names = BTreeSet::new();
        for endpoint in apps.endpoints("web").await.expect("listed") {
            let answer = ask(endpoint).await.expect("it answers");
            assert_eq!(answer.version, "1");
            names.insert(answer.instance);
        }
        assert_eq!(names.len(), 3, "each endpoint is another instance");
        assert!(app.visit_url.is_some());
        containers::until_exactly(&stack.fleet, app.id, 3, SOON).await;
        apps.delete("web").await;
        containers::until_exactly(&stack.fleet, app.id, 0, SOON).await;
    });
}

#[test]
fn a_new_release_costs_no_request() {
    on_shared_hosts(async |stack: &mut Stack| {
        let apps = stack.apps();
        let app = apps.run("shop", 3, apps.hello("1"), SOON).await;
        let visitor = Visitor::begin(&apps, "shop");
        let rollout = apps.deploy("shop", apps.hello("2")).await;
        assert_eq!(apps.until_over("shop", rollout, SOON).await.phase, RolloutPhase::Succeeded);
        apps.until_healthy("shop", SOON).await;
        let visits = visitor.end().await;
        assert!(visits.endpoints_min >= 3, "never fewer than wanted: {visits:?}");
        // A first try may meet an instance that goes just then; more than that would be luck, not order.
        let answered: u64 = visits.answered.values().sum();
        assert!(visits.moved * 10 <= answered, "endpoints go before their instances do: {visits:?}");
        for endpoint in apps.endpoints("shop").await.expect("listed") {
            assert_eq!(ask(endpoint).await.expect("it answers").version, "2");
        }
        containers::until_exactly(&stack.fleet, app.id, 3, SOON).await;
        apps.delete("shop").await;
        containers::until_exactly(&stack.fleet, app.id, 0, SOON).await;
    });
}

#[test]
fn a_release_that_never_becomes_ready_takes_itself_back() {
    on_shared_hosts(async |stack: &mut Stack| {
        let apps = stack.apps();
        let app = apps.run("cart", 3, apps.hello("1"), SOON).await;
        let before = containers::running(&stack.fleet, app.id);
        let visitor = Visitor::begin(&apps, "cart");
        let mut bad = apps.hello("2");
        bad.env.insert("HELLO_FAIL_HEALTH".into(), "1".into());
        bad.rollout.ready_deadline_s = 3;
        let rollout = apps.deploy("cart", bad).await;
        let over = apps.until_over("cart", rollout, SOON).await;
        assert_eq!(over.phase, RolloutPhase::RolledBack);
        assert!(!over.reason.is_empty(), "it says why");
        let app = apps.until_healthy("cart", SOON).await;
        let visits = visitor.end().await;
        assert_eq!(visits.answered.keys().collect::<Vec<_>>(), ["1"], "the bad release was never asked");
        assert_eq!(app.release.number, 1, "the app is what it was");
        let after = containers::until_exactly(&stack.fleet, app.id, 3, SOON).await;
        assert_eq!(after, before, "the old containers were not touched");
        apps.delete("cart").await;
        containers::until_exactly(&stack.fleet, app.id, 0, SOON).await;
    });
}

#[test]
fn a_drained_node_is_emptied_and_nothing_is_missing_meanwhile() {
    on_shared_hosts(async |stack: &mut Stack| {
        let apps = stack.apps();
        let app = apps.run("blog", 3, apps.hello("1"), SOON).await;
        let visitor = Visitor::begin(&apps, "blog");
        stack.set_availability(0, NodeAvailability::Drained).await;
        let drained = stack.fleet.host(0).name();
        until("the node to be empty", SOON, async || {
            let instances = apps.instances("blog").await.map_err(|failure| failure.to_string())?;
            let moved = instances.len() == 3 && instances.iter().all(|i| is_serving(i) && i.node != drained);
            if moved { Ok(()) } else { Err(format!("{:?}", nodes(&instances))) }
        })
        .await;
        let visits = visitor.end().await;
        assert!(visits.endpoints_min >= 3, "never fewer than wanted: {visits:?}");
        containers::until_exactly(&stack.fleet, app.id, 3, SOON).await;
        assert!(containers::on_host(stack.fleet.host(0), app.id).is_empty());
        stack.set_availability(0, NodeAvailability::Active).await;
        assert_eq!(apps.app("blog").await.expect("it is there").state, AppState::Healthy);
        apps.delete("blog").await;
        containers::until_exactly(&stack.fleet, app.id, 0, SOON).await;
    });
}
