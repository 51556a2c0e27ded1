//! Tenants: what is foreign looks like what is missing; quotas; people.

use crate::{
    helpers::{ADMIN_EMAIL, Browser, set_up, with_project, without_request_id},
    world::{PLENTY, World},
};
use berth_api_types::path;
use berth_domain::{id::UserId, right::Role};
use berth_server::http;
use serde_json::{Value, json};

/// A URL of every route, in the tenant `tenant`.
fn urls(tenant: &str) -> Vec<(String, String, bool)> {
    let fill = |path: &str| {
        path.replace("{tenant}", tenant)
            .replace("{project}", "shop")
            .replace("{environment}", "dev")
            .replace("{app}", "web")
            .replace("{number}", "1")
            .replace("{node}", "node-1")
            .replace("{user}", &format!("user_{:032x}", 1))
            .replace("{session}", &format!("session_{:032x}", 1))
            .replace("{token}", &format!("token_{:032x}", 1))
            .replace("{credential}", &format!("cred_{:032x}", 1))
            .replace("{image}", &format!("image_{:032x}", 1))
            .replace("{instance}", &format!("inst_{:032x}", 1))
    };
    http::table().iter().map(|route| (route.method.to_string(), fill(route.path), route.open)).collect()
}

#[tokio::test]
async fn what_is_foreign_looks_like_what_is_missing_at_every_route() {
    let world = World::new().await;
    let acme = world.tenant("acme", PLENTY).await;
    let other = world.tenant("other", PLENTY).await;
    let ada = world.person(&acme, Role::Owner).await;
    ada.create(&acme, "web", 1).await;
    let eve = world.person(&other, Role::Owner).await;
    let foreign = urls("acme").into_iter().zip(urls("missing"));
    for ((method, url, _), (_, missing, _)) in foreign.filter(|(a, b)| a.1 != b.1) {
        let ask = |url: String| {
            let request = eve.request(&method, &url).json(&json!({ "any": "thing" }));
            async { without_request_id(crate::world::answer(request).await) }
        };
        let (theirs, nobodys) = (ask(url.clone()).await, ask(missing).await);
        assert_eq!((theirs.status, &theirs.body["code"]), (404, &json!("not_found")), "{method} {url}");
        assert_eq!(theirs, nobodys, "{method} {url}");
    }
}

#[tokio::test]
async fn nobody_gets_past_a_route_without_a_credential() {
    let world = World::new().await;
    world.tenant("acme", PLENTY).await;
    let browser = Browser::at(world.address);
    for (method, url, open) in urls("acme") {
        if !open {
            let answer = browser.send(&method, &url, json!({})).await;
            assert_eq!((answer.status, answer.code()), (401, "unauthenticated"), "{method} {url}");
        }
    }
}

#[tokio::test]
async fn a_missing_right_is_named_and_written_to_the_trail() {
    let world = World::new().await;
    let acme = world.tenant("acme", PLENTY).await;
    let viewer = world.person(&acme, Role::Viewer).await;
    let refused = viewer.post(&path::projects("acme"), json!({ "name": "blog" })).await;
    assert_eq!((refused.status, &refused.body["missing_right"]), (403, &json!("project.create")));
    let denied: String =
        world.value("SELECT action || ' ' || target || ' ' || result FROM audit WHERE tenant_id IS NOT NULL").await;
    assert_eq!(denied, "project.create acme denied");
}

#[tokio::test]
async fn the_maker_of_a_tenant_owns_it() {
    let world = World::new().await;
    let admin = set_up(&world).await;
    let made = admin.post(&path::tenants(), json!({ "name": "acme" })).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(made.body["usage"], json!({ "cpu_milli": 0, "memory_mib": 0, "instances": 0, "apps": 0 }));
    let me = admin.get(&path::me()).await.body;
    assert_eq!(me["tenants"][0]["name"], "acme");
    assert_eq!(me["tenants"][0]["bindings"][0]["role"], "owner");
    let taken = admin.post(&path::tenants(), json!({ "name": "acme" })).await;
    assert_eq!((taken.status, taken.code(), taken.fields()), (409, "name_taken", vec![("name", "taken")]));
    let bad = admin.post(&path::tenants(), json!({ "name": "Acme!" })).await;
    assert_eq!((bad.status, bad.fields()), (422, vec![("name", "bad_character")]));
}

#[tokio::test]
async fn a_quota_is_set_by_the_platform_and_seen_by_the_tenant() {
    let world = World::new().await;
    let admin = set_up(&world).await;
    let acme = world.tenant("acme", PLENTY).await;
    let owner = world.person(&acme, Role::Owner).await;
    let quota = json!({ "cpu_milli": 2000, "memory_mib": 4096, "instances": 10, "apps": 5 });
    let before = owner.get(&path::tenant("acme")).await.body["quota"].clone();

    let set = admin.send("PUT", &path::tenant_quota("acme"), quota.clone()).await;

    assert_eq!((set.status, &set.body["quota"]), (200, &quota));
    assert_eq!(owner.get(&path::tenant("acme")).await.body["quota"], quota);
    let trail = owner.get(&path::tenant_audit("acme")).await.body;
    assert_eq!(trail["items"][0]["action"], "tenant.set_quota");
    assert_eq!((&trail["items"][0]["before"], &trail["items"][0]["after"]), (&before, &quota));
    assert_eq!(owner.put(&path::tenant_quota("acme"), quota).await.status, 403);
    let negative = json!({ "cpu_milli": -1, "memory_mib": 1, "instances": 1, "apps": 1 });
    let refused = admin.send("PUT", &path::tenant_quota("acme"), negative).await;
    assert_eq!((refused.status, refused.fields()), (400, vec![("cpu_milli", "bad_format")]));
    let huge = json!({ "cpu_milli": u64::MAX, "memory_mib": 1, "instances": 1, "apps": 1 });
    let refused = admin.send("PUT", &path::tenant_quota("acme"), huge).await;
    assert_eq!((refused.status, refused.fields()), (422, vec![("cpu_milli", "too_large")]));
}

#[tokio::test]
async fn people_are_added_changed_and_removed() {
    let world = World::new().await;
    let owner = with_project(&world).await;
    let bob = json!({ "email": "bob@example.com", "role": "developer" });
    let needed = owner.post(&path::people("acme"), bob.clone()).await;
    assert_eq!(needed.fields(), [("display_name", "required"), ("password", "required")]);
    let account = json!({ "email": "bob@example.com", "role": "developer", "display_name": "Bob",
        "password": "bobs own passphrase" });

    let added = owner.post(&path::people("acme"), account.clone()).await;

    assert_eq!(added.status, 201, "{}", added.body);
    let browser = Browser::at(world.address);
    assert_eq!(browser.sign_in("bob@example.com", "bobs own passphrase").await.status, 201);
    assert_eq!(browser.get(&path::projects("acme")).await.body["items"][0]["name"], "shop");
    assert_eq!(browser.get(&path::people("acme")).await.status, 403);
    assert_eq!(owner.post(&path::people("acme"), account.clone()).await.code(), "name_taken");
    owner.post(&path::tenants(), json!({ "name": "other" })).await;
    let dropped = owner.post(&path::people("other"), account).await;
    assert_eq!((dropped.status, dropped.fields()), (422, vec![("password", "conflict")]), "{}", dropped.body);
    assert_eq!(owner.post(&path::people("other"), bob).await.status, 201, "an account is for all tenants");
    let user: UserId = added.body["id"].as_str().expect("an id").parse().expect("a person");
    let viewer = owner.send("PATCH", &path::person("acme", user), json!({ "role": "viewer" })).await;
    assert_eq!((viewer.status, &viewer.body["role"]), (200, &json!("viewer")));
    assert_eq!(owner.act("DELETE", &path::person("acme", user)).await.status, 204);
    assert_eq!(browser.get(&path::projects("acme")).await.status, 404, "at once");
    assert_eq!(owner.act("DELETE", &path::person("acme", user)).await.status, 404);
    assert_eq!(owner.get(&path::people("acme")).await.body["items"].as_array().map(Vec::len), Some(1));
}

async fn id_of(caller: &crate::world::Caller) -> UserId {
    caller.get(&path::me()).await.body["id"].as_str().expect("an id").parse().expect("a person")
}

#[tokio::test]
async fn only_owners_make_owners_and_the_last_one_stays() {
    let world = World::new().await;
    let acme = world.tenant("acme", PLENTY).await;
    let owner = world.person(&acme, Role::Owner).await;
    let admin = world.person(&acme, Role::Admin).await;
    let (owner_id, admin_id) = (id_of(&owner).await, id_of(&admin).await);
    let person = |user| path::person("acme", user);
    let role = |role: &str| json!({ "role": role });
    let patch = |caller: &crate::world::Caller, user, body: Value| {
        let request = caller.request("PATCH", &person(user)).json(&body);
        async { crate::world::answer(request).await.status }
    };
    assert_eq!(patch(&admin, admin_id, role("owner")).await, 403);
    assert_eq!(patch(&admin, owner_id, role("viewer")).await, 403);
    assert_eq!(admin.delete(&person(owner_id)).await.status, 403);
    assert_eq!(patch(&owner, owner_id, role("admin")).await, 409, "the last owner");
    assert_eq!(owner.delete(&person(owner_id)).await.status, 409);

    assert_eq!(patch(&owner, admin_id, role("owner")).await, 200);
    let (first, second) = (person(owner_id), person(admin_id));
    let (a, b) = tokio::join!(owner.delete(&first), admin.delete(&second));

    let mut statuses = [a.status, b.status];
    statuses.sort_unstable();
    assert_eq!(statuses[0], 204, "one may leave");
    assert!(statuses[1] == 409 || statuses[1] == 404, "and the other is the last: {statuses:?}");
    assert_eq!(world.value::<i64>("SELECT count(*) FROM role_bindings WHERE role = 'owner'").await, 1);
}

#[tokio::test]
async fn lists_are_pages_by_name() {
    let world = World::new().await;
    let admin = set_up(&world).await;
    for name in ["a", "b", "c"] {
        admin.post(&path::tenants(), json!({ "name": name })).await;
    }
    let first = admin.get(&format!("{}?limit=2", path::tenants())).await.body;
    assert_eq!((&first["items"][0]["name"], &first["items"][1]["name"]), (&json!("a"), &json!("b")));
    let cursor = first["next_cursor"].as_str().expect("there is more");
    let second = admin.get(&format!("{}?limit=2&cursor={cursor}", path::tenants())).await.body;
    assert_eq!((&second["items"][0]["name"], &second["next_cursor"]), (&json!("c"), &Value::Null));
    for bad in ["limit=0", "limit=501", "limit=x", "cursor=%00", "color=red"] {
        let refused = admin.get(&format!("{}?{bad}", path::tenants())).await;
        assert_eq!((refused.status, refused.code()), (400, "malformed_request"), "{bad}");
    }
    assert_eq!(admin.get(&path::me()).await.body["email"], ADMIN_EMAIL);
}

#[tokio::test]
async fn an_empty_tenant_is_deleted_by_the_platform() {
    let world = World::new().await;
    let admin = with_project(&world).await;
    let refused = admin.act("DELETE", &path::tenant("acme")).await;
    assert_eq!((refused.status, refused.code()), (409, "not_empty"));
    admin.act("DELETE", &path::project("acme", "shop")).await;
    assert_eq!(admin.act("DELETE", &path::tenant("acme")).await.status, 204);
    assert_eq!(admin.get(&path::tenant("acme")).await.status, 404);
    assert_eq!(admin.get(&path::platform_audit()).await.body["items"][0]["action"], "tenant.delete");
    assert_eq!(admin.post(&path::tenants(), json!({ "name": "acme" })).await.status, 201, "the name is free");
}
