//! A whole server over a database of its own, apps written straight into DESIRED rows, and agents in this process that
//! speak the real protocol. No HTTP: what the API writes is the API's tests' business.

use crate::agent::Agent;
use berth_server::{
    clock::{Clock, Fixed, Random},
    settings::{LogFormat, Settings},
    startup::Server,
};
use berth_testkit::{database::TestDatabase, wait::until_async};
use chrono::{TimeDelta, Utc};
use secrecy::SecretString;
use serde_json::{Value, json};
use sqlx::PgPool;
use std::{
    path::Path,
    sync::{Arc, Once},
    time::Duration,
};
use uuid::Uuid;

/// How long anything may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);
static CRYPTO: Once = Once::new();

/// A server with its database.
pub struct Engine {
    pub server: Option<Server>,
    pub clock: Arc<Fixed>,
    pub pool: PgPool,
    pub database: TestDatabase,
    home: tempfile::TempDir,
    environment: Environment,
}

#[derive(Clone, Copy)]
struct Environment {
    tenant: Uuid,
    project: Uuid,
    id: Uuid,
}

/// An app as a test made it.
#[derive(Debug, Clone, Copy)]
pub struct App {
    pub id: Uuid,
}

impl Engine {
    pub async fn start() -> Self {
        let database = TestDatabase::new().await;
        let home = tempfile::tempdir().expect("a directory");
        let clock = Fixed::at(Utc::now());
        let server = serve(&database, home.path(), clock.clone()).await;
        let pool = database.pool().await;
        let environment = write_environment(&pool).await;
        Self { server: Some(server), clock, pool, database, home, environment }
    }

    /// A second server on the same database.
    pub async fn another(&self, home: &Path) -> Server {
        std::fs::copy(self.home.path().join("master.key"), home.join("master.key")).expect("the key is shared");
        serve(&self.database, home, self.clock.clone()).await
    }

    pub fn server(&self) -> &Server {
        self.server.as_ref().expect("it runs")
    }

    /// Stops the server and starts it again.
    pub async fn restart(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
        self.server = Some(serve(&self.database, self.home.path(), self.clock.clone()).await);
    }

    /// Moves the clock of the server on.
    pub fn pass(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
    }

    /// A node whose agent starts everything that it is told to, at once.
    pub async fn node(&self, name: &str) -> Agent {
        let token = self.join_token().await;
        Agent::join(self.server(), name, &token).await
    }

    /// A fresh join token, written straight to the database.
    pub async fn join_token(&self) -> String {
        let secret = Uuid::new_v4().simple().to_string();
        sqlx::query(
            "INSERT INTO join_tokens (id, secret_sha256, created_at, expires_at)
                     VALUES ($1, sha256($2::bytea), now(), now() + interval '100 years')",
        )
        .bind(Uuid::now_v7())
        .bind(secret.as_bytes())
        .execute(&self.pool)
        .await
        .expect("written");
        secret
    }

    /// Writes an app with its first release and rollout, as the API does.
    pub async fn deploy(&self, name: &str, replicas: i32, spec: Value) -> App {
        let app = App { id: Uuid::now_v7() };
        let mut tx = self.pool.begin().await.expect("a transaction");
        sqlx::query(
            "INSERT INTO apps (id, tenant_id, project_id, environment_id, name, replicas, running, created_at,
                                       next_release_number)
                     VALUES ($1, $2, $3, $4, $5, $6, true, now(), 1)",
        )
        .bind(app.id)
        .bind(self.environment.tenant)
        .bind(self.environment.project)
        .bind(self.environment.id)
        .bind(name)
        .bind(replicas)
        .execute(&mut *tx)
        .await
        .expect("written");
        tx.commit().await.expect("committed");
        self.release(app, spec).await;
        app
    }

    /// Writes another release of an app and begins its rollout; the one that was going on is overtaken.
    pub async fn release(&self, app: App, spec: Value) -> Uuid {
        let release = Uuid::now_v7();
        let image = format!("{}@sha256:{}", spec["image"].as_str().expect("an image"), "a".repeat(64));
        let mut tx = self.pool.begin().await.expect("a transaction");
        sqlx::query(
            "INSERT INTO releases (id, tenant_id, app_id, number, spec, pinned_image, created_at)
                     SELECT $1, tenant_id, id, next_release_number, $3, $4, now() FROM apps WHERE id = $2",
        )
        .bind(release)
        .bind(app.id)
        .bind(spec)
        .bind(image)
        .execute(&mut *tx)
        .await
        .expect("written");
        self.begin_rollout(&mut tx, app, release, "deploy").await;
        sqlx::query(
            "UPDATE apps SET release_id = $2, next_release_number = next_release_number + 1,
                            revision = revision + 1 WHERE id = $1",
        )
        .bind(app.id)
        .bind(release)
        .execute(&mut *tx)
        .await
        .expect("written");
        nudge(&mut tx).await;
        tx.commit().await.expect("committed");
        release
    }

    /// Begins a rollout of fresh instances of the same release.
    pub async fn restart_app(&self, app: App) {
        let mut tx = self.pool.begin().await.expect("a transaction");
        let release: Uuid = sqlx::query_scalar(
            "UPDATE apps SET restart_serial = restart_serial + 1,
                                                revision = revision + 1 WHERE id = $1 RETURNING release_id",
        )
        .bind(app.id)
        .fetch_one(&mut *tx)
        .await
        .expect("written");
        self.begin_rollout(&mut tx, app, release, "restart").await;
        nudge(&mut tx).await;
        tx.commit().await.expect("committed");
    }

    async fn begin_rollout(&self, tx: &mut sqlx::PgConnection, app: App, to: Uuid, cause: &str) {
        sqlx::query("UPDATE rollouts SET phase = 'superseded' WHERE app_id = $1 AND phase = 'progressing'")
            .bind(app.id)
            .execute(&mut *tx)
            .await
            .expect("written");
        sqlx::query(
            "INSERT INTO rollouts (id, tenant_id, app_id, from_release_id, to_release_id, cause, phase,
                                           started_at, progressed_at)
                     SELECT $1, tenant_id, id,
                            (SELECT to_release_id FROM rollouts WHERE app_id = $2 AND phase = 'succeeded'
                             ORDER BY started_at DESC LIMIT 1),
                            $3, $4, 'progressing', $5, $5 FROM apps WHERE id = $2",
        )
        .bind(Uuid::now_v7())
        .bind(app.id)
        .bind(to)
        .bind(cause)
        .bind(self.clock.now())
        .execute(&mut *tx)
        .await
        .expect("written");
    }

    /// Runs a statement about an app or a node, given as `$1`, and wakes the server.
    pub async fn change(&self, statement: &'static str, id: Uuid) {
        let mut tx = self.pool.begin().await.expect("a transaction");
        sqlx::query(statement).bind(id).execute(&mut *tx).await.expect("a good statement");
        nudge(&mut tx).await;
        tx.commit().await.expect("committed");
    }

    /// The newest rollout's phase.
    pub async fn phase(&self, app: App) -> String {
        sqlx::query_scalar("SELECT phase FROM rollouts WHERE app_id = $1 ORDER BY started_at DESC, id DESC LIMIT 1")
            .bind(app.id)
            .fetch_one(&self.pool)
            .await
            .expect("it has one")
    }

    pub async fn until_phase(&self, app: App, phase: &str) {
        let look = || async { (self.phase(app).await == phase).then_some(()) };
        until_async(&format!("a rollout to be {phase}"), PATIENCE, look).await;
    }

    /// Ready instances that are not told to stop: release number, node's name.
    pub async fn ready(&self, app: App) -> Vec<(i32, String)> {
        sqlx::query_as(
            "SELECT r.number, n.name FROM instances i JOIN observations o ON o.instance_id = i.id
                        JOIN releases r ON r.id = i.release_id JOIN nodes n ON n.id = i.node_id
                        WHERE i.app_id = $1 AND o.phase = 'ready' AND i.stop_reason IS NULL ORDER BY 1, 2",
        )
        .bind(app.id)
        .fetch_all(&self.pool)
        .await
        .expect("readable")
    }

    pub async fn until_ready(&self, app: App, wanted: &[(i32, &str)]) {
        let wanted: Vec<_> = wanted.iter().map(|(release, node)| (*release, (*node).to_owned())).collect();
        let look = || async { (self.ready(app).await == wanted).then_some(()) };
        until_async(&format!("{wanted:?} to be ready"), PATIENCE, look).await;
    }

    /// Waits until a count is what it shall be; `$1` is `id`.
    pub async fn until_count(&self, what: &'static str, id: Uuid, wanted: i64) {
        let look = || async { (self.count(what, id).await == wanted).then_some(()) };
        until_async(&format!("{wanted} from {what}"), PATIENCE, look).await;
    }

    pub async fn count(&self, what: &'static str, id: Uuid) -> i64 {
        sqlx::query_scalar(what).bind(id).fetch_one(&self.pool).await.expect("a good statement")
    }

    /// Codes of the events of an app or a node, oldest first.
    pub async fn reasons(&self, id: Uuid) -> Vec<String> {
        sqlx::query_scalar(
            "SELECT reason FROM events WHERE app_id = $1 OR (node_id = $1 AND app_id IS NULL) ORDER BY id",
        )
        .bind(id)
        .fetch_all(&self.pool)
        .await
        .expect("readable")
    }

    /// Makes a node as silent as one that has been lost for a while.
    pub async fn silence(&self, node: Uuid) {
        self.change(
            "UPDATE node_observations SET last_seen_at = now() - interval '35 seconds' WHERE node_id = $1",
            node,
        )
        .await;
    }
}

/// A spec with an image and small needs.
pub fn spec(image: &str) -> Value {
    json!({ "image": image, "resources": { "cpu_milli": 100, "memory_mib": 64 } })
}

async fn nudge(tx: &mut sqlx::PgConnection) {
    let everything = r#"{"tenant":null,"topics":[{"kind":"everything"}]}"#;
    sqlx::query("SELECT pg_notify('berth_live', $1)").bind(everything).execute(tx).await.expect("sent");
}

async fn serve(database: &TestDatabase, home: &Path, clock: Arc<Fixed>) -> Server {
    CRYPTO.call_once(|| {
        // Another test of this process may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    let settings = Settings {
        listen: ([127, 0, 0, 1], 0).into(),
        agent_listen: ([127, 0, 0, 1], 0).into(),
        database_url: SecretString::from(database.url().to_owned()),
        database_connections: 4,
        data_dir: home.to_owned(),
        master_key_file: home.join("master.key"),
        master_key: None,
        console_dir: None,
        sample_image: None,
        public_url: "http://127.0.0.1".to_owned(),
        agent_public_url: "https://127.0.0.1:7801".to_owned(),
        bootstrap_join_token_file: Some(home.join("join-token")),
        log_format: LogFormat::Text,
        audit_syslog: None,
    };
    Server::start(settings, clock, Random::new()).await.expect("the server starts")
}

async fn write_environment(pool: &PgPool) -> Environment {
    let environment = Environment { tenant: Uuid::now_v7(), project: Uuid::now_v7(), id: Uuid::now_v7() };
    let statements = [
        "INSERT INTO tenants (id, name, created_at, quota_cpu_milli, quota_memory_mib, quota_instances, quota_apps)
         VALUES ($1, 'acme', now(), 1000000, 1000000, 1000, 1000)",
        "INSERT INTO tenant_usage (tenant_id) VALUES ($1)",
        "INSERT INTO projects (id, tenant_id, name, created_at) VALUES ($2, $1, 'shop', now())",
        "INSERT INTO environments (id, tenant_id, project_id, name, position, created_at)
         VALUES ($3, $1, $2, 'dev', 0, now())",
    ];
    for (at, statement) in statements.into_iter().enumerate() {
        let mut query = sqlx::query(statement).bind(environment.tenant);
        if at >= 2 {
            query = query.bind(environment.project);
        }
        if at == 3 {
            query = query.bind(environment.id);
        }
        query.execute(pool).await.expect("written");
    }
    environment
}
