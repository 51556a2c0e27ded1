//! What holds for every plan.

use crate::{
    cluster::{all_apps, any_apps, any_snapshot, fresh_ids},
    oracle::{after, could_take, eligible, holders, is_drained, live, used},
    reference::reference,
};
use berth_domain::{lifecycle::InstancePhase, node::NodeState};
use berth_scheduler_core::{
    apply::apply,
    plan::{CANDIDATES_MAX, plan},
    snapshot::{Node, Placed},
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_is_what_brute_force_finds(snapshot in any_snapshot(), dirty in any_apps()) {
        let mut plan = plan(&snapshot, &dirty);
        plan.stops.sort_by_key(|stop| stop.instance);
        prop_assert_eq!(plan, reference(&snapshot, &dirty));
    }

    #[test]
    fn a_node_that_gets_work_is_eligible_and_not_over_committed(snapshot in any_snapshot(), dirty in any_apps()) {
        let plan = plan(&snapshot, &dirty);
        let after = after(&snapshot, &plan);
        for start in &plan.starts {
            prop_assert!(eligible(&snapshot, start.node, &snapshot.releases[&start.release]));
            prop_assert!(used(&after, start.node).fits(snapshot.nodes[&start.node].capacity));
        }
    }

    #[test]
    fn a_host_port_that_is_given_has_one_holder(snapshot in any_snapshot()) {
        let plan = plan(&snapshot, &all_apps());
        let after = after(&snapshot, &plan);
        for start in &plan.starts {
            for port in &snapshot.releases[&start.release].host_ports {
                let held = holders(&after, start.node).filter(|(_, demand)| demand.host_ports.contains(port)).count();
                prop_assert_eq!(held, 1);
            }
        }
    }

    #[test]
    fn the_same_plan_again_changes_nothing(snapshot in any_snapshot(), dirty in any_apps()) {
        let first = plan(&snapshot, &dirty);
        let second = plan(&after(&snapshot, &first), &dirty);
        prop_assert_eq!(second.starts, vec![]);
        prop_assert_eq!(second.stops, vec![]);
        prop_assert_eq!(second.refusals, first.refusals);
    }

    #[test]
    fn neither_order_nor_repetition_of_dirty_apps_matters(snapshot in any_snapshot(), dirty in any_apps()) {
        let mut other = dirty.clone();
        other.reverse();
        other.extend(&dirty);
        let one = serde_json::to_string(&plan(&snapshot, &dirty)).expect("a plan serialises");
        prop_assert_eq!(one, serde_json::to_string(&plan(&snapshot, &other)).expect("a plan serialises"));
    }

    #[test]
    fn only_dirty_apps_are_touched(snapshot in any_snapshot(), dirty in any_apps()) {
        let plan = plan(&snapshot, &dirty);
        prop_assert!(plan.starts.iter().all(|start| dirty.contains(&start.app)));
        prop_assert!(plan.stops.iter().all(|stop| dirty.contains(&snapshot.instances[&stop.instance].app)));
        prop_assert!(plan.stops.iter().all(|stop| !snapshot.instances[&stop.instance].stopping));
    }

    #[test]
    fn a_refusal_is_true_and_names_every_node(snapshot in any_snapshot()) {
        let plan = plan(&snapshot, &all_apps());
        let after = after(&snapshot, &plan);
        for refusal in &plan.refusals {
            let demand = &snapshot.releases[&refusal.release];
            prop_assert!(snapshot.nodes.keys().all(|node| !could_take(&after, *node, demand)));
            prop_assert!(refusal.nodes.keys().eq(snapshot.nodes.keys()));
        }
    }

    #[test]
    fn every_target_is_met_or_refused(snapshot in any_snapshot()) {
        let plan = plan(&snapshot, &all_apps());
        let after = after(&snapshot, &plan);
        for (app, releases) in &snapshot.targets {
            for (release, target) in releases {
                let of = |placed: &&Placed| placed.release == *release && !placed.outdated;
                let staying = live(&after).filter(of).filter(|placed| !is_drained(&after, placed)).count();
                let refused = plan.refusals.iter().filter(|refusal| refusal.release == *release).count();
                prop_assert_eq!(staying + refused, *target as usize);
            }
            let outdated = live(&after).filter(|placed| placed.app == *app && placed.outdated).count();
            prop_assert!(outdated <= snapshot.outdated_allowed[app] as usize);
        }
        let wanted: BTreeSet<_> = snapshot.targets.values().flatten().map(|(release, _)| *release).collect();
        prop_assert!(live(&after).all(|placed| placed.outdated || wanted.contains(&placed.release)));
    }

    #[test]
    fn what_was_ready_stays_ready_up_to_the_target(snapshot in any_snapshot()) {
        let after = after(&snapshot, &plan(&snapshot, &all_apps()));
        let ready = |of: &_| {
            let mut ready = BTreeMap::<_, u32>::new();
            for placed in live(of).filter(|placed| placed.phase == InstancePhase::Ready && !placed.outdated) {
                *ready.entry(placed.release).or_default() += 1;
            }
            ready
        };
        let now = ready(&after);
        for (release, before) in ready(&snapshot) {
            let app = snapshot.releases[&release].app;
            let target = snapshot.targets.get(&app).and_then(|releases| releases.get(&release)).copied().unwrap_or(0);
            prop_assert!(now.get(&release).copied().unwrap_or(0) >= before.min(target));
        }
    }

    #[test]
    fn numbers_are_the_lowest_that_are_free(snapshot in any_snapshot()) {
        let plan = plan(&snapshot, &all_apps());
        for start in &plan.starts {
            let siblings = snapshot.instances.values().filter(|placed| placed.release == start.release);
            let held: BTreeSet<_> = siblings.map(|placed| placed.number).collect();
            prop_assert!(!held.contains(&start.number));
            let others = plan.starts.iter().filter(|other| other.release == start.release);
            let given: BTreeSet<_> = others.map(|other| other.number).collect();
            prop_assert!((1..start.number).all(|number| held.contains(&number) || given.contains(&number)));
        }
    }

    #[test]
    fn an_explanation_accounts_for_every_node(snapshot in any_snapshot()) {
        for start in plan(&snapshot, &all_apps()).starts {
            let explanation = &start.explanation;
            prop_assert_eq!(explanation.candidates[0].node, start.node);
            prop_assert!(explanation.candidates.is_sorted_by_key(|candidate| candidate.score));
            prop_assert_eq!(explanation.candidates.len(), CANDIDATES_MAX.min(explanation.feasible as usize));
            let refused: u32 = explanation.refused.values().sum();
            prop_assert_eq!((refused + explanation.feasible) as usize, snapshot.nodes.len());
        }
    }

    /// Agents that do what they are told, and nodes that stay as they are: a few rounds settle everything, and a
    /// drained node that is heard keeps only what has no place elsewhere.
    #[test]
    fn rounds_of_planning_end_and_empty_drained_nodes(mut snapshot in any_snapshot()) {
        for placed in snapshot.instances.values_mut() {
            placed.outdated = false;
        }
        let mut rounds = 0;
        let last = loop {
            let plan = plan(&snapshot, &all_apps());
            let ids = fresh_ids(&snapshot);
            apply(&mut snapshot, &plan, ids);
            let is_ready = |node: &Node| node.state == NodeState::Ready;
            let works = |placed: &Placed| snapshot.nodes.get(&placed.node).is_some_and(is_ready);
            let mut instances = snapshot.instances.clone();
            instances.retain(|_, placed| !(placed.stopping && works(placed)));
            for placed in instances.values_mut().filter(|placed| works(placed)) {
                placed.phase = InstancePhase::Ready;
            }
            if instances == snapshot.instances {
                break plan;
            }
            snapshot.instances = instances;
            rounds += 1;
            prop_assert!(rounds < 10);
        };
        let refused: BTreeSet<_> = last.refusals.iter().map(|refusal| refusal.release).collect();
        for placed in live(&snapshot).filter(|placed| is_drained(&snapshot, placed)) {
            // It waits for a replacement on a node that is not heard.
            let unheard = |other: &&Placed| snapshot.nodes[&other.node].state != NodeState::Ready;
            let siblings = live(&snapshot).filter(|other| other.release == placed.release);
            let gated = siblings.filter(|other| !is_drained(&snapshot, other)).any(|other| unheard(&other));
            prop_assert!(refused.contains(&placed.release) || gated);
        }
    }
}
