//! Carries a plan out on a snapshot, as the store does with rows: for the simulator, tests and the console's preview.

use crate::{
    plan::Plan,
    snapshot::{Placed, Snapshot},
};
use berth_domain::{id::InstanceId, lifecycle::InstancePhase};

/// Makes the plan's changes. New instances are waiting, stopped ones are stopping until an agent saw them gone.
/// The version grows when anything changed.
pub fn apply(snapshot: &mut Snapshot, plan: &Plan, mut next_id: impl FnMut() -> InstanceId) {
    for stop in &plan.stops {
        if let Some(placed) = snapshot.instances.get_mut(&stop.instance) {
            placed.stopping = true;
        }
    }
    for start in &plan.starts {
        let placed = Placed {
            app: start.app,
            release: start.release,
            node: start.node,
            number: start.number,
            stopping: false,
            phase: InstancePhase::Waiting,
            outdated: false,
        };
        snapshot.instances.insert(next_id(), placed);
    }
    if !(plan.starts.is_empty() && plan.stops.is_empty()) {
        snapshot.version += 1;
    }
}
