//! Nodes: what they have, what they run, how they join.

use berth_domain::{
    id::{JoinTokenId, NodeId},
    lifecycle::InstancePhase,
    node::{NodeAvailability, NodeState},
    quantity::Resources,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NodeView {
    /// Which.
    pub id: NodeId,
    /// Its name.
    pub name: String,
    /// Whether it was heard lately.
    pub state: NodeState,
    /// What is wanted of it.
    pub availability: NodeAvailability,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Where published ports are reached.
    pub address: String,
    /// What its instances may use.
    pub capacity: Resources,
    /// What its instances have reserved.
    pub reserved: Resources,
    /// Instances on it.
    pub instances: u32,
    /// `amd64`, `arm64`.
    pub architecture: String,
    /// Operating system.
    pub os: String,
    /// Kernel.
    pub kernel: String,
    /// Version of the Docker Engine.
    pub docker_version: String,
    /// Version of the agent.
    pub agent_version: String,
    /// MiB free where Docker keeps its data.
    pub disk_free_mib: u64,
    /// When its agent was last heard.
    pub last_seen_at: Option<DateTime<Utc>>,
    /// Since when.
    pub joined_at: DateTime<Utc>,
}

/// A node, whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NodeDetailView {
    /// The node.
    #[serde(flatten)]
    pub node: NodeView,
    /// What runs there. Names of apps of tenants that the caller does not belong to are not shown.
    pub placed: Vec<NodeInstanceView>,
}

/// An instance on a node. Tenant, name and app are none when the caller may not see that tenant's apps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NodeInstanceView {
    /// `web-43-1`.
    pub name: Option<String>,
    /// Tenant.
    pub tenant: Option<String>,
    /// Project.
    pub project: Option<String>,
    /// Environment.
    pub environment: Option<String>,
    /// App.
    pub app: Option<String>,
    /// As last observed.
    pub phase: InstancePhase,
    /// What it may use.
    pub resources: Resources,
}

/// Changes a node. Missing fields stay.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct UpdateNodeBody {
    /// What is wanted of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability: Option<NodeAvailability>,
    /// Labels, all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
}

/// A one-time token with which one node joins within an hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JoinTokenView {
    /// Which.
    pub id: JoinTokenId,
    /// The secret and the fingerprint of the authority that the agent shall trust. Shown once.
    pub token: String,
    /// The command to run on the new node.
    pub command: String,
    /// Until when.
    pub expires_at: DateTime<Utc>,
}
