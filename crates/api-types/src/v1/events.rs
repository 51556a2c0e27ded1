//! What the platform did, and why.

use berth_domain::id::EventId;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How much an event matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// As it should be.
    Info,
    /// Worth a look.
    Warn,
    /// Something failed.
    Error,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EventView {
    /// Which.
    pub id: EventId,
    /// When.
    pub at: DateTime<Utc>,
    /// How much it matters.
    pub severity: Severity,
    /// A code; the console has a sentence for each in each language and shows `message` for one that it does not know.
    pub reason: String,
    /// An English sentence.
    pub message: String,
    /// The parts of the sentence.
    pub params: BTreeMap<String, String>,
    /// The project, where one is concerned.
    pub project: Option<String>,
    /// The environment.
    pub environment: Option<String>,
    /// The app.
    pub app: Option<String>,
    /// The instance's name.
    pub instance: Option<String>,
    /// The node's name.
    pub node: Option<String>,
}
