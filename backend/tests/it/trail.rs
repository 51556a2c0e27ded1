//! The audit trail's chain, and the second wall behind the permits.

use crate::{
    helpers::{set_up, with_project},
    world::{PLENTY, World},
};
use berth_api_types::path;
use berth_domain::right::Role;
use berth_server::store::audit_read::{ChainState, verify_chain};
use serde_json::json;

#[tokio::test]
async fn the_chain_holds_and_a_changed_row_is_named() {
    let world = World::new().await;
    let owner = with_project(&world).await;
    for name in ["a", "b", "c"] {
        owner.post(&path::projects("acme"), json!({ "name": name })).await;
    }
    let tenant = berth_domain::id::Id::new(world.value::<uuid::Uuid>("SELECT id FROM tenants").await);
    let check = || async { verify_chain(&world.app.store, Some(tenant)).await.expect("the trail can be read") };
    assert_eq!(check().await, ChainState::Whole { rows: 4 });
    assert_eq!(
        verify_chain(&world.app.store, None).await.expect("readable"),
        ChainState::Whole { rows: 2 },
        "set-up and the tenant are in the platform's"
    );
    let change = |sql: &'static str| sqlx::query(sql).execute(&world.pool);
    change("UPDATE audit SET target = 'acme/x' WHERE target = 'acme/b'").await.expect("a superuser can");
    assert_eq!(check().await, ChainState::Broken { at: 3 });
    change("UPDATE audit SET target = 'acme/b' WHERE target = 'acme/x'").await.expect("a superuser can");
    assert_eq!(check().await, ChainState::Whole { rows: 4 });
    change("DELETE FROM audit WHERE target = 'acme/a'").await.expect("a superuser can");
    assert!(matches!(check().await, ChainState::Broken { .. }));
}

#[tokio::test]
async fn racing_acts_make_one_chain_without_a_gap() {
    let world = World::new().await;
    let owner = with_project(&world).await;
    let calls = (0..16).map(|n| {
        let owner = owner.clone();
        async move { owner.post(&path::projects("acme"), json!({ "name": format!("p{n}") })).await.status }
    });
    let statuses = futures::future::join_all(calls).await;
    assert!(statuses.iter().all(|status| *status == 201), "{statuses:?}");
    let tenant = berth_domain::id::Id::new(world.value::<uuid::Uuid>("SELECT id FROM tenants").await);
    let state = verify_chain(&world.app.store, Some(tenant)).await.expect("readable");
    assert_eq!(state, ChainState::Whole { rows: 17 });
}

#[tokio::test]
async fn trails_are_read_in_pages_by_who_may() {
    let world = World::new().await;
    let admin = set_up(&world).await;
    let acme = world.tenant("acme", PLENTY).await;
    let (owner, viewer) = (world.person(&acme, Role::Owner).await, world.person(&acme, Role::Viewer).await);
    for name in ["a", "b", "c"] {
        owner.post(&path::projects("acme"), json!({ "name": name })).await;
    }
    let first = owner.get(&format!("{}?limit=2", path::tenant_audit("acme"))).await.body;
    assert_eq!(first["items"][0]["target"], "acme/c");
    assert_eq!(first["items"][0]["request_id"].as_str().map(|id| &id[..4]), Some("req_"));
    let next = first["next_cursor"].as_str().expect("more");
    let second = owner.get(&format!("{}?limit=2&cursor={next}", path::tenant_audit("acme"))).await.body;
    assert_eq!(second["items"][0]["target"], "acme/a");
    assert_eq!(viewer.get(&path::tenant_audit("acme")).await.status, 403);
    assert_eq!(owner.get(&path::platform_audit()).await.status, 403);
    assert_eq!(admin.get(&path::platform_audit()).await.body["items"][0]["action"], "audit.read_platform");
}

#[tokio::test]
async fn without_a_tenant_set_there_are_no_rows() {
    let world = World::new().await;
    let acme = world.tenant("acme", PLENTY).await;
    world.tenant("other", PLENTY).await;
    let ada = world.person(&acme, Role::Owner).await;
    ada.create(&acme, "web", 1).await;
    let mut tx = world.pool.begin().await.expect("begins");
    sqlx::query("SET LOCAL ROLE berth_app").execute(&mut *tx).await.expect("the role is there");
    let counts = "SELECT (SELECT count(*) FROM tenants) + (SELECT count(*) FROM projects)
        + (SELECT count(*) FROM apps) + (SELECT count(*) FROM releases) + (SELECT count(*) FROM images)
        + (SELECT count(*) FROM audit) + (SELECT count(*) FROM role_bindings) + (SELECT count(id) FROM users)";
    let count = |sql: &'static str| sqlx::query_scalar::<_, i64>(sql);
    assert_eq!(count(counts).fetch_one(&mut *tx).await.expect("counts"), 0);
    sqlx::query("SELECT set_config('berth.tenant_id', $1, true)")
        .bind(acme.id.uuid().to_string())
        .execute(&mut *tx)
        .await
        .expect("sets");
    assert_eq!(count("SELECT count(*) FROM tenants").fetch_one(&mut *tx).await.expect("counts"), 1);
    assert_eq!(count("SELECT count(*) FROM projects").fetch_one(&mut *tx).await.expect("counts"), 1);
    let foreign = sqlx::query(
        "INSERT INTO projects (id, tenant_id, name, created_at)
        SELECT gen_random_uuid(), gen_random_uuid(), 'x', now()",
    )
    .execute(&mut *tx)
    .await;
    assert!(foreign.expect_err("another tenant's row").to_string().contains("row-level security"));
}

#[tokio::test]
async fn no_table_stands_outside_the_second_wall() {
    let world = World::new().await;
    let bare: Vec<String> = sqlx::query_scalar(
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
           AND relname <> '_sqlx_migrations' AND NOT (relkind IN ('r', 'p') AND relrowsecurity AND relforcerowsecurity)",
    )
    .fetch_all(&world.pool)
    .await
    .expect("reads");
    assert_eq!(bare, [""; 0], "tables without forced row-level security, or views around it");
    // What the tenants' role may read and names a tenant is held to it; `audit_heads` names it in its own column.
    let open: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
           AND has_table_privilege('berth_app', c.oid, 'SELECT, INSERT, UPDATE, DELETE')
           AND NOT EXISTS (SELECT FROM pg_policies p WHERE p.tablename = c.relname AND 'berth_app' = ANY(p.roles)
                           AND p.qual LIKE '%tenant_id = current_tenant()%')",
    )
    .fetch_all(&world.pool)
    .await
    .expect("reads");
    assert_eq!(open, [""; 0], "tables of tenants without a policy");
    let walled: i64 = world.value("SELECT count(*) FROM pg_policies WHERE qual LIKE '%current_tenant()%'").await;
    assert!(walled >= 15, "{walled} policies were looked at");
    let past: Vec<String> = sqlx::query_scalar(
        "SELECT rolname::text FROM pg_roles WHERE rolname LIKE 'berth%' AND (rolsuper OR rolbypassrls)
           AND rolname IN ('berth_app', 'berth_system')",
    )
    .fetch_all(&world.pool)
    .await
    .expect("reads");
    assert_eq!(past, [""; 0], "roles that row-level security does not hold");
}

#[tokio::test]
async fn the_servers_roles_cannot_rewrite_the_trail_or_read_hashes() {
    let world = World::new().await;
    set_up(&world).await;
    for (role, statement) in [
        ("berth_app", "UPDATE audit SET target = ''"),
        ("berth_app", "DELETE FROM audit"),
        ("berth_system", "UPDATE audit SET target = ''"),
        ("berth_system", "DELETE FROM audit"),
        ("berth_app", "SELECT password_hash FROM users"),
        ("berth_app", "SELECT * FROM sessions"),
        ("berth_app", "SELECT signing_key_sealed FROM installation"),
        ("berth_app", "UPDATE tenants SET quota_apps = 1000"),
    ] {
        let mut tx = world.pool.begin().await.expect("begins");
        let set = if role == "berth_app" { "SET LOCAL ROLE berth_app" } else { "SET LOCAL ROLE berth_system" };
        sqlx::query(set).execute(&mut *tx).await.expect("the role is there");
        let refused = sqlx::query(statement).execute(&mut *tx).await.expect_err(statement).to_string();
        assert!(refused.contains("permission denied"), "{role}: {statement}: {refused}");
    }
}
