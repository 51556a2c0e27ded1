//! Releases and rollouts.

use berth_domain::{
    app::AppSpecInput,
    diff::SpecChange,
    id::{ReleaseId, RolloutId},
    lifecycle::RolloutPhase,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Makes a release and rolls it out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DeployBody {
    /// What an instance shall be.
    pub spec: AppSpecInput,
    /// Why, for those who read the history; at most 500 characters.
    #[serde(default)]
    pub note: String,
}

/// Goes back to an earlier release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RollbackBody {
    /// The release's number; the one before the present one when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<u32>,
}

/// What was begun: the answer (202) of deploy, rollback and restart. Creating an app answers 202 with its `AppView`;
/// scale (`PUT`), stop and start answer 200 with it; abort answers 202 with the `RolloutView`.
///
/// Deploying just what runs already, spec and image alike, makes no release: the answer then has the present release's
/// number and no rollout. To get fresh instances, restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RolloutStartedView {
    /// The rollout; none when there is nothing to roll out: the app is stopped or scaled to nothing, or nothing changed.
    pub rollout: Option<RolloutId>,
    /// The release's number.
    pub release: u32,
}

/// A release, in a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReleaseSummary {
    /// Which.
    pub id: ReleaseId,
    /// Its number within the app, from 1.
    pub number: u32,
    /// The image, pinned by digest.
    pub image: String,
    /// Why it was made.
    pub note: String,
    /// Who made it.
    pub created_by: Option<String>,
    /// When.
    pub created_at: DateTime<Utc>,
    /// How its last rollout went.
    pub rollout_phase: Option<RolloutPhase>,
    /// Whether it is the one that shall run.
    pub current: bool,
}

/// A release, whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReleaseView {
    /// In a line.
    #[serde(flatten)]
    pub summary: ReleaseSummary,
    /// Its spec.
    pub spec: AppSpecInput,
    /// What changed since the release before; all of it for the first one is nothing.
    pub changes: Vec<SpecChange>,
    /// Number of the release that `changes` compares with.
    pub compared_with: Option<u32>,
}

/// Why a rollout was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RolloutCause {
    /// A new release.
    Deploy,
    /// Back to an earlier one.
    Rollback,
    /// The same release, fresh instances.
    Restart,
}

/// A rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RolloutView {
    /// Which.
    pub id: RolloutId,
    /// Why it was begun.
    pub cause: RolloutCause,
    /// Number of the release before; none for the first.
    pub from_release: Option<u32>,
    /// Number of the release that it brings.
    pub to_release: u32,
    /// Where it stands.
    pub phase: RolloutPhase,
    /// Why it was taken back, in English.
    pub reason: String,
    /// Wanted instances.
    pub wanted: u32,
    /// Ready instances of the release that it brings.
    pub ready: u32,
    /// Who began it.
    pub started_by: Option<String>,
    /// When.
    pub started_at: DateTime<Utc>,
    /// When it was over.
    pub ended_at: Option<DateTime<Utc>>,
}
