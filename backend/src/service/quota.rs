//! What an app reserves of its tenant's quota.

use berth_domain::{
    app::AppSpec,
    quantity::Resources,
    quota::{Quota, QuotaExceeded, Usage},
};

/// What an app with `wanted` instances of `spec` needs: itself, and the instances. `others` are the sizes of releases that
/// a rollout goes from and to: of each quantity the largest is reserved, so that a take-back never finds its room given to
/// somebody else. A stopped app wants no instance and reserves none.
pub fn needed(spec: &AppSpec, wanted: u32, others: &[Resources]) -> Usage {
    let each = others.iter().fold(spec.resources(), |most, other| Resources {
        cpu_milli: most.cpu_milli.max(other.cpu_milli),
        memory_mib: most.memory_mib.max(other.memory_mib),
    });
    Usage { apps: 1, ..Usage::of_instances(each, wanted) }
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

#[cfg(test)]
mod tests {
    use super::*;
    use berth_domain::app::AppSpecInput;

    #[test]
    fn room_for_the_way_back_is_reserved_and_a_stopped_app_reserves_itself() {
        let mut input = AppSpecInput::new("nginx");
        input.resources = Resources::new(100, 512);
        let spec = input.parse().expect("valid");
        let need = needed(&spec, 3, &[Resources::new(200, 256)]);
        assert_eq!(need, Usage { apps: 1, ..Usage::of_instances(Resources::new(200, 512), 3) });
        assert_eq!(needed(&spec, 0, &[]), Usage { apps: 1, ..Usage::default() });
    }
}
