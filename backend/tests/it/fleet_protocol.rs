//! Who may join, who gets what, and that two servers do nothing twice.

use crate::{
    agent::{bytes_of, enroll},
    engine::{Engine, PATIENCE, spec},
};
use berth_proto::fleet::{PullCredentialRequest, fleet_client::FleetClient};
use berth_testkit::wait::until_async;
use rcgen::KeyPair;
use tonic::{Code, transport::Channel};
use uuid::Uuid;

#[tokio::test]
async fn a_join_token_is_good_once_and_for_a_free_name() {
    let engine = Engine::start().await;
    let key = KeyPair::generate().expect("a key");
    let token = engine.join_token().await;
    let join = async |name: &'static str, token: &str| {
        enroll(engine.server(), name, token, &key).await.map(|_| ()).map_err(|status| status.code())
    };
    assert_eq!(join("node-1", "wrong").await, Err(Code::PermissionDenied));
    assert_eq!(join("No Name", &token).await, Err(Code::InvalidArgument));
    assert_eq!(join("node-1", &token).await, Ok(()));
    assert_eq!(join("node-2", &token).await, Err(Code::PermissionDenied), "it was used");
    let another = engine.join_token().await;
    assert_eq!(join("node-1", &another).await, Err(Code::AlreadyExists));
    assert_eq!(join("node-1", "wrong").await, Err(Code::PermissionDenied), "who has no token learns no names");
    assert_eq!(join("node-2", &another).await, Ok(()), "a refused try does not use it up");
}

#[tokio::test]
async fn the_first_nodes_token_lies_in_the_file_that_was_asked_for() {
    let engine = Engine::start().await;
    let file = engine.server().app.settings.bootstrap_join_token_file.clone().expect("asked for");
    let text = std::fs::read_to_string(&file).expect("written");
    let (secret, fingerprint) =
        text.trim().strip_prefix("berth_join_").and_then(|t| t.split_once('.')).expect("its form");
    assert_eq!(fingerprint, engine.server().app.authority.fingerprint());
    let key = KeyPair::generate().expect("a key");
    enroll(engine.server(), "node-1", secret, &key).await.expect("it is good");
}

#[tokio::test]
async fn a_node_gets_credentials_for_its_own_instances_only() {
    let engine = Engine::start().await;
    let one = engine.node("node-1").await;
    let app = engine.deploy("web", 1, spec("registry.example/web:1")).await;
    engine.until_phase(app, "succeeded").await;
    let two = engine.node("node-2").await;
    let instance: Uuid = sqlx::query_scalar("SELECT id FROM instances WHERE app_id = $1")
        .bind(app.id)
        .fetch_one(&engine.pool)
        .await
        .expect("one");
    let request = PullCredentialRequest { instance_id: bytes_of(instance) };
    let address = engine.server().agent_address;
    let ours = one.client(address).await.get_pull_credential(request.clone()).await.expect("its own");
    assert!(!ours.into_inner().present, "the project keeps none");
    let theirs = two.client(address).await.get_pull_credential(request).await.expect_err("not its own");
    assert_eq!(theirs.code(), Code::NotFound);
}

#[tokio::test]
async fn a_removed_nodes_certificate_is_worthless() {
    let engine = Engine::start().await;
    let one = engine.node("node-1").await;
    engine.change("UPDATE nodes SET removed_at = now() WHERE id = $1", one.id).await;
    let request = PullCredentialRequest { instance_id: bytes_of(Uuid::now_v7()) };
    let refused = one.client(engine.server().agent_address).await.get_pull_credential(request).await;
    assert_eq!(refused.expect_err("removed").code(), Code::Unauthenticated);
}

#[tokio::test]
async fn a_renewed_certificate_replaces_the_old_one_once_it_was_used() {
    let engine = Engine::start().await;
    let node = engine.node("node-1").await;
    let address = engine.server().agent_address;
    // Of an instance that it does not have: the answer tells whether the certificate was accepted, and no more.
    let accepted = async |mut client: FleetClient<Channel>| {
        let request = PullCredentialRequest { instance_id: bytes_of(Uuid::now_v7()) };
        client.get_pull_credential(request).await.expect_err("no such instance").code() == Code::NotFound
    };
    // An answer that was lost: the node asks again with what it has.
    let lost = node.renew(address).await;
    let kept = node.renew(address).await;
    assert!(accepted(node.client(address).await).await, "the old one is good until the newest was used");
    assert!(accepted(node.client_as(&kept, address).await).await);
    assert!(!accepted(node.client(address).await).await, "the old one is worthless now");
    assert!(!accepted(node.client_as(&lost, address).await).await, "and so is the one that was lost");
}

#[tokio::test]
async fn two_servers_on_one_database_do_nothing_twice() {
    let engine = Engine::start().await;
    let home = tempfile::tempdir().expect("a directory");
    let another = engine.another(home.path()).await;
    let token = engine.join_token().await;
    let _one = engine.node("node-1").await;
    let _two = crate::agent::Agent::join(&another, "node-2", &token).await;
    let app = engine.deploy("web", 4, spec("web:1")).await;
    engine.until_phase(app, "succeeded").await;
    engine.until_ready(app, &[(1, "node-1"), (1, "node-1"), (1, "node-2"), (1, "node-2")]).await;
    assert_eq!(engine.count("SELECT count(*) FROM instances WHERE app_id = $1", app.id).await, 4);
    let reasons = engine.reasons(app.id).await;
    assert_eq!(reasons.iter().filter(|reason| *reason == "placed").count(), 4, "{reasons:?}");
    another.stop().await;
}

#[tokio::test]
async fn a_server_that_lost_its_lease_assigns_nothing() {
    let engine = Engine::start().await;
    let _agent = engine.node("node-1").await;
    let first = engine.deploy("first", 1, spec("web:1")).await;
    engine.until_phase(first, "succeeded").await;
    engine
        .change(
            "UPDATE leases SET holder = $1, epoch = epoch + 5, expires_at = now() + interval '1 hour'",
            Uuid::now_v7(),
        )
        .await;
    let app = engine.deploy("web", 1, spec("web:1")).await;
    let rounds = || engine.server().reconcilers.board().all()["lease"].passes;
    let before = rounds();
    until_async("the server to see it", PATIENCE, || async { (rounds() > before + 1).then_some(()) }).await;
    assert_eq!(engine.count("SELECT count(*) FROM instances WHERE app_id = $1", app.id).await, 0);
    engine.change("UPDATE leases SET expires_at = now() WHERE $1 = $1", app.id).await;
    engine.until_phase(app, "succeeded").await;
    let epochs = "SELECT count(*) FROM node_generations WHERE epoch > 5 AND $1 = $1";
    assert_eq!(engine.count(epochs, app.id).await, 1);
}

#[tokio::test]
async fn a_node_that_obeys_a_later_epoch_is_not_assigned_anything_by_an_earlier_one() {
    let engine = Engine::start().await;
    let agent = engine.node("node-1").await;
    engine.change("INSERT INTO node_generations (node_id, epoch, generation) VALUES ($1, 99, 7)", agent.id).await;
    let app = engine.deploy("web", 1, spec("web:1")).await;
    let failed = || engine.server().reconcilers.board().all().get("engine").is_some_and(|status| status.failures > 0);
    until_async("the engine to be refused", PATIENCE, || async { failed().then_some(()) }).await;
    assert_eq!(engine.count("SELECT count(*) FROM instances WHERE app_id = $1", app.id).await, 0);
}
