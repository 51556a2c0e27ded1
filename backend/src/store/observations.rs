//! What agents observe of instances: OBSERVED rows, written by observation alone. A report replaces what was there.

use super::{StoreError, SystemTx};
use berth_domain::id::{AppId, EnvironmentId, InstanceId, NodeId, ProjectId, TenantId};
use berth_scheduler::message::InstanceReport;
use chrono::{DateTime, Utc};
use serde_json::json;
use std::collections::BTreeMap;
use uuid::Uuid;

/// One instance, seen on one node.
pub type Seen<'a> = (NodeId, &'a InstanceReport);

/// An app whose instances look different now.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChangedApp {
    /// Whose.
    pub tenant: TenantId,
    /// The project's name.
    pub project: String,
    /// The environment's name.
    pub environment: String,
    /// The app's name.
    pub app: String,
}

/// Writes what was seen; instances that are not assigned to the node that speaks of them are passed over. Each instance at
/// most once. Returns the apps that look different now.
pub async fn upsert_observations(tx: &mut SystemTx, seen: &[Seen<'_>]) -> Result<Vec<ChangedApp>, StoreError> {
    if seen.is_empty() {
        return Ok(Vec::new());
    }
    let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let nodes: Vec<_> = seen.iter().map(|(node, _)| node.uuid()).collect();
    let ids: Vec<_> = seen.iter().map(|(_, s)| s.instance.uuid()).collect();
    let phases: Vec<_> = seen.iter().map(|(_, s)| s.phase.as_str().to_owned()).collect();
    let containers: Vec<_> = seen.iter().map(|(_, s)| s.container_id.clone()).collect();
    let reasons: Vec<_> = seen.iter().map(|(_, s)| s.reason.clone()).collect();
    let messages: Vec<_> = seen.iter().map(|(_, s)| s.message.clone()).collect();
    let restarts: Vec<_> = seen.iter().map(|(_, s)| i32::try_from(s.restarts).unwrap_or(i32::MAX)).collect();
    let ports: Vec<_> = seen
        .iter()
        .map(|(_, s)| s.ports.iter().map(|(inside, host)| json!({"container": inside, "host": host})).collect())
        .collect::<Vec<serde_json::Value>>();
    let started: Vec<_> = seen.iter().map(|(_, s)| s.started_at_ms.and_then(time_of)).collect();
    let exits: Vec<_> = seen.iter().map(|(_, s)| s.exit_code).collect();
    let pulled: Vec<_> = seen.iter().map(|(_, s)| signed(s.pulled_bytes)).collect();
    let totals: Vec<_> = seen.iter().map(|(_, s)| signed(s.pull_total_bytes)).collect();
    let now = tx.now();
    let rows = sqlx::query!(
        r#"WITH written AS (
               INSERT INTO observations AS o (instance_id, tenant_id, phase, container_id, reason, message, restarts, ports,
                   started_at, exit_code, pulled_bytes, pull_total_bytes, ready_since, updated_at)
               SELECT i.id, i.tenant_id, s.phase, s.container_id, s.reason, s.message, s.restarts, s.ports, s.started_at,
                      s.exit_code, s.pulled_bytes, s.pull_total_bytes, CASE WHEN s.phase = 'ready' THEN $13::timestamptz END, $13::timestamptz
               FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::int[], $8::jsonb[],
                           $9::timestamptz[], $10::int[], $11::bigint[], $12::bigint[])
                    AS s(node_id, id, phase, container_id, reason, message, restarts, ports, started_at, exit_code,
                         pulled_bytes, pull_total_bytes)
               JOIN instances i ON i.id = s.id AND i.node_id = s.node_id
               ON CONFLICT (instance_id) DO UPDATE SET phase = EXCLUDED.phase, container_id = EXCLUDED.container_id,
                   reason = EXCLUDED.reason, message = EXCLUDED.message, restarts = EXCLUDED.restarts,
                   ports = EXCLUDED.ports, started_at = EXCLUDED.started_at, exit_code = EXCLUDED.exit_code,
                   pulled_bytes = EXCLUDED.pulled_bytes, pull_total_bytes = EXCLUDED.pull_total_bytes,
                   ready_since = CASE WHEN EXCLUDED.phase = 'ready' THEN coalesce(o.ready_since, EXCLUDED.ready_since) END,
                   updated_at = EXCLUDED.updated_at
               WHERE (o.phase, o.container_id, o.reason, o.message, o.restarts, o.ports, o.started_at, o.exit_code,
                      o.pulled_bytes, o.pull_total_bytes)
                  IS DISTINCT FROM (EXCLUDED.phase, EXCLUDED.container_id, EXCLUDED.reason, EXCLUDED.message,
                      EXCLUDED.restarts, EXCLUDED.ports, EXCLUDED.started_at, EXCLUDED.exit_code, EXCLUDED.pulled_bytes,
                      EXCLUDED.pull_total_bytes)
               RETURNING o.instance_id)
           SELECT DISTINCT a.tenant_id, p.name AS project, e.name AS environment, a.name AS app
           FROM written w JOIN instances i ON i.id = w.instance_id JOIN apps a ON a.id = i.app_id
           JOIN environments e ON e.id = a.environment_id JOIN projects p ON p.id = a.project_id"#,
        &nodes,
        &ids,
        &phases,
        &containers,
        &reasons,
        &messages,
        &restarts,
        &ports,
        &started as &[Option<DateTime<Utc>>],
        &exits as &[Option<i32>],
        &pulled,
        &totals,
        now,
    )
    .fetch_all(tx.conn())
    .await?;
    let app = |tenant, project, environment, app| ChangedApp { tenant, project, environment, app };
    Ok(rows.into_iter().map(|row| app(TenantId::new(row.tenant_id), row.project, row.environment, row.app)).collect())
}

fn time_of(ms: u64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(i64::try_from(ms).ok()?)
}

/// Marks instances as gone that were told to stop and that a node no longer speaks of, although it has applied its newest
/// desired set. Returns how many.
pub async fn mark_absent(
    tx: &mut SystemTx,
    node: NodeId,
    applied: (u64, u64),
    present: &[InstanceId],
) -> Result<u64, StoreError> {
    let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let present: Vec<_> = present.iter().map(|id| id.uuid()).collect();
    let now = tx.now();
    let marked = sqlx::query!(
        "INSERT INTO observations (instance_id, tenant_id, phase, updated_at)
         SELECT i.id, i.tenant_id, 'stopped', $5
         FROM instances i JOIN node_generations g ON g.node_id = i.node_id
         WHERE i.node_id = $1 AND i.stop_reason IS NOT NULL AND (g.epoch, g.generation) = ($2, $3)
           AND NOT (i.id = ANY($4))
         ON CONFLICT (instance_id) DO UPDATE SET phase = 'stopped', ready_since = NULL, updated_at = EXCLUDED.updated_at
         WHERE observations.phase <> 'stopped'",
        node.uuid(),
        signed(applied.0),
        signed(applied.1),
        &present,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(marked.rows_affected())
}

/// Where an instance belongs, for events about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstancePlace {
    /// Whose.
    pub tenant: TenantId,
    /// Project.
    pub project: ProjectId,
    /// Environment.
    pub environment: EnvironmentId,
    /// App.
    pub app: AppId,
    /// The app's name.
    pub app_name: String,
    /// `web-43-1`.
    pub name: String,
}

/// Where these instances belong, as far as they are assigned to the node that is named with them.
pub async fn list_instance_places(
    tx: &mut SystemTx,
    instances: &[(NodeId, InstanceId)],
) -> Result<BTreeMap<InstanceId, InstancePlace>, StoreError> {
    if instances.is_empty() {
        return Ok(BTreeMap::new());
    }
    let nodes: Vec<Uuid> = instances.iter().map(|(node, _)| node.uuid()).collect();
    let ids: Vec<Uuid> = instances.iter().map(|(_, id)| id.uuid()).collect();
    let rows = sqlx::query!(
        "SELECT DISTINCT i.id, i.tenant_id, a.project_id, a.environment_id, a.id AS app_id, a.name,
                r.number AS release_number, i.number
         FROM unnest($1::uuid[], $2::uuid[]) AS s(node_id, id)
         JOIN instances i ON i.id = s.id AND i.node_id = s.node_id
         JOIN apps a ON a.id = i.app_id JOIN releases r ON r.id = i.release_id",
        &nodes,
        &ids,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let numbers = (row.release_number.unsigned_abs(), row.number.unsigned_abs());
            let place = InstancePlace {
                tenant: TenantId::new(row.tenant_id),
                project: ProjectId::new(row.project_id),
                environment: EnvironmentId::new(row.environment_id),
                app: AppId::new(row.app_id),
                name: super::instances::instance_name(&row.name, numbers.0, numbers.1),
                app_name: row.name,
            };
            (InstanceId::new(row.id), place)
        })
        .collect())
}
