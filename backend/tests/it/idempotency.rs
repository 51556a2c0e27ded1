//! `Idempotency-Key`: one effect, however often a call is sent.

use crate::{
    helpers::{Browser, Full, full, set_up, with_project},
    images::archive_with,
    world::World,
};
use berth_api_types::path;
use serde_json::{Value, json};

async fn post(browser: &Browser, key: &str, path: &str, body: Value) -> Full {
    full(browser.request("POST", path).header("idempotency-key", key).json(&body)).await
}

#[tokio::test]
async fn a_repeated_call_gets_the_first_answer_and_does_nothing() {
    let world = World::new().await;
    let admin = set_up(&world).await;
    let first = post(&admin, "k1", &path::tenants(), json!({ "name": "acme" })).await;
    let second = post(&admin, "k1", &path::tenants(), json!({ "name": "acme" })).await;
    assert_eq!((first.status, second.status), (201, 201), "{}", second.body);
    assert_eq!(first.body, second.body);
    assert_eq!(second.headers.get("idempotency-replayed").map(|v| v.as_bytes()), Some(&b"true"[..]));
    assert_eq!(world.value::<i64>("SELECT count(*) FROM audit WHERE action = 'tenant.create'").await, 1);
}

#[tokio::test]
async fn the_same_key_with_another_call_is_refused() {
    let world = World::new().await;
    let admin = with_project(&world).await;
    post(&admin, "k1", &path::tenants(), json!({ "name": "one" })).await;
    for answer in [
        post(&admin, "k1", &path::tenants(), json!({ "name": "two" })).await,
        post(&admin, "k1", &path::projects("acme"), json!({ "name": "one" })).await,
    ] {
        assert_eq!((answer.status, answer.code()), (422, "idempotency_mismatch"));
    }
    for bad in ["", " ", "a b", &"x".repeat(201)] {
        assert_eq!(post(&admin, bad, &path::tenants(), json!({ "name": "two" })).await.status, 400, "{bad:?}");
    }
    assert_eq!(world.value::<i64>("SELECT count(*) FROM tenants").await, 2);
}

#[tokio::test]
async fn racing_calls_with_one_key_have_one_effect_and_one_answer() {
    let world = World::new().await;
    let admin = set_up(&world).await;
    let calls = (0..8).map(|_| {
        let admin = admin.clone();
        async move { post(&admin, "race", &path::tenants(), json!({ "name": "acme" })).await }
    });
    let answers = futures::future::join_all(calls).await;
    for answer in &answers {
        assert_eq!((answer.status, &answer.body), (201, &answers[0].body));
    }
    assert_eq!(world.value::<i64>("SELECT count(*) FROM tenants").await, 1);
}

#[tokio::test]
async fn an_upload_is_known_by_its_bytes() {
    let world = World::new().await;
    let admin = with_project(&world).await;
    let load = |bytes: Vec<u8>| {
        let url = format!("{}?reference=shop/web:1", path::images("acme", "shop"));
        let request = admin.request("POST", &url).header("content-type", "application/x-tar");
        full(request.header("idempotency-key", "upload").body(bytes))
    };
    let first = load(archive_with("null", "one")).await;
    assert_eq!(first.status, 201, "{}", first.body);
    let again = load(archive_with("null", "one")).await;
    assert_eq!((again.status, &again.body), (201, &first.body));
    let other = load(archive_with("null", "two")).await;
    assert_eq!((other.status, other.code()), (422, "idempotency_mismatch"), "{}", other.body);
    assert_eq!(world.value::<i64>("SELECT count(*) FROM images").await, 1);
}

#[tokio::test]
async fn racing_calls_do_not_pass_a_limit() {
    let world = World::new().await;
    let admin = with_project(&world).await;
    // Two of twenty are there.
    let makes = (0..30).map(|number| {
        let admin = admin.clone();
        let body = json!({ "name": format!("stage-{number}") });
        async move { admin.post(&path::environments("acme", "shop"), body).await.status }
    });
    let mut made = futures::future::join_all(makes).await;
    made.sort_unstable();
    assert_eq!(made, [[201; 18].as_slice(), &[409; 12]].concat());
    assert_eq!(world.value::<i64>("SELECT count(*) FROM environments").await, 20);
}

#[tokio::test]
async fn a_refused_call_leaves_its_key_free() {
    let world = World::new().await;
    let admin = set_up(&world).await;
    assert_eq!(post(&admin, "k", &path::tenants(), json!({ "name": "Bad" })).await.status, 422);
    assert_eq!(post(&admin, "k", &path::tenants(), json!({ "name": "good" })).await.status, 201);
}

#[tokio::test]
async fn a_secret_is_not_kept_for_repeating() {
    let world = World::new().await;
    let admin = set_up(&world).await;
    let body = json!({ "name": "laptop", "days": 1 });
    let first = post(&admin, "k", &path::my_tokens(), body.clone()).await;
    assert_eq!(first.status, 201);
    let kept: String = world.value("SELECT string_agg(encode(body, 'escape'), '') FROM idempotency_keys").await;
    assert!(!kept.contains("berth_pat_"));
    let second = post(&admin, "k", &path::my_tokens(), body).await;
    assert_eq!((second.status, second.code()), (409, "conflict"));
    assert_eq!(world.value::<i64>("SELECT count(*) FROM tokens").await, 1);
}
