//! Logs over HTTP: merged, searched, followed.

use crate::world::{Caller, PLENTY, Tenant, World};
use berth_domain::{
    id::{InstanceId, NodeId},
    right::Role,
};
use futures::StreamExt as _;
use serde_json::Value;
use std::time::Duration;

/// What a stream may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// An app with two ready instances on two nodes, and a developer.
async fn begin(world: &World) -> (Tenant, Caller, [NodeId; 2], [InstanceId; 2]) {
    let acme = world.tenant("acme", PLENTY).await;
    let ada = world.person(&acme, Role::Developer).await;
    ada.create(&acme, "web", 2).await;
    let nodes = [world.node("node-1").await, world.node("node-2").await];
    let one = world.instance("web", 1, nodes[0], "ready").await;
    let two = world.instance("web", 2, nodes[1], "ready").await;
    (acme, ada, nodes, [one, two])
}

fn texts(body: &Value) -> Vec<&str> {
    body["lines"].as_array().expect("a list").iter().map(|line| line["text"].as_str().expect("text")).collect()
}

#[tokio::test]
async fn lines_of_all_instances_come_in_the_order_of_time() {
    let world = World::new().await;
    let (acme, ada, nodes, [one, two]) = begin(&world).await;
    for (instance, at_ms, text) in [(one, 1, "GET /a"), (two, 2, "GET /b"), (one, 3, "Error: c"), (two, 4, "GET /d")] {
        world.fleet.write(instance, at_ms * 1_000_000, text);
    }

    let all = ada.get(&acme.app("web/logs")).await.body;
    assert_eq!(texts(&all), ["GET /a", "GET /b", "Error: c", "GET /d"]);
    assert_eq!(all["lines"][1]["instance"], "web-1-2");
    assert_eq!(texts(&ada.get(&acme.app("web/logs?tail=1")).await.body), ["Error: c", "GET /d"]);
    assert_eq!(texts(&ada.get(&acme.app("web/logs?contains=error&tail=1")).await.body), ["Error: c"]);
    assert_eq!(texts(&ada.get(&acme.app("web/logs?instance=web-1-2")).await.body), ["GET /b", "GET /d"]);
    assert_eq!(ada.get(&acme.app("web/logs?tail=5001")).await.status, 422);
    assert_eq!(ada.get(&acme.app("web/logs?instance=web-9-9")).await.status, 422);

    world.lose(nodes[0]).await;
    world.fleet.detach(nodes[1]);
    let gaps = ada.get(&acme.app("web/logs")).await.body["gaps"].clone();
    assert_eq!((&gaps[0]["instance"], &gaps[1]["instance"]), (&Value::from("web-1-1"), &Value::from("web-1-2")));
    assert_eq!(gaps[1]["message"], "the node's agent is not connected");
}

/// Reads server-sent events.
struct Events {
    bytes: futures::stream::BoxStream<'static, reqwest::Result<bytes::Bytes>>,
    buffer: String,
}

impl Events {
    async fn open(who: &Caller, path: &str) -> Self {
        let response = who.request("GET", path).send().await.expect("the server answers");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { bytes: response.bytes_stream().boxed(), buffer: String::new() }
    }
    /// The next event that is not a beat; none when the stream ended.
    async fn next(&mut self) -> Option<(String, Value)> {
        tokio::time::timeout(PATIENCE, self.read()).await.expect("an event comes in time")
    }
    async fn read(&mut self) -> Option<(String, Value)> {
        loop {
            while let Some((event, rest)) = self.buffer.split_once("\n\n") {
                let (name, data) = event.split_once('\n').expect("an event has a name and data");
                let name = name.strip_prefix("event: ").expect("a name").to_owned();
                let data = serde_json::from_str(data.strip_prefix("data: ").expect("data")).expect("JSON");
                self.buffer = rest.to_owned();
                if name != "beat" {
                    return Some((name, data));
                }
            }
            let chunk = self.bytes.next().await?.ok()?;
            self.buffer.push_str(std::str::from_utf8(&chunk).expect("UTF-8"));
        }
    }
    async fn line(&mut self) -> String {
        let (name, data) = self.next().await.expect("the stream goes on");
        assert_eq!(name, "line", "{data}");
        data["text"].as_str().expect("text").to_owned()
    }
}

#[tokio::test]
async fn a_live_log_goes_on_with_instances_that_come_later() {
    let world = World::new().await;
    let (acme, ada, nodes, [one, two]) = begin(&world).await;
    world.fleet.write(two, 2_000_000, "second");
    world.fleet.write(one, 1_000_000, "first");

    let mut events = Events::open(&ada, &acme.app("web/logs/live")).await;
    assert_eq!(events.line().await, "first");
    assert_eq!(events.line().await, "second");
    world.fleet.write(one, 3_000_000, "third");
    assert_eq!(events.line().await, "third");

    let three = world.instance("web", 3, nodes[0], "ready").await;
    world.fleet.write(three, 4_000_000, "newcomer");
    assert_eq!(events.line().await, "newcomer");
}

#[tokio::test]
async fn a_live_log_ends_when_the_right_is_gone() {
    let world = World::new().await;
    let (acme, ada, _, [one, _]) = begin(&world).await;
    world.fleet.write(one, 1_000_000, "first");
    let mut events = Events::open(&ada, &acme.app("web/logs/live")).await;
    assert_eq!(events.line().await, "first");
    sqlx::query("DELETE FROM role_bindings").execute(&world.pool).await.expect("the role is gone");
    assert_eq!(events.next().await, None);
}
