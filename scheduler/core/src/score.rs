//! How good a feasible node is. The order of the reasons is the order of [`Score`]'s fields.

use crate::{index::NodeUse, plan::Score, snapshot::Demand};
use berth_domain::{app::PlacementStrategy, id::NodeId};

/// Scores a node that passed [`crate::feasible::check`].
pub(crate) fn score(id: NodeId, on: &NodeUse<'_>, demand: &Demand) -> Score {
    let used = on.used + demand.resources;
    let capacity = on.node.capacity;
    let cpu = permille(used.cpu_milli.0, capacity.cpu_milli.0);
    let memory = permille(used.memory_mib.0, capacity.memory_mib.0);
    let (same_app, fill_permille) = match demand.strategy {
        PlacementStrategy::Spread => (on.same_app(demand.app), cpu.max(memory)),
        // The larger free share belongs to the kind that is used least.
        PlacementStrategy::Pack => (0, PERMILLE - cpu.min(memory)),
    };
    Score { same_app, image_missing: u32::from(!on.node.images.contains(&demand.image)), fill_permille, node: id }
}

/// The whole, in thousandths.
const PERMILLE: u32 = 1000;

/// `used` of `capacity` in thousandths, rounded down; all of it when there is no capacity.
fn permille(used: u64, capacity: u64) -> u32 {
    let share = (u128::from(used) * u128::from(PERMILLE)).checked_div(u128::from(capacity));
    share.map_or(PERMILLE, |share| u32::try_from(share).unwrap_or(PERMILLE).min(PERMILLE))
}
