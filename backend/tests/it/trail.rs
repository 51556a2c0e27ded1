//! The audit trail's chain, and the second wall behind the permits.

use crate::{
    helpers::{Browser, set_up, with_project},
    world::{PLENTY, World},
};
use berth_api_types::{path, v1::audit::AuditCheckView};
use berth_audit::{
    export::Line,
    verify::{Wrong, verify},
};
use berth_domain::right::Role;
use berth_server::service::checkpoints;
use serde_json::json;

/// How a tenant's trail stands, by the API.
async fn check(caller: &Browser, tenant: &str) -> AuditCheckView {
    let answer = caller.get(&path::tenant_audit_check(tenant)).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    serde_json::from_value(answer.body).expect("a view")
}

/// Where it is broken and how; nothing while it is whole.
fn fault(check: &AuditCheckView) -> Option<(i64, &str)> {
    assert_eq!(check.whole, check.broken_at.is_none(), "{check:?}");
    Some((check.broken_at?, check.fault.as_deref()?))
}

async fn with_projects(world: &World) -> Browser {
    let owner = with_project(world).await;
    for name in ["a", "b", "c"] {
        owner.post(&path::projects("acme"), json!({ "name": name })).await;
    }
    owner
}

#[tokio::test]
async fn the_chain_holds_and_a_changed_row_is_named() {
    let world = World::new().await;
    let owner = with_projects(&world).await;
    let whole = check(&owner, "acme").await;
    assert_eq!((fault(&whole), whole.from, whole.to, whole.checkpoints), (None, 1, 4, 1));
    let platform = owner.get(&path::platform_audit_check()).await;
    assert_eq!(platform.body["to"], 2, "set-up and the tenant are in the platform's");
    let change = |sql: &'static str| sqlx::query(sql).execute(&world.pool);
    change("UPDATE audit SET target = 'acme/x' WHERE target = 'acme/b'").await.expect("a superuser can");
    assert_eq!(fault(&check(&owner, "acme").await), Some((3, "changed")));
    change("UPDATE audit SET target = 'acme/b' WHERE target = 'acme/x'").await.expect("a superuser can");
    assert_eq!(fault(&check(&owner, "acme").await), None);
    change("DELETE FROM audit WHERE target = 'acme/a'").await.expect("a superuser can");
    assert_eq!(fault(&check(&owner, "acme").await), Some((2, "out_of_order")));
    change("DELETE FROM audit WHERE target = 'acme/shop'").await.expect("a superuser can");
    assert_eq!(fault(&check(&owner, "acme").await), Some((1, "missing")), "its beginning was cut off");
}

#[tokio::test]
async fn a_tail_that_was_cut_off_is_found_though_the_database_agrees_with_itself() {
    let world = World::new().await;
    let owner = with_projects(&world).await;
    assert_eq!(checkpoints::round(&world.app).await.expect("signed"), 2, "the tenant's and the platform's");
    assert_eq!(checkpoints::round(&world.app).await.expect("signed"), 0, "nothing was done since");
    let change = |sql: &'static str| sqlx::query(sql).execute(&world.pool);
    change("DELETE FROM audit WHERE target = 'acme/c'").await.expect("a superuser can");
    change("DELETE FROM audit_checkpoints").await.expect("a superuser can");
    change(
        "UPDATE audit_heads h SET sequence = a.sequence, sha256 = a.sha256
         FROM audit a WHERE a.target = 'acme/b' AND h.chain = a.tenant_id",
    )
    .await
    .expect("a superuser can");
    // A round that comes before anybody looks signs the stump, and hides nothing by that.
    checkpoints::round(&world.app).await.expect("signed");
    assert_eq!(fault(&check(&owner, "acme").await), Some((4, "cut_off")));
}

#[tokio::test]
async fn a_trail_that_was_written_anew_is_found() {
    let world = World::new().await;
    let owner = with_projects(&world).await;
    checkpoints::round(&world.app).await.expect("signed");
    // Whoever owns the database makes a chain that holds: another actor in row 2, and all after it hashed anew.
    let export = owner.get_text(&path::tenant_audit_export("acme")).await;
    let mut previous = None;
    for line in export.lines() {
        let Ok(Line::Row(mut row)) = Line::read(line) else { continue };
        if row.sequence == 2 {
            row.actor = "eve@example.org".to_owned();
        }
        row.previous_sha256 = previous.unwrap_or(row.previous_sha256);
        row.sha256 = row.hash();
        previous = Some(row.sha256);
        sqlx::query("UPDATE audit SET actor = $2, previous_sha256 = $3, sha256 = $4 WHERE id = $1")
            .bind(row.id)
            .bind(&row.actor)
            .bind(&row.previous_sha256.0[..])
            .bind(&row.sha256.0[..])
            .execute(&world.pool)
            .await
            .expect("a superuser can");
    }
    let change = |sql: &'static str| sqlx::query(sql).execute(&world.pool);
    change("DELETE FROM audit_checkpoints").await.expect("a superuser can");
    change(
        "UPDATE audit_heads h SET sha256 = a.sha256 FROM audit a WHERE a.sequence = h.sequence AND h.chain = a.tenant_id",
    )
    .await
    .expect("a superuser can");
    assert_eq!(fault(&check(&owner, "acme").await), Some((4, "elsewhere")));
}

#[tokio::test]
async fn an_export_is_a_proof_without_the_server() {
    let world = World::new().await;
    let owner = with_projects(&world).await;
    let export = owner.get_text(&path::tenant_audit_export("acme")).await;
    let key = check(&owner, "acme").await.key.parse().expect("a key");
    let verified = verify(&export, &key).expect("whole");
    assert_eq!((verified.head.from, verified.rows()), (1, 5));
    assert!(export.contains("audit.export"), "who took it away is in it");
    let changed = export.replace("acme/b", "acme/x");
    let found = verify(&changed, &key).expect_err("changed");
    assert_eq!((found.line, found.what), (4, Wrong::Changed(3)));
    // The platform's is another chain, of the same key.
    let platform = owner.get_text(&path::platform_audit_export()).await;
    assert_eq!(verify(&platform, &key).expect("whole").head.tenant, None);
}

#[tokio::test]
async fn a_table_has_the_rows_that_were_asked_for_and_nothing_to_compute() {
    let world = World::new().await;
    let owner = with_projects(&world).await;
    let table = owner.get_text(&format!("{}?action=project", path::tenant_audit_table("acme"))).await;
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    assert_eq!(&reader.headers().expect("headings")[4], "target");
    let targets: Vec<_> = reader.records().map(|row| row.expect("a row")[4].to_owned()).collect();
    assert_eq!(targets, ["acme/c", "acme/b", "acme/a", "acme/shop"], "the export itself is of another noun");
    let paged = owner.get(&format!("{}?limit=2", path::tenant_audit_table("acme"))).await;
    assert_eq!(paged.status, 400);
}

#[tokio::test]
async fn a_trail_is_searched() {
    let world = World::new().await;
    let owner = with_projects(&world).await;
    let acme = path::tenant_audit("acme");
    let found = async |query: &str| {
        let answer = owner.get(&format!("{acme}?{query}")).await;
        assert_eq!(answer.status, 200, "{query}: {:?}", answer.body);
        let items = answer.body["items"].as_array().cloned().unwrap_or_default();
        items.iter().map(|row| row["target"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found("target=acme/b").await, ["acme/b"]);
    assert_eq!(found("action=project.create&limit=2").await, ["acme/c", "acme/b"]);
    assert_eq!(found("action=proj").await, [""; 0], "a noun, not a beginning of one");
    assert_eq!(found("result=denied").await, [""; 0]);
    assert_eq!(found("actor=nobody").await, [""; 0]);
    assert_eq!(found("since=2999-01-01T00:00:00Z").await, [""; 0]);
    assert_eq!(found("until=2999-01-01T00:00:00Z&target=acme/c").await, ["acme/c"]);
    for bad in ["result=maybe", "since=yesterday", "target=%00", "colour=red"] {
        assert_eq!(owner.get(&format!("{acme}?{bad}")).await.status, 400, "{bad}");
    }
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
    let whole = check(&owner, "acme").await;
    assert_eq!((fault(&whole), whole.to), (None, 17));
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
        ("berth_app", "DELETE FROM audit_checkpoints"),
        ("berth_app", "INSERT INTO audit_checkpoints VALUES (gen_random_uuid(), 1, '', now(), '', '')"),
        ("berth_system", "UPDATE audit_checkpoints SET sequence = 1"),
        ("berth_system", "DELETE FROM audit_checkpoints"),
        ("berth_app", "SELECT audit_key_sealed FROM installation"),
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
