//! What placement reads and writes: the world in one look, and the version that a plan commits against.

use super::{StoreError, SystemTx, leases::Lease};
use berth_domain::{
    app::AppSpec,
    id::{AppId, EnvironmentId, InstanceId, NodeId, ProjectId, ReleaseId, RolloutId, TenantId},
    lifecycle::{InstancePhase, RolloutPhase},
    node::NodeAvailability,
    quantity::Resources,
};
use berth_scheduler_core::plan::Constraint;
use chrono::{DateTime, Utc};
use sqlx::types::Json;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Everything that a pass of the engine decides from.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// The version of the assignment.
    pub version: i64,
    /// Nodes that were heard at least once and are members.
    pub nodes: Vec<NodeRecord>,
    /// All apps, also those that are wanted gone.
    pub apps: Vec<AppRecord>,
    /// All instances that are assigned.
    pub instances: Vec<InstanceRecord>,
    /// Wanted instances that had no place so far.
    pub refusals: BTreeMap<RefusalKey, BTreeMap<NodeId, Constraint>>,
}

/// A wanted instance without a place: app, release, number.
pub type RefusalKey = (AppId, ReleaseId, u32);

/// A node as it is wanted and was heard.
#[derive(Debug, Clone)]
pub struct NodeRecord {
    /// Which.
    pub id: NodeId,
    /// Its name.
    pub name: String,
    /// What is wanted of it.
    pub availability: NodeAvailability,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// What its instances may use.
    pub capacity: Resources,
    /// Images that are there.
    pub images: BTreeSet<String>,
    /// Host ports that something else listens on.
    pub foreign_ports: BTreeSet<u16>,
    /// Since it was last heard, in milliseconds of the database's clock.
    pub silence_ms: u64,
    /// Whether its Docker Engine answered then.
    pub docker_answers: bool,
}

/// An app as it is wanted.
#[derive(Debug, Clone)]
pub struct AppRecord {
    /// Which.
    pub id: AppId,
    /// Whose.
    pub tenant: TenantId,
    /// Where: project and environment.
    pub project: ProjectId,
    /// Environment.
    pub environment: EnvironmentId,
    /// The project's name.
    pub project_name: String,
    /// The environment's name.
    pub environment_name: String,
    /// Its name.
    pub name: String,
    /// Wanted instances: 0 while stopped.
    pub wanted: u32,
    /// The release that shall run.
    pub release: Option<ReleaseId>,
    /// Grows with each restart that was asked for.
    pub restart_serial: i64,
    /// Grows with every change of the row.
    pub revision: i64,
    /// Whether it is wanted gone.
    pub deleted: bool,
    /// The rollout that is going on.
    pub rollout: Option<RolloutRecord>,
}

/// A rollout that is going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RolloutRecord {
    /// Which.
    pub id: RolloutId,
    /// Where a take-back leads to.
    pub from: Option<ReleaseId>,
    /// What it brings.
    pub to: ReleaseId,
    /// Whether it replaces instances of the same release.
    pub restarts: bool,
    /// Where it stands.
    pub phase: RolloutPhase,
    /// Whether a person asked to take it back.
    pub abort_wanted: bool,
    /// When the phase began.
    pub progressed_at: DateTime<Utc>,
}

/// An instance as it is assigned and was observed.
#[derive(Debug, Clone)]
pub struct InstanceRecord {
    /// Which.
    pub id: InstanceId,
    /// Of which app.
    pub app: AppId,
    /// Of which release.
    pub release: ReleaseId,
    /// Where.
    pub node: NodeId,
    /// Its number within the release.
    pub number: u32,
    /// The app's restart serial when it was made.
    pub restart_serial: i64,
    /// Whether it was told to stop.
    pub stopping: bool,
    /// Whether its node is a member still.
    pub node_is_member: bool,
    /// As last observed.
    pub phase: InstancePhase,
    /// Restarts after failures.
    pub restarts: u32,
    /// A code for `message`.
    pub reason: String,
    /// Why it is not ready.
    pub message: String,
    /// Since when it has been ready.
    pub ready_since: Option<DateTime<Utc>>,
}

/// A release: it never changes, so it is read once.
#[derive(Debug, Clone)]
pub struct ReleaseRecord {
    /// Which.
    pub id: ReleaseId,
    /// Of which app.
    pub app: AppId,
    /// Its number.
    pub number: u32,
    /// Its spec.
    pub spec: AppSpec,
    /// Its image with digest.
    pub pinned_image: String,
    /// The image's own digest when it was loaded from a file.
    pub uploaded_digest: Option<String>,
}

/// Makes what follows in the transaction one look at one moment.
pub async fn freeze(tx: &mut SystemTx) -> Result<(), StoreError> {
    sqlx::query!("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY").execute(tx.conn()).await?;
    Ok(())
}

/// Reads everything that a pass decides from.
pub async fn get_world(tx: &mut SystemTx) -> Result<World, StoreError> {
    let version = sqlx::query_scalar!("SELECT version FROM assignment_version").fetch_one(tx.conn()).await?;
    Ok(World {
        version,
        nodes: list_nodes(tx).await?,
        apps: list_apps(tx).await?,
        instances: list_instances(tx).await?,
        refusals: list_refusals(tx).await?,
    })
}

async fn list_nodes(tx: &mut SystemTx) -> Result<Vec<NodeRecord>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT n.id, n.name, n.availability, n.labels AS "labels: Json<BTreeMap<String, String>>",
                  o.cpu_milli, o.memory_mib, o.images AS "images: Json<BTreeSet<String>>",
                  o.used_host_ports AS "ports: Json<BTreeSet<u16>>", o.docker_answers,
                  greatest(0, extract(epoch FROM clock_timestamp() - o.last_seen_at) * 1000)::bigint AS "silence_ms!"
           FROM nodes n JOIN node_observations o ON o.node_id = n.id WHERE n.removed_at IS NULL ORDER BY n.id"#
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(NodeRecord {
                id: NodeId::new(row.id),
                name: row.name,
                availability: availability_of(&row.availability)?,
                labels: row.labels.0,
                capacity: Resources::new(row.cpu_milli.unsigned_abs(), row.memory_mib.unsigned_abs()),
                images: row.images.0,
                foreign_ports: row.ports.0,
                silence_ms: row.silence_ms.unsigned_abs(),
                docker_answers: row.docker_answers,
            })
        })
        .collect()
}

/// The value of the word in `nodes.availability`.
pub(super) fn availability_of(word: &str) -> Result<NodeAvailability, StoreError> {
    NodeAvailability::from_word(word).ok_or_else(|| StoreError::Damaged(format!("nodes.availability {word}")))
}

async fn list_apps(tx: &mut SystemTx) -> Result<Vec<AppRecord>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT a.id, a.tenant_id, a.project_id, a.environment_id, p.name AS project, e.name AS environment, a.name,
                  a.replicas, a.running, a.release_id, a.restart_serial, a.revision,
                  a.deleted_at IS NOT NULL AS "deleted!", o.id AS "rollout?", o.from_release_id,
                  o.to_release_id AS "to?", o.cause AS "cause?", o.phase AS "phase?", o.abort_wanted AS "abort_wanted?",
                  o.progressed_at AS "progressed_at?"
           FROM apps a
           JOIN projects p ON p.id = a.project_id
           JOIN environments e ON e.id = a.environment_id
           LEFT JOIN rollouts o ON o.app_id = a.id AND o.phase IN ('progressing','rolling_back')
           ORDER BY a.id"#
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|row| {
            let rollout = match (row.rollout, row.to, row.cause, row.phase, row.abort_wanted, row.progressed_at) {
                (Some(id), Some(to), Some(cause), Some(phase), Some(abort_wanted), Some(progressed_at)) => {
                    Some(RolloutRecord {
                        id: RolloutId::new(id),
                        from: row.from_release_id.map(ReleaseId::new),
                        to: ReleaseId::new(to),
                        restarts: cause == "restart",
                        phase: RolloutPhase::from_word(&phase)
                            .ok_or_else(|| StoreError::Damaged(format!("rollouts.phase {phase}")))?,
                        abort_wanted,
                        progressed_at,
                    })
                }
                _ => None,
            };
            Ok(AppRecord {
                id: AppId::new(row.id),
                tenant: TenantId::new(row.tenant_id),
                project: ProjectId::new(row.project_id),
                environment: EnvironmentId::new(row.environment_id),
                project_name: row.project,
                environment_name: row.environment,
                name: row.name,
                wanted: if row.running && !row.deleted { row.replicas.unsigned_abs() } else { 0 },
                release: row.release_id.map(ReleaseId::new),
                restart_serial: row.restart_serial,
                revision: row.revision,
                deleted: row.deleted,
                rollout,
            })
        })
        .collect()
}

async fn list_instances(tx: &mut SystemTx) -> Result<Vec<InstanceRecord>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT i.id, i.app_id, i.release_id, i.node_id, i.number, i.restart_serial,
                  i.stop_reason IS NOT NULL AS "stopping!", n.removed_at IS NULL AS "node_is_member!",
                  o.phase AS "phase?", o.restarts AS "restarts?", o.reason AS "reason?", o.message AS "message?",
                  o.ready_since AS "ready_since?"
           FROM instances i JOIN nodes n ON n.id = i.node_id LEFT JOIN observations o ON o.instance_id = i.id
           ORDER BY i.id"#
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(InstanceRecord {
                id: InstanceId::new(row.id),
                app: AppId::new(row.app_id),
                release: ReleaseId::new(row.release_id),
                node: NodeId::new(row.node_id),
                number: row.number.unsigned_abs(),
                restart_serial: row.restart_serial,
                stopping: row.stopping,
                node_is_member: row.node_is_member,
                phase: row.phase.as_deref().map_or(Ok(InstancePhase::Waiting), phase_of)?,
                restarts: row.restarts.unwrap_or(0).unsigned_abs(),
                reason: row.reason.unwrap_or_default(),
                message: row.message.unwrap_or_default(),
                ready_since: row.ready_since,
            })
        })
        .collect()
}

fn phase_of(word: &str) -> Result<InstancePhase, StoreError> {
    InstancePhase::from_word(word).ok_or_else(|| StoreError::Damaged(format!("observations.phase {word}")))
}

async fn list_refusals(tx: &mut SystemTx) -> Result<BTreeMap<RefusalKey, BTreeMap<NodeId, Constraint>>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT app_id, release_id, number, nodes AS "nodes: Json<BTreeMap<NodeId, Constraint>>" FROM refusals"#
    )
    .fetch_all(tx.conn())
    .await?;
    let key = |app, release, number: i32| (AppId::new(app), ReleaseId::new(release), number.unsigned_abs());
    Ok(rows.into_iter().map(|row| (key(row.app_id, row.release_id, row.number), row.nodes.0)).collect())
}

/// Reads releases by id.
pub async fn list_releases(tx: &mut SystemTx, ids: &[ReleaseId]) -> Result<Vec<ReleaseRecord>, StoreError> {
    let ids: Vec<_> = ids.iter().map(|id| id.uuid()).collect();
    let rows = sqlx::query!(
        r#"SELECT r.id AS "id!", r.app_id AS "app_id!", r.number AS "number!", r.spec AS "spec!: Json<AppSpec>",
                  r.pinned_image AS "pinned_image!", m.image_digest AS "uploaded_digest?"
           FROM releases r LEFT JOIN images m ON m.id = r.image_id WHERE r.id = ANY($1)"#,
        &ids,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| ReleaseRecord {
            id: ReleaseId::new(row.id),
            app: AppId::new(row.app_id),
            number: row.number.unsigned_abs(),
            spec: row.spec.0,
            pinned_image: row.pinned_image,
            uploaded_digest: row.uploaded_digest,
        })
        .collect())
}

/// Takes the version that a plan was made from to the next. `false`: the world moved, or the lease is another's; nothing
/// of this transaction may be committed then.
pub async fn advance_version(tx: &mut SystemTx, base: i64, lease_name: &str, lease: Lease) -> Result<bool, StoreError> {
    let advanced = sqlx::query!(
        "UPDATE assignment_version SET version = version + 1
         WHERE version = $1 AND EXISTS (SELECT FROM leases WHERE name = $2 AND holder = $3 AND epoch = $4
                                        AND expires_at > clock_timestamp())",
        base,
        lease_name,
        lease.holder,
        lease.epoch,
    )
    .execute(tx.conn())
    .await?;
    Ok(advanced.rows_affected() == 1)
}

/// Raises the generation of these nodes' desired sets and returns it. Fewer nodes come back when one has seen a later
/// epoch: then nothing may be committed.
pub async fn raise_generations(
    tx: &mut SystemTx,
    epoch: i64,
    nodes: &BTreeSet<NodeId>,
) -> Result<BTreeMap<NodeId, i64>, StoreError> {
    let nodes: Vec<Uuid> = nodes.iter().map(|node| node.uuid()).collect();
    let rows = sqlx::query!(
        "INSERT INTO node_generations AS g (node_id, epoch, generation) SELECT unnest($2::uuid[]), $1, 1
         ON CONFLICT (node_id) DO UPDATE SET epoch = EXCLUDED.epoch, generation = g.generation + 1, emptied = false
         WHERE g.epoch <= EXCLUDED.epoch RETURNING node_id, generation",
        epoch,
        &nodes,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (NodeId::new(row.node_id), row.generation)).collect())
}

/// Marks the desired sets of these nodes that are empty now as empty on purpose.
pub async fn mark_emptied(tx: &mut SystemTx, nodes: &BTreeSet<NodeId>) -> Result<(), StoreError> {
    let nodes: Vec<Uuid> = nodes.iter().map(|node| node.uuid()).collect();
    sqlx::query!(
        "UPDATE node_generations g SET emptied = true
         WHERE node_id = ANY($1) AND NOT EXISTS (SELECT FROM instances i WHERE i.node_id = g.node_id)",
        &nodes,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Makes the refusals of all apps what they are now; `since` stays for those that were there.
pub async fn replace_refusals(
    tx: &mut SystemTx,
    gone: &[RefusalKey],
    changed: &[(RefusalKey, TenantId, &BTreeMap<NodeId, Constraint>)],
) -> Result<(), StoreError> {
    let number = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    if !gone.is_empty() {
        let apps: Vec<_> = gone.iter().map(|(app, ..)| app.uuid()).collect();
        let releases: Vec<_> = gone.iter().map(|(_, release, _)| release.uuid()).collect();
        let numbers: Vec<_> = gone.iter().map(|(.., n)| number(*n)).collect();
        sqlx::query!(
            "DELETE FROM refusals f USING unnest($1::uuid[], $2::uuid[], $3::int[]) AS g(app_id, release_id, number)
             WHERE f.app_id = g.app_id AND f.release_id = g.release_id AND f.number = g.number",
            &apps,
            &releases,
            &numbers,
        )
        .execute(tx.conn())
        .await?;
    }
    if !changed.is_empty() {
        let apps: Vec<_> = changed.iter().map(|((app, ..), ..)| app.uuid()).collect();
        let tenants: Vec<_> = changed.iter().map(|(_, tenant, _)| tenant.uuid()).collect();
        let releases: Vec<_> = changed.iter().map(|((_, release, _), ..)| release.uuid()).collect();
        let numbers: Vec<_> = changed.iter().map(|((.., n), ..)| number(*n)).collect();
        let nodes: Vec<_> = changed.iter().map(|(.., nodes)| serde_json::to_value(nodes).unwrap_or_default()).collect();
        let now = tx.now();
        sqlx::query!(
            "INSERT INTO refusals (app_id, tenant_id, release_id, number, nodes, since)
             SELECT f.app_id, f.tenant_id, f.release_id, f.number, f.nodes, $6
             FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[], $5::jsonb[])
                  AS f(app_id, tenant_id, release_id, number, nodes)
             ON CONFLICT (app_id, release_id, number) DO UPDATE SET nodes = EXCLUDED.nodes",
            &apps,
            &tenants,
            &releases,
            &numbers,
            &nodes,
            now,
        )
        .execute(tx.conn())
        .await?;
    }
    Ok(())
}

/// Removes apps that are wanted gone and have no instance left; returns those that went.
pub async fn delete_gone_apps(tx: &mut SystemTx, apps: &[AppId]) -> Result<Vec<AppId>, StoreError> {
    let ids: Vec<_> = apps.iter().map(|app| app.uuid()).collect();
    let rows = sqlx::query_scalar!(
        "DELETE FROM apps a WHERE a.id = ANY($1) AND a.deleted_at IS NOT NULL
           AND NOT EXISTS (SELECT FROM instances i WHERE i.app_id = a.id) RETURNING a.id",
        &ids,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(AppId::new).collect())
}
