//! Nodes that are lost, come back, are drained or removed.

use crate::engine::{Engine, spec};

#[tokio::test]
async fn a_lost_nodes_instances_come_up_elsewhere_and_its_return_doubles_nothing() {
    let engine = Engine::start().await;
    let (mut one, two) = (engine.node("node-1").await, engine.node("node-2").await);
    let app = engine.deploy("web", 2, spec("web:1")).await;
    engine.until_phase(app, "succeeded").await;
    engine.until_ready(app, &[(1, "node-1"), (1, "node-2")]).await;
    // The server has decided for longer than its grace.
    engine.pass(60);
    one.cut();
    engine.silence(one.id).await;
    let replaced = "SELECT count(*) FROM instances WHERE app_id = $1 AND stop_reason = 'node_lost'";
    engine.until_count(replaced, app.id, 1).await;
    engine.until_ready(app, &[(1, "node-2"), (1, "node-2")]).await;
    assert_eq!(two.wanted().len(), 2);
    one.attach(engine.server().agent_address).await;
    engine.until_count("SELECT count(*) FROM instances WHERE app_id = $1", app.id, 2).await;
    assert!(one.wanted().is_empty(), "{:?}", one.wanted());
    let reasons = engine.reasons(one.id).await;
    for reason in ["node_joined", "node_lost", "node_returned"] {
        assert_eq!(reasons.iter().filter(|said| *said == reason).count(), 1, "{reason} in {reasons:?}");
    }
}

#[tokio::test]
async fn just_after_a_start_no_node_counts_as_lost() {
    let mut engine = Engine::start().await;
    let mut one = engine.node("node-1").await;
    let _two = engine.node("node-2").await;
    let app = engine.deploy("web", 2, spec("web:1")).await;
    engine.until_phase(app, "succeeded").await;
    one.cut();
    engine.silence(one.id).await;
    engine.restart().await;
    let suspect = "SELECT count(*) FROM events WHERE node_id = $1 AND reason = 'node_suspect'";
    engine.until_count(suspect, one.id, 1).await;
    let replaced = "SELECT count(*) FROM instances WHERE app_id = $1 AND stop_reason IS NOT NULL";
    assert_eq!(engine.count(replaced, app.id).await, 0);
}

#[tokio::test]
async fn many_nodes_lost_at_once_freeze_replacement() {
    let engine = Engine::start().await;
    let mut agents = Vec::new();
    for name in ["node-1", "node-2", "node-3", "node-4"] {
        agents.push(engine.node(name).await);
    }
    let app = engine.deploy("web", 4, spec("web:1")).await;
    engine.until_phase(app, "succeeded").await;
    engine.pass(60);
    for agent in &mut agents[..2] {
        agent.cut();
    }
    let ids = agents[..2].iter().map(|agent| agent.id).collect::<Vec<_>>();
    sqlx::query("UPDATE node_observations SET last_seen_at = now() - interval '35 seconds' WHERE node_id = ANY($1)")
        .bind(&ids)
        .execute(&engine.pool)
        .await
        .expect("written");
    engine.silence(ids[0]).await;
    let frozen = "SELECT count(*) FROM events WHERE reason = 'replacement_frozen' AND $1 = $1";
    engine.until_count(frozen, app.id, 1).await;
    let replaced = "SELECT count(*) FROM instances WHERE app_id = $1 AND stop_reason IS NOT NULL";
    assert_eq!(engine.count(replaced, app.id).await, 0);
    agents[0].attach(engine.server().agent_address).await;
    let thawed = "SELECT count(*) FROM events WHERE reason = 'replacement_thawed' AND $1 = $1";
    engine.until_count(thawed, app.id, 1).await;
    engine.until_count(replaced, app.id, 1).await;
}

#[tokio::test]
async fn a_drained_node_becomes_empty_while_the_app_stays_whole() {
    let engine = Engine::start().await;
    let one = engine.node("node-1").await;
    let app = engine.deploy("web", 2, spec("web:1")).await;
    engine.until_phase(app, "succeeded").await;
    let _two = engine.node("node-2").await;
    engine.change("UPDATE nodes SET availability = 'drained' WHERE id = $1", one.id).await;
    engine.until_ready(app, &[(1, "node-2"), (1, "node-2")]).await;
    engine.until_count("SELECT count(*) FROM instances WHERE node_id = $1", one.id, 0).await;
    assert!(one.wanted().is_empty());
}

#[tokio::test]
async fn what_was_on_a_removed_node_is_replaced() {
    let engine = Engine::start().await;
    let mut one = engine.node("node-1").await;
    let app = engine.deploy("web", 1, spec("web:1")).await;
    engine.until_phase(app, "succeeded").await;
    let _two = engine.node("node-2").await;
    one.cut();
    engine.change("UPDATE nodes SET removed_at = now() WHERE id = $1", one.id).await;
    engine.until_ready(app, &[(1, "node-2")]).await;
    engine.until_count("SELECT count(*) FROM instances WHERE node_id = $1", one.id, 0).await;
}
