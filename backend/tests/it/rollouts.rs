//! Rollouts end right: forward, back, or given up.

use crate::{
    agent::Fate,
    engine::{Engine, spec},
};

#[tokio::test]
async fn a_new_release_replaces_the_old_one() {
    let engine = Engine::start().await;
    let _agents = (engine.node("node-1").await, engine.node("node-2").await);
    let app = engine.deploy("web", 2, spec("web:1")).await;
    engine.until_phase(app, "succeeded").await;
    engine.release(app, spec("web:2")).await;
    engine.until_phase(app, "succeeded").await;
    engine.until_ready(app, &[(2, "node-1"), (2, "node-2")]).await;
    engine.until_count("SELECT count(*) FROM instances WHERE app_id = $1", app.id, 2).await;
}

#[tokio::test]
async fn a_release_that_cannot_start_is_taken_back() {
    let engine = Engine::start().await;
    let agent = engine.node("node-1").await;
    let app = engine.deploy("web", 2, spec("web:1")).await;
    engine.until_phase(app, "succeeded").await;
    agent.will("web:2", Fate::Failing("image_not_found"));
    engine.release(app, spec("web:2")).await;
    engine.until_phase(app, "rolled_back").await;
    engine.until_ready(app, &[(1, "node-1"), (1, "node-1")]).await;
    let back = "SELECT count(*) FROM apps a JOIN releases r ON r.id = a.release_id WHERE a.id = $1 AND r.number = 1";
    assert_eq!(engine.count(back, app.id).await, 1, "the release before shall run again");
    let reasons = engine.reasons(app.id).await;
    for reason in ["rollout_taken_back", "rollout_rolled_back"] {
        assert_eq!(reasons.iter().filter(|said| *said == reason).count(), 1, "{reason} in {reasons:?}");
    }
    let why: String = sqlx::query_scalar("SELECT reason FROM rollouts WHERE app_id = $1 AND phase = 'rolled_back'")
        .bind(app.id)
        .fetch_one(&engine.pool)
        .await
        .expect("one");
    assert!(why.contains("it says image_not_found"), "{why}");
}

#[tokio::test]
async fn a_release_that_never_becomes_ready_is_taken_back_at_its_deadline() {
    let engine = Engine::start().await;
    let agent = engine.node("node-1").await;
    let app = engine.deploy("web", 1, spec("web:1")).await;
    engine.until_phase(app, "succeeded").await;
    agent.will("web:2", Fate::Starting);
    engine.release(app, spec("web:2")).await;
    engine.until_count("SELECT count(*) FROM instances WHERE app_id = $1", app.id, 2).await;
    assert_eq!(engine.phase(app).await, "progressing");
    engine.pass(121);
    engine.until_phase(app, "rolled_back").await;
    engine.until_ready(app, &[(1, "node-1")]).await;
}

#[tokio::test]
async fn a_first_release_that_cannot_start_fails() {
    let engine = Engine::start().await;
    let agent = engine.node("node-1").await;
    agent.will("web:1", Fate::Failing("registry_denied"));
    let app = engine.deploy("web", 1, spec("web:1")).await;
    engine.until_phase(app, "failed").await;
    assert!(engine.reasons(app.id).await.contains(&"rollout_failed".to_owned()));
}

#[tokio::test]
async fn an_aborted_rollout_is_taken_back() {
    let engine = Engine::start().await;
    let agent = engine.node("node-1").await;
    let app = engine.deploy("web", 1, spec("web:1")).await;
    engine.until_phase(app, "succeeded").await;
    agent.will("web:2", Fate::Starting);
    engine.release(app, spec("web:2")).await;
    engine.change("UPDATE rollouts SET abort_wanted = true WHERE app_id = $1 AND phase = 'progressing'", app.id).await;
    engine.until_phase(app, "rolled_back").await;
    engine.until_ready(app, &[(1, "node-1")]).await;
}

#[tokio::test]
async fn a_restart_replaces_every_instance_by_one_of_the_same_release() {
    let engine = Engine::start().await;
    let _agent = engine.node("node-1").await;
    let app = engine.deploy("web", 2, spec("web:1")).await;
    engine.until_phase(app, "succeeded").await;
    engine.restart_app(app).await;
    engine.until_phase(app, "succeeded").await;
    engine.until_ready(app, &[(1, "node-1"), (1, "node-1")]).await;
    let fresh = "SELECT count(*) FROM instances WHERE app_id = $1 AND restart_serial = 1";
    engine.until_count(fresh, app.id, 2).await;
    engine.until_count("SELECT count(*) FROM instances WHERE app_id = $1", app.id, 2).await;
}
