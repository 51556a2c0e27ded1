//! What a deploy would do. Computed by the scheduler's own code; changes nothing.

use crate::v1::apps::{PlacementView, RefusalView};
use berth_domain::{
    app::AppSpecInput,
    quota::{Quota, QuotaExceeded, Usage},
};
use serde::{Deserialize, Serialize};

/// Asks for a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PlanBody {
    /// An existing app of the environment to change; none for a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// Instances.
    pub replicas: u32,
    /// What an instance would be.
    pub spec: AppSpecInput,
}

/// What would happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PlanView {
    /// Where each instance would run; shorter than `replicas` when there is no room.
    pub placements: Vec<PlannedPlacement>,
    /// Instances that would find no place, and why.
    pub refusals: Vec<RefusalView>,
    /// What the tenant uses now.
    pub usage_before: Usage,
    /// What it would use.
    pub usage_after: Usage,
    /// What it may use.
    pub quota: Quota,
    /// Which bounds would be passed.
    pub exceeded: Vec<QuotaExceeded>,
    /// TCP ports that the image says it listens on, in order; empty when it says none.
    #[serde(default)]
    pub exposed_ports: Vec<u16>,
}

/// Where an instance would run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PlannedPlacement {
    /// The node's name.
    pub node: String,
    /// Whether the image is there.
    pub image_present: bool,
    /// Why there.
    pub explanation: PlacementView,
}
