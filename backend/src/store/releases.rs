//! Releases: immutable once written.

use super::{StoreError, Tx, rollouts::phase_of};
use berth_domain::{
    app::AppSpec,
    id::{AppId, ImageId, ReleaseId, UserId},
    image::{Digest, ImageReference},
    lifecycle::RolloutPhase,
    quantity::Resources,
};
use chrono::{DateTime, Utc};
use sqlx::{PgConnection, types::Json};

/// A release to write.
#[derive(Debug, Clone)]
pub struct NewRelease<'a> {
    /// Its id.
    pub id: ReleaseId,
    /// Of which app.
    pub app: AppId,
    /// Its number within the app.
    pub number: u32,
    /// As it was asked for.
    pub spec: &'a AppSpec,
    /// The image with its digest.
    pub pinned_image: &'a str,
    /// When the image was loaded from a file.
    pub image: Option<ImageId>,
    /// Why it was made.
    pub note: &'a str,
    /// By whom.
    pub created_by: UserId,
    /// When.
    pub at: DateTime<Utc>,
}

/// Writes a release.
pub async fn insert_release(tx: &mut Tx, new: NewRelease<'_>) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO releases (id, tenant_id, app_id, number, spec, pinned_image, image_id, note, created_by, created_at)
         SELECT $1, a.tenant_id, a.id, $3, $4, $5, $6, $7, $8, $9 FROM apps a WHERE a.id = $2",
        new.id.uuid(),
        new.app.uuid(),
        i32::try_from(new.number).unwrap_or(i32::MAX),
        Json(new.spec) as _,
        new.pinned_image,
        new.image.map(ImageId::uuid),
        new.note,
        new.created_by.uuid(),
        new.at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A release as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Which.
    pub id: ReleaseId,
    /// Its number within the app.
    pub number: u32,
    /// Its spec.
    pub spec: AppSpec,
    /// The image with its digest.
    pub pinned_image: String,
}

/// The release with this number, or none.
pub async fn get_release(conn: &mut PgConnection, app: AppId, number: u32) -> Result<Option<Release>, StoreError> {
    let Ok(number) = i32::try_from(number) else { return Ok(None) };
    let row = sqlx::query!(
        r#"SELECT id, number, spec AS "spec: Json<AppSpec>", pinned_image FROM releases
           WHERE app_id = $1 AND number = $2"#,
        app.uuid(),
        number,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| Release {
        id: ReleaseId::new(row.id),
        number: row.number.unsigned_abs(),
        spec: row.spec.0,
        pinned_image: row.pinned_image,
    }))
}

/// Where a rollback goes when no release is named: the newest one below `number` that once ran whole, or else the newest
/// one below it.
pub async fn get_number_before(conn: &mut PgConnection, app: AppId, number: u32) -> Result<Option<u32>, StoreError> {
    let row = sqlx::query!(
        "SELECT r.number FROM releases r
         WHERE r.app_id = $1 AND r.number < $2
         ORDER BY EXISTS (SELECT FROM rollouts o
                          WHERE o.app_id = r.app_id AND o.to_release_id = r.id AND o.phase = 'succeeded') DESC,
                  r.number DESC
         LIMIT 1",
        app.uuid(),
        i32::try_from(number).unwrap_or(i32::MAX),
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| row.number.unsigned_abs()))
}

/// A release as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseRecord {
    /// Which.
    pub id: ReleaseId,
    /// Its number within the app.
    pub number: u32,
    /// Its spec.
    pub spec: AppSpec,
    /// The image as people know it, with its digest.
    pub pinned_image: ImageReference,
    /// Why it was made.
    pub note: String,
    /// Who made it, if they still belong to the tenant.
    pub created_by: Option<String>,
    /// When.
    pub created_at: DateTime<Utc>,
    /// How its last rollout went.
    pub rollout_phase: Option<RolloutPhase>,
    /// Whether it is the one that shall run.
    pub current: bool,
}

/// Releases of an app below `below`, newest first.
pub async fn list_releases(
    conn: &mut PgConnection,
    app: AppId,
    below: Option<u32>,
    limit: i64,
) -> Result<Vec<ReleaseRecord>, StoreError> {
    let below = below.map_or(i32::MAX, |number| i32::try_from(number).unwrap_or(i32::MAX));
    let rows = sqlx::query!(
        r#"SELECT r.id, r.number, r.spec AS "spec: Json<AppSpec>", r.pinned_image, m.image_digest AS "image_digest?",
                  r.note, u.display_name AS "created_by?", r.created_at,
                  (SELECT o.phase FROM rollouts o WHERE o.app_id = r.app_id AND o.to_release_id = r.id
                   ORDER BY o.started_at DESC, o.id DESC LIMIT 1) AS rollout_phase,
                  (a.release_id IS NOT DISTINCT FROM r.id) AS "current!"
           FROM releases r JOIN apps a ON a.id = r.app_id LEFT JOIN users u ON u.id = r.created_by
           LEFT JOIN images m ON m.id = r.image_id
           WHERE r.app_id = $1 AND r.number < $2
           ORDER BY r.number DESC LIMIT $3"#,
        app.uuid(),
        below,
        limit,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(ReleaseRecord {
                id: ReleaseId::new(row.id),
                number: row.number.unsigned_abs(),
                pinned_image: image_of(&row.spec.0, &row.pinned_image, row.image_digest.as_deref())?,
                spec: row.spec.0,
                note: row.note,
                created_by: row.created_by,
                created_at: row.created_at,
                rollout_phase: row.rollout_phase.as_deref().map(phase_of).transpose()?,
                current: row.current,
            })
        })
        .collect()
}

/// What one instance of a release needs.
pub async fn get_resources(conn: &mut PgConnection, release: ReleaseId) -> Result<Option<Resources>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT spec->'resources' AS "resources!: Json<Resources>" FROM releases WHERE id = $1"#,
        release.uuid(),
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| row.resources.0))
}

/// The image as people know it, with its digest. One loaded from a file is pinned by a name of ours on nodes; people see
/// the reference that they gave it.
pub(super) fn image_of(spec: &AppSpec, pinned: &str, uploaded: Option<&str>) -> Result<ImageReference, StoreError> {
    match uploaded {
        Some(digest) => {
            let digest = Digest::parse(digest).map_err(|_| damaged("images.image_digest"))?;
            Ok(spec.image().pinned(digest))
        }
        None => ImageReference::parse(pinned).map_err(|_| damaged("releases.pinned_image")),
    }
}

/// A row that does not read as what it must be: `what` names its column.
pub(super) fn damaged(what: &str) -> StoreError {
    StoreError::Damaged(what.to_owned())
}
