//! Roles at projects and environments: what they open, who gives them, and that they end at once.

use crate::{
    helpers::{ADMIN_EMAIL, Browser, with_project},
    world::{Caller, IMAGE, PLENTY, Tenant, World, spec},
};
use berth_api_types::{
    path,
    v1::people::{PersonRightsView, RightView, RoleGivenView},
};
use berth_domain::right::Role;
use serde_json::{Value, json};
use std::collections::BTreeMap;

async fn email_of(caller: &Caller) -> String {
    caller.get(&path::me()).await.body["email"].as_str().expect("an address").to_owned()
}

fn at_project() -> String {
    path::project_people("acme", "shop")
}
fn at_dev() -> String {
    path::environment_people("acme", "shop", "dev")
}

async fn acme(world: &World) -> (Tenant, Caller) {
    let acme = world.tenant("acme", PLENTY).await;
    let owner = world.person(&acme, Role::Owner).await;
    owner.create(&acme, "web", 0).await;
    (acme, owner)
}

#[tokio::test]
async fn a_role_at_an_environment_opens_it_and_nothing_beside_it() {
    let world = World::new().await;
    let (acme, owner) = acme(&world).await;
    owner.post(&path::environments("acme", "shop"), json!({ "name": "production" })).await;
    let dev = world.stranger().await;
    assert_eq!(dev.get(&acme.app("web")).await.status, 404, "before");

    let given = owner.post(&at_dev(), json!({ "email": email_of(&dev).await, "role": "developer" })).await;

    assert_eq!((given.status, &given.body["role"]), (201, &json!("developer")), "{}", given.body);
    assert_eq!(given.body["above"], json!([]));
    assert_eq!(dev.get(&acme.app("web")).await.status, 200);
    let app = json!({ "name": "mine", "replicas": 0, "spec": spec(IMAGE) });
    assert_eq!(dev.post(&acme.apps(), app.clone()).await.status, 202);
    assert_eq!(dev.post(&path::apps("acme", "shop", "production"), app).await.status, 404, "not even its existence");
    assert_eq!(dev.get(&path::people("acme")).await.status, 403);
    let seen = dev.get(&path::environments("acme", "shop")).await.body;
    assert_eq!(seen["items"].as_array().map(Vec::len).or(seen.as_array().map(Vec::len)), Some(1), "{seen}");
}

#[tokio::test]
async fn roles_add_up_and_say_where_they_come_from() {
    let world = World::new().await;
    let (acme, owner) = acme(&world).await;
    let eva = world.person(&acme, Role::Viewer).await;
    let email = email_of(&eva).await;
    for (url, role) in [(at_project(), "operator"), (at_dev(), "developer")] {
        let given = owner.post(&url, json!({ "email": email, "role": role })).await;
        assert_eq!(given.status, 201, "{}", given.body);
    }
    let find = |list: Value| {
        let people = list["items"].as_array().expect("people").clone();
        people.into_iter().find(|person| person["email"] == json!(email)).expect("she is there")
    };
    let person = find(owner.get(&at_dev()).await.body);
    assert_eq!(person["role"], "developer");
    assert_eq!(person["above"], json!([{ "role": "viewer" }, { "project": "shop", "role": "operator" }]));
    let person = find(owner.get(&at_project()).await.body);
    assert_eq!((&person["role"], &person["above"]), (&json!("operator"), &json!([{ "role": "viewer" }])));

    let user = person["id"].as_str().expect("an id").parse().expect("a person");
    let one = path::environment_person("acme", "shop", "dev", user);
    let lower = owner.request("PATCH", &one).json(&json!({ "role": "viewer" }));
    assert_eq!(crate::world::answer(lower).await.status, 200);
    assert_eq!(eva.act(&acme.app("web/restart")).await.status, 409, "the project's role still lets her operate");
    assert_eq!(owner.delete(&path::project_person("acme", "shop", user)).await.status, 204);
    assert_eq!(eva.act(&acme.app("web/restart")).await.status, 403, "and now none does");
    assert_eq!(owner.delete(&one).await.status, 204);
    assert_eq!(owner.delete(&one).await.status, 404);
    let trail = owner.get(&path::tenant_audit("acme")).await.body;
    assert_eq!(trail["items"][0]["action"], "people.revoke_at_environment", "{trail}");
    assert_eq!(trail["items"][0]["target"], json!(format!("acme/shop/dev/{email}")));
    assert_eq!(trail["items"][0]["before"], json!({ "role": "viewer" }));
    assert_eq!((&trail["items"][1]["action"], &trail["items"][1]["result"]), (&json!("app.operate"), &json!("denied")));
}

#[tokio::test]
async fn whoever_manages_a_project_gives_roles_there_and_nowhere_else() {
    let world = World::new().await;
    let (acme, _) = acme(&world).await;
    let lead = world.stranger().await;
    world.bind(&lead, &acme, Some(acme.project), None, Role::Admin).await;
    let colleague = world.person(&acme, Role::Viewer).await;
    let grant = |email: String, role: &str| json!({ "email": email, "role": role });
    let email = email_of(&colleague).await;
    assert_eq!(lead.post(&at_project(), grant(email.clone(), "developer")).await.status, 201);
    let again = lead.post(&at_project(), grant(email.clone(), "viewer")).await;
    assert_eq!((again.status, &again.body["code"]), (409, &json!("name_taken")));
    assert_eq!(lead.post(&at_dev(), grant(email.clone(), "admin")).await.status, 201);
    assert_eq!(lead.post(&path::people("acme"), grant(email.clone(), "admin")).await.status, 403);
    let owner = lead.post(&at_dev(), grant(email, "owner")).await;
    assert_eq!((owner.status, &owner.body["errors"][0]["field"]), (422, &json!("role")));

    // Somebody of the installation and nobody at all look the same.
    let outside = email_of(&world.stranger().await).await;
    let (known, unknown) = (
        lead.post(&at_project(), grant(outside, "viewer")).await,
        lead.post(&at_project(), grant("nobody@example.com".into(), "viewer")).await,
    );
    assert_eq!((known.status, unknown.status), (403, 403));
    assert_eq!(known.body["detail"], unknown.body["detail"]);
}

#[tokio::test]
async fn an_owner_lets_a_newcomer_into_one_project_alone() {
    let world = World::new().await;
    let owner = with_project(&world).await;
    owner.post(&path::tenants(), json!({ "name": "other" })).await;
    let account = json!({ "email": "bob@example.com", "role": "viewer", "display_name": "Bob",
        "password": "bobs own passphrase" });
    assert_eq!(owner.post(&path::people("other"), account).await.status, 201);
    let unknown = owner.post(&at_project(), json!({ "email": "eve@example.com", "role": "viewer" })).await;
    assert_eq!((unknown.status, unknown.fields()), (422, vec![("email", "unknown")]));
    let given = owner.post(&at_project(), json!({ "email": "bob@example.com", "role": "viewer" })).await;
    assert_eq!(given.status, 201, "{}", given.body);
    let bob = Browser::at(world.address);
    assert_eq!(bob.sign_in("bob@example.com", "bobs own passphrase").await.status, 201);
    assert_eq!(bob.get(&path::project("acme", "shop")).await.status, 200);
    let me = bob.get(&path::me()).await.body;
    assert_eq!(me["tenants"].as_array().map(Vec::len), Some(2), "{me}");
    let user = given.body["id"].as_str().expect("an id").parse().expect("a person");
    let gone = path::project_person("acme", "shop", user);
    assert_eq!(owner.act("DELETE", &gone).await.status, 204);
    assert_eq!(bob.get(&path::project("acme", "shop")).await.status, 404, "at once");
    let own = owner.get(&path::me()).await.body["id"].as_str().expect("an id").parse().expect("a person");
    assert_eq!(
        owner.act("DELETE", &path::project_person("acme", "shop", own)).await.status,
        404,
        "given above: {ADMIN_EMAIL}"
    );
}

/// The rights of somebody at a place, by name: what gives each, as `role@place`.
async fn rights(asker: &Caller, user: &Caller, place: &str) -> BTreeMap<String, Vec<String>> {
    let answer = asker.get(&format!("{}{place}", path::person_rights("acme", user.user))).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let view: PersonRightsView = serde_json::from_value(answer.body).expect("a view");
    let by = |right: &RightView| {
        let place = |one: &RoleGivenView| {
            [one.project.as_deref(), one.environment.as_deref()].map(|n| n.unwrap_or("*")).join("/")
        };
        right.by.iter().map(|one| format!("{}@{}", one.role.as_str(), place(one))).collect()
    };
    view.rights.iter().map(|right| (right.right.as_str().to_owned(), by(right))).collect()
}

#[tokio::test]
async fn why_somebody_may_and_why_not_is_said() {
    let world = World::new().await;
    let (acme, owner) = acme(&world).await;
    let eva = world.person(&acme, Role::Viewer).await;
    owner.post(&at_dev(), json!({ "email": email_of(&eva).await, "role": "developer" })).await;
    let at_tenant = rights(&owner, &eva, "").await;
    assert_eq!(at_tenant["app.deploy"], [""; 0]);
    assert_eq!(at_tenant["app.read"], ["viewer@*/*"]);
    assert_eq!(at_tenant["tenant.read"], ["viewer@*/*", "developer@shop/dev"], "the way to the environment");
    let at_dev = rights(&owner, &eva, "?project=shop&environment=dev").await;
    assert_eq!(at_dev["app.deploy"], ["developer@shop/dev"]);
    assert_eq!(at_dev["app.read"], ["viewer@*/*", "developer@shop/dev"]);
    assert_eq!(rights(&owner, &eva, "?project=shop").await["app.deploy"], [""; 0]);

    let ask = async |asker: &Caller, user, query: &str| {
        asker.get(&format!("{}{query}", path::person_rights("acme", user))).await
    };
    let deploy = ask(&owner, eva.user, "").await.body["rights"].as_array().cloned().unwrap_or_default();
    let deploy = deploy.iter().find(|right| right["right"] == "app.deploy").cloned().unwrap_or_default();
    assert_eq!(deploy["roles"], json!(["developer", "admin", "owner"]), "whom to ask for what");
    assert_eq!(ask(&eva, owner.user, "").await.status, 403);
    assert_eq!(ask(&owner, world.stranger().await.user, "").await.status, 404, "of no concern to this tenant");
    for (query, field) in [
        ("?project=none", "project"),
        ("?project=shop&environment=none", "environment"),
        ("?environment=dev", "environment"),
    ] {
        let refused = ask(&owner, eva.user, query).await;
        assert_eq!((refused.status, &refused.body["errors"][0]["field"]), (422, &json!(field)), "{query}");
    }
}
