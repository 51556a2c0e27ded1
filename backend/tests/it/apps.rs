//! Apps over HTTP: create, read, list, change, delete.

use crate::world::{IMAGE, PLENTY, Tenant, World, answer, spec};
use berth_domain::right::Role;
use serde_json::{Value, json};

#[tokio::test]
async fn an_app_begins_with_its_first_release_rolling_out() {
    let world = World::new().await;
    let acme = world.tenant("acme", PLENTY).await;
    let ada = world.person(&acme, Role::Developer).await;

    let made = ada.create(&acme, "web", 3).await;

    assert_eq!((&made["name"], &made["state"], &made["revision"]), (&json!("web"), &json!("rolling_out"), &json!(1)));
    assert_eq!(made["release"]["number"], 1);
    assert_eq!(made["release"]["image"], format!("{IMAGE}@sha256:{}", "a".repeat(64)));
    assert_eq!(made["rollout"]["cause"], "deploy");
    assert_eq!(made["rollout"]["from_release"], Value::Null);
    assert_eq!(made["rollout"]["started_by"], "Ada");
    assert_eq!(ada.get(&acme.app("web")).await.body, made);
    assert_eq!(world.usage(&acme).await, [300, 384, 3, 1]);
    let audited: String = world.value("SELECT action || ' ' || target FROM audit").await;
    assert_eq!(audited, "app.create acme/shop/dev/web");
}

#[tokio::test]
async fn every_wrong_field_is_named_at_once() {
    let world = World::new().await;
    let acme = world.tenant("acme", PLENTY).await;
    let ada = world.person(&acme, Role::Developer).await;
    let body = json!({ "name": "Web", "replicas": 1001,
        "spec": { "image": "a b", "ports": [{ "container": 0 }], "resources": { "cpu_milli": 1, "memory_mib": 1 } } });

    let refused = ada.post(&acme.apps(), body).await;

    assert_eq!((refused.status, &refused.body["code"]), (422, &json!("invalid_fields")));
    let errors = refused.body["errors"].as_array().expect("a list").iter().map(|e| e["field"].as_str().expect("text"));
    let mut fields: Vec<_> = errors.collect();
    fields.sort_unstable();
    let wanted = [
        "name",
        "replicas",
        "spec.image",
        "spec.ports[0].container",
        "spec.resources.cpu_milli",
        "spec.resources.memory_mib",
    ];
    assert_eq!(fields, wanted);
    assert_eq!(world.value::<i64>("SELECT count(*) FROM apps").await, 0);
}

#[tokio::test]
async fn a_name_is_taken_until_its_app_is_deleted() {
    let world = World::new().await;
    let acme = world.tenant("acme", PLENTY).await;
    let ada = world.person(&acme, Role::Developer).await;
    ada.create(&acme, "web", 1).await;
    let body = json!({ "name": "web", "spec": spec(IMAGE) });

    let taken = ada.post(&acme.apps(), body.clone()).await;
    assert_eq!((taken.status, &taken.body["code"]), (409, &json!("name_taken")));
    assert_eq!(taken.body["errors"][0]["field"], "name");
    assert_eq!(world.usage(&acme).await, [100, 128, 1, 1], "what was refused reserves nothing");

    assert_eq!(ada.delete(&acme.app("web")).await.status, 204);
    assert_eq!(world.usage(&acme).await, [0, 0, 0, 0]);
    assert_eq!(ada.get(&acme.app("web")).await.status, 404);
    let phase: String = world.value("SELECT phase FROM rollouts").await;
    assert_eq!(phase, "superseded");
    assert_eq!(ada.post(&acme.apps(), body).await.status, 202);
}

#[tokio::test]
async fn an_image_that_is_not_there_is_said_before_anything_is_written() {
    let world = World::new().await;
    let acme = world.tenant("acme", PLENTY).await;
    let ada = world.person(&acme, Role::Developer).await;
    let body = json!({ "name": "web", "spec": spec("berth.local/missing:1") });
    let refused = ada.post(&acme.apps(), body).await;
    assert_eq!((refused.status, &refused.body["code"]), (422, &json!("image_not_found")));
    assert_eq!(world.usage(&acme).await, [0, 0, 0, 0]);
}

#[tokio::test]
async fn scaling_and_stopping_move_the_quota_with_them() {
    let world = World::new().await;
    let acme = world.tenant("acme", PLENTY).await;
    let ada = world.person(&acme, Role::Operator).await;
    let dev = world.person(&acme, Role::Developer).await;
    dev.create(&acme, "web", 1).await;
    world.end_rollout("web", "succeeded").await;

    let scaled = ada.put(&acme.app("web/scale"), json!({ "replicas": 4 })).await;
    assert_eq!((scaled.status, &scaled.body["replicas"]), (200, &json!(4)));
    assert_eq!(scaled.body["rollout"], Value::Null, "a number is no release");
    assert_eq!(world.usage(&acme).await, [400, 512, 4, 1]);

    let stopped = ada.act(&acme.app("web/stop")).await;
    assert_eq!((&stopped.body["state"], &stopped.body["replicas"]), (&json!("stopped"), &json!(4)));
    assert_eq!(world.usage(&acme).await, [0, 0, 0, 1], "a stopped app reserves itself alone");
    ada.put(&acme.app("web/scale"), json!({ "replicas": 2 })).await;
    assert_eq!(world.usage(&acme).await, [0, 0, 0, 1]);

    let started = ada.act(&acme.app("web/start")).await;
    assert_eq!((&started.body["state"], &started.body["rollout"]), (&json!("down"), &Value::Null));
    assert_eq!(world.usage(&acme).await, [200, 256, 2, 1]);
    assert_eq!(ada.put(&acme.app("web/scale"), json!({ "replicas": 1001 })).await.status, 422);
}

#[tokio::test]
async fn a_change_of_what_was_seen_before_is_a_conflict() {
    let world = World::new().await;
    let acme = world.tenant("acme", PLENTY).await;
    let ada = world.person(&acme, Role::Developer).await;
    ada.create(&acme, "web", 1).await;
    let scale = |replicas: u32| ada.request("PUT", &acme.app("web/scale")).json(&json!({ "replicas": replicas }));

    let first = answer(scale(2).header("if-match", "\"1\"")).await;
    assert_eq!((first.status, &first.body["revision"]), (200, &json!(2)));
    let second = answer(scale(3).header("if-match", "\"1\"")).await;
    assert_eq!((second.status, &second.body["code"]), (409, &json!("conflict")));
    assert_eq!(answer(scale(3).header("if-match", "2")).await.status, 200);
    assert_eq!(answer(scale(3).header("if-match", "x")).await.status, 400);
}

#[tokio::test]
async fn the_same_key_creates_once() {
    let world = World::new().await;
    let acme = world.tenant("acme", PLENTY).await;
    let ada = world.person(&acme, Role::Developer).await;
    let create = |name: &str| {
        let body = json!({ "name": name, "spec": spec(IMAGE) });
        answer(ada.request("POST", &acme.apps()).header("idempotency-key", "k1").json(&body))
    };
    let first = create("web").await;
    assert_eq!(first.status, 202);
    assert_eq!(create("web").await, first);
    let other = create("queue").await;
    assert_eq!((other.status, &other.body["code"]), (422, &json!("idempotency_mismatch")));
    assert_eq!(world.usage(&acme).await[3], 1);
}

#[tokio::test]
async fn a_list_comes_in_pages_by_name() {
    let world = World::new().await;
    let acme = world.tenant("acme", PLENTY).await;
    let ada = world.person(&acme, Role::Developer).await;
    for name in ["web", "cache", "db"] {
        ada.create(&acme, name, 1).await;
    }
    let names = |body: &Value| {
        let items = body["items"].as_array().expect("a page").clone();
        items.into_iter().map(|app| app["name"].as_str().expect("text").to_owned()).collect::<Vec<_>>()
    };
    let first = ada.get(&format!("{}?limit=2", acme.apps())).await.body;
    assert_eq!(names(&first), ["cache", "db"]);
    let cursor = first["next_cursor"].as_str().expect("there is more");
    let second = ada.get(&format!("{}?limit=2&cursor={cursor}", acme.apps())).await.body;
    assert_eq!((names(&second), &second["next_cursor"]), (vec!["web".to_owned()], &Value::Null));
    assert_eq!(ada.get(&format!("{}?limit=0", acme.apps())).await.status, 400);
}

#[tokio::test]
async fn what_is_seen_of_an_app_is_computed_from_what_was_observed() {
    let world = World::new().await;
    let acme = world.tenant("acme", PLENTY).await;
    let ada = world.person(&acme, Role::Developer).await;
    ada.create(&acme, "web", 2).await;
    world.end_rollout("web", "succeeded").await;
    let (one, two) = (world.node("node-1").await, world.node("node-2").await);
    world.instance("web", 1, one, "ready").await;
    world.instance("web", 2, two, "starting").await;

    let app = ada.get(&acme.app("web")).await.body;
    assert_eq!((&app["state"], &app["ready"]), (&json!("degraded"), &json!(1)));
    assert_eq!(app["visit_url"], "http://10.0.0.1:32768");

    let instances = ada.get(&acme.app("web/instances")).await.body;
    let first = &instances["items"][0];
    assert_eq!(
        (&first["name"], &first["node"], &first["phase"]),
        (&json!("web-1-1"), &json!("node-1"), &json!("ready"))
    );
    assert_eq!(first["endpoints"], json!([{ "container_port": 80, "address": "10.0.0.1:32768" }]));
    assert_eq!(first["explanation"]["candidates"][0]["node"], "node-1");
    assert_eq!(first["node_lost"], false);

    world.lose(one).await;
    let app = ada.get(&acme.app("web")).await.body;
    assert_eq!((&app["state"], &app["ready"], &app["visit_url"]), (&json!("down"), &json!(0), &Value::Null));
    let instances = ada.get(&acme.app("web/instances")).await.body;
    assert_eq!(instances["items"][0]["node_lost"], true);
}

#[tokio::test]
async fn a_refusal_says_what_the_nearest_node_lacks() {
    let world = World::new().await;
    let acme = world.tenant("acme", PLENTY).await;
    let ada = world.person(&acme, Role::Developer).await;
    ada.create(&acme, "web", 1).await;
    let (one, two) = (world.node("node-1").await, world.node("node-2").await);
    let nodes =
        json!({ one.to_string(): { "kind": "memory", "missing_mib": 300 }, two.to_string(): { "kind": "not_ready" } });
    sqlx::query(
        "INSERT INTO refusals (app_id, tenant_id, release_id, number, nodes, since)
         SELECT id, tenant_id, release_id, 1, $1, now() FROM apps",
    )
    .bind(nodes)
    .execute(&world.pool)
    .await
    .expect("the refusal is written");

    let refusal = &ada.get(&acme.app("web")).await.body["refusals"][0];

    assert_eq!(refusal["instance"], "web-1-1");
    assert_eq!(refusal["nearest"], "node-1 lacks 300 MiB of memory");
    assert_eq!(refusal["reasons"], json!({ "memory": 1, "not_ready": 1 }));
}

/// Every route of this half of the API below an app or an environment.
fn routes(tenant: &Tenant) -> Vec<(&'static str, String)> {
    let instance = "inst_00000000000000000000000000000007";
    vec![
        ("GET", tenant.apps()),
        ("POST", tenant.apps()),
        ("POST", tenant.apps().replace("/apps", "/plan")),
        ("GET", tenant.app("web")),
        ("DELETE", tenant.app("web")),
        ("GET", tenant.app("web/releases")),
        ("POST", tenant.app("web/releases")),
        ("GET", tenant.app("web/releases/1")),
        ("POST", tenant.app("web/rollback")),
        ("PUT", tenant.app("web/scale")),
        ("POST", tenant.app("web/stop")),
        ("POST", tenant.app("web/start")),
        ("POST", tenant.app("web/restart")),
        ("GET", tenant.app("web/rollouts")),
        ("POST", tenant.app("web/rollouts/abort")),
        ("GET", tenant.app("web/instances")),
        ("GET", tenant.app("web/events")),
        ("GET", tenant.app("web/logs")),
        ("GET", tenant.app("web/logs/live")),
        ("POST", tenant.app(&format!("web/instances/{instance}/terminal"))),
        ("GET", format!("/api/v1/tenants/{}/events", tenant.name)),
    ]
}

#[tokio::test]
async fn what_is_anothers_looks_as_if_it_were_not_there() {
    let world = World::new().await;
    let acme = world.tenant("acme", PLENTY).await;
    let ada = world.person(&acme, Role::Owner).await;
    ada.create(&acme, "web", 1).await;
    let other = world.tenant("other", PLENTY).await;
    let eve = world.person(&other, Role::Owner).await;
    let mut missing = world.tenant("other2", PLENTY).await;
    missing.name = "nowhere".to_owned();

    for ((method, foreign), (_, missing)) in routes(&acme).into_iter().zip(routes(&missing)) {
        let mut answers = Vec::new();
        for path in [&foreign, &missing] {
            let mut answer = answer(eve.request(method, path)).await;
            answer.body["request_id"].take();
            answers.push(answer);
        }
        assert_eq!(answers[0].status, 404, "{method} {foreign}");
        assert_eq!(answers[0], answers[1], "{method} {foreign}");
    }
    assert_eq!(world.value::<i64>("SELECT count(*) FROM rollouts").await, 1, "nothing was touched");
}

#[tokio::test]
async fn who_only_looks_changes_nothing() {
    let world = World::new().await;
    let acme = world.tenant("acme", PLENTY).await;
    world.person(&acme, Role::Developer).await.create(&acme, "web", 1).await;
    let viewer = world.person(&acme, Role::Viewer).await;
    let reads = ["web/logs", "web/logs/live"];
    for (method, path) in routes(&acme) {
        let answer = if method == "GET" && !reads.iter().any(|read| path.ends_with(read)) || path.ends_with("/plan") {
            continue;
        } else {
            answer(viewer.request(method, &path)).await
        };
        assert_eq!((answer.status, &answer.body["code"]), (403, &json!("forbidden")), "{method} {path}");
    }
}
