//! The whole way of an app: over HTTP into rows, through the engine to an agent, and back into what is seen.

use crate::{
    agent::Fate,
    engine::{Engine, PATIENCE},
    world::{Caller, Hands, OTHER_IMAGE, PLENTY, Tenant, spec},
};
use berth_domain::right::Role;
use berth_testkit::wait::until_async;
use serde_json::{Value, json};

async fn until(who: &Caller, tenant: &Tenant, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    until_async(what, PATIENCE, || async {
        let app = who.get(&tenant.app("web")).await.body;
        wanted(&app).then_some(app)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_lives_from_its_first_release_to_its_end() {
    let engine = Engine::start().await;
    let agent = engine.node("node-1").await;
    let hands = Hands { pool: engine.pool.clone(), address: engine.server().address };
    let tenant = hands.tenant("whole", PLENTY).await;
    let ada = hands.person(&tenant, Role::Developer).await;
    let settled = |app: &Value| app["rollout"].is_null() && app["state"] == "healthy";

    ada.create(&tenant, "web", 2).await;
    let app = until(&ada, &tenant, "the first release to run", settled).await;
    assert_eq!((&app["ready"], &app["release"]["rollout_phase"]), (&json!(2), &json!("succeeded")));
    assert!(app["visit_url"].is_string(), "{app}");

    // Its digest is made of b; no node can have it.
    agent.memory.lock().expect("not poisoned").fates.insert("bbbb", Fate::Failing("image_not_found"));
    let mut bad = spec(OTHER_IMAGE);
    bad["resources"] = json!({ "cpu_milli": 200, "memory_mib": 64 });
    ada.post(&tenant.app("web/releases"), json!({ "spec": bad })).await;
    let app = until(&ada, &tenant, "the second to be taken back", settled).await;
    assert_eq!(app["release"]["number"], 1);
    let rollout = ada.get(&tenant.app("web/rollouts")).await.body["items"][0].clone();
    assert_eq!(rollout["phase"], "rolled_back", "{rollout}");
    assert!(!rollout["reason"].as_str().expect("text").is_empty());
    assert_eq!(hands.usage(&tenant).await, [200, 256, 2, 1], "what the second took is given back");

    let before = names(&ada, &tenant).await;
    assert_eq!(ada.act(&tenant.app("web/restart")).await.status, 202);
    let app = until(&ada, &tenant, "fresh instances", settled).await;
    assert_eq!(app["release"]["rollout_phase"], "succeeded");
    let after = names(&ada, &tenant).await;
    assert!(before.iter().all(|id| !after.contains(id)), "every instance is another one");

    ada.put(&tenant.app("web/scale"), json!({ "replicas": 3 })).await;
    until(&ada, &tenant, "a third instance", |app| app["ready"] == 3).await;
    let events = ada.get(&tenant.app("web/events")).await.body;
    assert!(events["items"].as_array().expect("a page").len() > 3);

    assert_eq!(ada.delete(&tenant.app("web")).await.status, 204);
    let gone = || async { (hands.value::<i64>("SELECT count(*) FROM instances").await == 0).then_some(()) };
    until_async("its instances to be gone", PATIENCE, gone).await;
    let gone = || async { (hands.value::<i64>("SELECT count(*) FROM apps").await == 0).then_some(()) };
    until_async("its rows to be gone", PATIENCE, gone).await;
    assert_eq!(hands.usage(&tenant).await, [0, 0, 0, 0]);
}

async fn names(who: &Caller, tenant: &Tenant) -> Vec<String> {
    let page = who.get(&tenant.app("web/instances")).await.body;
    let items = page["items"].as_array().expect("a page").iter().filter(|i| i["stop_reason"].is_null());
    items.map(|instance| instance["id"].as_str().expect("an id").to_owned()).collect()
}
