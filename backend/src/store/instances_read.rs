//! Instances, refusals and addresses as people see them: assigned and observed rows, read only.

use super::{StoreError, releases::damaged};
use berth_domain::{
    id::{AppId, InstanceId, NodeId},
    lifecycle::InstancePhase,
    node::LOST_AFTER_MS,
    quantity::Resources,
};
use berth_scheduler_core::plan::{Constraint, Explanation};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use sqlx::{PgConnection, types::Json};
use std::collections::BTreeMap;

/// Silence after which a node is lost, in milliseconds of the database's clock.
pub(super) const LOST_MS: i64 = LOST_AFTER_MS as i64;

/// A port of a container and where its node publishes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct PublishedPort {
    /// Inside the container.
    pub container: u16,
    /// On the node.
    pub host: u16,
}

/// An instance, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceRecord {
    /// Which.
    pub id: InstanceId,
    /// Its number within its release.
    pub number: u32,
    /// Its release's number.
    pub release_number: u32,
    /// Where it is.
    pub node: NodeId,
    /// The node's name.
    pub node_name: String,
    /// Where the node's published ports are reached; empty when it never reported.
    pub address: String,
    /// Whether its node was not heard lately.
    pub node_lost: bool,
    /// Why it was told to stop, if it was.
    pub stop_reason: Option<String>,
    /// Why it is on its node.
    pub explanation: Explanation,
    /// What it needs.
    pub resources: Resources,
    /// When it was placed.
    pub created_at: DateTime<Utc>,
    /// What was seen of it, if anything was.
    pub observed: Option<Observed>,
}

/// What an agent saw of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// Where it stands.
    pub phase: InstancePhase,
    /// A code for `message`.
    pub reason: String,
    /// Why it is not ready.
    pub message: String,
    /// Restarts after failures.
    pub restarts: u32,
    /// How its last run ended.
    pub exit_code: Option<i32>,
    /// Where its ports are published.
    pub ports: Vec<PublishedPort>,
    /// Bytes of its image that are there, while it is pulled.
    pub pulled_bytes: u64,
    /// Bytes of its image in all; 0 while unknown.
    pub pull_total_bytes: u64,
    /// When its process began.
    pub started_at: Option<DateTime<Utc>>,
    /// When this was seen.
    pub at: DateTime<Utc>,
}

/// The instances of an app that are not gone, newest release first. An app has no more than twice
/// [`berth_domain::limit::REPLICAS_MAX`] of them, so they come in one piece.
pub async fn list_instances(conn: &mut PgConnection, app: AppId) -> Result<Vec<InstanceRecord>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT i.id, i.number, r.number AS release_number, i.node_id, n.name AS node_name,
                  no.address AS "address?", i.stop_reason,
                  coalesce(extract(epoch FROM clock_timestamp() - no.last_seen_at) * 1000 >= $2::bigint, true)
                      AS "node_lost!",
                  i.explanation AS "explanation: Json<Explanation>",
                  r.spec->'resources' AS "resources!: Json<Resources>", i.created_at,
                  ob.phase AS "phase?", ob.reason AS "reason?", ob.message AS "message?", ob.restarts AS "restarts?",
                  ob.exit_code, ob.ports AS "ports?: Json<Vec<PublishedPort>>", ob.pulled_bytes AS "pulled_bytes?",
                  ob.pull_total_bytes AS "pull_total_bytes?", ob.started_at, ob.updated_at AS "updated_at?"
           FROM instances i
           JOIN releases r ON r.id = i.release_id
           JOIN nodes n ON n.id = i.node_id
           LEFT JOIN node_observations no ON no.node_id = i.node_id
           LEFT JOIN observations ob ON ob.instance_id = i.id
           WHERE i.app_id = $1 AND ob.phase IS DISTINCT FROM 'stopped'
           ORDER BY r.number DESC, i.number, i.id"#,
        app.uuid(),
        LOST_MS,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let observed = match (row.phase, row.updated_at) {
                (Some(phase), Some(at)) => Some(Observed {
                    phase: InstancePhase::from_word(&phase).ok_or_else(|| damaged("observations.phase"))?,
                    reason: row.reason.unwrap_or_default(),
                    message: row.message.unwrap_or_default(),
                    restarts: row.restarts.unwrap_or(0).unsigned_abs(),
                    exit_code: row.exit_code,
                    ports: row.ports.map(|ports| ports.0).unwrap_or_default(),
                    pulled_bytes: row.pulled_bytes.unwrap_or(0).unsigned_abs(),
                    pull_total_bytes: row.pull_total_bytes.unwrap_or(0).unsigned_abs(),
                    started_at: row.started_at,
                    at,
                }),
                _ => None,
            };
            Ok(InstanceRecord {
                id: InstanceId::new(row.id),
                number: row.number.unsigned_abs(),
                release_number: row.release_number.unsigned_abs(),
                node: NodeId::new(row.node_id),
                node_name: row.node_name,
                address: row.address.unwrap_or_default(),
                node_lost: row.node_lost,
                stop_reason: row.stop_reason,
                explanation: row.explanation.0,
                resources: row.resources.0,
                created_at: row.created_at,
                observed,
            })
        })
        .collect()
}

/// What is ready of an app.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReadyRecord {
    /// Instances that are ready and not told to stop, on nodes that were heard.
    pub ready: u32,
    /// The address of the one that *Visit* opens: of the release that shall run, ready for the longest time.
    pub visit: Option<VisitRecord>,
}

/// Where a ready instance is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisitRecord {
    /// The node's address.
    pub address: String,
    /// Its published ports.
    pub ports: Vec<PublishedPort>,
    /// The spec's first port, if the app has any.
    pub first_port: Option<u16>,
}

/// What is ready of each of these apps; apps with nothing ready have no entry. What is on a lost node does not count.
pub async fn list_ready(conn: &mut PgConnection, apps: &[AppId]) -> Result<BTreeMap<AppId, ReadyRecord>, StoreError> {
    let apps: Vec<_> = apps.iter().map(|app| app.uuid()).collect();
    let rows = sqlx::query!(
        r#"SELECT DISTINCT ON (i.app_id) i.app_id, count(*) OVER (PARTITION BY i.app_id) AS "ready!", no.address,
                  ob.ports AS "ports: Json<Vec<PublishedPort>>",
                  (r.spec->'ports'->0->>'container')::integer AS first_port
           FROM instances i
           JOIN apps a ON a.id = i.app_id
           JOIN releases r ON r.id = i.release_id
           JOIN observations ob ON ob.instance_id = i.id
           JOIN node_observations no ON no.node_id = i.node_id
           WHERE i.app_id = ANY($1) AND ob.phase = 'ready' AND i.stop_reason IS NULL
             AND extract(epoch FROM clock_timestamp() - no.last_seen_at) * 1000 < $2::bigint
           ORDER BY i.app_id, (i.release_id = a.release_id) DESC, ob.ready_since, i.id"#,
        &apps,
        LOST_MS,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let visit = VisitRecord {
                address: row.address,
                ports: row.ports.0,
                first_port: row.first_port.and_then(|port| u16::try_from(port).ok()),
            };
            let ready = u32::try_from(row.ready).unwrap_or(u32::MAX);
            (AppId::new(row.app_id), ReadyRecord { ready, visit: Some(visit) })
        })
        .collect())
}

/// A wanted instance without a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusalRecord {
    /// Of which app.
    pub app: AppId,
    /// Its release's number.
    pub release_number: u32,
    /// The number that it would have.
    pub number: u32,
    /// The constraint that failed, per node.
    pub nodes: BTreeMap<NodeId, Constraint>,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// Refusals of these apps, in the order of their names to be.
pub async fn list_refusals(conn: &mut PgConnection, apps: &[AppId]) -> Result<Vec<RefusalRecord>, StoreError> {
    let apps: Vec<_> = apps.iter().map(|app| app.uuid()).collect();
    let rows = sqlx::query!(
        r#"SELECT f.app_id, r.number AS release_number, f.number,
                  f.nodes AS "nodes: Json<BTreeMap<NodeId, Constraint>>", f.since
           FROM refusals f JOIN releases r ON r.id = f.release_id
           WHERE f.app_id = ANY($1) ORDER BY f.app_id, r.number, f.number"#,
        &apps,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| RefusalRecord {
            app: AppId::new(row.app_id),
            release_number: row.release_number.unsigned_abs(),
            number: row.number.unsigned_abs(),
            nodes: row.nodes.0,
            since: row.since,
        })
        .collect())
}

/// Names of nodes. Needs a look as the system: a tenant sees only nodes that it has instances on.
pub async fn list_node_names(
    conn: &mut PgConnection,
    nodes: &[NodeId],
) -> Result<BTreeMap<NodeId, String>, StoreError> {
    let nodes: Vec<_> = nodes.iter().map(|node| node.uuid()).collect();
    let rows = sqlx::query!("SELECT id, name FROM nodes WHERE id = ANY($1)", &nodes).fetch_all(conn).await?;
    Ok(rows.into_iter().map(|row| (NodeId::new(row.id), row.name)).collect())
}
