//! Whether a desired set is taken. Pure.
//!
//! A restored old backup, an empty database or a second server must not stop a single container: older sets are
//! refused, and an empty one counts only when it says that the node shall be drained.

use crate::{
    ledger::Generation,
    wanted::{Wanted, WantedSet},
};
use berth_proto::fleet::DesiredSet;

/// A set that is taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Accepted {
    /// Its place in the order of sets.
    pub generation: Generation,
    /// What shall run.
    pub wanted: WantedSet,
}

/// A set that is not taken. What runs goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Of the set that was refused.
    pub generation: Generation,
    /// A code for the event.
    pub reason: &'static str,
    /// A sentence for the event.
    pub message: String,
}

/// Takes a set or says why not. `seen`: the newest so far; `has_containers`: whether anything of ours is there.
pub fn accept(set: DesiredSet, seen: Generation, has_containers: bool) -> Result<Accepted, Refusal> {
    let generation = Generation { epoch: set.epoch, generation: set.generation };
    let refuse = |reason, message: String| Err(Refusal { generation, reason, message });
    if generation < seen {
        return refuse(
            "refused_old_generation",
            format!(
                "Refused the desired set {}.{}: {}.{} was seen already.",
                generation.epoch, generation.generation, seen.epoch, seen.generation
            ),
        );
    }
    if set.instances.is_empty() && !set.drain && has_containers {
        return refuse(
            "refused_empty_set",
            "Refused an empty desired set: it does not say that this node is drained, and containers are here.".into(),
        );
    }
    let mut wanted = WantedSet::new();
    for instance in set.instances {
        let name = instance.name.clone();
        match Wanted::from_wire(instance) {
            Ok(instance) => drop(wanted.insert(instance.instance, instance)),
            // Left out, its container would be stopped as unwanted.
            Err(why) => {
                return refuse("refused_unreadable_set", format!("Refused a desired set: instance “{name}”: {why}."));
            }
        }
    }
    Ok(Accepted { generation, wanted })
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_proto::fleet;

    fn set(epoch: u64, generation: u64) -> DesiredSet {
        DesiredSet { epoch, generation, ..Default::default() }
    }

    #[test]
    fn sets_only_go_forward() {
        let seen = Generation { epoch: 2, generation: 5 };
        for (epoch, generation, taken) in [(2, 5, true), (2, 6, true), (3, 0, true), (2, 4, false), (1, 99, false)] {
            let accepted = accept(set(epoch, generation), seen, false);
            assert_eq!(accepted.is_ok(), taken, "{epoch}.{generation}");
        }
        let refused = accept(set(1, 1), seen, false).expect_err("old");
        assert_eq!(refused.reason, "refused_old_generation");
    }

    #[test]
    fn an_empty_set_needs_a_drain_to_stop_anything() {
        let refused = accept(set(1, 1), Generation::default(), true).expect_err("empty");
        assert_eq!(refused.reason, "refused_empty_set");
        assert!(accept(DesiredSet { drain: true, ..set(1, 1) }, Generation::default(), true).is_ok());
        assert!(accept(set(1, 1), Generation::default(), false).is_ok());
    }

    #[test]
    fn a_set_with_an_unreadable_instance_is_refused_whole() {
        let instance = fleet::DesiredInstance { instance_id: vec![1], name: "web-1-1".into(), ..Default::default() };
        let bad = DesiredSet { instances: vec![instance], ..set(1, 1) };
        assert_eq!(accept(bad, Generation::default(), true).expect_err("bad").reason, "refused_unreadable_set");
    }
}
