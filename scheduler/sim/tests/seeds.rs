//! The simulator over seeds: production code holds, replays are exact, and every bug put in on purpose is found.

use berth_scheduler_sim::{Sabotage, Summary, run};

/// Enough to meet every kind of event often; `berth-sim --seeds N` runs more.
const SEEDS: u64 = 200;

#[test]
fn no_seed_fails_and_every_kind_of_event_happens() {
    let mut sum = Summary::default();
    for seed in 0..SEEDS {
        let one = run(seed, Sabotage::None).unwrap_or_else(|failure| panic!("{failure}"));
        sum.stale_plans += one.stale_plans;
        sum.stale_sets += one.stale_sets;
        sum.succeeded += one.succeeded;
        sum.taken_back += one.taken_back;
        sum.given_up += one.given_up;
        sum.lost += one.lost;
        sum.drained += one.drained;
        sum.elections += one.elections;
    }
    let counts = [
        sum.stale_plans,
        sum.stale_sets,
        sum.succeeded,
        sum.taken_back,
        sum.given_up,
        sum.lost,
        sum.drained,
        sum.elections,
    ];
    assert!(counts.iter().all(|count| *count >= SEEDS / 10), "something hardly happens: {sum:?}");
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in 0..20 {
        assert_eq!(run(seed, Sabotage::None), run(seed, Sabotage::None));
    }
    let fails = |seed| run(seed, Sabotage::PlannerIgnoresUse).err();
    let failure = (0..SEEDS).find_map(fails).expect("a failure");
    assert!(!failure.history.is_empty());
    assert_eq!(fails(failure.seed), Some(failure));
}

#[test]
fn every_sabotage_is_caught() {
    for sabotage in Sabotage::ALL {
        let failure = (0..SEEDS).find_map(|seed| run(seed, sabotage).err());
        let failure = failure.unwrap_or_else(|| panic!("{sabotage:?} was not noticed in {SEEDS} seeds"));
        let expected: &[&str] = match sabotage {
            Sabotage::None => &[],
            Sabotage::AgentIgnoresGenerations => &["went back"],
            Sabotage::AgentDoesNotAdopt => &["twice"],
            Sabotage::PlannerIgnoresUse => &["than it has", "over-committed"],
            Sabotage::CommitIgnoresBase => &["like another", "than it has", "two holders"],
            Sabotage::ForgetsStopping => &["after it was seen gone", "over-committed", "two holders"],
            Sabotage::SendsOnce => &["not at rest"],
            Sabotage::StopsOldFirst => &["its rollout left"],
            Sabotage::StartsAllAtOnce => &["instances are assigned, more than"],
            Sabotage::CompletesEarly => &["a rollout ended with"],
            Sabotage::KeepsFailedRelease => &["was taken back and is at"],
        };
        assert!(expected.iter().any(|words| failure.what.contains(words)), "{sabotage:?}: {failure}");
    }
}
