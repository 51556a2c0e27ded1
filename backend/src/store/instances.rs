//! Instances: ASSIGNED rows, written by placement alone, and read whole for the agents.

use super::{StoreError, SystemTx, placement::availability_of};
use berth_domain::{
    app::AppSpec,
    id::{AppId, EnvironmentId, ImageId, InstanceId, NodeId, ReleaseId, TenantId, UserId},
    node::NodeAvailability,
    right::Role,
};
use berth_scheduler_core::plan::{Explanation, StopReason};
use sqlx::types::Json;
use std::collections::BTreeMap;

/// An instance to assign.
#[derive(Debug, Clone)]
pub struct NewInstance {
    /// Its id.
    pub id: InstanceId,
    /// Whose.
    pub tenant: TenantId,
    /// Its app.
    pub app: AppId,
    /// Its release.
    pub release: ReleaseId,
    /// Where.
    pub node: NodeId,
    /// Its number within the release.
    pub number: u32,
    /// The app's restart serial now.
    pub restart_serial: i64,
    /// The generation of its node's desired set that brings it.
    pub generation: i64,
    /// Why there.
    pub explanation: Explanation,
}

/// Writes new instances.
pub async fn insert_instances(tx: &mut SystemTx, new: &[NewInstance]) -> Result<(), StoreError> {
    if new.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = new.iter().map(|i| i.id.uuid()).collect();
    let tenants: Vec<_> = new.iter().map(|i| i.tenant.uuid()).collect();
    let apps: Vec<_> = new.iter().map(|i| i.app.uuid()).collect();
    let releases: Vec<_> = new.iter().map(|i| i.release.uuid()).collect();
    let nodes: Vec<_> = new.iter().map(|i| i.node.uuid()).collect();
    let numbers: Vec<_> = new.iter().map(|i| i32::try_from(i.number).unwrap_or(i32::MAX)).collect();
    let serials: Vec<_> = new.iter().map(|i| i.restart_serial).collect();
    let generations: Vec<_> = new.iter().map(|i| i.generation).collect();
    let explanations: Vec<_> = new.iter().map(|i| serde_json::to_value(&i.explanation).unwrap_or_default()).collect();
    let now = tx.now();
    sqlx::query!(
        "INSERT INTO instances (id, tenant_id, app_id, release_id, node_id, number, restart_serial, generation,
                                explanation, created_at)
         SELECT n.*, $10 FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::int[], $7::bigint[],
                                     $8::bigint[], $9::jsonb[]) AS n",
        &ids,
        &tenants,
        &apps,
        &releases,
        &nodes,
        &numbers,
        &serials,
        &generations,
        &explanations,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The word for a reason in the database.
pub const fn stop_word(reason: StopReason) -> &'static str {
    match reason {
        StopReason::Surplus => "surplus",
        StopReason::NodeLost => "node_lost",
        StopReason::NodeDrained => "node_drained",
    }
}

/// Tells instances to stop; one that was told before keeps its reason.
pub async fn stop_instances(tx: &mut SystemTx, stops: &[(InstanceId, StopReason)]) -> Result<(), StoreError> {
    if stops.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = stops.iter().map(|(id, _)| id.uuid()).collect();
    let reasons: Vec<_> = stops.iter().map(|(_, reason)| stop_word(*reason).to_owned()).collect();
    let now = tx.now();
    sqlx::query!(
        "UPDATE instances i SET stop_reason = s.reason, stopping_at = $3
         FROM unnest($1::uuid[], $2::text[]) AS s(id, reason) WHERE i.id = s.id AND i.stop_reason IS NULL",
        &ids,
        &reasons,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Forgets instances that are gone.
pub async fn delete_instances(tx: &mut SystemTx, gone: &[InstanceId]) -> Result<(), StoreError> {
    let ids: Vec<_> = gone.iter().map(|id| id.uuid()).collect();
    sqlx::query!("DELETE FROM instances WHERE id = ANY($1)", &ids).execute(tx.conn()).await?;
    Ok(())
}

/// A node's desired set as the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredNode {
    /// Epoch of its last change.
    pub epoch: i64,
    /// Generation.
    pub generation: i64,
    /// Whether it is empty on purpose.
    pub emptied: bool,
    /// What is wanted of the node.
    pub availability: NodeAvailability,
    /// What it shall run, and what it shall stop.
    pub instances: Vec<DesiredInstance>,
}

/// One instance of a desired set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredInstance {
    /// Which.
    pub id: InstanceId,
    /// Its generation.
    pub generation: i64,
    /// `web-43-1`.
    pub name: String,
    /// App.
    pub app: AppId,
    /// Release.
    pub release: ReleaseId,
    /// Environment.
    pub environment: EnvironmentId,
    /// Tenant.
    pub tenant: TenantId,
    /// The app's name.
    pub app_name: String,
    /// The environment's name.
    pub environment_name: String,
    /// The project's name.
    pub project_name: String,
    /// The tenant's name.
    pub tenant_name: String,
    /// Image with digest.
    pub pinned_image: String,
    /// The image when it was loaded from a file, with its archive's digest.
    pub upload: Option<(ImageId, String)>,
    /// The spec as JSON.
    pub spec: String,
    /// Whether it shall stop.
    pub stop: bool,
}

/// The desired sets of those of `nodes` that are newer than the (epoch, generation) given with them.
pub async fn list_desired(
    tx: &mut SystemTx,
    nodes: &[(NodeId, (u64, u64))],
) -> Result<BTreeMap<NodeId, DesiredNode>, StoreError> {
    let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let ids: Vec<_> = nodes.iter().map(|(node, _)| node.uuid()).collect();
    let epochs: Vec<_> = nodes.iter().map(|(_, (epoch, _))| signed(*epoch)).collect();
    let generations: Vec<_> = nodes.iter().map(|(_, (_, generation))| signed(*generation)).collect();
    let rows = sqlx::query!(
        r#"SELECT g.node_id, g.epoch, g.generation, g.emptied, n.availability,
                  i.id AS "id?", i.generation AS "instance_generation?", i.number AS "number?",
                  i.stop_reason IS NOT NULL AS "stop!", r.number AS "release_number?", r.spec::text AS spec,
                  r.pinned_image AS "pinned_image?", a.id AS "app_id?", r.id AS "release_id?", e.id AS "environment_id?",
                  t.id AS "tenant_id?", a.name AS "app?", e.name AS "environment?", p.name AS "project?",
                  t.name AS "tenant?", m.id AS "image_id?", m.archive_sha256 AS "archive_sha256?"
           FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS s(node_id, epoch, generation)
           JOIN node_generations g ON g.node_id = s.node_id AND (g.epoch, g.generation) > (s.epoch, s.generation)
           JOIN nodes n ON n.id = g.node_id
           LEFT JOIN instances i ON i.node_id = g.node_id
           LEFT JOIN releases r ON r.id = i.release_id
           LEFT JOIN apps a ON a.id = i.app_id
           LEFT JOIN environments e ON e.id = a.environment_id
           LEFT JOIN projects p ON p.id = a.project_id
           LEFT JOIN tenants t ON t.id = i.tenant_id
           LEFT JOIN images m ON m.id = r.image_id
           ORDER BY g.node_id, i.id"#,
        &ids,
        &epochs,
        &generations,
    )
    .fetch_all(tx.conn())
    .await?;
    let mut sets = BTreeMap::new();
    for row in rows {
        let availability = availability_of(&row.availability)?;
        let set = sets.entry(NodeId::new(row.node_id)).or_insert_with(|| DesiredNode {
            epoch: row.epoch,
            generation: row.generation,
            emptied: row.emptied,
            availability,
            instances: Vec::new(),
        });
        let Some(id) = row.id else { continue };
        let missing = || StoreError::Damaged(format!("instance {id} refers to what is not there"));
        let app_name = row.app.ok_or_else(missing)?;
        let numbers = (row.release_number.ok_or_else(missing)?, row.number.ok_or_else(missing)?);
        set.instances.push(DesiredInstance {
            id: InstanceId::new(id),
            generation: row.instance_generation.ok_or_else(missing)?,
            name: instance_name(&app_name, numbers.0.unsigned_abs(), numbers.1.unsigned_abs()),
            app: AppId::new(row.app_id.ok_or_else(missing)?),
            release: ReleaseId::new(row.release_id.ok_or_else(missing)?),
            environment: EnvironmentId::new(row.environment_id.ok_or_else(missing)?),
            tenant: TenantId::new(row.tenant_id.ok_or_else(missing)?),
            app_name,
            environment_name: row.environment.ok_or_else(missing)?,
            project_name: row.project.ok_or_else(missing)?,
            tenant_name: row.tenant.ok_or_else(missing)?,
            pinned_image: row.pinned_image.ok_or_else(missing)?,
            upload: row.image_id.zip(row.archive_sha256).map(|(id, sha256)| (ImageId::new(id), sha256)),
            spec: row.spec.ok_or_else(missing)?,
            stop: row.stop,
        });
    }
    Ok(sets)
}

/// `web-43-1`: app, release, number. One DNS label.
pub fn instance_name(app: &str, release: u32, number: u32) -> String {
    format!("{app}-{release}-{number}")
}

/// Registry credentials, sealed, for the image of an instance that is on `node`. The outer `None`: it is not there.
pub async fn get_pull_secret(
    tx: &mut SystemTx,
    node: NodeId,
    instance: InstanceId,
) -> Result<Option<PullSecret>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT a.project_id, r.pinned_image, r.image_id IS NOT NULL AS "uploaded!"
           FROM instances i JOIN releases r ON r.id = i.release_id JOIN apps a ON a.id = i.app_id
           WHERE i.id = $1 AND i.node_id = $2"#,
        instance.uuid(),
        node.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let credentials = sqlx::query!(
        "SELECT id, registry, username, password_sealed FROM registry_credentials WHERE project_id = $1 ORDER BY id DESC",
        row.project_id,
    )
    .fetch_all(tx.conn())
    .await?;
    let credentials = credentials
        .into_iter()
        .map(|c| SealedCredential {
            id: c.id,
            registry: c.registry,
            username: c.username,
            password_sealed: c.password_sealed,
        })
        .collect();
    Ok(Some(PullSecret { pinned_image: row.pinned_image, uploaded: row.uploaded, credentials }))
}

/// What is known for pulling an instance's image.
#[derive(Debug, Clone)]
pub struct PullSecret {
    /// The image.
    pub pinned_image: String,
    /// Whether it was loaded from a file, so that nothing is pulled.
    pub uploaded: bool,
    /// The project's credentials, the newest first.
    pub credentials: Vec<SealedCredential>,
}

/// A registry credential as it is kept.
#[derive(Debug, Clone)]
pub struct SealedCredential {
    /// Its row.
    pub id: uuid::Uuid,
    /// Host of the registry.
    pub registry: String,
    /// User name.
    pub username: String,
    /// Password, sealed.
    pub password_sealed: Vec<u8>,
}

/// The digest of an uploaded image's archive, if an instance on `node` needs it.
pub async fn get_needed_archive(tx: &mut SystemTx, node: NodeId, image: ImageId) -> Result<Option<String>, StoreError> {
    let digest = sqlx::query_scalar!(
        "SELECT m.archive_sha256 FROM images m
         WHERE m.id = $1 AND EXISTS (SELECT FROM instances i JOIN releases r ON r.id = i.release_id
                                     WHERE r.image_id = m.id AND i.node_id = $2)",
        image.uuid(),
        node.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(digest)
}

/// An instance on a node, for the node's page.
#[derive(Debug, Clone)]
pub struct NodeInstanceRecord {
    /// Whose.
    pub tenant: TenantId,
    /// The tenant's name.
    pub tenant_name: String,
    /// The project's name.
    pub project_name: String,
    /// The environment's name.
    pub environment_name: String,
    /// The app's name.
    pub app_name: String,
    /// `web-43-1`.
    pub name: String,
    /// As last observed.
    pub phase: String,
    /// What it may use.
    pub spec: AppSpec,
    /// Whether the viewer may see the app.
    pub visible: bool,
}

/// What is on a node, by tenant and name; `viewer` may see an app where one of `roles` is bound.
pub async fn list_node_instances(
    conn: &mut sqlx::PgConnection,
    node: NodeId,
    viewer: UserId,
    roles: &[Role],
) -> Result<Vec<NodeInstanceRecord>, StoreError> {
    let roles: Vec<_> = roles.iter().map(|role| role.as_str().to_owned()).collect();
    let rows = sqlx::query!(
        r#"SELECT t.id, t.name AS tenant, p.name AS project, e.name AS environment, a.name AS app,
                  r.number AS release_number, i.number, coalesce(o.phase, 'waiting') AS "phase!",
                  r.spec AS "spec: Json<AppSpec>",
                  EXISTS (SELECT FROM role_bindings b
                          WHERE b.user_id = $2 AND b.tenant_id = i.tenant_id AND b.role = ANY($3)
                            AND (b.project_id IS NULL OR b.project_id = a.project_id)
                            AND (b.environment_id IS NULL OR b.environment_id = a.environment_id)) AS "visible!"
           FROM instances i
           JOIN apps a ON a.id = i.app_id
           JOIN releases r ON r.id = i.release_id
           JOIN environments e ON e.id = a.environment_id
           JOIN projects p ON p.id = a.project_id
           JOIN tenants t ON t.id = i.tenant_id
           LEFT JOIN observations o ON o.instance_id = i.id
           WHERE i.node_id = $1 ORDER BY t.name, p.name, e.name, a.name, r.number, i.number"#,
        node.uuid(),
        viewer.uuid(),
        &roles,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| NodeInstanceRecord {
            tenant: TenantId::new(row.id),
            tenant_name: row.tenant,
            project_name: row.project,
            environment_name: row.environment,
            name: instance_name(&row.app, row.release_number.unsigned_abs(), row.number.unsigned_abs()),
            app_name: row.app,
            phase: row.phase,
            spec: row.spec.0,
            visible: row.visible,
        })
        .collect())
}
