//! The next step of a rollout: how many instances of which release there shall be now.

use alloc::{collections::BTreeMap, string::String, vec::Vec};
use berth_domain::{
    app::RolloutPolicy,
    id::{InstanceId, ReleaseId},
    lifecycle::{InstancePhase, RolloutEvent, RolloutPhase},
};
use serde::{Deserialize, Serialize};

/// What a step is decided from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolloutView {
    /// Where it stands.
    pub phase: RolloutPhase,
    /// The release that shall run: the new one, or, while rolling back, the one before.
    pub target: ReleaseId,
    /// Where it came from; none for a first release.
    pub before: Option<ReleaseId>,
    /// Wanted instances.
    pub replicas: u32,
    /// The target's policy.
    pub policy: RolloutPolicy,
    /// Whether the target has fixed host ports, so that an old instance must go before a new one can come.
    pub fixed_ports: bool,
    /// When the target last made progress (an instance became ready) or the phase began, in Unix milliseconds.
    pub progressed_at_ms: u64,
    /// Every instance of the app that is not gone.
    pub instances: Vec<RolloutInstance>,
}

/// An instance as a rollout sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolloutInstance {
    /// Which.
    pub id: InstanceId,
    /// Of which release.
    pub release: ReleaseId,
    /// As last observed; a lost node's instances count as `Waiting`.
    pub phase: InstancePhase,
    /// Whether it was told to stop.
    pub stopping: bool,
    /// How often it was started again.
    pub restarts: u32,
    /// Whether its last failure cannot be mended by trying again (no such image, denied).
    pub hopeless: bool,
    /// Why it is not ready, for the rollout's own reason.
    pub message: String,
    /// Of the target release, but made before the restart that is going on: it must be replaced.
    /// The same rule as [`crate::snapshot::Placed::outdated`].
    #[serde(default)]
    pub outdated: bool,
}

/// What shall be now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolloutStep {
    /// How many instances of which release the app shall have now.
    /// Outdated instances are not among them.
    pub targets: BTreeMap<ReleaseId, u32>,
    /// How many outdated instances may still run: for [`crate::snapshot::Snapshot::outdated_allowed`].
    #[serde(default)]
    pub outdated_allowed: u32,
    /// What happened to the rollout, if anything.
    pub event: Option<RolloutEvent>,
    /// Why, as an English sentence, when `event` is a failure.
    pub reason: Option<String>,
}

/// Restarts of one new instance after which a rollout is taken back: a crash loop will not mend itself.
pub const RESTARTS_MAX: u32 = 3;

/// Decides the next step at `now_ms` (Unix milliseconds).
pub fn step(view: &RolloutView, _now_ms: u64) -> RolloutStep {
    RolloutStep { targets: settled(view.target, view.replicas), outdated_allowed: 0, event: None, reason: None }
}

/// The targets of an app without a rollout that is going on.
pub fn settled(release: ReleaseId, replicas: u32) -> BTreeMap<ReleaseId, u32> {
    BTreeMap::from([(release, replicas)])
}
