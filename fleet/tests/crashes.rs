//! `kill -9` of each part in the middle of a rollout: it ends right, and nothing runs twice.

use berth_domain::{app::AppSpecInput, lifecycle::RolloutPhase, node::NodeState};
use berth_fleet_tests::{
    apps::Apps,
    containers,
    run::on_shared_hosts,
    stack::Stack,
    visitor::ask,
    wait::{AFTER_A_LOSS, SOON},
};
use std::collections::BTreeSet;

/// A release that takes its time, so that its rollout has a middle.
fn slow(apps: &Apps, version: &str) -> AppSpecInput {
    let mut spec = apps.hello(version);
    spec.env.insert("HELLO_START_DELAY_MS".into(), "1500".into());
    spec
}

/// What must be true at the end, whatever happened.
async fn ended_right(stack: &Stack, name: &str, version: &str) {
    let apps = stack.apps();
    let app = apps.until_healthy(name, AFTER_A_LOSS).await;
    containers::until_exactly(&stack.fleet, app.id, 3, SOON).await;
    for endpoint in apps.endpoints(name).await.expect("listed") {
        assert_eq!(ask(endpoint).await.expect("it answers").version, version);
    }
    apps.delete(name).await;
    containers::until_exactly(&stack.fleet, app.id, 0, SOON).await;
}

#[test]
fn a_killed_server_ends_its_rollout_after_its_restart() {
    on_shared_hosts(async |stack: &mut Stack| {
        let apps = stack.apps();
        apps.run("web", 3, apps.hello("1"), SOON).await;
        let rollout = apps.deploy("web", slow(&apps, "2")).await;
        apps.until_half("web", rollout, SOON).await;
        stack.kill_server();
        stack.start_server().await;
        assert_eq!(apps.until_over("web", rollout, AFTER_A_LOSS).await.phase, RolloutPhase::Succeeded);
        ended_right(stack, "web", "2").await;
    });
}

#[test]
fn a_killed_agent_adopts_its_containers() {
    on_shared_hosts(async |stack: &mut Stack| {
        let apps = stack.apps();
        let app = apps.run("steady", 3, apps.hello("1"), SOON).await;
        apps.run("web", 3, apps.hello("1"), SOON).await;
        let before: Vec<_> = stack.fleet.hosts().iter().map(|host| containers::on_host(host, app.id)).collect();
        let rollout = apps.deploy("web", slow(&apps, "2")).await;
        apps.until_half("web", rollout, SOON).await;
        for host in 0..3 {
            stack.kill_agent(host);
        }
        for host in 0..3 {
            stack.start_agent(host, None);
        }
        assert_eq!(apps.until_over("web", rollout, AFTER_A_LOSS).await.phase, RolloutPhase::Succeeded);
        ended_right(stack, "web", "2").await;
        apps.until_healthy("steady", SOON).await;
        let after: Vec<_> = stack.fleet.hosts().iter().map(|host| containers::on_host(host, app.id)).collect();
        assert_eq!(after, before, "the same containers");
        apps.delete("steady").await;
        containers::until_exactly(&stack.fleet, app.id, 0, SOON).await;
    });
}

#[test]
fn a_killed_engine_keeps_its_containers_and_the_rollout_ends() {
    on_shared_hosts(async |stack: &mut Stack| {
        let apps = stack.apps();
        let app = apps.run("steady", 3, apps.hello("1"), SOON).await;
        apps.run("web", 3, apps.hello("1"), SOON).await;
        let before: BTreeSet<_> = containers::running(&stack.fleet, app.id);
        let rollout = apps.deploy("web", slow(&apps, "2")).await;
        apps.until_half("web", rollout, SOON).await;
        for host in 0..3 {
            stack.fleet.host(host).kill_dockerd();
        }
        for host in 0..3 {
            stack.fleet.host_mut(host).start_engine();
        }
        for host in 0..3 {
            stack.until_node(host, NodeState::Ready, SOON).await;
        }
        assert_eq!(apps.until_over("web", rollout, AFTER_A_LOSS).await.phase, RolloutPhase::Succeeded);
        ended_right(stack, "web", "2").await;
        apps.until_healthy("steady", SOON).await;
        assert_eq!(containers::running(&stack.fleet, app.id), before, "the same containers");
        apps.delete("steady").await;
        containers::until_exactly(&stack.fleet, app.id, 0, SOON).await;
    });
}

#[test]
fn a_hung_engine_gets_no_new_work_and_comes_back() {
    on_shared_hosts(async |stack: &mut Stack| {
        let apps = stack.apps();
        let steady = apps.run("steady", 3, apps.hello("1"), SOON).await;
        let before: BTreeSet<_> = containers::running(&stack.fleet, steady.id);
        stack.fleet.host(1).freeze_dockerd();
        stack.until_node(1, NodeState::DockerDown, SOON).await;
        let app = apps.run("web", 3, apps.hello("1"), SOON).await;
        let hung = stack.fleet.host(1).name();
        let instances = apps.instances("web").await.expect("listed");
        assert!(instances.iter().all(|instance| instance.node != hung), "{instances:?}");
        for endpoint in apps.endpoints("steady").await.expect("listed") {
            ask(endpoint).await.expect("what runs there answers on");
        }
        stack.fleet.host(1).thaw_dockerd();
        stack.until_node(1, NodeState::Ready, SOON).await;
        apps.until_healthy("steady", SOON).await;
        assert_eq!(containers::running(&stack.fleet, steady.id), before, "the same containers");
        for (name, id) in [("web", app.id), ("steady", steady.id)] {
            apps.delete(name).await;
            containers::until_exactly(&stack.fleet, id, 0, SOON).await;
        }
    });
}
