//! The quota is exact: under races, over changes, along rollouts.

use crate::world::{OTHER_IMAGE, PLENTY, Quota, World, spec};
use berth_domain::right::Role;
use futures::future::join_all;
use serde_json::json;

/// As many as the security design measures with.
const RACERS: usize = 32;

#[tokio::test(flavor = "multi_thread")]
async fn racing_creators_never_pass_the_quota() {
    let world = World::new().await;
    // Ten instances fit by memory, each app takes one.
    let acme = world.tenant("acme", Quota { memory_mib: 10 * 128 + 1, ..PLENTY }).await;
    let ada = world.person(&acme, Role::Developer).await;

    let racers = (0..RACERS).map(|n| {
        let (ada, path) = (ada.clone(), acme.apps());
        async move { ada.post(&path, json!({ "name": format!("web{n}x"), "spec": spec(OTHER_IMAGE) })).await }
    });
    let answers = join_all(racers).await;

    let made = answers.iter().filter(|answer| answer.status == 202).count();
    let over = answers.iter().filter(|answer| answer.body["code"] == "quota_exceeded").count();
    assert_eq!((made, over), (10, RACERS - 10), "{answers:?}");
    assert_eq!(world.usage(&acme).await, [1_000, 1_280, 10, 10]);
}

#[tokio::test]
async fn every_bound_that_would_be_passed_is_told() {
    let world = World::new().await;
    let acme = world.tenant("acme", Quota { cpu_milli: 150, memory_mib: 10_000, instances: 1, apps: 0 }).await;
    let ada = world.person(&acme, Role::Developer).await;

    let refused = ada.post(&acme.apps(), json!({ "name": "web", "replicas": 2, "spec": spec(OTHER_IMAGE) })).await;

    assert_eq!((refused.status, &refused.body["code"]), (403, &json!("quota_exceeded")));
    let wanted = json!([
        { "kind": "cpu_milli", "wanted": 200, "limit": 150 },
        { "kind": "instances", "wanted": 2, "limit": 1 },
        { "kind": "apps", "wanted": 1, "limit": 0 },
    ]);
    assert_eq!(refused.body["quota"], wanted);
    assert_eq!(world.value::<i64>("SELECT count(*) FROM apps").await, 0);
}

#[tokio::test]
async fn a_start_is_held_against_the_quota_like_a_scale() {
    let world = World::new().await;
    let acme = world.tenant("acme", Quota { instances: 2, ..PLENTY }).await;
    let ada = world.person(&acme, Role::Developer).await;
    ada.create(&acme, "web", 2).await;
    ada.act(&acme.app("web/stop")).await;
    ada.create(&acme, "queue", 1).await;

    assert_eq!(ada.act(&acme.app("web/start")).await.body["quota"][0]["wanted"], 3);
    assert_eq!(ada.put(&acme.app("queue/scale"), json!({ "replicas": 3 })).await.status, 403);
    assert_eq!(ada.put(&acme.app("web/scale"), json!({ "replicas": 1 })).await.status, 200);
    assert_eq!(ada.act(&acme.app("web/start")).await.status, 200);
    assert_eq!(world.usage(&acme).await, [200, 256, 2, 2]);
}

#[tokio::test]
async fn who_is_over_a_lowered_quota_may_shrink_and_not_grow() {
    let world = World::new().await;
    let acme = world.tenant("acme", PLENTY).await;
    let ada = world.person(&acme, Role::Developer).await;
    ada.create(&acme, "web", 4).await;
    sqlx::query("UPDATE tenants SET quota_instances = 1").execute(&world.pool).await.expect("the quota is lowered");
    assert_eq!(ada.put(&acme.app("web/scale"), json!({ "replicas": 5 })).await.status, 403);
    assert_eq!(ada.put(&acme.app("web/scale"), json!({ "replicas": 3 })).await.status, 200);
    assert_eq!(ada.act(&acme.app("web/stop")).await.status, 200);
    assert_eq!(ada.act(&acme.app("web/start")).await.status, 403);
}

#[tokio::test]
async fn the_way_back_is_reserved_until_a_rollout_is_over() {
    let world = World::new().await;
    let acme = world.tenant("acme", Quota { memory_mib: 256, ..PLENTY }).await;
    let ada = world.person(&acme, Role::Developer).await;
    ada.create(&acme, "web", 2).await;
    world.end_rollout("web", "succeeded").await;
    world.wait(1);
    let smaller = json!({ "image": OTHER_IMAGE, "resources": { "cpu_milli": 300, "memory_mib": 64 } });

    ada.post(&acme.app("web/releases"), json!({ "spec": smaller })).await;
    assert_eq!(world.usage(&acme).await, [600, 256, 2, 1], "the larger of both, of each");
    let other = ada.post(&acme.apps(), json!({ "name": "queue", "spec": spec(OTHER_IMAGE) })).await;
    assert_eq!(other.status, 403, "what a take-back needs is nobody else's");

    world.end_rollout("web", "succeeded").await;
    assert_eq!(world.usage(&acme).await, [600, 128, 2, 1]);
    ada.create(&acme, "queue", 1).await;
    world.wait(1);

    let larger = json!({ "spec": spec(OTHER_IMAGE) });
    let refused = ada.post(&acme.app("web/releases"), larger).await;
    assert_eq!((refused.status, &refused.body["quota"][0]["wanted"]), (403, &json!(384)));
}
