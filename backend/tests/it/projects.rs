//! Projects, environments, registry credentials.

use crate::{
    helpers::with_project,
    world::{PLENTY, World},
};
use berth_api_types::path;
use berth_domain::right::Role;
use serde_json::json;

#[tokio::test]
async fn a_project_begins_with_dev_and_production() {
    let world = World::new().await;
    let owner = with_project(&world).await;
    let names = |body: &serde_json::Value| {
        let list = body["environments"].as_array().expect("a list").clone();
        list.iter().map(|e| e["name"].as_str().expect("text").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&owner.get(&path::project("acme", "shop")).await.body), ["dev", "production"]);
    let staged = json!({ "name": "blog", "environments": ["test", "staging", "live"] });
    assert_eq!(names(&owner.post(&path::projects("acme"), staged).await.body), ["test", "staging", "live"]);
    let added = owner.post(&path::environments("acme", "blog"), json!({ "name": "after" })).await;
    assert_eq!(added.status, 201, "{}", added.body);
    assert_eq!(names(&owner.get(&path::project("acme", "blog")).await.body), ["test", "staging", "live", "after"]);
    let taken = owner.post(&path::environments("acme", "blog"), json!({ "name": "live" })).await;
    assert_eq!((taken.code(), taken.fields()), ("name_taken", vec![("name", "taken")]));
    assert_eq!(owner.act("DELETE", &path::environment("acme", "blog", "after")).await.status, 204);
    assert_eq!(owner.act("DELETE", &path::environment("acme", "blog", "after")).await.status, 404);
}

#[tokio::test]
async fn wrong_names_are_told_one_by_one() {
    let world = World::new().await;
    let owner = with_project(&world).await;
    let body = json!({ "name": "New", "environments": ["dev", "", "dev"] });
    let refused = owner.post(&path::projects("acme"), body).await;
    let wanted = [("name", "bad_character"), ("environments[1]", "required"), ("environments[2]", "duplicate")];
    assert_eq!((refused.status, refused.fields()), (422, wanted.to_vec()));
    assert_eq!(owner.post(&path::projects("acme"), json!({ "name": "shop" })).await.code(), "name_taken");
    assert_eq!(world.value::<i64>("SELECT count(*) FROM projects").await, 1);
}

#[tokio::test]
async fn what_has_apps_is_not_deleted() {
    let world = World::new().await;
    let acme = world.tenant("acme", PLENTY).await;
    let owner = world.person(&acme, Role::Owner).await;
    owner.create(&acme, "web", 1).await;
    for url in [path::project("acme", "shop"), path::environment("acme", "shop", "dev")] {
        let refused = owner.delete(&url).await;
        assert_eq!((refused.status, &refused.body["code"]), (409, &json!("not_empty")), "{url}");
    }
    let read = owner.get(&path::project("acme", "shop")).await;
    assert_eq!(read.body["environments"][0]["apps"], 1);
}

#[tokio::test]
async fn an_empty_project_goes_with_all_that_it_has() {
    let world = World::new().await;
    let owner = with_project(&world).await;
    let credential = json!({ "registry": "ghcr.io", "username": "bot", "password": "s3cret" });
    owner.send("PUT", &path::credentials("acme", "shop"), credential).await;
    assert_eq!(owner.act("DELETE", &path::project("acme", "shop")).await.status, 204);
    assert_eq!(owner.get(&path::project("acme", "shop")).await.status, 404);
    assert_eq!(world.value::<i64>("SELECT count(*) FROM environments").await, 0);
    assert_eq!(world.value::<i64>("SELECT count(*) FROM registry_credentials").await, 0);
}

#[tokio::test]
async fn a_registry_password_is_never_shown_again() {
    let world = World::new().await;
    let owner = with_project(&world).await;
    let url = path::credentials("acme", "shop");
    let canary = "canary-5d41402abc4b";
    let put = |username: &str, password: &str| {
        let body = json!({ "registry": "ghcr.io", "username": username, "password": password });
        let owner = owner.clone();
        let url = url.clone();
        async move { owner.send("PUT", &url, body).await }
    };
    let first = put("bot", canary).await;
    assert_eq!(first.status, 200, "{}", first.body);
    let second = put("robot", "another-canary-x").await;
    assert_eq!(first.body["id"], second.body["id"], "replaced, not doubled");
    let listed = owner.get(&url).await.body;
    assert_eq!(listed["items"][0]["username"], "robot");
    let trail = owner.get(&path::tenant_audit("acme")).await.body.to_string();
    let dump: String = world.value("SELECT string_agg(c::text, '') FROM registry_credentials c").await;
    for text in [first.body.to_string(), listed.to_string(), trail, dump] {
        assert!(!text.contains("canary"), "{text}");
    }
    let refused = owner.send("PUT", &url, json!({ "registry": "https://x", "username": "a:b", "password": "" })).await;
    let wanted = [("registry", "bad_format"), ("username", "bad_character"), ("password", "required")];
    assert_eq!(refused.fields(), wanted);
    let id = first.body["id"].as_str().expect("an id").parse().expect("credentials");
    assert_eq!(owner.act("DELETE", &path::credential("acme", "shop", id)).await.status, 204);
    assert_eq!(owner.get(&url).await.body["items"], json!([]));
}
