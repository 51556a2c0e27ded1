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

/// Which rows of a trail, and which page of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[serde(deny_unknown_fields)]
pub struct AuditQuery {
    /// `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Entries, 1 to 500; 50 when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// A part of the e-mail of who did it, in any case of letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// The action, or its noun: `app` finds `app.scale`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// A part of the target's path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// `done`, `denied` or `failed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// From this moment on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<DateTime<Utc>>,
    /// Before this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
}

/// How a trail stands, after all of it was gone through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditCheckView {
    /// Whether every row, link and signature holds.
    pub whole: bool,
    /// Place of the oldest row that is there.
    pub from: i64,
    /// Place of the newest one.
    pub to: i64,
    /// Signed checkpoints that hold.
    pub checkpoints: u64,
    /// When the trail's end was signed.
    pub signed_at: DateTime<Utc>,
    /// The public key that signs, in hexadecimal. Note it down elsewhere: an export is checked with it.
    pub key: String,
    /// The first row that is wrong or missing.
    pub broken_at: Option<i64>,
    /// What is wrong there, as a code.
    pub fault: Option<String>,
    /// What is wrong there, as an English sentence.
    pub message: Option<String>,
}

/// Media type of an export that can be checked: lines of JSON.
pub const AUDIT_EXPORT_MEDIA_TYPE: &str = "application/x-ndjson";
/// Media type of a table of rows.
pub const AUDIT_TABLE_MEDIA_TYPE: &str = "text/csv";
