//! The next step of a rollout: how many instances of which release there shall be now.
//!
//! A step is decided from what is there, never from the step before, so it may be asked for at any time, twice, or
//! after hours: it always says what the app shall have now. Ready instances gate everything: a new one counts when it
//! is ready, an old one goes when a new one has taken its place.

mod allot;
mod failure;

use alloc::{collections::BTreeMap, string::String, vec::Vec};
use allot::Tally;
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
///
/// While it goes on there are at most `replicas + max_surge` wanted instances, and at least
/// `replicas - max_unavailable` ready ones, as far as there were so many. With fixed host ports an old instance must
/// free its port before a new one can have it: then nothing is added above `replicas`, and one may be missing at a
/// time even when `max_unavailable` is 0.
///
/// A failure changes no target: the step after it, in the new phase, decides what goes. Rolling back is never taken
/// back; when the release before does not become ready either, it stays and waits.
pub fn step(view: &RolloutView, now_ms: u64) -> RolloutStep {
    if view.phase.is_over() {
        return settle(view, None);
    }
    let tally = Tally::of(view);
    // No wanted instance is missing, so nothing needs to be waited for.
    if view.replicas == 0 || tally.is_complete(view.replicas) {
        return settle(view, Some(RolloutEvent::Completed));
    }
    if view.phase == RolloutPhase::Progressing
        && let Some(reason) = failure::find(view, &tally, now_ms)
    {
        let event = if view.before.is_some() { RolloutEvent::TakenBack } else { RolloutEvent::GivenUp };
        return RolloutStep { event: Some(event), reason: Some(reason), ..tally.as_it_is(view.target) };
    }
    tally.next(view)
}

/// The targets of an app without a rollout that is going on.
pub fn settled(release: ReleaseId, replicas: u32) -> BTreeMap<ReleaseId, u32> {
    BTreeMap::from([(release, replicas)])
}

fn settle(view: &RolloutView, event: Option<RolloutEvent>) -> RolloutStep {
    RolloutStep { targets: settled(view.target, view.replicas), outdated_allowed: 0, event, reason: None }
}
