//! Events: what the platform did, and why. Written here alone; [`super::events_read`] shows them.
//!
//! [`Reason`] is the list of all sentences. A message is its sentence with the parameters filled in, so that the
//! console can say the same in another language from the code and the parameters.

use super::{StoreError, SystemTx};
use berth_domain::id::{AppId, EnvironmentId, EventId, InstanceId, NodeId, ProjectId, TenantId};
use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;
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

impl Severity {
    /// The word in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// Everything that the control plane itself reports. Agents report with codes of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// An instance got a node.
    Placed,
    /// A wanted instance finds no node.
    Refused,
    /// An instance was told to stop: one too many.
    StoppedSurplus,
    /// An instance was given up with its node.
    StoppedNodeLost,
    /// An instance leaves a node that is drained.
    StoppedNodeDrained,
    /// A rollout was seen and begins.
    RolloutStarted,
    /// Every wanted instance runs the new release.
    RolloutSucceeded,
    /// A rollout failed or was aborted; the release before comes back.
    RolloutTakenBack,
    /// Every wanted instance runs the release before again.
    RolloutRolledBack,
    /// A rollout failed and there was no release before.
    RolloutFailed,
    /// A deleted app has no instances left.
    AppGone,
    /// A node joined.
    NodeJoined,
    /// A node is silent: it gets no new work.
    NodeSuspect,
    /// A node is silent for too long: its instances are replaced.
    NodeLost,
    /// A node is heard again.
    NodeReturned,
    /// A node's Docker Engine does not answer.
    NodeDockerDown,
    /// It answers again.
    NodeDockerUp,
    /// A node was removed.
    NodeRemoved,
    /// Too many nodes were lost at once: nothing is replaced.
    ReplacementFrozen,
    /// Replacement goes on.
    ReplacementThawed,
    /// An agent has seen newer desired sets than this database knows.
    AgentAhead,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 21] = [
        Self::Placed,
        Self::Refused,
        Self::StoppedSurplus,
        Self::StoppedNodeLost,
        Self::StoppedNodeDrained,
        Self::RolloutStarted,
        Self::RolloutSucceeded,
        Self::RolloutTakenBack,
        Self::RolloutRolledBack,
        Self::RolloutFailed,
        Self::AppGone,
        Self::NodeJoined,
        Self::NodeSuspect,
        Self::NodeLost,
        Self::NodeReturned,
        Self::NodeDockerDown,
        Self::NodeDockerUp,
        Self::NodeRemoved,
        Self::ReplacementFrozen,
        Self::ReplacementThawed,
        Self::AgentAhead,
    ];

    /// Its code, how much it matters, and its sentence with parameters in braces.
    const fn entry(self) -> (&'static str, Severity, &'static str) {
        use Severity::{Error, Info, Warn};
        match self {
            Self::Placed => ("placed", Info, "{instance} was placed on {node}."),
            Self::Refused => ("refused", Warn, "{instance} finds no place: {why}."),
            Self::StoppedSurplus => ("stopped_surplus", Info, "{instance} on {node} is no longer wanted and stops."),
            Self::StoppedNodeLost => ("stopped_node_lost", Warn, "{instance} is given up because {node} was lost."),
            Self::StoppedNodeDrained => {
                ("stopped_node_drained", Info, "{instance} leaves {node}, which is being drained.")
            }
            Self::RolloutStarted => ("rollout_started", Info, "The rollout of release {release} began."),
            Self::RolloutSucceeded => {
                ("rollout_succeeded", Info, "Release {release} runs on all {replicas} instances.")
            }
            Self::RolloutTakenBack => {
                ("rollout_taken_back", Warn, "Release {release} is taken back to release {before}: {why}")
            }
            Self::RolloutRolledBack => {
                ("rollout_rolled_back", Warn, "Release {before} runs again; release {release} was taken back.")
            }
            Self::RolloutFailed => ("rollout_failed", Error, "Release {release} failed: {why}"),
            Self::AppGone => ("app_gone", Info, "The last instance of {app} is gone."),
            Self::NodeJoined => ("node_joined", Info, "{node} joined."),
            Self::NodeSuspect => ("node_suspect", Warn, "{node} is silent and gets no new work."),
            Self::NodeLost => ("node_lost", Error, "{node} is lost; its instances are replaced."),
            Self::NodeReturned => ("node_returned", Info, "{node} is heard again."),
            Self::NodeDockerDown => ("node_docker_down", Error, "The Docker Engine of {node} does not answer."),
            Self::NodeDockerUp => ("node_docker_up", Info, "The Docker Engine of {node} answers again."),
            Self::NodeRemoved => ("node_removed", Info, "{node} was removed."),
            Self::ReplacementFrozen => (
                "replacement_frozen",
                Error,
                "{lost} of {nodes} nodes were lost within a minute: nothing is replaced until they are back or removed.",
            ),
            Self::ReplacementThawed => ("replacement_thawed", Info, "Enough nodes are back: replacement goes on."),
            Self::AgentAhead => (
                "agent_ahead",
                Error,
                "The agent of {node} has seen newer orders than this database holds and obeys none of it. \
                 Was an old backup restored?",
            ),
        }
    }
    /// The code.
    pub const fn as_str(self) -> &'static str {
        self.entry().0
    }
    /// How much it matters.
    pub const fn severity(self) -> Severity {
        self.entry().1
    }
    /// The English sentence, with parameters in braces.
    pub const fn sentence(self) -> &'static str {
        self.entry().2
    }
}

/// Whom an event concerns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Concerns {
    /// None: the platform.
    pub tenant: Option<TenantId>,
    /// Project.
    pub project: Option<ProjectId>,
    /// Environment.
    pub environment: Option<EnvironmentId>,
    /// App.
    pub app: Option<AppId>,
    /// Instance.
    pub instance: Option<InstanceId>,
    /// Node.
    pub node: Option<NodeId>,
}

/// An event to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// Its id; the same twice is written once.
    pub id: EventId,
    /// Whom it concerns.
    pub concerns: Concerns,
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
}

impl NewEvent {
    /// An event of the control plane itself.
    pub fn of<const N: usize>(
        id: EventId,
        at: DateTime<Utc>,
        reason: Reason,
        concerns: Concerns,
        params: [(&str, String); N],
    ) -> Self {
        let mut message = reason.sentence().to_owned();
        for (name, value) in &params {
            message = message.replace(&format!("{{{name}}}"), value);
        }
        Self {
            id,
            concerns,
            at,
            severity: reason.severity(),
            reason: reason.as_str().to_owned(),
            message,
            params: params.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        }
    }
}

/// Writes events; one whose id is there already is left as it is.
pub async fn insert_events(conn: &mut PgConnection, events: &[NewEvent]) -> Result<(), StoreError> {
    if events.is_empty() {
        return Ok(());
    }
    let column = |of: fn(&NewEvent) -> Option<uuid::Uuid>| events.iter().map(of).collect::<Vec<_>>();
    let ids: Vec<_> = events.iter().map(|e| e.id.uuid()).collect();
    let at: Vec<_> = events.iter().map(|e| e.at).collect();
    let severities: Vec<_> = events.iter().map(|e| e.severity.as_str().to_owned()).collect();
    let reasons: Vec<_> = events.iter().map(|e| e.reason.clone()).collect();
    let messages: Vec<_> = events.iter().map(|e| e.message.clone()).collect();
    let params: Vec<_> = events.iter().map(|e| serde_json::to_value(&e.params).unwrap_or(Value::Null)).collect();
    sqlx::query!(
        "INSERT INTO events (id, tenant_id, project_id, environment_id, app_id, instance_id, node_id, at, severity,
                             reason, message, params)
         SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::uuid[],
                              $8::timestamptz[], $9::text[], $10::text[], $11::text[], $12::jsonb[])
         ON CONFLICT (id) DO NOTHING",
        &ids,
        &column(|e| e.concerns.tenant.map(TenantId::uuid)) as &[Option<uuid::Uuid>],
        &column(|e| e.concerns.project.map(ProjectId::uuid)) as &[Option<uuid::Uuid>],
        &column(|e| e.concerns.environment.map(EnvironmentId::uuid)) as &[Option<uuid::Uuid>],
        &column(|e| e.concerns.app.map(AppId::uuid)) as &[Option<uuid::Uuid>],
        &column(|e| e.concerns.instance.map(InstanceId::uuid)) as &[Option<uuid::Uuid>],
        &column(|e| e.concerns.node.map(NodeId::uuid)) as &[Option<uuid::Uuid>],
        &at,
        &severities,
        &reasons,
        &messages,
        &params,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Deletes up to `limit` events from before a time, the oldest first; returns how many.
pub async fn delete_old_events(tx: &mut SystemTx, before: DateTime<Utc>, limit: i64) -> Result<u64, StoreError> {
    // Ids begin with their time, so that the index of the ids is one by time.
    let at_ms = before.timestamp_millis().unsigned_abs();
    let before = uuid::Builder::from_unix_timestamp_millis(at_ms, &[0; 10]).into_uuid();
    let deleted = sqlx::query!(
        "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE id < $1 ORDER BY id LIMIT $2)",
        before,
        limit,
    )
    .execute(tx.conn())
    .await?;
    Ok(deleted.rows_affected())
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn codes_are_unique_and_a_sentence_is_filled() {
        let codes: std::collections::BTreeSet<_> = Reason::ALL.iter().map(|r| r.as_str()).collect();
        assert_eq!(codes.len(), Reason::ALL.len());
        let params = [("instance", "web-1-1".to_owned()), ("node", "node-1".to_owned())];
        let id = EventId::new(Uuid::from_u128(1));
        let event = NewEvent::of(id, DateTime::UNIX_EPOCH, Reason::Placed, Concerns::default(), params);
        assert_eq!(event.message, "web-1-1 was placed on node-1.");
        assert_eq!(event.params["node"], "node-1");
    }
}
