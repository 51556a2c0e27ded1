//! Images loaded from files.

use super::{Store, StoreError, Tx};
use berth_domain::{
    id::{ImageId, ProjectId, UserId},
    image::{Digest, ImageReference},
};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use std::collections::BTreeSet;

/// An image as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageRecord {
    /// Which.
    pub id: ImageId,
    /// As apps name it.
    pub reference: String,
    /// Of the archive.
    pub archive_sha256: String,
    /// Of the image's configuration.
    pub image_digest: String,
    /// Size of the archive.
    pub size_bytes: u64,
    /// Ports that the image says it listens on.
    pub exposed_ports: Vec<u16>,
    /// Shown name of who loaded it.
    pub created_by: Option<String>,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// An image to write.
#[derive(Debug, Clone)]
pub struct NewImage<'a> {
    /// Its id.
    pub id: ImageId,
    /// Where.
    pub project: ProjectId,
    /// As apps name it, without digest.
    pub reference: &'a ImageReference,
    /// Of the archive.
    pub archive_sha256: &'a Digest,
    /// Of the image's configuration.
    pub image_digest: &'a Digest,
    /// Size of the archive.
    pub size_bytes: u64,
    /// Ports that the image says it listens on.
    pub exposed_ports: &'a [u16],
    /// Who.
    pub created_by: UserId,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// Writes an image. An older one of the same reference stays for the releases that use it.
pub async fn insert_image(tx: &mut Tx, new: NewImage<'_>) -> Result<(), StoreError> {
    let ports: Vec<i32> = new.exposed_ports.iter().copied().map(i32::from).collect();
    sqlx::query!(
        "INSERT INTO images (id, tenant_id, project_id, reference, archive_sha256, image_digest, size_bytes,
                             exposed_ports, created_by, created_at)
         SELECT $1, p.tenant_id, p.id, $3, $4, $5, $6, $7, $8, $9 FROM projects p WHERE p.id = $2",
        new.id.uuid(),
        new.project.uuid(),
        new.reference.to_string(),
        new.archive_sha256.as_str(),
        new.image_digest.as_str(),
        i64::try_from(new.size_bytes).unwrap_or(i64::MAX),
        &ports,
        new.created_by.uuid(),
        new.created_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The image of a project that apps get by `reference`: the newest of that name.
pub async fn get_image_by_reference(
    conn: &mut PgConnection,
    project: ProjectId,
    reference: &str,
) -> Result<Option<ImageRecord>, StoreError> {
    let mut found = list_images(conn, project, Wanted::Reference(reference)).await?;
    Ok(found.pop())
}

/// One image of a project.
pub async fn get_image(
    conn: &mut PgConnection,
    project: ProjectId,
    image: ImageId,
) -> Result<Option<ImageRecord>, StoreError> {
    let mut found = list_images(conn, project, Wanted::One(image)).await?;
    Ok(found.pop())
}

/// Which images to read.
#[derive(Debug, Clone, Copy)]
pub enum Wanted<'a> {
    /// One.
    One(ImageId),
    /// The newest of a reference.
    Reference(&'a str),
    /// A page, the newest first.
    Page {
        /// The last one of the page before.
        after: Option<ImageId>,
        /// At most so many.
        limit: i64,
    },
}

/// Images of a project, the newest first.
pub async fn list_images(
    conn: &mut PgConnection,
    project: ProjectId,
    wanted: Wanted<'_>,
) -> Result<Vec<ImageRecord>, StoreError> {
    let (one, reference, after, limit) = match wanted {
        Wanted::One(image) => (Some(image.uuid()), None, None, 1),
        Wanted::Reference(reference) => (None, Some(reference), None, 1),
        Wanted::Page { after, limit } => (None, None, after.map(ImageId::uuid), limit),
    };
    let rows = sqlx::query!(
        r#"SELECT m.id, m.reference, m.archive_sha256, m.image_digest, m.size_bytes, m.exposed_ports, m.created_at,
                  u.display_name AS "created_by?"
           FROM images m LEFT JOIN users u ON u.id = m.created_by
           WHERE m.project_id = $1 AND ($2::uuid IS NULL OR m.id = $2) AND ($3::text IS NULL OR m.reference = $3)
             AND ($4::uuid IS NULL OR m.id < $4)
           ORDER BY m.id DESC LIMIT $5"#,
        project.uuid(),
        one,
        reference,
        after,
        limit,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| ImageRecord {
            id: ImageId::new(row.id),
            reference: row.reference,
            archive_sha256: row.archive_sha256,
            image_digest: row.image_digest,
            size_bytes: row.size_bytes.unsigned_abs(),
            exposed_ports: row.exposed_ports.into_iter().filter_map(|port| u16::try_from(port).ok()).collect(),
            created_by: row.created_by,
            created_at: row.created_at,
        })
        .collect())
}

/// Deletes an image that no release uses; [`StoreError::Referenced`] otherwise. `false`: it was not there.
pub async fn delete_image(tx: &mut Tx, project: ProjectId, image: ImageId) -> Result<bool, StoreError> {
    let deleted = sqlx::query!("DELETE FROM images WHERE project_id = $1 AND id = $2", project.uuid(), image.uuid())
        .execute(tx.conn())
        .await?;
    Ok(deleted.rows_affected() == 1)
}

/// Digests of all archives that some image needs, of all tenants: for the sweep of the data directory.
pub async fn list_needed_archives(store: &Store) -> Result<BTreeSet<String>, StoreError> {
    let digests = sqlx::query_scalar!("SELECT DISTINCT archive_sha256 FROM images").fetch_all(&store.system).await?;
    Ok(digests.into_iter().collect())
}
