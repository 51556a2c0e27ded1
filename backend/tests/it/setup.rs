//! The first account: once, and only for who reads the server's terminal.

use crate::{
    helpers::{ADMIN_EMAIL, ADMIN_PASSWORD, Browser, set_up, setup_token},
    world::World,
};
use berth_api_types::path;
use serde_json::{Value, json};

fn body(token: &str) -> Value {
    json!({ "setup_token": token, "email": ADMIN_EMAIL, "display_name": "Ann", "password": ADMIN_PASSWORD })
}

#[tokio::test]
async fn the_set_up_token_makes_the_first_account_and_signs_it_in() {
    let world = World::new().await;
    let browser = Browser::at(world.address);
    assert_eq!(browser.get(&path::status()).await.body["set_up"], false);
    let token = setup_token(&world.app).await;
    assert_eq!(setup_token(&world.app).await, token, "a second start offers the same token");

    let done = browser.post(&path::setup(), body(&token)).await;

    assert_eq!(done.status, 201, "{}", done.body);
    let me = browser.get(&path::me()).await;
    assert_eq!((&me.body["email"], &me.body["display_name"]), (&json!(ADMIN_EMAIL), &json!("Ann")));
    assert_eq!(me.body["platform_rights"].as_array().map(Vec::len), Some(4));
    assert_eq!(browser.get(&path::status()).await.body["set_up"], true);
    assert!(!world.app.setup_token_file().exists(), "the token's file is gone");
    assert_eq!(world.value::<String>("SELECT action FROM audit").await, "installation.set_up");
}

#[tokio::test]
async fn set_up_works_once() {
    let world = World::new().await;
    let token = setup_token(&world.app).await;
    let browsers: Vec<_> = (0..4).map(|_| Browser::at(world.address)).collect();

    let answers = futures::future::join_all(
        browsers.iter().map(|browser| async { browser.post(&path::setup(), body(&token)).await }),
    )
    .await;

    let mut statuses: Vec<_> = answers.iter().map(|answer| (answer.status, answer.code().to_owned())).collect();
    statuses.sort();
    assert_eq!(statuses[0].0, 201, "{statuses:?}");
    assert!(statuses[1..].iter().all(|s| *s == (409, "already_set_up".into())), "{statuses:?}");
    assert_eq!(world.value::<i64>("SELECT count(*) FROM users").await, 1);
    let again = Browser::at(world.address).post(&path::setup(), body(&token)).await;
    assert_eq!((again.status, again.code()), (409, "already_set_up"));
}

#[tokio::test]
async fn a_wrong_token_is_told_where_it_was_typed() {
    let world = World::new().await;
    let token = setup_token(&world.app).await;
    for wrong in ["", "berth_setup_x", "berth_pat_x", &token[..token.len() - 1], &format!("{token}x"), "\0"] {
        let refused = Browser::at(world.address).post(&path::setup(), body(wrong)).await;
        assert_eq!((refused.status, refused.fields()), (422, vec![("setup_token", "mismatch")]), "{wrong}");
    }
    assert_eq!(world.value::<i64>("SELECT count(*) FROM users").await, 0);
}

#[tokio::test]
async fn every_wrong_field_of_set_up_is_named() {
    let world = World::new().await;
    let body = json!({ "setup_token": "", "email": "ann", "display_name": " ", "password": "short", "locale": "xx" });
    let refused = Browser::at(world.address).post(&path::setup(), body).await;
    let mut fields = refused.fields();
    fields.sort_unstable();
    let wanted =
        [("display_name", "required"), ("email", "bad_format"), ("locale", "unknown"), ("password", "too_short")];
    assert_eq!(fields, wanted);
}

#[tokio::test]
async fn the_administrator_sees_into_no_tenant() {
    let world = World::new().await;
    let acme = world.tenant("acme", crate::world::PLENTY).await;
    let admin = set_up(&world).await;
    assert_eq!(admin.get(&path::tenant("acme")).await.status, 200, "its size");
    for hidden in [path::project("acme", "shop"), acme.apps(), acme.app("web")] {
        assert_eq!(admin.get(&hidden).await.status, 404, "{hidden}");
    }
    for forbidden in [path::people("acme"), path::tenant_audit("acme"), path::tenant_events("acme")] {
        assert_eq!(admin.get(&forbidden).await.status, 403, "{forbidden}");
    }
}
