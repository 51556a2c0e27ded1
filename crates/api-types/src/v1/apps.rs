//! Apps and their instances.

use crate::v1::releases::{ReleaseSummary, RolloutView};
use berth_domain::{
    app::AppSpecInput,
    id::{AppId, InstanceId},
    lifecycle::{AppState, InstancePhase},
    quantity::Resources,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Creates an app and deploys its first release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateAppBody {
    /// A DNS label, unique in its environment.
    pub name: String,
    /// Instances, 0 to 1000.
    #[serde(default = "one")]
    pub replicas: u32,
    /// What an instance is.
    pub spec: AppSpecInput,
}

fn one() -> u32 {
    1
}

/// Changes the number of instances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ScaleBody {
    /// Instances, 0 to 1000.
    pub replicas: u32,
}

/// An app, in a list or whole: state is computed from what is wanted and what was observed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AppView {
    /// Which.
    pub id: AppId,
    /// Its name.
    pub name: String,
    /// How it is doing.
    pub state: AppState,
    /// Wanted instances while running.
    pub replicas: u32,
    /// Whether it is wanted running.
    pub running: bool,
    /// Instances that are ready.
    pub ready: u32,
    /// Grows with every change; give it as `If-Match` to change only what you saw.
    pub revision: i64,
    /// The release that shall run.
    pub release: ReleaseSummary,
    /// Its spec.
    pub spec: AppSpecInput,
    /// The rollout that is going on.
    pub rollout: Option<RolloutView>,
    /// Where to reach a ready instance's first port, when there is one.
    pub visit_url: Option<String>,
    /// Wanted instances without a place, and why.
    pub refusals: Vec<RefusalView>,
    /// Since when.
    pub created_at: DateTime<Utc>,
}

/// A wanted instance without a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RefusalView {
    /// The name that it would have.
    pub instance: String,
    /// How many nodes fail which constraint: `cpu`, `memory`, `host_port`, `label`, `not_ready`, `not_active`.
    pub reasons: BTreeMap<String, u32>,
    /// What the node that comes nearest lacks, as a sentence without naming a foreign tenant's things.
    pub nearest: Option<String>,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// One container of a release on one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InstanceView {
    /// Which.
    pub id: InstanceId,
    /// `web-43-1`: app, release, number.
    pub name: String,
    /// The release's number.
    pub release: u32,
    /// The node's name.
    pub node: String,
    /// Whether the node was heard lately.
    pub node_lost: bool,
    /// As last observed.
    pub phase: InstancePhase,
    /// Whether it was told to stop, and why: `surplus`, `node_lost`, `node_drained`.
    pub stop_reason: Option<String>,
    /// A code for `message`: `image_not_found`, `exited`, `probe_failed` …
    pub reason: String,
    /// Why it is not ready, in English.
    pub message: String,
    /// Restarts after failures.
    pub restarts: u32,
    /// How its last run ended, if it ended.
    pub exit_code: Option<i32>,
    /// What it needs and may use.
    pub resources: Resources,
    /// Where its ports are reached from outside.
    pub endpoints: Vec<EndpointView>,
    /// Progress of a pull, in bytes.
    pub pull: Option<PullView>,
    /// Why it is on its node.
    pub explanation: PlacementView,
    /// When it was placed.
    pub created_at: DateTime<Utc>,
    /// When its process began.
    pub started_at: Option<DateTime<Utc>>,
    /// Age of what is said here.
    pub observed_at: Option<DateTime<Utc>>,
}

/// A port of an instance and where it is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EndpointView {
    /// Inside the container.
    pub container_port: u16,
    /// `address:port` of the node.
    pub address: String,
}

/// A pull that is going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PullView {
    /// Bytes that are there.
    pub bytes: u64,
    /// Bytes in all; 0 while unknown.
    pub total_bytes: u64,
}

/// Why an instance is on its node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PlacementView {
    /// The best nodes, the chosen one first.
    pub candidates: Vec<CandidateView>,
    /// How many nodes were feasible.
    pub feasible: u32,
    /// How many nodes failed which constraint.
    pub refused: BTreeMap<String, u32>,
}

/// A node that was considered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CandidateView {
    /// Its name.
    pub node: String,
    /// Instances of the same app there (when spreading).
    pub same_app: u32,
    /// Whether the image was there.
    pub image_present: bool,
    /// Fill after placing, in thousandths: free share when packing, used share when spreading; smaller is better.
    pub fill_permille: u32,
}
