//! Images loaded from files. Upload: `POST` the archive of `docker save` as `application/x-tar`.

use berth_domain::id::ImageId;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The media type of an upload.
pub const ARCHIVE_MEDIA_TYPE: &str = "application/x-tar";
/// Largest archive, in bytes (4 GiB).
pub const ARCHIVE_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// How an upload is named.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[serde(deny_unknown_fields)]
pub struct LoadImageQuery {
    /// The reference that apps will use; the archive's own tag when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// An image that was loaded from a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ImageView {
    /// Which.
    pub id: ImageId,
    /// As apps name it.
    pub reference: String,
    /// Digest of the image's configuration.
    pub digest: String,
    /// Size of the archive, in bytes.
    pub size_bytes: u64,
    /// Ports that the image says it listens on.
    pub exposed_ports: Vec<u16>,
    /// Who loaded it.
    pub created_by: Option<String>,
    /// When.
    pub created_at: DateTime<Utc>,
}
