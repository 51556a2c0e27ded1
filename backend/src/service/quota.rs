//! What an app reserves of its tenant's quota.

use crate::store::apps::WantedApp;
use berth_domain::{
    quantity::Resources,
    quota::{Quota, QuotaExceeded, Usage},
};

/// What `app` needs: itself, and its wanted instances. `others` are the sizes of releases that a rollout goes from and to:
/// of each quantity the largest is reserved, so that a take-back never finds its room given to somebody else. A stopped
/// app reserves no instances.
pub fn needed(app: &WantedApp, others: &[Resources]) -> Usage {
    let each = others.iter().fold(app.spec.resources(), |most, other| Resources {
        cpu_milli: most.cpu_milli.max(other.cpu_milli),
        memory_mib: most.memory_mib.max(other.memory_mib),
    });
    Usage { apps: 1, ..Usage::of_instances(each, app.wanted()) }
}

/// What a tenant uses, would use and may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaPreview {
    /// What it uses now.
    pub before: Usage,
    /// What it would use.
    pub after: Usage,
    /// What it may use.
    pub quota: Quota,
    /// Which bounds would be passed.
    pub exceeded: Vec<QuotaExceeded>,
}
