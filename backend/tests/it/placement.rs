//! From DESIRED rows to running instances.

use crate::engine::{Engine, spec};

const ROWS: &str = "SELECT count(*) FROM instances WHERE app_id = $1";

#[tokio::test]
async fn a_deployed_app_is_placed_delivered_and_its_rollout_succeeds() {
    let engine = Engine::start().await;
    let agent = engine.node("node-1").await;
    let app = engine.deploy("web", 2, spec("web:1")).await;
    engine.until_phase(app, "succeeded").await;
    engine.until_ready(app, &[(1, "node-1"), (1, "node-1")]).await;
    assert_eq!(agent.wanted(), ["web-1-1", "web-1-2"]);
    let reasons = engine.reasons(app.id).await;
    assert_eq!(reasons.iter().filter(|reason| *reason == "placed").count(), 2);
    for reason in ["rollout_started", "rollout_succeeded"] {
        assert_eq!(reasons.iter().filter(|said| *said == reason).count(), 1, "{reason} in {reasons:?}");
    }
}

#[tokio::test]
async fn what_finds_no_place_is_refused_with_reasons_and_placed_when_a_node_comes() {
    let engine = Engine::start().await;
    let app = engine.deploy("web", 1, spec("web:1")).await;
    engine.until_count("SELECT count(*) FROM refusals WHERE app_id = $1", app.id, 1).await;
    let _agent = engine.node("node-1").await;
    engine.until_phase(app, "succeeded").await;
    engine.until_count("SELECT count(*) FROM refusals WHERE app_id = $1", app.id, 0).await;
    let reasons = engine.reasons(app.id).await;
    assert!(reasons.contains(&"refused".to_owned()), "{reasons:?}");
}

#[tokio::test]
async fn scaling_down_stops_instances_and_forgets_them() {
    let engine = Engine::start().await;
    let agent = engine.node("node-1").await;
    let app = engine.deploy("web", 3, spec("web:1")).await;
    engine.until_phase(app, "succeeded").await;
    engine.change("UPDATE apps SET replicas = 1, revision = revision + 1 WHERE id = $1", app.id).await;
    engine.until_count(ROWS, app.id, 1).await;
    assert_eq!(agent.wanted(), ["web-1-1"], "the newest go first");
}

#[tokio::test]
async fn a_stopped_app_leaves_a_node_empty_on_purpose() {
    let engine = Engine::start().await;
    let agent = engine.node("node-1").await;
    let app = engine.deploy("web", 1, spec("web:1")).await;
    engine.until_phase(app, "succeeded").await;
    engine.change("UPDATE apps SET running = false, revision = revision + 1 WHERE id = $1", app.id).await;
    engine.until_count(ROWS, app.id, 0).await;
    let drained = || {
        let memory = agent.memory.lock().expect("no panic");
        memory.sets.last().is_some_and(|set| set.drain && set.instances.is_empty()).then_some(())
    };
    berth_testkit::wait::until_async("an empty set that is meant", crate::engine::PATIENCE, || async { drained() })
        .await;
    engine.change("UPDATE apps SET running = true, revision = revision + 1 WHERE id = $1", app.id).await;
    engine.until_ready(app, &[(1, "node-1")]).await;
}

#[tokio::test]
async fn a_deleted_app_goes_when_its_instances_are_gone() {
    let engine = Engine::start().await;
    let _agent = engine.node("node-1").await;
    let app = engine.deploy("web", 2, spec("web:1")).await;
    engine.until_phase(app, "succeeded").await;
    let delete = "UPDATE apps SET deleted_at = now(), running = false, revision = revision + 1 WHERE id = $1";
    engine.change(delete, app.id).await;
    engine.until_count("SELECT count(*) FROM apps WHERE id = $1", app.id, 0).await;
    assert_eq!(engine.count("SELECT count(*) FROM releases WHERE app_id = $1", app.id).await, 0);
    assert_eq!(engine.reasons(app.id).await.last().map(String::as_str), Some("app_gone"));
}

#[tokio::test]
async fn a_restarted_server_finds_everything_as_it_was() {
    let mut engine = Engine::start().await;
    let mut agent = engine.node("node-1").await;
    let app = engine.deploy("web", 2, spec("web:1")).await;
    engine.until_phase(app, "succeeded").await;
    let before = agent.memory.lock().expect("no panic").sets.last().cloned();
    engine.restart().await;
    agent.attach(engine.server().agent_address).await;
    engine.change("UPDATE apps SET replicas = 3, revision = revision + 1 WHERE id = $1", app.id).await;
    engine.until_ready(app, &[(1, "node-1"), (1, "node-1"), (1, "node-1")]).await;
    let after = agent.memory.lock().expect("no panic").sets.last().cloned();
    let (before, after) = (before.expect("a set"), after.expect("a set"));
    assert!((after.epoch, after.generation) > (before.epoch, before.generation));
    assert!(after.epoch > before.epoch, "each start is a new term");
    let kept = before.instances.iter().all(|old| after.instances.iter().any(|new| new.instance_id == old.instance_id));
    assert!(kept, "nothing that runs was replaced");
}
