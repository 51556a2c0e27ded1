//! Nodes and live streams over HTTP: who sees what, what an administrator may do, what a page hears.

use crate::{
    agent::enroll,
    engine::{Engine, PATIENCE},
    world::{Answer, Caller, Hands, PLENTY, Tenant, answer},
};
use berth_domain::right::Role;
use berth_testkit::wait::until_async;
use futures::StreamExt as _;
use rcgen::KeyPair;
use serde_json::{Value, json};

/// A platform with an administrator who belongs to no tenant of interest, and a tenant with a developer.
struct Stage {
    engine: Engine,
    hands: Hands,
    administrator: Caller,
    tenant: Tenant,
    developer: Caller,
}

async fn stage() -> Stage {
    let engine = Engine::start().await;
    let hands = Hands { pool: engine.pool.clone(), address: engine.server().address };
    let elsewhere = hands.tenant("elsewhere", PLENTY).await;
    let administrator = hands.person(&elsewhere, Role::Viewer).await;
    sqlx::query("UPDATE users SET platform_administrator = true").execute(&engine.pool).await.expect("written");
    let tenant = hands.tenant("guild", PLENTY).await;
    let developer = hands.person(&tenant, Role::Developer).await;
    Stage { engine, hands, administrator, tenant, developer }
}

async fn patch(who: &Caller, body: Value) -> Answer {
    answer(who.request("PATCH", "/api/v1/nodes/node-1").json(&body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_a_nodes_name_is_not_found() {
    // Kept whole: the server ends with it.
    let stage = stage().await;
    for name in ["%00", "nowhere", "a%0Ab", "NODE-1"] {
        assert_eq!(stage.administrator.get(&format!("/api/v1/nodes/{name}")).await.status, 404, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn running_the_platform_shows_nodes_but_not_what_tenants_call_their_apps() {
    let Stage { engine, administrator, tenant, developer, .. } = stage().await;
    let _agent = engine.node("node-1").await;
    developer.create(&tenant, "web", 2).await;
    let node = until_async("two instances on the node", PATIENCE, || async {
        let node = administrator.get("/api/v1/nodes/node-1").await.body;
        (node["instances"] == 2).then_some(node)
    })
    .await;
    assert_eq!((&node["state"], &node["availability"]), (&json!("ready"), &json!("active")));
    assert_eq!(node["reserved"], json!({ "cpu_milli": 200, "memory_mib": 256 }));
    assert_eq!(node["capacity"], json!({ "cpu_milli": 4000, "memory_mib": 4096 }));
    assert!(node["placed"][0]["app"].is_null() && node["placed"][0]["tenant"].is_null(), "{node}");
    assert_eq!(administrator.get("/api/v1/nodes").await.body["items"][0]["name"], "node-1");
    let events = administrator.get("/api/v1/nodes/node-1/events").await.body;
    assert!(!events.to_string().contains("web-1-1"), "{events}");
    assert_eq!(developer.get("/api/v1/nodes").await.status, 403);

    sqlx::query("UPDATE users SET platform_administrator = true").execute(&engine.pool).await.expect("written");
    let node = developer.get("/api/v1/nodes/node-1").await.body;
    assert_eq!((&node["placed"][0]["name"], &node["placed"][0]["tenant"]), (&json!("web-1-1"), &json!("guild")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_drained_and_then_removed() {
    let Stage { engine, administrator, tenant, developer, .. } = stage().await;
    let _one = engine.node("node-1").await;
    developer.create(&tenant, "web", 1).await;
    let on_it = || async { administrator.get("/api/v1/nodes/node-1").await.body["instances"].clone() };
    until_async("an instance", PATIENCE, || async { (on_it().await == 1).then_some(()) }).await;
    let _two = engine.node("node-2").await;
    assert_eq!(administrator.delete("/api/v1/nodes/node-1").await.status, 409, "it runs");
    assert_eq!(patch(&administrator, json!({ "labels": { "a b": "" } })).await.status, 422);
    assert_eq!(patch(&administrator, json!({ "colour": "red" })).await.status, 400);
    assert_eq!(patch(&developer, json!({ "availability": "drained" })).await.status, 403);
    let drained = patch(&administrator, json!({ "availability": "drained", "labels": { "disk": "ssd" } })).await;
    assert_eq!((drained.status, &drained.body["labels"]), (200, &json!({ "disk": "ssd" })));
    until_async("it to be empty", PATIENCE, || async { (on_it().await == 0).then_some(()) }).await;
    assert_eq!(administrator.delete("/api/v1/nodes/node-1").await.status, 204);
    assert_eq!(administrator.get("/api/v1/nodes/node-1").await.status, 404);
    let trail = administrator.get("/api/v1/audit").await.body.to_string();
    assert!(trail.contains("node.update") && trail.contains("node.remove"), "{trail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_token_from_the_api_lets_a_node_in_and_is_in_no_trail() {
    let Stage { engine, administrator, developer, .. } = stage().await;
    assert_eq!(developer.act("/api/v1/nodes/join-tokens").await.status, 403);
    let made = administrator.act("/api/v1/nodes/join-tokens").await;
    assert_eq!(made.status, 201, "{}", made.body);
    let text = made.body["token"].as_str().expect("a token").to_owned();
    assert!(made.body["command"].as_str().expect("a command").ends_with(&text));
    let secret = text.strip_prefix("berth_join_").and_then(|t| t.split_once('.')).expect("its form").0;
    let key = KeyPair::generate().expect("a key");
    enroll(engine.server(), "node-1", secret, &key).await.expect("let in");
    let trail = administrator.get("/api/v1/audit").await.body.to_string();
    assert!(trail.contains("node.join") && !trail.contains(secret));
    let node = administrator.get("/api/v1/nodes/node-1").await.body;
    assert_eq!((&node["state"], &node["last_seen_at"]), (&json!("lost"), &Value::Null), "it has not come yet");
}

/// An open live stream.
struct Stream {
    chunks: futures::stream::BoxStream<'static, reqwest::Result<bytes::Bytes>>,
    heard: String,
}

impl Stream {
    async fn open(who: &Caller, path: &str) -> Self {
        let response = who.request("GET", path).send().await.expect("it answers");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { chunks: response.bytes_stream().boxed(), heard: String::new() }
    }

    /// Reads until it hears `wanted`; returns all that was heard since the last time.
    async fn hear(&mut self, wanted: &str) -> String {
        let reading = async {
            while !self.heard.contains(wanted) {
                let chunk = self.chunks.next().await.expect("open").expect("readable");
                self.heard.push_str(&String::from_utf8_lossy(&chunk));
            }
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("in time");
        std::mem::take(&mut self.heard)
    }

    /// Reads until the server ends it.
    async fn rest(mut self) -> String {
        let reading = async {
            while let Some(Ok(chunk)) = self.chunks.next().await {
                self.heard.push_str(&String::from_utf8_lossy(&chunk));
            }
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("it ends");
        self.heard
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_hears_of_its_own_tenant_until_the_role_is_gone() {
    let Stage { engine, hands, tenant, developer, administrator } = stage().await;
    let path = format!("/api/v1/tenants/{}/live", tenant.name);
    let other = hands.tenant("other", PLENTY).await;
    let stranger = hands.person(&other, Role::Developer).await;
    assert_eq!(stranger.get(&path).await.status, 404, "a tenant of others");
    let (mut page, mut overview) = (Stream::open(&developer, &path).await, Stream::open(&administrator, &path).await);
    page.hear("event: beat").await;
    overview.hear("event: beat").await;
    stranger.create(&other, "secret-app", 1).await;
    developer.create(&tenant, "web", 1).await;
    page.hear(r#""app":"web""#).await;
    let heard = overview.hear("event: beat").await;
    assert!(!heard.contains("web"), "running the platform shows no app's name: {heard}");
    sqlx::query("DELETE FROM role_bindings WHERE tenant_id = $1")
        .bind(tenant.id.uuid())
        .execute(&engine.pool)
        .await
        .expect("written");
    let rest = page.rest().await;
    assert!(!rest.contains("secret-app"), "{rest}");
}
