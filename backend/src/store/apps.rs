//! Apps: what is wanted of them, and lists of them with what was observed.

use super::{
    StoreError, Tx,
    releases::{ReleaseRecord, image_of},
    rollouts::phase_of,
    usage::usage_of,
};
use berth_domain::{
    app::AppSpec,
    id::{AppId, EnvironmentId, ReleaseId, TenantId},
    name::Name,
    quota::Usage,
};
use chrono::{DateTime, Utc};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

/// An app to write.
#[derive(Debug, Clone)]
pub struct NewApp<'a> {
    /// Its id.
    pub id: AppId,
    /// Where.
    pub environment: EnvironmentId,
    /// Its name.
    pub name: &'a Name,
    /// Wanted instances.
    pub replicas: u32,
    /// Its first release, written right after it.
    pub release: ReleaseId,
    /// When.
    pub at: DateTime<Utc>,
}

/// Writes an app that is wanted running, with nothing reserved yet: [`update_app`] follows in the same transaction and
/// makes revision 1 of it. `false`: its name is taken, nothing was written.
pub async fn insert_app(tx: &mut Tx, new: NewApp<'_>) -> Result<bool, StoreError> {
    let written = sqlx::query!(
        "INSERT INTO apps (id, tenant_id, project_id, environment_id, name, replicas, running, release_id,
                           next_release_number, revision, created_at)
         SELECT $1, e.tenant_id, e.project_id, e.id, $3, $4, true, $5, 2, 0, $6 FROM environments e WHERE e.id = $2
         ON CONFLICT (tenant_id, environment_id, name) WHERE deleted_at IS NULL DO NOTHING",
        new.id.uuid(),
        new.environment.uuid(),
        new.name.as_str(),
        i32::try_from(new.replicas).unwrap_or(i32::MAX),
        new.release.uuid(),
        new.at,
    )
    .execute(tx.conn())
    .await?;
    Ok(written.rows_affected() == 1)
}

/// An app as it is wanted, with the release that shall run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedApp {
    /// Which.
    pub id: AppId,
    /// Of which tenant.
    pub tenant: TenantId,
    /// Wanted instances while running.
    pub replicas: u32,
    /// Whether it is wanted running.
    pub running: bool,
    /// Grows with each restart that was asked for.
    pub restart_serial: i64,
    /// The number that its next release gets.
    pub next_release_number: u32,
    /// Grows with every change.
    pub revision: i64,
    /// What it holds of the tenant's quota; `apps` is always 1.
    pub reserved: Usage,
    /// The release that shall run.
    pub release: ReleaseId,
    /// Its number.
    pub release_number: u32,
    /// Its spec.
    pub spec: AppSpec,
    /// Its image with digest.
    pub pinned_image: String,
}

impl WantedApp {
    /// How many instances there shall be.
    pub const fn wanted(&self) -> u32 {
        if self.running { self.replicas } else { 0 }
    }
}

struct WantedRow {
    id: Uuid,
    tenant_id: Uuid,
    replicas: i32,
    running: bool,
    restart_serial: i64,
    next_release_number: i32,
    revision: i64,
    reserved_cpu_milli: i64,
    reserved_memory_mib: i64,
    reserved_instances: i64,
    release_id: Uuid,
    number: i32,
    spec: Json<AppSpec>,
    pinned_image: String,
}

fn wanted(row: WantedRow) -> WantedApp {
    WantedApp {
        id: AppId::new(row.id),
        tenant: TenantId::new(row.tenant_id),
        replicas: row.replicas.unsigned_abs(),
        running: row.running,
        restart_serial: row.restart_serial,
        next_release_number: row.next_release_number.unsigned_abs(),
        revision: row.revision,
        reserved: usage_of(row.reserved_cpu_milli, row.reserved_memory_mib, row.reserved_instances, 1),
        release: ReleaseId::new(row.release_id),
        release_number: row.number.unsigned_abs(),
        spec: row.spec.0,
        pinned_image: row.pinned_image,
    }
}

/// Reads an app that is not deleted and locks its row: changes of one app happen one after the other.
pub async fn lock_app(tx: &mut Tx, app: AppId) -> Result<Option<WantedApp>, StoreError> {
    let row = sqlx::query_as!(
        WantedRow,
        r#"SELECT a.id, a.tenant_id, a.replicas, a.running, a.restart_serial, a.next_release_number, a.revision,
                  a.reserved_cpu_milli, a.reserved_memory_mib, a.reserved_instances,
                  r.id AS release_id, r.number, r.spec AS "spec: Json<AppSpec>", r.pinned_image
           FROM apps a JOIN releases r ON r.id = a.release_id
           WHERE a.id = $1 AND a.deleted_at IS NULL FOR UPDATE OF a"#,
        app.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(wanted))
}

/// The app of this name as it is wanted, without a lock: for previews.
pub async fn get_wanted_app(
    conn: &mut PgConnection,
    environment: EnvironmentId,
    name: &str,
) -> Result<Option<WantedApp>, StoreError> {
    let row = sqlx::query_as!(
        WantedRow,
        r#"SELECT a.id, a.tenant_id, a.replicas, a.running, a.restart_serial, a.next_release_number, a.revision,
                  a.reserved_cpu_milli, a.reserved_memory_mib, a.reserved_instances,
                  r.id AS release_id, r.number, r.spec AS "spec: Json<AppSpec>", r.pinned_image
           FROM apps a JOIN releases r ON r.id = a.release_id
           WHERE a.environment_id = $1 AND a.name = $2 AND a.deleted_at IS NULL"#,
        environment.uuid(),
        name,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(wanted))
}

/// Writes what is wanted of an app, and raises its revision.
pub async fn update_app(tx: &mut Tx, app: &WantedApp) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE apps SET replicas = $2, running = $3, release_id = $4, restart_serial = $5, next_release_number = $6,
                reserved_cpu_milli = $7, reserved_memory_mib = $8, reserved_instances = $9, revision = revision + 1
         WHERE id = $1",
        app.id.uuid(),
        i32::try_from(app.replicas).unwrap_or(i32::MAX),
        app.running,
        app.release.uuid(),
        app.restart_serial,
        i32::try_from(app.next_release_number).unwrap_or(i32::MAX),
        i64::try_from(app.reserved.cpu_milli.0).unwrap_or(i64::MAX),
        i64::try_from(app.reserved.memory_mib.0).unwrap_or(i64::MAX),
        i64::from(app.reserved.instances),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Marks an app as wanted gone and holding nothing; its name is free from now on.
pub async fn delete_app(tx: &mut Tx, app: AppId, at: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE apps SET deleted_at = $2, running = false, reserved_cpu_milli = 0, reserved_memory_mib = 0,
                reserved_instances = 0, revision = revision + 1
         WHERE id = $1 AND deleted_at IS NULL",
        app.uuid(),
        at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// An app as people see it, without what was observed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppRecord {
    /// Which.
    pub id: AppId,
    /// Its name.
    pub name: String,
    /// Wanted instances while running.
    pub replicas: u32,
    /// Whether it is wanted running.
    pub running: bool,
    /// Grows with every change.
    pub revision: i64,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// The release that shall run.
    pub release: ReleaseRecord,
}

/// Which apps to read.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    /// One.
    One(AppId),
    /// A page of an environment's, by name.
    PageOf {
        /// The environment.
        environment: EnvironmentId,
        /// The last name of the page before.
        after: &'a str,
        /// At most so many.
        limit: i64,
    },
}

/// Reads apps that are not deleted, by name.
pub async fn list_apps(conn: &mut PgConnection, which: Which<'_>) -> Result<Vec<AppRecord>, StoreError> {
    let (one, environment, after, limit) = match which {
        Which::One(app) => (Some(app.uuid()), None, "", 1),
        Which::PageOf { environment, after, limit } => (None, Some(environment.uuid()), after, limit),
    };
    let rows = sqlx::query!(
        r#"SELECT a.id, a.name, a.replicas, a.running, a.revision, a.created_at,
                  r.id AS release_id, r.number, r.spec AS "spec: Json<AppSpec>", r.pinned_image,
                  m.image_digest AS "image_digest?", r.note, u.display_name AS "released_by?", r.created_at AS released_at,
                  (SELECT o.phase FROM rollouts o WHERE o.app_id = a.id AND o.to_release_id = r.id
                   ORDER BY o.started_at DESC, o.id DESC LIMIT 1) AS rollout_phase
           FROM apps a JOIN releases r ON r.id = a.release_id LEFT JOIN users u ON u.id = r.created_by
           LEFT JOIN images m ON m.id = r.image_id
           WHERE a.deleted_at IS NULL AND ($1::uuid IS NULL OR a.id = $1)
             AND ($2::uuid IS NULL OR a.environment_id = $2) AND a.name > $3
           ORDER BY a.name LIMIT $4"#,
        one,
        environment,
        after,
        limit,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(AppRecord {
                id: AppId::new(row.id),
                name: row.name,
                replicas: row.replicas.unsigned_abs(),
                running: row.running,
                revision: row.revision,
                created_at: row.created_at,
                release: ReleaseRecord {
                    id: ReleaseId::new(row.release_id),
                    number: row.number.unsigned_abs(),
                    pinned_image: image_of(&row.spec.0, &row.pinned_image, row.image_digest.as_deref())?,
                    spec: row.spec.0,
                    note: row.note,
                    created_by: row.released_by,
                    created_at: row.released_at,
                    rollout_phase: row.rollout_phase.as_deref().map(phase_of).transpose()?,
                    current: true,
                },
            })
        })
        .collect()
}
