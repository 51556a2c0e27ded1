//! A server of its own for each test: real HTTP, a database of its own, a fleet that is played, a clock that stands.

use crate::fake_fleet::FakeFleet;
use berth_domain::{
    id::{EnvironmentId, Id, InstanceId, Kind, NodeId, ProjectId, TenantId, UserId},
    right::Role,
};
use berth_server::{
    authn::token,
    clock::{Fixed, Random},
    http,
    settings::{LogFormat, Settings},
    startup::App,
};
use berth_testkit::database::TestDatabase;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use sqlx::PgPool;
use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    ops::Deref,
    sync::Arc,
};
use tempfile::TempDir;
use uuid::Uuid;

/// The image that every project of a test has loaded.
pub const IMAGE: &str = "registry.example/web:1";
/// Another one.
pub const OTHER_IMAGE: &str = "registry.example/web:2";

/// A server and what it stands on.
pub struct World {
    /// What its parts share.
    pub app: Arc<App>,
    /// The agents, played.
    pub fleet: Arc<FakeFleet>,
    /// Its clock.
    pub clock: Arc<Fixed>,
    hands: Hands,
    http: actix_web::dev::ServerHandle,
    _database: TestDatabase,
    _data: TempDir,
}

impl World {
    /// Starts a server.
    pub async fn new() -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let database = TestDatabase::new().await;
        let data = TempDir::new().expect("a directory");
        let clock = Fixed::at("2026-01-02T03:04:05Z".parse::<DateTime<Utc>>().expect("a time"));
        let fleet = Arc::new(FakeFleet::default());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let settings = settings(&database, &data, address);
        let app = App::open(settings, clock.clone(), Random::new(), fleet.clone()).await.expect("the server opens");
        let app = Arc::new(app);
        let serving = http::serve(app.clone(), listener).expect("the server starts");
        let handle = serving.handle();
        tokio::spawn(serving);
        let hands = Hands { pool: database.pool().await, address };
        Self { app, fleet, clock, hands, http: handle, _database: database, _data: data }
    }

    /// Time goes on.
    pub fn wait(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
    }
}

impl Deref for World {
    type Target = Hands;
    fn deref(&self) -> &Hands {
        &self.hands
    }
}

/// Writes what a test starts from, past every wall, and looks at what came of it.
pub struct Hands {
    /// For the test's own statements.
    pub pool: PgPool,
    /// Where the server serves.
    pub address: SocketAddr,
}

impl Hands {
    /// A tenant with a project `shop`, its environment `dev`, both images loaded.
    pub async fn tenant(&self, name: &str, quota: Quota) -> Tenant {
        let tenant = Tenant { id: fresh(), project: fresh(), environment: fresh(), name: name.to_owned() };
        let insert = "WITH t AS (INSERT INTO tenants (id, name, created_at, quota_cpu_milli, quota_memory_mib,
                                    quota_instances, quota_apps) VALUES ($1, $2, now(), $3, $4, $5, $6) RETURNING id),
                           u AS (INSERT INTO tenant_usage (tenant_id) SELECT id FROM t),
                           p AS (INSERT INTO projects (id, tenant_id, name, created_at)
                                 SELECT $7, id, 'shop', now() FROM t)
                      INSERT INTO environments (id, tenant_id, project_id, name, position, created_at)
                      SELECT $8, id, $7, 'dev', 0, now() FROM t";
        sqlx::query(insert)
            .bind(tenant.id.uuid())
            .bind(name)
            .bind(quota.cpu_milli)
            .bind(quota.memory_mib)
            .bind(quota.instances)
            .bind(quota.apps)
            .bind(tenant.project.uuid())
            .bind(tenant.environment.uuid())
            .execute(&self.pool)
            .await
            .expect("the tenant is written");
        self.load_images("shop").await;
        tenant
    }

    /// Both images in every project of this name that has none.
    pub async fn load_images(&self, project: &str) {
        for (reference, digit) in [(IMAGE, "a"), (OTHER_IMAGE, "b")] {
            sqlx::query(
                "INSERT INTO images (id, tenant_id, project_id, reference, archive_sha256, image_digest, size_bytes,
                                     created_at)
                 SELECT gen_random_uuid(), tenant_id, id, $2, $3, $3, 1, now() FROM projects p
                 WHERE name = $1 AND NOT EXISTS (SELECT FROM images m WHERE m.project_id = p.id AND m.reference = $2)",
            )
            .bind(project)
            .bind(reference)
            .bind(format!("sha256:{}", digit.repeat(64)))
            .execute(&self.pool)
            .await
            .expect("the image is written");
        }
    }

    /// Somebody who holds a role in a tenant, calling with a personal token.
    pub async fn person(&self, tenant: &Tenant, role: Role) -> Caller {
        let caller = self.stranger().await;
        self.bind(&caller, tenant, None, None, role).await;
        caller
    }

    /// Binds a role to somebody: at the tenant, at a project, or at an environment of it.
    pub async fn bind(
        &self,
        caller: &Caller,
        tenant: &Tenant,
        project: Option<ProjectId>,
        environment: Option<EnvironmentId>,
        role: Role,
    ) {
        sqlx::query(
            "INSERT INTO role_bindings (id, tenant_id, project_id, environment_id, user_id, role, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, now())",
        )
        .bind(Uuid::now_v7())
        .bind(tenant.id.uuid())
        .bind(project.map(ProjectId::uuid))
        .bind(environment.map(EnvironmentId::uuid))
        .bind(caller.user.uuid())
        .bind(role.as_str())
        .execute(&self.pool)
        .await
        .expect("the role is bound");
    }

    /// Somebody without any role, calling with a personal token.
    pub async fn stranger(&self) -> Caller {
        let user: UserId = fresh();
        let secret = token::generate(&*Random::new(), token::PERSONAL_PREFIX);
        let sha256 = token::sha256(token::PERSONAL_PREFIX, &secret).expect("a token reads");
        sqlx::query(
            "WITH u AS (INSERT INTO users (id, email, display_name, password_hash, created_at)
                        VALUES ($1, $2, 'Ada', '', now()))
             INSERT INTO tokens (id, user_id, name, secret_sha256, created_at, expires_at)
             VALUES ($3, $1, 'test', $4, now(), '2099-01-01')",
        )
        .bind(user.uuid())
        .bind(format!("{user}@example.com"))
        .bind(Uuid::now_v7())
        .bind(&sha256[..])
        .execute(&self.pool)
        .await
        .expect("the person is written");
        Caller { user, secret, base: format!("http://{}", self.address), client: reqwest::Client::new() }
    }

    /// A node that was heard just now.
    pub async fn node(&self, name: &str) -> NodeId {
        let node: NodeId = fresh();
        sqlx::query("INSERT INTO nodes (id, name, joined_at, certificate_serial) VALUES ($1, $2, now(), '1')")
            .bind(node.uuid())
            .bind(name)
            .execute(&self.pool)
            .await
            .expect("the node is written");
        sqlx::query(
            "INSERT INTO node_observations (node_id, last_seen_at, docker_answers, agent_version, cpu_milli, memory_mib,
                 architecture, os, kernel, docker_version, address)
             VALUES ($1, clock_timestamp(), true, '1', 4000, 8192, 'amd64', '', '', '', '10.0.0.1')",
        )
        .bind(node.uuid())
        .execute(&self.pool)
        .await
        .expect("the node was heard");
        node
    }

    /// Makes a node silent since long ago.
    pub async fn lose(&self, node: NodeId) {
        sqlx::query("UPDATE node_observations SET last_seen_at = now() - interval '1 hour' WHERE node_id = $1")
            .bind(node.uuid())
            .execute(&self.pool)
            .await
            .expect("the node is there");
    }

    /// An instance of the app's present release, as placement and observation would write it; port 80 is on 32768.
    pub async fn instance(&self, app: &str, number: i32, node: NodeId, phase: &str) -> InstanceId {
        let instance: InstanceId = fresh();
        let explanation = json!({ "candidates": [{ "node": node, "score":
            { "same_app": 0, "image_missing": 1, "fill_permille": 250, "node": node } }], "feasible": 1, "refused": {} });
        let written = sqlx::query(
            "WITH i AS (INSERT INTO instances (id, tenant_id, app_id, release_id, node_id, number, restart_serial,
                                               generation, explanation, created_at)
                        SELECT $1, tenant_id, id, release_id, $2, $3, restart_serial, 1, $4, now() FROM apps
                        WHERE name = $5 AND deleted_at IS NULL RETURNING id, tenant_id)
             INSERT INTO observations (instance_id, tenant_id, phase, ports, ready_since, started_at, updated_at)
             SELECT id, tenant_id, $6, '[{\"container\": 80, \"host\": 32768}]', now(), now(), now() FROM i",
        )
        .bind(instance.uuid())
        .bind(node.uuid())
        .bind(number)
        .bind(explanation)
        .bind(app)
        .bind(phase)
        .execute(&self.pool)
        .await
        .expect("the instance is written");
        assert_eq!(written.rows_affected(), 1, "there is one app {app}");
        instance
    }

    /// Ends the open rollout of an app as the reconciler does.
    pub async fn end_rollout(&self, app: &str, phase: &str) {
        let mut tx = self.pool.begin().await.expect("the database answers");
        let app_id: Uuid = sqlx::query_scalar(
            "UPDATE rollouts o SET phase = $2, ended_at = now() FROM apps a
             WHERE a.id = o.app_id AND a.name = $1 AND o.phase IN ('progressing','rolling_back') RETURNING a.id",
        )
        .bind(app)
        .bind(phase)
        .fetch_one(&mut *tx)
        .await
        .expect("a rollout goes on");
        if phase == "rolled_back" {
            sqlx::query(
                "UPDATE apps a SET release_id = o.from_release_id, revision = a.revision + 1 FROM rollouts o
                 WHERE a.id = $1 AND o.app_id = a.id AND o.phase = 'rolled_back' AND o.started_at =
                       (SELECT max(started_at) FROM rollouts WHERE app_id = a.id)",
            )
            .bind(app_id)
            .execute(&mut *tx)
            .await
            .expect("the release goes back");
        }
        berth_server::store::usage::settle(&mut tx, Id::new(app_id)).await.expect("the quota settles");
        tx.commit().await.expect("it commits");
    }

    /// One value of one row.
    pub async fn value<T>(&self, query: &'static str) -> T
    where
        T: Send + Unpin + for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
    {
        sqlx::query_scalar(query).fetch_one(&self.pool).await.expect(query)
    }

    /// What the tenant's row says is what its apps hold together: cpu, memory, instances, apps.
    pub async fn usage(&self, tenant: &Tenant) -> [i64; 4] {
        let kept: (i64, i64, i64, i64) =
            sqlx::query_as("SELECT cpu_milli, memory_mib, instances, apps FROM tenant_usage WHERE tenant_id = $1")
                .bind(tenant.id.uuid())
                .fetch_one(&self.pool)
                .await
                .expect("the tenant is there");
        let counted: (i64, i64, i64, i64) = sqlx::query_as(
            "SELECT coalesce(sum(reserved_cpu_milli), 0)::bigint, coalesce(sum(reserved_memory_mib), 0)::bigint,
                    coalesce(sum(reserved_instances), 0)::bigint, count(*)
             FROM apps WHERE tenant_id = $1 AND deleted_at IS NULL",
        )
        .bind(tenant.id.uuid())
        .fetch_one(&self.pool)
        .await
        .expect("apps can be counted");
        assert_eq!(kept, counted, "a recount agrees");
        [kept.0, kept.1, kept.2, kept.3]
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.app.stopping.cancel();
        // Not waited for: a test's end must not depend on open streams.
        drop(tokio::spawn(self.http.stop(false)));
    }
}

/// What a tenant may use.
pub struct Quota {
    pub cpu_milli: i64,
    pub memory_mib: i64,
    pub instances: i64,
    pub apps: i64,
}

/// More than a test needs.
pub const PLENTY: Quota = Quota { cpu_milli: 1_000_000, memory_mib: 1_000_000, instances: 10_000, apps: 1_000 };

/// A tenant.
pub struct Tenant {
    pub id: TenantId,
    pub project: ProjectId,
    pub environment: EnvironmentId,
    pub name: String,
}

impl Tenant {
    /// The URL of its apps.
    pub fn apps(&self) -> String {
        berth_api_types::path::apps(&self.name, "shop", "dev")
    }
    /// The URL of one of them, or of what is below.
    pub fn app(&self, rest: &str) -> String {
        format!("{}/{rest}", self.apps())
    }
}

/// Somebody who calls.
#[derive(Clone)]
pub struct Caller {
    pub user: UserId,
    pub secret: String,
    base: String,
    client: reqwest::Client,
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

impl Caller {
    /// A request that is not sent yet.
    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        self.client.request(method, format!("{}{path}", self.base)).bearer_auth(&self.secret)
    }
    pub async fn get(&self, path: &str) -> Answer {
        answer(self.request("GET", path)).await
    }
    pub async fn delete(&self, path: &str) -> Answer {
        answer(self.request("DELETE", path)).await
    }
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        answer(self.request("POST", path).json(&body)).await
    }
    pub async fn put(&self, path: &str, body: Value) -> Answer {
        answer(self.request("PUT", path).json(&body)).await
    }
    /// Posts nothing.
    pub async fn act(&self, path: &str) -> Answer {
        answer(self.request("POST", path)).await
    }
    /// Creates an app of one port, and expects it to work.
    pub async fn create(&self, tenant: &Tenant, name: &str, replicas: u32) -> Value {
        let answer =
            self.post(&tenant.apps(), json!({ "name": name, "replicas": replicas, "spec": spec(IMAGE) })).await;
        assert_eq!(answer.status, 202, "{}", answer.body);
        answer.body
    }
}

/// Sends a request and reads its answer.
pub async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.expect("the server answers");
    let status = response.status().as_u16();
    let bytes = response.bytes().await.expect("the answer comes whole");
    let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).expect("JSON") };
    Answer { status, body }
}

/// A spec with one port.
pub fn spec(image: &str) -> Value {
    json!({ "image": image, "ports": [{ "container": 80 }], "resources": { "cpu_milli": 100, "memory_mib": 128 } })
}

fn fresh<K: Kind>() -> Id<K> {
    Id::new(Uuid::now_v7())
}

fn settings(database: &TestDatabase, data: &TempDir, address: SocketAddr) -> Settings {
    Settings {
        listen: address,
        agent_listen: address,
        database_url: database.url().to_owned().into(),
        database_connections: 8,
        data_dir: data.path().to_owned(),
        master_key_file: data.path().join("master.key"),
        master_key: None,
        console_dir: None,
        sample_image: None,
        public_url: format!("http://{address}"),
        agent_public_url: format!("https://{address}"),
        bootstrap_join_token_file: None,
        log_format: LogFormat::Text,
        audit_syslog: None,
    }
}
