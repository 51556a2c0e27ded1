//! What a deploy would do, over HTTP.

use crate::world::{OTHER_IMAGE, PLENTY, Quota, World, spec};
use berth_domain::right::Role;
use serde_json::{Value, json};

fn nodes(placements: &Value) -> Vec<String> {
    let all = placements.as_array().expect("a list").iter();
    all.map(|placed| placed["node"].as_str().expect("a name").to_owned()).collect()
}

#[tokio::test]
async fn a_preview_names_nodes_and_usage_and_changes_nothing() {
    let world = World::new().await;
    let acme = world.tenant("acme", Quota { instances: 1, ..PLENTY }).await;
    let ada = world.person(&acme, Role::Viewer).await;
    world.node("node-1").await;
    world.node("node-2").await;
    let path = acme.apps().replace("/apps", "/plan");

    let plan = ada.post(&path, json!({ "replicas": 2, "spec": spec(OTHER_IMAGE) })).await;

    assert_eq!(plan.status, 200, "{}", plan.body);
    assert_eq!(nodes(&plan.body["placements"]), ["node-1", "node-2"]);
    assert_eq!(plan.body["placements"][0]["image_present"], false);
    assert_eq!(plan.body["usage_after"]["memory_mib"], 256);
    assert_eq!(plan.body["exceeded"], json!([{ "kind": "instances", "wanted": 2, "limit": 1 }]));
    assert_eq!(world.value::<i64>("SELECT count(*) FROM apps").await, 0);
    assert_eq!(world.usage(&acme).await, [0, 0, 0, 0]);
}

#[tokio::test]
async fn a_fixed_port_finds_each_node_once_and_says_so_at_once() {
    let world = World::new().await;
    let acme = world.tenant("acme", PLENTY).await;
    let ada = world.person(&acme, Role::Developer).await;
    world.node("node-1").await;
    let fixed = json!({ "image": OTHER_IMAGE, "ports": [{ "container": 80, "host": 8080 }] });

    let plan = ada.post(&acme.apps().replace("/apps", "/plan"), json!({ "replicas": 2, "spec": fixed })).await.body;

    assert_eq!(nodes(&plan["placements"]), ["node-1"]);
    let refusal = &plan["refusals"][0];
    assert_eq!(
        (&refusal["reasons"], &refusal["nearest"]),
        (&json!({ "host_port": 1 }), &json!("port 8080 is in use on node-1"))
    );
}

#[tokio::test]
async fn a_change_is_planned_as_if_the_old_were_gone_and_anothers_room_is_not() {
    let world = World::new().await;
    let (acme, other) = (world.tenant("acme", PLENTY).await, world.tenant("other", PLENTY).await);
    let (ada, eve) = (world.person(&acme, Role::Developer).await, world.person(&other, Role::Developer).await);
    let node = world.node("node-1").await;
    eve.create(&other, "secret", 1).await;
    world.instance("secret", 1, node, "ready").await;
    ada.create(&acme, "web", 1).await;
    world.instance("web", 1, node, "ready").await;
    let path = acme.apps().replace("/apps", "/plan");
    // All of the node but what the other tenant's instance holds.
    let large = json!({ "image": OTHER_IMAGE, "resources": { "cpu_milli": 3900, "memory_mib": 8064 } });

    let fits = ada.post(&path, json!({ "app": "web", "replicas": 1, "spec": large })).await.body;
    assert_eq!((nodes(&fits["placements"]), &fits["refusals"]), (vec!["node-1".to_owned()], &json!([])));
    assert_eq!((&fits["usage_before"]["instances"], &fits["usage_after"]["instances"]), (&json!(1), &json!(1)));

    let beside = ada.post(&path, json!({ "replicas": 1, "spec": large })).await;
    assert_eq!(beside.body["refusals"][0]["nearest"], "node-1 lacks 100 m of cpu");
    assert!(!beside.body.to_string().contains("secret"));
    let unknown = ada.post(&path, json!({ "app": "secret", "replicas": 1, "spec": large })).await;
    assert_eq!((unknown.status, &unknown.body["errors"][0]["field"]), (422, &json!("app")));
}
