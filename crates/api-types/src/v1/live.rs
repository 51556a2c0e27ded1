//! The live stream: what changed, so that a page fetches again just what it shows. Server-sent events.
//!
//! `event: changed` carries [`Changed`]; `event: beat` carries [`Beat`] every [`BEAT_MS`], so that a page knows
//! a broken stream from a quiet one. After a reconnect a page fetches everything that it shows.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Between two beats, in milliseconds.
pub const BEAT_MS: u64 = 5_000;

/// Things changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Changed {
    /// Which; each once.
    pub topics: Vec<Topic>,
}

/// A thing that a page may show.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Topic {
    /// An app: its row, releases, rollout, instances or events.
    App {
        /// Project.
        project: String,
        /// Environment.
        environment: String,
        /// App.
        app: String,
    },
    /// Projects, environments, credentials or images of the tenant.
    Projects,
    /// People, quota or usage of the tenant.
    Tenant,
    /// Nodes of the platform.
    Nodes,
    /// The receiver fell behind: everything may have changed.
    Everything,
}

/// The stream is alive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Beat {
    /// The server's time.
    pub at: DateTime<Utc>,
}
