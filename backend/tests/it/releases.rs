//! Releases and rollouts over HTTP: deploy, overtake, take back, roll back, restart, abort.

use crate::world::{Caller, IMAGE, OTHER_IMAGE, PLENTY, Tenant, World, answer, spec};
use berth_domain::right::Role;
use serde_json::{Value, json};

async fn deploy(who: &Caller, tenant: &Tenant, image: &str) -> Value {
    let answer = who.post(&tenant.app("web/releases"), json!({ "spec": spec(image), "note": "why" })).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    answer.body
}

async fn newest_rollout(who: &Caller, tenant: &Tenant) -> Value {
    who.get(&tenant.app("web/rollouts")).await.body["items"][0].clone()
}

/// A tenant with an app `web` whose first release runs, and a developer.
async fn begin(world: &World) -> (Tenant, Caller) {
    let acme = world.tenant("acme", PLENTY).await;
    let ada = world.person(&acme, Role::Developer).await;
    ada.create(&acme, "web", 2).await;
    world.end_rollout("web", "succeeded").await;
    world.wait(1);
    (acme, ada)
}

#[tokio::test]
async fn text_that_no_row_can_hold_is_refused_where_it_stands() {
    let world = World::new().await;
    let (acme, ada) = begin(&world).await;

    let noted = ada.post(&acme.app("web/releases"), json!({ "spec": spec(OTHER_IMAGE), "note": "a\u{0}b" })).await;
    let plan = acme.apps().replace("/apps", "/plan");
    let planned = ada.post(&plan, json!({ "app": "\u{0}", "replicas": 1, "spec": spec(IMAGE) })).await;

    for (answer, field) in [(noted, "note"), (planned, "app")] {
        assert_eq!(answer.status, 422, "{}", answer.body);
        assert_eq!(
            (&answer.body["errors"][0]["field"], &answer.body["errors"][0]["code"]),
            (&json!(field), &json!("bad_character"))
        );
    }
}

#[tokio::test]
async fn a_deploy_makes_the_next_release_and_says_what_changed() {
    let world = World::new().await;
    let (acme, ada) = begin(&world).await;

    let started = deploy(&ada, &acme, OTHER_IMAGE).await;

    assert_eq!(started["release"], 2);
    let rollout = newest_rollout(&ada, &acme).await;
    assert_eq!(rollout["id"], started["rollout"]);
    assert_eq!((&rollout["from_release"], &rollout["to_release"]), (&json!(1), &json!(2)));
    let release = ada.get(&acme.app("web/releases/2")).await.body;
    assert_eq!((&release["number"], &release["note"], &release["current"]), (&json!(2), &json!("why"), &json!(true)));
    assert_eq!(release["compared_with"], 1);
    assert_eq!(release["changes"], json!([{ "field": "image", "before": IMAGE, "after": OTHER_IMAGE }]));
    let list = ada.get(&acme.app("web/releases")).await.body;
    assert_eq!((&list["items"][0]["number"], &list["items"][1]["current"]), (&json!(2), &json!(false)));
    assert_eq!(list["items"][1]["rollout_phase"], "succeeded");
    assert_eq!(ada.get(&acme.app("web/releases/3")).await.status, 404);
}

#[tokio::test]
async fn what_runs_already_is_not_deployed_again() {
    let world = World::new().await;
    let (acme, ada) = begin(&world).await;
    let again = deploy(&ada, &acme, IMAGE).await;
    assert_eq!((&again["rollout"], &again["release"]), (&Value::Null, &json!(1)));
    assert_eq!(world.value::<i64>("SELECT count(*) FROM releases").await, 1);
}

#[tokio::test]
async fn a_release_that_never_ran_is_rolled_out_again() {
    let world = World::new().await;
    let acme = world.tenant("acme", PLENTY).await;
    let ada = world.person(&acme, Role::Developer).await;
    ada.create(&acme, "web", 1).await;
    world.end_rollout("web", "failed").await;
    world.wait(1);
    let again = deploy(&ada, &acme, IMAGE).await;
    assert_eq!(again["release"], 1);
    assert!(again["rollout"].is_string());
}

#[tokio::test]
async fn an_overtaken_release_is_never_the_way_back() {
    let world = World::new().await;
    let (acme, ada) = begin(&world).await;
    deploy(&ada, &acme, OTHER_IMAGE).await;
    world.wait(1);
    let mut third = spec(IMAGE);
    third["env"] = json!({ "LOG": "debug" });
    ada.post(&acme.app("web/releases"), json!({ "spec": third })).await;

    let rollouts = ada.get(&acme.app("web/rollouts")).await.body["items"].clone();
    assert_eq!((&rollouts[0]["from_release"], &rollouts[0]["to_release"]), (&json!(1), &json!(3)));
    assert_eq!(rollouts[1]["phase"], "superseded");

    world.end_rollout("web", "rolled_back").await;
    world.wait(1);
    let app = ada.get(&acme.app("web")).await.body;
    assert_eq!((&app["release"]["number"], &app["rollout"]), (&json!(1), &Value::Null));
    let fourth = deploy(&ada, &acme, OTHER_IMAGE).await;
    assert_eq!(fourth["release"], 4, "numbers are never used twice");
    assert_eq!(newest_rollout(&ada, &acme).await["from_release"], 1);
}

#[tokio::test]
async fn a_rollback_goes_to_what_last_ran_before() {
    let world = World::new().await;
    let (acme, ada) = begin(&world).await;
    deploy(&ada, &acme, OTHER_IMAGE).await;
    world.end_rollout("web", "rolled_back").await;
    world.wait(1);
    let mut third = spec(OTHER_IMAGE);
    third["env"] = json!({ "LOG": "debug" });
    ada.post(&acme.app("web/releases"), json!({ "spec": third })).await;
    world.end_rollout("web", "succeeded").await;
    world.wait(1);

    let back = ada.post(&acme.app("web/rollback"), json!({})).await;
    assert_eq!((back.status, &back.body["release"]), (202, &json!(1)), "2 never ran");
    let rollout = newest_rollout(&ada, &acme).await;
    assert_eq!(
        (&rollout["cause"], &rollout["from_release"], &rollout["to_release"]),
        (&json!("rollback"), &json!(3), &json!(1))
    );
    world.end_rollout("web", "succeeded").await;
    world.wait(1);

    let none = ada.post(&acme.app("web/rollback"), json!({})).await;
    assert_eq!((none.status, &none.body["code"]), (409, &json!("conflict")), "there is nothing before 1");
    let unknown = ada.post(&acme.app("web/rollback"), json!({ "release": 9 })).await;
    assert_eq!((unknown.status, &unknown.body["errors"][0]["field"]), (422, &json!("release")));
    let named = ada.post(&acme.app("web/rollback"), json!({ "release": 3 })).await;
    assert_eq!(named.body["release"], 3);
    assert_eq!(world.value::<i64>("SELECT count(*) FROM releases").await, 3, "going back makes no release");
}

#[tokio::test]
async fn a_stopped_app_rolls_out_when_it_starts() {
    let world = World::new().await;
    let (acme, ada) = begin(&world).await;
    ada.act(&acme.app("web/stop")).await;
    let deployed = deploy(&ada, &acme, OTHER_IMAGE).await;
    assert_eq!((&deployed["rollout"], &deployed["release"]), (&Value::Null, &json!(2)));
    assert_eq!(ada.act(&acme.app("web/restart")).await.status, 409);

    let started = ada.act(&acme.app("web/start")).await.body;
    assert_eq!((&started["rollout"]["from_release"], &started["rollout"]["to_release"]), (&json!(1), &json!(2)));
    let stopped = ada.act(&acme.app("web/stop")).await.body;
    assert_eq!((&stopped["rollout"], &stopped["release"]["rollout_phase"]), (&Value::Null, &json!("superseded")));
}

#[tokio::test]
async fn a_restart_is_a_rollout_of_the_same_release_and_can_be_aborted() {
    let world = World::new().await;
    let (acme, ada) = begin(&world).await;
    assert_eq!(ada.act(&acme.app("web/rollouts/abort")).await.status, 409);

    let restarted = ada.act(&acme.app("web/restart")).await;
    assert_eq!((restarted.status, &restarted.body["release"]), (202, &json!(1)));
    let rollout = newest_rollout(&ada, &acme).await;
    assert_eq!(
        (&rollout["cause"], &rollout["from_release"], &rollout["to_release"]),
        (&json!("restart"), &json!(1), &json!(1))
    );
    assert_eq!(world.value::<i64>("SELECT restart_serial FROM apps").await, 1);

    let aborted = ada.act(&acme.app("web/rollouts/abort")).await;
    assert_eq!((aborted.status, &aborted.body["phase"]), (202, &json!("progressing")));
    assert!(world.value::<bool>("SELECT bool_or(abort_wanted) FROM rollouts").await);
}

#[tokio::test]
async fn a_note_that_is_too_long_and_a_bad_spec_are_named_together() {
    let world = World::new().await;
    let (acme, ada) = begin(&world).await;
    let body = json!({ "spec": { "image": "" }, "note": "x".repeat(501) });
    let refused = answer(ada.request("POST", &acme.app("web/releases")).json(&body)).await;
    assert_eq!(refused.status, 422);
    assert_eq!(
        (&refused.body["errors"][0]["field"], &refused.body["errors"][1]["field"]),
        (&json!("note"), &json!("spec.image"))
    );
    let unknown = ada.post(&acme.app("web/releases"), json!({ "spec": spec(IMAGE), "privileged": true })).await;
    assert_eq!((unknown.status, &unknown.body["code"]), (400, &json!("malformed_request")));
}
