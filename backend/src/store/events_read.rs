//! Events as people see them: what the platform did, and why, newest first.

use super::{StoreError, releases::damaged};
use berth_domain::id::{AppId, EventId, NodeId, TenantId};
use chrono::{DateTime, Utc};
use sqlx::{PgConnection, types::Json};
use std::collections::BTreeMap;

/// How much an event matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// As it should be.
    Info,
    /// Worth a look.
    Warn,
    /// Something failed.
    Error,
}

/// An event with the names of what it concerns, as far as they still exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRecord {
    /// Which.
    pub id: EventId,
    /// When.
    pub at: DateTime<Utc>,
    /// How much it matters.
    pub severity: Severity,
    /// A code.
    pub reason: String,
    /// An English sentence.
    pub message: String,
    /// The parts of the sentence.
    pub params: BTreeMap<String, String>,
    /// The project.
    pub project: Option<String>,
    /// The environment.
    pub environment: Option<String>,
    /// The app.
    pub app: Option<String>,
    /// The instance: app, release, number.
    pub instance: Option<(String, u32, u32)>,
    /// The node.
    pub node: Option<String>,
}

/// Which events.
#[derive(Debug, Clone, Copy)]
pub enum Of {
    /// Of one app.
    App(AppId),
    /// Of a tenant, all its apps.
    Tenant(TenantId),
    /// Of a node itself, without what happened to tenants' instances there.
    Node(NodeId),
}

/// Events before `before`, newest first. Ids are drawn in the order of time, so that a page is one walk along an index.
pub async fn list_events(
    conn: &mut PgConnection,
    of: Of,
    before: Option<EventId>,
    limit: i64,
) -> Result<Vec<EventRecord>, StoreError> {
    let (app, tenant, node) = match of {
        Of::App(app) => (Some(app.uuid()), None, None),
        Of::Tenant(tenant) => (None, Some(tenant.uuid()), None),
        Of::Node(node) => (None, None, Some(node.uuid())),
    };
    let rows = sqlx::query!(
        r#"SELECT e.id, e.at, e.severity, e.reason, e.message, e.params AS "params: Json<serde_json::Value>",
                  p.name AS "project?", v.name AS "environment?", a.name AS "app?", r.number AS "release_number?",
                  i.number AS "instance_number?", n.name AS "node?"
           FROM events e
           LEFT JOIN projects p ON p.id = e.project_id
           LEFT JOIN environments v ON v.id = e.environment_id
           LEFT JOIN apps a ON a.id = e.app_id
           LEFT JOIN instances i ON i.id = e.instance_id
           LEFT JOIN releases r ON r.id = i.release_id
           LEFT JOIN nodes n ON n.id = e.node_id
           WHERE ($1::uuid IS NULL OR e.app_id = $1) AND ($2::uuid IS NULL OR e.tenant_id = $2)
             AND ($3::uuid IS NULL OR e.id < $3)
             AND ($5::uuid IS NULL OR e.node_id = $5 AND e.tenant_id IS NULL)
           ORDER BY e.id DESC LIMIT $4"#,
        app,
        tenant,
        before.map(EventId::uuid),
        limit,
        node,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let instance = match (&row.app, row.release_number, row.instance_number) {
                (Some(app), Some(release), Some(number)) => {
                    Some((app.clone(), release.unsigned_abs(), number.unsigned_abs()))
                }
                _ => None,
            };
            Ok(EventRecord {
                id: EventId::new(row.id),
                at: row.at,
                severity: severity_of(&row.severity)?,
                reason: row.reason,
                message: row.message,
                params: params_of(&row.params.0),
                project: row.project,
                environment: row.environment,
                app: row.app,
                instance,
                node: row.node,
            })
        })
        .collect()
}

fn severity_of(word: &str) -> Result<Severity, StoreError> {
    match word {
        "info" => Ok(Severity::Info),
        "warn" => Ok(Severity::Warn),
        "error" => Ok(Severity::Error),
        _ => Err(damaged("events.severity")),
    }
}

/// Parts of a sentence are text; whoever writes a number means its digits.
fn params_of(value: &serde_json::Value) -> BTreeMap<String, String> {
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    value.as_object().into_iter().flatten().map(|(key, value)| (key.clone(), text(value))).collect()
}
