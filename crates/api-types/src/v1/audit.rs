//! The audit trail.

use berth_domain::id::AuditId;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// One act.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditView {
    /// Which.
    pub id: AuditId,
    /// Its place in the chain.
    pub sequence: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// Who, by e-mail at that time.
    pub actor: String,
    /// `noun.verb`.
    pub action: String,
    /// On what: names joined by `/`.
    pub target: String,
    /// `done`, `denied` or `failed`.
    pub result: String,
    /// The request.
    pub request_id: String,
    /// The caller's address.
    pub source: String,
    /// What was there before, without secrets.
    pub before: Option<serde_json::Value>,
    /// What is there after, without secrets.
    pub after: Option<serde_json::Value>,
    /// The row's hash, in hexadecimal.
    pub sha256: String,
}
