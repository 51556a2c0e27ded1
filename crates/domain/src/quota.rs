//! What a tenant may use, and the rule that decides.

use crate::quantity::{Mebibytes, MilliCpu, Resources};
use serde::{Deserialize, Serialize};

/// Upper bounds for a tenant. Stopped apps count as apps, not as instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// Thousandths of a core, over all wanted instances.
    pub cpu_milli: MilliCpu,
    /// MiB of memory, over all wanted instances.
    pub memory_mib: Mebibytes,
    /// Wanted instances.
    pub instances: u32,
    /// Apps, running or not.
    pub apps: u32,
}

/// What a tenant has reserved, in the same shape as its quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Usage {
    /// Thousandths of a core.
    pub cpu_milli: MilliCpu,
    /// MiB of memory.
    pub memory_mib: Mebibytes,
    /// Wanted instances.
    pub instances: u32,
    /// Apps.
    pub apps: u32,
}

/// Which bound was hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum QuotaKind {
    /// Thousandths of a core.
    CpuMilli,
    /// MiB of memory.
    MemoryMib,
    /// Instances.
    Instances,
    /// Apps.
    Apps,
}

/// One bound that a change would pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct QuotaExceeded {
    /// Which bound.
    pub kind: QuotaKind,
    /// What would be used.
    pub wanted: u64,
    /// What may be used.
    pub limit: u64,
}

impl Usage {
    /// What `replicas` instances of `each` reserve, without the app itself.
    pub const fn of_instances(each: Resources, replicas: u32) -> Self {
        let all = each.times(replicas as u64);
        Self { cpu_milli: all.cpu_milli, memory_mib: all.memory_mib, instances: replicas, apps: 0 }
    }
    /// The rule: everything that would pass `quota`. Empty when it fits.
    pub fn exceeds(self, quota: Quota) -> Vec<QuotaExceeded> {
        [
            (QuotaKind::CpuMilli, self.cpu_milli.0, quota.cpu_milli.0),
            (QuotaKind::MemoryMib, self.memory_mib.0, quota.memory_mib.0),
            (QuotaKind::Instances, self.instances.into(), quota.instances.into()),
            (QuotaKind::Apps, self.apps.into(), quota.apps.into()),
        ]
        .into_iter()
        .filter(|(_, wanted, limit)| wanted > limit)
        .map(|(kind, wanted, limit)| QuotaExceeded { kind, wanted, limit })
        .collect()
    }
}
